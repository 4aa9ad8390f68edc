//! Reading what can be read of a damaged journal, row by row. A page that cannot be read costs its own rows only, and a
//! row that does not match its checksum is no row.

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection, TypeInfo, ValueRef};
use std::path::Path;

use super::counters::{Counters, NEW};
use super::incarnation::Incarnations;
use super::mark::Mark;
use super::open::schema_version;

/// So often a span that cannot be read is halved, in one pass: some minutes on a slow machine.
const SPLITS: u32 = 200_000;
/// Rows above the highest that counters and mark name are looked for so far.
const BEYOND: i64 = 1_000_000;

/// A damaged journal.
pub(super) struct Damaged {
    /// None when it cannot be opened at all.
    connection: Option<SqliteConnection>,
    splits: u32,
    /// What it counted, or the best guess.
    pub(super) counters: Counters,
    /// Whether the counters are its own.
    pub(super) counted: bool,
    pub(super) incarnations: Option<Incarnations>,
    /// The names of records as far as anybody knows, for people.
    pub(super) named: Incarnations,
}

/// A value as SQLite keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Damaged {
    /// Opens what is there, and finds out how far it had come.
    pub(super) async fn open(path: &Path, mark: Option<&Mark>) -> Self {
        // With this SQLite leaves out a table whose definition is damaged, instead of refusing them all. It comes
        // before any pragma that reads the schema, as `cache_size` does, or the connection fails there.
        let tolerant = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .pragma("trusted_schema", "OFF")
            .pragma("writable_schema", "ON")
            .disable_statement_logging();
        let mut damaged = Self {
            connection: tolerant.connect().await.ok(),
            splits: SPLITS,
            counters: NEW,
            counted: false,
            incarnations: None,
            named: Incarnations::single(1, 0),
        };
        damaged.look(mark).await;
        damaged.named = match (&damaged.incarnations, mark) {
            (Some(known), _) => known.clone(),
            (None, Some(mark)) => Incarnations::single(mark.incarnation, mark.base),
            (None, None) => Incarnations::single(damaged.counters.incarnation, 0),
        };
        damaged
    }

    /// A journal of which nothing can be read.
    pub(super) fn unreadable(mark: Option<&Mark>) -> Self {
        let (incarnation, base) = mark.map_or((1, 0), |mark| (mark.incarnation, mark.base));
        let acknowledged = mark.map_or(0, |mark| mark.acknowledged);
        Self {
            connection: None,
            splits: 0,
            counters: Counters { incarnation, acknowledged, ..NEW },
            counted: false,
            incarnations: None,
            named: Incarnations::single(incarnation, base),
        }
    }

    async fn look(&mut self, mark: Option<&Mark>) {
        let mut found = None;
        if let Some(connection) = &mut self.connection {
            let read = Counters::read(connection).await.ok();
            found = read.filter(|(counters, whole)| *whole && counters.are_in_order());
        }
        if let (Some((counters, _)), Some(connection)) = (found, &mut self.connection) {
            self.counters = counters;
            self.counted = true;
            let has_table = schema_version(connection).await >= 3;
            self.incarnations = match Incarnations::read(connection, &counters).await {
                Ok(read) => read,
                Err(_) if !has_table => Some(Incarnations::single(counters.incarnation, 0)),
                Err(_) => None,
            };
            return;
        }
        if let Some(connection) = &mut self.connection {
            self.incarnations = Incarnations::read_alone(connection).await.ok().flatten();
        }
        if let Some(incarnations) = &self.incarnations {
            (self.counters.incarnation, _) = incarnations.current();
        }
        if let Some(mark) = mark.filter(|mark| mark.incarnation >= self.counters.incarnation) {
            self.counters.incarnation = mark.incarnation;
            self.counters.acknowledged = mark.acknowledged;
            self.counters.confirmed = mark.confirmed;
        }
        if let Some((lowest, _)) = self.bounds("record", "sequence").await {
            self.counters.pruned_sequence = lowest - 1;
        }
        if let Some((lowest, _)) = self.bounds("capture", "number").await {
            self.counters.pruned_capture = lowest - 1;
        }
    }

    /// The highest record and capture that are worth looking for.
    pub(super) async fn highest(&mut self, mark: Option<&Mark>) -> (i64, i64) {
        let (record, capture) = self.expected(mark);
        let records = self.bounds("record", "sequence").await.map_or(0, |(_, highest)| highest);
        let captures = self.bounds("capture", "number").await.map_or(0, |(_, highest)| highest);
        (record.max(records.min(record + BEYOND)), capture.max(captures.min(capture + BEYOND)))
    }

    /// The highest record and capture that are known to have been there.
    pub(super) fn expected(&self, mark: Option<&Mark>) -> (i64, i64) {
        let same = mark.filter(|mark| mark.incarnation == self.counters.incarnation);
        let (counters, pruned) = (&self.counters, self.counters.pruned_sequence);
        let record = same.map_or(pruned, |mark| mark.next_sequence - 1).max(counters.newest());
        let capture = same.map_or(counters.pruned_capture, |mark| mark.next_capture - 1);
        (record.max(pruned), capture.max(counters.next_capture - 1).max(counters.pruned_capture))
    }

    /// The lowest and highest number of a table; none when it is empty or neither can be read.
    async fn bounds(&mut self, table: &str, number: &str) -> Option<(i64, i64)> {
        let connection = self.connection.as_mut()?;
        let mut ends = [0; 2];
        for (end, order) in ends.iter_mut().zip(["ASC", "DESC"]) {
            let sql = format!("SELECT {number} FROM {table} ORDER BY {number} {order} LIMIT 1");
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
            *end = query.fetch_optional(&mut *connection).await.ok()??;
        }
        let [lowest, highest] = ends;
        (lowest > 0 && lowest <= highest).then_some((lowest, highest))
    }

    /// What is read twice is given up at the same places.
    pub(super) fn begin_pass(&mut self) {
        self.splits = SPLITS;
    }

    /// The rows of a span of numbers, as far as they can be read. `sql` takes the first and the last number.
    pub(super) async fn rows(&mut self, sql: &str, from: i64, through: i64) -> Vec<SqliteRow> {
        let mut rows = Vec::new();
        let Some(connection) = &mut self.connection else { return rows };
        let mut spans = vec![(from, through)];
        while let Some((from, through)) = spans.pop() {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from).bind(through);
            match query.fetch_all(&mut *connection).await {
                Ok(found) => rows.extend(found),
                Err(_) if from < through && self.splits > 0 => {
                    self.splits -= 1;
                    let middle = from + (through - from) / 2;
                    spans.push((middle + 1, through));
                    spans.push((from, middle));
                }
                Err(_) => {}
            }
        }
        rows
    }

    /// The columns of a table, as this journal's version has them; none when it cannot say.
    pub(super) async fn columns(&mut self, table: &str) -> Option<Vec<String>> {
        let connection = self.connection.as_mut()?;
        let query = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)").bind(table);
        let columns: Vec<String> = query.fetch_all(connection).await.ok()?;
        (!columns.is_empty()).then_some(columns)
    }

    /// The rows of a table without a number, from its beginning until one cannot be read. Each goes to `take`. Returns
    /// whether the end was reached.
    pub(super) async fn each<E>(
        &mut self,
        sql: &str,
        mut take: impl AsyncFnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(connection) = &mut self.connection else { return Ok(false) };
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch(connection);
        let mut whole = true;
        loop {
            match rows.try_next().await {
                Ok(Some(row)) => match values(&row) {
                    Some(values) => take(values).await?,
                    None => whole = false,
                },
                Ok(None) => return Ok(whole),
                Err(_) => return Ok(false),
            }
        }
    }
}

/// The values of a row; none when one is not what its type says.
fn values(row: &SqliteRow) -> Option<Vec<Value>> {
    (0..row.len())
        .map(|at| {
            let raw = row.try_get_raw(at).ok()?;
            if raw.is_null() {
                return Some(Value::Null);
            }
            let kind = raw.type_info().name().to_owned();
            match kind.as_str() {
                "INTEGER" => row.try_get_unchecked(at).ok().map(Value::Integer),
                "TEXT" => row.try_get_unchecked(at).ok().map(Value::Text),
                "BLOB" => row.try_get_unchecked(at).ok().map(Value::Blob),
                _ => None,
            }
        })
        .collect()
}
