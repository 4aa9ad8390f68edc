//! What the gateway is doing, gathered once a second for everybody who asks: page, `tillgate status`, metrics,
//! readiness.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tillgate_record::Event;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::forward::{NO_RECEIVER, Outbox, Outgoing};
use crate::store::{Figures, Store, StoreError};
use crate::telemetry::board::{
    Board, BrokerState, DeviceFigures, Parked, SourceKind, SourceState, Unheard,
};
use crate::telemetry::metric::Metric;
use crate::telemetry::status::{
    Condition, DiskFigures, GatewayName, OutboxFigures, Readiness, RecentRecord, Status, masked_id,
    masked_name,
};
use crate::web::StatusSource;

/// How often the figures are read.
const REFRESH: Duration = Duration::from_secs(1);
/// Records that people see.
const RECENT: usize = 12;
/// So long a loss is shown: somebody comes by in a week. `tillgate verify` shows it for ever.
const LOSS_SHOWN_HOURS: i64 = 7 * 24;
/// A backlog that is older than this needs attention.
const OLD_SECONDS: f64 = 600.0;

/// The gathered state.
pub(super) struct StatusBoard {
    store: Store,
    board: Arc<Board>,
    config: watch::Receiver<Arc<Config>>,
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    gathered: Mutex<Gathered>,
}

#[derive(Clone, Default)]
struct Gathered {
    figures: Figures,
    recent: Vec<RecentRecord>,
    problem: Option<String>,
}

impl StatusBoard {
    pub(super) fn new(
        store: Store,
        board: Arc<Board>,
        config: watch::Receiver<Arc<Config>>,
        clock: Arc<dyn Clock>,
        started_at: Timestamp,
    ) -> Self {
        Self { store, board, config, clock, started_at, gathered: Mutex::default() }
    }

    /// Gathers once a second, until stopped.
    pub(super) async fn refresh(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.gather().await;
            if stop.run_until_cancelled(tokio::time::sleep(REFRESH)).await.is_none() {
                return;
            }
        }
    }

    /// One line for the service manager.
    pub(super) fn line(&self) -> String {
        let broker = self.board.broker();
        let state = if broker.connected { "connected" } else { "not connected" };
        format!("broker {state}, {} records waiting", self.gathered().figures.outbox_records)
    }

    /// With the figures of now, before anybody can ask: the first answer must be true, too.
    pub(super) async fn gathered_once(self) -> Arc<Self> {
        self.gather().await;
        Arc::new(self)
    }

    async fn gather(&self) {
        let before = self.gathered();
        let next = match self.store.figures().await {
            Ok(figures) => {
                self.export(&figures);
                let unchanged = figures.sequence_assigned == before.figures.sequence_assigned;
                let recent = if unchanged {
                    before.recent
                } else {
                    self.recent(figures.sequence_assigned).await
                };
                Gathered { figures, recent, problem: None }
            }
            Err(error) => Gathered { problem: Some(error.to_string()), ..before },
        };
        *self.gathered.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    async fn recent(&self, newest: u64) -> Vec<RecentRecord> {
        let from = newest.saturating_sub(RECENT as u64);
        let records = Outbox::after(&self.store, from, RECENT).await.unwrap_or_default();
        records.iter().rev().filter_map(shown).collect()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "gauges are floating point; 2^53 records are enough"
    )]
    fn export(&self, figures: &Figures) {
        Metric::OutboxRecords.set(figures.outbox_records as f64, &[]);
        Metric::OutboxOldest.set(self.oldest_seconds(figures).unwrap_or(0.0), &[]);
        Metric::SequenceAssigned.set(figures.sequence_assigned as f64, &[]);
        Metric::SequenceAcknowledged.set(figures.sequence_acknowledged as f64, &[]);
        if let Some(confirmed) = figures.sequence_confirmed {
            Metric::SequenceConfirmed.set(confirmed as f64, &[]);
            Metric::ReceiptLag.set(self.receipt_lag_seconds(figures).unwrap_or(0.0), &[]);
        }
        Metric::QuarantineEntries.set(figures.quarantine_open as f64, &[]);
        Metric::DiskUsed.set(figures.disk_used as f64, &[]);
        Metric::DiskBudget.set(figures.disk_budget as f64, &[]);
        Metric::DiskFree.set(figures.disk_free as f64, &[]);
        Metric::BallastPresent.set(if figures.has_ballast { 1.0 } else { 0.0 }, &[]);
    }

    fn oldest_seconds(&self, figures: &Figures) -> Option<f64> {
        figures.oldest_received_us.map(|oldest| self.age_seconds(oldest))
    }

    fn receipt_lag_seconds(&self, figures: &Figures) -> Option<f64> {
        figures.unconfirmed_received_us.map(|oldest| self.age_seconds(oldest))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "an age in microseconds fits the 53 bits of a float for 285 years"
    )]
    fn age_seconds(&self, received_us: i64) -> f64 {
        (self.clock.now().as_microsecond() - received_us).max(0) as f64 / 1e6
    }

    fn gathered(&self) -> Gathered {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn warnings(&self, gathered: &Gathered) -> Vec<Condition> {
        let broker = self.board.broker();
        let silent = self.receipt_lag_seconds(&gathered.figures).filter(|lag| *lag > OLD_SECONDS);
        let receipts = silent.map(|seconds| Condition {
            code: "receipts-late".to_owned(),
            message: format!("the CRM has not confirmed a record that is {:.0} minutes old", seconds / 60.0),
            fix: "look at the CRM's receiver and its receipts; records stay on this disk until they are confirmed".to_owned(),
        });
        let unreachable = broker.problem.map(|problem| Condition {
            code: "broker".to_owned(),
            message: format!("records wait, the broker does not take them: {problem}"),
            fix: "inputs are safe on disk and are sent as soon as the broker takes them; `tillgate doctor` looks closer"
                .to_owned(),
        });
        let old = self.oldest_seconds(&gathered.figures).filter(|seconds| *seconds > OLD_SECONDS);
        let backlog = old.map(|seconds| Condition {
            code: "backlog-old".to_owned(),
            message: format!("the oldest record has waited for {:.0} minutes", seconds / 60.0),
            fix: "look at the broker's state above; nothing is lost while the disk budget lasts"
                .to_owned(),
        });
        let quarantine = (gathered.figures.quarantine_open > 0).then(|| Condition {
            code: "quarantine".to_owned(),
            message: match gathered.figures.quarantine_open {
                1 => "1 input could not become a record and waits for a person".to_owned(),
                open => format!("{open} inputs could not become records and wait for a person"),
            },
            fix: "`tillgate quarantine list` shows them, `tillgate quarantine show ID` says what is wrong".to_owned(),
        });
        let ballast = (!gathered.figures.has_ballast && gathered.problem.is_none()).then(|| Condition {
            code: "ballast".to_owned(),
            message: "the disk was full, or is too full for the ballast: when others fill it now, deliveries stop, too"
                .to_owned(),
            fix: "make room on the disk of [gateway] data_dir, or lower [disk] ballast; the file is written again at once"
                .to_owned(),
        });
        unreachable
            .into_iter()
            .chain(ballast)
            .chain(backlog)
            .chain(receipts)
            .chain(broker.unheard.map(unheard))
            .chain(broker.parked.filter(|_| gathered.figures.quarantine_open > 0).map(parked))
            .chain(broker.warnings)
            .chain(quarantine)
            .chain(self.filling(&gathered.figures))
            .chain(self.losses())
            .chain(lost_readings(&self.board.sources(), self.clock.now()))
            .chain(self.absent_devices())
            .collect()
    }

    /// What will fill the budget, while it has not.
    fn filling(&self, figures: &Figures) -> impl Iterator<Item = Condition> {
        let warnings = figures.filled.warnings(figures.disk_used, figures.disk_budget);
        let refused = matches!(self.store.accepting(), Err(StoreError::BudgetSpent { .. }));
        let told =
            warnings.into_iter().filter(move |warning| !refused || warning.code == "key-days");
        told.map(|warning| Condition {
            code: warning.code.to_owned(),
            message: warning.message,
            fix: warning.fix,
        })
    }

    /// Losses that people may not have seen yet.
    fn losses(&self) -> impl Iterator<Item = Condition> {
        let now = self.clock.now();
        let recent = self.store.losses().iter().filter(move |(noticed_at, _)| {
            now.duration_since(*noticed_at).as_hours() < LOSS_SHOWN_HOURS
        });
        recent.map(|(noticed_at, loss)| Condition {
            code: "loss".to_owned(),
            message: format!("{}: {}", to_the_second(*noticed_at), loss.words()),
            fix: if loss.is_nothing() {
                "look at the disk (`dmesg`, `smartctl`); `tillgate verify` proves the journal whole".to_owned()
            } else {
                "compare with the terminals' own journals and send again what is missing; `tillgate quarantine list` \
                 has what can be replayed; look at the disk (`dmesg`, `smartctl`)"
                    .to_owned()
            },
        })
    }

    fn absent_devices(&self) -> impl Iterator<Item = Condition> {
        let sources = self.board.sources().into_iter();
        sources.filter(|source| source.kind == SourceKind::Device && !source.connected).map(
            |source| Condition {
                code: "device".to_owned(),
                message: format!("{} is not there: {}", source.id, source.detail),
                fix: "`tillgate devices` lists what is attached; `tillgate doctor` looks for the cause".to_owned(),
            },
        )
    }

    fn reasons(&self, gathered: &Gathered) -> Vec<Condition> {
        let refusing = self.store.accepting().err().map(|error| refusal(&error));
        let failed = (!self.store.is_healthy()).then(|| Condition {
            code: "store".to_owned(),
            message: "the last commit failed, and the disk has not taken one since".to_owned(),
            fix: "look at the disk (`df`, `dmesg`); terminals and partners repeat what was refused; what scanners read waits, unless the scanner was told no".to_owned(),
        });
        let unreadable = gathered.problem.as_ref().map(|problem| Condition {
            code: "store".to_owned(),
            message: problem.clone(),
            fix: "look at the disk (`df`, `dmesg`); `tillgate verify` says whether the journal is whole".to_owned(),
        });
        refusing.into_iter().chain(failed).chain(unreadable).collect()
    }

    fn readiness(&self, gathered: &Gathered) -> Readiness {
        let reasons = self.reasons(gathered);
        Readiness { ready: reasons.is_empty(), reasons, warnings: self.warnings(gathered) }
    }
}

impl StatusSource for StatusBoard {
    async fn status(&self) -> Status {
        let gathered = self.gathered();
        let config = Arc::clone(&self.config.borrow());
        let gateway = &config.gateway;
        let figures = &gathered.figures;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            gateway: GatewayName {
                org: gateway.org.clone(),
                store: gateway.store.clone(),
                id: gateway.id.clone(),
            },
            started_at: to_the_second(self.started_at),
            now: to_the_second(self.clock.now()),
            readiness: self.readiness(&gathered),
            lanes: config.lanes.iter().map(|lane| lane.id.clone()).collect(),
            sources: sources_to_the_second(self.board.sources()),
            broker: broker_to_the_second(self.board.broker()),
            outbox: OutboxFigures {
                backlog: figures.outbox_records,
                oldest_seconds: self.oldest_seconds(figures),
                assigned: figures.sequence_assigned,
                acknowledged: figures.sequence_acknowledged,
                confirmed: figures.sequence_confirmed,
                receipt_lag_seconds: self.receipt_lag_seconds(figures),
                incarnation: figures.incarnation,
                sequence: figures.sequence,
            },
            quarantine: figures.quarantine_open,
            disk: DiskFigures {
                used: figures.disk_used,
                budget: figures.disk_budget,
                free: figures.disk_free,
                ballast: figures.has_ballast,
                filled: figures.filled,
                set_aside: figures.set_aside,
                folder: gateway.data_dir.clone(),
            },
            recent: gathered.recent,
        }
    }

    fn ready(&self) -> Readiness {
        self.readiness(&self.gathered())
    }
}

/// Nobody reads fractions of a second on a page.
fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn sources_to_the_second(sources: Vec<SourceState>) -> Vec<SourceState> {
    let device = |figures: DeviceFigures| DeviceFigures {
        last_read_at: figures.last_read_at.map(to_the_second),
        last_lost_at: figures.last_lost_at.map(to_the_second),
        ..figures
    };
    let rounded = |source: SourceState| SourceState {
        last_at: source.last_at.map(to_the_second),
        device: source.device.map(device),
        ..source
    };
    sources.into_iter().map(rounded).collect()
}

fn broker_to_the_second(broker: BrokerState) -> BrokerState {
    BrokerState {
        since: broker.since.map(to_the_second),
        next_attempt: broker.next_attempt.map(to_the_second),
        unheard: broker
            .unheard
            .map(|unheard| Unheard { last_at: to_the_second(unheard.last_at), ..unheard }),
        ..broker
    }
}

/// Devices that lost readings lately. Nobody scans again what seemed to be taken, so that somebody has to compare.
fn lost_readings(sources: &[SourceState], now: Timestamp) -> Vec<Condition> {
    let condition = |source: &SourceState| {
        let figures = source.device.filter(|figures| figures.lost > 0)?;
        let at = figures.last_lost_at?;
        (now.duration_since(at).as_hours() < LOSS_SHOWN_HOURS).then(|| Condition {
            code: "readings-lost".to_owned(),
            message: format!(
                "{} lost {} since the start, the last at {}",
                source.id,
                if figures.lost == 1 { "1 reading".to_owned() } else { format!("{} readings", figures.lost) },
                to_the_second(at)
            ),
            fix: "the log says why; compare the till's sales of that time, and scan again what is missing".to_owned(),
        })
    };
    sources.iter().filter_map(condition).collect()
}

fn unheard(unheard: Unheard) -> Condition {
    let Unheard { records, last_at } = unheard;
    let were = if records == 1 { "was" } else { "were" };
    Condition {
        code: "no-subscriber".to_owned(),
        message: format!(
            "{NO_RECEIVER}: {records} {were} delivered to nobody, the last at {}",
            to_the_second(last_at)
        ),
        fix: "start the CRM's subscriber, with a session that the broker keeps; mqtt.no_subscriber = \"hold\" keeps records until somebody receives them".to_owned(),
    }
}

fn parked(parked: Parked) -> Condition {
    let Parked { records, last, reason } = parked;
    Condition {
        code: "parked".to_owned(),
        message: match records {
            1 => format!("record {last} cannot be delivered: {reason}"),
            _ => format!("{records} records cannot be delivered, the last is {last}: {reason}"),
        },
        fix: "the record stays in quarantine: `tillgate quarantine list` has it, `tillgate quarantine replay ID` sends it again".to_owned(),
    }
}

fn refusal(error: &StoreError) -> Condition {
    const REPEATS: &str = "terminals and partners repeat what was refused; what scanners read waits, unless the scanner was told no";
    let (code, fix) = match error {
        StoreError::BudgetSpent { filling, .. } => {
            ("disk-budget", format!("{}; {REPEATS}", filling.most().way_out()))
        }
        StoreError::DiskFull { .. } => (
            "disk-full",
            format!(
                "make room on the disk of [gateway] data_dir; inputs are taken again at once; {REPEATS}"
            ),
        ),
        StoreError::Stalled { .. } => (
            "disk-stalled",
            format!("the disk or what it is attached to does not answer: see `dmesg`; {REPEATS}"),
        ),
        StoreError::Overloaded => ("overloaded", format!("wait a moment; {REPEATS}")),
        StoreError::Stopping => ("stopping", "the gateway is shutting down".to_owned()),
        _ => (
            "store",
            "look at the disk (`df`, `dmesg`); `tillgate verify` says whether the journal is whole"
                .to_owned(),
        ),
    };
    Condition { code: code.to_owned(), message: error.to_string(), fix }
}

/// A record as people may see it: who it was only by the beginning of a name or an id.
fn shown(record: &Outgoing) -> Option<RecentRecord> {
    let event: Event<'_> = serde_json::from_slice(&record.payload).ok()?;
    let data: Value = serde_json::from_str(event.data.get()).ok()?;
    let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str);
    let name = text("/customer/name").map(masked_name);
    let id = text("/link/customer_id").map(masked_id);
    let total = text("/totals/gross").or_else(|| text("/total"));
    Some(RecentRecord {
        sequence: record.sequence,
        at: to_the_second(Timestamp::from_microsecond(record.received_us).ok()?),
        r#type: event.r#type,
        source: text("/provenance/source").unwrap_or_default().to_owned(),
        customer: name.or(id),
        amount: total.map(|total| {
            [total, text("/currency").unwrap_or_default()].join(" ").trim_end().to_owned()
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_readings_are_told_for_a_week() {
        let lost_at: Timestamp = "2026-11-21T10:03:11.5Z".parse().unwrap();
        let board = Board::default();
        for (id, lost) in [("scanner-3", 2), ("scanner-4", 0)] {
            board.add_source(id, SourceKind::Device, Some("3"), "starting");
            board.device_did(id, |figures| {
                figures.lost = lost;
                figures.last_lost_at = Some(lost_at);
            });
        }
        let after = |hours: i64| {
            let now = lost_at + jiff::SignedDuration::from_hours(hours);
            lost_readings(&board.sources(), now)
        };
        let told = after(1);
        let words: Vec<&str> = told.iter().map(|told| told.message.as_str()).collect();
        assert_eq!(
            words,
            ["scanner-3 lost 2 readings since the start, the last at 2026-11-21T10:03:11Z"]
        );
        assert!(after(LOSS_SHOWN_HOURS).is_empty());
    }
}
