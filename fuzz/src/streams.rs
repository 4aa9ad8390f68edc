//! What must hold for every EDI stream: chunks tell what the whole tells, levels nest, places stand in the input.

use std::fmt::Write as _;

use tillgate_parsers::edi::schema::Matcher;
use tillgate_parsers::edi::{
    Closing, EdiFinding, Envelope, Events, Limits, Options, Policy, Reader, Segment, Stage,
};

/// What a recorder does with segments.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Segments {
    #[default]
    Written,
    Heard,
    /// So that content is passed over.
    Unwanted,
}

/// Writes down everything that it hears, and holds that levels nest.
#[derive(Default)]
struct Recorder {
    segments: Segments,
    told: String,
    /// As they are, each with its place in what was told: writing them down would take most of a run.
    findings: Vec<(usize, EdiFinding)>,
    open: Vec<Stage>,
    /// Where the next segment may begin.
    at: usize,
}

impl Events for Recorder {
    fn wants_segments(&self) -> bool {
        self.segments != Segments::Unwanted
    }

    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let depth =
            [Stage::Interchange, Stage::Group, Stage::Set].iter().position(|one| *one == stage);
        assert_eq!(depth, Some(self.open.len()), "{stage:?} opens in {:?}", self.open);
        self.open.push(stage);
        let _ = writeln!(self.told, "opened {stage:?} {}", envelope.header.bytes.escape_ascii());
    }

    fn segment(&mut self, segment: &Segment<'_>, _: Option<&Matcher>) {
        assert_eq!(self.open.last(), Some(&Stage::Set), "a segment outside of a set");
        assert!(
            self.at <= segment.offset && segment.offset <= segment.end,
            "a segment is told twice"
        );
        self.at = segment.end;
        if self.segments != Segments::Written {
            return;
        }
        let elements: Vec<String> = segment
            .elements()
            .map(|(at, element)| format!("{at}={}", element.escape_ascii()))
            .collect();
        let _ = writeln!(
            self.told,
            "{} {elements:?} {:?}",
            segment.tag().escape_ascii(),
            segment.traits
        );
    }

    fn answer(&mut self, segment: &Segment<'_>) {
        let _ = writeln!(self.told, "answer {}", segment.bytes.escape_ascii());
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        assert_eq!(self.open.pop(), Some(stage), "{stage:?} closes and was not open");
        let _ = writeln!(self.told, "closed {closing:?}");
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.findings.push((self.told.len(), finding));
    }
}

/// What was told, and what was found.
type Told = (String, Vec<(usize, EdiFinding)>);

/// Short, so that a small input overflows it.
const SEGMENT_BYTES_MAX: usize = 200;

fn told<'i>(chunks: impl Iterator<Item = &'i [u8]>, policy: Policy) -> Told {
    let limits = Limits { segment_bytes: SEGMENT_BYTES_MAX, ..Limits::default() };
    recorded(chunks, &Options { policy, limits, ..Options::default() }, Segments::Written)
}

/// What is told of everything but segments.
fn outlined(data: &[u8], check_sets: bool, segments: Segments) -> Told {
    let limits = Limits { segment_bytes: SEGMENT_BYTES_MAX, ..Limits::default() };
    let options = Options { check_sets, limits, ..Options::default() };
    recorded(std::iter::once(data), &options, segments)
}

fn recorded<'i>(
    chunks: impl Iterator<Item = &'i [u8]>,
    options: &Options<'_>,
    segments: Segments,
) -> Told {
    let mut recorder = Recorder { segments, ..Recorder::default() };
    let mut reader = Reader::new(options);
    chunks.for_each(|chunk| reader.feed(chunk, &mut recorder));
    let summary = reader.finish(&mut recorder);
    assert!(recorder.open.is_empty(), "left open: {:?}", recorder.open);
    let _ = writeln!(recorder.told, "{summary:?}");
    (recorder.told, recorder.findings)
}

/// The whole, single bytes, and one cut that the input itself decides tell the same; and what is passed over where
/// nobody wants segments is what nothing is to be said about.
pub fn edi_chunks(data: &[u8]) {
    for policy in [Policy::Lenient, Policy::Strict] {
        let whole = told(std::iter::once(data), policy);
        assert_same(&whole, &told(data.chunks(1), policy), data);
        let cut =
            data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
        let (one, other) = data.split_at(cut % (data.len() + 1));
        assert_same(&whole, &told([one, other].into_iter(), policy), data);
        assert_same(&whole, &told(data.chunks(2 + cut % 61), policy), data);
    }
    for check_sets in [false, true] {
        let whole = outlined(data, check_sets, Segments::Heard);
        assert_same(&whole, &outlined(data, check_sets, Segments::Unwanted), data);
    }
}

fn assert_same(whole: &Told, chunked: &Told, data: &[u8]) {
    let difference = whole.0.lines().zip(chunked.0.lines()).find(|(one, other)| one != other);
    assert!(whole.0 == chunked.0, "{difference:#?} in {}", data.escape_ascii());
    let difference = whole.1.iter().zip(&chunked.1).find(|(one, other)| one != other);
    assert!(whole.1 == chunked.1, "{difference:#?} in {}", data.escape_ascii());
}

/// The same for what follows the header of an EDIFACT interchange; the first byte chooses the header.
pub fn edifact(data: &[u8]) {
    after_header(
        data,
        &[
            b"UNB+UNOC:3+SENDER+RECEIVER+261121:1200+1'",
            b"UNA:+.? 'UNB+UNOA:1+SENDER+RECEIVER+261121:1200+1'\r\n",
            b"UNA:+.?*'UNB+UNOC:4+SENDER+RECEIVER+20261121:1200+1'",
            b"UNA:+.  'UNB+UNOB:2+SENDER+RECEIVER+261121:1200+1'",
            b"UNA\x1F\x1D.? \x1CUNB\x1DUNOB\x1F1\x1DSENDER\x1DRECEIVER\x1D261121\x1F1200\x1D1\x1C",
        ],
    );
}

/// The same for what follows the header of a TRADACOMS transmission; the first byte chooses the header.
pub fn tradacoms(data: &[u8]) {
    after_header(
        data,
        &[
            b"STX=ANA:1+5000000000000:SENDER+5000000000001:RECEIVER+261121:120000+1'",
            b"STX=ANAA:1+:SENDER+:RECEIVER+261121+7++ORDHDR'\r\n",
            b"STX+ANA:1+5000000000000+5000000000001+261121:120000+1'",
        ],
    );
}

fn after_header(data: &[u8], headers: &[&[u8]]) {
    let (choice, rest) = data.split_first().unwrap_or((&0, data));
    let header = headers[usize::from(*choice) % headers.len()];
    edi_chunks(&[header, rest].concat());
}
