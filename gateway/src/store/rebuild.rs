//! The rows of a recovered journal: what holds of a damaged one, with numbers without holes and chains made anew.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tillgate_record::{Quality, Severity};

use super::carry::carry;
use super::counters::Counters;
use super::group::{findings_json, write_known};
use super::kept::Kept;
use super::loss::{Loss, LostCaptures};
use super::read::unpacked;
use super::recover::Cut;
use super::row::{
    CAPTURE_COLUMNS, CaptureRow, ENTRY_COLUMNS, EntryRow, LOST_CAPTURE, RECORD_COLUMNS, RecordRow,
    moment, signed, unsigned,
};
use super::salvage::Damaged;

/// Records of one look.
const RECORDS: i64 = 128;
/// Captures of one look: their raw inputs may be large.
const CAPTURES: i64 = 16;

/// A journal under construction.
pub(super) struct Rebuild<'a> {
    pub(super) damaged: &'a mut Damaged,
    new: &'a mut SqliteConnection,
    pub(super) loss: &'a mut Loss,
}

impl<'a> Rebuild<'a> {
    /// Begins the one transaction in which everything is written.
    pub(super) async fn new(
        damaged: &'a mut Damaged,
        new: &'a mut SqliteConnection,
        loss: &'a mut Loss,
    ) -> Result<Self, sqlx::Error> {
        sqlx::query("BEGIN").execute(&mut *new).await?;
        Ok(Self { damaged, new, loss })
    }

    /// The records that hold.
    pub(super) async fn sound_records(&mut self, highest: i64) -> Kept {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record WHERE sequence BETWEEN ? AND ? ORDER BY sequence"
        );
        let mut kept = Kept::default();
        self.damaged.begin_pass();
        for (from, through) in steps(self.damaged.counters.pruned_sequence + 1, highest, RECORDS) {
            let rows = self.damaged.rows(&sql, from, through).await;
            let sound = rows.iter().filter_map(sound_record).map(|row| row.sequence);
            let sound: BTreeSet<i64> =
                sound.filter(|number| (from..=through).contains(number)).collect();
            sound.into_iter().for_each(|number| kept.push(number));
        }
        kept
    }

    /// The captures that hold, whatever became of their raw inputs.
    pub(super) async fn sound_captures(&mut self, highest: i64) -> Kept {
        let sql = without_raw();
        let mut kept = Kept::default();
        for number in self.held_captures().await {
            let rows = self.damaged.rows(&sql, number, number).await;
            if rows.iter().filter_map(sound_capture).any(|row| row.number == number) {
                kept.push(number);
            }
        }
        self.damaged.begin_pass();
        for (from, through) in steps(self.damaged.counters.pruned_capture + 1, highest, CAPTURES) {
            let rows = self.damaged.rows(&sql, from, through).await;
            let sound = rows.iter().filter_map(sound_capture).map(|row| row.number);
            let sound: BTreeSet<i64> =
                sound.filter(|number| (from..=through).contains(number)).collect();
            sound.into_iter().for_each(|number| kept.push(number));
        }
        kept
    }

    /// The captures that entries held back when those around them were removed.
    async fn held_captures(&mut self) -> BTreeSet<i64> {
        const HELD: &str = "SELECT DISTINCT capture FROM quarantine WHERE capture BETWEEN ? AND ?";
        self.damaged.begin_pass();
        let rows = self.damaged.rows(HELD, 1, self.damaged.counters.pruned_capture).await;
        rows.iter().filter_map(|row| row.try_get(0).ok()).collect()
    }

    /// Writes everything. Returns the counters, still of the old incarnation.
    pub(super) async fn fill(
        mut self,
        records: &Kept,
        mut captures: Kept,
        cut: Cut,
        newest_capture: i64,
    ) -> Result<Counters, sqlx::Error> {
        let old = self.damaged.counters;
        let lost = captures.gaps(old.pruned_capture + 1, newest_capture);
        captures.close_gaps(old.pruned_capture + 1);
        self.loss.renumbered = unsigned(records.count_from(cut.start));
        let mut after = Counters {
            next_sequence: cut.pruned + 1,
            acknowledged: old.acknowledged.min(cut.start - 1).max(cut.pruned),
            pruned_sequence: cut.pruned,
            next_capture: old.pruned_capture + 1,
            capture_chain: 0,
            record_chain: 0,
            ..old
        };
        after.confirmed = old.confirmed.min(after.acknowledged);
        self.records(records, &captures, &mut after).await?;
        self.entries(records, &captures, cut, newest_capture).await?;
        self.copy_held(&captures).await?;
        self.captures(records, &captures, cut, &mut after).await?;
        carry(self.damaged, self.new, self.loss, cut.pruned).await?;
        for (from, through) in lost {
            self.tell_captures(&captures, from, through).await?;
        }
        Ok(after)
    }

    async fn records(
        &mut self,
        records: &Kept,
        captures: &Kept,
        after: &mut Counters,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, parked FROM record WHERE sequence BETWEEN ? AND ? \
             ORDER BY sequence"
        );
        const PARK: &str = "UPDATE record SET parked = ? WHERE sequence = ?";
        let highest = records.last().unwrap_or(0);
        self.damaged.begin_pass();
        // The same spans as the first time: a broken tree answers others differently.
        for (from, through) in steps(self.damaged.counters.pruned_sequence + 1, highest, RECORDS) {
            let (mut rows, mut parked) = (Vec::new(), Vec::new());
            for found in self.damaged.rows(&sql, from, through).await {
                let Some(mut row) = sound_record(&found) else { continue };
                let Some(place) = records.place(row.sequence) else { continue };
                if place != after.next_sequence {
                    return Err(unsteady());
                }
                if let Ok(Some(reason)) = found.try_get::<Option<String>, _>(13) {
                    parked.push((place, reason));
                }
                let is_first = after.next_sequence == after.pruned_sequence + 1;
                let chain = if is_first && after.pruned_sequence > 0 {
                    row.previous
                } else {
                    after.record_chain
                };
                row.sequence = place;
                row.capture = captures.place(row.capture).unwrap_or(LOST_CAPTURE);
                row.previous = chain;
                row.checksum = row.digest();
                after.record_chain = row.checksum;
                after.next_sequence += 1;
                rows.push(row);
            }
            RecordRow::insert(self.new, &rows).await?;
            write_known(self.new, &rows, 0).await?;
            for (place, reason) in parked {
                sqlx::query(PARK).bind(reason).bind(place).execute(&mut *self.new).await?;
            }
        }
        let end = records.place(highest).map_or(after.pruned_sequence, |place| place);
        if after.next_sequence == end + 1 { Ok(()) } else { Err(unsteady()) }
    }

    /// Quarantine entries stay, also those whose capture is gone. One that had become a record which is lost is open
    /// again.
    async fn entries(
        &mut self,
        records: &Kept,
        captures: &Kept,
        cut: Cut,
        highest: i64,
    ) -> Result<(), sqlx::Error> {
        let sql = format!("SELECT {ENTRY_COLUMNS} FROM quarantine WHERE capture BETWEEN ? AND ?");
        let place = |number: i64| match records.place(number) {
            None if number <= cut.pruned => Some(number),
            place => place,
        };
        self.damaged.begin_pass();
        for (from, through) in steps(0, highest, RECORDS) {
            let mut rows = Vec::new();
            for found in self.damaged.rows(&sql, from, through).await {
                let sound = EntryRow::of(&found).ok().filter(|row| row.digest() == row.checksum);
                let Some(mut row) = sound else { continue };
                row.capture = captures.place(row.capture).unwrap_or(LOST_CAPTURE);
                row.parked = row.parked.map(|number| place(number).unwrap_or(0));
                let replayed = row.replayed.and_then(place);
                if row.replayed.is_some() && replayed.is_none() {
                    row.state = "open".to_owned();
                    (row.closed_us, row.closed_how) = (None, None);
                    self.loss.replayable += 1;
                }
                row.replayed = replayed;
                rows.push(row.sealed());
            }
            EntryRow::write(self.new, &rows).await?;
        }
        Ok(())
    }

    async fn captures(
        &mut self,
        records: &Kept,
        captures: &Kept,
        cut: Cut,
        after: &mut Counters,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "SELECT {CAPTURE_COLUMNS} FROM capture WHERE number BETWEEN ? AND ? ORDER BY number"
        );
        let highest = captures.last().unwrap_or(0);
        self.damaged.begin_pass();
        for (from, through) in steps(after.pruned_capture + 1, highest, CAPTURES) {
            let (mut rows, mut made) = (Vec::new(), Vec::new());
            let found = self.damaged.rows(&sql, from, through).await;
            let mut found: BTreeMap<i64, CaptureRow> =
                found.iter().filter_map(sound_capture).map(|row| (row.number, row)).collect();
            for number in from..=through {
                let Some(place) = captures.place(number) else { continue };
                let row = match found.remove(&number) {
                    Some(row) => Some(row),
                    None => {
                        // The row holds, the pages of its raw input cannot be read.
                        let rows = self.damaged.rows(&without_raw(), from, through).await;
                        rows.iter().filter_map(sound_capture).find(|row| row.number == number)
                    }
                };
                let mut row = row.filter(|_| place == after.next_capture).ok_or_else(unsteady)?;
                if row.raw.is_none() || unpacked(&row, u64::MAX).is_err() {
                    self.tell_raw(&mut row, number).await;
                }
                row.number = place;
                made.extend(self.account(&mut row, records, cut, after.next_sequence).await?);
                let is_first = after.next_capture == after.pruned_capture + 1;
                if !(is_first && after.pruned_capture > 0) {
                    row.previous = after.capture_chain;
                }
                row.checksum = row.digest();
                after.capture_chain = row.checksum;
                after.next_capture += 1;
                rows.push(row);
            }
            CaptureRow::insert(self.new, &rows).await?;
            EntryRow::write(self.new, &made).await?;
        }
        Ok(())
    }

    /// Held captures stay as they are: their records were delivered and removed, and nothing precedes them.
    async fn copy_held(&mut self, captures: &Kept) -> Result<(), sqlx::Error> {
        let sql = format!("SELECT {CAPTURE_COLUMNS} FROM capture WHERE number BETWEEN ? AND ?");
        for number in self.held_captures().await {
            if captures.place(number).is_none() {
                continue;
            }
            let mut rows = self.damaged.rows(&sql, number, number).await;
            if rows.is_empty() {
                // The row holds, the pages of its raw input cannot be read.
                rows = self.damaged.rows(&without_raw(), number, number).await;
            }
            let row = rows.iter().filter_map(sound_capture).find(|row| row.number == number);
            let mut row = row.ok_or_else(unsteady)?;
            if row.raw.is_none() || unpacked(&row, u64::MAX).is_err() {
                self.tell_raw(&mut row, number).await;
            }
            CaptureRow::insert(self.new, &[row]).await?;
        }
        Ok(())
    }

    /// The raw input of a capture is not there: it was pruned, or it cannot be read.
    async fn tell_raw(&mut self, row: &mut CaptureRow, number: i64) {
        const PRUNED: &str = "SELECT 1 FROM capture WHERE number BETWEEN ? AND ? AND raw IS NULL";
        row.raw = None;
        if self.damaged.rows(PRUNED, number, number).await.is_empty() {
            self.loss.push_other(format!("the raw input of capture {}", row.id));
        }
    }

    /// Brings a capture's counts in step with what is left of its items. Where its input is there, entries are made for
    /// the items that are lost: replayed, they become what they were.
    async fn account(
        &mut self,
        row: &mut CaptureRow,
        records: &Kept,
        cut: Cut,
        end: i64,
    ) -> Result<Vec<EntryRow>, sqlx::Error> {
        const RECORDS: &str =
            "SELECT item FROM record WHERE sequence BETWEEN ? AND ? AND capture = ?";
        const ENTRIES: &str = "SELECT item FROM quarantine WHERE capture = ? AND parked IS NULL";
        let last = row.first_sequence + row.counts.records - 1;
        let delivered =
            (cut.pruned.min(last) + 1 - row.first_sequence).clamp(0, row.counts.records);
        let first_left = row.first_sequence + delivered;
        let place = records.place_from(first_left, end);
        let place_end = records.place_from(last + 1, end);
        let query = sqlx::query_scalar(RECORDS).bind(place).bind(place_end - 1).bind(row.number);
        let records: Vec<i64> = query.fetch_all(&mut *self.new).await?;
        let query = sqlx::query_scalar(ENTRIES).bind(row.number);
        let entries: Vec<i64> = query.fetch_all(&mut *self.new).await?;
        let counts = &mut row.counts;
        let lost = counts.records - delivered - signed(records.len()) + counts.quarantined
            - signed(entries.len());
        if delivered == 0 {
            row.first_sequence = place;
        }
        if lost <= 0 {
            return Ok(Vec::new());
        }
        counts.quarantined = signed(entries.len());
        if row.raw.is_none() {
            counts.records = delivered + signed(records.len());
            counts.items = counts.records + counts.quarantined + counts.duplicates + counts.noted;
            let id = &row.id;
            self.loss
                .push_other(format!("{lost} items of capture {id}, whose raw input is not there"));
            return Ok(Vec::new());
        }
        // Which of the rest were records and which were noted or repeats, nobody knows: replaying them all is harmless.
        let items = counts.items;
        row.first_sequence = place;
        counts.records = signed(records.len());
        let left: BTreeSet<i64> = records.into_iter().chain(entries).collect();
        let made: Vec<EntryRow> = (0..items)
            .filter(|item| !left.contains(item))
            .map(|item| entry_of(row, item))
            .collect();
        let counts = &mut row.counts;
        counts.quarantined += signed(made.len());
        (counts.duplicates, counts.noted) = (0, 0);
        counts.items = counts.records + counts.quarantined;
        self.loss.replayable += unsigned(signed(made.len()));
        Ok(made)
    }

    async fn tell_captures(
        &mut self,
        captures: &Kept,
        from: i64,
        through: i64,
    ) -> Result<(), sqlx::Error> {
        const RECEIVED: &str = "SELECT received_us FROM capture WHERE number = ?";
        let next = captures.place_from(through + 1, i64::MAX);
        let before = captures.place(from - 1).unwrap_or(i64::MAX);
        let mut times = [None, None];
        for (time, number) in times.iter_mut().zip([before, next]) {
            let query = sqlx::query_scalar::<_, i64>(RECEIVED).bind(number);
            let found = query.fetch_optional(&mut *self.new).await?;
            *time = found.map(|received_us| moment(received_us).to_string());
        }
        let [after, before] = times;
        let (from, through) = (unsigned(from), unsigned(through));
        self.loss.push_captures(LostCaptures { from, through, after, before });
        Ok(())
    }
}

fn steps(low: i64, high: i64, size: i64) -> impl Iterator<Item = (i64, i64)> {
    let mut next = low;
    std::iter::from_fn(move || {
        let from = next;
        next = from.saturating_add(size);
        (from <= high).then(|| (from, (next - 1).min(high)))
    })
}

/// Each row is read twice, and a disk may give another answer the second time: then all is tried once more.
fn unsteady() -> sqlx::Error {
    sqlx::Error::Protocol("the damaged journal reads differently each time".to_owned())
}

fn without_raw() -> String {
    let columns = CAPTURE_COLUMNS.strip_suffix("raw").unwrap_or(CAPTURE_COLUMNS);
    format!("SELECT {columns} NULL FROM capture WHERE number BETWEEN ? AND ? ORDER BY number")
}

fn sound_record(row: &SqliteRow) -> Option<RecordRow> {
    RecordRow::of(row).ok().filter(|row| row.digest() == row.checksum)
}

fn sound_capture(row: &SqliteRow) -> Option<CaptureRow> {
    CaptureRow::of(row).ok().filter(|row| row.digest() == row.checksum)
}

fn entry_of(row: &CaptureRow, item: i64) -> EntryRow {
    let finding = Quality {
        rule: "lost-in-damage".to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message: "what became of this input was lost when the journal was damaged: replay it, and it becomes the \
            same again; where nothing was lost the replay finds that out"
            .to_owned(),
        expected: None,
        found: None,
    };
    EntryRow {
        entry: format!("{}-{item}", row.id),
        capture: row.number,
        item,
        received_us: row.received_us,
        source: row.source.clone(),
        channel: row.channel.clone(),
        findings: findings_json(&[finding]),
        state: "open".to_owned(),
        closed_us: None,
        closed_how: None,
        parked: None,
        replayed: None,
        noticed: 0,
        checksum: 0,
    }
    .sealed()
}
