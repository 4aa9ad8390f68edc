//! Decides when a file in `in` is whole: moved there, or unchanged for a while.
//!
//! Closing is not enough: an SFTP server also closes the stump of a broken upload.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::time::Instant;

use super::folder::{Arrival, Folder, MOST_ARRIVALS};
use crate::source::FileStamp;

/// Since when a file that is seen for the first time has not changed. The clock is asked this once: that it jumps while
/// an upload is under way must not end the wait. Where it says nothing sensible, our own waiting decides.
fn unchanged_since(arrival: &Arrival, now: Timestamp, instant: Instant) -> Instant {
    instant.checked_sub(arrival.age(now).unwrap_or_default()).unwrap_or(instant)
}

/// Files that were seen, with when their present state was first seen.
#[derive(Debug)]
pub(super) struct Watch {
    settle: Duration,
    seen: HashMap<OsString, (FileStamp, Instant)>,
    moved: HashSet<OsString>,
    /// None where the kernel has no watch left for us: then only waiting tells.
    notices: Option<OwnedFd>,
}

impl Watch {
    pub(super) fn new(folder: &Folder, settle: Duration) -> Self {
        let notices = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .and_then(|notices| {
                inotify::add_watch(&notices, folder.inbox_path(), WatchFlags::MOVED_TO)?;
                Ok(notices)
            })
            .ok();
        Self { settle, seen: HashMap::new(), moved: HashSet::new(), notices }
    }

    /// Of the files that are there, those that are whole.
    pub(super) fn ready(&mut self, arrivals: Vec<Arrival>, now: Timestamp) -> Vec<Arrival> {
        self.read_notices();
        let names: HashSet<&OsStr> =
            arrivals.iter().map(|arrival| arrival.name.as_os_str()).collect();
        self.seen.retain(|name, _| names.contains(name.as_os_str()));
        self.moved.retain(|name| names.contains(name.as_os_str()));
        let instant = Instant::now();
        arrivals.into_iter().filter(|arrival| self.is_whole(arrival, now, instant)).collect()
    }

    /// Since when a file has not changed.
    pub(super) fn unchanged_since(&self, name: &OsStr) -> Instant {
        self.seen.get(name).map_or_else(Instant::now, |(_, since)| *since)
    }

    /// Whether a file is still there.
    pub(super) fn knows(&self, name: &OsStr) -> bool {
        self.seen.contains_key(name)
    }

    fn is_whole(&mut self, arrival: &Arrival, now: Timestamp, instant: Instant) -> bool {
        let present = || (arrival.stamp.clone(), unchanged_since(arrival, now, instant));
        let seen = self.seen.entry(arrival.name.clone()).or_insert_with(present);
        if seen.0 != arrival.stamp {
            *seen = present();
        }
        let unchanged = instant.duration_since(seen.1);
        self.moved.contains(&arrival.name) || unchanged >= self.settle
    }

    fn read_notices(&mut self) {
        let Some(notices) = &self.notices else {
            return;
        };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(notices, &mut buffer);
        while self.moved.len() < MOST_ARRIVALS
            && let Ok(event) = reader.next()
        {
            if let Some(name) = event.file_name()
                && event.events().contains(ReadFlags::MOVED_TO)
            {
                self.moved.insert(OsStr::from_bytes(name.to_bytes()).to_owned());
            }
        }
    }
}
