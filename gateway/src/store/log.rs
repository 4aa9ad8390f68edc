//! The write-ahead log after a stop out of order. SQLite takes the first frame whose checksum fails for the end of the
//! log, and drops all behind it in silence, whole as it may be. Here it is told whether that end is one: a write that
//! was interrupted looks otherwise than a log that was damaged. In a damaged one a
//! flipped bit of each frame is found and set right, and the checksums are made anew, so that SQLite reads every frame
//! again; what else in them is damaged then shows in our own rows' checksums.
//!
//! In: the log, the high-water mark. Out: the same log, readable to its end; the log as it was is kept.
//! Never: this beside an open connection. Format: <https://sqlite.org/fileformat2.html#walformat>.

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

/// What a start found of the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// SQLite reads all that was ever committed.
    Whole,
    /// It had been damaged. What its frames hold is to be looked at, row by row.
    Mended,
    /// Its last commit does not hold: a write that was interrupted, or one that was damaged later. The log is kept
    /// under this name.
    InDoubt(String),
}

/// Looks at the log after a stop out of order, and makes one that was damaged readable.
pub(super) async fn mend(data_dir: &Path, mark: Option<&Mark>, now_us: i64) -> io::Result<Log> {
    let path = journal_path(data_dir);
    let [_, log, _] = database_files(&path);
    let frames = fs::metadata(&log).map_or(0, |file| frames(file.len()));
    // A stop in order folds the log into the file.
    if frames == 0 || mark.is_some_and(|mark| mark.closed) {
        return Ok(Log::Whole);
    }
    let frames = Frames { file: OpenOptions::new().read(true).write(true).open(&log)?, frames };
    let Some(round) = frames.round()? else { return Ok(Log::Whole) };
    let end = frames.end(&round)?;
    let is_behind = match mark {
        Some(mark) => is_behind(&path, mark).await,
        None => false,
    };
    if end == End::Whole && !is_behind {
        return Ok(Log::Whole);
    }
    let name = free_log_name(data_dir, now_us);
    let kept = data_dir.join(&name);
    fs::copy(&log, &kept)?;
    if end == End::InDoubt && !is_behind {
        return Ok(Log::InDoubt(name));
    }
    if frames.mend(&round)? {
        return Ok(Log::Mended);
    }
    fs::remove_file(kept)?;
    Ok(Log::Whole)
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

/// The frames that were written since the log last began anew. Others are of a round before, or were never written.
struct Round {
    salt: [u8; 8],
    /// Which they are: all but the last commit's are in one piece, unless the disk lost some.
    members: Vec<u64>,
    /// Whether the header's checksum holds. It is synced before any frame is written.
    header_holds: bool,
}

/// How the log ends, where SQLite stops to read.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// No commit stands behind, or one that was never written whole.
    Whole,
    /// One commit stands behind, and its frames do not hold.
    InDoubt,
    /// Behind stands what was synced: each commit is, before the next one is written.
    Damaged,
}

type Frame = [u8; FRAME_BYTES];

impl Frames {
    /// What stands behind the last commit that SQLite reads.
    fn end(&self, round: &Round) -> io::Result<End> {
        let (mut sum, header) = self.header()?;
        let (mut commits, mut broken, mut next) = (0, false, 0);
        let mut reads_on = round.header_holds;
        let mut before: [u8; 8] = tail(&header);
        for (at, number) in round.members.iter().copied().enumerate() {
            let mut frame = self.frame(number)?;
            sum.add_frame(&frame);
            reads_on &=
                number == next && salt_of(&frame) == round.salt && sum.bytes() == sum_of(&frame);
            if reads_on && is_commit(&frame) {
                (commits, broken) = (0, false);
            } else if is_commit(&frame) {
                commits += 1;
            }
            let healed = heal(before, &mut frame, self.member(round, at + 1)?.as_ref());
            broken |= !reads_on && healed.is_none();
            before = healed.unwrap_or_else(|| sum_of(&frame));
            next = number + 1;
        }
        let some_are_missing = round.members.len() as u64 != next;
        Ok(match commits {
            0 => End::Whole,
            1 if round.header_holds && some_are_missing => End::Whole,
            1 if round.header_holds && broken => End::InDoubt,
            _ => End::Damaged,
        })
    }

    /// Writes header and checksums anew, through the last frame of the round. Says whether there was anything to do.
    fn mend(&self, round: &Round) -> io::Result<bool> {
        let (_, found) = self.header()?;
        let mut header = found;
        put(&mut header, 0, MAGIC.to_be_bytes());
        put(&mut header, 4, VERSION.to_be_bytes());
        put(&mut header, 8, u32::try_from(PAGE_BYTES).unwrap_or(0).to_be_bytes());
        put(&mut header, 16, round.salt);
        let mut sum = Sum::default();
        sum.add(header.get(..24).unwrap_or_default());
        put(&mut header, 24, sum.bytes());
        let mut changed = header != found;
        self.file.write_all_at(&header, 0)?;
        let mut before: [u8; 8] = tail(&found);
        // A frame that the disk never got is left out: its page stays as it was before.
        for (at, number) in round.members.iter().copied().enumerate() {
            let mut frame = self.frame(number)?;
            let found = frame;
            let healed = heal(before, &mut frame, self.member(round, at + 1)?.as_ref());
            before = healed.unwrap_or_else(|| sum_of(&frame));
            sum.add_frame(&frame);
            put(&mut frame, 8, round.salt);
            put(&mut frame, 16, sum.bytes());
            let place = at as u64;
            if frame != found || place != number {
                changed = true;
                self.file.write_all_at(&frame, offset(place))?;
            }
        }
        if changed {
            self.file.set_len(offset(round.members.len() as u64))?;
            self.file.sync_all()?;
        }
        Ok(changed)
    }

    /// The frames that have the salt of the round, or that follow one of them though a bit of theirs is another.
    fn round(&self) -> io::Result<Option<Round>> {
        let (sum, header) = self.header()?;
        let header_holds = sum.bytes() == tail(&header);
        let Some(salt) = self.salt_of_round(&header, header_holds)? else { return Ok(None) };
        let (mut members, mut before) = (Vec::new(), Some(tail(&header)));
        for number in 0..self.frames {
            let frame = self.frame(number)?;
            let is_member =
                salt_of(&frame) == salt || before.is_some_and(|before| follows(before, &frame));
            before = is_member.then(|| sum_of(&frame));
            members.extend(is_member.then_some(number));
        }
        Ok(Some(Round { salt, members, header_holds }))
    }

    /// The header says it. Where it does not hold, it is asked together with the first frames: two of the four may be
    /// damaged, in ways of their own.
    fn salt_of_round(
        &self,
        header: &[u8; HEADER_BYTES],
        header_holds: bool,
    ) -> io::Result<Option<[u8; 8]>> {
        let of_header = header.get(16..).map_or([0; 8], first);
        if header_holds {
            return Ok(Some(of_header));
        }
        let mut salts = Vec::new();
        for number in 0..self.frames.min(3) {
            salts.push(salt_of(&self.frame(number)?));
        }
        salts.push(of_header);
        let of_two = |salt: &&[u8; 8]| salts.iter().filter(|other| other == salt).count() > 1;
        Ok(salts.iter().find(of_two).or_else(|| salts.first()).copied())
    }

    /// The header, and what its checksum should be.
    fn header(&self) -> io::Result<(Sum, [u8; HEADER_BYTES])> {
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, 0)?;
        let mut sum = Sum::default();
        sum.add(header.get(..24).unwrap_or_default());
        Ok((sum, header))
    }

    fn member(&self, round: &Round, at: usize) -> io::Result<Option<Frame>> {
        round.members.get(at).map(|number| self.frame(*number)).transpose()
    }

    fn frame(&self, number: u64) -> io::Result<Frame> {
        let mut frame = [0; FRAME_BYTES];
        self.file.read_exact_at(&mut frame, offset(number))?;
        Ok(frame)
    }
}

/// Whether a frame's checksum is what it should be behind one with this checksum.
fn follows(before: [u8; 8], frame: &Frame) -> bool {
    counted(before, frame) == sum_of(frame)
}

fn counted(before: [u8; 8], frame: &Frame) -> [u8; 8] {
    let mut sum = Sum::of(before);
    sum.add_frame(frame);
    sum.bytes()
}

/// Sets right the one bit of a frame that was flipped, and says what its checksum should be. None where more than one
/// bit is wrong.
fn heal(before: [u8; 8], frame: &mut Frame, next: Option<&Frame>) -> Option<[u8; 8]> {
    let (counted, found) = (counted(before, frame), sum_of(frame));
    let apart = (u64::from_be_bytes(counted) ^ u64::from_be_bytes(found)).count_ones();
    // The bit may be one of the checksum itself. The next frame knows, which goes on from it.
    if apart == 0 || next.map_or(apart == 1, |next| apart == 1 && follows(counted, next)) {
        return Some(counted);
    }
    let (byte, bit) = flipped_bit(frame, Sum::of(counted), Sum::of(found))?;
    *frame.get_mut(byte)? ^= 1 << bit;
    Some(found)
}

/// The one bit whose flip explains a sum. The sum is linear: a bit changes it by a power of two times the weight of the
/// word that it is in, which is known from the number of words behind it. The weights' last bits come again, so that
/// some of the words' uppermost bits cannot be told from one another: those stay as they are.
fn flipped_bit(frame: &Frame, counted: Sum, found: Sum) -> Option<(usize, u32)> {
    let missing = (found.0.wrapping_sub(counted.0), found.1.wrapping_sub(counted.1));
    // What one more in either half of the sum becomes in the end.
    let (mut first_half, mut second_half) = ((1_u32, 0_u32), (0_u32, 1_u32));
    let plus = |one: (u32, u32), other: (u32, u32)| {
        (one.0.wrapping_add(other.0), one.1.wrapping_add(other.1))
    };
    let mut explanation = None;
    for start in (FRAME_HEADER_BYTES..FRAME_BYTES).step_by(8).rev().chain([0]) {
        let of_first = plus(first_half, second_half);
        for (at, weight) in [(start, of_first), (start + 4, second_half)] {
            let word = u32::from_le_bytes(first(frame.get(at..)?));
            for bit in 0..32 {
                let flipped = (word ^ (1 << bit)).wrapping_sub(word);
                if (weight.0.wrapping_mul(flipped), weight.1.wrapping_mul(flipped)) == missing {
                    if explanation.is_some() {
                        return None;
                    }
                    explanation = Some((at + bit as usize / 8, bit % 8));
                }
            }
        }
        (first_half, second_half) = (of_first, plus(of_first, second_half));
    }
    explanation
}

/// The last frame of a commit says how many pages the file has then.
fn is_commit(frame: &Frame) -> bool {
    frame.get(4..8).is_some_and(|pages| pages != [0; 4])
}

fn salt_of(frame: &Frame) -> [u8; 8] {
    frame.get(8..).map_or([0; 8], first)
}

fn sum_of(frame: &Frame) -> [u8; 8] {
    frame.get(16..).map_or([0; 8], first)
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

fn tail<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.last_chunk().copied().unwrap_or([0; N])
}

/// The log's checksum, which runs on from frame to frame.
#[derive(Debug, Default, Clone, Copy)]
struct Sum(u32, u32);

impl Sum {
    fn of(bytes: [u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self(u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
    }

    /// Counts the page's number, the size behind a commit, and the page.
    fn add_frame(&mut self, frame: &Frame) {
        self.add(frame.get(..8).unwrap_or_default());
        self.add(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
    }

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
