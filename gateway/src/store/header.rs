//! The fields of the database file's header that are the same in every journal. One wrong bit in them, and SQLite takes
//! the file for no database at all, or reads every page wrongly.
//!
//! In: the file of a journal. Out: the same file with these fields as they were. Never: this on a file that is
//! something else. Format: <https://sqlite.org/fileformat2.html#the_database_header>.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEADER_BYTES: usize = 100;
/// Offset and content: the magic; pages of 4,096 bytes; WAL for readers and writers; no reserved space, the fractions
/// of a payload; the format of the schema; UTF-8.
const CONSTANT: [(usize, &[u8]); 6] = [
    (0, b"SQLite format 3\0"),
    (16, &[0x10, 0x00]),
    (VERSIONS, &[2, 2]),
    (20, &[0, 64, 32, 32]),
    (OF_SCHEMA, &[0, 0, 0, 4]),
    (56, &[0, 0, 0, 1]),
];
const VERSIONS: usize = 18;
/// From here on a field is 0 until the file has a schema. SQLite takes that for the usual.
const OF_SCHEMA: usize = 44;
/// What a recovery has built has no log yet.
const WITHOUT_LOG: [u8; 2] = [1, 1];
/// A file with more wrong bytes than these is another kind of file.
const WRONG_BYTES: usize = 3;

/// Sets right what is wrong in the constant fields. Says whether there was anything.
pub(super) fn set_right(path: &Path) -> io::Result<bool> {
    let mut header = [0; HEADER_BYTES];
    if fs::metadata(path).map_or(0, |file| file.len()) < HEADER_BYTES as u64 {
        return Ok(false);
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    file.read_exact_at(&mut header, 0)?;
    let has_log = header.get(VERSIONS..VERSIONS + 2) != Some(&WITHOUT_LOG);
    let wrong: Vec<(usize, u8)> = CONSTANT
        .iter()
        .filter(|(offset, _)| has_log || *offset != VERSIONS)
        .flat_map(|(offset, bytes)| (*offset..).zip(bytes.iter().copied()))
        .filter(|(at, byte)| header.get(*at) != Some(byte))
        .filter(|(at, _)| *at < OF_SCHEMA || header.get(*at) != Some(&0))
        .collect();
    if wrong.is_empty() || wrong.len() > WRONG_BYTES {
        return Ok(false);
    }
    for (at, byte) in wrong {
        let found = header.get(at).copied().unwrap_or(0);
        tracing::error!(at, found, expected = byte, "the journal's header was damaged");
        file.write_all_at(&[byte], at as u64)?;
    }
    file.sync_data()?;
    Ok(true)
}
