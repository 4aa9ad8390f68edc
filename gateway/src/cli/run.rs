//! `tillgate run`: the daemon.

use std::time::Duration;

use clap::Args;

use super::{ConfigFile, exit};

/// What still runs when everything is closed gets so long.
const EXIT_WAIT: Duration = Duration::from_millis(200);

/// Runs the gateway until it is told to stop.
///
/// SIGTERM and Ctrl-C stop it within five seconds: what was accepted is on disk. SIGHUP reads the configuration
/// again; sources, tokens, limits, the broker and the log level follow at once, the log says what needs a restart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate run --config /etc/tillgate/tillgate.toml
  systemctl reload tillgate          # after a change of the configuration

Exit codes: 0 stopped as told, 1 it could not start or failed, or a file that the configuration names
cannot be used, 78 the configuration cannot be used.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(crate::run::run(&args.config.path, loaded));
    // A name server or a network file system that does not answer must not hold the exit.
    runtime.shutdown_timeout(EXIT_WAIT);
    ended.map(|()| exit::FINE)
}
