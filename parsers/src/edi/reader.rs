//! Reads a stream: finds interchanges, hands their segments to the dialect, finds the way back after faults.
//!
//! In: bytes in chunks of any size. Out: [`Events`], and a [`Summary`]. Memory is one block and the headers of the open
//! levels, whatever the input. Never: a stop at the first error, a result that depends on where chunks end.

use memchr::memmem;

pub use super::assembler::Summary;
use super::assembler::{Flow, State, Visit};
use super::delimiters::Delimiters;
use super::event::Events;
use super::finding::Remark;
use super::report::Options;
use super::rules;
use super::scanner::{Scanner, Step};
use super::standard::{BYTE_ORDER_MARK, Recognised, Standard, recognise};
use super::text::CharacterSet;
use super::validate::Spot;
use super::x12::{self, Unreadable};
use super::{edifact, tradacoms};

/// Bytes from which the beginning of an interchange is judged: a header that is wrapped into lines needs four of them.
const HEAD_BYTES: usize = 1024;

/// Bytes of what belongs to nothing that a finding may show.
const MOST_SHOWN: usize = 200;

/// Where reading stands between two chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// At the first byte.
    Start,
    /// After an interchange.
    Between,
    /// In bytes that belong to no interchange. `after`: the last byte that was passed over.
    Lost { after: Option<u8> },
    /// In an interchange.
    Within(Standard),
    /// What follows is not read.
    Over,
}

/// Reads an input in chunks.
#[derive(Debug)]
pub struct Reader<'o> {
    scanner: Scanner,
    state: State<'o>,
    mode: Mode,
    /// The terminator of the last interchange.
    terminator: Option<u8>,
}

impl<'o> Reader<'o> {
    /// Before the first byte.
    #[must_use]
    pub fn new(options: &Options<'o>) -> Self {
        let limits = options.limits;
        Self {
            scanner: Scanner::new(limits.segment_bytes, options.input_bytes),
            state: State::new(*options),
            mode: Mode::Start,
            terminator: None,
        }
    }

    /// The next bytes.
    pub fn feed(&mut self, mut chunk: &[u8], events: &mut dyn Events) {
        while !chunk.is_empty() {
            let taken = self.scanner.fill(chunk);
            chunk = chunk.get(taken..).unwrap_or_default();
            self.run(false, events);
        }
    }

    /// No more bytes will come.
    pub fn finish(&mut self, events: &mut dyn Events) -> Summary {
        self.run(true, events);
        self.state.summary
    }

    /// Reads until more bytes are needed.
    fn run(&mut self, ended: bool, events: &mut dyn Events) {
        loop {
            let goes_on = match self.mode {
                Mode::Start => self.start(ended, events),
                Mode::Between => self.between(ended, events),
                Mode::Lost { after } => self.lost(after, ended, events),
                Mode::Within(standard) => self.within(standard, ended, events),
                Mode::Over => {
                    self.scanner.consume(usize::MAX);
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    fn start(&mut self, ended: bool, events: &mut dyn Events) -> bool {
        let rest = self.scanner.rest();
        let has_head = rest.trim_ascii_start().len() >= HEAD_BYTES || rest.len() >= 8 * HEAD_BYTES;
        if !ended && !has_head {
            return false;
        }
        let recognised = recognise(rest);
        let Recognised::Interchange(_, at) = recognised else {
            self.foreign(recognised, events);
            self.mode = Mode::Over;
            return true;
        };
        let prefix = rest.get(..at).unwrap_or_default();
        let blanks = prefix.strip_prefix(BYTE_ORDER_MARK);
        let (has_mark, has_blanks) = (blanks.is_some(), !blanks.unwrap_or(prefix).is_empty());
        let (mut visit, _) = self.visit(events);
        if has_mark {
            let remark = Remark::new("a byte order mark stands before the first segment");
            visit.say(&rules::BYTE_ORDER_MARK, remark, Spot::default(), None);
        }
        if has_blanks {
            let remark = Remark::new("blanks or line ends stand before the first segment");
            visit.say(&rules::LEADING_BLANKS, remark, Spot::default(), None);
        }
        self.scanner.consume(at);
        self.open(events)
    }

    /// What follows a trailer: the end, the next header, or bytes that belong to nothing.
    fn between(&mut self, ended: bool, events: &mut dyn Events) -> bool {
        let rest = self.scanner.rest();
        let blanks = rest.len() - rest.trim_ascii_start().len();
        self.scanner.consume(blanks);
        let rest = self.scanner.rest();
        if rest.is_empty() || (!ended && rest.len() < HEAD_BYTES) {
            return false;
        }
        if matches!(recognise(rest), Recognised::Interchange(_, 0)) {
            return self.open(events);
        }
        let first: Vec<u8> = rest.iter().copied().take(MOST_SHOWN).collect();
        let (mut visit, offset) = self.visit(events);
        let remark = Remark::new(format!("the bytes from {offset} on belong to no interchange"))
            .expected("the header of an interchange, or the end")
            .found(&first);
        let spot = Spot { offset, ..Spot::default() };
        visit.say(&rules::JUNK_BETWEEN, remark, spot, None);
        self.mode = Mode::Lost { after: self.terminator };
        true
    }

    /// Looks for the next header that stands where a segment can begin and that can be read.
    fn lost(&mut self, after: Option<u8>, ended: bool, events: &mut dyn Events) -> bool {
        let rest = self.scanner.rest();
        let (found, searched) = next_header(rest, after, self.terminator, ended);
        let at = found.unwrap_or(searched);
        let last = at.checked_sub(1).and_then(|last| rest.get(last)).copied();
        self.scanner.consume(at);
        if found.is_some() {
            return self.open(events);
        }
        self.mode = Mode::Lost { after: last.or(after) };
        false
    }

    /// The header of an interchange begins here.
    fn open(&mut self, events: &mut dyn Events) -> bool {
        let Recognised::Interchange(standard, _) = recognise(self.scanner.rest()) else {
            self.mode = Mode::Over;
            return false;
        };
        if self.state.is_full() {
            let (mut visit, offset) = self.visit(events);
            visit.give_up(offset);
            self.mode = Mode::Over;
            return true;
        }
        self.mode = Mode::Within(standard);
        match standard {
            Standard::X12 => self.open_x12(events),
            Standard::Edifact => {
                let service = edifact::service_characters(self.scanner.rest());
                self.scanner.consume(service.width);
                self.state.edifact = edifact::Syntax::new(service);
                self.begin(standard, service.delimiters);
            }
            Standard::Tradacoms => self.begin(standard, tradacoms::DELIMITERS),
        }
        true
    }

    fn begin(&mut self, standard: Standard, delimiters: Delimiters) {
        self.terminator = Some(delimiters.segment);
        self.scanner.open(standard, delimiters);
        let character_set = CharacterSet::of(standard, b"", self.state.options.character_set);
        self.scanner.set_syntax(delimiters.repetition, character_set);
    }

    fn open_x12(&mut self, events: &mut dyn Events) {
        let offset = self.scanner.offset();
        let head: Vec<u8> = self.scanner.rest().iter().copied().take(HEAD_BYTES).collect();
        let (mut visit, _) = self.visit(events);
        match x12::read_header(&head, offset) {
            Ok(header) => {
                visit.open_x12(&header);
                self.scanner.consume(header.width);
                self.begin(Standard::X12, header.delimiters);
            }
            Err(fault) => {
                visit.unreadable(offset, fault);
                visit.state.summary.unfinished |= fault == Unreadable::CutOff;
                self.terminator = None;
                // No bytes are told as lost: the finding above says why.
                self.mode = Mode::Lost { after: None };
                self.scanner.consume(if fault == Unreadable::CutOff { usize::MAX } else { 3 });
            }
        }
    }

    fn within(&mut self, standard: Standard, ended: bool, events: &mut dyn Events) -> bool {
        loop {
            if self.state.is_passing() && !events.wants_segments() {
                let passed = self.scanner.pass_content(self.state.told.line_ends);
                self.state.pass(passed);
            }
            match self.scanner.advance(ended) {
                Step::Segment => {}
                Step::Starved => return false,
                Step::Opening => {
                    self.end_early(standard, events);
                    self.mode = Mode::Between;
                    return true;
                }
                Step::End => {
                    self.state.summary.unfinished = true;
                    self.end_early(standard, events);
                    self.mode = Mode::Over;
                    return false;
                }
            }
            let segment = self.scanner.segment();
            let mut visit = Visit { state: &mut self.state, events, block: self.scanner.block() };
            visit.state.summary.segments += 1;
            if visit.state.interchange.open {
                visit.lexical(&segment);
            }
            let opens =
                matches!(segment.tag(), b"GS" | b"ST" | b"UNG" | b"UNH" | b"UNO" | b"BAT" | b"MHD");
            if opens && visit.state.is_full() {
                visit.give_up(segment.offset);
                self.mode = Mode::Over;
                return true;
            }
            let flow = match standard {
                Standard::X12 => visit.x12(&segment),
                Standard::Edifact => visit.edifact(&segment),
                Standard::Tradacoms => visit.tradacoms(&segment),
            };
            match flow {
                Flow::On => {}
                Flow::Syntax { repetition, character_set } => {
                    self.scanner.set_syntax(repetition, character_set);
                }
                Flow::Lost => {
                    self.scanner.close();
                    self.mode = Mode::Lost { after: self.terminator };
                    return true;
                }
                Flow::Package(bytes) => self.scanner.pass_over(bytes),
                Flow::Closed => {
                    self.scanner.close();
                    self.mode = Mode::Between;
                    return true;
                }
            }
        }
    }

    fn end_early(&mut self, standard: Standard, events: &mut dyn Events) {
        let missing = self.scanner.missing();
        let (mut visit, offset) = self.visit(events);
        visit.data_cut_off(missing, offset);
        match standard {
            Standard::Edifact if !visit.state.interchange.open => {
                visit.edifact_without_header(offset);
            }
            _ if !visit.state.interchange.open => {}
            Standard::X12 => visit.end_x12_early(offset),
            Standard::Edifact => visit.end_edifact_early(offset),
            Standard::Tradacoms => visit.end_tradacoms_early(offset),
        }
        self.scanner.close();
    }

    /// For what is said without a segment; and where reading stands.
    fn visit<'v>(&'v mut self, events: &'v mut dyn Events) -> (Visit<'v, 'o>, usize) {
        let offset = self.scanner.offset();
        (Visit { state: &mut self.state, events, block: self.scanner.block() }, offset)
    }

    fn foreign(&mut self, recognised: Recognised, events: &mut dyn Events) {
        let first: Vec<u8> = self.scanner.rest().iter().copied().take(8).collect();
        let (standard, what) = match recognised {
            Recognised::Other(standard, name) => (standard, format!("this is {name}")),
            Recognised::Empty => (None, "the input is empty".to_owned()),
            _ => (None, "this is no EDI that tillgate knows".to_owned()),
        };
        self.state.summary.standard = standard;
        let remark = Remark::new(format!("{what}; tillgate takes X12, EDIFACT and TRADACOMS"))
            .expected("ISA, UNA, UNB or STX at the beginning")
            .found(&first);
        self.visit(events).0.say(&rules::NOT_EDI, remark, Spot::default(), None);
    }
}

/// The place of the next header, or how many bytes were searched in vain.
fn next_header(
    rest: &[u8],
    after: Option<u8>,
    terminator: Option<u8>,
    ended: bool,
) -> (Option<usize>, usize) {
    let searched = if ended { rest.len() } else { rest.len().saturating_sub(HEAD_BYTES) };
    let begins_segment = |at: usize| {
        let before = at.checked_sub(1).map_or(after, |before| rest.get(before).copied());
        before.is_none_or(|byte| {
            Some(byte) == terminator || byte.is_ascii_whitespace() || matches!(byte, b'~' | b'\'')
        })
    };
    let readable = |at: usize| {
        let head = rest.get(at..).unwrap_or_default();
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        match recognise(head) {
            Recognised::Interchange(Standard::X12, 0) => x12::read_header(head, 0).is_ok(),
            // `UNA` may begin a word.
            Recognised::Interchange(Standard::Edifact, 0) => {
                head.starts_with(b"UNB")
                    || head.get(9..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"UNB"))
            }
            Recognised::Interchange(_, 0) => true,
            _ => false,
        }
    };
    let found = [&b"ISA"[..], b"UNA", b"UNB", b"STX="]
        .into_iter()
        .filter_map(|tag| {
            memmem::find_iter(rest, tag)
                .take_while(|at| *at < searched)
                .find(|at| begins_segment(*at) && readable(*at))
        })
        .min();
    (found, searched)
}
