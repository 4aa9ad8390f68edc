//! What must hold after a power cut: the journal opens, is whole, holds what was promised, and goes on.
//!
//! In: folders as a disk may hold them, and the promises that had left by then. Out: nothing, or a failed test that
//! says which promise was broken. The partner's folder is looked at too: a file is in `in`, or known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tillgate::clock::{Clock, SystemClock};
use tillgate::config::{ByteSize, Confirm, Retention};
use tillgate::source::Media;
use tillgate::store::{
    NewCapture, NewItem, NewRecord, Outcome, Store, StoreOptions, journal_path, verify,
};
use tillgate_record::{Channel, EventType, IdempotencyKey};
use tillgate_tests::promises::{Promise, Subject};
use tillgate_tests::recording::Recording;
use tillgate_tests::site::{GATEWAY, ORG, STORE};
use tokio::runtime::Runtime;

/// Looks at what power cuts leave.
pub(crate) struct Aftermath<'a> {
    recording: &'a Recording,
    promises: Vec<Promise>,
    runtime: Runtime,
}

/// What the journal holds.
struct Kept {
    /// The ids of all events whose keys are known.
    events: BTreeSet<[u8; 16]>,
    keys: BTreeSet<String>,
    captures: BTreeSet<String>,
    /// Acknowledgements for the folder: name, content, and whether it is said to be there.
    replies: BTreeMap<String, (Vec<u8>, bool)>,
    /// Names of files, and whether they are said to have left `in`.
    files: BTreeMap<String, bool>,
    /// How many of the partner's files are in quarantine: those that are too large.
    quarantined: usize,
    assigned: u64,
    /// Records through this one were delivered and removed.
    pruned: u64,
}

impl<'a> Aftermath<'a> {
    pub(crate) fn new(recording: &'a Recording, promises: Vec<Promise>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { recording, promises, runtime: runtime.expect("a runtime") }
    }

    /// Checks what a power cut at `now` left in a folder.
    pub(crate) fn check(&self, now: usize, folder: &Path) {
        let data_dir = self.moved(&self.recording.data_dir, folder);
        let made = || self.promises.iter().take_while(|promise| promise.at < now);
        if made().next().is_some() {
            self.runtime.block_on(assert_whole(&data_dir));
        }
        let kept = self.runtime.block_on(open_and_go_on(&data_dir));
        let partner = self.moved(&self.recording.partner, folder);
        for promise in made() {
            assert!(kept.keeps(&promise.subject, &partner), "broken: {promise:?}");
        }
        self.check_files(&kept, &partner);
        check_key(&data_dir);
    }

    /// The place of a recorded path below another folder.
    fn moved(&self, path: &Path, folder: &Path) -> PathBuf {
        folder.join(path.strip_prefix(&self.recording.root).expect("a path below the root"))
    }

    /// A file that nobody knows is untouched, one that was taken is somewhere, and what the journal says of a file or
    /// an acknowledgement is so.
    fn check_files(&self, kept: &Kept, partner: &Path) {
        for (name, content) in &self.recording.delivered {
            let read = |folder: &str, name: &str| fs::read(partner.join(folder).join(name)).ok();
            let inside = read("in", name);
            if !kept.knows_file(name) {
                assert_eq!(inside.as_ref(), Some(content), "{name} left in/ and is not known");
            }
            if kept.files.get(name) == Some(&true) {
                let behind = read(".taken", name);
                assert_eq!((&inside, &behind), (&None, &None), "{name} is gone, says the journal");
            }
            let places = [inside, read(".taken", name), read("done", name), read("rejected", name)];
            let is_whole =
                |found: &Vec<u8>| found.len() >= content.len() && same_ends(found, content);
            assert!(places.iter().flatten().any(is_whole), "{name} is nowhere whole");
        }
        for (name, (content, is_there)) in &kept.replies {
            if *is_there {
                let found = fs::read(partner.join("out").join(name)).ok();
                assert_eq!(found.as_ref(), Some(content), "{name} is in out/, says the journal");
            }
        }
    }
}

/// A card number in the middle may have been made unreadable.
fn same_ends(found: &[u8], sent: &[u8]) -> bool {
    let (head, tail) = (&sent[..106], &sent[sent.len() - 20..]);
    found.starts_with(head) && found.ends_with(tail)
}

/// The key of card tokens is there whole or not at all.
fn check_key(data_dir: &Path) {
    if let Ok(key) = fs::read(data_dir.join("token.key")) {
        assert_eq!(key.len(), 65, "64 digits and the end of the line");
        assert!(key[..64].iter().all(u8::is_ascii_hexdigit), "the key is damaged");
    }
}

impl Kept {
    fn keeps(&self, subject: &Subject, partner: &Path) -> bool {
        match subject {
            Subject::Accepted(id) | Subject::Duplicate(id) => self.events.contains(id),
            // A number that has left is never given to another record. The key of a reading, which nobody repeats,
            // goes with the delivered record.
            Subject::Published { id, sequence } => {
                let is_known = self.events.contains(id) || self.pruned >= *sequence;
                is_known && self.assigned >= *sequence
            }
            Subject::Capture(id) => self.captures.contains(id),
            // Old papers are removed from the journal once they are in the folder.
            Subject::Reply(name) => {
                self.replies.contains_key(name) || partner.join("out").join(name).is_file()
            }
            Subject::Moved(name) => self.knows_file(name),
        }
    }

    fn knows_file(&self, name: &str) -> bool {
        if self.files.contains_key(name) {
            return true;
        }
        // Its paper may have been removed from the journal; what became of it is not.
        let (kind, number) = name.trim_end_matches(".edi").split_once('-').unwrap_or_default();
        match kind {
            "order" => self.keys.iter().any(|key| key.contains(&format!("/PO-{number}/"))),
            _ => number.parse().is_ok_and(|number: usize| self.quarantined >= number),
        }
    }

    async fn read(data_dir: &Path, assigned: u64) -> Result<Self, sqlx::Error> {
        let journal = SqliteConnectOptions::new().filename(journal_path(data_dir)).read_only(true);
        let mut journal: SqliteConnection = journal.connect().await?;
        let known: Vec<(String, u32)> =
            sqlx::query_as("SELECT key, version FROM known").fetch_all(&mut journal).await?;
        let captures: Vec<String> =
            sqlx::query_scalar("SELECT id FROM capture").fetch_all(&mut journal).await?;
        let replies: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT file_name, content, written_us IS NOT NULL FROM reply \
             JOIN capture ON capture.id = reply.capture WHERE channel = ?",
        )
        .bind(Channel::EdiFolder.as_str())
        .fetch_all(&mut journal)
        .await?;
        let files: Vec<(String, bool)> =
            sqlx::query_as("SELECT name, finished FROM edi_file").fetch_all(&mut journal).await?;
        let quarantined: i64 =
            sqlx::query_scalar("SELECT count(*) FROM quarantine").fetch_one(&mut journal).await?;
        let pruned: i64 = sqlx::query_scalar("SELECT pruned_sequence FROM counter")
            .fetch_one(&mut journal)
            .await?;
        journal.close().await?;
        let events = known.iter().flat_map(|(key, version)| {
            let key = IdempotencyKey::from_stored(key.clone());
            (1..=*version).map(move |version| key.event_id(version).into_bytes())
        });
        Ok(Self {
            events: events.collect(),
            keys: known.iter().map(|(key, _)| key.clone()).collect(),
            captures: captures.into_iter().collect(),
            replies: replies
                .into_iter()
                .map(|(name, content, there)| (name, (content, there)))
                .collect(),
            files: files.into_iter().collect(),
            quarantined: usize::try_from(quarantined).unwrap_or_default(),
            assigned,
            pruned: u64::try_from(pruned).unwrap_or_default(),
        })
    }
}

async fn assert_whole(data_dir: &Path) {
    let report = verify(data_dir).await.expect("a journal that can be read");
    assert!(report.whole, "{:#?}", report.problems);
}

/// Opens the journal, reads it, takes one more sale, and closes it.
async fn open_and_go_on(data_dir: &Path) -> Kept {
    let options = StoreOptions {
        data_dir: data_dir.to_owned(),
        org: ORG.to_owned(),
        store: STORE.to_owned(),
        gateway: GATEWAY.to_owned(),
        budget: ByteSize::gibibytes(1),
        retention: Retention::default(),
        ballast: Some(ByteSize::mebibytes(1)),
        confirm: Confirm::Puback,
    };
    let store = Store::open(options, Arc::new(SystemClock), Arc::default());
    let store = store.await.expect("a journal that opens");
    let assigned = store.figures().await.expect("figures").sequence_assigned;
    let kept = Kept::read(data_dir, assigned).await.expect("a journal that can be read");
    let receipt = store.commit(one_more()).await.expect("a store that goes on");
    assert_eq!(receipt.outcomes, [Outcome::Accepted { sequence: assigned + 1 }]);
    store.close().await;
    assert_whole(data_dir).await;
    kept
}

fn one_more() -> NewCapture {
    let raw = b"one more";
    NewCapture {
        id: "01K5ZZZZZZZZZZZZZZZZZZZZZZ".parse().expect("an id"),
        source: "01".to_owned(),
        channel: Channel::TerminalHttp,
        media: Media::SaleJson,
        received_at: SystemClock.now(),
        sha256: sha2::Sha256::digest(raw).into(),
        raw_zstd: zstd::encode_all(&raw[..], 1).expect("a compressed text"),
        raw_bytes: raw.len() as u64,
        config_version: "after the cut".to_owned(),
        items: vec![NewItem::Record(NewRecord {
            event_type: EventType::Sale,
            key: IdempotencyKey::from_stored("acme/after/the/cut".to_owned()),
            content: [7; 16],
            time: "2026-11-21T18:03:11+08:00".to_owned(),
            data: b"{}".to_vec(),
        })],
        file: None,
        replies: Vec::new(),
    }
}
