//! `tillgate doctor`: live checks of everything around the gateway, each with a hint.
//!
//! In: the configuration and the machine. Out: one check a line, grouped. Never: a change of anything, but for one
//! small file in the data directory that is written, synced and removed to measure the disk.

mod broker;
mod certificate;
mod daemon;
mod machine;
mod secrets;

use std::fmt::Write as _;
use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::style::{Colour, Style, harmless};
use super::{ConfigFile, exit};
use crate::clock::SystemClock;
use crate::config::Loaded;

/// Checks everything around the gateway, live: configuration, disk, clock, devices, broker, certificates, secrets,
/// backlog.
///
/// Every check has a stable name and, where something is wrong, says what to do. Run it as root or as the
/// daemon's user. For a check of the configuration that touches nothing see `tillgate check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate doctor
  tillgate doctor --short
  tillgate doctor --json | jq 'select(.outcome == \"fail\")'

Exit codes: 0 nothing failed (there may be warnings), 1 something failed.")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object a check.
    #[arg(long)]
    json: bool,
    /// Print only what is not right.
    #[arg(long, conflicts_with = "json")]
    short: bool,
}

/// One check and what came out.
#[derive(Debug, Clone, Serialize)]
struct Check {
    /// Stable: group and name.
    id: &'static str,
    /// Which file, device or host, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    outcome: Outcome,
    /// What was found.
    found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warn,
    Fail,
}

impl Check {
    fn ok(id: &'static str, found: impl Into<String>) -> Self {
        Self { id, subject: None, outcome: Outcome::Ok, found: found.into(), hint: None }
    }

    fn warn(id: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warn, hint: Some(hint.into()), ..Self::ok(id, found) }
    }

    fn fail(id: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, ..Self::warn(id, found, hint) }
    }

    fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

pub(super) fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let checks = match args.config.load() {
        Ok(loaded) => all(&loaded)?,
        // The words name the file themselves.
        Err(errors) => vec![Check::fail(
            "config.valid",
            errors.to_string().trim_end(),
            "put the file right, and prove it with `tillgate check`",
        )],
    };
    if args.json {
        for check in &checks {
            writeln!(out, "{}", serde_json::to_string(check)?)?;
        }
    } else {
        write!(out, "{}", text(&checks, args.short, Style::of_stdout()))?;
    }
    let failed = checks.iter().any(|check| check.outcome == Outcome::Fail);
    Ok(if failed { exit::FAILURE } else { exit::FINE })
}

fn all(loaded: &Loaded) -> anyhow::Result<Vec<Check>> {
    let config = &loaded.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let daemon = daemon::Daemon::ask(config);
    let mut checks = vec![configuration(loaded)];
    checks.extend(machine::data_dir(config));
    checks.extend(runtime.block_on(machine::clock(&SystemClock)));
    checks.extend(daemon::devices(config, &daemon));
    checks.extend(runtime.block_on(broker::checks(config, &SystemClock)));
    checks.extend(certificate::checks(config, &SystemClock));
    checks.extend(secrets::checks(config));
    checks.extend(daemon.checks());
    Ok(checks)
}

fn configuration(loaded: &Loaded) -> Check {
    if loaded.warnings.list.is_empty() {
        let file = loaded.warnings.file.display().to_string();
        return Check::ok("config.valid", format!("version {}", loaded.config.version)).of(file);
    }
    let found = loaded.warnings.to_string();
    Check::warn("config.valid", found.trim_end(), "see `tillgate check`")
}

fn text(checks: &[Check], short: bool, style: Style) -> String {
    let mut text = String::new();
    let mut group = "";
    let shown = checks.iter().filter(|check| !short || check.outcome != Outcome::Ok);
    for check in shown {
        let name = check.id.split('.').next().unwrap_or_default();
        if name != group && !short {
            let _ = writeln!(text, "{name}");
        }
        group = name;
        let symbol = match check.outcome {
            Outcome::Ok => style.paint(Colour::Green, '\u{2713}'),
            Outcome::Warn => style.paint(Colour::Yellow, '!'),
            Outcome::Fail => style.paint(Colour::Red, '\u{2717}'),
        };
        let subject = check.subject.as_ref().map(|s| format!("{}: ", harmless(s)));
        let found = harmless(&check.found).replace('\n', "\n      ");
        let _ =
            writeln!(text, "  {symbol} {:<24} {}{found}", check.id, subject.unwrap_or_default());
        if let Some(hint) = &check.hint {
            let _ = writeln!(text, "      {}", harmless(hint));
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let (ok, warn, fail) = (count(Outcome::Ok), count(Outcome::Warn), count(Outcome::Fail));
    let _ = writeln!(text, "{ok} fine, {warn} warnings, {fail} failed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_grouped_and_short_leaves_out_what_is_fine() {
        let checks = [
            Check::ok("data_dir.exists", "there").of("/d"),
            Check::warn("data_dir.space", "1 MiB free", "make room"),
            Check::fail("broker.reachable", "refused", "is it on?"),
        ];
        assert_eq!(
            text(&checks, false, Style::plain()),
            "data_dir\n  \u{2713} data_dir.exists          /d: there\n  \
             ! data_dir.space           1 MiB free\n      make room\n\
             broker\n  \u{2717} broker.reachable         refused\n      is it on?\n\
             1 fine, 1 warnings, 1 failed\n"
        );
        let short = text(&checks, true, Style::plain());
        assert!(!short.contains("exists") && short.contains("make room"), "{short}");
    }
}
