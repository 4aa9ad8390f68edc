//! The high-water mark: a second file that says how far the journal had come. SQLite takes a damaged or missing
//! write-ahead log for the end of the log, in silence; this file is what notices.
//!
//! In: the counters after each commit. Out: the newest of them on disk, at most [`EVERY`] late. Never: a wait of the
//! writer, except at start and stop. The mark may be behind the journal; it is never ahead of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::counters::Counters;
use super::digest::Digest;
use super::owner::adopt;
use crate::telemetry::metric::Metric;

/// The mark is not further behind. A sync with every commit would halve the speed of a slow disk.
const EVERY: Duration = Duration::from_millis(100);
/// Two slots are written in turn, in blocks of their own: a torn write destroys one of them at most.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FIELDS: usize = 12;
const SLOT_BYTES: usize = FIELDS * 8;

/// How far the journal had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) incarnation: i64,
    /// The incarnation's records have the numbers above this one.
    pub(super) base: i64,
    pub(super) next_sequence: i64,
    pub(super) record_chain: i64,
    pub(super) next_capture: i64,
    pub(super) capture_chain: i64,
    pub(super) acknowledged: i64,
    pub(super) confirmed: i64,
    pub(super) time_us: i64,
    /// The store was closed in order, and had met no damage.
    pub(super) closed: bool,
}

impl Mark {
    /// The mark of these counters, of a store that is open.
    pub(super) fn of(counters: &Counters, base: i64, time_us: i64) -> Self {
        Self {
            incarnation: counters.incarnation,
            base,
            next_sequence: counters.next_sequence,
            record_chain: counters.record_chain,
            next_capture: counters.next_capture,
            capture_chain: counters.capture_chain,
            acknowledged: counters.acknowledged,
            confirmed: counters.confirmed,
            time_us,
            closed: false,
        }
    }

    /// The mark of a data folder, for those who only look.
    pub(super) fn read(data_dir: &Path) -> Option<Self> {
        newest(&File::open(mark_path(data_dir)).ok()?).map(|(mark, _)| mark)
    }

    /// The slot: all fields, the turn, and a checksum over them.
    fn slot(&self, turn: i64) -> [u8; SLOT_BYTES] {
        let fields = [
            turn,
            self.incarnation,
            self.base,
            self.next_sequence,
            self.record_chain,
            self.next_capture,
            self.capture_chain,
            self.acknowledged,
            self.confirmed,
            self.time_us,
            i64::from(self.closed),
        ];
        let checksum = digest(fields);
        let mut slot = [0; SLOT_BYTES];
        let all = fields.into_iter().chain([checksum]);
        for (bytes, field) in slot.chunks_exact_mut(8).zip(all) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        slot
    }

    /// The mark of a slot and its turn; none when the slot is empty, torn or damaged.
    fn of_slot(slot: &[u8; SLOT_BYTES]) -> Option<(Self, i64)> {
        let mut fields = [0; FIELDS];
        for (field, bytes) in fields.iter_mut().zip(slot.chunks_exact(8)) {
            *field = i64::from_le_bytes(bytes.try_into().ok()?);
        }
        let [turn, incarnation, base, next_sequence, record_chain, rest @ ..] = fields;
        let [next_capture, capture_chain, acknowledged, confirmed, time_us, closed, checksum] =
            rest;
        let [counted @ .., _] = fields;
        let mark = Self {
            incarnation,
            base,
            next_sequence,
            record_chain,
            next_capture,
            capture_chain,
            acknowledged,
            confirmed,
            time_us,
            closed: closed == 1,
        };
        (digest(counted) == checksum).then_some((mark, turn))
    }
}

fn digest(fields: [i64; FIELDS - 1]) -> i64 {
    fields.into_iter().fold(Digest::of("mark"), Digest::number).finish()
}

fn mark_path(data_dir: &Path) -> PathBuf {
    data_dir.join("journal.mark")
}

fn newest(file: &File) -> Option<(Mark, i64)> {
    let read = |offset: u64| {
        let mut slot = [0; SLOT_BYTES];
        file.read_exact_at(&mut slot, offset).ok()?;
        Mark::of_slot(&slot)
    };
    SLOT_OFFSETS.into_iter().filter_map(read).max_by_key(|(_, turn)| *turn)
}

/// The open file.
#[derive(Debug)]
pub(super) struct MarkFile {
    file: File,
    turn: i64,
}

impl MarkFile {
    /// Opens the file of a data folder, makes it where it is missing, and reads the newest mark.
    pub(super) fn open(data_dir: &Path) -> io::Result<(Self, Option<Mark>)> {
        let path = mark_path(data_dir);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path)?;
        adopt(&path, data_dir)?;
        let found = newest(&file);
        if found.is_none() && fs::metadata(&path)?.len() > 0 {
            tracing::warn!(file = %path.display(), "the high-water mark is damaged and is written anew");
        }
        let turn = found.map_or(0, |(_, turn)| turn);
        Ok((Self { file, turn }, found.map(|(mark, _)| mark)))
    }

    /// Writes and syncs. The slot of the mark before stays as it is.
    pub(super) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        // After a failure the next attempt goes to the same slot, so that the other one stays whole.
        let turn = self.turn.wrapping_add(1);
        let offset = SLOT_OFFSETS[usize::from(turn % 2 != 0)];
        self.file.write_all_at(&mark.slot(turn), offset)?;
        self.file.sync_data()?;
        self.turn = turn;
        Ok(())
    }
}

/// Keeps the file in step with the writer, on a thread of its own.
#[derive(Debug)]
pub(super) struct Marker {
    kept: Arc<Kept>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Kept {
    file: Mutex<MarkFile>,
    /// The newest value wins; those between are never written.
    latest: watch::Sender<Mark>,
    /// What the file says.
    written: watch::Sender<Mark>,
}

impl Kept {
    /// Records and captures that were committed since the mark was written.
    #[expect(clippy::cast_precision_loss, reason = "a lag is far below 2^52")]
    fn lag(&self) -> f64 {
        let (latest, written) = (*self.latest.borrow(), *self.written.borrow());
        let records = latest.next_sequence - written.next_sequence;
        (records + latest.next_capture - written.next_capture) as f64
    }
}

impl Marker {
    pub(super) fn start(file: MarkFile, mark: Mark) -> Self {
        let (latest, written) = (watch::Sender::new(mark), watch::Sender::new(mark));
        let kept = Arc::new(Kept { file: Mutex::new(file), latest, written });
        // Before anything can be set: a change that nobody waits for would be written with the next one only.
        let changes = kept.latest.subscribe();
        Self { task: tokio::spawn(keep(Arc::clone(&kept), changes)), kept }
    }

    /// The mark that is to be written next.
    pub(super) fn set(&self, mark: Mark) {
        self.kept.latest.send_replace(mark);
    }

    /// Writes the last mark and ends.
    pub(super) async fn close(self, last: Mark) {
        self.set(last);
        self.task.abort();
        write_latest(&self.kept).await;
    }
}

async fn keep(kept: Arc<Kept>, mut changes: watch::Receiver<Mark>) {
    while changes.changed().await.is_ok() {
        write_latest(&kept).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// What is written is the latest value at the moment of writing, so that no write that was late can undo a newer one.
async fn write_latest(kept: &Arc<Kept>) {
    let writing = Arc::clone(kept);
    let written = tokio::task::spawn_blocking(move || {
        let mut file = writing.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = *writing.latest.borrow();
        file.write(&mark)?;
        writing.written.send_replace(mark);
        Ok::<_, io::Error>(())
    });
    let written = written.await;
    Metric::HighWaterMarkLag.set(kept.lag(), &[]);
    if let Ok(Err(error)) = written {
        Metric::StoreErrors.add(1, &[("kind", "mark")]);
        tracing::error!(%error, "the high-water mark was not written: a loss of the last moments would not be noticed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(next_sequence: i64) -> Mark {
        Mark {
            incarnation: 3,
            base: 7,
            next_sequence,
            record_chain: 11,
            next_capture: 12,
            capture_chain: 13,
            acknowledged: 8,
            confirmed: 0,
            time_us: 15,
            closed: false,
        }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, none) = MarkFile::open(folder.path()).unwrap();
        assert_eq!(none, None);
        for next in 20..25 {
            file.write(&mark(next)).unwrap();
            assert_eq!(Mark::read(folder.path()), Some(mark(next)));
        }
        let path = mark_path(folder.path());
        let sound = fs::read(&path).unwrap();
        // The last write, the fifth, went to the second slot.
        for (at, expected) in [(4096 + 30, Some(mark(23))), (30, Some(mark(24)))] {
            let mut torn = sound.clone();
            torn[at] ^= 4;
            fs::write(&path, &torn).unwrap();
            assert_eq!(Mark::read(folder.path()), expected, "byte {at}");
        }
        fs::write(&path, b"short").unwrap();
        assert_eq!(Mark::read(folder.path()), None);
    }

    #[tokio::test]
    async fn the_last_mark_is_written_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = MarkFile::open(folder.path()).unwrap();
        let marker = Marker::start(file, mark(1));
        for next in 2..1000 {
            marker.set(mark(next));
        }
        let started = std::time::Instant::now();
        while Mark::read(folder.path()) != Some(mark(999)) || marker.kept.lag() > 0.0 {
            assert!(started.elapsed() < Duration::from_secs(20), "the mark is never written");
            tokio::time::sleep(EVERY).await;
        }
        marker.kept.latest.send_modify(|latest| latest.next_sequence += 7);
        assert!((marker.kept.lag() - 7.0).abs() < f64::EPSILON, "committed, and not written yet");
        marker.set(mark(1000));
        marker.close(Mark { closed: true, ..mark(1001) }).await;
        assert_eq!(Mark::read(folder.path()), Some(Mark { closed: true, ..mark(1001) }));
    }
}
