//! The write-ahead log after damage. SQLite takes the first frame whose checksum fails for the end of the log, and
//! drops all behind it, whole as they may be. When the high-water mark says that more was there, the checksums are made
//! anew, so that SQLite reads every frame again; what in them is damaged then shows in our own rows' checksums.
//!
//! In: the log of a journal that is behind its mark. Out: the same log, readable to its end; the log as it was is kept.
//! Never: this on a log that nobody misses anything of. Format: <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sqlx::ConnectOptions;

use super::counters::Counters;
use super::mark::Mark;
use super::open::reading;
use super::options::journal_path;
use super::owner::database_files;
use super::swap::free_log_name;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Our journals have pages of SQLite's default size.
const PAGE_BYTES: usize = 4096;
const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAGE_BYTES;
/// The checksums' words are little-endian, as they are written on every machine that we run on.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// Makes the log of a journal readable that lacks what the mark has seen. Says whether there was anything to do.
pub(super) async fn mend(data_dir: &Path, mark: Option<&Mark>, now_us: i64) -> io::Result<bool> {
    let path = journal_path(data_dir);
    let [_, log, _] = database_files(&path);
    let frames = fs::metadata(&log).map_or(0, |file| frames(file.len()));
    let Some(mark) = mark.filter(|mark| !mark.closed && frames > 0) else { return Ok(false) };
    if !is_behind(&path, mark).await {
        return Ok(false);
    }
    let kept = data_dir.join(free_log_name(data_dir, now_us));
    fs::copy(&log, &kept)?;
    let mended = Frames { file: OpenOptions::new().read(true).write(true).open(&log)?, frames };
    let changed = mended.mend()?;
    if !changed {
        fs::remove_file(kept)?;
    }
    Ok(changed)
}

fn frames(bytes: u64) -> u64 {
    bytes.saturating_sub(HEADER_BYTES as u64) / FRAME_BYTES as u64
}

/// Whether the journal, as SQLite reads it, lacks what the mark has seen. A read-only look leaves the log as it is.
async fn is_behind(path: &Path, mark: &Mark) -> bool {
    let read = async {
        let mut connection = reading(path).connect().await?;
        Counters::read(&mut connection).await
    };
    read.await.map_or(true, |(counters, whole)| {
        whole
            && counters.incarnation <= mark.incarnation
            && (counters.next_sequence < mark.next_sequence
                || counters.next_capture < mark.next_capture)
    })
}

struct Frames {
    file: File,
    frames: u64,
}

impl Frames {
    /// Writes header and checksums anew, through the last frame of the log's present round.
    fn mend(&self) -> io::Result<bool> {
        let Some((salt, last)) = self.round()? else { return Ok(false) };
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, 0)?;
        let mut sum = Sum::default();
        let before = header;
        put(&mut header, 0, MAGIC.to_be_bytes());
        put(&mut header, 4, VERSION.to_be_bytes());
        put(&mut header, 8, u32::try_from(PAGE_BYTES).unwrap_or(0).to_be_bytes());
        put(&mut header, 16, salt);
        sum.add(header.get(..24).unwrap_or_default());
        put(&mut header, 24, sum.bytes());
        let mut changed = header != before;
        self.file.write_all_at(&header, 0)?;
        let mut frame = [0; FRAME_BYTES];
        for number in 0..=last {
            self.file.read_exact_at(&mut frame, offset(number))?;
            let head: [u8; FRAME_HEADER_BYTES] = first(&frame);
            sum.add(frame.get(..8).unwrap_or_default());
            sum.add(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
            put(&mut frame, 8, salt);
            put(&mut frame, 16, sum.bytes());
            let mended: [u8; FRAME_HEADER_BYTES] = first(&frame);
            if mended != head {
                changed = true;
                self.file.write_all_at(&mended, offset(number))?;
            }
        }
        self.file.sync_data()?;
        Ok(changed)
    }

    /// The salt of the present round and the last frame that has it. Frames behind that are of a round before.
    fn round(&self) -> io::Result<Option<([u8; 8], u64)>> {
        let mut salts: Vec<[u8; 8]> = Vec::new();
        for number in 0..self.frames.min(3) {
            salts.push(self.salt(number)?);
        }
        // The header has it, too: two of the four may be damaged, in ways of their own.
        let mut header = [0; 8];
        self.file.read_exact_at(&mut header, 16)?;
        salts.push(header);
        let of_two = |salt: &&[u8; 8]| salts.iter().filter(|other| other == salt).count() > 1;
        let Some(salt) = salts.iter().find(of_two).or_else(|| salts.first()).copied() else {
            return Ok(None);
        };
        let mut last = None;
        for number in 0..self.frames {
            if self.salt(number)? == salt {
                last = Some(number);
            }
        }
        Ok(last.map(|last| (salt, last)))
    }

    fn salt(&self, number: u64) -> io::Result<[u8; 8]> {
        let mut salt = [0; 8];
        self.file.read_exact_at(&mut salt, offset(number) + 8)?;
        Ok(salt)
    }
}

fn offset(number: u64) -> u64 {
    HEADER_BYTES as u64 + number * FRAME_BYTES as u64
}

fn put<const N: usize>(target: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = target.get_mut(at..at + N) {
        place.copy_from_slice(&bytes);
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// The log's checksum, which runs on from frame to frame.
#[derive(Debug, Default)]
struct Sum(u32, u32);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let [a, b, c, d, e, f, g, h] = first(pair);
            self.0 = self.0.wrapping_add(u32::from_le_bytes([a, b, c, d])).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(u32::from_le_bytes([e, f, g, h])).wrapping_add(self.0);
        }
    }

    fn bytes(&self) -> [u8; 8] {
        let ([a, b, c, d], [e, f, g, h]) = (self.0.to_be_bytes(), self.1.to_be_bytes());
        [a, b, c, d, e, f, g, h]
    }
}
