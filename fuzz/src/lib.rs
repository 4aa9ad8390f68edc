//! What must hold for every input of every byte-level decoder: one function a fuzz target.
//!
//! In: any bytes. Out: nothing, or a panic that says which promise was broken. Never: a check that only says "it did
//! not panic". `tests/tests/fuzz_replay.rs` includes this file and `sale.rs`, so that the same checks run on stable Rust.

mod built;
mod devices;
mod edi;
mod streams;

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

pub use self::built::edi_built;
pub use self::devices::{chip, scale};
pub use self::edi::{edi_acknowledge, edi_index, edi_writer, x12};
pub use self::streams::{edi_chunks, edifact, tradacoms};
use serde_json::Value;
use tillgate_parsers::barcode::{self, Barcode};
use tillgate_parsers::card::{self, Scheme, TokenKey};
use tillgate_parsers::framing::{Frame, FrameEnd, FramingSettings, LineFramer};
use tillgate_parsers::hid::card::CardLayout;
use tillgate_parsers::hid::descriptor::{DESCRIPTOR_BYTES_MAX, FIELDS_MAX, ReportDescriptor};
use tillgate_parsers::hid::scanner::{ScannerLayout, ScannerReports};
use tillgate_parsers::hid::snapi::SnapiReports;
use tillgate_parsers::hid::{SCAN_BYTES_MAX, Scan};
use tillgate_parsers::redact;
use tillgate_parsers::ssi::{self, Event, Host};
use tillgate_parsers::wedge::{self, KeyEvent, ReadEnd, WedgeDecoder, WedgeRead, WedgeSettings};

/// Short, so that a small input overflows it.
const FRAME_BYTES_MAX: usize = 16;

/// Card numbers have at least so many digits (Maestro).
const CARD_DIGITS_MIN: usize = 12;

/// No GTIN and no telephone number has so many digits: nothing but its own field may spare such a card number.
const UNMISTAKABLE_DIGITS: usize = 16;

/// A chunked line gives the frames of a whole one, no frame is too long, and every byte is accounted for.
pub fn framing(data: &[u8]) {
    use FrameEnd::{Any, Cr, CrLf, Etx, Gap, Lf, Tab};
    for suffix in [Cr, Lf, CrLf, Tab, Etx, Any, Gap] {
        for prefix in [&b""[..], b"\x02"] {
            let whole = frames(data, data.len().max(1), suffix, prefix);
            for chunk in [1, 7] {
                assert_eq!(frames(data, chunk, suffix, prefix), whole, "{suffix:?} in {chunk}s");
            }
            if prefix.is_empty() {
                let seen: usize = whole.iter().map(|(_, bytes, _)| bytes).sum();
                assert_eq!(seen + suffix_bytes(data, suffix), data.len(), "{suffix:?}: bytes lost");
            }
        }
    }
}

/// Content, bytes, and whether it was damaged; an overflow and what was pending at the end have no content.
type Seen = (Option<Vec<u8>>, usize, bool);

fn frames(data: &[u8], chunk: usize, suffix: FrameEnd, prefix: &[u8]) -> Vec<Seen> {
    let frame_bytes_max = FRAME_BYTES_MAX;
    let mut framer =
        LineFramer::new(FramingSettings { prefix: prefix.to_vec(), suffix, frame_bytes_max });
    let mut seen = Vec::new();
    for part in data.chunks(chunk) {
        framer.feed(part, &mut |frame| match frame {
            Frame::Line { bytes, damaged } => {
                assert!(!bytes.is_empty() && bytes.len() <= frame_bytes_max);
                seen.push((Some(bytes.to_vec()), bytes.len(), damaged));
            }
            Frame::Rest { bytes } | Frame::Overflow { bytes } => seen.push((None, bytes, true)),
        });
    }
    let pending = framer.pending_bytes();
    assert_eq!(framer.close(), pending);
    assert_eq!(framer.pending_bytes(), 0);
    seen.push((None, pending, false));
    seen
}

/// How many bytes belong to frame ends, counted without a state machine.
fn suffix_bytes(data: &[u8], suffix: FrameEnd) -> usize {
    let count = |wanted: &[u8]| data.iter().filter(|byte| wanted.contains(byte)).count();
    let pairs = data.windows(2).filter(|pair| pair == b"\r\n").count();
    match suffix {
        FrameEnd::Cr => count(b"\r") + pairs,
        FrameEnd::Lf => count(b"\n"),
        FrameEnd::CrLf => 2 * pairs,
        FrameEnd::Tab => count(b"\t"),
        FrameEnd::Etx => count(b"\x03"),
        FrameEnd::Gap => 0,
        FrameEnd::Any => count(b"\r\n"),
    }
}

/// A host takes any bytes at any pace: it never says more than it heard, answers no more than it was told, comes to
/// rest, and is as new after the line closed. The first byte is the length of a chunk and the pause behind it.
pub fn ssi(data: &[u8]) {
    let Some((&pace, line)) = data.split_first() else { return };
    let mut host = Host::new(ssi::Settings::default());
    let mut now = Duration::ZERO;
    let mut told = 0;
    for chunk in line.chunks(usize::from(pace % 32) + 1) {
        now += Duration::from_millis(u64::from(pace / 32) * 50);
        host.receive(chunk, now);
        told += take_events(&mut host, now);
        assert!(host.output().len() <= 64 * (chunk.len() + 1), "it talks more than it hears");
    }
    assert!(told <= line.len(), "{told} bytes of {}", line.len());
    // Nothing comes any more: each deadline is later than the one before, and there is an end.
    for _ in 0..200 {
        let Some(deadline) = host.deadline() else { break };
        now = now.max(deadline);
        host.tick(now);
        take_events(&mut host, now);
        host.output();
    }
    assert_eq!(host.deadline(), None, "it never comes to rest");
    host.receive(b"\x09\xf3\x00\x00\x03CO", now);
    assert_eq!(host.close(), 7);
    assert_eq!((host.close(), host.deadline()), (0, None));
}

/// Settles codes, and says how many bytes of the line they were.
fn take_events(host: &mut Host, now: Duration) -> usize {
    let mut bytes = 0;
    for event in host.events() {
        if let Event::Code(code) = event {
            assert!(code.data.len() <= ssi::CODE_BYTES_MAX);
            bytes += code.data.len();
            host.settle(bytes % 2 == 0, now);
        }
    }
    bytes
}

/// The frame is wiped, and of a card number in it nothing leaves but its mask and its token; where a store lists its
/// loyalty cards, no other number leaves.
pub fn tracks(data: &[u8]) {
    static KEY: LazyLock<TokenKey> =
        LazyLock::new(|| TokenKey::from_hex(&"5a".repeat(32)).expect("64 hexadecimal digits"));
    let mut frame = data.to_vec();
    let reading = card::read_tracks(&mut frame, &KEY, &[]);
    assert!(frame.iter().all(|byte| *byte == 0), "the frame must be zeroized");
    let payment = reading.scheme.is_some();
    assert_eq!(payment, reading.masked_pan.is_some());
    assert_eq!(payment, reading.card_token.is_some());
    assert!(!(payment && reading.loyalty.is_some()), "a payment card names no member");
    if let Some(masked) = &reading.masked_pan {
        let (hidden, shown) = (6..masked.len() - 4, masked.as_bytes());
        let is_masked = |(place, byte): (usize, &u8)| {
            if hidden.contains(&place) { *byte == b'*' } else { byte.is_ascii_digit() }
        };
        assert!(shown.iter().enumerate().all(is_masked), "more than first six and last four");
    }
    if let Some(loyalty) = &reading.loyalty {
        assert!(loyalty.bytes().all(|byte| byte.is_ascii_digit()) && loyalty.len() <= 19);
    }
    let left = card::CardReading { masked_pan: None, card_token: None, ..reading };
    let shown = format!("{left:?}");
    assert!(!has_card_number(shown.as_bytes()), "a card number leaves: {shown}");

    let card = card::LoyaltyCard::new("club", "9156", (13, 13), card::NumberCheck::None);
    let cards = [card.expect("a prefix")];
    let reading = card::read_tracks(&mut data.to_vec(), &KEY, &cards);
    if let Some(loyalty) = &reading.loyalty {
        assert!(cards[0].is_of(loyalty.as_bytes()), "an unlisted number leaves: {loyalty}");
    }
}

/// A GTIN has 14 digits and fits its check digit, and no card number leaves where no field explains it.
pub fn barcode(data: &[u8]) {
    let aims = ["]E0", "]E3", "]E4", "]I1", "]C1", "]C0", "]Q3", "]Q1", "]d2", "]X9"];
    for aim in aims.into_iter().map(Some).chain([None]) {
        assert_barcode(aim, &barcode::read(aim, data));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok((aim, sent)) = barcode::written(text)
    {
        assert!(sent.len() <= data.len() + 3, "what is written only gets shorter");
        assert_barcode(aim, &barcode::read(aim, &sent));
    }
    // A Digital Link with the input as its end: few inputs would be one by chance.
    let link = [b"https://id.gs1.org/01/09520123456788/", data].concat();
    assert_barcode(None, &barcode::read(None, &link));
}

fn assert_barcode(aim: Option<&str>, read: &Barcode) {
    if let Some(number) = &read.gtin {
        assert_eq!(number.len(), 14, "{aim:?} {number}");
        assert!(fits_gs1_check_digit(number), "{aim:?} {number}");
    }
    for (identifier, value) in &read.elements {
        assert!((2..=4).contains(&identifier.len()), "{identifier}");
        assert!(identifier.bytes().all(|byte| byte.is_ascii_digit()), "{identifier}");
        // Company-internal: the only elements whose content nobody has fixed.
        let is_internal = identifier.len() == 2 && identifier.starts_with('9');
        assert!(!is_internal || !has_card_number(value.as_bytes()));
    }
    if read.gtin.is_none() && read.elements.is_empty() {
        let data = read.data.as_bytes();
        assert!(!has_card_number(data), "{aim:?}: a card number leaves: {}", shown(data));
    }
    let findings = serde_json::to_string(&read.findings).expect("findings serialize");
    assert!(!has_card_number(findings.as_bytes()), "{aim:?}: a finding holds a card number");
}

/// GS1 General Specifications 7.9, written a second time on purpose.
fn fits_gs1_check_digit(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let weighted = digits.zip([1, 3].into_iter().cycle());
    weighted.map(|(digit, weight)| digit * weight).sum::<u32>().is_multiple_of(10)
}

/// Valid JSON stays valid, nothing is found in what was redacted, and no card number stays in a value or key.
pub fn redact_json(data: &[u8]) {
    let redacted = redact::json(data);
    assert_eq!(redacted.found.is_empty(), matches!(redacted.bytes, Cow::Borrowed(_)));
    let again = redact::json(&redacted.bytes);
    assert_eq!(shown(&again.bytes), shown(&redacted.bytes), "not idempotent");
    assert!(again.found.is_empty(), "found again: {:?}", again.found);
    if serde_json::from_slice::<Value>(data).is_ok() {
        let after = serde_json::from_slice(&redacted.bytes);
        let after = after.unwrap_or_else(|error| panic!("{error}: {}", shown(&redacted.bytes)));
        assert_nothing_clear(&after, "");
    }
}

/// Fields that may hold what looks like a card number are left out.
fn assert_nothing_clear(value: &Value, field: &str) {
    let assert_masked = |text: &str| {
        let clear = clear_numbers(text.as_bytes()).any(|run| run.len() >= UNMISTAKABLE_DIGITS);
        assert!(!clear, "a card number stays in {text}");
    };
    match value {
        Value::String(text) if !may_look_like_a_card(field) => assert_masked(text),
        Value::Number(number) => assert_masked(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| assert_nothing_clear(item, field)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            assert_masked(key);
            assert_nothing_clear(value, key);
        }),
        Value::String(_) | Value::Null | Value::Bool(_) => {}
    }
}

/// A GS1 element string may have any batch number, and hexadecimal digits of a token may happen to be decimal.
fn may_look_like_a_card(field: &str) -> bool {
    let letters = field.chars().filter(|character| !matches!(character, '_' | '-' | ' ' | '.'));
    let name = letters.collect::<String>().to_ascii_lowercase();
    matches!(name.as_str(), "data" | "cardtoken" | "sha256" | "tokensha256")
}

/// The length stays, a second look finds nothing, and no card number stays that no segment explains.
pub fn redact_edi(data: &[u8]) {
    let redacted = redact::edi(data);
    assert_eq!(redacted.bytes.len(), data.len());
    assert_eq!(
        shown(&redact::edi(&redacted.bytes).bytes),
        shown(&redacted.bytes),
        "not idempotent"
    );
    let is_text = !["ISA", "UNA", "UNB"].iter().any(|tag| contains(data, tag.as_bytes()));
    // Line ends may fold a number, so that digits on both sides of one belong together.
    if is_text && !data.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        assert!(!has_card_number(&redacted.bytes), "stays: {}", shown(&redacted.bytes));
    }
}

/// The length stays, a second look finds nothing, and no card number stays.
pub fn redact_text(data: &[u8]) {
    let redacted = redact::text(data);
    assert_eq!(redacted.bytes.len(), data.len());
    assert_eq!(redacted.found.is_empty(), matches!(redacted.bytes, Cow::Borrowed(_)));
    let again = redact::text(&redacted.bytes);
    assert_eq!(shown(&again.bytes), shown(&redacted.bytes), "not idempotent");
    assert!(!has_card_number(&redacted.bytes), "stays: {}", shown(&redacted.bytes));
    let places = format!("{:?}", redacted.found);
    assert!(!has_card_number(places.as_bytes()), "a place holds a card number: {places}");
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(redact::shown(text).as_bytes(), &*redacted.bytes);
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn contains(data: &[u8], wanted: &[u8]) -> bool {
    data.windows(wanted.len()).any(|window| window == wanted)
}

fn has_card_number(text: &[u8]) -> bool {
    clear_numbers(text).next().is_some()
}

/// Runs of digits that are payment card numbers from their first digit to their last.
fn clear_numbers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    digit_runs(text).filter(|run| Scheme::of_payment_card(run).is_some())
}

/// Runs of 12 ASCII digits and more. Those beside bytes beyond ASCII are left out: there may be digits of another
/// script, which belong to the number.
fn digit_runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| byte.is_ascii() && !byte.is_ascii_digit())
        .filter(|run| run.len() >= CARD_DIGITS_MIN && run.iter().all(u8::is_ascii_digit))
}

/// A length, a descriptor of that length, then reports of 64 bytes. Fields stay in bounds, scans hold no more than was
/// sent, and each part of a SNAPI scan is acknowledged.
pub fn hid(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else { return };
    let (descriptor, reports) = rest.split_at(usize::from(*length).min(rest.len()));
    let descriptor = ReportDescriptor::read(descriptor);
    assert!(descriptor.fields.len() <= FIELDS_MAX && rest.len() <= DESCRIPTOR_BYTES_MAX * 2);
    let sent = reports.len();
    let mut received = 0;
    let mut count = |scan: Scan<'_>| {
        if let Scan::Barcode { data, .. } = scan {
            assert!(data.len() <= SCAN_BYTES_MAX);
            received += data.len();
        }
    };
    let mut scanner = ScannerLayout::of(&descriptor).map(ScannerReports::new);
    let mut snapi = SnapiReports::default();
    for report in reports.chunks(64) {
        if let Some(scanner) = &mut scanner {
            scanner.take(report, &mut count);
        }
        if let Some(layout) = CardLayout::of(&descriptor) {
            // A track has at most its report's bytes and the two sentinels.
            layout.take(report, &mut |line| assert!(line.len() <= report.len() + 3));
        }
    }
    if let Some(scanner) = &mut scanner {
        scanner.close(&mut count);
        assert!(!scanner.is_waiting());
    }
    assert!(received <= sent, "{received} bytes of {sent}");
    received = 0;
    for report in reports.chunks(64) {
        let is_scan = matches!(report, [0x22, ..] if report.len() >= 6)
            || matches!(report, [0x26, ..] if report.len() >= 8);
        let answer = snapi.take(report, &mut |scan| {
            if let Scan::Barcode { data, .. } = scan {
                received += data.len();
            }
        });
        assert_eq!(answer.is_some(), is_scan, "{}", shown(report));
    }
    assert!(received <= sent, "{received} bytes of {sent}");
}

/// A layout, then events of three bytes: type and value, code, and the time since the one before. Reads are UTF-8,
/// and what comes while the kernel says that events were dropped is marked.
pub fn wedge(data: &[u8]) {
    let Some((layout, events)) = data.split_first() else { return };
    let layouts = wedge::Layout::ALL;
    let (layout, _) = layouts[usize::from(*layout) % layouts.len()];
    let settings = WedgeSettings { layout, gap_us: 100_000, end: ReadEnd::Learnt };
    let (mut decoder, mut time_us, mut keys, mut dropped) =
        (WedgeDecoder::new(settings), 0, 0, false);
    for event in events.chunks_exact(3) {
        let (kind, value) = (u16::from(event[0] & 3), i32::from(event[0] >> 2) % 3);
        let code = u16::from(event[1]);
        time_us += u64::from(event[2]) * 1000;
        keys += usize::from(kind == 1);
        dropped |= (kind, code) == (0, 3);
        let mut ended = false;
        decoder.take(KeyEvent { kind, code, value, time_us }, &mut |read| {
            ended = true;
            match read {
                WedgeRead::Scan { data, damaged } => {
                    assert!(std::str::from_utf8(data).is_ok(), "{}", shown(data));
                    assert!(damaged || !dropped, "a read of which events are lost is not marked");
                }
                WedgeRead::Typed { keys: typed }
                | WedgeRead::Overflow { keys: typed }
                | WedgeRead::Card { keys: typed, .. } => {
                    assert!(typed <= keys, "{typed} of {keys}");
                }
                WedgeRead::Calibration { .. } => {}
            }
        });
        dropped &= !ended;
    }
    decoder.close();
    assert!(!decoder.is_waiting());
}
