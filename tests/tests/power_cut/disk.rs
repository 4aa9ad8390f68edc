//! A disk that keeps what was synced and may or may not keep the rest.
//!
//! In: calls, in the order of time. Out: the folders as they may stand there when the power is cut. Writes of a file
//! are safe when a sync of the file began after they had ended, names when their folder was synced likewise.
//! Everything else is pending: kept, lost, or kept in part, each on its own. A name that changes folders needs a sync
//! of both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::rngs::SmallRng;
use tillgate_tests::trace::{Call, Deed};

/// What a disk writes whole, at least: a sector of an old one.
const SECTOR_BYTES: [usize; 2] = [512, 4096];

/// Files and folders by name; a file by the number of its content.
type Names = BTreeMap<PathBuf, Option<usize>>;

#[derive(Debug, Clone)]
enum Change {
    Data { file: usize, offset: usize, bytes: Vec<u8> },
    Size { file: usize, size: usize },
    Name { from: Option<PathBuf>, to: Option<PathBuf>, node: Option<usize> },
}

/// A change that is not safe yet.
#[derive(Debug)]
struct Pending {
    end: usize,
    change: Change,
    /// For a name: folders whose sync it still needs.
    folders: BTreeSet<PathBuf>,
}

/// What becomes of pending changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All are lost.
    None,
    /// All are kept.
    All,
    /// One of them is lost.
    AllButOne,
    /// One of them is kept.
    One,
    /// Each by the toss of a coin.
    Some,
    /// Writes are kept in part, sector by sector.
    Torn,
}

impl Fate {
    /// All fates.
    pub(crate) const ALL: [Self; 6] =
        [Self::None, Self::All, Self::AllButOne, Self::One, Self::Some, Self::Torn];
}

/// The disk below one folder.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// What is safe.
    contents: Vec<Vec<u8>>,
    names: Names,
    /// The names as the gateway sees them.
    live: Names,
    pending: Vec<Pending>,
    /// Syncs that have begun and not ended: when, and of what.
    syncs: Vec<(usize, usize, PathBuf, Option<usize>)>,
}

impl Disk {
    /// A disk with nothing on it but what others had put there.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            contents: Vec::new(),
            names: Names::new(),
            live: Names::new(),
            pending: Vec::new(),
            syncs: Vec::new(),
        }
    }

    /// Something that somebody else put there, and synced.
    pub(crate) fn give(&mut self, path: &Path, content: Option<&[u8]>) {
        let node = content.map(|content| self.new_content(content.to_vec()));
        for names in [&mut self.names, &mut self.live] {
            names.insert(path.to_owned(), node);
        }
    }

    fn new_content(&mut self, content: Vec<u8>) -> usize {
        self.contents.push(content);
        self.contents.len() - 1
    }

    /// A call began. Its effect is pending; of a sync, when it has ended in time.
    pub(crate) fn begin(&mut self, call: &Call) {
        let Call { begin, end, deed } = call;
        match deed {
            Deed::Create(path) => self.create(path, *end, true),
            Deed::MakeFolder(path) => self.create(path, *end, false),
            Deed::Write { path, offset, bytes } => {
                let Some(file) = self.file(path) else { return };
                let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
                self.change(*end, Change::Data { file, offset, bytes: bytes.clone() });
            }
            Deed::Resize { path, size } => {
                self.create(path, *end, true);
                let Some(file) = self.file(path) else { return };
                let size = usize::try_from(*size).unwrap_or(usize::MAX);
                self.change(*end, Change::Size { file, size });
            }
            Deed::Rename(from, to) => {
                let Some(node) = self.live.remove(from) else { return };
                self.live.insert(to.clone(), node);
                self.rename(*end, Some(from), Some(to), node);
            }
            Deed::Remove(path) => {
                let Some(node) = self.live.remove(path) else { return };
                self.rename(*end, Some(path), None, node);
            }
            Deed::Sync(path) => {
                let file = self.live.get(path).copied().flatten();
                self.syncs.push((*begin, *end, path.clone(), file));
            }
            Deed::Receive { .. } | Deed::Send { .. } => {}
        }
    }

    fn create(&mut self, path: &Path, end: usize, is_file: bool) {
        if !path.starts_with(&self.root) || self.live.contains_key(path) {
            return;
        }
        let node = is_file.then(|| self.new_content(Vec::new()));
        self.live.insert(path.to_owned(), node);
        self.rename(end, None, Some(path), node);
    }

    fn file(&self, path: &Path) -> Option<usize> {
        self.live.get(path).copied().flatten()
    }

    fn change(&mut self, end: usize, change: Change) {
        self.pending.push(Pending { end, change, folders: BTreeSet::new() });
    }

    fn rename(&mut self, end: usize, from: Option<&Path>, to: Option<&Path>, node: Option<usize>) {
        let folder = |path: &Path| path.parent().map(Path::to_owned);
        let folders = [from, to].into_iter().flatten().filter_map(folder).collect();
        let (from, to) = (from.map(Path::to_owned), to.map(Path::to_owned));
        self.pending.push(Pending { end, change: Change::Name { from, to, node }, folders });
    }

    /// Time has come to `now`: what the syncs that have ended by then cover is safe.
    pub(crate) fn until(&mut self, now: usize) {
        let (ended, open) = self.syncs.drain(..).partition(|(_, end, ..)| *end < now);
        self.syncs = open;
        for (begin, _, path, file) in ended {
            self.sync(begin, &path, file);
        }
    }

    fn sync(&mut self, begin: usize, path: &Path, synced: Option<usize>) {
        let pending = std::mem::take(&mut self.pending);
        for mut one in pending {
            let is_safe = one.end < begin
                && match &one.change {
                    Change::Data { file, .. } | Change::Size { file, .. } => Some(*file) == synced,
                    Change::Name { .. } => one.folders.remove(path) && one.folders.is_empty(),
                };
            if is_safe {
                apply(&one.change, &mut self.contents, &mut self.names);
            } else {
                self.pending.push(one);
            }
        }
    }

    /// Whether a call changes what is on the disk, or makes it safe.
    pub(crate) fn is_changed_by(call: &Call) -> bool {
        !matches!(call.deed, Deed::Receive { .. } | Deed::Send { .. })
    }

    /// How many changes are pending.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Builds in `target` what is left below the root after a power cut.
    pub(crate) fn rebuild(&self, fate: Fate, random: &mut SmallRng, target: &Path) {
        let (mut contents, mut names) = (self.contents.clone(), self.names.clone());
        let chosen = random.random_range(0..self.pending.len().max(1));
        for (number, one) in self.pending.iter().enumerate() {
            let is_kept = match fate {
                Fate::None => false,
                Fate::All => true,
                Fate::AllButOne => number != chosen,
                Fate::One => number == chosen,
                Fate::Some | Fate::Torn => random.random(),
            };
            match &one.change {
                change if is_kept => apply(change, &mut contents, &mut names),
                Change::Data { file, offset, bytes } if fate == Fate::Torn => {
                    let sector = SECTOR_BYTES[random.random_range(0..2)];
                    for (at, part) in sectors(*offset, bytes, sector) {
                        if random.random() {
                            write(&mut contents[*file], at, part);
                        }
                    }
                }
                _ => {}
            }
        }
        self.write_out(&contents, &names, target);
    }

    fn write_out(&self, contents: &[Vec<u8>], names: &Names, target: &Path) {
        // A folder sorts before what is in it.
        for (path, node) in names {
            let Ok(name) = path.strip_prefix(&self.root) else { continue };
            let place = target.join(name);
            // What lies in a folder that was lost is lost with it.
            if place.parent().is_some_and(Path::is_dir) {
                match node {
                    None => fs::create_dir_all(&place).expect("a folder"),
                    Some(file) => fs::write(&place, &contents[*file]).expect("a file"),
                }
            }
        }
    }
}

fn apply(change: &Change, contents: &mut [Vec<u8>], names: &mut Names) {
    match change {
        Change::Data { file, offset, bytes } => write(&mut contents[*file], *offset, bytes),
        Change::Size { file, size } => contents[*file].resize(*size, 0),
        Change::Name { from, to, node } => {
            let was_there = from.as_ref().is_none_or(|from| names.remove(from).is_some());
            if let (true, Some(to)) = (was_there, to) {
                names.insert(to.clone(), *node);
            }
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        // What was never written reads as zeros.
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

/// A write in pieces that end where sectors of the disk do.
fn sectors(offset: usize, bytes: &[u8], sector: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((sector - at % sector).min(rest.len()));
        pieces.push((at, piece));
        at += piece.len();
        rest = behind;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn call(at: usize, deed: Deed) -> Call {
        Call { begin: at, end: at, deed }
    }

    fn write_at(at: usize, offset: u64, bytes: &[u8]) -> Call {
        call(at, Deed::Write { path: "/d/a".into(), offset, bytes: bytes.to_vec() })
    }

    fn left(disk: &Disk, fate: Fate) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        disk.rebuild(fate, &mut SmallRng::seed_from_u64(1), folder.path());
        fs::read(folder.path().join("a")).ok()
    }

    #[test]
    fn only_what_was_synced_is_sure_to_be_left() {
        let calls = [
            call(1, Deed::Create("/d/a".into())),
            write_at(2, 0, b"one"),
            call(3, Deed::Sync("/d/a".into())),
            call(4, Deed::Sync("/d".into())),
            write_at(5, 3, b"two"),
            Call { begin: 6, end: 9, deed: Deed::Sync("/d/a".into()) },
        ];
        let then = |now: usize, fate| {
            let mut disk = Disk::new(Path::new("/d"));
            calls.iter().filter(|call| call.begin < now).for_each(|call| disk.begin(call));
            disk.until(now);
            left(&disk, fate)
        };
        assert_eq!(then(4, Fate::None), None, "the name was not synced");
        assert_eq!(then(5, Fate::None).as_deref(), Some(&b"one"[..]));
        assert_eq!(then(9, Fate::None).as_deref(), Some(&b"one"[..]), "the sync has not ended");
        assert_eq!(then(9, Fate::All).as_deref(), Some(&b"onetwo"[..]));
        assert_eq!(then(10, Fate::None).as_deref(), Some(&b"onetwo"[..]));
    }

    #[test]
    fn a_name_that_changes_folders_needs_both_synced() {
        let mut disk = Disk::new(Path::new("/d"));
        disk.give(Path::new("/d/in"), None);
        disk.give(Path::new("/d/done"), None);
        disk.give(Path::new("/d/in/a"), Some(b"file"));
        disk.begin(&call(1, Deed::Rename("/d/in/a".into(), "/d/done/a".into())));
        disk.begin(&call(2, Deed::Sync("/d/done".into())));
        disk.until(3);
        assert_eq!(disk.pending(), 1);
        disk.begin(&call(4, Deed::Sync("/d/in".into())));
        disk.until(5);
        assert_eq!(disk.pending(), 0);
        assert!(disk.names.contains_key(Path::new("/d/done/a")));
    }

    #[test]
    fn pieces_end_where_sectors_do() {
        let pieces = sectors(500, &[1; 600], 512);
        let sizes: Vec<_> = pieces.iter().map(|(at, piece)| (*at, piece.len())).collect();
        assert_eq!(sizes, [(500, 12), (512, 512), (1024, 76)]);
    }
}
