use proptest::prelude::*;

use super::*;

/// 64 bytes: id, count, AIM identifier, 56 of data, two of the maker's, a flag.
pub(super) const HONEYWELL: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF,
    0x00, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x95, 0x03, 0x05, 0x8C, 0x09,
    0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02, 0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, 0x95, 0x02,
    0x06, 0x66, 0xFF, 0x09, 0x04, 0x81, 0x02, 0x05, 0x8C, 0x95, 0x01, 0x75, 0x01, 0x09, 0xFF, 0x81,
    0x02, 0x75, 0x07, 0x81, 0x03, 0xC0, 0xC0,
];

/// One byte more before the identifier, no bytes of the maker, and a trigger report to the device.
const OTHER: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF,
    0x00, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x05, 0x8C, 0x81, 0x03, 0x19,
    0xFB, 0x29, 0xFD, 0x95, 0x03, 0x81, 0x02, 0x95, 0x39, 0x09, 0xFE, 0x82, 0x02, 0x01, 0x95, 0x01,
    0x75, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95, 0x07, 0x81, 0x03, 0xC0, 0x09, 0x14, 0xA1, 0x02, 0x85,
    0x04, 0x75, 0x01, 0x95, 0x01, 0x09, 0x5F, 0x91, 0x02, 0x09, 0x60, 0x91, 0x02, 0x95, 0x06, 0x91,
    0x03, 0xC0, 0xC0,
];

fn reports(descriptor: &[u8]) -> ScannerReports {
    let descriptor = ReportDescriptor::read(descriptor);
    assert_eq!(descriptor.flaw, None);
    ScannerReports::new(ScannerLayout::of(&descriptor).unwrap())
}

fn honeywell(aim: &str, data: &[u8], continued: bool) -> Vec<u8> {
    let mut report = vec![2, u8::try_from(data.len()).unwrap()];
    report.extend(aim.bytes());
    report.extend(data);
    report.resize(61, 0);
    report.extend([b'd', 0, u8::from(continued)]);
    report
}

/// What scans came: identifier, content, mark; or the debug form of anything else.
fn scans(reader: &mut ScannerReports, reports: &[Vec<u8>]) -> Vec<String> {
    let mut seen = Vec::new();
    for report in reports {
        reader.take(report, &mut |scan| seen.push(shown(&scan)));
    }
    seen
}

fn shown(scan: &Scan<'_>) -> String {
    match scan {
        Scan::Barcode { aim, data, damaged } => {
            let aim = aim.map(|aim| aim.escape_ascii().to_string()).unwrap_or_default();
            format!("{aim}|{}{}", data.escape_ascii(), if *damaged { "|damaged" } else { "" })
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_scan_in_one_report_comes_with_its_identifier() {
    let mut reader = reports(HONEYWELL);
    let sent = [honeywell("]E0", b"4006381333931", false), honeywell("]C1", b"10A\x1d21B", false)];
    assert_eq!(scans(&mut reader, &sent), ["]E0|4006381333931", "]C1|10A\\x1d21B"]);
}

#[test]
fn a_suffix_that_the_scanner_adds_comes_off_at_the_end_only() {
    let mut reader = reports(HONEYWELL);
    let sent = [
        honeywell("]E0", b"4006381333931\r\n", false),
        honeywell("]Q1", b"one\r", true),
        honeywell("]Q1", b"two\t", false),
    ];
    assert_eq!(scans(&mut reader, &sent), ["]E0|4006381333931", "]Q1|one\\rtwo"]);
}

#[test]
fn offsets_come_from_the_descriptor() {
    let mut reader = reports(OTHER);
    let mut report = vec![2, 4, 0];
    report.extend(b"]Q1ABCD");
    report.resize(64, 0);
    assert_eq!(scans(&mut reader, &[report]), ["]Q1|ABCD"]);
    let sent = [Command { kind: ReportKind::Output, bytes: vec![4, 0] }];
    assert_eq!(reader.layout.enabling(), sent, "reading is allowed, none is started");
    assert_eq!(reports(HONEYWELL).layout.enabling(), []);
}

#[test]
fn a_mode_is_turned_on_where_the_device_has_the_report_for_it() {
    let mut descriptor = HONEYWELL[..HONEYWELL.len() - 1].to_vec();
    descriptor.extend([0x85, 0xFE, 0x75, 8, 0x95, 1, 0x09, 1, 0xB1, 2, 0xC0]);
    let sent = [Command { kind: ReportKind::Feature, bytes: vec![0xFE, 1] }];
    assert_eq!(reports(&descriptor).layout.enabling(), sent);
}

#[test]
fn a_long_scan_is_joined_and_a_part_of_another_is_not() {
    let mut reader = reports(HONEYWELL);
    let (first, last) = ([b'a'; 56], b"end");
    let sent = [honeywell("]Q1", &first, true), honeywell("]Q1", last, false)];
    let whole = format!("]Q1|{}end", "a".repeat(56));
    assert_eq!(scans(&mut reader, &sent), [whole.as_str()]);
    let mixed = [honeywell("]Q1", &first, true), honeywell("]E0", b"4006381333931", false)];
    assert_eq!(scans(&mut reader, &mixed), ["Incomplete { bytes: 56 }", "]E0|4006381333931"]);
    let mut seen = Vec::new();
    reader.take(&honeywell("]Q1", &first, true), &mut |scan| seen.push(shown(&scan)));
    assert!(seen.is_empty() && reader.is_waiting());
    reader.close(&mut |scan| seen.push(shown(&scan)));
    assert_eq!(seen, ["Incomplete { bytes: 56 }"]);
}

#[test]
fn answers_to_commands_are_no_scans() {
    let mut reader = reports(HONEYWELL);
    let sent = [honeywell("]X0", b"REV_SW: 1\x06", false), honeywell("]Z6", b".", false)];
    assert_eq!(scans(&mut reader, &sent), ["Reply { bytes: 10 }", "Reply { bytes: 1 }"]);
}

#[test]
fn what_is_announced_and_not_there_marks_the_scan() {
    let mut reader = reports(HONEYWELL);
    let mut long = honeywell("]C0", b"abc", false);
    long[1] = 200;
    assert!(scans(&mut reader, &[long])[0].ends_with("|damaged"));
    let stump = honeywell("]C0", b"abcdef", false)[..8].to_vec();
    assert_eq!(scans(&mut reader, &[stump]), ["]C0|abc|damaged"]);
    let sent = [vec![2, 9], vec![2], vec![], vec![9, 9, 9], honeywell("\0\0\0", b"1", false)];
    assert_eq!(
        scans(&mut reader, &sent),
        ["Malformed { bytes: 2 }", "Malformed { bytes: 1 }", "|1"]
    );
}

#[test]
fn an_endless_scan_is_dropped_and_told() {
    let mut reader = reports(HONEYWELL);
    let mut sent = vec![honeywell("]Q1", &[b'a'; 56], true); 200];
    sent.push(honeywell("]Q1", b"z", false));
    sent.push(honeywell("]Q1", b"next", false));
    assert_eq!(scans(&mut reader, &sent), ["Overflow { bytes: 11201 }", "]Q1|next"]);
}

#[test]
fn a_keyboard_is_no_scanner() {
    let keyboard = ReportDescriptor::read(&[5, 1, 9, 6, 0xA1, 1, 0x75, 8, 0x95, 6, 0x81, 0, 0xC0]);
    assert_eq!(ScannerLayout::of(&keyboard), None);
}

proptest! {
    #[test]
    fn a_scan_cut_into_reports_comes_whole(data in prop::collection::vec(1_u8.., 1..400)) {
        let mut reader = reports(HONEYWELL);
        let parts: Vec<&[u8]> = data.chunks(56).collect();
        let sent: Vec<Vec<u8>> = parts
            .iter()
            .enumerate()
            .map(|(at, part)| honeywell("]d1", part, at + 1 < parts.len()))
            .collect();
        let mut whole = Vec::new();
        for report in &sent {
            reader.take(report, &mut |scan| {
                let Scan::Barcode { data, damaged: false, .. } = scan else { panic!("{scan:?}") };
                whole.push(data.to_vec());
            });
        }
        prop_assert_eq!(whole, vec![without_suffix(&data).to_vec()]);
        prop_assert!(!reader.is_waiting());
    }
}
