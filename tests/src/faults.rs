//! A disk that is slow, full or broken, and a clock that is wrong: for one gateway, while it runs. The calls of the
//! process are caught by a small library, `tests/preload/disk_faults.c`, so that it is the real program that is tested.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::run_tool;

/// The source of the library; what can be set is written at its head.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/preload/disk_faults.c");

/// What goes wrong below a folder.
#[derive(Debug)]
pub struct Faults {
    library: PathBuf,
    settings: PathBuf,
    below: PathBuf,
}

impl Faults {
    /// No faults yet. `folder` is for files of our own, `below` is where calls will fail.
    ///
    /// # Panics
    ///
    /// When there is no C compiler.
    #[must_use]
    pub fn below(below: &Path, folder: &Path) -> Self {
        let library = folder.join("disk_faults.so");
        let output = library.to_string_lossy().into_owned();
        run_tool("cc", &["-shared", "-fPIC", "-O1", "-o", &output, SOURCE]);
        let faults = Self { library, settings: folder.join("faults"), below: below.to_owned() };
        faults.set("");
        faults
    }

    /// From now on this goes wrong, and nothing else.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn set(&self, words: &str) {
        let new = self.settings.with_extension("new");
        fs::write(&new, format!("{words}\n")).expect("the faults are written");
        fs::rename(&new, &self.settings).expect("the faults are set");
    }

    /// What a process is given that is to meet these faults.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("LD_PRELOAD", self.library.clone()),
            ("TILLGATE_FAULTS", self.settings.clone()),
            ("TILLGATE_FAULTS_BELOW", self.below.clone()),
        ]
    }
}
