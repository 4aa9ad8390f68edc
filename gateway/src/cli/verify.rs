//! `tillgate verify`: is the journal whole?

use std::io::Write;

use clap::Args;

use super::{ConfigFile, exit};
use crate::clock::{Clock, SystemClock};
use crate::run::present;
use crate::store;

/// Proves the journal whole: computes the hash of every capture again, follows the sequence of the records and compares
/// with the high-water mark. What was lost earlier and is known to be lost is listed, too.
///
/// Reads everything, so it takes its time on a slow disk; the gateway goes on meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate verify
  tillgate verify --json
  systemctl stop tillgate && tillgate verify --recover && systemctl start tillgate

Exit codes: 0 the journal is whole, 1 it is not, or it could not be read.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Where the journal is not whole, recover what can be read. The gateway must be stopped.
    ///
    /// A fresh journal is filled with all rows that hold and takes the place of the damaged one, which is set
    /// aside, never deleted. A start of the gateway does the same for what was not delivered yet.
    #[arg(long)]
    recover: bool,
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let loaded = args.config.load()?;
    let data_dir = &loaded.config.gateway.data_dir;
    // Tells a journal that is not there from one that this user may not see.
    present(data_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = if args.recover {
        runtime.block_on(store::mend(data_dir, SystemClock.now().as_microsecond()))?
    } else {
        runtime.block_on(store::verify(data_dir))?
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        let verdict =
            if report.whole { "the journal is whole" } else { "the journal is NOT whole" };
        writeln!(
            out,
            "{verdict}: {} captures and {} records read",
            report.captures, report.records
        )?;
        writeln!(
            out,
            "the newest record is {} in the outbox, of incarnation {}",
            report.sequence_assigned, report.incarnation
        )?;
        for loss in &report.losses {
            writeln!(out, "lost before, noticed at {}: {}", loss.noticed_at, loss.words())?;
        }
        for problem in &report.problems {
            writeln!(out, "{problem}")?;
        }
        if report.problems_left_out > 0 {
            writeln!(out, "and {} more problems", report.problems_left_out)?;
        }
        if !report.whole && !args.recover {
            writeln!(
                out,
                "stop the gateway, and recover what can be read with `tillgate verify --recover`"
            )?;
        }
    }
    Ok(if report.whole { exit::FINE } else { exit::FAILURE })
}
