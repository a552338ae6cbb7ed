//! `quorate`: see `quorate --help`. Everything is in the library.

use std::process::ExitCode;

/// Gives memory back after a burst: glibc's arenas keep what hashing and rendering took once, 19 MiB a password.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quorate_server::cli::run()
}
