//! Power cuts: what was not synced is lost, or kept in part, and nothing that was promised is gone.
//!
//! A real gateway runs under a small load from every source while `strace` records each write, sync and rename with
//! its bytes (`recording`). For each of 200 moments the folders are built anew as a disk may hold them when the power
//! goes just then (`disk`): all that was synced, and of the rest nothing, everything, all but one, one alone, some, or
//! pieces of 512 or 4,096 bytes. The journal must open from that, be whole, hold all that a terminal, a partner or the
//! broker had heard of, and go on (`aftermath`). This is the method of the ALICE paper (Pillai and others, "All File
//! Systems Are Not Created Equal", OSDI 2014).
//!
//! Why it is honest: the calls are those of the product itself, SQLite included, not of a model of it, and a disk that
//! keeps less than this one breaks POSIX. It finds a missing or misplaced sync of a file or a folder, an answer that
//! leaves too early, a log that starts over before the database has its pages. What it cannot find: a disk that lies
//! about a sync; a file system that loses what was synced; sectors that hold neither the old nor the new bytes; what
//! is written through shared memory, which is only the index of the log and is made anew at every start.
//!
//! `TILLGATE_CUT_SEED` repeats the cuts of an earlier run, as far as the load comes in the same order.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what the tests share fails as loudly as they do, and a long run says what it did"
)]

mod aftermath;
mod disk;

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tillgate_tests::deadline::within;
use tillgate_tests::journal_log::JournalLog;
use tillgate_tests::promises::{Promise, promises};
use tillgate_tests::recording::{Load, Recording, record};
use tillgate_tests::trace::{self, Call, Deed};

use aftermath::Aftermath;
use disk::{Disk, Fate};

const TEST_SECONDS: u64 = 600;
const CUTS: usize = 200;
/// Enough for the log to be folded in and to start over while sales come in.
const LOAD: Load = Load { single: 220, batched: 60, streamed: 60, scans: 8, files: 10 };

#[test]
fn what_was_promised_survives_a_power_cut() {
    if let Err(reason) = trace::is_possible() {
        println!("skipped: no system-call trace here: {reason}");
        return;
    }
    let seed = std::env::var("TILLGATE_CUT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::rng().random());
    println!("to repeat: TILLGATE_CUT_SEED={seed}");
    within(TEST_SECONDS, move || cut_again_and_again(seed));
}

fn cut_again_and_again(seed: u64) {
    let began = Instant::now();
    let recording = record(LOAD);
    let log = JournalLog::of(&recording.calls);
    let (commits, beginnings) = (log.commits(), log.beginnings());
    println!(
        "recorded {} calls, {commits} commits, {beginnings} beginnings of the log in {:.1} s",
        recording.calls.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(beginnings >= 4, "the log must start over under load: a larger load is needed");

    let mut random = SmallRng::seed_from_u64(seed);
    let promises = promises(&recording.calls, &recording.partner);
    let moments = moments(&recording.calls, &promises, &mut random);
    let aftermath = Aftermath::new(&recording, promises);
    let mut fates: BTreeMap<String, usize> = BTreeMap::new();
    each_cut(&recording, recording.calls.iter(), &moments, |number, now, disk| {
        let fate = Fate::ALL[number % Fate::ALL.len()];
        *fates.entry(format!("{fate:?}")).or_default() += usize::from(disk.pending() > 0);
        let folder = TempDir::with_prefix("tillgate-cut-").expect("a temporary folder");
        disk.rebuild(fate, &mut random, folder.path());
        println!("cut {number} at {now}: {fate:?} of {} pending changes", disk.pending());
        aftermath.check(now, folder.path());
    });
    println!(
        "{CUTS} cuts in {:.1} s, with something pending: {fates:?}",
        began.elapsed().as_secs_f64()
    );
    assert_that_it_can_fail(&recording, &aftermath, &moments);
}

/// Shows the disk at each moment.
fn each_cut<'a>(
    recording: &Recording,
    calls: impl Iterator<Item = &'a Call>,
    moments: &[usize],
    mut look: impl FnMut(usize, usize, &Disk),
) {
    let mut disk = disk_before(recording);
    let mut calls = calls.peekable();
    for (number, now) in moments.iter().copied().enumerate() {
        while let Some(call) = calls.next_if(|call| call.begin < now) {
            disk.until(call.begin);
            disk.begin(call);
        }
        disk.until(now);
        look(number, now, &disk);
    }
}

/// The same gateway, had it not synced the log of its journal, breaks its promises, and this test sees it.
fn assert_that_it_can_fail(recording: &Recording, aftermath: &Aftermath<'_>, moments: &[usize]) {
    let is_log = |path: &Path| path.ends_with("journal.db-wal");
    let is_kept = |call: &&Call| !matches!(&call.deed, Deed::Sync(path) if is_log(path));
    let moments: Vec<usize> = moments.iter().copied().skip(CUTS / 20).step_by(CUTS / 10).collect();
    let mut broken = 0;
    // What is said about promises that had to break would only frighten.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    each_cut(recording, recording.calls.iter().filter(is_kept), &moments, |_, now, disk| {
        let folder = TempDir::with_prefix("tillgate-cut-").expect("a temporary folder");
        disk.rebuild(Fate::None, &mut SmallRng::seed_from_u64(0), folder.path());
        let check = AssertUnwindSafe(|| aftermath.check(now, folder.path()));
        broken += usize::from(panic::catch_unwind(check).is_err());
    });
    panic::set_hook(usual);
    println!("without the syncs of the log {broken} of {} cuts break a promise", moments.len());
    assert!(broken > 0, "a gateway that does not sync would pass");
}

/// What others had put there before the gateway came: the partner's folder, with its files.
fn disk_before(recording: &Recording) -> Disk {
    let Recording { root, partner, delivered, .. } = recording;
    let mut disk = Disk::new(root);
    disk.give(partner, None);
    disk.give(&partner.join("in"), None);
    for (name, content) in delivered {
        disk.give(&partner.join("in").join(name), Some(content));
    }
    disk
}

/// Moments spread over the whole trace: one half right behind a call that changes something, the other right behind the
/// first byte of a promise.
fn moments(calls: &[Call], promises: &[Promise], random: &mut SmallRng) -> Vec<usize> {
    let changes = calls.iter().filter(|call| Disk::is_changed_by(call)).map(|call| call.begin + 1);
    let promised = promises.iter().map(|promise| promise.at + 1);
    let mut moments = one_of_each(changes.collect(), CUTS / 2, random);
    moments.extend(one_of_each(promised.collect(), CUTS / 2, random));
    moments.sort_unstable();
    moments
}

/// One of each of so many equal shares.
fn one_of_each(all: Vec<usize>, shares: usize, random: &mut SmallRng) -> Vec<usize> {
    let share = all.len() / shares;
    (0..shares).map(|part| all[part * share + random.random_range(0..share.max(1))]).collect()
}
