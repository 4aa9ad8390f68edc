//! Records and notices, read from the outbox ahead of their turn.
//!
//! Never: more than one reading at a time, more in memory than one reading beside the window, a reading while
//! there is nothing new.

use std::collections::VecDeque;
use std::future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::trouble::Trouble;
use super::{Outbox, OutboxError, Outgoing};

/// Records in one reading, at most.
const READING_RECORDS: usize = 500;

/// What one reading should not exceed, going by the largest record of the last one; and what is not added to.
const READING_BYTES: usize = 4 << 20;

/// A guess for the first reading: large, so that the first one is small.
const FIRST_RECORD_BYTES: usize = 256 << 10;

/// The reason of a trouble that no other attempt will end.
pub(super) const DAMAGED: &str = "damaged";

/// Reads ahead.
pub(super) struct Supply<O> {
    outbox: Arc<O>,
    ready: VecDeque<Outgoing>,
    ready_bytes: usize,
    read_through: u64,
    /// The newest number at a reading that gave nothing: only a change makes another one worthwhile.
    exhausted_at: u64,
    record_bytes: usize,
    reading: Option<BoxFuture<'static, Result<Vec<Outgoing>, OutboxError>>>,
}

impl<O: Outbox> Supply<O> {
    /// Begins behind a number.
    pub(super) fn new(outbox: Arc<O>, read_through: u64) -> Self {
        Self {
            outbox,
            ready: VecDeque::new(),
            ready_bytes: 0,
            read_through,
            exhausted_at: 0,
            record_bytes: FIRST_RECORD_BYTES,
            reading: None,
        }
    }

    /// Begins anew behind a number.
    pub(super) fn rewind(&mut self, through: u64) {
        self.ready.clear();
        self.ready_bytes = 0;
        self.reading = None;
        self.read_through = through;
        self.exhausted_at = 0;
    }

    /// The first record that was not read yet.
    pub(super) fn next_unread(&self) -> u64 {
        self.read_through.saturating_add(1)
    }

    /// The next record in order, if it is here.
    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        let record = self.ready.pop_front()?;
        self.ready_bytes -= record.payload.len();
        Some(record)
    }

    /// Whether no record that was read is left.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Starts a reading, when there is something to read and few records are left.
    pub(super) fn read_ahead(&mut self, newest: u64, low_water: usize) {
        let is_low = self.ready.len() < low_water && self.ready_bytes < READING_BYTES;
        if !is_low || self.reading.is_some() || newest <= self.read_through.max(self.exhausted_at) {
            return;
        }
        let limit = (READING_BYTES / self.record_bytes.max(1)).clamp(1, READING_RECORDS);
        let (outbox, after) = (Arc::clone(&self.outbox), self.read_through);
        self.exhausted_at = newest;
        self.reading = Some(Box::pin(async move { outbox.after(after, limit).await }));
    }

    /// Waits for the reading; for ever when there is none. May be dropped while it waits.
    pub(super) async fn arrive(&mut self) -> Result<(), Trouble> {
        let Some(reading) = &mut self.reading else { return future::pending().await };
        let records = reading.await;
        self.reading = None;
        let records = records.map_err(|error| outbox_trouble(&error))?;
        if let Some(largest) = records.iter().map(|record| record.payload.len()).max() {
            self.exhausted_at = 0;
            self.record_bytes = largest;
        }
        for record in records {
            if record.sequence <= self.read_through {
                let words = format!(
                    "the outbox gave record {} after record {}: report this as a bug",
                    record.sequence, self.read_through
                );
                return Err(Trouble::new("internal", words));
            }
            self.read_through = record.sequence;
            self.ready_bytes += record.payload.len();
            self.ready.push_back(record);
        }
        Ok(())
    }
}

/// The store's fault, in words.
pub(super) fn outbox_trouble(error: &OutboxError) -> Trouble {
    let reason = match error {
        OutboxError::Failed(_) => "outbox",
        OutboxError::Damaged(_) => DAMAGED,
    };
    Trouble::new(reason, super::dial::with_causes(error))
}
