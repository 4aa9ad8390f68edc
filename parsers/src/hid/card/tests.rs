use super::*;

/// 337 bytes: three status bytes, three lengths, the encoding, three times 110 of data.
fn magtek() -> ReportDescriptor {
    let bytes = [
        0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x09,
        0x20, 0x09, 0x21, 0x09, 0x22, 0x09, 0x28, 0x09, 0x29, 0x09, 0x2A, 0x09, 0x38, 0x95, 0x07,
        0x81, 0x02, 0x09, 0x30, 0x95, 0x6E, 0x82, 0x02, 0x01, 0x09, 0x31, 0x95, 0x6E, 0x82, 0x02,
        0x01, 0x09, 0x32, 0x95, 0x6E, 0x82, 0x02, 0x01, 0xC0,
    ];
    let descriptor = ReportDescriptor::read(&bytes);
    assert_eq!(descriptor.flaw, None);
    assert_eq!(descriptor.report_bytes(ReportKind::Input, 0), 337);
    descriptor
}

fn swipe(status: [u8; 3], tracks: [&str; 3]) -> Vec<u8> {
    let mut report = status.to_vec();
    report.extend(tracks.map(|track| u8::try_from(track.len()).unwrap()));
    report.push(0);
    for track in tracks {
        let end = report.len() + 110;
        report.extend(track.bytes());
        report.resize(end, 0);
    }
    report
}

fn lines(layout: &CardLayout, report: &[u8]) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    let whole = layout.take(report, &mut |line| lines.push(line.escape_ascii().to_string()));
    (lines, whole)
}

const ONE: &str = "%B4111111111111111^DOE/JANE^29121011234?";
const TWO: &str = ";4111111111111111=29121011234?";

#[test]
fn a_magtek_swipe_gives_its_tracks() {
    let layout = CardLayout::of(&magtek()).unwrap();
    let (seen, whole) = lines(&layout, &swipe([0; 3], [ONE, TWO, ""]));
    assert_eq!(seen, [ONE, TWO]);
    assert!(whole);
    assert_eq!(lines(&layout, &swipe([0; 3], ["", "", ""])), (vec![], false));
}

#[test]
fn one_bad_track_does_not_lose_the_others() {
    let layout = CardLayout::of(&magtek()).unwrap();
    let (seen, _) = lines(&layout, &swipe([1, 0, 0], ["%E?", TWO, ""]));
    assert_eq!(seen, ["%E?", TWO]);
    let mut report = swipe([0; 3], ["", TWO, ""]);
    report.truncate(120 + 9);
    assert_eq!(lines(&layout, &report).0, [";41111111111"[..12].to_owned()], "no end: a stump");
}

/// The standard's page: lengths in front, tracks behind, report 3, without sentinels.
#[test]
fn the_page_of_the_standard_is_known_and_sentinels_come_back() {
    let bytes = [
        0x05, 0x8E, 0x09, 0x01, 0xA1, 0x01, 0x85, 0x03, 0x75, 0x08, 0x95, 0x02, 0x09, 0x11, 0x09,
        0x12, 0x81, 0x02, 0x95, 0x50, 0x09, 0x21, 0x81, 0x02, 0x95, 0x28, 0x09, 0x22, 0x81, 0x02,
        0xC0,
    ];
    let layout = CardLayout::of(&ReportDescriptor::read(&bytes)).unwrap();
    let track = b"9156001122334";
    let mut report = vec![3, 0, 13];
    report.resize(3 + 0x50, 0);
    report.extend(track);
    report.resize(1 + 2 + 0x50 + 0x28, 0);
    assert_eq!(lines(&layout, &report), (vec![";9156001122334?".to_owned()], true));
    report[2] = 200;
    let (seen, _) = lines(&layout, &report);
    assert!(seen[0].starts_with(";9156001122334") && !seen[0].ends_with('?'), "{seen:?}");
    assert_eq!(lines(&layout, &[4, 1, 2]), (vec![], false));
    assert_eq!(lines(&layout, &[]), (vec![], false));
}

/// The same descriptor with the serial number and counter of a key behind it: what stands for a track is none.
#[test]
fn a_reader_that_encrypts_gives_no_tracks() {
    let bytes = [
        0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09, 0x29, 0x81, 0x02,
        0x95, 0x28, 0x09, 0x31, 0x81, 0x02, 0x95, 0x0A, 0x09, 0x46, 0x81, 0x02, 0xC0,
    ];
    let layout = CardLayout::of(&ReportDescriptor::read(&bytes)).unwrap();
    assert!(layout.encrypts() && !CardLayout::of(&magtek()).unwrap().encrypts());
    let mut report = vec![30];
    report.extend(b";4111111111111111=29121011234?");
    report.resize(51, 0);
    assert_eq!(lines(&layout, &report), (vec![], false));
}

#[test]
fn a_scanner_is_no_card_reader() {
    let scanner = [5, 0x8C, 9, 2, 0xA1, 1, 0x75, 8, 0x95, 4, 9, 0xFE, 0x81, 2, 0xC0];
    assert_eq!(CardLayout::of(&ReportDescriptor::read(&scanner)), None);
}
