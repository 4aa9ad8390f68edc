//! `tillgate restore`: a backup takes the place of the journal of a stopped daemon.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{ConfigFile, exit};
use crate::clock::{Clock, SystemClock};
use crate::store;

/// Puts a backup into the place of the journal. The gateway must be stopped.
///
/// The backup is proved whole first. The journal that is there is set aside in the data directory, never deleted. New
/// records get an incarnation of their own, so that no number is given out twice; repeats of what the backup knows are
/// recognised.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  systemctl stop tillgate
  tillgate restore --from /mnt/backup/tillgate.db
  systemctl start tillgate

Exit codes: 0 restored, 1 nothing was changed.")]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RestoreArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    let data_dir = &loaded.config.gateway.data_dir;
    let now_us = SystemClock.now().as_microsecond();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(store::restore(data_dir, &args.from, now_us))?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
        return Ok(exit::FINE);
    }
    writeln!(
        out,
        "restored: {} captures and {} records; new records are of incarnation {}",
        report.captures, report.records, report.incarnation
    )?;
    if let Some(aside) = &report.set_aside {
        writeln!(out, "the journal before is kept as {}", data_dir.join(aside).display())?;
    }
    if !report.missing.is_nothing() {
        writeln!(out, "{}", report.missing.words())?;
    }
    Ok(exit::FINE)
}
