//! What the daemon itself says, and the devices that it should have open.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use tillgate_drivers::attached::{self, Roots};

use super::Check;
use crate::config::{Config, Device};
use crate::control::{self, ControlError, Request, Response};
use crate::source::lanes;
use crate::telemetry::status::{OutboxFigures, Status};

/// Delivery that is later than this is worth a look: records should leave within seconds.
const OLDEST_SECONDS_WARN: f64 = 600.0;

/// The daemon's answer, if one runs.
pub(super) struct Daemon(Result<Box<Status>, ControlError>);

impl Daemon {
    pub(super) fn ask(config: &Config) -> Self {
        let answer = control::call(&config.gateway.data_dir, &Request::Status);
        Self(answer.and_then(|response| match response {
            Response::Status(status) => Ok(status),
            other => Err(ControlError::Refused(format!("an answer of another kind: {other:?}"))),
        }))
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        match &self.0 {
            Ok(status) => of_status(status),
            Err(error @ ControlError::NotRunning(_)) => vec![Check::fail(
                "daemon.running",
                error.to_string(),
                "start it with `systemctl start tillgate`; see `journalctl -u tillgate` where it does not stay",
            )],
            Err(error) => vec![Check::fail(
                "daemon.running",
                error.to_string(),
                "run doctor as root or as the daemon's user",
            )],
        }
    }
}

fn of_status(status: &Status) -> Vec<Check> {
    let running = format!("version {} since {}", status.version, status.started_at);
    let running = Check::ok("daemon.running", running);
    [running]
        .into_iter()
        .chain(readiness(status))
        .chain([broker(status), backlog(status), quarantine(status), journal(status)])
        .chain(receipts(status))
        .chain(attention(status))
        .chain(budget(status))
        .collect()
}

/// Why inputs are refused, if they are.
fn readiness(status: &Status) -> Vec<Check> {
    const ID: &str = "daemon.ready";
    let reasons = &status.readiness.reasons;
    let refused = reasons.iter().map(|reason| {
        Check::fail(ID, format!("inputs are refused: {}", reason.message), reason.fix.clone())
    });
    let ready = reasons.is_empty().then(|| Check::ok(ID, "inputs are taken"));
    refused.chain(ready).collect()
}

/// What the daemon warns of and no other check here says.
fn attention(status: &Status) -> impl Iterator<Item = Check> {
    const SAID: [&str; 8] = [
        "loss",
        "broker",
        "backlog-old",
        "receipts-late",
        "quarantine",
        "device",
        "disk-filling",
        "key-days",
    ];
    let unsaid = status.readiness.warnings.iter().filter(|it| !SAID.contains(&it.code.as_str()));
    unsaid.map(|it| {
        Check::warn("daemon.attention", it.message.clone(), it.fix.clone()).of(it.code.clone())
    })
}

fn journal(status: &Status) -> Check {
    const ID: &str = "daemon.journal";
    let losses: Vec<_> =
        status.readiness.warnings.iter().filter(|warning| warning.code == "loss").collect();
    let OutboxFigures { incarnation, sequence, .. } = status.outbox;
    let Some(last) = losses.last() else {
        return Check::ok(
            ID,
            format!(
                "nothing was lost in the last days; record {sequence} of incarnation {incarnation}"
            ),
        );
    };
    let found: Vec<_> = losses.iter().map(|loss| loss.message.as_str()).collect();
    Check::warn(ID, found.join("\n"), last.fix.clone())
}

/// What fills the budget, and whether it has room for what is to be kept.
fn budget(status: &Status) -> Vec<Check> {
    const ID: &str = "daemon.budget";
    let disk = &status.disk;
    let warnings = disk.filled.warnings(disk.used, disk.budget);
    if warnings.is_empty() {
        return vec![Check::ok(ID, disk.filled.filling.to_string())];
    }
    let warned = warnings.into_iter();
    warned.map(|warning| Check::warn(ID, warning.message, warning.fix)).collect()
}

fn broker(status: &Status) -> Check {
    let problem = status.broker.problem.clone();
    if status.broker.connected {
        return match problem {
            None => Check::ok("daemon.broker", "connected"),
            Some(problem) => Check::warn(
                "daemon.broker",
                format!("connected, but {problem}"),
                "records wait on this machine's disk until the broker takes them",
            ),
        };
    }
    let found = problem.unwrap_or_else(|| "not connected".to_owned());
    Check::fail("daemon.broker", found, "records wait on this machine's disk until it is back")
}

fn backlog(status: &Status) -> Check {
    let outbox = &status.outbox;
    let oldest = outbox.oldest_seconds.unwrap_or(0.0);
    let found = format!("{} records wait, the oldest for {oldest:.0} s", outbox.backlog);
    if oldest > OLDEST_SECONDS_WARN {
        Check::warn("daemon.backlog", found, "see the broker's checks above")
    } else {
        Check::ok("daemon.backlog", found)
    }
}

/// Where the CRM is to confirm what it has.
fn receipts(status: &Status) -> Option<Check> {
    const ID: &str = "daemon.receipts";
    const HINT: &str = "is the CRM's receiver up, and does it publish on the topic `receipts`? `tillgate tail --receipts` is one";
    let (outbox, confirmed) = (&status.outbox, status.outbox.confirmed?);
    let waiting = outbox.acknowledged.saturating_sub(confirmed);
    let lag = outbox.receipt_lag_seconds.unwrap_or(0.0);
    let found = format!("{waiting} records wait for the CRM's receipt, the oldest for {lag:.0} s");
    Some(if confirmed == 0 && waiting > 0 {
        Check::warn(ID, format!("no receipt came yet; {found}"), HINT)
    } else if lag > OLDEST_SECONDS_WARN {
        Check::warn(ID, found, HINT)
    } else {
        Check::ok(ID, found)
    })
}

fn quarantine(status: &Status) -> Check {
    match status.quarantine {
        0 => Check::ok("daemon.quarantine", "empty"),
        entries => Check::warn(
            "daemon.quarantine",
            format!("{entries} entries wait for a person"),
            "see `tillgate quarantine list`",
        ),
    }
}

/// A running daemon has the ports open and knows best; without one they are opened for a moment.
pub(super) fn devices(config: &Config, daemon: &Daemon) -> Vec<Check> {
    let of_daemon = |id: &str| {
        let status = daemon.0.as_ref().ok()?;
        status.sources.iter().find(|source| source.id == id)
    };
    let devices = config.devices.iter().map(|device| {
        let check = match of_daemon(&device.id) {
            Some(source) if source.connected => Check::ok("devices.port", source.detail.clone()),
            Some(source) => Check::fail(
                "devices.port",
                source.detail.clone(),
                "see `tillgate devices` for what is attached",
            ),
            None => device_port(device),
        };
        check.of(device.id.clone())
    });
    devices.collect()
}

fn device_port(device: &Device) -> Check {
    let (roots, address) = (Roots::default(), device.address());
    let kind = lanes::kind_of(device.driver);
    match address.locate(&roots, kind) {
        Ok(node) => port(&node),
        Err(problem) => Check::fail(
            "devices.port",
            attached::not_one(&address, kind, problem),
            attached::instead_of(&roots, &address, kind),
        ),
    }
}

fn port(port: &Path) -> Check {
    const ID: &str = "devices.port";
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(port);
    let shown = port.display();
    match opened.and_then(|file| file.metadata()) {
        Ok(metadata) if is_device(&metadata) => Check::ok(ID, format!("{shown} can be opened")),
        Ok(_) => Check::fail(ID, format!("{shown} is no device"), "set [[device]] port"),
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => {
                    "is the device plugged in and on? `tillgate devices` lists what is there"
                }
                io::ErrorKind::PermissionDenied => {
                    "`tillgate devices` shows the group or the udev rule that is missing"
                }
                io::ErrorKind::ResourceBusy => "another program has it open: stop that",
                _ => "unplug the device and plug it in again; try another port or cable",
            };
            Check::fail(ID, format!("{shown}: {error}"), hint)
        }
    }
}

/// A character device, but for the memory devices such as /dev/null.
fn is_device(metadata: &std::fs::Metadata) -> bool {
    const MEMORY_DEVICES: u32 = 1;
    metadata.file_type().is_char_device() && rustix::fs::major(metadata.rdev()) != MEMORY_DEVICES
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use crate::telemetry::status::Condition;

    #[test]
    fn a_broker_that_takes_no_records_is_a_warning() {
        let mut status = crate::telemetry::status::tests::ordinary_day();
        assert_eq!(broker(&status).outcome, Outcome::Ok);
        status.broker.problem = Some(crate::forward::NO_RECEIVER.to_owned());
        assert_eq!(broker(&status).outcome, Outcome::Warn);
        status.broker.connected = false;
        assert_eq!(broker(&status).outcome, Outcome::Fail);
    }

    #[test]
    fn what_the_daemon_warns_of_is_said_once() {
        let mut status = crate::telemetry::status::tests::ordinary_day();
        for code in ["quarantine", "no-subscriber", "loss"] {
            let [code, message, fix] = [code, "words", "what to do"].map(str::to_owned);
            status.readiness.warnings.push(Condition { code, message, fix });
        }
        let said: Vec<_> = attention(&status).map(|check| (check.subject, check.found)).collect();
        assert_eq!(said, [(Some("no-subscriber".to_owned()), "words".to_owned())]);
    }

    #[test]
    fn receipts_that_do_not_come_are_a_warning() {
        let mut status = crate::telemetry::status::tests::ordinary_day();
        assert_eq!(receipts(&status).unwrap().outcome, Outcome::Ok);
        status.outbox.receipt_lag_seconds = Some(OLDEST_SECONDS_WARN + 1.0);
        assert_eq!(receipts(&status).unwrap().outcome, Outcome::Warn);
        status.outbox.confirmed = Some(0);
        let never = receipts(&status).unwrap();
        assert!(
            never.found.starts_with("no receipt came yet; 18229 records wait"),
            "{}",
            never.found
        );
        status.outbox.confirmed = None;
        assert!(receipts(&status).is_none());
    }

    #[test]
    fn a_budget_that_fills_is_told_with_what_fills_it() {
        let mut status = crate::telemetry::status::tests::ordinary_day();
        let told = |status: &Status| -> Vec<(Outcome, String)> {
            budget(status).into_iter().map(|check| (check.outcome, check.found)).collect()
        };
        assert_eq!(
            told(&status),
            [(Outcome::Ok, "delivered inputs 64 %, keys that recognise repeats 35 %".to_owned())]
        );
        status.disk.used = 2 << 30;
        assert_eq!(told(&status)[0].0, Outcome::Ok, "what was delivered makes room");
        status.disk.filled.filling.quarantine = 1 << 30;
        let (outcome, found) = told(&status).remove(0);
        assert_eq!(outcome, Outcome::Warn);
        assert!(found.contains("(open quarantine entries 76 %, "), "{found}");
    }

    #[test]
    fn ports_are_tried() {
        assert_eq!(port(Path::new("/dev/ptmx")).outcome, Outcome::Ok);
        assert!(port(Path::new("/dev/null")).found.ends_with("is no device"));
        assert_eq!(port(Path::new("/nonexistent/tty")).outcome, Outcome::Fail);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(port(file.path()).found.ends_with("is no device"));
    }
}
