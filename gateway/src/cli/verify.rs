//! `tillgate verify`: is the journal whole?

use std::io::Write;

use clap::Args;

use super::ask::{ask, unexpected};
use super::{ConfigFile, exit};
use crate::control::{Request, Response};

/// Proves the journal whole: computes the hash of every capture again and follows the sequence of the records.
///
/// Reads everything, so it takes its time on a slow disk; the gateway goes on meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate verify
  tillgate verify --json

Exit codes: 0 the journal is whole, 1 it is not, or it could not be read.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let verified = match ask(&args.config, &Request::Verify)? {
        Response::Verified(verified) => verified,
        other => return Err(unexpected(&other)),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&verified)?)?;
    } else {
        writeln!(out, "{} captures and {} records read", verified.captures, verified.records)?;
        for problem in &verified.problems {
            writeln!(out, "{problem}")?;
        }
    }
    Ok(if verified.problems.is_empty() { exit::FINE } else { exit::FAILURE })
}
