//! Files that a recovery set aside: damaged journals and logs as they were, which nobody deletes but people. They count
//! against no budget, only against what is free on the disk, so they are shown.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::swap::ASIDE_PREFIX;

/// The files set aside in a data folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// How many.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl SetAside {
    /// What to do about them.
    pub const WAY_OUT: &str = "they are kept for people who look for what was lost: when `tillgate verify` says whole and \
        what the loss named was sent again, remove them (`journal.aside-*`)";

    /// Looks into a data folder. One that cannot be read shows none.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        let entries = fs::read_dir(data_dir).into_iter().flatten().flatten();
        let aside = entries.filter(|entry| {
            entry.file_name().as_encoded_bytes().starts_with(ASIDE_PREFIX.as_bytes())
        });
        let sizes = aside.filter_map(|entry| entry.metadata().ok()).map(|file| file.len());
        sizes.fold(Self::default(), |sum, bytes| Self {
            files: sum.files + 1,
            bytes: sum.bytes + bytes,
        })
    }
}
