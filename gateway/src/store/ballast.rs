//! The ballast: a file that only takes room. SQLite needs room in its log even for a DELETE, so that a disk which is
//! really full cannot be freed by pruning. Then the ballast goes, and deletes, cursors and checkpoints work again.
//!
//! In: a folder and a size. Out: whether it is there. Never: a file that is sparse or that a file system could
//! compress, a commit that waits until it is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::Rng;

/// Written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// The ballast of a data folder.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
    present: AtomicBool,
    /// One writes it at a time.
    writing: AtomicBool,
}

impl Ballast {
    /// The ballast as an earlier run left it; one of another size is no use.
    pub(super) fn of(data_dir: &Path, bytes: u64) -> Self {
        let path = ballast_path(data_dir);
        let left = fs::metadata(&path).map_or(0, |file| file.len());
        let ballast = Self { path, bytes, present: false.into(), writing: false.into() };
        if left == bytes && bytes > 0 {
            ballast.present.store(true, Ordering::Relaxed);
        } else {
            ballast.release();
        }
        ballast
    }

    /// So much is wanted and not there.
    pub(super) fn missing_bytes(&self) -> u64 {
        if self.present.load(Ordering::Relaxed) { 0 } else { self.bytes }
    }

    /// How large it is when it is there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives its room away. Whether there was any to give.
    pub(super) fn release(&self) -> bool {
        let removed = fs::remove_file(&self.path).is_ok();
        self.present.store(false, Ordering::Relaxed);
        removed
    }

    /// Writes it beside everything else that goes on; what fails is tried again when there is room again.
    pub(super) fn write_beside(self: &Arc<Self>) {
        if self.writing.swap(true, Ordering::Relaxed) {
            return;
        }
        let ballast = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            ballast.write();
            ballast.writing.store(false, Ordering::Relaxed);
        });
    }

    /// Writes it whole under another name first, so that what has its name has its size.
    pub(super) fn write(&self) {
        let unfinished = self.path.with_extension("new");
        let written = fill(&unfinished, self.bytes)
            .and_then(|()| fs::rename(&unfinished, &self.path))
            .and_then(|()| sync_folder(&self.path));
        match written {
            Ok(()) => self.present.store(true, Ordering::Relaxed),
            Err(error) => {
                // What was written of it is room that others need.
                let _ = fs::remove_file(&unfinished);
                self.release();
                tracing::warn!(path = %self.path.display(), %error, "the ballast cannot be written, trying again later");
            }
        }
    }
}

/// The ballast within a data folder.
#[must_use]
pub fn ballast_path(data_dir: &Path) -> PathBuf {
    data_dir.join("ballast")
}

/// Random bytes: zeros would take no room on a file system that compresses.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut left = bytes;
    while left > 0 {
        rand::rng().fill(chunk.as_mut_slice());
        let size = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        file.write_all(chunk.get(..size).unwrap_or_default())?;
        left -= size as u64;
    }
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_ballast_takes_real_room_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = 3 * CHUNK_BYTES as u64 / 2;
        let ballast = Ballast::of(folder.path(), bytes);
        assert_eq!(ballast.missing_bytes(), bytes);
        ballast.write();
        assert_eq!(ballast.missing_bytes(), 0);
        let file = fs::metadata(ballast_path(folder.path())).unwrap();
        assert_eq!(file.len(), bytes);
        assert!(file.blocks() * 512 >= bytes, "sparse: {} blocks", file.blocks());

        assert_eq!(Ballast::of(folder.path(), bytes).missing_bytes(), 0, "kept over a restart");
        assert_eq!(Ballast::of(folder.path(), 7).missing_bytes(), 7, "of another size");
        assert!(!ballast.release(), "it went with the other size");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_ballast_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::of(&folder.path().join("gone"), 10);
        ballast.write();
        assert_eq!(ballast.missing_bytes(), 10);
        let none = Ballast::of(folder.path(), 0);
        assert_eq!(none.missing_bytes(), 0, "none is wanted");
    }
}
