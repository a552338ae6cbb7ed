//! `quorate`: see `quorate --help`. Everything is in the library.

use std::process::ExitCode;

/// Gives memory back after a burst: glibc's arenas keep what hashing and rendering took once, 19 MiB a password. How soon
/// is set where it is compiled (`.cargo/config.toml`).
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    quorate_server::cli::run()
}
