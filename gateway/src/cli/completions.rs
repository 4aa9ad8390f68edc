//! `tillgate completions` and `tillgate man`: made of the same definition as the help.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, exit};

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate completions bash > /etc/bash_completion.d/tillgate
  tillgate completions zsh > /usr/local/share/zsh/site-functions/_tillgate")]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the manual page.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tillgate man > /usr/local/share/man/man1/tillgate.1")]
pub(super) struct ManArgs {}

pub(super) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    // Rendered first: the generator panics where its writer fails, as a closed pipe does.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tillgate", &mut text);
    out.write_all(&text)?;
    Ok(exit::FINE)
}

pub(super) fn man(_: &ManArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    clap_mangen::Man::new(Cli::command()).render(out)?;
    Ok(exit::FINE)
}
