//! Journals that earlier versions wrote, kept under `tests/journals`: each opens, is whole, and goes on.

use std::fs;
use std::path::PathBuf;

use tillgate_record::Event;

use super::*;
use crate::forward::Outbox;

/// What a kept journal holds.
struct Kept {
    file: &'static str,
    version: i64,
    records: u64,
    captures: u64,
    entries: u64,
    keys: u64,
}

/// Six sales, an input in quarantine beside, an order over EDI with its acknowledgement, two customers. From version 3
/// on there is a high-water mark.
const KEPT: [Kept; 3] = [
    Kept { file: "v1.db", version: 1, records: 7, captures: 8, entries: 1, keys: 7 },
    Kept { file: "v2.db", version: 2, records: 7, captures: 8, entries: 1, keys: 7 },
    Kept { file: "v3.db", version: 3, records: 7, captures: 8, entries: 1, keys: 7 },
];

fn copy(kept: &Kept) -> TempDir {
    let folder = folder();
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/journals").join(kept.file);
    let mark = source.with_extension("mark");
    fs::copy(source, journal_path(folder.path())).unwrap();
    if mark.exists() {
        fs::copy(mark, folder.path().join("journal.mark")).unwrap();
    }
    folder
}

async fn goes_on(folder: &Path, kept: &Kept) {
    let store = open(folder).await;
    let before = store.after(0, 500).await.unwrap();
    assert_eq!(before.len() as u64, kept.records);
    for (outgoing, sequence) in before.iter().zip(1_u64..) {
        let event: Event<'_> = serde_json::from_slice(&outgoing.payload).unwrap();
        assert_eq!((event.incarnation, event.sequence.as_ref()), (1, &*sequence.to_string()));
    }
    assert_eq!(commit(&store, vec![record("new", "1")]).await, [accepted(kept.records + 1)]);
    assert!(store.losses().is_empty());
    let entries = store.quarantine_list(10, false).await.unwrap();
    assert_eq!(entries.len() as u64, kept.entries);
    let raw = store.quarantine_show(&entries[0].id).await.unwrap().raw;
    assert!(raw.is_some_and(|raw| raw.starts_with('{')));
    store.close().await;
    let report = report(folder).await;
    assert!(report.whole, "{report:#?}");
    assert_eq!((report.records, report.captures), (kept.records + 1, kept.captures + 1));
    assert_eq!((report.keys, report.incarnation), (kept.keys + 1, 1));
    // From now on there is a mark: the next start goes on in the same incarnation.
    let store = open(folder).await;
    assert_eq!(store.figures().await.unwrap().incarnation, 1);
    store.close().await;
}

#[tokio::test]
async fn journals_of_every_earlier_version_open_and_go_on() {
    for kept in KEPT {
        goes_on(copy(&kept).path(), &kept).await;
    }
}

/// A crash between two migrations. Behind the third, whose journals have a mark, the missing one begins an incarnation.
#[tokio::test]
async fn a_journal_that_is_half_migrated_opens_and_goes_on() {
    for kept in KEPT.into_iter().filter(|kept| kept.version != 2) {
        let folder = copy(&kept);
        let mut connection = connect(&journal_path(folder.path())).await.unwrap();
        let all: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
        all.run_to(kept.version + 1, &mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        assert!(verify(folder.path()).await.unwrap().whole);
        goes_on(folder.path(), &kept).await;
    }
}

/// Damage that is found before the schema is raised.
#[tokio::test]
async fn a_damaged_journal_of_an_earlier_version_is_recovered() {
    for kept in KEPT {
        let folder = copy(&kept);
        meddle(folder.path(), &["UPDATE record SET data = x'7b7d' WHERE sequence = 4"]).await;
        meddle(folder.path(), &["UPDATE counter SET pruned_sequence = 3"]).await;
        let store = open(folder.path()).await;
        assert_eq!(store.losses().len(), 1);
        assert_eq!(store.after(0, 500).await.unwrap().len() as u64, kept.records - 1);
        store.close().await;
        assert_whole(folder.path()).await;
    }
}
