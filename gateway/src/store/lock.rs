//! One daemon a data folder: a lock on a file that also names its holder.
//!
//! The kernel drops the lock with the process, so that a crash leaves nothing to clean up.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The lock, held while this value lives.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Why the lock was not to be had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process has it; its id, where the file tells.
    Held(Option<u32>),
    /// The file could not be opened or locked.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of a data folder, or says who has it.
    pub(super) fn take(data_dir: &Path) -> Result<Self, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data_dir.join("tillgate.lock"))
            .map_err(LockError::Io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::Held(holder(&mut file))),
            Err(error) => return Err(LockError::Io(error.into())),
        }
        write_holder(&mut file).map_err(LockError::Io)?;
        Ok(Self(file))
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
