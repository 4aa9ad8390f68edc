//! The program `tillgate`: every command is a file in [`tillgate::cli`]. `tillgate run` leads to [`tillgate::run`],
//! which puts the parts together, and the way of the data is [`tillgate::pipeline`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tillgate::cli::harden();
    ExitCode::from(tillgate::cli::main(std::env::args_os()))
}
