//! The store against real files.

mod backup;
mod budget;
mod commit;
mod crash;
mod damage;
mod limits;
mod log;
mod outbox;
mod quarantine;
#[path = "../../../tests/simulation/seeds.rs"]
mod seeds;
mod simulation;
mod tamper;
mod versions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tillgate_record::{Channel, EventType, IdempotencyKey, Quality, Severity};
use ulid::Ulid;

use super::open::connect;
use super::{
    NewCapture, NewItem, NewRecord, OpenError, Outcome, Replay, Store, StoreError, StoreOptions,
    VerifyReport, journal_path, verify,
};
use crate::clock::Clock;
use crate::config::{ByteSize, Confirm, Retention};
use crate::source::Media;
use crate::telemetry::pulse::Pulse;

/// 2026-11-21, in microseconds.
const NOW_US: i64 = 1_795_219_200_000_000;
/// The incarnation of a journal that was made a second later.
const FIRST: u32 = 1_795_219_201;
const DAY_US: i64 = 86_400_000_000;

/// A clock that stands still until it is moved.
struct HandClock(AtomicI64);

impl HandClock {
    fn new() -> Arc<Self> {
        // A second after everything was received.
        Arc::new(Self(AtomicI64::new(NOW_US + 1_000_000)))
    }

    fn days(&self, days: i64) {
        self.0.fetch_add(days * DAY_US, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

pub(super) fn options(folder: &Path) -> StoreOptions {
    StoreOptions {
        data_dir: folder.to_owned(),
        org: "acme".to_owned(),
        store: "0042".to_owned(),
        gateway: "gw-1".to_owned(),
        budget: ByteSize::gibibytes(1),
        ballast: Some(ByteSize(0)),
        retention: Retention::default(),
        confirm: Confirm::Puback,
    }
}

async fn try_open(folder: &Path) -> Result<Store, OpenError> {
    Store::open(options(folder), HandClock::new(), Arc::new(Pulse::default())).await
}

async fn open(folder: &Path) -> Store {
    try_open(folder).await.unwrap()
}

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Memory, where there is such a folder: a disk would only be slower.
fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

/// A record of a key with this content.
pub(super) fn record(key: &str, content: &str) -> NewItem {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(content)[..16]);
    NewItem::Record(NewRecord {
        event_type: EventType::Sale,
        key: IdempotencyKey::from_stored(key.to_owned()),
        content: hash,
        time: "2026-11-21T18:03:11+08:00".to_owned(),
        data: serde_json::to_vec(&serde_json::json!({ "content": content })).unwrap(),
    })
}

fn finding(rule: &str) -> Quality {
    Quality {
        rule: rule.to_owned(),
        severity: Severity::Error,
        path: "/totals/gross".to_owned(),
        message: "expected a total".to_owned(),
        expected: None,
        found: None,
    }
}

/// A capture of these items, received `NOW_US`.
pub(super) fn capture(items: Vec<NewItem>) -> NewCapture {
    let raw = b"{\"what\":\"was received\"}".to_vec();
    NewCapture {
        id: Ulid::from_parts(1_795_219_200_000, rand::random()),
        source: "lane-3".to_owned(),
        channel: Channel::TerminalHttp,
        media: Media::SaleJson,
        received_at: Timestamp::from_microsecond(NOW_US).unwrap(),
        sha256: Sha256::digest(&raw).into(),
        raw_zstd: zstd::encode_all(raw.as_slice(), 1).unwrap(),
        raw_bytes: raw.len() as u64,
        config_version: "0011223344556677".to_owned(),
        items,
        file: None,
        replies: Vec::new(),
    }
}

async fn commit(store: &Store, items: Vec<NewItem>) -> Vec<Outcome> {
    store.commit(capture(items)).await.unwrap().outcomes
}

/// Tries an entry again with its own input.
async fn replay(
    store: &Store,
    entry: &str,
    item: NewItem,
    as_correction: bool,
) -> Result<Outcome, StoreError> {
    let (entry, by) = (entry.to_owned(), "li".to_owned());
    store.commit_replay(Replay { entry, item, replacement: None, as_correction, by }).await
}

pub(super) fn accepted(sequence: u64) -> Outcome {
    Outcome::Accepted { sequence }
}

/// Another connection, for what the store itself never does.
async fn meddle(folder: &Path, statements: &[&'static str]) {
    let mut connection: SqliteConnection = connect(&journal_path(folder)).await.unwrap();
    for statement in statements {
        let _ = sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    sqlx::Connection::close(connection).await.unwrap();
}

/// As if the machine's clock had been right for long: a journal follows a clock that jumped only slowly.
async fn trust_the_clock(folder: &Path) {
    meddle(folder, &["UPDATE retention_clock SET moment_us = 9000000000000000"]).await;
}

async fn report(folder: &Path) -> VerifyReport {
    verify(folder).await.unwrap()
}

pub(super) async fn assert_whole(folder: &Path) {
    let report = report(folder).await;
    assert!(report.whole, "{:#?}", report.problems);
}

async fn scalar(folder: &Path, sql: &'static str) -> i64 {
    let mut connection = super::open::reading(&journal_path(folder)).connect().await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}
