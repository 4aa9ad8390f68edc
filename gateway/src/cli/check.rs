//! `tillgate check`: is the configuration right?

use std::io::Write;

use clap::Args;

use super::{ConfigFile, exit};
use crate::config::Config;

/// Proves the configuration: file, line, column, key, what is wrong, and the nearest known key.
///
/// Starts nothing, opens no device, writes no file, needs no broker and no network: it can run beside the
/// daemon, as any user that may read the file. For live checks see `tillgate doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate check --config /etc/tillgate/tillgate.toml
  tillgate check --deny-warnings && systemctl reload tillgate

Exit codes: 0 the file can be used, 78 it cannot.")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Treat warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    std::io::stderr().write_all(loaded.warnings.to_string().as_bytes())?;
    if args.deny_warnings && !loaded.warnings.list.is_empty() {
        return Ok(exit::CONFIG);
    }
    writeln!(out, "{} is fine: {}", args.config.path.display(), summary(&loaded.config))?;
    Ok(exit::FINE)
}

fn summary(config: &Config) -> String {
    let counts = [
        (config.lanes.len(), "lane"),
        (config.terminals.len(), "terminal"),
        (config.devices.len(), "device"),
        (config.partners.len(), "partner"),
        (config.viewers.len(), "viewer"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .map(|(count, noun)| format!("{count} {noun}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    parts.join(", ")
}
