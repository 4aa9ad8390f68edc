//! The commands, one file each. Data goes to stdout, words for people to stderr.
//!
//! In: arguments. Out: an [exit code](exit). A closed pipe behind stdout is no error.

mod ask;
mod backup;
mod catalog;
mod check;
mod completions;
mod config_file;
mod customers;
pub mod decode;
#[cfg(feature = "demo-broker")]
mod demo;
pub mod devices;
pub mod doctor;
pub mod edi;
mod harden;
mod import;
mod quarantine;
mod restore;
mod run;
mod status;
mod style;
mod tail;
mod token;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{Parser, Subcommand};

use crate::config::ConfigErrors;
use crate::run::StartError;

pub use config_file::ConfigFile;
pub use harden::harden;

/// What the program's end tells its caller.
pub mod exit {
    /// Fine.
    pub const FINE: u8 = 0;
    /// It failed.
    pub const FAILURE: u8 = 1;
    /// The input has errors.
    pub const INPUT: u8 = 2;
    /// The command line cannot be understood (sysexits: `EX_USAGE`).
    pub const USAGE: u8 = 64;
    /// The configuration cannot be used (sysexits: `EX_CONFIG`).
    pub const CONFIG: u8 = 78;
}

/// Lines of help are not longer, however wide the terminal.
const HELP_CHARS_MAX: usize = 100;

/// The gateway in a store: scanners, card readers, terminals and EDI partners to customer-linked sales
/// records over MQTT.
#[derive(Debug, Parser)]
#[command(
    name = "tillgate",
    bin_name = "tillgate",
    version,
    max_term_width = HELP_CHARS_MAX,
    after_help = "Exit codes: 0 fine, 1 failure, 2 the input has errors, 64 usage, 78 configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo-broker")]
    Demo(demo::DemoArgs),
    Run(run::RunArgs),
    Check(check::CheckArgs),
    Devices(devices::DevicesArgs),
    Tail(tail::TailArgs),
    Status(status::StatusArgs),
    Quarantine(quarantine::QuarantineArgs),
    Edi(edi::EdiArgs),
    Decode(decode::DecodeArgs),
    Customers(customers::CustomersArgs),
    Catalog(catalog::CatalogArgs),
    Verify(verify::VerifyArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Doctor(doctor::DoctorArgs),
    Token(token::TokenArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Runs the command that the arguments name. The answer is the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // Not locked: the demo and `tail` print from other threads.
    let mut out = io::BufWriter::new(io::stdout());
    let ended = dispatch(cli.command, &mut out);
    match ended.and_then(|code| out.flush().map(|()| code).map_err(anyhow::Error::from)) {
        Ok(code) => code,
        Err(error) => explain(&error),
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> anyhow::Result<u8> {
    match command {
        #[cfg(feature = "demo-broker")]
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args, out),
        Command::Devices(args) => devices::run(&args, out),
        Command::Tail(args) => tail::run(&args, out),
        Command::Status(args) => status::run(&args, out),
        Command::Quarantine(args) => quarantine::run(&args, out),
        Command::Edi(args) => run_edi(args),
        Command::Decode(args) => run_decode(args),
        Command::Customers(args) => customers::run(&args, out),
        Command::Catalog(args) => catalog::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Backup(args) => backup::run(&args, out),
        Command::Restore(args) => restore::run(&args, out),
        Command::Doctor(args) => doctor::run(&args, out),
        Command::Token(args) => token::run(&args, out),
        Command::Completions(args) => completions::run(&args, out),
        Command::Man(args) => completions::man(&args, out),
    }
}

fn run_edi(args: edi::EdiArgs) -> anyhow::Result<u8> {
    let loaded = args.config_path().map(crate::config::Config::load).transpose()?;
    let guides = args.guide_paths().iter().map(|path| crate::config::guides::read(path));
    let guides = guides.collect::<Result<Vec<_>, _>>()?;
    Ok(edi::run(args, loaded.as_ref().map(|loaded| loaded.config.as_ref()), &guides))
}

fn run_decode(args: decode::DecodeArgs) -> anyhow::Result<u8> {
    let loaded = args.config_path().map(crate::config::Config::load).transpose()?;
    Ok(decode::run(args, loaded.as_ref().map(|loaded| loaded.config.as_ref())))
}

/// Help and version are asked for and come on stdout; everything else is a mistake.
fn usage(error: &clap::Error) -> u8 {
    // Where nobody reads, nobody misses it.
    let _printed = error.print();
    if error.use_stderr() { exit::USAGE } else { exit::FINE }
}

/// Prints why a command failed: each cause once, the outermost first.
fn explain(error: &anyhow::Error) -> u8 {
    let closed_pipe = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<io::Error>().is_some_and(closed_pipe) {
        return exit::FINE;
    }
    let mut stderr = io::stderr().lock();
    if let Some(errors) = error.downcast_ref::<ConfigErrors>() {
        let _printed = write!(stderr, "{errors}");
        return exit::CONFIG;
    }
    let _printed = writeln!(stderr, "tillgate: {error:#}");
    if error.downcast_ref::<StartError>().is_some_and(StartError::is_configuration) {
        return exit::CONFIG;
    }
    exit::FAILURE
}

#[cfg(test)]
mod tests;
