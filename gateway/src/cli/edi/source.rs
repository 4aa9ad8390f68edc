//! The bytes of a file or of standard input, piece by piece.
//!
//! In: a path. Out: large pieces. Never: a file that is held whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are read at once: enough that a call costs little beside what is done with them, and few enough that they
/// are still in the core's cache then.
const PIECE_BYTES: usize = 64 * 1024;

/// An open input.
pub(super) struct Source {
    from: Box<dyn Read>,
    length: Option<usize>,
    piece: Vec<u8>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let piece = vec![0; PIECE_BYTES];
        if path == Path::new("-") {
            return Ok(Self { from: Box::new(io::stdin()), length: None, piece });
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        // What is no plain file states a length of 0, or none of its own.
        let length = Some(metadata.len()).filter(|length| metadata.is_file() && *length > 0);
        let length = length.and_then(|length| usize::try_from(length).ok());
        Ok(Self { from: Box::new(file), length, piece })
    }

    /// Bytes in all, where that is known.
    pub(super) fn length(&self) -> Option<usize> {
        self.length
    }

    /// The next bytes; none at the end.
    pub(super) fn next_bytes(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.from.read(&mut self.piece) {
                Ok(count) => return Ok(self.piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
