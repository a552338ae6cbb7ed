//! `quorate`: see `quorate --help`. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    quorate_server::cli::run()
}
