//! Memory, counted by the allocator: nothing is allocated a segment or a set, and the most that is held does not
//! depend on how much is read.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use allocation_counter::measure;
use tillgate_parsers::edi::schema::Matcher;
use tillgate_parsers::edi::{EdiFinding, Events, Limits, Options, Reader, Segment, Summary};

const MEGABYTE: u64 = 1_000_000;
const CHUNK_BYTES: usize = 64 * 1024;

/// Counts what it hears and keeps nothing.
#[derive(Default)]
struct Counter {
    segments: u64,
    findings: u64,
    codes: [Option<&'static str>; 8],
}

impl Events for Counter {
    fn segment(&mut self, _: &Segment<'_>, _: Option<&Matcher>) {
        self.segments += 1;
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.findings += 1;
        let code = finding.finding.code;
        if !self.codes.contains(&Some(code))
            && let Some(place) = self.codes.iter_mut().find(|place| place.is_none())
        {
            *place = Some(code);
        }
    }
}

impl Counter {
    fn told(&self, code: &str) -> bool {
        self.codes.contains(&Some(code))
    }
}

const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1200*U*00401*000000001*0*P*>~";
const GS: &str = "GS*PO*SENDER*RECEIVER*20261121*1200*1*X*004010~";

/// A kind of input: what stands before, between and after its sets, and set number so and so.
struct Kind {
    name: &'static str,
    head: String,
    set: fn(&mut Vec<u8>, usize),
}

fn kinds() -> Vec<Kind> {
    fn line(into: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
        std::io::Write::write_fmt(into, text).unwrap();
    }
    vec![
        Kind {
            name: "X12",
            head: format!("{ISA}{GS}"),
            set: |into, number| {
                line(into, format_args!("ST*850*{number:09}~BEG*00*SA*{number}**20261121~"));
                for item in 1..=20 {
                    line(into, format_args!("PO1*{item}*12*EA*4.25**UP*012345678905~"));
                }
                line(into, format_args!("CTT*20~SE*24*{number:09}~"));
            },
        },
        Kind {
            name: "TRADACOMS",
            head:
                "STX=ANA:1+5000000000000:A+5000000000001:B+261121:120000+1'MHD=1+ORDHDR:9'TYP=0430'\
                SDT=5010000000000'CDT=5000000000000'FIL=1+1+261121'MTR=6'"
                    .to_owned(),
            set: |into, number| {
                let number = number + 1;
                line(into, format_args!("MHD={number}+ORDERS:9'CLO=1:2'ORD=7::261121'"));
                for item in 1..=20 {
                    line(
                        into,
                        format_args!("OLD={item}+5010210000000++:00893592+12+60++++ROLLS?+:4'"),
                    );
                }
                line(into, format_args!("OTR=20'MTR=25'"));
            },
        },
    ]
}

/// Feeds sets in chunks until so many bytes were read. The chunk is made outside of what is counted.
struct Feeder<'o> {
    reader: Reader<'o>,
    counter: Counter,
    kind: Kind,
    sets: usize,
    chunk: Vec<u8>,
}

impl<'o> Feeder<'o> {
    fn new(kind: Kind, options: &Options<'o>) -> Self {
        let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
        chunk.extend_from_slice(kind.head.as_bytes());
        Self { reader: Reader::new(options), counter: Counter::default(), kind, sets: 0, chunk }
    }

    /// Allocations while so many bytes were read.
    fn read(&mut self, bytes: u64) -> u64 {
        let mut calls = 0;
        let mut left = bytes;
        while left > 0 {
            while self.chunk.len() < CHUNK_BYTES {
                self.sets += 1;
                (self.kind.set)(&mut self.chunk, self.sets);
            }
            let Self { reader, counter, chunk, .. } = self;
            calls += measure(|| reader.feed(&chunk[..CHUNK_BYTES], counter)).count_total;
            self.chunk.drain(..CHUNK_BYTES);
            left = left.saturating_sub(CHUNK_BYTES as u64);
        }
        calls
    }
}

#[test]
fn more_segments_and_more_sets_allocate_nothing() {
    for check_sets in [false, true] {
        for kind in kinds() {
            let name = kind.name;
            let options = Options { check_sets, ..Options::default() };
            let mut feeder = Feeder::new(kind, &options);
            feeder.read(MEGABYTE);
            let sets = feeder.sets;
            let calls = feeder.read(2 * MEGABYTE);
            let sets = (feeder.sets - sets) as u64;
            assert_eq!(feeder.counter.findings, 0, "{name}: {:?}", feeder.counter.codes);
            // A set that is held against its table may take a little; one whose envelope alone is read takes nothing.
            let most = if check_sets { 8 * sets } else { 0 };
            assert!(calls <= most, "{name}, {check_sets}: {calls} allocations in {sets} sets");
            assert!(feeder.counter.segments > 20_000);
        }
    }
}

#[test]
fn what_is_held_does_not_grow_with_what_is_read() {
    for kind in kinds() {
        let name = kind.name;
        let options = Options { check_sets: false, ..Options::default() };
        let mut counter = Counter::default();
        let held = measure(|| {
            let mut feeder = Feeder::new(kind, &options);
            feeder.read(20 * MEGABYTE);
            counter = feeder.counter;
        });
        let peak = held.bytes_max;
        assert!(peak < 4 * MEGABYTE, "{name}: {peak} bytes");
        assert_eq!(counter.findings, 0, "{name}: {:?}", counter.codes);
    }
}

/// Feeds pieces, and gives back what was heard and the most that was held.
fn peak(pieces: impl Iterator<Item = Vec<u8>>, limits: Limits) -> (Counter, Summary, u64) {
    let mut counter = Counter::default();
    let options = Options { check_sets: false, limits, ..Options::default() };
    let mut summary = Summary::default();
    let held = measure(|| {
        let mut reader = Reader::new(&options);
        pieces.for_each(|piece| reader.feed(&piece, &mut counter));
        summary = reader.finish(&mut counter);
    });
    (counter, summary, held.bytes_max)
}

#[test]
fn a_segment_without_an_end_is_bounded_and_told() {
    for byte in [b'x', b'*', b'?', b'\n'] {
        let head = [ISA, GS, "ST*850*0001~NTE*x"].concat().into_bytes();
        let endless = std::iter::repeat_n(vec![byte; CHUNK_BYTES], 150);
        let tail = b"~SE*3*0001~GE*1*1~IEA*1*000000001~".to_vec();
        let pieces = std::iter::once(head).chain(endless).chain([tail]);
        let (counter, summary, peak) = peak(pieces, Limits::default());
        assert!(counter.told("limit-segment"), "{:?}", counter.codes);
        assert_eq!(
            (counter.findings, summary.sets, summary.unfinished),
            (1, 1, false),
            "{:?}",
            counter.codes
        );
        assert!(peak < 16 * MEGABYTE, "{byte}: {peak} bytes");
    }
}

#[test]
fn binary_data_beyond_the_limit_is_passed_over_and_what_follows_is_read() {
    let data = 150 * CHUNK_BYTES;
    let wrong = Some("binary-length");
    for (byte, length, code) in
        [(b'~', data, None), (b'x', data - 1, wrong), (b'x', 10 * data, wrong)]
    {
        let head = format!("{ISA}{GS}ST*850*0001~BIN*{length}*").into_bytes();
        let endless = std::iter::repeat_n(vec![byte; CHUNK_BYTES], 150);
        let tail = b"~SE*3*0001~GE*1*1~IEA*1*000000001~".to_vec();
        let pieces = std::iter::once(head).chain(endless).chain([tail]);
        let (counter, summary, peak) = peak(pieces, Limits::default());
        assert_eq!(
            code.is_some_and(|code| counter.told(code)),
            code.is_some(),
            "{:?}",
            counter.codes
        );
        assert_eq!(code.is_none(), counter.findings == 0, "{length}: {:?}", counter.codes);
        assert_eq!(summary.unfinished, length > data, "{length}: {:?}", counter.codes);
        assert!(peak < 4 * MEGABYTE, "{peak} bytes");
    }
}

#[test]
fn a_million_interchanges_and_numbers_in_disorder_are_bounded() {
    // 3^18 has no common factor with 10^9: no number comes twice, and none follows another.
    let control = |number: u64| number * 387_420_489 % 1_000_000_000;
    let interchanges = (0..100_000_u64 / 200).map(|thousand| {
        let mut piece = String::new();
        for number in thousand * 200..(thousand + 1) * 200 {
            let number = format!("{:09}", control(number));
            piece += &ISA.replace("000000001", &number);
            piece += &format!("TA1*000000001*261121*1200*A*000~IEA*0*{number}~\n");
        }
        piece.into_bytes()
    });
    let (counter, summary, peak) = peak(interchanges, Limits::default());
    assert_eq!(summary.interchanges, 100_000);
    assert!(counter.told("limit-control-numbers"), "{:?}", counter.codes);
    assert!(peak < 4 * MEGABYTE, "{peak} bytes");
}

#[test]
fn more_envelopes_than_allowed_are_not_read_and_that_is_told() {
    let pieces = std::iter::once(format!("{ISA}{GS}").into_bytes()).chain(
        (1..2000).map(|number| format!("ST*850*{number:04}~SE*2*{number:04}~").into_bytes()),
    );
    let limits = Limits { nodes: 1000, ..Limits::default() };
    let (counter, summary, _) = peak(pieces, limits);
    assert!(counter.told("limit-sets"), "{:?}", counter.codes);
    assert_eq!(summary.interchanges + summary.groups + summary.sets, 1000);
}

#[test]
fn findings_beyond_the_limit_are_counted_and_hold_nothing() {
    let long = "x".repeat(5_000);
    let pieces = std::iter::once(format!("{ISA}{GS}").into_bytes())
        .chain((0..2000).map(|_| format!("ST*{long}*{long}~SE*{long}*{long}~").into_bytes()));
    let (counter, summary, peak) = peak(pieces, Limits::default());
    assert_eq!(counter.findings, 1000);
    assert!(summary.errors > 5000, "{summary:?}");
    assert!(peak < 4 * MEGABYTE, "{peak} bytes");
}
