//! Peers on the same bytes, each doing what its row says.
//!
//! In: a file in memory. Out: rows. Never: a peer that is made to do more than it must, or less than its row says.

use std::str::from_utf8;

use edifact_parser::{EdifactHandler, EdifactStreamParser};
use edifact_primitives::{Control, RawSegment};
use tillgate_tests::edi_files::Kind;
use x12_stream_parser::{Delimiters, Parser};

use super::Rows;

pub(super) fn measure(rows: &mut Rows<'_>) {
    match rows.kind {
        Kind::Order850 | Kind::Resale867 => x12(rows),
        Kind::Orders => edifact(rows),
    }
}

fn x12(rows: &mut Rows<'_>) {
    let file = rows.file;
    let found = rows.row("x12-stream-parser 0.1: segments and elements, no checks", || split(file));
    assert_eq!(found, rows.segments);
    let text = from_utf8(file).expect("ASCII");
    let interchanges = |document: edi::EdiDocument<'_>| document.interchanges.len() as u64;
    let found = rows.row("edi 0.4: loose_parse, no checks", || {
        edi::loose_parse(text).map(interchanges).expect("a valid file")
    });
    assert!(found > 0);
    let found = rows.row("edi 0.4: parse, envelope checks", || {
        edi::parse(text).map(interchanges).expect("a valid file")
    });
    assert!(found > 0);
}

fn split(file: &[u8]) -> u64 {
    let delimiters = Delimiters::from_isa(file).expect("a valid ISA");
    let mut segments = 0;
    let mut bytes = 0;
    for segment in Parser::new(file, delimiters) {
        segments += 1;
        bytes += segment.expect("a valid segment").elements().map(<[u8]>::len).sum::<usize>();
    }
    std::hint::black_box(bytes);
    segments
}

fn edifact(rows: &mut Rows<'_>) {
    let file = rows.file;
    let found =
        rows.row("edifact-parser 0.38: a handler that looks at each value, no checks", || {
            let mut values = Values::default();
            EdifactStreamParser::parse(file, &mut values).expect("a valid file");
            std::hint::black_box(values.bytes);
            values.segments
        });
    assert_eq!(found, rows.segments);
    let found = rows.row("edifact-rs 0.18: from_bytes, segments one by one, no checks", || {
        let segments = edifact_rs::from_bytes(file);
        segments.map(|segment| segment.expect("a valid segment")).map(|_| 1).sum()
    });
    assert_eq!(found, rows.segments);
    let found = rows.row("edifact-rs 0.18: from_reader, segments one by one, no checks", || {
        let segments = edifact_rs::from_reader(file);
        segments.map(|segment| segment.expect("a valid segment")).map(|_| 1).sum()
    });
    assert_eq!(found, rows.segments);
    let found = rows.row("edifact-rs 0.18: from_bytes, validate_envelope, envelope checks", || {
        let segments: Result<Vec<_>, _> = edifact_rs::from_bytes(file).collect();
        let segments = segments.expect("valid segments");
        edifact_rs::validate_envelope(&segments).expect("a valid envelope").message_count() as u64
    });
    assert!(found > 0);
}

#[derive(Default)]
struct Values {
    segments: u64,
    bytes: usize,
}

impl EdifactHandler for Values {
    /// Called for service segments as well.
    fn on_segment(&mut self, segment: &RawSegment<'_>) -> Control {
        self.segments += 1;
        self.bytes += segment.elements.iter().flatten().map(|value| value.len()).sum::<usize>();
        Control::Continue
    }
}
