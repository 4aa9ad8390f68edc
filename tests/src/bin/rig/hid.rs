//! What scanners and card readers say of themselves and send, by the HID POS and HID usage tables.

use crate::uhid::Identity;

/// A scanner of the HID POS class: report 2 carries a byte count, three bytes of AIM identifier, 56 of data, and
/// whether more follows.
pub(crate) const SCANNER: Identity = Identity {
    name: "Rig HID POS scanner",
    serial_number: "HID0001",
    vendor: 0x0C2E,
    product: 0x0B81,
    descriptor: SCANNER_DESCRIPTOR,
};

/// The report descriptor of [`SCANNER`].
pub(crate) const SCANNER_DESCRIPTOR: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, // Bar Code Scanner page and usage, application
    0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, // Scanned Data Report, logical, report 2
    0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, // 0 to 255, eight bits
    0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, // Byte Count
    0x95, 0x03, 0x05, 0x8C, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81,
    0x02, // Symbology Identifier 1 to 3
    0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, // Decoded Data
    0x95, 0x02, 0x06, 0x66, 0xFF, 0x09, 0x04, 0x81, 0x02, // two bytes of the maker's
    0x05, 0x8C, 0x95, 0x01, 0x75, 0x01, 0x09, 0xFF, 0x81, 0x02, // Decode Data Continued
    0x75, 0x07, 0x81, 0x03, 0xC0, 0xC0, // padding
];

const REPORT_BYTES: usize = 64;
const DATA_BYTES: usize = 56;

/// The reports of one scan.
pub(crate) fn scan(aim: &str, data: &str) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = data.as_bytes().chunks(DATA_BYTES).collect();
    let last = chunks.len() - 1;
    let report = |(index, chunk): (usize, &&[u8])| {
        let mut report = vec![2, u8::try_from(chunk.len()).unwrap_or(u8::MAX)];
        report.extend(aim.bytes().chain(chunk.iter().copied()));
        report.resize(REPORT_BYTES - 1, 0);
        report.push(u8::from(index < last));
        report
    };
    chunks.iter().enumerate().map(report).collect()
}

/// A reader as MagTek makes them: its own usage page; three status bytes, three lengths, the card's encoding, and 110
/// bytes a track.
pub(crate) const CARD_READER: Identity = Identity {
    name: "Rig card reader",
    serial_number: "MSR0001",
    vendor: 0x0801,
    product: 0x0002,
    descriptor: &[
        0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, //
        0x09, 0x20, 0x09, 0x21, 0x09, 0x22, 0x09, 0x28, 0x09, 0x29, 0x09, 0x2A, 0x09,
        0x38, // head
        0x95, 0x07, 0x81, 0x02, //
        0x09, 0x30, 0x95, 0x6E, 0x82, 0x02, 0x01, // track 1
        0x09, 0x31, 0x95, 0x6E, 0x82, 0x02, 0x01, // track 2
        0x09, 0x32, 0x95, 0x6E, 0x82, 0x02, 0x01, 0xC0, // track 3
    ],
};

const TRACK_BYTES: usize = 110;

/// The report of a swipe over [`CARD_READER`].
pub(crate) fn swipe(tracks: [&str; 3]) -> Vec<u8> {
    let mut report = vec![0; 3];
    report.extend(tracks.iter().map(|track| u8::try_from(track.len()).unwrap_or(u8::MAX)));
    report.push(0);
    for track in tracks {
        let end = report.len() + TRACK_BYTES;
        report.extend(track.bytes());
        report.resize(end, 0);
    }
    report
}

/// A reader of the usage page for magnetic stripes (8E): lengths and data of tracks 1 and 2, without sentinels.
pub(crate) const STRIPE_READER: Identity = Identity {
    name: "Rig stripe reader",
    serial_number: "MSR0002",
    vendor: 0x0ACD,
    product: 0x0520,
    descriptor: &[
        0x05, 0x8E, 0x09, 0x01, 0xA1, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, //
        0x09, 0x11, 0x09, 0x12, 0x95, 0x02, 0x81, 0x02, // lengths
        0x09, 0x21, 0x95, 0x4F, 0x82, 0x02, 0x01, // track 1, 79 characters
        0x09, 0x22, 0x95, 0x28, 0x82, 0x02, 0x01, 0xC0, // track 2, 40 characters
    ],
};

/// The report of a swipe over [`STRIPE_READER`].
pub(crate) fn stripe(first: &str, second: &str) -> Vec<u8> {
    let mut report: Vec<u8> =
        [first, second].iter().map(|track| u8::try_from(track.len()).unwrap_or(u8::MAX)).collect();
    for (track, bytes) in [(first, 79), (second, 40)] {
        let end = report.len() + bytes;
        report.extend(track.bytes());
        report.resize(end, 0);
    }
    report
}

/// A Zebra scanner in its own mode, SNAPI: reports of a maker's page, which its driver knows without a descriptor.
pub(crate) const SNAPI_SCANNER: Identity = Identity {
    name: "Rig SNAPI scanner",
    serial_number: "SNP0001",
    vendor: 0x05E0,
    product: 0x1900,
    descriptor: &[
        0x06, 0x45, 0xFF, 0x09, 0x00, 0xA1, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, //
        0x85, 0x22, 0x09, 0x22, 0x95, 0x3F, 0x81, 0x02, // scan
        0x85, 0x26, 0x09, 0x26, 0x95, 0x3F, 0x81, 0x02, // long scan
        0x85, 0x01, 0x09, 0x01, 0x95, 0x03, 0x91, 0x02, 0xC0, // acknowledgement
    ],
};

const SNAPI_DATA_BYTES: usize = 58;

/// The reports of one scan over [`SNAPI_SCANNER`]: id, parts, index, length, code type, data.
pub(crate) fn snapi_scan(code_type: u8, data: &str) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = data.as_bytes().chunks(SNAPI_DATA_BYTES).collect();
    let byte = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    let report = |(index, chunk): (usize, &&[u8])| {
        let mut report =
            vec![0x22, byte(chunks.len()), byte(index), byte(chunk.len()), code_type, 0];
        report.extend(*chunk);
        report.resize(REPORT_BYTES, 0);
        report
    };
    chunks.iter().enumerate().map(report).collect()
}
