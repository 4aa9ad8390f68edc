//! `tillgate backup`: a copy of the journal, beside the running daemon.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{ConfigFile, exit};
use crate::run::present;
use crate::store;

/// Copies the journal into one file, while the gateway works, and proves the copy whole.
///
/// The file appears under its name only once it is whole; one that was there is replaced. It holds customers' data:
/// only its owner may read it. The keys that `[cards] token_key_file` and the data directory hold are not in it: keep
/// them elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate backup --to /mnt/backup/tillgate.db
  tillgate backup --to /mnt/backup/tillgate.db --json | jq .bytes

Exit codes: 0 the copy is whole, 1 there is none.")]
pub(super) struct BackupArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// The copy; another disk serves better than the same.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &BackupArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    let data_dir = &loaded.config.gateway.data_dir;
    let journal = store::journal_path(data_dir);
    anyhow::ensure!(
        present(&journal)?,
        "there is no journal at {}: has the gateway ever run?",
        journal.display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(store::backup(data_dir, &args.to))?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        writeln!(
            out,
            "{} is whole: {} captures and {} records, {} bytes",
            report.file.display(),
            report.captures,
            report.records,
            report.bytes
        )?;
    }
    Ok(exit::FINE)
}
