//! The program `tillgate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tillgate::cli::harden();
    ExitCode::from(tillgate::cli::main(std::env::args_os()))
}
