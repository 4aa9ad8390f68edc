//! tillgate's parser on the same bytes, as the gateway and `tillgate edi` use it.
//!
//! In: a file in memory. Out: rows. Never: a check left out, a finding about a valid file.

use std::hint::black_box;

use tillgate_parsers::edi::json::Lines;
use tillgate_parsers::edi::{Events, Options, Reader, Summary};

use super::{BLOCK_BYTES, Rows};

pub(super) fn measure(rows: &mut Rows<'_>) {
    let (file, segments) = (rows.file, rows.segments);
    for (what, check_sets) in [
        ("tillgate: envelope checks", false),
        ("tillgate: envelope checks, validated against its table", true),
    ] {
        let found = rows.row(what, || {
            let mut reader = reader(check_sets);
            reader.feed(file, &mut Deaf);
            told(reader.finish(&mut Deaf))
        });
        assert_eq!(found, segments, "{what}");
    }
    let found = rows.row("tillgate: validated, and written as JSON", || {
        let (mut reader, mut lines) = (reader(true), Lines::default());
        for block in file.chunks(BLOCK_BYTES) {
            reader.feed(block, &mut lines);
            black_box(lines.text());
            lines.clear();
        }
        told(reader.finish(&mut lines))
    });
    assert_eq!(found, segments);
}

/// What `tillgate edi check` asks for, of a whole file.
pub(super) fn validated(file: &[u8]) -> u64 {
    let mut reader = reader(true);
    reader.feed(file, &mut Deaf);
    told(reader.finish(&mut Deaf))
}

fn reader(check_sets: bool) -> Reader<'static> {
    Reader::new(&Options { check_sets, ..Options::default() })
}

/// The segments of a file that nothing is to be said about.
fn told(summary: Summary) -> u64 {
    assert_eq!((summary.errors, summary.warnings), (0, 0), "{summary:?}");
    summary.segments
}

/// Wants findings and envelopes, as every caller but those who write segments.
struct Deaf;

impl Events for Deaf {
    fn wants_segments(&self) -> bool {
        false
    }
}
