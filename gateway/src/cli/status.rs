//! `tillgate status`: what the running daemon is doing.

use std::io::Write;

use clap::Args;

use super::ask::{ask, unexpected};
use super::style::{Colour, Style, harmless};
use super::{ConfigFile, exit};
use crate::control::{GatewayName, Request, Response, Status};
use crate::telemetry::board::{BrokerState, SourceState};

/// Shows what the running daemon is doing: sources, backlog, broker, quarantine, disk.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate status
  tillgate status --json | jq .outbox.records

Exit codes: 0 the daemon runs, 1 it does not.")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON, the same as `GET /v1/status`.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let status = match ask(&args.config, &Request::Status)? {
        Response::Status(status) => status,
        other => return Err(unexpected(&other)),
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&status)?)?;
    } else {
        write!(out, "{}", text(&status, Style::of_stdout()))?;
    }
    Ok(exit::FINE)
}

fn text(status: &Status, style: Style) -> String {
    let GatewayName { org, store, id } = &status.gateway;
    let mut lines = vec![
        format!("tillgate {} as {org}/{store}/{id}, since {}", status.version, status.started_at),
        broker(&status.broker, style),
        backlog(status),
        format!("quarantine  {}", quarantine(status.quarantine, style)),
        format!("disk        {} of {} MiB", status.disk.used >> 20, status.disk.budget >> 20),
    ];
    if !status.sources.is_empty() {
        lines.push(String::from("\nsources"));
    }
    lines.extend(status.sources.iter().map(|state| source(state, style)));
    lines.push(String::new());
    lines.join("\n")
}

fn broker(broker: &BrokerState, style: Style) -> String {
    let BrokerState { connected, url, problem, reconnects, .. } = broker;
    if *connected {
        let connected = style.paint(Colour::Green, "connected");
        return format!("broker      {connected} to {url}, {reconnects} reconnects");
    }
    let away = style.paint(Colour::Red, "away");
    let problem = harmless(problem.as_deref().unwrap_or("connecting"));
    format!("broker      {away}: {url}: {problem}")
}

fn backlog(status: &Status) -> String {
    let outbox = &status.outbox;
    let oldest = outbox
        .oldest_seconds
        .map(|seconds| format!(", the oldest for {seconds:.0} s"))
        .unwrap_or_default();
    format!(
        "outbox      {} records wait{oldest}; {} of {} acknowledged",
        outbox.backlog, outbox.acknowledged, outbox.assigned
    )
}

fn quarantine(entries: u64, style: Style) -> String {
    match entries {
        0 => "empty".to_owned(),
        entries => {
            let waiting = style.paint(Colour::Yellow, format!("{entries} entries wait"));
            format!("{waiting}: see `tillgate quarantine list`")
        }
    }
}

fn source(state: &SourceState, style: Style) -> String {
    let SourceState { id, connected, detail, captures, quarantined, .. } = state;
    let (colour, word) = if *connected { (Colour::Green, "ready") } else { (Colour::Red, "away ") };
    let word = style.paint(colour, word);
    let counts = format!("{captures} taken, {quarantined} in quarantine");
    format!("  {id:<16} {word}  {counts}  {}", harmless(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_words() {
        let status: Status = serde_json::from_str(
            r#"{"version":"0.1.0","gateway":{"org":"acme","store":"0042","id":"gw-1"},
                "started_at":"2026-11-21T10:00:00Z",
                "sources":[{"id":"scanner-3","kind":"device","lane":"3","connected":false,
                  "detail":"no /dev/x","captures":7,"quarantined":1,"last_at":null}],
                "broker":{"connected":false,"url":"mqtts://b:8883","problem":"refused\u001b[2J",
                  "since":null,"next_attempt":null,"reconnects":2},
                "outbox":{"backlog":12,"oldest_seconds":90.4,"assigned":112,"acknowledged":100},
                "quarantine":1,"disk":{"used":4194304,"budget":2147483648}}"#,
        )
        .unwrap();
        assert_eq!(
            text(&status, Style::plain()),
            "tillgate 0.1.0 as acme/0042/gw-1, since 2026-11-21T10:00:00Z\n\
             broker      away: mqtts://b:8883: refused\u{fffd}[2J\n\
             outbox      12 records wait, the oldest for 90 s; 100 of 112 acknowledged\n\
             quarantine  1 entries wait: see `tillgate quarantine list`\n\
             disk        4 of 2048 MiB\n\
             \n\
             sources\n  \
             scanner-3        away   7 taken, 1 in quarantine  no /dev/x\n"
        );
    }
}
