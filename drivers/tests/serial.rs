//! Serial drivers against real pseudo terminals: to a driver they behave as serial ports, unplugging included.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what drives the tests fails them in the same way"
)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tillgate_drivers::simulated::SimulatedDevice;
use tillgate_drivers::{DeviceEvent, DeviceSettings, DriverKind, FlowControl, Maker, Reading};
use tillgate_parsers::card::TokenKey;
use tillgate_parsers::framing::FrameEnd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A driver at work.
struct Running {
    events: mpsc::Receiver<DeviceEvent>,
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl Running {
    fn start(settings: DeviceSettings) -> Self {
        let (sender, events) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let key = Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap());
        let task = tokio::spawn(tillgate_drivers::run(settings, key, sender, stop.clone()));
        Self { events, task, stop: stop.drop_guard() }
    }

    /// The next event. A reading whose device waits is durable at once.
    async fn next(&mut self) -> DeviceEvent {
        match self.unsettled().await {
            DeviceEvent::Awaited(reading, ticket) => {
                ticket.settle(true);
                DeviceEvent::Reading(reading)
            }
            other => other,
        }
    }

    async fn unsettled(&mut self) -> DeviceEvent {
        timeout(Duration::from_secs(5), self.events.recv())
            .await
            .expect("an event within 5 seconds")
            .expect("the driver runs")
    }

    async fn connected(&mut self) {
        let event = self.next().await;
        assert!(matches!(event, DeviceEvent::Connected { .. }), "{event:?}");
        // What comes at once may be the rest of a code.
        sleep(Duration::from_millis(25)).await;
    }

    /// The content of the next reading, which must be an undamaged barcode.
    async fn barcode(&mut self) -> String {
        match self.next().await {
            DeviceEvent::Reading(Reading::Barcode { aim: None, data, damaged: false }) => {
                String::from_utf8(data.to_vec()).unwrap()
            }
            event => panic!("expected a barcode, found {event:?}"),
        }
    }

    /// Reason and hint of the next event.
    async fn disconnected(&mut self) -> (String, String) {
        match self.next().await {
            DeviceEvent::Disconnected { reason, hint } => (reason, hint),
            event => panic!("expected a lost port, found {event:?}"),
        }
    }

    async fn silent_for(&mut self, wait: Duration) {
        if let Ok(event) = timeout(wait, self.events.recv()).await {
            panic!("expected nothing, found {event:?}");
        }
    }
}

fn scanner(port: &Path) -> DeviceSettings {
    DeviceSettings::new("scanner-1", DriverKind::SerialScanner, port)
}

fn magstripe(port: &Path) -> DeviceSettings {
    DeviceSettings::new("reader-1", DriverKind::SerialMagstripe, port)
}

/// A name that stays while the device behind it changes, as the links below /dev/serial/by-id do.
struct StableName {
    directory: tempfile::TempDir,
}

impl StableName {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("usb-Simulated_Scanner_1-if00")
    }

    fn points_to(&self, device: &SimulatedDevice) {
        symlink(device.port(), self.path()).unwrap();
    }

    fn points_nowhere(&self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}

#[tokio::test]
async fn a_scan_becomes_a_reading() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    device.scan("4006381333931").await.unwrap();
    assert_eq!(driver.barcode().await, "4006381333931");
    device.scan("]C10104006381333931\u{1d}21A").await.unwrap();
    match driver.next().await {
        DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }) => {
            assert_eq!(aim.as_deref(), Some("]C1"));
            assert_eq!(*data, b"0104006381333931\x1d21A");
            assert!(!damaged);
        }
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn every_suffix_ends_a_scan() {
    let cases = [
        (FrameEnd::Cr, "\r"),
        (FrameEnd::Lf, "\n"),
        (FrameEnd::CrLf, "\r\n"),
        (FrameEnd::Tab, "\t"),
        (FrameEnd::Any, "\r"),
    ];
    for (suffix, end) in cases {
        let device = SimulatedDevice::plug_in().unwrap();
        let mut settings = scanner(device.port());
        settings.framing.suffix = suffix;
        let mut driver = Running::start(settings);
        driver.connected().await;
        device.send(format!("first{end}second{end}").as_bytes()).await.unwrap();
        assert_eq!(driver.barcode().await, "first", "{suffix:?}");
        assert_eq!(driver.barcode().await, "second", "{suffix:?}");
    }
}

#[tokio::test]
async fn a_suffix_that_comes_in_two_parts_is_one() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    device.send(b"first\r").await.unwrap();
    assert_eq!(driver.barcode().await, "first");
    device.send(b"\nsecond\r").await.unwrap();
    assert_eq!(driver.barcode().await, "second");
    device.send(b"\n").await.unwrap();
    driver.silent_for(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_burst_of_200_codes_arrives_whole_and_in_order() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    let codes: Vec<String> = (0..200).map(|number| format!("{:013}", number * 7919)).collect();
    let burst: String = codes.iter().map(|code| format!("{code}\r\n")).collect();
    let (sent, seen) = tokio::join!(device.send(burst.as_bytes()), async {
        let mut seen = Vec::new();
        while seen.len() < codes.len() {
            seen.push(driver.barcode().await);
        }
        seen
    });
    sent.unwrap();
    assert_eq!(seen, codes);
}

#[tokio::test]
async fn a_device_waits_while_nobody_takes_its_readings_and_loses_none() {
    const CODES: usize = 10_000;
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.frames_per_second_max = u32::MAX;
    let mut driver = Running::start(settings);
    driver.connected().await;
    let burst: String = (0..CODES).map(|number| format!("{number:040}\r")).collect();
    let mut sending = Box::pin(device.send(burst.as_bytes()));
    let sent = timeout(Duration::from_millis(500), &mut sending).await;
    assert!(sent.is_err(), "410 kB are more than the channel and the kernel hold");
    let taking = async {
        for number in 0..CODES {
            assert_eq!(driver.barcode().await, format!("{number:040}"));
        }
    };
    tokio::join!(async { sending.await.unwrap() }, taking);
}

#[tokio::test]
async fn two_devices_stay_apart() {
    let (one, other) = (SimulatedDevice::plug_in().unwrap(), SimulatedDevice::plug_in().unwrap());
    let mut first = Running::start(scanner(one.port()));
    let mut second = Running::start(scanner(other.port()));
    first.connected().await;
    second.connected().await;
    for number in 0..50 {
        one.scan(&format!("A{number}")).await.unwrap();
        other.scan(&format!("B{number}")).await.unwrap();
        assert_eq!(first.barcode().await, format!("A{number}"));
        assert_eq!(second.barcode().await, format!("B{number}"));
    }
}

#[tokio::test]
async fn an_unplugged_device_is_taken_back_within_two_seconds() {
    let name = StableName::new();
    let device = SimulatedDevice::plug_in().unwrap();
    name.points_to(&device);
    let mut driver = Running::start(scanner(&name.path()));
    driver.connected().await;

    name.points_nowhere();
    drop(device);
    let (reason, _) = driver.disconnected().await;
    assert!(reason.contains("unplugged"), "{reason}");
    let (reason, hint) = driver.disconnected().await;
    assert!(reason.starts_with("there is no port"), "{reason}");
    assert!(hint.contains("attached"), "{hint}");

    let device = SimulatedDevice::plug_in().unwrap();
    name.points_to(&device);
    let plugged_in = Instant::now();
    driver.connected().await;
    assert!(plugged_in.elapsed() < Duration::from_secs(2), "{:?}", plugged_in.elapsed());
    device.scan("after").await.unwrap();
    assert_eq!(driver.barcode().await, "after");
}

/// Nanoseconds that this thread was on a CPU.
fn cpu_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_lost_port_costs_no_cpu() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    drop(device);
    driver.disconnected().await;
    let before = cpu_time();
    sleep(Duration::from_millis(1500)).await;
    let spent = cpu_time() - before;
    assert!(spent < Duration::from_millis(100), "{spent:?} of CPU in 1.5 s of waiting");
}

#[tokio::test]
async fn what_had_no_end_at_unplug_is_counted_and_not_delivered() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    device.send(b"whole\r40063813").await.unwrap();
    assert_eq!(driver.barcode().await, "whole");
    sleep(Duration::from_millis(50)).await;
    drop(device);
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Partial { bytes: 8 }), "{event:?}");
    driver.disconnected().await;
}

/// What a daemon that was killed had not read, and what a scanner was sending when its port was opened.
#[tokio::test]
async fn the_rest_of_a_code_is_no_code() {
    let device = SimulatedDevice::plug_in().unwrap();
    // 96385074 is a code of its own.
    device.send(b"96385074\r4006381333931\r").await.unwrap();
    let mut settings = scanner(device.port());
    settings.acknowledge = true;
    let mut driver = Running::start(settings);
    driver.connected().await;
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Damaged { bytes: 8, .. }), "{event:?}");
    assert_eq!(driver.barcode().await, "4006381333931");
    let mut heard = device.heard().await.unwrap();
    if heard.len() < 2 {
        heard.extend(device.heard().await.unwrap());
    }
    assert_eq!(heard, b"\x15\x06", "send it again; thank you");

    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    let sent = async {
        loop {
            if device.send(b"96385074\r").await.is_err() {
                panic!("the port is there");
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    let first = async {
        assert!(matches!(driver.next().await, DeviceEvent::Connected { .. }));
        driver.next().await
    };
    tokio::select! {
        () = sent => {}
        event = first => assert!(matches!(event, DeviceEvent::Damaged { bytes: 8, .. }), "{event:?}"),
    }
}

#[tokio::test]
async fn a_frame_without_end_is_dropped_and_reported() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.framing.frame_bytes_max = 64;
    let mut driver = Running::start(settings);
    driver.connected().await;
    device.send(format!("{}\rnext\r", "x".repeat(100)).as_bytes()).await.unwrap();
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Overflow { bytes: 100 }), "{event:?}");
    assert_eq!(driver.barcode().await, "next");
}

#[tokio::test]
async fn a_flood_is_reported_and_slowed_down_and_nothing_is_lost() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.frames_per_second_max = 20;
    let mut driver = Running::start(settings);
    driver.connected().await;
    let began = Instant::now();
    let burst: String = (0..80).map(|number| format!("{number:060}\r")).collect();
    let (sent, floods) = tokio::join!(device.send(burst.as_bytes()), async {
        let (mut floods, mut next) = (0, 0);
        while next < 80 {
            match driver.next().await {
                DeviceEvent::Flood { frames_per_second_max: 20 } => floods += 1,
                DeviceEvent::Reading(Reading::Barcode { data, .. }) => {
                    assert_eq!(*data, format!("{next:060}").into_bytes());
                    next += 1;
                }
                event => panic!("{event:?}"),
            }
        }
        floods
    });
    sent.unwrap();
    assert_eq!(floods, 1);
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn bytes_without_an_end_are_a_flood_that_is_told_once_and_read_slowly() {
    const CHUNKS: usize = 48;
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    let began = Instant::now();
    let (mut noises, mut dropped) = (0, 0);
    let sending = async {
        for _ in 0..CHUNKS {
            device.send(&[b'x'; 1024]).await.unwrap();
        }
        device.send(b"\r4006381333931\r").await.unwrap();
    };
    let reading = async {
        loop {
            match driver.next().await {
                DeviceEvent::Noise { bytes_per_second_max: 16_384 } => noises += 1,
                DeviceEvent::Overflow { bytes } => dropped += bytes,
                DeviceEvent::Reading(Reading::Barcode { data, .. }) => break data,
                event => panic!("{event:?}"),
            }
        }
    };
    let ((), code) = tokio::join!(sending, reading);
    assert_eq!((noises, dropped), (1, CHUNKS * 1024));
    assert_eq!(*code, b"4006381333931");
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
}

const TRACK_1: &str = "%B4111111111111111^DOE/JANE^29121011234567890?";
const TRACK_2: &str = ";4111111111111111=29121011234567890?";

#[tokio::test]
async fn a_swipe_leaves_mask_and_token_and_the_number_nowhere() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(magstripe(device.port()));
    driver.connected().await;
    device.swipe(&[TRACK_1]).await.unwrap();
    sleep(Duration::from_millis(60)).await;
    device.swipe(&[TRACK_2]).await.unwrap();
    let event = driver.next().await;
    let shown = format!("{event:?}");
    let DeviceEvent::Reading(Reading::Card(card)) = event else { panic!("{shown}") };
    assert_eq!(card.masked_pan.as_deref(), Some("411111******1111"));
    assert!(card.card_token.is_some() && card.loyalty.is_none() && !card.damaged);
    assert!(!shown.contains("4111111111111111") && !shown.contains("DOE"), "{shown}");
    driver.silent_for(Duration::from_millis(400)).await;
}

#[tokio::test]
async fn a_swipe_that_ends_with_the_cable_is_read_as_far_as_it_was_whole() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(magstripe(device.port()));
    driver.connected().await;
    device.swipe(&[TRACK_1]).await.unwrap();
    device.send(b";41111111").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    drop(device);
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Reading(Reading::Card(_))), "{event:?}");
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Partial { bytes: 9 }), "{event:?}");
}

#[tokio::test]
async fn a_barcode_stays_out_of_the_debug_output() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    device.scan("4111111111111111").await.unwrap();
    let shown = format!("{:?}", driver.next().await);
    assert!(!shown.contains("4111111111111111") && shown.contains("bytes: 16"), "{shown}");
}

#[tokio::test]
async fn a_port_in_use_is_refused_with_the_one_who_uses_it() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut first = Running::start(scanner(device.port()));
    first.connected().await;
    let mut second = Running::start(scanner(device.port()));
    let (reason, hint) = second.disconnected().await;
    let process = format!("(process {})", std::process::id());
    assert!(reason.contains("is in use by") && reason.contains(&process), "{reason}");
    assert!(hint.contains("fuser"), "{hint}");
    device.scan("still mine").await.unwrap();
    assert_eq!(first.barcode().await, "still mine");
}

#[tokio::test]
async fn what_is_no_serial_port_is_said_to_be_none() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path(), Path::new("/dev/null")] {
        let (reason, hint) = Running::start(scanner(path)).disconnected().await;
        assert!(reason.ends_with("is no serial port"), "{reason}");
        assert!(hint.starts_with("name the device's port"), "{hint}");
    }
}

#[tokio::test]
async fn a_speed_of_zero_is_refused() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.baud = 0;
    let (reason, hint) = Running::start(settings).disconnected().await;
    assert!(reason.contains("cannot do 0 baud") && hint.contains("`baud`"), "{reason} / {hint}");
}

#[tokio::test]
async fn a_driver_that_is_told_to_stop_closes_its_port() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    drop(driver.stop);
    timeout(Duration::from_secs(1), driver.task).await.expect("stops").unwrap();
    let mut next = Running::start(scanner(device.port()));
    next.connected().await;
}

#[tokio::test]
async fn a_scanner_that_waits_for_an_answer_gets_one_when_its_code_is_taken() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.acknowledge = true;
    let mut driver = Running::start(settings);
    driver.connected().await;
    device.scan("4006381333931").await.unwrap();
    assert_eq!(driver.barcode().await, "4006381333931");
    assert_eq!(device.heard().await.unwrap(), b"\x06");
    device.send(b"40063\x00813\r").await.unwrap();
    assert!(matches!(driver.next().await, DeviceEvent::Damaged { bytes: 9, .. }));
    assert_eq!(device.heard().await.unwrap(), b"\x15");
    device.scan("4006381333931").await.unwrap();
    assert_eq!(driver.barcode().await, "4006381333931", "sent again");
}

#[tokio::test]
async fn a_scanner_hears_of_its_code_once_there_is_a_verdict() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.acknowledge = true;
    settings.accept = b"good".to_vec();
    settings.refuse = b"bad".to_vec();
    let mut driver = Running::start(settings);
    driver.connected().await;
    device.send(b"96385074\r4006381333931\r").await.unwrap();
    let DeviceEvent::Awaited(_, first) = driver.unsettled().await else { panic!("no ticket") };
    let DeviceEvent::Awaited(_, second) = driver.unsettled().await else { panic!("no ticket") };
    let early = timeout(Duration::from_millis(100), device.heard()).await;
    assert!(early.is_err(), "it heard something before the commit: {early:?}");
    second.settle(false);
    let early = timeout(Duration::from_millis(100), device.heard()).await;
    assert!(early.is_err(), "answers come in the order of the codes: {early:?}");
    first.settle(true);
    let mut heard = Vec::new();
    while heard.len() < b"\x06good\x15bad".len() {
        heard.extend(timeout(Duration::from_secs(5), device.heard()).await.unwrap().unwrap());
    }
    assert_eq!(heard, b"\x06good\x15bad");
    // Whoever forgets a ticket has not taken the reading.
    device.send(b"96385074\r").await.unwrap();
    drop(driver.unsettled().await);
    assert_eq!(device.heard().await.unwrap(), b"\x15bad");
}

/// A scanner without a suffix, and a scan of another that comes later.
#[tokio::test]
async fn what_has_no_end_is_told_and_joins_nothing() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut driver = Running::start(scanner(device.port()));
    driver.connected().await;
    device.send(b"400638").await.unwrap();
    match driver.next().await {
        DeviceEvent::Damaged { problem, bytes: 6 } => {
            assert!(problem.contains("suffix"), "{problem}");
        }
        event => panic!("{event:?}"),
    }
    device.scan("4006381333931").await.unwrap();
    assert_eq!(driver.barcode().await, "4006381333931");
}

/// Honeywell's command to beep, and a command of Datalogic that takes the trigger away.
#[tokio::test]
async fn a_scanner_hears_its_makers_command_for_what_was_taken_and_for_what_was_not() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.accept = b"\x16\x07\r".to_vec();
    settings.refuse = b"D\r".to_vec();
    let mut driver = Running::start(settings);
    driver.connected().await;
    device.scan("4006381333931").await.unwrap();
    assert_eq!(driver.barcode().await, "4006381333931");
    assert_eq!(device.heard().await.unwrap(), b"\x16\x07\r");
    device.send(b"40063\x00813\r").await.unwrap();
    let event = driver.next().await;
    assert!(matches!(event, DeviceEvent::Reading(Reading::Barcode { damaged: true, .. })));
    assert_eq!(device.heard().await.unwrap(), b"D\r");
}

#[tokio::test]
async fn a_scanner_without_a_suffix_is_read_by_its_pauses() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.framing.suffix = FrameEnd::Gap;
    let mut driver = Running::start(settings);
    driver.connected().await;
    for code in ["4006381333931", "96385074"] {
        let (front, back) = code.split_at(4);
        device.send(front.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        device.send(back.as_bytes()).await.unwrap();
        assert_eq!(driver.barcode().await, code);
    }
}

#[tokio::test]
async fn stx_and_etx_frame_what_a_maker_calls_by_its_own_letters() {
    let device = SimulatedDevice::plug_in().unwrap();
    let mut settings = scanner(device.port());
    settings.framing.prefix = b"\x02".to_vec();
    settings.framing.suffix = FrameEnd::Etx;
    settings.code_ids = Some(Maker::Zebra);
    settings.line = "7E1".parse().unwrap();
    settings.flow_control = FlowControl::XonXoff;
    let mut driver = Running::start(settings);
    driver.connected().await;
    device.send(b"\x02A4006381333931\x03\x02?\x03").await.unwrap();
    let mut readings = Vec::new();
    for _ in 0..2 {
        match driver.next().await {
            DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }) => {
                readings.push((aim, String::from_utf8(data.to_vec()).unwrap(), damaged));
            }
            event => panic!("expected a barcode, found {event:?}"),
        }
    }
    let whole = (Some("]E0".to_owned()), "4006381333931".to_owned(), false);
    assert_eq!(readings, [whole, (None, "?".to_owned(), true)]);
}
