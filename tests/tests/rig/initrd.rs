//! The guest's first file system, which it needs no other beside: an archive in the kernel's format (newc, see
//! Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! In: programs and files of this machine. Out: the archive, with the libraries that the programs need. Never: a
//! link, a device or an owner other than root.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tillgate_tests::process;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

/// An archive that grows.
#[derive(Default)]
pub(crate) struct Initrd {
    archive: Vec<u8>,
    paths: BTreeSet<PathBuf>,
}

impl Initrd {
    /// Adds a file and the folders above it. What is there already stays.
    pub(crate) fn file(&mut self, path: &str, content: &[u8]) {
        self.entry(Path::new(path), FILE, content);
    }

    /// Adds a file of this machine that can be run.
    pub(crate) fn script(&mut self, path: &str, source: &Path) {
        self.entry(Path::new(path), PROGRAM, &read(source));
    }

    /// Adds a program of this machine under the same name, and its libraries.
    pub(crate) fn program(&mut self, source: &Path) {
        self.program_as(&source.to_string_lossy(), source);
    }

    /// Adds a program and its libraries.
    pub(crate) fn program_as(&mut self, path: &str, source: &Path) {
        self.entry(Path::new(path), PROGRAM, &read(source));
        for library in libraries(source) {
            self.entry(&library, PROGRAM, &read(&library));
        }
    }

    /// The archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.append("TRAILER!!!", 0, &[]);
        self.archive
    }

    fn entry(&mut self, path: &Path, mode: u32, content: &[u8]) {
        if path == Path::new("/") || !self.paths.insert(path.to_owned()) {
            return;
        }
        if let Some(parent) = path.parent() {
            self.entry(parent, FOLDER, &[]);
        }
        let name = path.strip_prefix("/").unwrap_or(path).to_string_lossy().into_owned();
        self.append(&name, mode, content);
    }

    /// A header of 13 numbers in eight hex digits each, the name, the content; both padded to four bytes.
    fn append(&mut self, name: &str, mode: u32, content: &[u8]) {
        let inode = self.paths.len();
        let mut header = format!("070701{inode:08x}{mode:08x}");
        let (size, name_size) = (content.len(), name.len() + 1);
        // Owner, group, links, time, size, four device numbers, size of the name, no checksum.
        for number in [0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            let _ = write!(header, "{number:08x}");
        }
        self.archive.extend(header.bytes().chain(name.bytes()).chain([0]));
        self.pad();
        self.archive.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.archive.resize(self.archive.len().next_multiple_of(4), 0);
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The absolute paths in what `ldd` prints; none for a static program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let mut ldd = Command::new("ldd");
    ldd.arg(program);
    let said = process::run(ldd).stdout;
    let words = said.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(|word| PathBuf::from(word.trim_end_matches(':'))).collect()
}
