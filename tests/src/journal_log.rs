//! When something was safe in the journal, by the writes and syncs of its log.
//!
//! In: a trace. Out: for an id or a text, when it was written to the log, and when the sync of its commit had ended.
//! SQLite writes a page of the log as a header of 24 bytes and the page; in the header of the last page of a commit
//! stands the size of the database, which is zero in all others (<https://sqlite.org/fileformat2.html#walformat>).

use std::collections::HashMap;

use memchr::memmem;

use crate::trace::{Call, Deed};

const HEADER_BYTES: usize = 24;

/// Moments of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safe {
    /// When the page that says it began to be written.
    pub written: usize,
    /// When the last write of its commit had ended.
    pub committed: usize,
    /// When a sync that began after that had ended.
    pub synced: usize,
}

/// The log of a journal.
#[derive(Debug)]
pub struct JournalLog<'a> {
    writes: Vec<Write<'a>>,
    /// Begin and end.
    syncs: Vec<(usize, usize)>,
    /// The first write that says each id.
    ids: HashMap<[u8; 16], usize>,
}

#[derive(Debug)]
struct Write<'a> {
    begin: usize,
    end: usize,
    bytes: &'a [u8],
}

impl<'a> JournalLog<'a> {
    /// The log of the journal in a trace.
    #[must_use]
    pub fn of(calls: &'a [Call]) -> Self {
        let is_log = |path: &std::path::Path| path.ends_with("journal.db-wal");
        let mut log = Self { writes: Vec::new(), syncs: Vec::new(), ids: HashMap::new() };
        for call in calls {
            let (begin, end) = (call.begin, call.end);
            match &call.deed {
                Deed::Write { path, bytes, .. } if is_log(path) => {
                    for id in event_ids(bytes) {
                        log.ids.entry(id).or_insert(log.writes.len());
                    }
                    log.writes.push(Write { begin, end, bytes });
                }
                Deed::Sync(path) if is_log(path) => log.syncs.push((begin, end)),
                _ => {}
            }
        }
        log
    }

    /// When an event's id was safe.
    #[must_use]
    pub fn id(&self, id: &[u8; 16]) -> Option<Safe> {
        self.safe(*self.ids.get(id)?)
    }

    /// When a text was safe.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<Safe> {
        let finder = memmem::Finder::new(text);
        self.safe(self.writes.iter().position(|write| finder.find(write.bytes).is_some())?)
    }

    /// Commits in the log.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.writes.iter().filter(|write| write.ends_a_commit()).count()
    }

    /// How often the log has started over.
    #[must_use]
    pub fn beginnings(&self) -> usize {
        const LOG_HEADER_BYTES: usize = 32;
        self.writes.iter().filter(|write| write.bytes.len() == LOG_HEADER_BYTES).count()
    }

    fn safe(&self, place: usize) -> Option<Safe> {
        let written = self.writes[place].begin;
        // The page's own header is the write before it.
        let header = (place.saturating_sub(1)..self.writes.len())
            .find(|at| self.writes[*at].ends_a_commit())?;
        let committed = self.writes.get(header + 1)?.end;
        let (_, synced) = *self.syncs.iter().find(|(begin, _)| *begin > committed)?;
        Some(Safe { written, committed, synced })
    }
}

impl Write<'_> {
    fn ends_a_commit(&self) -> bool {
        self.bytes.len() == HEADER_BYTES && self.bytes[4..8] != [0; 4]
    }
}

/// Whatever looks like a UUID of version 5: what else looks so is an id that nobody asks for.
fn event_ids(page: &[u8]) -> impl Iterator<Item = [u8; 16]> {
    page.windows(16)
        .filter(|window| window[6] >> 4 == 5 && window[8] >> 6 == 2)
        .filter_map(|window| window.try_into().ok())
}
