//! Chunks of any size tell what the whole input tells: every event, in order, with everything in it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic, its helpers too")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tillgate_parsers::edi::schema::Matcher;
use tillgate_parsers::edi::{
    Closing, EdiFinding, Envelope, Events, Limits, Options, Policy, Reader, Segment, Stage, Summary,
};

/// Everything that a listener can see.
#[derive(Default)]
struct Recorder(String);

impl Recorder {
    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{what}");
    }
}

fn elements(segment: &Segment<'_>) -> String {
    let elements: Vec<String> = segment
        .elements()
        .map(|(offset, element)| format!("{offset}={}", element.escape_ascii()))
        .collect();
    let (tag, bytes) = (segment.tag().escape_ascii(), segment.bytes.escape_ascii());
    let (from, to, traits) = (segment.offset, segment.end, segment.traits);
    format!("{tag} {from}..{to} {elements:?} {bytes} {traits:?} {:?}", segment.delimiters)
}

impl Events for Recorder {
    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let (standard, table) = (envelope.standard, envelope.transaction.is_some());
        self.say(format_args!(
            "opened {stage:?} {standard:?} {table} {}",
            elements(envelope.header)
        ));
    }

    fn segment(&mut self, segment: &Segment<'_>, matcher: Option<&Matcher>) {
        self.say(format_args!("segment {} {}", elements(segment), matcher.is_some()));
    }

    fn answer(&mut self, segment: &Segment<'_>) {
        self.say(format_args!("answer {}", elements(segment)));
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        self.say(format_args!("closed {stage:?} {closing:?}"));
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.say(format_args!("finding {finding:?}"));
    }
}

/// What a listener sees of everything but the segments of sets.
struct Outline {
    recorder: Recorder,
    wants_segments: bool,
}

impl Events for Outline {
    fn wants_segments(&self) -> bool {
        self.wants_segments
    }

    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        self.recorder.opened(stage, envelope);
    }

    fn answer(&mut self, segment: &Segment<'_>) {
        self.recorder.answer(segment);
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        self.recorder.closed(stage, closing);
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.recorder.finding(finding);
    }
}

fn outline(input: &[u8], options: &Options<'_>, wants_segments: bool) -> (String, Summary) {
    let mut outline = Outline { recorder: Recorder::default(), wants_segments };
    let mut reader = Reader::new(options);
    reader.feed(input, &mut outline);
    let summary = reader.finish(&mut outline);
    (outline.recorder.0, summary)
}

fn options(policy: Policy, segment_bytes: usize) -> Options<'static> {
    let limits = Limits { segment_bytes, ..Limits::default() };
    Options { policy, limits, ..Options::default() }
}

fn told<'i>(chunks: impl Iterator<Item = &'i [u8]>, options: &Options<'_>) -> (String, Summary) {
    let mut recorder = Recorder::default();
    let mut reader = Reader::new(options);
    chunks.for_each(|chunk| reader.feed(chunk, &mut recorder));
    let summary = reader.finish(&mut recorder);
    (recorder.0, summary)
}

/// The first line that differs, since the whole is long.
#[track_caller]
fn assert_same(input: &[u8], whole: &(String, Summary), chunked: &(String, Summary), how: &str) {
    if whole == chunked {
        return;
    }
    let lines = whole.0.lines().zip(chunked.0.lines());
    let (one, other) = lines.into_iter().find(|(one, other)| one != other).unwrap_or_default();
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let short =
        |line: &str| line.chars().skip(same.saturating_sub(90)).take(200).collect::<String>();
    let (begins, input) =
        (one.chars().take(200).collect::<String>(), input.get(..2000).unwrap_or(input));
    panic!(
        "{how}\n{begins}\n{}\n{}\n{:?}\n{:?}\n{}",
        short(one),
        short(other),
        whole.1,
        chunked.1,
        input.escape_ascii(),
    );
}

/// In chunks of each of these sizes, in the order of the sizes, and cut once at any place; and where nobody asks for
/// segments, so that content is passed over.
#[track_caller]
fn holds(input: &[u8], sizes: &[usize], segment_bytes: usize) {
    for policy in [Policy::Lenient, Policy::Strict] {
        let options = options(policy, segment_bytes);
        let whole = told(std::iter::once(input), &options);
        for size in [1, 3, 64, 997] {
            let chunked = told(input.chunks(size), &options);
            assert_same(input, &whole, &chunked, &format!("chunks of {size}"));
        }
        let mut rest = input;
        let mut sizes_in_turn = sizes.iter().cycle();
        let chunks = std::iter::from_fn(|| {
            let size = sizes_in_turn.next().copied().unwrap_or(1).max(1);
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        });
        let chunked = told(chunks, &options);
        assert_same(input, &whole, &chunked, &format!("chunks of {sizes:?}"));
        for check_sets in [false, true] {
            let options = Options { check_sets, ..options };
            let looked_at = outline(input, &options, true);
            let passed = outline(input, &options, false);
            assert_same(input, &looked_at, &passed, &format!("passed over, {check_sets}"));
        }
    }
}

fn golden() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "edi"));
    assert!(paths.len() > 50, "{} golden files", paths.len());
    paths.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn every_golden_file_cut_at_every_place() {
    for (name, input) in golden() {
        let options = options(Policy::Lenient, 1 << 20);
        let whole = told(std::iter::once(&input[..]), &options);
        // A cut at every place of a large file takes long and shows nothing new.
        let step = 1 + input.len() / 300;
        for cut in (0..=input.len()).step_by(step) {
            let (one, other) = input.split_at(cut);
            let chunked = told([one, other].into_iter(), &options);
            assert_same(&input, &whole, &chunked, &format!("{name} cut at {cut}"));
        }
        holds(&input, &[7, 1, 40], 1 << 20);
        holds(&input, &[5, 2, 33], 90);
    }
}

#[test]
fn content_is_not_passed_over_where_something_is_to_be_said_about_it() {
    let header = HEADERS[0];
    let group = b"GS*PO*S*R*20261121*1200*1*X*";
    let end = b"SE*3*0001~GE*1*1~IEA*1*000000001~";
    for (what, version, content) in [
        ("no terminator after data", &b"005010~ST*850*0001~"[..], [&b"BIN*70*"[..], &[b'x'; 70]]),
        ("separators at the end", b"007010~ST*850*0001~", [b"N1*BY*A~", b""]),
        ("a separator at the end", b"007010~ST*001*0001~", [b"N1*BY*A~", b""]),
    ] {
        let content = content.concat();
        let input = [header, group, version, &content[..], b"N1*ST*A>~N1*ST**~", end].concat();
        for check_sets in [false, true] {
            let options = Options { check_sets, ..options(Policy::Lenient, 60) };
            let looked_at = outline(&input, &options, true);
            assert_ne!(looked_at.1.errors + looked_at.1.warnings, 0, "{what}");
            assert_same(&input, &looked_at, &outline(&input, &options, false), what);
        }
    }
}

#[test]
fn inputs_of_several_blocks_with_what_is_odd_at_every_edge_of_a_block() {
    let sample =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden/order-5010.edi"))
            .unwrap();
    for odd in [
        &b"\r\n"[..],
        b"\n\n\n   \t",
        b"~~",
        b"BIN*5*a~b~c~",
        b"BIN*9*a~b~c~",
        b"BDS*ASC*7*~ISA*~~~",
        b"BIN*70000*abc~",
        b"BIN*x*abc~",
        b"ISA*00*~",
        b"\x0c",
        b"\0\0\0",
    ] {
        for before in (0..odd.len() + 2).step_by(3) {
            // The pad ends so many bytes before the end of the first block of 64 KiB.
            let pad = (64 * 1024 - 250 - before).div_ceil(3);
            let mut input = sample[..240].to_vec();
            let end = input.iter().rposition(|byte| *byte == b'~').unwrap() + 1;
            input.truncate(end);
            input.extend_from_slice(b"NTE*");
            input.resize(64 * 1024 - 1 - before, b'x');
            input.push(b'~');
            input.extend_from_slice(odd);
            input.extend(
                std::iter::repeat_n(
                    *b"N1*ST*a long name, so that there are few segments~",
                    pad / 50,
                )
                .flatten(),
            );
            input.extend_from_slice(odd);
            input.extend_from_slice(&sample[end..]);
            for segment_bytes in [1 << 20, 5000] {
                let options = options(Policy::Lenient, segment_bytes);
                let whole = told(std::iter::once(&input[..]), &options);
                for size in [64 * 1024 - 1, 4096] {
                    let chunked = told(input.chunks(size), &options);
                    let how = format!("{} in {size}", odd.escape_ascii());
                    assert_same(&input, &whole, &chunked, &how);
                }
            }
        }
    }
}

const HEADERS: [&[u8]; 7] = [
    b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1200*^*00501*000000001*0*P*>~",
    b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1200*^*00501*000000001*0*P*>\n",
    b"ISA\t00\t          \t00\t          \tZZ\tSENDER         \tZZ\tRECEIVER       \t26112\
      1\t1200\t^\t00501\t000000001\t0\tP\t>\r",
    b"UNA:+.? 'UNB+UNOC:3+SENDER+RECEIVER+261121:1200+1'",
    b"UNB+UNOA:2+SENDER+RECEIVER+261121:1200+1'",
    b"UNB+UNOC:4+SENDER+RECEIVER+20261121:1200+1'",
    b"STX=ANA:1+5000000000000:SENDER+5000000000001:RECEIVER+261121:120000+1'",
];

/// Pieces of all three standards, with the terminator left open: `~` stands for it.
const PIECES: [&[u8]; 52] = [
    b"GS*PO*S*R*20261121*1200*1*X*005010~",
    b"ST*850*0001~",
    b"GS*PO*S*R*20261121*1200*2*X*007010~",
    b"N1*ST*a>~",
    b"BEG*00*SA*1**20261121~",
    b"PO1*1*2*EA*1~",
    b"CTT*1~",
    b"SE*4*0001~",
    b"GE*1*1~",
    b"IEA*1*000000001~",
    b"BIN*5*a~b~c~",
    b"BIN*900*a~",
    b"BDS*ASC*3*~~~~",
    b"BIN*x*1~",
    b"TA1*1*2~",
    b"UNH+1+ORDERS:D:96A:UN~",
    b"BGM+220+1+9~",
    b"NAD+BY+A::9~",
    b"LIN:1:1+1~",
    b"UNT+3+1~",
    b"UNZ+1+1~",
    b"UNG+ORDERS+A+B~",
    b"UNE+1+1~",
    b"FTX+AAI+++a?~b??~",
    b"UNO+1++9~abc~de~fg",
    b"UNP+9+1~",
    b"MHD=1+ORDERS:9~",
    b"OLD=1+5?+~",
    b"MTR=3~",
    b"END=1~",
    b"BAT=1~",
    b"EOB=1~",
    b"MHD+2+ORDTLR:9~",
    b"RSG=1+5000000000001~",
    b"~",
    b"~~",
    b"\r\n",
    b"\n",
    b"\r",
    b"   ",
    b"\t",
    b"\x0c",
    b"?",
    b"??",
    b"'",
    b"*",
    b"+",
    b"\xEF\xBB\xBF",
    b"junk ",
    b"ISA",
    b"UNA",
    b"NTE*a very long text that goes on and on, longer than the limit of some of the readi\
      ngs: it goes on and on and on~",
];

fn interchange() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => prop::sample::select(PIECES.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => (1..1500_usize, any::<u8>()).prop_map(|(times, byte)| vec![byte; times]),
    ];
    (prop::sample::select(HEADERS.to_vec()), prop::collection::vec(piece, 0..24)).prop_map(
        |(header, pieces)| {
            let terminator = header[header.len() - 1];
            let mut input = header.to_vec();
            for mut piece in pieces {
                piece.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = terminator);
                input.extend(piece);
            }
            input
        },
    )
}

fn change() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(PIECES.to_vec()).prop_map(<[u8]>::to_vec),
    ];
    (any::<prop::sample::Index>(), 0_usize..12, piece)
}

proptest! {
    #[test]
    fn generated_interchanges(
        prefix in prop_oneof![Just(vec![]),
            prop::collection::vec(prop::sample::select(b" \n\xEF\xBB\xBFx~".to_vec()), 0..5)],
        interchanges in prop::collection::vec(interchange(), 1..5),
        sizes in prop::collection::vec(1_usize..300, 1..6),
        segment_bytes in prop::sample::select(vec![60_usize, 110, 1 << 20]),
    ) {
        holds(&[prefix, interchanges.concat()].concat(), &sizes, segment_bytes);
    }

    #[test]
    fn damaged_samples(
        sample in prop::sample::select(golden()),
        changes in prop::collection::vec(change(), 1..6),
        sizes in prop::collection::vec(1_usize..300, 1..6),
    ) {
        let mut input = sample.1;
        for (place, removed, piece) in changes {
            let at = place.index(input.len() + 1);
            let end = (at + removed).min(input.len());
            input.splice(at..end, piece);
        }
        holds(&input, &sizes, 200);
    }

    #[test]
    fn blanks_before_the_first_header_are_no_end(blanks in 0_usize..20_000, size in 1_usize..9000) {
        let mut input = vec![b' '; blanks];
        input.extend_from_slice(HEADERS[0]);
        input.extend_from_slice(b"IEA*0*000000001~");
        let options = options(Policy::Lenient, 1 << 20);
        let whole = told(std::iter::once(&input[..]), &options);
        prop_assert_eq!(whole.1.interchanges, 1);
        assert_same(&input, &whole, &told(input.chunks(size), &options), "blanks");
    }
}
