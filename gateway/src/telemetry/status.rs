//! What the gateway is doing, for people: the status page, `GET /v1/status` and `tillgate status` show this.
//!
//! Never: a customer in clear. Whoever makes a [`RecentRecord`] masks with [`masked_name`] or [`masked_id`].

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tillgate_record::EventType;

use super::board::{BrokerState, DeviceFigures, SourceState};
use crate::store::{Filled, SetAside};

/// Everything at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Which gateway.
    pub gateway: GatewayName,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// When this was said.
    pub now: Timestamp,
    /// Whether it works, and what is wrong.
    pub readiness: Readiness,
    /// The checkout positions, in the order of the configuration.
    pub lanes: Vec<String>,
    /// Devices, terminals and partners.
    pub sources: Vec<SourceState>,
    /// The connection to the broker.
    pub broker: BrokerState,
    /// What waits for the broker.
    pub outbox: OutboxFigures,
    /// Entries in quarantine that wait for a person.
    pub quarantine: u64,
    /// The disk.
    pub disk: DiskFigures,
    /// The last records, newest first.
    pub recent: Vec<RecentRecord>,
}

/// Which gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayName {
    /// `[gateway] org`
    pub org: String,
    /// `[gateway] store`
    pub store: String,
    /// `[gateway] id`
    pub id: String,
}

/// Whether the gateway takes inputs and gets rid of records. The body of `/readyz`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether inputs are taken.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<Condition>,
    /// What needs attention although inputs are taken.
    pub warnings: Vec<Condition>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// A stable name.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// What waits for the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboxFigures {
    /// Records without acknowledgement.
    pub backlog: u64,
    /// Age of the oldest of them.
    pub oldest_seconds: Option<f64>,
    /// Highest sequence number given to a record.
    pub assigned: u64,
    /// Sequence number through which all records are acknowledged.
    pub acknowledged: u64,
    /// Sequence number through which the CRM has confirmed all records; none where it sends no receipts.
    #[serde(default)]
    pub confirmed: Option<u64>,
    /// Age of the oldest record that the broker has and the CRM has not confirmed.
    #[serde(default)]
    pub receipt_lag_seconds: Option<f64>,
    /// The incarnation of new records, as the CRM sees it.
    #[serde(default)]
    pub incarnation: u32,
    /// The newest record's number within the incarnation, as the CRM sees it.
    #[serde(default)]
    pub sequence: u64,
}

/// The disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFigures {
    /// Bytes that the store uses.
    pub used: u64,
    /// Bytes that it may use.
    pub budget: u64,
    /// Bytes that are free on its file system.
    #[serde(default)]
    pub free: u64,
    /// Whether the ballast is there, or none is wanted.
    #[serde(default)]
    pub ballast: bool,
    /// What fills the budget, and how long keys are kept.
    #[serde(default)]
    pub filled: Filled,
    /// Files that recoveries set aside: they count against no budget.
    #[serde(default)]
    pub set_aside: SetAside,
    /// The folder of all this.
    #[serde(default)]
    pub folder: PathBuf,
}

impl DiskFigures {
    fn write_text(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let [used, budget, free] = [self.used, self.budget, self.free].map(size);
        writeln!(out, "disk        {used} of {budget} · {free} free")?;
        writeln!(out, "            {}", self.filled.filling)?;
        let SetAside { files, bytes } = self.set_aside;
        if files > 0 {
            let folder = self.folder.display();
            writeln!(out, "set aside   {files} damaged files, {}, in {folder}", size(bytes))?;
            writeln!(out, "            {}", SetAside::WAY_OUT)?;
        }
        Ok(())
    }
}

/// A record as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentRecord {
    /// Its number in the outbox.
    pub sequence: u64,
    /// When its input was received.
    pub at: Timestamp,
    /// What it is.
    pub r#type: EventType,
    /// The configured source.
    pub source: String,
    /// The customer, masked; none where nothing identifies the buyer.
    pub customer: Option<String>,
    /// Amount and currency, where there is one: `24.00 CNY`.
    pub amount: Option<String>,
}

impl Status {
    /// Seconds since the daemon started.
    #[must_use]
    pub fn uptime_seconds(&self) -> i64 {
        self.now.duration_since(self.started_at).as_secs().max(0)
    }

    /// The one line that says it all.
    #[must_use]
    pub fn headline(&self) -> &'static str {
        match (self.readiness.ready, self.readiness.warnings.is_empty()) {
            (false, _) => "not ready: inputs are refused",
            (true, false) => "working, but something needs attention",
            (true, true) => "all is well",
        }
    }

    /// Writes what `tillgate status` prints.
    pub fn write_text(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let GatewayName { org, store, id } = &self.gateway;
        writeln!(out, "tillgate {} · {org}/{store}/{id} · {}", self.version, self.headline())?;
        writeln!(out, "up {}", duration(self.uptime_seconds()))?;
        for condition in self.readiness.reasons.iter().chain(&self.readiness.warnings) {
            writeln!(out, "! {}: {}", condition.code, condition.message)?;
            writeln!(out, "  {}", condition.fix)?;
        }
        self.write_way_out(out)?;
        self.write_sources(out)?;
        self.write_devices(out)?;
        self.write_recent(out)
    }

    fn write_way_out(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let broker = &self.broker;
        let state = if broker.connected { "connected" } else { "not connected" };
        write!(out, "\nbroker      {state} · {}", broker.url)?;
        match &broker.fallback_for {
            Some(main) => writeln!(out, " (a fallback for {main})")?,
            None => writeln!(out)?,
        }
        if let Some(problem) = &broker.problem {
            writeln!(out, "            {problem}")?;
        }
        let outbox = &self.outbox;
        write!(out, "outbox      {} waiting", outbox.backlog)?;
        if let Some(seconds) = outbox.oldest_seconds {
            write!(out, ", the oldest for {seconds:.0} s")?;
        }
        writeln!(out, " · {} of {} delivered", outbox.acknowledged, outbox.assigned)?;
        if let Some(confirmed) = outbox.confirmed {
            write!(out, "receipts    {confirmed} confirmed by the CRM")?;
            if let Some(seconds) = outbox.receipt_lag_seconds {
                let open = outbox.acknowledged.saturating_sub(confirmed);
                write!(out, ", {open} wait for it, the oldest for {seconds:.0} s")?;
            }
            writeln!(out)?;
        }
        if outbox.incarnation > 1 {
            // In the first incarnation these are the numbers above.
            let OutboxFigures { incarnation, sequence, .. } = outbox;
            writeln!(
                out,
                "            the CRM's name of the newest: incarnation {incarnation}, record {sequence}"
            )?;
        }
        writeln!(out, "quarantine  {}", self.quarantine)?;
        self.disk.write_text(out)
    }

    fn write_sources(&self, out: &mut impl fmt::Write) -> fmt::Result {
        writeln!(out, "\nSOURCE            LANE   STATE  CAPTURES  QUARANTINED  LAST")?;
        for source in &self.sources {
            let lane = source.lane.as_deref().unwrap_or("-");
            let state = match (source.connected, source.is_awaited()) {
                (true, _) => "up",
                (false, true) => "ready",
                (false, false) => "down",
            };
            let last = source.last_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
            writeln!(
                out,
                "{:<16}  {lane:<5}  {state:<5}  {:>8}  {:>11}  {last}",
                source.id, source.captures, source.quarantined
            )?;
            if !source.connected && !source.detail.is_empty() {
                writeln!(out, "                  {}", source.detail)?;
            }
        }
        Ok(())
    }

    fn write_devices(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let figures = |source: &SourceState| Some((source.id.clone(), source.device?));
        let devices: Vec<(String, DeviceFigures)> =
            self.sources.iter().filter_map(figures).collect();
        if devices.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nDEVICE                READ  DAMAGED   CUT OFF  REFUSED      LOST   FLOODS  UNPLUGGED  LAST READING"
        )?;
        for (id, figures) in devices {
            let DeviceFigures { read, damaged, cut, refused, lost, floods, disconnects, .. } =
                figures;
            let last = figures.last_read_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
            writeln!(
                out,
                "{id:<16}  {read:>8}  {damaged:>7}  {cut:>8}  {refused:>7}  {lost:>8}  {floods:>7}  {disconnects:>9}  {last}"
            )?;
        }
        Ok(())
    }

    fn write_recent(&self, out: &mut impl fmt::Write) -> fmt::Result {
        writeln!(
            out,
            "\nRECORD    TYPE                  SOURCE            AMOUNT          CUSTOMER"
        )?;
        for record in &self.recent {
            writeln!(
                out,
                "{:<8}  {:<20}  {:<16}  {:<14}  {}",
                record.sequence,
                record.r#type.as_str(),
                record.source,
                record.amount.as_deref().unwrap_or("-"),
                record.customer.as_deref().unwrap_or("-"),
            )?;
        }
        Ok(())
    }
}

/// A name of which the first character is left: `王小明` is `王**`.
#[must_use]
pub fn masked_name(name: &str) -> String {
    let mut characters = name.trim().chars();
    let first = characters.next().into_iter();
    // The number of stars tells no more than that there is more.
    let more = characters.next().is_some();
    first.chain(if more { "**" } else { "" }.chars()).collect()
}

/// An id of which the beginning is left: `c-81231` is `c-8…`.
#[must_use]
pub fn masked_id(id: &str) -> String {
    const SHOWN_MAX: usize = 3;
    // A short id would be shown whole by its first three characters.
    let shown = SHOWN_MAX.min(id.chars().count() / 2);
    id.chars().take(shown).chain(['…']).collect()
}

fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A size as people read it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::Filling;
    use crate::telemetry::board::{Board, SourceKind};

    /// A store on an ordinary day, for tests of what shows it.
    pub(crate) fn ordinary_day() -> Status {
        let now: Timestamp = "2026-11-21T10:03:12Z".parse().unwrap();
        let board = Board::default();
        board.add_source("03", SourceKind::Terminal, Some("3"), "posts over HTTP");
        board.add_source("scanner-3", SourceKind::Device, Some("3"), "port is not there");
        board.device_did("scanner-3", |figures| {
            *figures = DeviceFigures { read: 412, damaged: 2, disconnects: 1, ..*figures };
            figures.last_read_at = Some(now);
        });
        board.device_did("03", |figures| figures.read += 1);
        board.source_connected("03", true, "posts over HTTP");
        board.source_captured("03", 1, now);
        Status {
            version: "0.1.0".to_owned(),
            gateway: GatewayName {
                org: "acme".to_owned(),
                store: "0042".to_owned(),
                id: "gw-1".to_owned(),
            },
            started_at: "2026-11-21T08:00:00Z".parse().unwrap(),
            now,
            readiness: Readiness { ready: true, ..Readiness::default() },
            lanes: vec!["3".to_owned()],
            sources: board.sources(),
            broker: BrokerState {
                connected: true,
                url: "mqtts://broker.example:8883".to_owned(),
                ..BrokerState::default()
            },
            outbox: OutboxFigures {
                backlog: 2,
                oldest_seconds: Some(1.4),
                assigned: 18_231,
                acknowledged: 18_229,
                confirmed: Some(18_200),
                receipt_lag_seconds: Some(12.2),
                incarnation: 1,
                sequence: 18231,
            },
            quarantine: 1,
            disk: DiskFigures {
                used: 312 << 20,
                budget: 2 << 30,
                free: 9 << 30,
                ballast: true,
                filled: Filled {
                    filling: Filling {
                        delivered: 200 << 20,
                        keys: 112 << 20,
                        ..Filling::default()
                    },
                    ..Filled::default()
                },
                set_aside: SetAside { files: 2, bytes: 5 << 20 },
                folder: PathBuf::from("/var/lib/tillgate"),
            },
            recent: vec![RecentRecord {
                sequence: 18_231,
                at: now,
                r#type: EventType::Sale,
                source: "03".to_owned(),
                customer: Some(masked_name("王小明")),
                amount: Some("24.00 CNY".to_owned()),
            }],
        }
    }

    #[test]
    fn people_are_masked() {
        for (name, masked) in [("王小明", "王**"), ("Ann Lee", "A**"), ("王", "王"), ("", "")]
        {
            assert_eq!(masked_name(name), masked);
        }
        for (id, masked) in [("c-81231", "c-8…"), ("abc", "a…"), ("x", "…")] {
            assert_eq!(masked_id(id), masked);
        }
    }

    #[test]
    fn the_text_says_what_matters() {
        let mut status = ordinary_day();
        status.readiness.warnings.push(Condition {
            code: "device-missing".to_owned(),
            message: "scanner-3 is not there".to_owned(),
            fix: "plug it in".to_owned(),
        });
        let mut text = String::new();
        status.write_text(&mut text).unwrap();
        for part in [
            "tillgate 0.1.0 · acme/0042/gw-1 · working, but something needs attention",
            "up 2 h 3 min",
            "! device-missing: scanner-3 is not there",
            "outbox      2 waiting, the oldest for 1 s · 18229 of 18231 delivered",
            "receipts    18200 confirmed by the CRM, 29 wait for it, the oldest for 12 s",
            "disk        312 MiB of 2.0 GiB · 9.0 GiB free",
            "delivered inputs 64 %, keys that recognise repeats 35 %",
            "set aside   2 damaged files, 5 MiB, in /var/lib/tillgate",
            "scanner-3              412        2         0        0         0        0          1  2026-11-21T10:03:12Z\n\n",
            "18231     tillgate.sale.v1      03                24.00 CNY       王**",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
