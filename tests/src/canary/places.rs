//! Where a number could be left: files, and the memory of a process.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// First bytes of a zstd frame (RFC 8878, 3.1.1): the journal keeps inputs compressed.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A page of memory on every machine that the tests run on, or a part of one.
const PAGE_BYTES: usize = 4096;

/// Something that could hold a card number.
#[derive(Debug)]
pub struct Place {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

impl Place {
    /// Bytes, and what they are called in a report.
    #[must_use]
    pub fn new(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), content }
    }

    /// The same with a text.
    #[must_use]
    pub fn text(name: &str, content: String) -> Self {
        Self::new(name, content.into_bytes())
    }
}

/// Every file below a folder, its name, and what is compressed inside it.
#[must_use]
pub fn files(folder: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(content) = fs::read(&path) {
            let name = path.display().to_string();
            found.push(Place::text("a file's name", name.clone()));
            let frames = decompressed(&content);
            found.extend(frames.map(|frame| Place::new(&format!("{name}, decompressed"), frame)));
            found.push(Place::new(&name, content));
        }
    }
    found
}

/// Each zstd frame, as far as it can be read: a frame that the database has spread over pages is readable to the end of
/// its first one.
fn decompressed(content: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    memchr::memmem::find_iter(content, &ZSTD_MAGIC).filter_map(|start| {
        let mut decoder = zstd::stream::Decoder::new(&content[start..]).ok()?.single_frame();
        let mut frame = Vec::new();
        let mut piece = [0; PAGE_BYTES];
        while let Ok(count @ 1..) = decoder.read(&mut piece) {
            frame.extend_from_slice(&piece[..count]);
        }
        Some(frame)
    })
}

/// What a process has in memory that it could have written: each stretch of pages that are not all zero. What is mapped
/// from files for reading is left out, since nothing can be left there.
///
/// # Errors
///
/// When this process may not look into that one. Root may, and as a rule nobody else: the daemon forbids it.
pub fn memory(process: u32) -> io::Result<Vec<Place>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let mut places = Vec::new();
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [range, rights, ..] = words[..] else { continue };
        let of = words.get(5).copied().unwrap_or("no file");
        if !rights.starts_with("rw") {
            continue;
        }
        let bounds = range.split('-').map(|bound| u64::from_str_radix(bound, 16));
        let Ok([from, to]) = <[_; 2]>::try_from(bounds.flatten().collect::<Vec<_>>()) else {
            continue;
        };
        stretches(&memory, from..to, of, &mut places);
    }
    if places.is_empty() {
        return Err(io::Error::other("no page can be read"));
    }
    Ok(places)
}

fn stretches(memory: &File, range: std::ops::Range<u64>, of: &str, places: &mut Vec<Place>) {
    let (mut stretch, mut page) = (Vec::new(), [0; PAGE_BYTES]);
    let mut push = |content: &mut Vec<u8>, end: u64| {
        if !content.is_empty() {
            let start = end - content.len() as u64;
            places.push(Place::new(
                &format!("memory of {of} from {start:#x}"),
                std::mem::take(content),
            ));
        }
    };
    for at in range.clone().step_by(PAGE_BYTES) {
        let is_read = memory.read_exact_at(&mut page, at).is_ok();
        if is_read && page != [0; PAGE_BYTES] {
            stretch.extend_from_slice(&page);
        } else {
            push(&mut stretch, at);
        }
    }
    push(&mut stretch, range.end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::{Needles, assert_absent};

    const CARD: &str = "6011111111111117";

    #[test]
    fn what_is_compressed_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"the card 6011111111111117";
        let compressed = zstd::bulk::compress(text, 1).unwrap();
        fs::write(folder.path().join("a"), [b"before", &compressed[..], b"behind"].concat())
            .unwrap();
        let needles = Needles::of(&[CARD]);
        assert!(!needles.found_in(&files(folder.path())).is_empty());
        fs::write(folder.path().join("a"), "nothing").unwrap();
        assert_absent(&files(folder.path()), &needles);
    }

    #[test]
    fn what_a_process_has_in_memory_is_found() {
        let needles = Needles::of(&[CARD]);
        let places = memory(std::process::id()).unwrap();
        assert!(!needles.found_in(&places).is_empty(), "this test has it in memory itself");
    }
}
