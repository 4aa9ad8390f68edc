//! What a journal loses is noticed, told, and never given out again under the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rand::{Rng, SeedableRng};
use tillgate_record::Event;

use super::*;
use crate::forward::Outbox;
use crate::store::mark::Mark;
use crate::store::{Loss, backup, mend};

/// What an event is known by: its name, its id, its content.
pub(super) type Shown = ((u32, u64), String, String);

pub(super) async fn events(store: &Store) -> Vec<Shown> {
    let (mut shown, mut after) = (Vec::new(), 0);
    loop {
        let outgoing = match store.after(after, 500).await {
            Ok(outgoing) => outgoing,
            Err(error) => {
                // Damage among the delivered records stands in nobody's way.
                assert!(after < store.acknowledged(), "{error:?}");
                after += 1;
                continue;
            }
        };
        let Some(last) = outgoing.last() else { return shown };
        after = last.sequence;
        shown.extend(outgoing.iter().map(|outgoing| {
            let event: Event<'_> = serde_json::from_slice(&outgoing.payload).unwrap();
            let name = (event.incarnation, event.sequence.parse().unwrap());
            assert_eq!(store.number_of(name.0, name.1), Some(outgoing.sequence));
            (name, event.id.to_string(), event.data.get().to_owned())
        }));
    }
}

/// The files as they are at this moment, as a crash would leave them, once the mark has caught up.
pub(super) async fn crashed(store: &Store, from: &Path) -> TempDir {
    let newest = i64::try_from(*store.newest().borrow()).unwrap();
    let acknowledged = i64::try_from(store.acknowledged()).unwrap();
    let is_behind = |mark: Mark| mark.next_sequence <= newest || mark.acknowledged < acknowledged;
    while Mark::read(from).is_none_or(is_behind) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let copy = folder();
    for file in ["journal.db", "journal.db-wal", "journal.mark"] {
        fs::copy(from.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

pub(super) fn the_loss(store: &Store) -> &Loss {
    assert_eq!(store.losses().len(), 1, "{:#?}", store.losses());
    &store.losses()[0].1
}

pub(super) fn names(loss: &Loss) -> BTreeSet<(u32, u64)> {
    let spans = loss.records.iter();
    spans.flat_map(|span| (span.from..=span.through).map(|at| (span.incarnation, at))).collect()
}

fn asides(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries
        .filter(|name| {
            name.to_str().is_some_and(|name| name.contains("aside") && name.ends_with(".db"))
        })
        .count()
}

/// Five records in the file, five more in its log, three of them delivered.
pub(super) async fn half_in_the_log() -> (TempDir, Vec<Shown>) {
    let original = folder();
    let store = open(original.path()).await;
    for number in 0..5 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    store.close().await;
    let store = open(original.path()).await;
    for number in 5..10 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    store.acknowledge(7);
    let copy = crashed(&store, original.path()).await;
    let before = events(&store).await;
    store.close().await;
    (copy, before)
}

#[tokio::test]
async fn a_lost_tail_is_told_and_its_numbers_are_not_used_again() {
    for (damage, told) in [
        ("the log is gone", (6, 10)),
        ("the log is cut", (10, 10)),
        ("all files but the mark are gone", (1, 10)),
        ("the journal is empty", (1, 10)),
    ] {
        let (copy, before) = half_in_the_log().await;
        let wal = copy.path().join("journal.db-wal");
        let db = journal_path(copy.path());
        match damage {
            "the log is gone" => fs::remove_file(&wal).unwrap(),
            "the log is cut" => {
                // The cursor's write comes after the last record: both of them go.
                let bytes = fs::read(&wal).unwrap();
                let frames = (bytes.len() - 32) / 4120;
                fs::write(&wal, &bytes[..32 + 4120 * (frames - 4)]).unwrap();
            }
            "the journal is empty" => {
                fs::write(&db, b"").unwrap();
                fs::remove_file(&wal).unwrap();
            }
            _ => {
                fs::remove_file(&wal).unwrap();
                fs::remove_file(&db).unwrap();
            }
        }
        let store = open(copy.path()).await;
        let loss = the_loss(&store).clone();
        let lost = names(&loss);
        assert_eq!(lost.last(), Some(&(FIRST, told.1)), "{damage}: {loss:#?}");
        assert!(lost.contains(&(FIRST, told.0)), "{damage}: {loss:#?}");
        assert_eq!(loss.records[0].delivered_through.is_some(), told.0 <= 7, "{damage}");
        assert_eq!(loss.captures.len(), 1);
        let kept = events(&store).await;
        let all: BTreeSet<_> = before.iter().map(|(name, ..)| *name).collect();
        let there: BTreeSet<_> = kept.iter().map(|(name, ..)| *name).collect();
        assert!(there.is_disjoint(&lost) && there.union(&lost).eq(&all), "{damage}");
        // The till sends everything again: what is here is known, what was lost is taken, under a new name.
        for number in 0..10 {
            commit(&store, vec![record(&format!("k{number}"), "1")]).await;
        }
        let new: Vec<_> = events(&store).await.split_off(kept.len());
        let names: Vec<_> = new.iter().map(|(name, ..)| *name).collect();
        let count = lost.len() as u64;
        assert_eq!(names, (1..=count).map(|at| (FIRST + 1, at)).collect::<Vec<_>>(), "{damage}");
        // The loss reaches the CRM as a notice, once.
        let notices = store.notices(10).await.unwrap();
        assert_eq!((notices.len(), notices[0].id.as_str()), (1, "loss-1"));
        store.notice_acknowledged("loss-1").await.unwrap();
        assert!(store.notices(10).await.unwrap().is_empty());
        store.close().await;
        assert_whole(copy.path()).await;
        let report = report(copy.path()).await;
        assert_eq!((report.incarnation, report.losses.len()), (FIRST + 1, 1));
        // The next start has nothing new to tell.
        let store = open(copy.path()).await;
        assert_eq!(the_loss(&store), &loss);
        store.close().await;
    }
}

#[tokio::test]
async fn an_old_copy_of_the_journal_is_noticed() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    store.close().await;
    let old = fs::read(journal_path(folder.path())).unwrap();
    let store = open(folder.path()).await;
    commit(&store, vec![record("b", "1"), record("c", "1")]).await;
    store.close().await;
    fs::write(journal_path(folder.path()), &old).unwrap();
    let behind = report(folder.path()).await;
    assert!(behind.problems.iter().any(|problem| problem.contains("behind")), "{behind:#?}");

    let store = open(folder.path()).await;
    assert_eq!(names(the_loss(&store)), BTreeSet::from([(FIRST, 2), (FIRST, 3)]));
    commit(&store, vec![record("d", "1")]).await;
    store.close().await;
    // The same copy once more: the first loss is not in it, nor its incarnation.
    fs::write(journal_path(folder.path()), &old).unwrap();
    let store = open(folder.path()).await;
    let loss = the_loss(&store);
    assert_eq!((names(loss), loss.incarnation), (BTreeSet::from([(FIRST + 1, 1)]), FIRST + 2));
    assert!(
        loss.others[0].contains(&format!("records 2 and above of incarnation {FIRST}")),
        "{loss:#?}"
    );
    commit(&store, vec![record("e", "1")]).await;
    let shown = events(&store).await;
    assert_eq!(shown[1].0, (FIRST + 2, 1));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_journal_of_another_time_is_noticed_though_it_is_as_long() {
    let folder = folder();
    open(folder.path()).await.close().await;
    let old = fs::read(journal_path(folder.path())).unwrap();
    let other = tempfile::tempdir().unwrap();
    fs::write(journal_path(other.path()), &old).unwrap();
    for (path, key) in [(folder.path(), "a"), (other.path(), "b")] {
        let store = open(path).await;
        commit(&store, vec![record(key, "1")]).await;
        store.close().await;
    }
    fs::copy(journal_path(other.path()), journal_path(folder.path())).unwrap();
    let store = open(folder.path()).await;
    assert_eq!(the_loss(&store).incarnation, FIRST + 1);
    store.close().await;
}

#[tokio::test]
async fn without_its_mark_a_journal_goes_on_under_a_name_that_was_never_used() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    store.close().await;
    fs::remove_file(folder.path().join("journal.mark")).unwrap();
    let store = open(folder.path()).await;
    let words = the_loss(&store).words();
    assert!(words.contains("mark was missing") && words.contains("gone: whatever"), "{words}");
    commit(&store, vec![record("b", "1")]).await;
    let shown: Vec<_> = events(&store).await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(shown, [(FIRST, 1), (FIRST + 1, 1)]);
    store.close().await;
    assert_whole(folder.path()).await;
}

/// Twenty records, two a capture, and one entry in quarantine; eight are delivered.
async fn twenty() -> (TempDir, Vec<Shown>, Vec<Vec<String>>) {
    let folder = folder();
    let store = open(folder.path()).await;
    let mut keys = Vec::new();
    for number in 0..10 {
        let pair = vec![format!("k{number}"), format!("m{number}")];
        commit(&store, pair.iter().map(|key| record(key, "1")).collect()).await;
        keys.push(pair);
    }
    commit(&store, vec![NewItem::Quarantine(vec![finding("total")])]).await;
    store.acknowledge(8);
    let before = events(&store).await;
    store.close().await;
    (folder, before, keys)
}

#[tokio::test]
async fn a_damaged_record_that_waits_costs_nothing_but_itself() {
    let (folder, before, _) = twenty().await;
    meddle(folder.path(), &["UPDATE record SET data = x'7b7d' WHERE sequence = 12"]).await;
    let store = open(folder.path()).await;
    let loss = the_loss(&store).clone();
    assert_eq!(names(&loss), BTreeSet::from([(FIRST, 12)]), "{loss:#?}");
    assert_eq!((loss.renumbered, loss.replayable), (8, 1), "{loss:#?}");
    assert_eq!((loss.captures.len(), loss.others.len()), (0, 0), "{loss:#?}");
    assert_eq!(asides(folder.path()), 1);
    let after = events(&store).await;
    assert_eq!(after[..11], before[..11]);
    for (at, (renamed, old)) in after[11..].iter().zip(&before[12..]).enumerate() {
        assert_eq!(renamed.0, (FIRST + 1, at as u64 + 1));
        assert_eq!((&renamed.1, &renamed.2), (&old.1, &old.2));
    }
    assert_eq!(store.acknowledged(), 8);
    assert_eq!(store.number_of(FIRST, 12), None);
    store.close().await;
    assert_whole(folder.path()).await;

    // The till repeats the capture: one item is known, the other is taken again, with the id that it had.
    let store = open(folder.path()).await;
    let again = commit(&store, vec![record("k5", "1"), record("m5", "1")]).await;
    assert_eq!(again, [Outcome::Duplicate { sequence: 11 }, accepted(20)]);
    assert_eq!(events(&store).await[19].1, before[11].1);
    // And so would a replay of the entry that was made for it.
    let entries = store.quarantine_list(10, false).await.unwrap();
    let made = entries.iter().find(|entry| entry.findings[0].rule == "lost-in-damage").unwrap();
    assert!(store.quarantine_show(&made.id).await.unwrap().raw.is_some());
    let replayed = replay(&store, &made.id, record("m5", "1"), false).await.unwrap();
    assert_eq!(replayed, Outcome::Duplicate { sequence: 20 });
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_damaged_record_that_was_delivered_renumbers_nothing() {
    let (folder, before, _) = twenty().await;
    meddle(
        folder.path(),
        &[
            "UPDATE record SET data = x'7b7d' WHERE sequence = 3",
            "UPDATE counter SET checksum = checksum + 1",
        ],
    )
    .await;
    // The counters are damaged as well: the mark knows what was delivered.
    let store = open(folder.path()).await;
    let loss = the_loss(&store).clone();
    assert_eq!(loss.records[0].delivered_through, Some(3), "{loss:#?}");
    assert_eq!(store.acknowledged(), 8);
    store.close().await;
    assert_whole(folder.path()).await;
    assert_eq!(before.len(), 20);
}

#[tokio::test]
async fn captures_that_cannot_be_read_do_not_take_their_records_with_them() {
    let (folder, before, _) = twenty().await;
    meddle(
        folder.path(),
        &[
            "UPDATE capture SET source = 'x' WHERE number BETWEEN 5 AND 6",
            "UPDATE record SET data = x'7b7d' WHERE sequence = 20",
        ],
    )
    .await;
    let store = open(folder.path()).await;
    let loss = the_loss(&store).clone();
    assert_eq!((loss.captures[0].from, loss.captures[0].through), (5, 6), "{loss:#?}");
    assert!(loss.captures[0].after.is_some() && loss.captures[0].before.is_some());
    assert_eq!(events(&store).await, before[..19]);
    // A record without its capture can still be refused by the broker.
    store.park(10, "too large").await.unwrap();
    let entries = store.quarantine_list(10, false).await.unwrap();
    assert!(entries.iter().any(|entry| entry.parked == Some(10)), "{entries:#?}");
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn what_is_no_journal_at_all_does_not_keep_a_till_from_selling() {
    let folder = folder();
    fs::write(journal_path(folder.path()), [0x5a; 9000]).unwrap();
    let store = open(folder.path()).await;
    assert!(!the_loss(&store).is_nothing());
    commit(&store, vec![record("a", "1")]).await;
    let incarnation = events(&store).await[0].0.0;
    assert!(incarnation > 1_000_000, "no mark knows which were used: {incarnation}");
    store.close().await;
    assert_eq!(asides(folder.path()), 1);
    assert_whole(folder.path()).await;
}

/// A file that was cut, as by a disk that ran full in a copy, and a bit of the page that names all tables.
#[tokio::test]
async fn what_a_cut_or_a_damaged_schema_left_comes_back() {
    let folder_of_all = folder();
    let store = open(folder_of_all.path()).await;
    for group in 0..30 {
        let keys = (0..50).map(|number| record(&format!("k{group}-{number}"), "1"));
        commit(&store, keys.collect()).await;
    }
    let before = events(&store).await;
    store.close().await;
    let sound = fs::read(journal_path(folder_of_all.path())).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, usize); 2] = [
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2), 200),
        ("a bit of the schema", |bytes| bytes[110] ^= 1, 1_500),
    ];
    for (what, damage, least) in damages {
        let copy = folder();
        let mut bytes = sound.clone();
        damage(&mut bytes);
        fs::write(journal_path(copy.path()), &bytes).unwrap();
        fs::copy(folder_of_all.path().join("journal.mark"), copy.path().join("journal.mark"))
            .unwrap();
        let store = open(copy.path()).await;
        let there = events(&store).await;
        let told = names(the_loss(&store)).len();
        println!("{what}: {} of {} records came back", there.len(), before.len());
        assert!(there.len() >= least, "{what}: {} came back", there.len());
        assert!(there.len() + told >= before.len(), "{what}: {told} told");
        store.close().await;
        assert_whole(copy.path()).await;
    }
}

/// One bit there, and SQLite knows no database in the file.
#[tokio::test]
async fn a_flipped_bit_in_the_header_costs_nothing() {
    for (bit, at) in [0, 7, 15, 16, 17, 18, 19, 20, 21, 22, 23, 47, 59].into_iter().enumerate() {
        let (copy, before, _) = twenty().await;
        flip(&journal_path(copy.path()), at, bit % 8);
        let store = open(copy.path()).await;
        let after = events(&store).await;
        assert_eq!(after, before, "byte {at}: {:#?}", store.losses());
        store.close().await;
        assert_whole(copy.path()).await;
    }
}

pub(super) fn flip(path: &Path, byte: usize, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// Everything that a start has to answer for.
struct Truth {
    names: BTreeMap<(u32, u64), String>,
    contents: BTreeMap<String, String>,
    acknowledged: u64,
}

impl Truth {
    fn of(before: &[Shown], acknowledged: u64) -> Self {
        Self {
            names: before.iter().map(|(name, id, _)| (*name, id.clone())).collect(),
            contents: before.iter().map(|(_, id, data)| (id.clone(), data.clone())).collect(),
            acknowledged,
        }
    }

    /// Nothing wrong goes out, no name is used twice, and what is missing was told. Returns how it ended.
    async fn judge(&self, folder: &Path, what: &str) -> &'static str {
        let checked = verify(folder).await.is_ok_and(|report| report.whole);
        let store = match try_open(folder).await {
            Ok(store) => store,
            Err(error) => panic!("{what}: the store does not open: {error}"),
        };
        let shown = events(&store).await;
        let mut there = BTreeSet::new();
        for (name, id, data) in &shown {
            assert_eq!(self.contents.get(id), Some(data), "{what}: wrong content");
            if let Some(named) = self.names.get(name) {
                assert_eq!(named, id, "{what}: a name for two records");
            }
            assert!(there.insert(id.clone()), "{what}: a record twice");
        }
        let losses = store.losses().to_vec();
        let told: BTreeSet<_> = losses.iter().flat_map(|(_, loss)| names(loss)).collect();
        for (name, id) in &self.names {
            let given_up = name.1 <= self.acknowledged && !(checked && losses.is_empty());
            let silent = !there.contains(id) && !told.contains(name) && !given_up;
            assert!(!silent, "{what}: {name:?} is gone in silence: {losses:#?}");
        }
        let outcome = commit(&store, vec![record("new", "1")]).await;
        assert!(matches!(outcome[0], Outcome::Accepted { .. }), "{what}: {outcome:?}");
        let new = events(&store).await.pop().unwrap().0;
        assert!(!self.names.contains_key(&new) && !told.contains(&new), "{what}: {new:?} again");
        let recovered = asides(folder) > 0;
        let lost = losses.iter().any(|(_, loss)| !loss.is_nothing());
        store.close().await;
        if losses.is_empty() {
            return if checked { "harmless" } else { "served right, told by verify" };
        }
        assert_whole(folder).await;
        match (recovered, lost) {
            (true, true) => "recovered with a loss, told",
            (true, false) => "recovered whole, told",
            (false, _) => "the lost tail told",
        }
    }
}

/// The seed of the places, unless `TILLGATE_DAMAGE_SEED` gives another; each round is one file, damaged once.
pub(super) const SEED: u64 = 20_261_122;

#[tokio::test(flavor = "multi_thread")]
async fn flips_cuts_and_swapped_pages_are_told_and_never_served() {
    let (source, before) = busy_journal().await;
    let truth = Truth::of(&before, 30);
    let files = ["journal.db", "journal.db-wal", "journal.mark"];
    let sound = files.map(|file| fs::read(source.path().join(file)).unwrap());
    let seed = std::env::var("TILLGATE_DAMAGE_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random = rand::rngs::SmallRng::seed_from_u64(seed.unwrap_or(SEED));
    let mut outcomes: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for round in 0..270 {
        let copy = folder();
        let mut damaged = sound.clone();
        let (kind, at) = match round {
            0..100 => ("bit of the journal", flip_in(&mut damaged[0], &mut random)),
            100..200 => ("bit of the log", flip_in(&mut damaged[1], &mut random)),
            200..210 => ("bit of the mark", flip_in(&mut damaged[2], &mut random)),
            210..230 => ("journal cut", cut(&mut damaged[0], &mut random)),
            230..250 => ("log cut", cut(&mut damaged[1], &mut random)),
            _ => {
                let pages = damaged[0].len() / 4096;
                let (one, other) = (random.random_range(0..pages), random.random_range(0..pages));
                for byte in 0..4096 {
                    damaged[0].swap(one * 4096 + byte, other * 4096 + byte);
                }
                ("pages swapped", one)
            }
        };
        for (file, bytes) in files.iter().zip(&damaged) {
            fs::write(copy.path().join(file), bytes).unwrap();
        }
        let ended = truth.judge(copy.path(), &format!("round {round}, {kind} at {at}")).await;
        *outcomes.entry((kind, ended)).or_default() += 1;
    }
    for ((kind, ended), count) in &outcomes {
        println!("{kind:<20} {ended:<30} {count:>4}");
    }
    assert!(outcomes.keys().any(|(_, ended)| ended.starts_with("recovered")));
    assert!(outcomes.contains_key(&("log cut", "the lost tail told")));
}

fn flip_in(bytes: &mut [u8], random: &mut impl Rng) -> usize {
    let at = random.random_range(0..bytes.len());
    bytes[at] ^= 1 << random.random_range(0..8);
    at
}

fn cut(bytes: &mut Vec<u8>, random: &mut impl Rng) -> usize {
    let at = random.random_range(0..bytes.len());
    bytes.truncate(at);
    at
}

/// A capture whose input fills pages of its own.
fn with_raw(items: Vec<NewItem>, bytes: usize) -> NewCapture {
    let mut random = rand::rngs::SmallRng::seed_from_u64(bytes as u64);
    let raw: Vec<u8> = (0..bytes).map(|_| random.random()).collect();
    NewCapture {
        sha256: Sha256::digest(&raw).into(),
        raw_zstd: zstd::encode_all(raw.as_slice(), 1).unwrap(),
        raw_bytes: raw.len() as u64,
        ..capture(items)
    }
}

/// A journal of some size, half of it in its log, as a crash leaves it.
async fn busy_journal() -> (TempDir, Vec<Shown>) {
    let original = folder();
    let store = open(original.path()).await;
    for number in 0..40 {
        let text = "x".repeat(number * 7);
        let pair = vec![record(&format!("k{number}"), &text), record(&format!("m{number}"), "1")];
        store.commit(with_raw(pair, number % 5 * 3000)).await.unwrap();
    }
    commit(&store, vec![NewItem::Quarantine(vec![finding("total")])]).await;
    store.acknowledge(30);
    store.close().await;
    let store = open(original.path()).await;
    for number in 40..60 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    let copy = crashed(&store, original.path()).await;
    let before = events(&store).await;
    store.close().await;
    (copy, before)
}

#[tokio::test]
async fn control_numbers_do_not_come_twice_although_the_journal_forgot_them() {
    for gone in [true, false] {
        let folder = folder();
        let store = open(folder.path()).await;
        commit(&store, vec![record("a", "1")]).await;
        let first = store.reserve_control_number("bigbox").await.unwrap();
        assert!(
            first > 1_000_000,
            "seconds since 2026, since an earlier journal may be lost: {first}"
        );
        store.close().await;
        if gone {
            fs::remove_file(journal_path(folder.path())).unwrap();
        } else {
            meddle(folder.path(), &["UPDATE counter SET checksum = checksum + 1"]).await;
        }
        let store = open(folder.path()).await;
        the_loss(&store);
        let next = store.reserve_control_number("bigbox").await.unwrap();
        assert!(next > 1_000_000, "{next} of {first}");
        assert_eq!(store.reserve_control_number("bigbox").await.unwrap(), next + 1);
        store.close().await;
    }
}

/// A start does not look at what was delivered: somebody who verifies does, and has a way out.
#[tokio::test]
async fn damage_behind_the_deliveries_is_recovered_when_somebody_asks_for_it() {
    let (folder, before, _) = twenty().await;
    meddle(folder.path(), &["UPDATE record SET data = x'7b7d' WHERE sequence = 3"]).await;
    let store = open(folder.path()).await;
    assert!(store.losses().is_empty());
    assert!(mend(folder.path(), 0).await.unwrap_err().to_string().contains("is in use by"));
    store.close().await;
    assert!(!report(folder.path()).await.whole, "a start changes nothing");
    meddle(folder.path(), &["UPDATE retention_clock SET moment_us = 1780000000000000"]).await;
    let mended = mend(folder.path(), 0).await.unwrap();
    let moment = scalar(folder.path(), "SELECT moment_us FROM retention_clock").await;
    assert_eq!(moment, 1_780_000_000_000_000, "or nothing would be old for weeks");
    assert!(mended.whole, "{mended:#?}");
    assert_eq!(mended.losses[0].records[0].delivered_through, Some(3), "{mended:#?}");
    assert_eq!(asides(folder.path()), 1);
    assert_eq!(mend(folder.path(), 0).await.unwrap(), mended, "a whole journal is left alone");
    let elsewhere = super::folder();
    backup(folder.path(), &elsewhere.path().join("copy.db")).await.unwrap();
    let store = open(folder.path()).await;
    let after = events(&store).await;
    assert!(before.ends_with(&after) && after.len() >= 12, "{} records", after.len());
    store.close().await;
}
