//! Lanes against a simulated device and an intake that notes what it is given.

use std::sync::atomic::{AtomicUsize, Ordering};

use tillgate_drivers::simulated::SimulatedDevice;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use ulid::Ulid;

use super::*;
use crate::clock::SystemClock;
use crate::config::{ChipCard, CodeIds, Driver, FlowControl, Protocol, Scale, Suffix};
use crate::normalize::reading::RawReading;
use crate::pipeline::{ItemStatus, Taken, TakenItem};

/// Refuses so many times, then takes.
struct Notebook {
    refusals: AtomicUsize,
    offered: Mutex<Vec<Option<Ulid>>>,
    taken: Mutex<Vec<Noted>>,
}

struct Noted {
    source: String,
    channel: tillgate_record::Channel,
    reading: RawReading,
}

impl Intake for Notebook {
    async fn take(&self, input: Input) -> Result<Taken, StoreError> {
        self.offered.lock().unwrap().push(input.id);
        let less_one = |left: usize| left.checked_sub(1);
        if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less_one).is_ok() {
            return Err(StoreError::Overloaded);
        }
        assert_eq!(input.media, Media::Reading);
        let reading = serde_json::from_slice(&input.bytes).unwrap();
        let noted = Noted { source: input.source, channel: input.channel, reading };
        self.taken.lock().unwrap().push(noted);
        let item = TakenItem {
            status: ItemStatus::Accepted,
            event_id: None,
            kind: None,
            findings: Vec::new(),
        };
        Ok(Taken { capture: Ulid::nil(), items: vec![item], replies: Vec::new() })
    }
}

struct Rig {
    hardware: SimulatedDevice,
    notebook: Arc<Notebook>,
    board: Arc<Board>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    async fn start(driver: Driver, refusals: usize) -> Self {
        Self::start_with(driver, refusals, |_| {}).await
    }

    async fn start_with(driver: Driver, refusals: usize, set: impl FnOnce(&mut Device)) -> Self {
        let hardware = SimulatedDevice::plug_in().unwrap();
        let mut device = Device {
            id: "device-3".to_owned(),
            lane: "3".to_owned(),
            driver,
            usb: None,
            serial_number: None,
            usb_port: None,
            interface: None,
            port: Some(hardware.port().to_owned()),
            baud: 9600,
            line: "8N1".to_owned(),
            suffix: Suffix::Any,
            prefix: String::new(),
            flow_control: FlowControl::None,
            protocol: Protocol::Lines,
            code_ids: CodeIds::Aim,
            acknowledge: false,
            layout: "us".to_owned(),
            key_gap_ms: 100,
            card: ChipCard::default(),
            scale: Scale::default(),
            accept: String::new(),
            refuse: String::new(),
        };
        set(&mut device);
        let notebook = Arc::new(Notebook {
            refusals: AtomicUsize::new(refusals),
            offered: Mutex::default(),
            taken: Mutex::default(),
        });
        let board = Arc::new(Board::default());
        let services = Services {
            intake: Arc::clone(&notebook),
            board: Arc::clone(&board),
            clock: Arc::new(SystemClock),
            token_key: Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap()),
            scales: Arc::default(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(device, Vec::new(), services, stop.clone()));
        let rig = Self { hardware, notebook, board, stop, task };
        rig.eventually("connected", || rig.state().0).await;
        // What comes at once may be the rest of a code.
        sleep(Duration::from_millis(25)).await;
        rig
    }

    /// Whether the device is connected, and what the board says about it.
    fn state(&self) -> (bool, String) {
        self.board
            .sources()
            .first()
            .map(|source| (source.connected, source.detail.clone()))
            .unwrap_or_default()
    }

    fn barcodes(&self) -> Vec<String> {
        let taken = self.notebook.taken.lock().unwrap();
        taken
            .iter()
            .map(|noted| match &noted.reading {
                RawReading::Barcode { data, .. } => data.clone(),
                RawReading::Card { masked_pan, .. } => masked_pan.clone().unwrap_or_default(),
            })
            .collect()
    }

    async fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let result = timeout(Duration::from_secs(5), waiting).await;
        result.unwrap_or_else(|_| panic!("within 5 seconds: {what}; board: {:?}", self.state()));
    }

    async fn stopped(self) -> (Arc<Notebook>, Arc<Board>) {
        self.stop.cancel();
        timeout(Duration::from_secs(2), self.task).await.expect("stops").unwrap();
        (self.notebook, self.board)
    }
}

#[tokio::test]
async fn scans_reach_the_pipeline_in_order_and_the_board_shows_it() {
    let rig = Rig::start(Driver::SerialScanner, 0).await;
    for number in 0..100 {
        rig.hardware.scan(&format!("{number:013}")).await.unwrap();
    }
    rig.eventually("100 readings", || rig.barcodes().len() == 100).await;
    let expected: Vec<String> = (0..100).map(|number| format!("{number:013}")).collect();
    assert_eq!(rig.barcodes(), expected);
    let source = rig.board.sources().remove(0);
    assert_eq!(source.lane.as_deref(), Some("3"));
    assert!(source.detail.ends_with("9600 8N1"), "{}", source.detail);
    let (_, board) = rig.stopped().await;
    assert!(!board.sources().remove(0).connected);
}

#[tokio::test]
async fn a_swipe_reaches_the_pipeline_as_a_card_reader_s() {
    let rig = Rig::start(Driver::SerialMagstripe, 0).await;
    rig.hardware.swipe(&[";4111111111111111=29121011234?"]).await.unwrap();
    rig.eventually("a card", || rig.barcodes() == ["411111******1111"]).await;
    let (notebook, _) = rig.stopped().await;
    let taken = notebook.taken.lock().unwrap();
    let noted = taken.first().unwrap();
    assert_eq!(noted.source, "device-3");
    assert_eq!(noted.channel, tillgate_record::Channel::CardReader);
}

#[tokio::test]
async fn refused_readings_wait_and_come_in_order() {
    let rig = Rig::start(Driver::SerialScanner, 3).await;
    for code in ["first", "second", "third"] {
        rig.hardware.scan(code).await.unwrap();
    }
    rig.eventually("a reason", || rig.state().1.contains("readings wait: the store")).await;
    rig.eventually("all three", || rig.barcodes() == ["first", "second", "third"]).await;
    assert!(!rig.state().1.contains("wait"), "{}", rig.state().1);
    let (notebook, _) = rig.stopped().await;
    let mut ids = notebook.offered.lock().unwrap().clone();
    assert_eq!(ids.len(), 6, "the first was offered four times");
    ids.dedup();
    assert_eq!(ids.len(), 3, "each with one id: {ids:?}");
    assert!(ids.iter().all(Option::is_some), "{ids:?}");
}

#[tokio::test]
async fn more_readings_than_can_wait_stay_in_the_device_and_none_is_lost() {
    let rig = Rig::start(Driver::SerialScanner, usize::MAX).await;
    let count = 2 * READINGS_WAITING_MAX;
    let codes: String = (0..count).map(|number| format!("{number}\r")).collect();
    let Rig { hardware, notebook, .. } = &rig;
    let all_sent = async { hardware.send(codes.as_bytes()).await.unwrap() };
    let recovery = async {
        sleep(Duration::from_millis(500)).await;
        assert_eq!(rig.barcodes().len(), 0);
        notebook.refusals.store(0, Ordering::SeqCst);
    };
    tokio::join!(all_sent, recovery);
    rig.eventually("all of them", || rig.barcodes().len() == count).await;
    let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    assert_eq!(rig.barcodes(), expected);
    assert!(!rig.state().1.contains("lost"), "{}", rig.state().1);
}

#[tokio::test]
async fn a_device_that_listens_hears_at_once_that_its_reading_was_not_taken() {
    let rig = Rig::start_with(Driver::SerialScanner, 1, |device| device.acknowledge = true).await;
    rig.hardware.scan("4006381333931").await.unwrap();
    assert_eq!(rig.hardware.heard().await.unwrap(), b"\x15");
    assert!(
        rig.state().1.contains("readings are refused, as the device hears"),
        "{:?}",
        rig.state()
    );
    assert_eq!(rig.barcodes().len(), 0);
    rig.hardware.scan("4006381333931").await.unwrap();
    assert_eq!(rig.hardware.heard().await.unwrap(), b"\x06");
    assert_eq!(rig.barcodes(), ["4006381333931"], "in the journal before it hears of it");
    let figures = rig.board.sources().remove(0).device.unwrap();
    assert_eq!((figures.refused, figures.lost), (1, 0));
}

#[tokio::test]
async fn a_stop_while_the_store_refuses_does_not_hang_and_counts_what_is_lost() {
    let rig = Rig::start(Driver::SerialScanner, usize::MAX).await;
    for code in ["first", "second"] {
        rig.hardware.scan(code).await.unwrap();
    }
    rig.eventually("a reason", || rig.state().1.contains("readings wait")).await;
    sleep(Duration::from_millis(50)).await;
    let (_, board) = rig.stopped().await;
    let source = board.sources().remove(0);
    assert!(source.detail.contains("2 readings lost"), "{}", source.detail);
    let figures = source.device.unwrap();
    assert!(figures.lost == 2 && figures.last_lost_at.is_some(), "{figures:?}");
}

#[tokio::test]
async fn an_unplugged_device_is_shown_with_what_to_do() {
    let rig = Rig::start(Driver::SerialScanner, 0).await;
    let Rig { hardware, board, stop, .. } = rig;
    drop(hardware);
    let gone = async {
        while board.sources().iter().any(|source| source.connected) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.unwrap();
    let detail = board.sources().remove(0).detail;
    assert!(detail.contains("unplugged") && detail.contains("plug it in again"), "{detail}");
    stop.cancel();
}
