//! Pruning and the disk budget.

use super::*;
use crate::forward::Outbox;
use crate::store::{Pruned, StoreError};

async fn open_with(folder: &Path, clock: &Arc<HandClock>, budget: ByteSize) -> Store {
    let options = StoreOptions { budget, ..options(folder) };
    let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(clock);
    Store::open(options, clock, Arc::new(Pulse::default())).await.unwrap()
}

/// So many days later, which the gateway has seen pass.
async fn later(store: Store, folder: &Path, clock: &Arc<HandClock>, days: i64) -> Store {
    store.close().await;
    clock.days(days);
    trust_the_clock(folder).await;
    open_with(folder, clock, ByteSize::gibibytes(1)).await
}

/// Steps until nothing is left to prune.
async fn prune_all(store: &Store) -> Pruned {
    let mut sum = Pruned::default();
    loop {
        let step = store.prune().await.unwrap();
        if step == Pruned::default() {
            return sum;
        }
        sum.raws += step.raws;
        sum.records += step.records;
        sum.captures += step.captures;
        sum.keys += step.keys;
    }
}

#[tokio::test]
async fn what_is_old_and_delivered_goes_and_nothing_else() {
    let (folder, clock) = (folder(), HandClock::new());
    let store = open_with(folder.path(), &clock, ByteSize::gibibytes(1)).await;
    for number in 0..10 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    let odd = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let entry = format!("{}-0", odd.id);
    store.commit(odd).await.unwrap();
    assert_eq!(prune_all(&store).await, Pruned::default(), "nothing is old yet");

    store.acknowledge(6);
    let store = later(store, folder.path(), &clock, 31).await;
    let pruned = prune_all(&store).await;
    assert_eq!((pruned.raws, pruned.records, pruned.captures, pruned.keys), (10, 6, 0, 0));
    let waiting = store.after(6, 100).await.unwrap();
    assert_eq!(waiting.len(), 4, "what the broker does not have stays");
    let shown = store.quarantine_show(&entry).await.unwrap();
    assert!(shown.raw.is_some(), "the input of an open entry stays");
    assert_whole(folder.path()).await;
    let again = commit(&store, vec![record("k0", "1")]).await;
    assert_eq!(again, [Outcome::Duplicate { sequence: 1 }], "keys are known longer than records");

    store.acknowledge(10);
    let store = later(store, folder.path(), &clock, 400).await;
    let pruned = prune_all(&store).await;
    assert_eq!((pruned.records, pruned.captures, pruned.keys), (4, 10, 10));
    assert_whole(folder.path()).await;
    store.quarantine_discard(&entry, "li").await.unwrap();
    assert_eq!(prune_all(&store).await.captures, 2, "the entry's and the duplicate's");
    assert_whole(folder.path()).await;
    store.close().await;

    let store = open_with(folder.path(), &clock, ByteSize::gibibytes(1)).await;
    assert_eq!(commit(&store, vec![record("k0", "1")]).await, [accepted(11)]);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_spent_budget_refuses_captures_until_records_are_delivered() {
    let (folder, clock) = (folder(), HandClock::new());
    let store = open_with(folder.path(), &clock, ByteSize::mebibytes(3)).await;
    let entry = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let id = format!("{}-0", entry.id);
    store.commit(entry).await.unwrap();
    let large = "x".repeat(100_000);
    let mut taken = 0;
    let error = loop {
        match store.commit(capture(vec![record(&format!("k{taken}"), &large)])).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "the budget was never spent");
    };
    assert!(matches!(error, StoreError::BudgetSpent { .. }), "{error}");
    assert!(taken > 5, "{taken}");
    store.quarantine_discard(&id, "li").await.unwrap();
    assert_eq!(store.after(0, 500).await.unwrap().len(), taken, "delivery goes on");

    store.acknowledge(taken as u64);
    let mut waits = 0;
    while store.commit(capture(vec![record("after", &large)])).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        waits += 1;
        assert!(waits < 100, "the budget never recovered: {:?}", store.figures().await);
    }
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn what_the_crm_has_not_confirmed_stays_whatever_the_disk_holds() {
    let (folder, clock) = (folder(), HandClock::new());
    let store = open_with(folder.path(), &clock, ByteSize::mebibytes(3)).await;
    store.confirm_by(Confirm::Receipt);
    let large = "x".repeat(100_000);
    let mut taken = 0;
    while store.commit(capture(vec![record(&format!("k{taken}"), &large)])).await.is_ok() {
        taken += 1;
        assert!(taken < 100, "the budget was never spent");
    }
    store.acknowledge(taken);
    for _ in 0..3 {
        store.prune().await.unwrap();
    }
    assert_eq!(store.pruned(), 0, "acknowledged is not confirmed");
    assert_eq!(store.after(0, 500).await.unwrap().len() as u64, taken);
    let figures = store.figures().await.unwrap();
    assert_eq!(
        (figures.sequence_confirmed, figures.unconfirmed_received_us),
        (Some(0), Some(NOW_US))
    );

    store.confirm(taken - 2);
    for _ in 0..3 {
        store.prune().await.unwrap();
    }
    assert_eq!(store.pruned(), taken - 2);
    assert_eq!(store.after(taken - 2, 500).await.unwrap().len(), 2);
    store.close().await;
    assert_whole(folder.path()).await;
}

/// Delivered or not, nothing goes because of one wrong date; and what came under the wrong date keeps its key.
#[tokio::test]
async fn a_clock_that_jumps_makes_nothing_old() {
    let (folder, clock) = (folder(), HandClock::new());
    let store = open_with(folder.path(), &clock, ByteSize::gibibytes(1)).await;
    let store = later(store, folder.path(), &clock, 0).await;
    assert_eq!(prune_all(&store).await, Pruned::default());
    commit(&store, vec![record("before", "1")]).await;
    clock.days(3650);
    let mut ahead = capture(vec![record("ahead", "1")]);
    ahead.received_at = clock.now();
    store.commit(ahead).await.unwrap();
    store.acknowledge(2);
    assert_eq!(prune_all(&store).await, Pruned::default(), "ten years ahead");
    clock.days(-3650);
    assert_eq!(prune_all(&store).await, Pruned::default(), "and back");
    clock.days(-20_000);
    let mut behind = capture(vec![record("behind", "1")]);
    behind.received_at = clock.now();
    store.commit(behind).await.unwrap();
    store.acknowledge(3);
    clock.days(20_000);
    assert_eq!(prune_all(&store).await, Pruned::default(), "55 years behind");
    for (key, sequence) in [("before", 1), ("ahead", 2), ("behind", 3)] {
        let again = commit(&store, vec![record(key, "1")]).await;
        assert_eq!(again, [Outcome::Duplicate { sequence }], "{key}");
    }
    let store = later(store, folder.path(), &clock, 31).await;
    let pruned = prune_all(&store).await;
    assert_eq!(
        (pruned.raws, pruned.records),
        (1, 1),
        "a date that is not reached yet keeps what is behind it"
    );
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn raw_inputs_take_what_they_may_and_the_oldest_delivered_go() {
    let (folder, clock) = (folder(), HandClock::new());
    let bounded = async || {
        let retention = Retention { capture_max: Some(ByteSize(50_500)), ..Retention::default() };
        let options = StoreOptions { retention, ..options(folder.path()) };
        let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(&clock);
        Store::open(options, clock, Arc::new(Pulse::default())).await.unwrap()
    };
    let store = bounded().await;
    let large = |number: u32| {
        let mut large = capture(vec![record(&format!("k{number}"), "1")]);
        let raw: Vec<u8> = (0..10_000).map(|_| rand::random()).collect();
        large.sha256 = Sha256::digest(&raw).into();
        large.raw_zstd = zstd::encode_all(raw.as_slice(), 1).unwrap();
        large.raw_bytes = raw.len() as u64;
        large
    };
    for number in 0..20 {
        store.commit(large(number)).await.unwrap();
    }
    assert_eq!(prune_all(&store).await, Pruned::default(), "nothing is delivered yet");
    store.acknowledge(10);
    assert_eq!(prune_all(&store).await.raws, 10, "all that is delivered");
    store.acknowledge(20);
    assert_eq!(prune_all(&store).await.raws, 5, "as many as are too many");
    store.close().await;
    let store = bounded().await;
    assert_eq!(prune_all(&store).await, Pruned::default(), "counted again at the start");
    store.commit(large(20)).await.unwrap();
    store.acknowledge(21);
    assert_eq!(prune_all(&store).await.raws, 1);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_queue_holds_is_refused_in_time() {
    let folder = folder();
    let store = open(folder.path()).await;
    let mut blocker = connect(&journal_path(folder.path())).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut blocker).await.unwrap();
    let large = |key: &str| {
        let mut large = capture(vec![record(key, "1")]);
        large.raw_zstd = vec![0; 40 << 20];
        large
    };
    let (first, sender) = (large("a"), store.clone());
    let waiting = tokio::spawn(async move { sender.commit(first).await });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let refused = store.commit(large("b")).await;
    assert!(matches!(refused, Err(StoreError::Overloaded)), "{refused:?}");
    sqlx::query("ROLLBACK").execute(&mut blocker).await.unwrap();
    let taken = waiting.await.unwrap().unwrap();
    assert_eq!(taken.outcomes, [accepted(1)]);
    store.close().await;
}

#[tokio::test]
async fn large_records_leave_in_bounded_reads() {
    let folder = folder();
    let store = open(folder.path()).await;
    let large = "x".repeat(1_000_000);
    for number in 0..8 {
        commit(&store, vec![record(&format!("k{number}"), &large)]).await;
    }
    let first = store.after(0, 500).await.unwrap();
    assert!((4..8).contains(&first.len()), "{}", first.len());
    store.close().await;
}
