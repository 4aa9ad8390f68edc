//! Cards through the devices on serial lines: magnetic stripes, scanners that send lines or Zebra's packets, and what a
//! scale never should send. The others are in `tests/cards` and in the guest of `tests/rig`.

use std::thread::sleep;
use std::time::Duration;

use tillgate_tests::broker::Broker;
use tillgate_tests::canary::{
    BEHIND_THE_NUMBER, CARDS, HOLDER, Needles, Place, assert_absent, masked, numbers,
    one_of_each_scheme,
};
use tillgate_tests::config;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::lane::Line;
use tillgate_tests::site::{READER, SCANNER, Site};
use tillgate_tests::witness::Witness;

use super::{TEST_SECONDS, WAIT_SECONDS, assert_nowhere, left_in_memory};

/// `swipe_gap_ms`, and some more for a busy machine.
const SWIPE_GAP: Duration = Duration::from_millis(400);

const SSI_SCANNER: &str = "ssi-3";
const SCALE: &str = "scale-3";

/// What no trace may have of a card beside its number.
fn needles() -> Needles {
    let secrets: Vec<&str> = numbers().into_iter().chain([HOLDER, BEHIND_THE_NUMBER]).collect();
    Needles::of(&secrets)
}

/// The devices of a lane.
struct Lane {
    reader: Line,
    scanner: Line,
    ssi: Line,
    scale: Line,
}

impl Lane {
    fn at(site: &mut Site) -> Self {
        let reader = site.attach(READER, "serial-magstripe");
        let scanner = site.attach(SCANNER, "serial-scanner");
        let scale = site.attach(SCALE, "serial-scale");
        let ssi = Line::open(&site.folder().join("tty-ssi"));
        let device = [
            ("id", SSI_SCANNER.into()),
            ("lane", "3".into()),
            ("driver", "serial-scanner".into()),
            ("protocol", "ssi".into()),
            ("port", config::path(ssi.path())),
        ];
        site.config.add("device", device);
        Self { reader, scanner, ssi, scale }
    }

    fn take(&mut self, card: &str) {
        let track = format!("{card}={BEHIND_THE_NUMBER}");
        self.reader.send(format!("%B{card}^{HOLDER}^{BEHIND_THE_NUMBER}?;{track}?\r"));
        for frame in [format!(";{card}=2912101\r"), format!("%B{card}^DOE\r"), format!("{card}\r")]
        {
            self.reader.send(frame);
        }
        for code in [
            format!("]Q1{card}"),
            format!("]Q1https://pay.example/?pan={card}&x=1"),
            // Elements for anything. A serial number or a lot stays what its element says, also when it looks like a
            // card.
            format!("]C191{card}"),
            format!("]d20109506000134352{FNC1}10A1{FNC1}98{card}"),
            format!("]d20109506000134352{FNC1}10B2{FNC1}98CARD {card}"),
            format!("]C0{card}"),
            card.to_owned(),
            format!(";{track}?"),
        ] {
            self.scanner.send(format!("{code}\r"));
        }
        self.ssi.send(packet(CODE_128, card));
        self.ssi.send(packet(QR, &format!("https://pay.example/?pan={card}&x=1")));
        self.scale.send(format!("{card}\r"));
        self.scale.send(format!("\u{2}  {card}\r"));
        self.scale.send(format!("S S  {card} g\r\n"));
    }
}

/// As scanners send it in text.
const FNC1: char = '\u{1d}';
const CODE_128: u8 = 0x03;
const QR: u8 = 0x1C;

/// A code as a Zebra scanner sends it: length, opcode `DECODE_DATA`, source, status, symbology, data, checksum (Simple
/// Serial Interface Programmer's Guide).
fn packet(symbology: u8, code: &str) -> Vec<u8> {
    let length = u8::try_from(5 + code.len()).expect("a short code");
    let mut packet = vec![length, 0xF3, 0, 0, symbology];
    packet.extend(code.bytes());
    let sum = packet.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    packet.extend(sum.wrapping_neg().to_be_bytes());
    packet
}

#[test]
fn swipes_scans_and_noise() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut lane = Lane::at(&mut site);
        let mut gateway = site.start();
        for device in [READER, SCANNER, SSI_SCANNER] {
            site.wait_for_device(device);
        }
        for card in numbers() {
            lane.take(card);
            // The tracks of the next card belong to another swipe.
            sleep(SWIPE_GAP);
        }
        lane.scanner.send("9506000134352\r");
        lane.ssi.send(packet(CODE_128, "the last one"));
        until(WAIT_SECONDS, "the last scans have arrived", || {
            let events = witness.events();
            let is_there =
                |key: &str, value: &str| events.iter().any(|event| event["data"][key] == value);
            is_there("gtin", "09506000134352") && is_there("data", "the last one")
        });
        assert_schemes(&witness);
        // The last swipe ends by a pause, which a busy machine notices later than the scans behind it.
        let mut found = left_in_memory(&gateway, &needles());
        for _ in 0..5 {
            if found.is_empty() {
                break;
            }
            sleep(Duration::from_secs(1));
            found = left_in_memory(&gateway, &needles());
        }
        assert!(found.is_empty(), "in memory {} times:\n{}", found.len(), found.join("\n"));
        assert_absent(&[Place::text("the log", gateway.log())], &needles());
        assert_nowhere(&site, &mut gateway, &witness);
    });
}

/// Each scheme's card was read as such, and so went all the way.
fn assert_schemes(witness: &Witness) {
    let events = witness.events();
    assert_eq!(one_of_each_scheme().len(), 18);
    for (scheme, number) in CARDS {
        let masked = masked(number);
        let is_there = events.iter().any(|event| {
            let data = &event["data"];
            data["device"] == READER && data["masked_pan"] == masked && data["scheme"] == scheme
        });
        assert!(is_there, "no swipe of {masked}, {scheme}");
    }
}
