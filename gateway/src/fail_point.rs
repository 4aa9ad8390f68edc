//! Named points at which a test kills the daemon: one behind every step of the way from an input to the end of its
//! records, so that no order of steps is left to chance.
//!
//! In: the name of the step that was just done. Out: nothing, unless the environment asks for it:
//! `TILLGATE_FAIL_POINT=committed:3` ends the process by SIGKILL when `committed` is reached for the third time, so
//! that no destructor and no buffer is left to soften it. Never: anything in a release build, which does not know the
//! variable.

/// All points, in the order in which an input meets them.
pub const NAMES: &[&str] = &[
    // The start.
    "journal-opened",
    // An input on its way in.
    "reading-read",
    "control-number-reserved",
    "capture-taken",
    "group-written",
    "committed",
    "commit-answered",
    // The files of a partner.
    "file-synced",
    "file-renamed",
    "reply-in-out",
    "reply-noted",
    "file-copied",
    "file-condemned",
    "file-left-in",
    "file-moved",
    "file-finished",
    // A record on its way out.
    "published",
    "puback-read",
    "acknowledgement-booked",
    "cursor-stored",
    "notice-noted",
    // What is old.
    "pruning-written",
    "pruned",
    // The stop.
    "stop-cursor-stored",
    "log-folded-in",
];

/// A step was done.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn reached(_name: &'static str) {}

#[cfg(debug_assertions)]
pub(crate) use armed::reached;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// The point that ends the process, and how often it may still be reached.
    struct Armed {
        name: String,
        left: AtomicU64,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let wish = std::env::var("TILLGATE_FAIL_POINT").ok()?;
        let (name, times) = wish.split_once(':')?;
        Some(Armed { name: name.to_owned(), left: AtomicU64::new(times.parse().ok()?) })
    });

    /// A step was done.
    pub(crate) fn reached(name: &'static str) {
        let Some(armed) = ARMED.as_ref().filter(|armed| armed.name == name) else { return };
        if armed.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _cannot_fail = kill_process(getpid(), Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The names between `reached("` and `")` below a folder.
    fn called(folder: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                called(&path, names);
            } else if path.file_name() != Some("fail_point.rs".as_ref()) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let calls = text.split("fail_point::reached(\"").skip(1);
                names.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_point_has_its_one_place() {
        let mut names = Vec::new();
        called(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        names.sort();
        let mut expected: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        expected.sort();
        assert_eq!(names, expected);
    }
}
