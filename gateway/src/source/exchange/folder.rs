//! The directories of a partner, as open directories: no operation goes through a path that others could bend.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use tillgate_parsers::redact;
use zeroize::Zeroizing;

use crate::source::FileStamp;
use crate::{durable_folder, fail_point};

/// Files that are looked at in one round; more wait for the next.
pub(super) const MOST_ARRIVALS: usize = 10_000;

/// Numbers that are tried behind a name that is there already.
const MOST_SUFFIXES: u32 = 99;

/// Longest start of a name that is kept: with a stamp and `.findings.txt` behind it, it still is a name (255 bytes).
const LONGEST_NAME_BYTES: usize = 200;

/// What a file of ours is called until it is whole. One is enough: a partner's files are written one after the other.
const TEMPORARY: &str = ".tillgate.tmp";

/// Where a file is between its last check and its removal, under its own name: what a crash leaves here is recognised.
const TAKEN: &str = ".taken";

/// How much of a file that is too large is held at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// Why a folder cannot be worked with.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot {doing} in the EDI folder {folder}: check that it exists, is writable and has room"
)]
pub struct FolderError {
    doing: &'static str,
    folder: PathBuf,
    #[source]
    source: io::Error,
}

/// Where a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outbox {
    /// All of it was taken.
    Done,
    /// Some of it is in quarantine.
    Rejected,
}

/// What is left of a file that was taken.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) outbox: Outbox,
    /// Findings, to stand beside it.
    pub(super) text: Option<String>,
    /// What stays of the file itself.
    pub(super) content: Content,
}

/// What stays of a file that was taken.
#[derive(Debug)]
pub(super) enum Content {
    /// All of it: no card data was in it.
    AsSent,
    /// This instead.
    Redacted(Vec<u8>),
    /// A copy without card data, made piece by piece, since the file is too large to be held.
    Copied,
}

/// A file in `in`.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// Its name: data from outside, used only within the open directories.
    pub(super) name: OsString,
    /// What tells it from another.
    pub(super) stamp: FileStamp,
}

impl Arrival {
    /// Time since the last change; none where that lies in the future.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.as_nanosecond() - i128::from(self.stamp.modified_ns);
        u64::try_from(age).ok().map(Duration::from_nanos)
    }
}

/// The directories of one partner.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    inbox: OwnedFd,
    taken: OwnedFd,
    out: OwnedFd,
    done: OwnedFd,
    rejected: OwnedFd,
}

impl Folder {
    /// Opens the directories; those that are not there are made, for us alone.
    pub(super) fn open(root: &Path) -> Result<Self, FolderError> {
        let failed = failure("open directories", root);
        let open = || -> io::Result<Self> {
            durable_folder::make(root)?;
            let directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root_fd = rustix::fs::open(root, directory, Mode::empty())?;
            let child = |name: &str| -> io::Result<OwnedFd> {
                match rustix::fs::mkdirat(&root_fd, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(rustix::fs::openat(&root_fd, name, directory | OFlags::NOFOLLOW, Mode::empty())?)
            };
            let folder = Self {
                root: root.to_owned(),
                inbox: child("in")?,
                taken: child(TAKEN)?,
                out: child("out")?,
                done: child("done")?,
                rejected: child("rejected")?,
            };
            rustix::fs::fsync(&root_fd)?;
            Ok(folder)
        };
        open().map_err(failed)
    }

    /// For the kernel's watch only.
    pub(super) fn inbox_path(&self) -> PathBuf {
        self.root.join("in")
    }

    /// Regular files directly in `in` whose names are not those of unfinished transfers, oldest first.
    pub(super) fn arrivals(&self, partner: &str) -> Result<Vec<Arrival>, FolderError> {
        list(&self.inbox, partner).map_err(failure("list files", &self.root))
    }

    /// Files that a crash left between their last check and their removal.
    pub(super) fn left_behind(&self, partner: &str) -> Result<Vec<Arrival>, FolderError> {
        list(&self.taken, partner).map_err(failure("list files", &self.root))
    }

    /// What was left behind is the file that was taken: what stays of it has its place already.
    pub(super) fn forget(&self, left: &Arrival) -> Result<(), FolderError> {
        let forget = || -> io::Result<()> {
            rustix::fs::unlinkat(&self.taken, &left.name, AtFlags::empty())?;
            Ok(rustix::fs::fsync(&self.taken)?)
        };
        forget().map_err(failure("remove a file", &self.root))
    }

    /// What was left behind is another file, which nobody has read.
    pub(super) fn put_back(&self, left: &Arrival) -> Result<(), FolderError> {
        self.give_back(&self.taken, &left.name, &left.name)
            .map_err(failure("move a file", &self.root))
    }

    /// Reads a file, at most one byte more than `largest`. None if it is not what was seen any more.
    pub(super) fn read(
        &self,
        arrival: &Arrival,
        largest: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FolderError> {
        let read = || -> io::Result<Option<Zeroizing<Vec<u8>>>> {
            let Some(mut file) = self.open_arrival(arrival)? else { return Ok(None) };
            let limit = (largest as u64).saturating_add(1);
            let room = usize::try_from(arrival.stamp.bytes.min(limit)).unwrap_or(0);
            // With room for all of it from the start, so that growing leaves no copy behind unzeroed.
            let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
            (&mut file).take(limit).read_to_end(&mut bytes)?;
            Ok(self.is_same(&rustix::fs::fstat(&file)?, arrival).then_some(bytes))
        };
        read().map_err(failure("read a file", &self.root))
    }

    /// None if it is not what was seen any more, or not for us.
    fn open_arrival(&self, arrival: &Arrival) -> io::Result<Option<File>> {
        // NONBLOCK, since a FIFO put in the file's place would hold us for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.inbox, &arrival.name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
            // One file that is not for us must not hold up the others.
            Err(error @ (Errno::ACCESS | Errno::PERM)) => {
                let name = &arrival.stamp.name;
                tracing::warn!(name, %error, "an EDI file cannot be read: check its owner and mode");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let same = self.is_same(&rustix::fs::fstat(&file)?, arrival);
        Ok(same.then(|| File::from(file)))
    }

    fn is_same(&self, stat: &Stat, arrival: &Arrival) -> bool {
        is_regular(stat) && stamp(&arrival.stamp.partner, &arrival.name, stat) == arrival.stamp
    }

    /// Puts a reply into `out` under its final name, whole and synced. One that is there already, with the same
    /// content, was written before a crash.
    pub(super) fn write_reply(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let write = || -> io::Result<()> {
            for number in 1..=MOST_SUFFIXES {
                let name = suffixed(OsStr::new(name), number);
                match content_at(&self.out, &name, content.len())? {
                    Some(known) if known == content => return Ok(()),
                    Some(_) => {}
                    None => return self.place(&self.out, &name, content),
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        };
        write().map_err(failure("write an acknowledgement", &self.root))
    }

    /// Moves a file out of `in`, never over another. `text` goes beside it as `NAME.findings.txt`. A file that stands
    /// there in its place by now stays: it is the next round's.
    pub(super) fn put_away(&self, arrival: &Arrival, left: &Left) -> Result<(), FolderError> {
        let target = match left.outbox {
            Outbox::Done => &self.done,
            Outbox::Rejected => &self.rejected,
        };
        let put = || -> io::Result<()> {
            let moved = match &left.content {
                Content::AsSent => self.move_to(arrival, target)?,
                Content::Redacted(content) => self.replace_by(arrival, content, target)?,
                Content::Copied => {
                    let Some(copy) = self.copy_to(arrival, target)? else { return Ok(()) };
                    // The copy is safe before the file goes: a power cut must not keep the one and lose the other.
                    rustix::fs::fsync(target)?;
                    fail_point::reached("file-copied");
                    self.remove(arrival)?;
                    copy
                }
            };
            if let Some(text) = &left.text {
                let mut beside = moved;
                beside.push(".findings.txt");
                match self.place(target, &beside, text.as_bytes()) {
                    // The text is a courtesy: the findings are in the journal.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    other => other?,
                }
            }
            rustix::fs::fsync(target)?;
            rustix::fs::fsync(&self.inbox)?;
            Ok(rustix::fs::fsync(&self.taken)?)
        };
        put().map_err(failure("move a file", &self.root))
    }

    fn move_to(&self, arrival: &Arrival, target: &OwnedFd) -> io::Result<OsString> {
        for new in target_names(arrival) {
            match rename_to_new(&self.inbox, &arrival.name, target, &new) {
                Ok(()) => {
                    fail_point::reached("file-left-in");
                    self.keep_if_same(arrival, target, &new)?;
                    return Ok(new);
                }
                // Somebody took it out of `in`: there is nothing left to move.
                Err(Errno::NOENT) => return Ok(new),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Leaves `content` instead of the file. A crash in between leaves both; the next try finds its own copy again.
    fn replace_by(
        &self,
        arrival: &Arrival,
        content: &[u8],
        target: &OwnedFd,
    ) -> io::Result<OsString> {
        for new in target_names(arrival) {
            match self.place(target, &new, content) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if content_at(target, &new, content.len())?.as_deref() != Some(content) {
                        continue;
                    }
                }
                Err(error) => return Err(error),
            }
            self.remove(arrival)?;
            return Ok(new);
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Copies a file without its card data; memory holds two windows of it. None if it is not what was seen any more.
    /// A crash between copying and removal leaves the copy, which the next try finds again.
    fn copy_to(&self, arrival: &Arrival, target: &OwnedFd) -> io::Result<Option<OsString>> {
        let Some(mut file) = self.open_arrival(arrival)? else { return Ok(None) };
        let mut copy = new_temporary(target)?;
        let mut windows = redact::EdiWindows::default();
        let mut window = Zeroizing::new(Vec::with_capacity(2 * WINDOW_BYTES));
        while (&mut file).take(WINDOW_BYTES as u64).read_to_end(&mut window)? > 0 {
            let whole = windows.next(&window);
            copy.write_all(&whole)?;
            window.drain(..whole.len());
        }
        copy.write_all(&windows.last(&window).bytes)?;
        copy.sync_all()?;
        let temporary = OsStr::new(TEMPORARY);
        for new in target_names(arrival) {
            match rename_to_new(target, temporary, target, &new) {
                Ok(()) => return Ok(Some(new)),
                Err(Errno::EXIST) if is_same_content(target, temporary, &new)? => {
                    rustix::fs::unlinkat(target, temporary, AtFlags::empty())?;
                    return Ok(Some(new));
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes a file from `in`, unless it is another by now. It goes first to a place that nobody else writes to.
    fn remove(&self, arrival: &Arrival) -> io::Result<()> {
        match rename_to_new(&self.inbox, &arrival.name, &self.taken, &arrival.name) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        fail_point::reached("file-condemned");
        if self.keep_if_same(arrival, &self.taken, &arrival.name)? {
            rustix::fs::unlinkat(&self.taken, &arrival.name, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Whether the file that was moved is the one that was read: a partner may have put another in its place just
    /// before. That one goes back.
    fn keep_if_same(
        &self,
        arrival: &Arrival,
        moved_to: &OwnedFd,
        name: &OsStr,
    ) -> io::Result<bool> {
        let stat = rustix::fs::statat(moved_to, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let same = self.is_same(&stat, arrival);
        if !same {
            self.give_back(moved_to, name, &arrival.name)?;
        }
        Ok(same)
    }

    /// Moves a file into `in`, under another name where a third file has come meanwhile. None there is fine.
    fn give_back(&self, from: &OwnedFd, name: &OsStr, old_name: &OsStr) -> io::Result<()> {
        for number in 1..=MOST_SUFFIXES {
            let back = if number == 1 {
                old_name.to_owned()
            } else {
                suffixed(&cut_short(old_name), number)
            };
            match rename_to_new(from, name, &self.inbox, &back) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Writes a new file by way of a temporary name.
    fn place(&self, directory: &OwnedFd, name: &OsStr, content: &[u8]) -> io::Result<()> {
        let mut file = new_temporary(directory)?;
        file.write_all(content)?;
        file.sync_all()?;
        fail_point::reached("file-synced");
        rename_to_new(directory, OsStr::new(TEMPORARY), directory, name)?;
        fail_point::reached("file-renamed");
        Ok(rustix::fs::fsync(directory)?)
    }
}

/// Regular files of a directory, oldest first, some at a time.
fn list(directory: &OwnedFd, partner: &str) -> io::Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_temporary(name) {
            continue;
        }
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        if is_regular(&stat) {
            let stamp = stamp(partner, name, &stat);
            arrivals.push(Arrival { name: name.to_owned(), stamp });
        }
        if arrivals.len() >= MOST_ARRIVALS {
            break;
        }
    }
    arrivals.sort_by(|a, b| (a.stamp.modified_ns, &a.name).cmp(&(b.stamp.modified_ns, &b.name)));
    Ok(arrivals)
}

/// A new file under our temporary name; what a crash left there goes.
fn new_temporary(directory: &OwnedFd) -> io::Result<File> {
    let temporary = OsStr::new(TEMPORARY);
    match rustix::fs::unlinkat(directory, temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP;
    Ok(File::from(rustix::fs::openat(directory, temporary, flags, mode)?))
}

fn failure(doing: &'static str, folder: &Path) -> impl Fn(io::Error) -> FolderError {
    let folder = folder.to_owned();
    move |source| FolderError { doing, folder: folder.clone(), source }
}

/// Renames, but never over a file that is there.
fn rename_to_new(from: &OwnedFd, name: &OsStr, to: &OwnedFd, new: &OsStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // Some network file systems cannot refuse to replace: look first, as the only one who writes there.
        Err(Errno::INVAL | Errno::NOSYS) => {
            match rustix::fs::statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(from, name, to, new),
                Err(error) => Err(error),
            }
        }
        other => other,
    }
}

/// What a file in `out` holds, as far as it matters for comparing; none if nothing is there.
fn content_at(directory: &OwnedFd, name: &OsStr, expected: usize) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) if is_regular(&rustix::fs::fstat(&file)?) => {
            let mut content = Vec::new();
            File::from(file).take(expected as u64 + 1).read_to_end(&mut content)?;
            Ok(Some(content))
        }
        // Something else stands there under our name.
        Ok(_) | Err(Errno::LOOP | Errno::NXIO | Errno::ACCESS) => Ok(Some(Vec::new())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether two files of a directory hold the same, however large they are.
fn is_same_content(directory: &OwnedFd, one: &OsStr, other: &OsStr) -> io::Result<bool> {
    let open = |name: &OsStr| -> io::Result<Option<BufReader<File>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(file) if is_regular(&rustix::fs::fstat(&file)?) => {
                Ok(Some(BufReader::with_capacity(WINDOW_BYTES, File::from(file))))
            }
            Ok(_) | Err(Errno::LOOP | Errno::NXIO | Errno::ACCESS | Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let (Some(mut one), Some(mut other)) = (open(one)?, open(other)?) else { return Ok(false) };
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let common = left.len().min(right.len());
        if left.get(..common) != right.get(..common) {
            return Ok(false);
        }
        if common == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(common);
        other.consume(common);
    }
}

/// `a.edi`, `a.edi.2`, `a.edi.3` …
fn suffixed(name: &OsStr, number: u32) -> OsString {
    let mut name = name.to_owned();
    if number > 1 {
        name.push(format!(".{number}"));
    }
    name
}

/// What a file may be called in `done` or `rejected`, the first choice first; the last one no other file has.
fn target_names(arrival: &Arrival) -> impl Iterator<Item = OsString> {
    let lossy = arrival.name.to_string_lossy();
    let name = match redact::shown(&lossy) {
        Cow::Borrowed(_) => cut_short(&arrival.name),
        Cow::Owned(redacted) => cut_short(OsStr::new(&redacted)),
    };
    let mut unique = name.clone();
    unique.push(format!(".{}-{}", arrival.stamp.inode, arrival.stamp.modified_ns));
    (1..=MOST_SUFFIXES).map(move |number| suffixed(&name, number)).chain([unique])
}

/// The start of a long name, up to the end of a character.
fn cut_short(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let is_start = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let longest = bytes.len().min(LONGEST_NAME_BYTES);
    let end = (0..=longest).rev().find(is_start).unwrap_or(longest);
    OsStr::from_bytes(bytes.get(..end).unwrap_or_default()).to_owned()
}

/// Names that transfer programs use until a file is whole; `.` and `..` are among them.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".")
        || [&b".tmp"[..], b".part", b".filepart"]
            .iter()
            .any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn stamp(partner: &str, name: &OsStr, stat: &Stat) -> FileStamp {
    let seconds = stat.st_mtime.saturating_mul(1_000_000_000);
    FileStamp {
        partner: partner.to_owned(),
        // It is logged and stored. The inode keeps files apart that are called the same without their card numbers.
        name: redact::shown(&name.to_string_lossy()).into_owned(),
        inode: stat.st_ino,
        modified_ns: seconds.saturating_add_unsigned(stat.st_mtime_nsec),
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
    }
}
