//! Folders that survive a power cut: a folder is safe when the one that names it was synced.
//!
//! In: a path. Out: a folder for this user alone, and every folder on the way to it that was missing. Never: a change
//! to a folder that is there.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a folder and what is missing above it.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|known| known.is_dir()) {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if parent != path && parent != Path::new(".") {
        make(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => File::open(parent)?.sync_all(),
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_missing_is_made_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make(&inner).unwrap();
        make(&inner).unwrap();
        for path in [&inner, &folder.path().join("a")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(make(&folder.path().join("file")).is_err());
        assert!(make(&folder.path().join("file/below")).is_err());
    }
}
