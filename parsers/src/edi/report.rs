//! What stands in an input that is held whole: its envelopes, and what an acknowledgement says of each.
//!
//! In: the input. Out: a [`Report`], which keeps headers and byte ranges and walks over segments again where asked.
//! [`is_unfinished`] looks at nothing but envelopes. Never: a copy of the segments.

use super::assembler::Summary;
use super::edifact;
use super::event::{Closing, Envelope, Events, Stage};
use super::finding::{EdiFinding, Findings};
use super::guide::Guide;
use super::reader::Reader;
use super::rules::Policy;
use super::scanner::{Scanner, Step};
use super::schema::Transaction;
use super::segment::{KeptSegment, Segment};
use super::standard::Standard;
use super::text::CharacterSet;

/// Acknowledgement codes that are kept a level: AK5 and AK9 have room for five.
const MOST_CODES: usize = 5;

/// Interchanges, groups and sets that a [`Report`] keeps.
pub const MOST_NODES: usize = 200_000;

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct Options<'o> {
    /// How much is forgiven.
    pub policy: Policy,
    /// Who must be sender and receiver.
    pub expectations: Expectations<'o>,
    /// Sets and messages are held against their tables; else only envelopes are checked.
    pub check_sets: bool,
    /// The character set that was agreed with the partner, where it is not the declared one: GB 18030, Big5.
    pub character_set: Option<CharacterSet>,
    /// Bytes of the whole input, where that is known: then a length that leads beyond it is noticed at once.
    pub input_bytes: Option<usize>,
    /// Implementation guides of the partner; a set is held against the one that is for it.
    pub guides: &'o [&'o Guide],
    /// What memory is bounded by.
    pub limits: Limits,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            expectations: Expectations::default(),
            check_sets: true,
            character_set: None,
            input_bytes: None,
            guides: &[],
            limits: Limits::default(),
        }
    }
}

/// What memory is bounded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a segment. A longer one is told, and what follows it is read.
    pub segment_bytes: usize,
    /// Findings that are told; more are counted.
    pub findings: usize,
    /// Interchanges, groups and sets; what follows is not read, and that is told. A [`Report`] keeps at most
    /// [`MOST_NODES`].
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 1024 * 1024, findings: 1000, nodes: usize::MAX }
    }
}

/// Who must be sender and receiver: qualifier and id, where that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectations<'o> {
    /// ISA05 and ISA06; in EDIFACT the qualifier and id of UNB's S002.
    pub sender: Option<(&'o str, &'o str)>,
    /// ISA07 and ISA08; in EDIFACT the qualifier and id of UNB's S003.
    pub receiver: Option<(&'o str, &'o str)>,
}

/// What an acknowledgement says of one level.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// It cannot be taken.
    pub rejected: bool,
    /// Something is noted, or it is rejected.
    pub noted: bool,
    codes: [&'static str; MOST_CODES],
    count: usize,
}

impl Tally {
    /// Codes of its level, each once, at most five; one that rejects stands first.
    #[must_use]
    pub fn codes(&self) -> &[&'static str] {
        self.codes.get(..self.count).unwrap_or_default()
    }

    /// The code that rejects stands first: TA1 has room for one.
    pub(super) fn add(&mut self, rejects: bool, code: Option<&'static str>) {
        let decides = rejects && !self.rejected;
        self.rejected |= rejects;
        self.noted |= rejects || code.is_some();
        let Some(code) = code else {
            return;
        };
        let known = self.codes().iter().position(|known| *known == code);
        match (decides, known) {
            (true, Some(at)) => self.codes.get_mut(..=at).unwrap_or_default().rotate_right(1),
            (true, None) => {
                self.codes.rotate_right(1);
                self.codes[0] = code;
                self.count = (self.count + 1).min(MOST_CODES);
            }
            (false, None) => {
                if let Some(place) = self.codes.get_mut(self.count) {
                    *place = code;
                    self.count += 1;
                }
            }
            (false, Some(_)) => {}
        }
    }
}

/// One interchange.
#[derive(Debug)]
pub struct Interchange {
    /// Its standard.
    pub standard: Standard,
    /// ISA, UNB or STX.
    pub header: KeptSegment,
    /// Its groups. Messages that stand without a group are in one without a header.
    pub groups: Vec<Group>,
    /// The TA1 segments in it: answers to interchanges of ours.
    pub answers: Vec<KeptSegment>,
    /// What an acknowledgement says of it.
    pub tally: Tally,
}

/// One functional group.
#[derive(Debug)]
pub struct Group {
    /// GS or UNG; empty where messages stand without a group.
    pub header: KeptSegment,
    /// Its transaction sets.
    pub sets: Vec<Set>,
    /// The number of sets that its trailer states, where it could be read.
    pub included: Option<u32>,
    /// What an acknowledgement says of it.
    pub tally: Tally,
}

/// One transaction set or message.
#[derive(Debug)]
pub struct Set {
    /// ST, UNH or MHD.
    pub header: KeptSegment,
    /// Offset of the byte after its last.
    pub end: usize,
    /// Segments, header and trailer included.
    pub segments: u32,
    /// Its table, where we have one for its version.
    pub transaction: Option<&'static Transaction>,
    /// What an acknowledgement says of it.
    pub tally: Tally,
    pub(super) standard: Standard,
}

impl Interchange {
    /// First byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.header.offset
    }

    /// Whether it is marked as a test: ISA15, UNB 0035.
    ///
    /// Code list 0035 of syntax version 4 has 1 for a test, 2 for one of the syntax, 3 and 4 for an echo that is asked
    /// for and given. Whatever else stands there: it does not say production. Of a UNB that has no terminator, and goes
    /// on to the end of the input, that is not known.
    #[must_use]
    pub fn is_test(&self) -> bool {
        match self.standard {
            Standard::X12 => self.header.element(15) == b"T",
            Standard::Edifact => {
                let is_whole = self.header.view().traits.terminated;
                is_whole && !matches!(self.header.element(11), b"" | b"0")
            }
            Standard::Tradacoms => false,
        }
    }

    /// Qualifier and id of the sender: ISA05 and ISA06, UNB S002, STX FROM.
    #[must_use]
    pub fn sender(&self) -> (&[u8], &[u8]) {
        self.party(5, 2)
    }

    /// Qualifier and id of the receiver: ISA07 and ISA08, UNB S003, STX UNTO.
    #[must_use]
    pub fn receiver(&self) -> (&[u8], &[u8]) {
        self.party(7, 3)
    }

    fn party(&self, x12: usize, edifact: usize) -> (&[u8], &[u8]) {
        let header = &self.header;
        match self.standard {
            Standard::X12 => (header.element(x12), header.element(x12 + 1)),
            Standard::Edifact => (header.component(edifact, 2), header.component(edifact, 1)),
            Standard::Tradacoms => (b"", header.component(edifact, 1)),
        }
    }

    /// ISA13, UNB 0020, STX SNRF.
    #[must_use]
    pub fn control_number(&self) -> &[u8] {
        self.header.element(if self.standard == Standard::X12 { 13 } else { 5 })
    }
}

impl Group {
    /// The number of version, release and subrelease: `004010VICS` gives 4010. 0 where it cannot be read.
    #[must_use]
    pub fn version(&self) -> u32 {
        super::assembler::version(self.header.element(8))
    }

    /// Whether it holds acknowledgements, which are never acknowledged: by its kind, or by what stands in it.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        self.header.element(1) == b"FA"
            || (!self.sets.is_empty() && self.sets.iter().all(Set::is_acknowledgement))
    }
}

impl Set {
    /// Whether it is a 997, a 999 or a CONTRL.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        match self.header.view().tag() {
            b"UNH" => self.header.component(2, 1) == b"CONTRL",
            _ => matches!(self.header.element(1), b"997" | b"999"),
        }
    }

    /// First byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.header.offset
    }

    /// Its segments again.
    #[must_use]
    pub fn walk<'i>(&self, input: &'i [u8]) -> Walk<'i> {
        let mut scanner = Scanner::new(Limits::default().segment_bytes, Some(self.end))
            .starting_at(self.offset());
        scanner.open(self.standard, self.header.delimiters());
        scanner.set_syntax(self.header.delimiters().repetition, self.header.character_set());
        let rest = input.get(self.offset()..self.end.min(input.len())).unwrap_or_default();
        Walk { rest, scanner, standard: self.standard, object: 0 }
    }
}

/// Walks over the segments of a set.
#[derive(Debug)]
pub struct Walk<'i> {
    rest: &'i [u8],
    scanner: Scanner,
    standard: Standard,
    /// Bytes of a package that follow the segment that was given last.
    object: usize,
}

impl Walk<'_> {
    /// The next segment. A view, so that it has to be let go before the one after it.
    pub fn next_segment(&mut self) -> Option<Segment<'_>> {
        match std::mem::take(&mut self.object) {
            0 => {}
            object => self.scanner.pass_over(object),
        }
        loop {
            match self.scanner.advance(self.rest.is_empty()) {
                Step::Segment => break,
                Step::Starved => {
                    let taken = self.scanner.fill(self.rest);
                    self.rest = self.rest.get(taken..).unwrap_or_default();
                }
                Step::Opening | Step::End => return None,
            }
        }
        let segment = self.scanner.segment();
        if self.standard == Standard::Edifact && segment.tag() == b"UNO" {
            self.object = edifact::package_length(&segment).unwrap_or(0);
        }
        Some(segment)
    }
}

/// What stands in an input.
#[derive(Debug)]
pub struct Report<'a> {
    /// The input.
    pub input: &'a [u8],
    /// How much there is.
    pub summary: Summary,
    /// The interchanges, in input order.
    pub interchanges: Vec<Interchange>,
    /// What is wrong.
    pub findings: Findings,
}

/// Reads an input that is held whole.
#[must_use]
pub fn read<'a>(input: &'a [u8], options: &Options<'_>) -> Report<'a> {
    let limits = Limits { nodes: options.limits.nodes.min(MOST_NODES), ..options.limits };
    let options = Options { input_bytes: Some(input.len()), limits, ..*options };
    let mut keeper = Keeper::default();
    let mut reader = Reader::new(&options);
    reader.feed(input, &mut keeper);
    let summary = reader.finish(&mut keeper);
    let Keeper { interchanges, mut findings } = keeper;
    findings.count(summary.errors, summary.warnings);
    Report { input, summary, interchanges, findings }
}

/// Whether an input ends in mid-interchange: what a transfer leaves that broke off. Looks at nothing but envelopes.
#[must_use]
pub fn is_unfinished(input: &[u8]) -> bool {
    let trimmed = input.trim_ascii();
    if [&b"ISA"[..], b"UNA", b"UNB", b"STX="].iter().any(|header| header.starts_with(trimmed)) {
        return true;
    }
    let options =
        Options { check_sets: false, input_bytes: Some(input.len()), ..Options::default() };
    let mut reader = Reader::new(&options);
    reader.feed(input, &mut Deaf);
    reader.finish(&mut Deaf).unfinished
}

/// Listens to nothing.
struct Deaf;

impl Events for Deaf {
    fn wants_segments(&self) -> bool {
        false
    }
}

/// Keeps envelopes and findings.
#[derive(Debug, Default)]
struct Keeper {
    interchanges: Vec<Interchange>,
    findings: Findings,
}

impl Keeper {
    fn group(&mut self) -> Option<&mut Group> {
        self.interchanges.last_mut()?.groups.last_mut()
    }
}

impl Events for Keeper {
    fn wants_segments(&self) -> bool {
        false
    }

    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let Envelope { standard, header, transaction } = *envelope;
        let kept = header.keep();
        match stage {
            Stage::Interchange => self.interchanges.push(Interchange {
                standard,
                header: kept,
                groups: Vec::new(),
                answers: Vec::new(),
                tally: Tally::default(),
            }),
            Stage::Group => {
                if let Some(interchange) = self.interchanges.last_mut() {
                    interchange.groups.push(Group {
                        header: kept,
                        sets: Vec::new(),
                        included: None,
                        tally: Tally::default(),
                    });
                }
            }
            Stage::Set => {
                let set = Set {
                    header: kept,
                    end: header.end,
                    segments: 1,
                    transaction,
                    tally: Tally::default(),
                    standard,
                };
                if let Some(group) = self.group() {
                    group.sets.push(set);
                }
            }
        }
    }

    fn answer(&mut self, segment: &Segment<'_>) {
        if let Some(interchange) = self.interchanges.last_mut() {
            interchange.answers.push(segment.keep());
        }
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        let tally = closing.tally.clone();
        let Some(interchange) = self.interchanges.last_mut() else {
            return;
        };
        if stage == Stage::Interchange {
            interchange.tally = tally;
            return;
        }
        let Some(group) = interchange.groups.last_mut() else {
            return;
        };
        if stage == Stage::Group {
            (group.tally, group.included) = (tally, closing.stated);
        } else if let Some(set) = group.sets.last_mut() {
            (set.tally, set.end, set.segments) = (tally, closing.end, closing.segments);
        }
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.findings.keep(finding);
    }
}
