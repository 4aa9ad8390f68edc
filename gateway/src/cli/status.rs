//! `tillgate status`: what the running daemon is doing.

use std::io::Write;

use clap::Args;

use super::ask::{ask, unexpected};
use super::style::harmless;
use super::{ConfigFile, exit};
use crate::control::{Request, Response};

/// Shows what the running daemon is doing: sources, backlog, broker, quarantine, disk.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate status
  tillgate status --json | jq .outbox.backlog

Exit codes: 0 the daemon runs, 1 it does not.")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON, the same as `GET /v1/status`.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let status = match ask(&args.config, Request::Status)? {
        Response::Status(status) => status,
        other => return Err(unexpected(&other)),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&status)?)?;
    } else {
        let mut text = String::new();
        status.write_text(&mut text)?;
        for line in text.lines() {
            writeln!(out, "{}", harmless(line))?;
        }
    }
    Ok(exit::FINE)
}
