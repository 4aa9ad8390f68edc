use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ulid::Ulid;

use super::*;
use crate::clock::SystemClock;
use crate::pipeline::TakenItem;
use crate::store::PendingReply;
use crate::telemetry::board::SourceKind;

const ORDER: &[u8] = include_bytes!("../../../../config/samples/850-clean.edi");

/// A pipeline and a journal in memory: commits the stamp and one reply with each input, as the real ones do.
#[derive(Debug, Default)]
struct Memory {
    taken: Mutex<Vec<Vec<u8>>>,
    files: Mutex<Vec<(FileStamp, FileState)>>,
    replies: Mutex<Vec<PendingReply>>,
    refuse: AtomicBool,
}

impl Intake for Memory {
    async fn take(&self, input: Input) -> Result<Taken, StoreError> {
        if self.refuse.load(Ordering::SeqCst) {
            return Err(StoreError::Overloaded);
        }
        let quarantined = !input.bytes.starts_with(b"ISA") || is_unfinished(&input.bytes);
        let mut taken = self.taken.lock().unwrap();
        taken.push(input.bytes.to_vec());
        let id = i64::try_from(taken.len()).unwrap();
        self.files
            .lock()
            .unwrap()
            .extend(input.file.map(|stamp| (stamp, FileState::Committed { refused: false })));
        self.replies.lock().unwrap().push(PendingReply {
            capture: String::new(),
            content_type: String::new(),
            id,
            file_name: format!("997-{id:09}.edi"),
            content: format!("reply {id}").into_bytes(),
        });
        let status = if quarantined { ItemStatus::Quarantined } else { ItemStatus::Accepted };
        let items = vec![TakenItem { status, event_id: None, kind: None, findings: Vec::new() }];
        Ok(Taken { capture: Ulid::nil(), items, replies: Vec::new() })
    }
}

impl ExchangeJournal for Memory {
    async fn file_state(&self, stamp: &FileStamp) -> Result<Option<FileState>, StoreError> {
        let files = self.files.lock().unwrap();
        Ok(files.iter().find(|(known, _)| known == stamp).map(|(_, state)| *state))
    }
    async fn file_finished(&self, stamp: &FileStamp) -> Result<(), StoreError> {
        for (known, state) in self.files.lock().unwrap().iter_mut() {
            if known == stamp {
                *state = FileState::Finished;
            }
        }
        Ok(())
    }
    async fn pending_replies(&self, _: &str) -> Result<Vec<PendingReply>, StoreError> {
        // A few at a time, as the store does it.
        Ok(self.replies.lock().unwrap().iter().take(100).cloned().collect())
    }
    async fn reply_written(&self, id: i64) -> Result<(), StoreError> {
        self.replies.lock().unwrap().retain(|reply| reply.id != id);
        Ok(())
    }
}

struct Served {
    root: tempfile::TempDir,
    memory: Arc<Memory>,
    board: Arc<Board>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    fn start(root: tempfile::TempDir, memory: Arc<Memory>, settle: u64, stale: u64) -> Self {
        let board = Arc::new(Board::default());
        board.add_source("bigbox", SourceKind::Partner, None, "");
        let exchange = Exchange {
            settings: Settings {
                partner: "bigbox".to_owned(),
                root: root.path().join("edi/bigbox"),
                settle: Duration::from_secs(settle),
                stale: Duration::from_secs(stale),
                largest: 2000,
            },
            intake: Arc::clone(&memory),
            journal: Arc::clone(&memory),
            board: Arc::clone(&board),
            clock: Arc::new(SystemClock),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(exchange.run(stop.clone()));
        Self { root, memory, board, stop, task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("edi/bigbox").join(name)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..100 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what}; board: {:?}", self.board.sources());
    }

    async fn until_there(&self, name: &str) {
        self.until(&format!("{name} never came"), |served| served.path(name).exists()).await;
    }

    /// As an SFTP client does it: upload under another name, then rename.
    fn move_in(&self, name: &str, content: &[u8]) {
        let aside = self.root.path().join("upload");
        fs::write(&aside, content).unwrap();
        fs::rename(aside, self.path("in").join(name)).unwrap();
    }

    fn taken(&self) -> usize {
        self.memory.taken.lock().unwrap().len()
    }

    async fn stopped(self) -> (tempfile::TempDir, Arc<Memory>) {
        self.stop.cancel();
        self.task.await.unwrap();
        (self.root, self.memory)
    }
}

async fn serve(settle: u64, stale: u64) -> Served {
    let served = Served::start(tempfile::tempdir().unwrap(), Arc::default(), settle, stale);
    served.until_there("rejected").await;
    served.until("not connected", |served| served.board.sources()[0].connected).await;
    served
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_that_is_moved_in_is_taken_answered_and_put_away() {
    let served = serve(600, 600).await;
    let mode = fs::metadata(served.path("in")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    tokio::time::sleep(LOOK).await;
    served.move_in("order.edi", ORDER);
    served.until_there("done/order.edi").await;
    assert_eq!(fs::read(served.path("done/order.edi")).unwrap(), ORDER);
    assert_eq!(fs::read(served.path("out/997-000000001.edi")).unwrap(), b"reply 1");
    assert_eq!(names(&served.path("in")), [""; 0]);
    served
        .until("not finished", |served| {
            served.memory.files.lock().unwrap()[0].1 == FileState::Finished
        })
        .await;
    served.stopped().await;
}

#[tokio::test]
async fn the_same_name_again_overwrites_nothing() {
    let served = serve(0, 600).await;
    served.move_in("order.edi", ORDER);
    served.until_there("done/order.edi").await;
    served.move_in("order.edi", ORDER);
    served.until_there("done/order.edi.2").await;
    assert_eq!(served.taken(), 2);
    served.stopped().await;
}

#[tokio::test]
async fn a_file_that_is_written_in_place_waits_until_it_rests() {
    let served = serve(6, 600).await;
    let path = served.path("in").join("order.edi");
    fs::write(&path, &ORDER[..200]).unwrap();
    tokio::time::sleep(Duration::from_millis(3200)).await;
    fs::write(&path, ORDER).unwrap();
    tokio::time::sleep(Duration::from_millis(3200)).await;
    assert_eq!(served.taken(), 0);
    served.until_there("done/order.edi").await;
    assert_eq!(served.memory.taken.lock().unwrap().as_slice(), [ORDER]);
    served.stopped().await;
}

#[tokio::test]
async fn the_stump_of_an_upload_waits_and_then_is_quarantined() {
    let served = serve(0, 5).await;
    served.move_in("cut.edi", &ORDER[..300]);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(served.taken(), 0);
    served.until_there("rejected/cut.edi.findings.txt").await;
    assert_eq!(fs::read(served.path("rejected/cut.edi")).unwrap(), &ORDER[..300]);
    served.stopped().await;
}

#[tokio::test]
async fn temporary_names_links_and_folders_are_left_alone() {
    let served = serve(0, 0).await;
    let inbox = served.path("in");
    let secret = served.root.path().join("secret");
    fs::write(&secret, ORDER).unwrap();
    for name in [".order.edi", "order.edi.tmp", "order.edi.part", "order.edi.filepart"] {
        fs::write(inbox.join(name), ORDER).unwrap();
    }
    symlink(&secret, inbox.join("link.edi")).unwrap();
    fs::create_dir(inbox.join("folder.edi")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        inbox.join("fifo.edi"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    fs::write(inbox.join("order.edi"), ORDER).unwrap();
    served.until_there("done/order.edi").await;
    tokio::time::sleep(2 * LOOK).await;
    assert_eq!(served.taken(), 1);
    assert_eq!(names(&inbox).len(), 7);
    served.stopped().await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_journaled_and_rejected_without_card_data() {
    let served = serve(0, 600).await;
    let large = poisoned().repeat(4000);
    assert!(large.len() > 2 << 20);
    served.move_in("large.edi", large.as_bytes());
    served.until_there("rejected/large.edi.findings.txt").await;
    let text = fs::read_to_string(served.path("rejected/large.edi.findings.txt")).unwrap();
    assert!(text.contains("larger than 2000 bytes") && text.contains("capture "), "{text}");
    let head = served.memory.taken.lock().unwrap()[0].clone();
    assert!(
        is_unfinished(&head) && head.starts_with(b"ISA") && head.trim_ascii_end().ends_with(b"~")
    );
    let copy = fs::read(served.path("rejected/large.edi")).unwrap();
    assert_eq!(copy, redact::edi(large.as_bytes()).bytes.as_ref());
    assert!(redact::edi(&copy).found.is_empty());
    assert_eq!((served.taken(), names(&served.path("in"))), (1, Vec::new()));
    served.stopped().await;
}

#[tokio::test]
async fn a_refusal_leaves_the_file_and_it_is_taken_later() {
    let served = serve(0, 0).await;
    served.memory.refuse.store(true, Ordering::SeqCst);
    served.move_in("order.edi", ORDER);
    served.until("no trouble shown", |served| !served.board.sources()[0].connected).await;
    assert!(served.path("in").join("order.edi").exists());
    served.memory.refuse.store(false, Ordering::SeqCst);
    served.until_there("done/order.edi").await;
    assert!(served.board.sources()[0].connected);
    served.stopped().await;
}

#[tokio::test]
async fn a_crash_between_commit_and_move_takes_nothing_twice() {
    let (root, memory) = serve(0, 600).await.stopped().await;
    // What a crash leaves: the capture and its reply are committed, the reply is half written, the file is in `in`.
    let partner = root.path().join("edi/bigbox");
    let path = partner.join("in/order.edi");
    fs::write(&path, ORDER).unwrap();
    fs::write(partner.join("out/.tillgate.tmp"), "re").unwrap();
    let data = fs::metadata(&path).unwrap();
    let file = FileStamp {
        partner: "bigbox".to_owned(),
        name: "order.edi".to_owned(),
        inode: data.ino(),
        modified_ns: data.mtime() * 1_000_000_000 + data.mtime_nsec(),
        bytes: data.size(),
    };
    let input = Input {
        source: "bigbox".to_owned(),
        channel: Channel::EdiFolder,
        media: Media::Edi,
        bytes: Zeroizing::new(ORDER.to_vec()),
        received_at: SystemClock.now(),
        id: None,
        file: Some(file),
    };
    memory.take(input).await.unwrap();
    let served = Served::start(root, memory, 0, 600);
    served.until_there("done/order.edi").await;
    assert_eq!(served.taken(), 1);
    assert_eq!(names(&served.path("out")), ["997-000000001.edi"]);
    assert_eq!(fs::read(served.path("out/997-000000001.edi")).unwrap(), b"reply 1");
    served.stopped().await;
}

#[tokio::test]
async fn a_reply_that_was_written_before_the_crash_is_not_written_twice() {
    let (root, memory) = serve(0, 600).await.stopped().await;
    fs::write(root.path().join("edi/bigbox/out/997-000000009.edi"), "reply").unwrap();
    let reply = PendingReply {
        capture: String::new(),
        content_type: String::new(),
        id: 9,
        file_name: "997-000000009.edi".to_owned(),
        content: b"reply".to_vec(),
    };
    memory.replies.lock().unwrap().push(reply);
    let served = Served::start(root, memory, 0, 600);
    served.until("still pending", |served| served.memory.replies.lock().unwrap().is_empty()).await;
    assert_eq!(names(&served.path("out")), ["997-000000009.edi"]);
    served.stopped().await;
}

#[tokio::test]
async fn a_card_number_does_not_stay_in_done() {
    let served = serve(600, 600).await;
    let poisoned = poisoned();
    assert_ne!(poisoned.as_bytes(), ORDER);
    served.move_in("card.edi", poisoned.as_bytes());
    served.until_there("done/card.edi").await;
    served
        .until("the original is still there", |served| !served.path("in/card.edi").exists())
        .await;
    let left = fs::read_to_string(served.path("done/card.edi")).unwrap();
    assert!(left.contains("4111 11") && !left.contains("4111 1111"), "{left}");
    assert_eq!(left.len(), poisoned.len());
    served.stopped().await;
}

fn poisoned() -> String {
    let order = String::from_utf8_lossy(ORDER);
    order.replace("REF*", "MSG*card 4111 1111 1111 1111~\nREF*")
}

/// A folder with one file that was seen in `in`.
fn seen(name: &str) -> (tempfile::TempDir, Folder, Arrival) {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    fs::write(root.path().join("in").join(name), "seen").unwrap();
    let arrival = folder.arrivals("bigbox").unwrap().pop().unwrap();
    (root, folder, arrival)
}

#[test]
fn a_file_that_replaces_the_one_that_was_read_stays() {
    for content in [Content::AsSent, Content::Redacted(b"redacted".to_vec()), Content::Copied] {
        let (root, folder, arrival) = seen("orders.edi");
        let aside = root.path().join("upload");
        fs::write(&aside, "another").unwrap();
        fs::rename(aside, root.path().join("in/orders.edi")).unwrap();
        let copies = usize::from(matches!(content, Content::Redacted(_)));
        let left = Left { outbox: Outbox::Done, text: None, content };
        folder.put_away(&arrival, &left).unwrap();
        assert_eq!(fs::read(root.path().join("in/orders.edi")).unwrap(), b"another");
        assert_eq!(names(&root.path().join("in")), ["orders.edi"]);
        assert_eq!(names(&root.path().join("done")).len(), copies);
        // The next round takes it for what it is: a new file.
        let next = folder.arrivals("bigbox").unwrap().pop().unwrap();
        assert_ne!(next.stamp, arrival.stamp);
        folder.put_away(&next, &left).unwrap();
        assert_eq!(names(&root.path().join("in")), [""; 0]);
    }
}

#[test]
fn what_a_crash_left_before_its_removal_is_known_by_its_stamp() {
    let (root, folder, arrival) = seen("orders.edi");
    let (inbox, taken) = (root.path().join("in"), root.path().join(".taken"));
    fs::rename(inbox.join("orders.edi"), taken.join("orders.edi")).unwrap();
    drop(folder);
    let folder = Folder::open(root.path()).unwrap();
    let left = folder.left_behind("bigbox").unwrap().remove(0);
    assert_eq!(left.stamp, arrival.stamp);
    folder.put_back(&left).unwrap();
    assert_eq!((names(&inbox), names(&taken)), (vec!["orders.edi".to_owned()], vec![]));
    fs::rename(inbox.join("orders.edi"), taken.join("orders.edi")).unwrap();
    folder.forget(&left).unwrap();
    assert_eq!((names(&inbox), names(&taken)), (vec![], vec![]));
}

#[test]
fn a_card_number_in_a_name_does_not_stay() {
    let (root, folder, arrival) = seen("4111111111111111.edi");
    assert_eq!(arrival.stamp.name, "411111******1111.edi");
    assert_eq!(&*folder.read(&arrival, 100).unwrap().unwrap(), b"seen");
    let left =
        Left { outbox: Outbox::Rejected, text: Some("why".to_owned()), content: Content::AsSent };
    folder.put_away(&arrival, &left).unwrap();
    assert_eq!(
        names(&root.path().join("rejected")),
        ["411111******1111.edi", "411111******1111.edi.findings.txt"]
    );
    assert_eq!(names(&root.path().join("in")), [""; 0]);
}

#[test]
fn the_longest_name_and_the_hundredth_of_a_name_are_put_away() {
    for name in [format!("a{}", "ä".repeat(127)), "order.edi".to_owned()] {
        for content in [Content::AsSent, Content::Redacted(b"redacted".to_vec()), Content::Copied] {
            let (root, folder, arrival) = seen(&name);
            let kept = if name.len() > 200 { &name[..199] } else { &name };
            let rejected = root.path().join("rejected");
            fs::write(rejected.join(kept), "").unwrap();
            for number in 2..=99 {
                fs::write(rejected.join(format!("{kept}.{number}")), "").unwrap();
            }
            let text = Some("why".to_owned());
            folder.put_away(&arrival, &Left { outbox: Outbox::Rejected, text, content }).unwrap();
            let FileStamp { inode, modified_ns, .. } = arrival.stamp;
            let last = format!("{kept}.{inode}-{modified_ns}");
            assert!(rejected.join(&last).exists(), "{last}");
            assert!(rejected.join(format!("{last}.findings.txt")).exists());
            assert_eq!(names(&root.path().join("in")), [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_does_not_stop_the_others() {
    let served = serve(0, 600).await;
    fs::create_dir(served.path(".taken/card.edi")).unwrap();
    served.move_in("card.edi", poisoned().as_bytes());
    served.until("not taken", |served| served.taken() == 1).await;
    served.move_in("order.edi", ORDER);
    served.until_there("done/order.edi").await;
    assert!(served.path("in/card.edi").exists());
    assert_eq!(served.taken(), 2);
    served.stopped().await;
}

#[tokio::test]
async fn all_replies_that_wait_are_written_at_once() {
    let memory = Arc::new(Memory::default());
    for id in 1..=250 {
        memory.replies.lock().unwrap().push(PendingReply {
            capture: String::new(),
            content_type: String::new(),
            id,
            file_name: format!("997-{id:09}.edi"),
            content: b"reply".to_vec(),
        });
    }
    let served = Served::start(tempfile::tempdir().unwrap(), memory, 0, 600);
    served.until_there("out/997-000000250.edi").await;
    assert_eq!(names(&served.path("out")).len(), 250);
    served.stopped().await;
}
