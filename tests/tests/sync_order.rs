//! The order of sync and answer, in a trace of system calls: what a terminal, a partner or the broker hears of was
//! written to the journal's log after it had come in, and a sync that began behind the last write of its commit had
//! ended before the first byte left. Every answer of the trace is looked at.
#![expect(clippy::panic, reason = "what the tests share fails as loudly as they do")]

use tillgate_tests::deadline::within;
use tillgate_tests::journal_log::{JournalLog, Safe};
use tillgate_tests::promises::{Promise, Subject, promises};
use tillgate_tests::recording::{Load, record};
use tillgate_tests::trace::{self, Deed};

const TEST_SECONDS: u64 = 180;
const LOAD: Load = Load { single: 60, batched: 60, streamed: 60, scans: 6, files: 8 };

#[test]
fn nothing_leaves_before_its_sync() {
    if let Err(reason) = trace::is_possible() {
        println!("skipped: no system-call trace here: {reason}");
        return;
    }
    within(TEST_SECONDS, || {
        let recording = record(LOAD);
        let log = JournalLog::of(&recording.calls);
        let promises = promises(&recording.calls, &recording.partner);
        let mut seen = Seen::default();
        for promise in &promises {
            check(promise, &log, &mut seen);
        }
        println!("{} promises, {} commits: {seen:?}", promises.len(), log.commits());
        seen.expect(LOAD);
        let answered = recording.calls.iter().filter(|call| {
            matches!(&call.deed, Deed::Send { channel, .. } if channel.starts_with("/dev/pts/"))
        });
        assert_eq!(answered.count(), 0, "nothing is sent to a scanner or a reader");
    });
}

/// How many of each kind were looked at.
#[derive(Debug, Default)]
struct Seen {
    accepted: u64,
    duplicates: u64,
    captures: u64,
    published: u64,
    replies: u64,
    moved: u64,
}

impl Seen {
    /// A check that looks at nothing proves nothing.
    fn expect(&self, load: Load) {
        let Load { single, batched, streamed, files, .. } = load;
        let (files, posted) = (u64::from(files), u64::from(files / 2));
        assert_eq!(self.accepted, 2 * (single + batched + streamed));
        assert_eq!(self.duplicates, 2 * (single / 20));
        let requests = single + single / 20 + batched / 20 + posted;
        assert_eq!(self.captures, 2 * requests);
        assert!(self.published >= self.accepted + 2 * (files + posted));
        assert!(self.replies >= 2 * files);
        assert_eq!(self.moved, 2 * (files + 1));
    }
}

#[track_caller]
fn check(promise: &Promise, log: &JournalLog<'_>, seen: &mut Seen) {
    let (count, safe) = match &promise.subject {
        Subject::Accepted(id) => (&mut seen.accepted, log.id(id)),
        Subject::Duplicate(id) => (&mut seen.duplicates, log.id(id)),
        Subject::Capture(id) => (&mut seen.captures, log.text(id)),
        Subject::Published { id, .. } => (&mut seen.published, log.id(id)),
        Subject::Reply(name) => (&mut seen.replies, log.text(name)),
        Subject::Moved(name) => (&mut seen.moved, log.text(name)),
    };
    *count += 1;
    let Safe { written, committed, synced } =
        safe.unwrap_or_else(|| panic!("never written to the log, or never synced: {promise:?}"));
    assert!(
        written <= committed && committed < synced && synced < promise.at,
        "left before its sync: {promise:?}, written at {written}, committed at {committed}, synced at {synced}"
    );
    if matches!(promise.subject, Subject::Accepted(_) | Subject::Capture(_)) {
        let asked = promise.asked;
        assert!(asked > 0 && asked < written, "written before it was asked for: {promise:?}");
    }
}
