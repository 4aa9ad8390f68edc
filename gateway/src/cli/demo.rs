//! `tillgate demo`: everything at once, with nothing to install.

use std::time::Duration;

use clap::Args;

use super::exit;
use crate::demo::{self, DemoOptions};

/// Shows the whole gateway at work: a broker, two lanes with scanners and a card reader, a till and an EDI partner, all
/// simulated on this machine, and the records as they come back from the broker.
///
/// Nothing is installed and nothing is kept: it works in a temporary folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate demo
  tillgate demo --for 20 --json | jq .type

Exit codes: 0 it ended as told, 1 it failed.")]
pub(super) struct DemoArgs {
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Port of the status page [default: 8420, or a free one].
    #[arg(long)]
    port: Option<u16>,
    /// Print one JSON event a line instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<u8> {
    let options = DemoOptions {
        run_for: args.seconds.map(Duration::from_secs),
        port: args.port,
        json: args.json,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(demo::run(options));
    // The demo's broker has threads of its own that only end with the process.
    runtime.shutdown_background();
    ended.map(|()| exit::FINE)
}
