//! SSI over a real pseudo terminal, with a scanner that answers as the guide says.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what drives the tests fails them in the same way"
)]

use std::sync::Arc;
use std::time::Duration;

use tillgate_drivers::simulated::SimulatedDevice;
use tillgate_drivers::{DeviceEvent, DeviceSettings, DriverKind, Protocol, Reading};
use tillgate_parsers::card::TokenKey;
use tillgate_parsers::ssi::command::opcode;
use tillgate_parsers::ssi::packet::{CONTINUED, Packet, PacketReader, RETRANSMISSION};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

const EAN_13: u8 = 0x0B;

/// A scanner and the driver that reads it.
struct Till {
    device: SimulatedDevice,
    reader: PacketReader,
    /// Opcodes and first data bytes of packets that came and were not asked for yet.
    heard: Vec<(u8, Option<u8>)>,
    events: mpsc::Receiver<DeviceEvent>,
    _stop: DropGuard,
}

impl Till {
    /// The channel holds `room` events.
    async fn start(room: usize) -> Self {
        let device = SimulatedDevice::plug_in().unwrap();
        let mut settings =
            DeviceSettings::new("scanner-1", DriverKind::SerialScanner, device.port());
        settings.protocol = Protocol::Ssi;
        let (sender, events) = mpsc::channel(room);
        let stop = CancellationToken::new();
        let key = Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap());
        tokio::spawn(tillgate_drivers::run(settings, key, sender, stop.clone()));
        let (reader, heard) = (PacketReader::default(), Vec::new());
        let mut till = Self { device, reader, heard, events, _stop: stop.drop_guard() };
        assert!(matches!(till.event().await, DeviceEvent::Connected { .. }));
        till.introduce().await;
        till
    }

    /// Answers what a host asks when it opens the port.
    async fn introduce(&mut self) {
        assert_eq!(self.packet().await.0, opcode::PARAM_SEND);
        self.send(opcode::ACK, 0, &[]).await;
        assert_eq!(self.packet().await.0, opcode::REVISION_REQUEST);
        self.send(opcode::REVISION, 0, b"PAABLS00").await;
        assert_eq!(self.packet().await.0, opcode::CAPABILITIES_REQUEST);
        self.send(opcode::CAPABILITIES, 0, &[0, 0, 0, 0, opcode::BEEP]).await;
        assert_eq!(self.packet().await.0, opcode::SCAN_ENABLE);
        self.send(opcode::ACK, 0, &[]).await;
    }

    async fn send(&self, opcode: u8, status: u8, data: &[u8]) {
        let packet = Packet { opcode, status, data }.from_scanner().unwrap();
        self.device.send(&packet).await.unwrap();
    }

    async fn scan(&self, status: u8, content: &[u8]) {
        self.send(opcode::DECODE_DATA, status, &[&[EAN_13], content].concat()).await;
    }

    /// The next packet of the host.
    async fn packet(&mut self) -> (u8, Option<u8>) {
        while self.heard.is_empty() {
            let bytes = timeout(Duration::from_secs(5), self.device.heard()).await;
            let bytes = bytes.expect("a packet within 5 seconds").unwrap();
            let heard = &mut self.heard;
            self.reader.feed(&bytes, &mut |packet| {
                heard.push((packet.opcode, packet.data.first().copied()));
            });
        }
        self.heard.remove(0)
    }

    async fn event(&mut self) -> DeviceEvent {
        timeout(Duration::from_secs(10), self.events.recv())
            .await
            .expect("an event within 10 seconds")
            .expect("the driver runs")
    }

    async fn barcode(&mut self) -> String {
        match self.event().await {
            DeviceEvent::Awaited(Reading::Barcode { aim, data, damaged: false }, ticket) => {
                ticket.settle(true);
                assert_eq!(aim.as_deref(), Some("]E0"));
                String::from_utf8(data.to_vec()).unwrap()
            }
            event => panic!("expected a barcode, found {event:?}"),
        }
    }

    async fn silent(&mut self) {
        if let Ok(event) = timeout(Duration::from_millis(300), self.events.recv()).await {
            panic!("expected nothing, found {event:?}");
        }
    }
}

#[tokio::test]
async fn a_code_is_acknowledged_and_its_copy_is_no_second_scan() {
    let mut till = Till::start(16).await;
    till.scan(0, b"4006381333931").await;
    assert_eq!(till.barcode().await, "4006381333931");
    assert_eq!(till.packet().await, (opcode::ACK, None));
    // The acknowledgement was lost.
    tokio::time::sleep(Duration::from_secs(2)).await;
    till.scan(RETRANSMISSION, b"4006381333931").await;
    assert_eq!(till.packet().await, (opcode::ACK, None));
    till.silent().await;
    till.scan(0, b"4006381333931").await;
    assert_eq!(till.barcode().await, "4006381333931", "a second item");
}

#[tokio::test]
async fn bytes_that_are_no_packets_are_a_flood_that_is_told_once() {
    let mut till = Till::start(16).await;
    let device = &till.device;
    let (events, mut told) = (&mut till.events, 0);
    let sending = async {
        for _ in 0..40 {
            device.send(&[0xFF; 1024]).await.unwrap();
        }
    };
    let watching = async {
        while let Ok(Some(event)) = timeout(Duration::from_millis(1500), events.recv()).await {
            match event {
                DeviceEvent::Noise { .. } => told += 1,
                DeviceEvent::Damaged { .. } => {}
                event => panic!("{event:?}"),
            }
        }
    };
    tokio::join!(sending, watching);
    assert_eq!(told, 1);
    // What the line still held as the beginning of a packet ends by a pause.
    till.scan(0, b"4006381333931").await;
    while !matches!(till.event().await, DeviceEvent::Awaited(..)) {
        till.scan(0, b"4006381333931").await;
    }
}

#[tokio::test]
async fn a_damaged_code_is_asked_for_again() {
    let mut till = Till::start(16).await;
    let whole = Packet { opcode: opcode::DECODE_DATA, status: 0, data: b"\x0b4006381333931" };
    let mut bytes = whole.from_scanner().unwrap();
    bytes[9] ^= 0x10;
    till.device.send(&bytes).await.unwrap();
    assert_eq!(till.packet().await, (opcode::NAK, Some(1)));
    assert!(matches!(till.event().await, DeviceEvent::Damaged { bytes: 20, .. }));
    till.scan(RETRANSMISSION, b"4006381333931").await;
    assert_eq!(till.barcode().await, "4006381333931");
    assert_eq!(till.packet().await, (opcode::ACK, None));
}

#[tokio::test]
async fn a_long_code_comes_in_packets_and_half_of_one_is_refused_with_a_beep() {
    let mut till = Till::start(16).await;
    till.scan(CONTINUED, &[b'1'; 200]).await;
    assert_eq!(till.packet().await, (opcode::ACK, None));
    till.scan(0, &[b'2'; 200]).await;
    assert_eq!(till.barcode().await.len(), 400);
    assert_eq!(till.packet().await, (opcode::ACK, None));
    till.scan(CONTINUED, &[b'3'; 200]).await;
    assert_eq!(till.packet().await, (opcode::ACK, None));
    assert!(matches!(till.event().await, DeviceEvent::Damaged { bytes: 200, .. }));
    assert_eq!(till.packet().await, (opcode::BEEP, Some(8)));
}

#[tokio::test]
async fn no_code_is_acknowledged_before_it_is_durable() {
    let mut till = Till::start(1).await;
    till.scan(0, b"4006381333931").await;
    let DeviceEvent::Awaited(_, ticket) = till.event().await else { panic!("no ticket") };
    let silence = timeout(Duration::from_millis(300), till.packet()).await;
    assert!(silence.is_err(), "acknowledged without a verdict: {silence:?}");
    ticket.settle(false);
    assert_eq!(till.packet().await, (opcode::ACK, None), "it arrived");
    assert_eq!(till.packet().await, (opcode::BEEP, Some(8)), "and was not taken");
    till.send(opcode::ACK, 0, &[]).await;
    till.scan(0, b"96385074").await;
    assert_eq!(till.barcode().await, "96385074");
    assert_eq!(till.packet().await, (opcode::ACK, None));
}
