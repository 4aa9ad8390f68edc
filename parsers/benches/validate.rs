//! How long it takes to hold a purchase order against its table.
//!
//! In: a generated 850 of 1000 lines, read until 20 MB have been seen. Out: nanoseconds a segment for walking over the
//! elements alone, for finding places, and for validation as a whole; of the fastest pass, since others may use the
//! machine too. Run it with `cargo bench -p tillgate-parsers --bench validate`.

use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use tillgate_parsers::edi::finding::Remark;
use tillgate_parsers::edi::schema::{Matcher, find};
use tillgate_parsers::edi::segment::Segments;
use tillgate_parsers::edi::validate::{Sink, Spot, Validator};
use tillgate_parsers::edi::{Delimiters, Rule, Segment, Standard};

const BYTES: usize = 20_000_000;
const DELIMITERS: Delimiters =
    Delimiters { element: b'*', component: b'>', segment: b'~', repetition: None, release: None };

#[derive(Default)]
struct Count(usize);

impl Sink for Count {
    fn remark(&mut self, _: &Rule, _: Remark, _: Spot) {
        self.0 += 1;
    }
}

/// A large order, and within the bounds of its loops.
const LINES: usize = 1000;

fn order() -> Vec<u8> {
    let mut text = Vec::new();
    text.extend_from_slice(
        b"ST*850*0001~BEG*00*SA*4500012345**20261121~REF*DP*038~DTM*002*20261201~\
          N1*ST*STORE 0042*92*0042~N3*1 MAIN STREET~N4*SPRINGFIELD*IL*62701*US~",
    );
    for line in 1..=LINES {
        let _ = write!(
            text,
            "PO1*{line}*24*EA*12.95*LE*UP*012345678905*VN*AB-{line}~\
             PID*F*08***COTTON SHIRT, BLUE, SIZE M~PO4*24*1*EA~SDQ*EA*92*0042*12*0043*12~\
             DTM*010*20261128*1200~"
        );
    }
    let _ = write!(text, "CTT*{LINES}~");
    text
}

/// The best of as many passes as read 20 MB.
fn best(bytes: usize, mut work: impl FnMut()) -> Duration {
    let pass = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..BYTES / bytes).map(pass).min().unwrap_or_default()
}

fn walk(segments: &[Segment<'_>]) {
    for segment in segments {
        for element in segment.elements() {
            black_box(element);
        }
    }
}

fn main() -> io::Result<()> {
    let text = order();
    let segments: Vec<Segment<'_>> = Segments::new(&text, DELIMITERS, 0, text.len()).collect();
    let Some(table) = find(Standard::X12, b"850", b"004010") else {
        return Err(io::Error::other("there is no table for 850"));
    };
    let walking = best(text.len(), || walk(&segments));
    let matching = best(text.len(), || {
        let (mut matcher, mut missing) = (Matcher::new(table), Vec::new());
        for segment in &segments {
            black_box(matcher.place(segment.tag_code(), &mut missing));
        }
    });
    let mut remarks = 0;
    let validating = best(text.len(), || {
        let (mut validator, mut count) = (Validator::new(table), Count::default());
        for segment in &segments {
            validator.segment(segment, &mut count);
        }
        remarks = count.0;
    });
    let elements: usize = segments.iter().map(Segment::count).sum();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} bytes, {} segments, {elements} elements, {remarks} remarks",
        text.len(),
        segments.len()
    )?;
    for (name, time) in [("elements", walking), ("places", matching), ("validated", validating)] {
        let each = time.as_secs_f64() * 1e9 / segments.len() as f64;
        let rate = text.len() as f64 / time.as_secs_f64() / 1e6;
        writeln!(out, "{name:<10} {each:>6.1} ns a segment {rate:>7.0} MB/s")?;
    }
    Ok(())
}
