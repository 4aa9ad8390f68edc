//! An EDI partner with a folder: it moves files in and collects acknowledgements.

use std::fs;
use std::path::{Path, PathBuf};

use crate::deadline::eventually;

/// The partner's folder.
#[derive(Debug, Clone)]
pub struct Partner {
    folder: PathBuf,
}

impl Partner {
    /// The folder that holds in, out, done and rejected.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Moves a file in, as a careful sender does: written under a temporary name, then renamed.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    pub fn deliver(&self, name: &str, content: &[u8]) {
        let folder = self.folder.join("in");
        fs::create_dir_all(&folder).expect("the partner's folder");
        let hidden = folder.join(format!(".{name}"));
        fs::write(&hidden, content).expect("a file in the partner's folder");
        fs::rename(hidden, folder.join(name)).expect("a file in the partner's folder");
    }

    /// Writes a file in place, as a careless sender does.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    pub fn drop_in_place(&self, name: &str, content: &[u8]) {
        let folder = self.folder.join("in");
        fs::create_dir_all(&folder).expect("the partner's folder");
        fs::write(folder.join(name), content).expect("a file in the partner's folder");
    }

    /// Names in one of `in`, `out`, `done`, `rejected`, sorted; temporary ones are left out.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(folder));
        let mut names: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// A file's content.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    #[must_use]
    pub fn read(&self, folder: &str, name: &str) -> String {
        let file = self.folder.join(folder).join(name);
        let content = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        String::from_utf8_lossy(&content).into_owned()
    }

    /// Waits until so many files are there.
    ///
    /// # Panics
    ///
    /// When they do not come in time.
    #[track_caller]
    pub fn wait_for(&self, folder: &str, count: usize, seconds: u64) -> Vec<String> {
        eventually(seconds, &format!("{count} files in the partner's {folder}/"), || {
            let names = self.names(folder);
            (names.len() >= count).then_some(names)
        })
    }
}
