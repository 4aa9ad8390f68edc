//! What fills the disk budget, what makes room in it, and what is told.

use futures_util::future::join_all;

use super::*;
use crate::forward::Outbox;
use crate::store::{Filler, Filling, Pruned};

const BUDGET: ByteSize = ByteSize::mebibytes(8);

async fn open_small(folder: &Path) -> Store {
    let options = StoreOptions { budget: BUDGET, ..options(folder) };
    Store::open(options, HandClock::new(), Arc::new(Pulse::default())).await.unwrap()
}

fn sale(number: u64) -> NewItem {
    // As long as the key of an order with the names of both parties: fewer of them fill the budget.
    let key = format!("acme/0042/{:02}/2026-11-21/{number:0128}/sale", number % 7);
    record(&key, &format!("{number}: {}", "tea, ".repeat(60)))
}

/// Commits what the budget has room for, some at a time; how many were refused for want of room.
async fn sell(store: &Store, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let sold =
        join_all(numbers.map(
            async |number| match store.commit(capture(vec![sale(number)])).await {
                Ok(_) => None,
                Err(StoreError::BudgetSpent { .. }) => Some(number),
                Err(error) => panic!("{error}"),
            },
        ));
    sold.await.into_iter().flatten().collect()
}

async fn refusal(store: &Store) -> Option<(String, Filling)> {
    match store.accepting() {
        Err(error @ StoreError::BudgetSpent { filling, .. }) => Some((error.to_string(), filling)),
        Ok(()) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Room comes back within ten seconds.
async fn assert_takes_again(store: &Store) {
    for _ in 0..100 {
        if refusal(store).await.is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(refusal(store).await, None, "{:?}", store.figures().await);
}

/// Until the writer has looked again what fills the budget.
async fn after_a_look() {
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_budget_takes_delivered_inputs_for_ever() {
    const SALES: u64 = 40_000;
    const BATCH: u64 = 250;
    let folder = quick_folder();
    let store = open_small(folder.path()).await;
    let odd = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let entry = format!("{}-0", odd.id);
    store.commit(odd).await.unwrap();
    for from in (0..SALES).step_by(250) {
        let mut left = sell(&store, from..from + BATCH).await;
        let mut waits = 0;
        while !left.is_empty() {
            waits += 1;
            assert!(waits < 500, "no room comes back: {:?}", store.figures().await);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let mut still = Vec::new();
            for number in left {
                still.extend(sell(&store, number..number + 1).await);
            }
            left = still;
        }
        store.acknowledge(u64::MAX);
    }
    let figures = store.figures().await.unwrap();
    assert_eq!(figures.sequence_assigned, SALES);
    assert!(figures.disk_used <= BUDGET.0, "{figures:?}");
    let repeat = commit(&store, vec![sale(SALES - 1)]).await;
    assert!(matches!(repeat[..], [Outcome::Duplicate { .. }]), "the newest keys are known");
    let shown = store.quarantine_show(&entry).await.unwrap();
    assert!(shown.raw.is_some(), "the input of an open entry stays");

    after_a_look().await;
    let figures = store.figures().await.unwrap();
    let told = figures.filled.warnings(figures.disk_used, figures.disk_budget);
    let words = told.iter().find(|told| told.code == "key-days").map(|told| told.message.as_str());
    assert!(
        words.is_some_and(
            |words| words.starts_with("keys of 0 days are kept, key_days asks for 400: ")
        ),
        "{told:?} {figures:?}"
    );
    store.close().await;
    let report = report(folder.path()).await;
    assert!(report.whole, "{:#?}", report.problems);
    assert!((5000..SALES).contains(&report.keys), "{report:?}");
    let store = open_small(folder.path()).await;
    assert!(store.losses().is_empty());
    store.quarantine_discard(&entry, "li").await.unwrap();
    while store.prune().await.unwrap() != Pruned::default() {}
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_wait_fill_the_budget_and_the_refusal_says_so() {
    let folder = quick_folder();
    let store = open_small(folder.path()).await;
    assert!(sell(&store, 0..2000).await.is_empty());
    store.acknowledge(1000);
    let mut next = 2000;
    let (words, filling) = loop {
        let _ = sell(&store, next..next + 250).await;
        next += 250;
        assert!(next < 40_000, "the budget was never spent");
        if refusal(&store).await.is_some() {
            // What was delivered may make room for some more.
            after_a_look().await;
            if let Some(refused) = refusal(&store).await {
                break refused;
            }
        }
    };
    assert_eq!(filling.most(), Filler::Waiting, "{filling:?}");
    assert!(words.contains(": records that wait for delivery "), "{words}");
    assert!(filling.waiting > BUDGET.0 / 2, "{filling:?}");
    assert_eq!(store.pruned(), 1000, "what was delivered made room, and nothing else");
    let assigned = store.figures().await.unwrap().sequence_assigned;
    let mut waiting = 1000;
    while waiting < assigned {
        waiting += store.after(waiting, 500).await.unwrap().len() as u64;
    }

    store.acknowledge(assigned);
    assert_takes_again(&store).await;
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_entries_fill_the_budget_and_the_refusal_says_so() {
    let folder = quick_folder();
    let store = open_small(folder.path()).await;
    let odd = || {
        let mut odd = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
        let raw: Vec<u8> = (0..20_000).map(|_| rand::random()).collect();
        odd.sha256 = Sha256::digest(&raw).into();
        odd.raw_zstd = zstd::encode_all(raw.as_slice(), 1).unwrap();
        odd.raw_bytes = raw.len() as u64;
        odd
    };
    let mut entries = Vec::new();
    while refusal(&store).await.is_none() {
        let odd = odd();
        let entry = format!("{}-0", odd.id);
        if store.commit(odd).await.is_ok() {
            entries.push(entry);
        }
        assert!(entries.len() < 2000, "the budget was never spent");
    }
    after_a_look().await;
    let (words, filling) = refusal(&store).await.unwrap();
    assert_eq!(filling.most(), Filler::Quarantine, "{filling:?}");
    assert!(words.contains(": open quarantine entries 9"), "{words}");
    assert!(filling.most().way_out().contains("tillgate quarantine list"));
    for entry in &entries {
        assert!(store.quarantine_show(entry).await.unwrap().raw.is_some(), "{entry}");
        store.quarantine_discard(entry, "li").await.unwrap();
    }
    assert_takes_again(&store).await;
    store.close().await;
    assert_whole(folder.path()).await;
}

/// One open entry does not keep all that came after it; and what it needs survives a recovery.
#[tokio::test]
async fn an_open_entry_holds_its_own_capture_only() {
    let folder = folder();
    let clock = HandClock::new();
    let reopen = async || {
        let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(&clock);
        Store::open(options(folder.path()), clock, Arc::new(Pulse::default())).await.unwrap()
    };
    let store = reopen().await;
    commit(&store, vec![record("a", "1")]).await;
    let odd = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let entry = format!("{}-0", odd.id);
    store.commit(odd).await.unwrap();
    for key in ["b", "c", "d"] {
        commit(&store, vec![record(key, "1")]).await;
    }
    store.acknowledge(4);
    store.close().await;
    clock.days(500);
    trust_the_clock(folder.path()).await;
    let store = reopen().await;
    while store.prune().await.unwrap() != Pruned::default() {}
    store.close().await;
    let rows = "SELECT group_concat(number * 10 + (raw IS NULL)) = '20,51' FROM capture";
    assert_eq!(scalar(folder.path(), rows).await, 1, "the entry's, and the newest");
    assert_whole(folder.path()).await;

    let store = reopen().await;
    assert!(store.losses().is_empty());
    for key in ["e", "f"] {
        commit(&store, vec![record(key, "1")]).await;
    }
    store.close().await;
    meddle(folder.path(), &["UPDATE record SET data = x'7b7d' WHERE sequence = 6"]).await;
    let store = reopen().await;
    assert_eq!(store.losses().len(), 1);
    let lost: Vec<_> = store.losses().iter().flat_map(|(_, loss)| &loss.captures).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(store.quarantine_show(&entry).await.unwrap().raw.is_some());
    store.close().await;
    assert_whole(folder.path()).await;
    let store = reopen().await;
    let replayed = replay(&store, &entry, record("odd", "1"), false).await.unwrap();
    assert!(matches!(replayed, Outcome::Accepted { .. }), "{replayed:?}");
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn the_key_of_a_reading_goes_with_its_record() {
    let folder = folder();
    let options = StoreOptions {
        retention: Retention { record_days: 0, ..Retention::default() },
        ..options(folder.path())
    };
    let store = Store::open(options, HandClock::new(), Arc::new(Pulse::default())).await.unwrap();
    let reading = match record("acme/0042/scanner-3/01J/reading", "1") {
        NewItem::Record(record) => {
            NewItem::Record(NewRecord { event_type: EventType::Reading, ..record })
        }
        other => other,
    };
    commit(&store, vec![reading, record("sale", "1")]).await;
    store.acknowledge(1);
    while store.prune().await.unwrap() != Pruned::default() {}
    assert_eq!(
        commit(&store, vec![record("sale", "1")]).await,
        [Outcome::Duplicate { sequence: 2 }]
    );
    store.acknowledge(2);
    while store.prune().await.unwrap() != Pruned::default() {}
    store.close().await;
    assert_eq!(report(folder.path()).await.keys, 1);
    assert_whole(folder.path()).await;
}

/// An entry about a key that was forgotten since becomes a version that the CRM has not seen.
#[tokio::test]
async fn a_forgotten_key_is_not_taken_for_a_new_one() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("parked", "1"), record("both", "1")]).await;
    let conflict = capture(vec![record("both", "2")]);
    let conflicting = format!("{}-0", conflict.id);
    store.commit(conflict).await.unwrap();
    store.park(1, "too large").await.unwrap();
    let parked = store.quarantine_list(9, false).await.unwrap();
    let parked = parked.iter().find(|entry| entry.parked == Some(1)).unwrap().id.clone();
    store.close().await;
    meddle(folder.path(), &["UPDATE counter SET keys_since_us = 9000000000000000"]).await;
    meddle(folder.path(), &["DELETE FROM known"]).await;
    seal_counters(folder.path()).await;
    let store = open(folder.path()).await;
    let refused = replay(&store, &conflicting, record("both", "2"), false).await.unwrap();
    assert_eq!(refused, Outcome::Conflict { entry: conflicting.clone() });
    let again = replay(&store, &conflicting, record("both", "2"), true).await.unwrap();
    assert_eq!(again, accepted(3));
    assert_eq!(replay(&store, &parked, record("parked", "1"), false).await.unwrap(), accepted(4));
    let ids: std::collections::BTreeSet<String> = store
        .after(0, 9)
        .await
        .unwrap()
        .iter()
        .map(|outgoing| {
            let event: tillgate_record::Event<'_> =
                serde_json::from_slice(&outgoing.payload).unwrap();
            event.id.to_string()
        })
        .collect();
    assert_eq!(ids.len(), 4, "each has an id of its own");
    store.close().await;
    assert_whole(folder.path()).await;
}

/// The counters' own checksum, after a test has changed them.
async fn seal_counters(folder: &Path) {
    let mut connection = connect(&journal_path(folder)).await.unwrap();
    let (counters, _) = super::super::counters::Counters::read(&mut connection).await.unwrap();
    counters.write(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}
