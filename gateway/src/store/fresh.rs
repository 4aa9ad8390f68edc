//! The newest records as they were committed. While the forwarder keeps up it takes them from here, and the database
//! has only to write.
//!
//! In: the rows of a commit that held. Out: rows in order, without a hole. Never: a row that is not on the disk, more
//! than [`FRESH_BYTES`], the only copy of anything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::row::RecordRow;

/// Most bytes of rows that are kept: the two largest groups of ordinary sales.
const FRESH_BYTES: usize = 4 << 20;
/// A forwarder that is further behind reads from the database anyway.
const LAG_RECORDS: i64 = 4000;
/// What a row takes besides its data.
const ROW_BYTES: usize = 400;

/// Rows with rising numbers, without holes.
#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    rows: VecDeque<Arc<RecordRow>>,
    bytes: usize,
}

impl Fresh {
    /// Rows of a commit. `acknowledged` tells how far the forwarder is.
    pub(super) fn add(&self, rows: Vec<RecordRow>, acknowledged: i64) {
        let Some(first) = rows.first().map(|row| row.sequence) else { return };
        let mut kept = self.held();
        if kept.rows.back().is_some_and(|last| last.sequence + 1 != first) {
            *kept = Rows::default();
        }
        if first > acknowledged.saturating_add(LAG_RECORDS) {
            *kept = Rows::default();
            return;
        }
        for row in rows {
            kept.bytes += bytes_of(&row);
            kept.rows.push_back(Arc::new(row));
        }
        while kept.bytes > FRESH_BYTES {
            kept.pop();
        }
    }

    /// The rows behind a number, if the very next one is here.
    pub(super) fn after(&self, sequence: i64, limit: usize) -> Vec<Arc<RecordRow>> {
        let kept = self.held();
        let Some(first) = kept.rows.front().map(|row| row.sequence) else { return Vec::new() };
        let Ok(skipped) = usize::try_from(sequence + 1 - first) else { return Vec::new() };
        kept.rows.iter().skip(skipped).take(limit).cloned().collect()
    }

    /// The broker has all rows through a number.
    pub(super) fn forget(&self, through: u64) {
        let mut kept = self.held();
        while kept.rows.front().is_some_and(|row| row.sequence.cast_unsigned() <= through) {
            kept.pop();
        }
    }

    /// A poisoned lock only says that another thread panicked; what is here is a copy.
    fn held(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn pop(&mut self) {
        match self.rows.pop_front() {
            Some(row) => self.bytes = self.bytes.saturating_sub(bytes_of(&row)),
            None => self.bytes = 0,
        }
    }
}

fn bytes_of(row: &RecordRow) -> usize {
    row.data.len() + row.key.len() + ROW_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: std::ops::RangeInclusive<i64>, bytes: usize) -> Vec<RecordRow> {
        let row = |sequence| RecordRow {
            sequence,
            event_id: [0; 16],
            capture: 1,
            item: 0,
            event_type: 0,
            key: String::new(),
            version: 1,
            content: Vec::new(),
            time: String::new(),
            received_us: 0,
            previous: 0,
            checksum: 0,
            data: vec![0; bytes],
        };
        numbers.map(row).collect()
    }

    fn numbers(fresh: &Fresh, after: i64, limit: usize) -> Vec<i64> {
        fresh.after(after, limit).iter().map(|row| row.sequence).collect()
    }

    #[test]
    fn rows_come_in_order_and_without_a_hole() {
        let fresh = Fresh::default();
        fresh.add(rows(5..=9, 10), 4);
        assert_eq!(numbers(&fresh, 4, 2), [5, 6]);
        assert_eq!(numbers(&fresh, 7, 9), [8, 9]);
        assert!(numbers(&fresh, 3, 9).is_empty(), "4 is not here");
        assert!(numbers(&fresh, 9, 9).is_empty(), "there is none behind 9");
        fresh.forget(6);
        assert!(numbers(&fresh, 5, 9).is_empty());
        fresh.add(rows(12..=13, 10), 6);
        assert!(numbers(&fresh, 8, 9).is_empty(), "10 and 11 are not here");
        assert_eq!(numbers(&fresh, 11, 9), [12, 13]);
    }

    #[test]
    fn there_are_never_too_many() {
        let fresh = Fresh::default();
        fresh.add(rows(1..=10, FRESH_BYTES / 4), 0);
        assert_eq!(numbers(&fresh, 7, 9), [8, 9, 10]);
        assert!(fresh.held().bytes <= FRESH_BYTES);
        fresh.add(rows(11..=11, 1), -LAG_RECORDS);
        assert!(fresh.held().rows.is_empty(), "nobody will ask for it soon");
        assert_eq!(fresh.held().bytes, 0);
    }
}
