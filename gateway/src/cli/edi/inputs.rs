//! Which files a command line means: files as they are named, directories with all that is in them.
//!
//! In: paths. Out: files in the order of the command line, and within a directory in the order of names; what cannot be
//! listed stands in its place with the reason. Never: a link to a directory followed, a file that is opened.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

/// A file, or why a directory cannot be listed.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Bytes, as far as is known.
    pub(super) bytes: u64,
    pub(super) trouble: Option<io::Error>,
}

/// The files that are meant.
pub(super) fn list(paths: &[PathBuf]) -> Vec<Input> {
    let mut found = Vec::new();
    for path in paths {
        if path != Path::new("-") && path.is_dir() {
            list_directory(path, &mut found);
        } else {
            let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
            found.push(Input { path: path.clone(), bytes, trouble: None });
        }
    }
    found
}

fn list_directory(directory: &Path, found: &mut Vec<Input>) {
    let listed =
        fs::read_dir(directory).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => {
            let path = directory.to_owned();
            return found.push(Input { path, bytes: 0, trouble: Some(error) });
        }
    };
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list_directory(&path, found);
            continue;
        }
        // Follows a link. A pipe or a device would keep its reader waiting.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                found.push(Input { path, bytes: metadata.len(), trouble: None });
            }
            Ok(_) => {}
            Err(error) => found.push(Input { path, bytes: 0, trouble: Some(error) }),
        }
    }
}
