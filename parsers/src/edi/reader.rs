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
use super::rules::{self, Rule};
use super::scanner::{Block, HEAD_BYTES, Scanner, Step};
use super::standard::{BYTE_ORDER_MARK, Recognised, Standard, recognise};
use super::text::CharacterSet;
use super::validate::Spot;
use super::x12::{self, Unreadable};
use super::{edifact, tradacoms};

/// Bytes of what belongs to nothing that a finding may show.
const MOST_SHOWN: usize = 200;

/// Ctrl-Z, which CP/M and DOS put behind text.
const END_OF_FILE: u8 = 0x1A;

/// Where reading stands between two chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Before the first header. Whether a byte order mark and blanks were passed over.
    Start { mark: bool, blanks: bool },
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
    /// A byte order mark between interchanges was told.
    marked: bool,
    /// Padding after the last interchange was told.
    padded: bool,
    /// Told when its end is found.
    junk: Option<Junk>,
}

/// Bytes that belong to no interchange.
#[derive(Debug)]
struct Junk {
    /// The first of them; after them what follows, where they are few.
    first: Vec<u8>,
    offset: usize,
    line: usize,
}

impl<'o> Reader<'o> {
    /// Before the first byte.
    #[must_use]
    pub fn new(options: &Options<'o>) -> Self {
        let limits = options.limits;
        Self {
            scanner: Scanner::new(limits.segment_bytes, options.input_bytes),
            state: State::new(*options),
            mode: Mode::Start { mark: false, blanks: false },
            terminator: None,
            marked: false,
            padded: false,
            junk: None,
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
                Mode::Start { mark, blanks } => self.start((mark, blanks), ended, events),
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

    /// Whether there are bytes enough to judge what follows.
    fn has_head(&self, ended: bool) -> bool {
        ended || self.scanner.head().len() == HEAD_BYTES
    }

    /// Passes over blanks; gives back whether there were any, and whether a byte order mark follows.
    fn skip_blanks(&mut self) -> (bool, bool) {
        let rest = self.scanner.rest();
        let text = rest.trim_ascii_start();
        let blanks = rest.len() - text.len();
        let is_marked = text.starts_with(BYTE_ORDER_MARK);
        self.scanner.consume(blanks);
        (blanks > 0, is_marked)
    }

    fn start(&mut self, before: (bool, bool), ended: bool, events: &mut dyn Events) -> bool {
        let (has_blanks, is_marked) = self.skip_blanks();
        let (mark, blanks) = (before.0 | is_marked, before.1 | has_blanks);
        self.mode = Mode::Start { mark, blanks };
        if is_marked {
            self.scanner.consume(BYTE_ORDER_MARK.len());
            return true;
        }
        if !self.has_head(ended) {
            return false;
        }
        let head = self.scanner.head();
        let recognised = recognise(head);
        let is_interchange = matches!(recognised, Recognised::Interchange(..));
        // A network may write lines of its own before the first header.
        let has_preface =
            recognised == Recognised::Unknown && next_header(head, None, None, true).0.is_some();
        if !is_interchange && !has_preface {
            self.foreign(recognised, events);
            self.mode = Mode::Over;
            return true;
        }
        let (mut visit, _) = self.visit(events);
        if mark {
            visit.byte_order_mark(0);
        }
        if blanks {
            let remark = Remark::new("blanks or line ends stand before the first segment");
            visit.say(&rules::LEADING_BLANKS, remark, Spot::default(), None);
        }
        if is_interchange {
            return self.open(events);
        }
        self.junk(events)
    }

    /// What follows a trailer: the end, the next header, or bytes that belong to nothing.
    fn between(&mut self, ended: bool, events: &mut dyn Events) -> bool {
        let (_, is_marked) = self.skip_blanks();
        if is_marked {
            // Files that were joined keep the marks that they began with.
            if !std::mem::replace(&mut self.marked, true) {
                let (mut visit, offset) = self.visit(events);
                visit.byte_order_mark(offset);
            }
            self.scanner.consume(BYTE_ORDER_MARK.len());
            return true;
        }
        if self.skip_padding(events) {
            return true;
        }
        if !self.has_head(ended) || self.scanner.rest().is_empty() {
            return false;
        }
        if matches!(recognise(self.scanner.head()), Recognised::Interchange(_, 0)) {
            return self.open(events);
        }
        self.junk(events)
    }

    /// Passes over what fills a file to the size of a record, and marks of its end. Told once after each interchange.
    fn skip_padding(&mut self, events: &mut dyn Events) -> bool {
        let is_padding = |byte: &u8| matches!(*byte, 0 | END_OF_FILE);
        let count = self.scanner.rest().iter().take_while(|byte| is_padding(byte)).count();
        if count == 0 {
            return false;
        }
        if !std::mem::replace(&mut self.padded, true) {
            let (mut visit, offset) = self.visit(events);
            let remark = Remark::new("zero bytes or Ctrl-Z follow the interchange");
            visit.say(&rules::PADDING, remark, Spot { offset, ..Spot::default() }, None);
        }
        self.scanner.consume(count);
        true
    }

    fn junk(&mut self, events: &mut dyn Events) -> bool {
        let (mut visit, offset) = self.visit(events);
        let line = visit.line_of(offset);
        let first = self.scanner.head().iter().copied().take(MOST_SHOWN).collect();
        self.junk = Some(Junk { first, offset, line });
        self.mode = Mode::Lost { after: self.terminator };
        true
    }

    /// The bytes that belong to no interchange end here.
    fn end_junk(&mut self, events: &mut dyn Events) {
        let Some(Junk { mut first, offset, line }) = self.junk.take() else {
            return;
        };
        let end = self.scanner.offset();
        first.truncate(end - offset);
        let range = format!("from byte {offset} to byte {}", end - 1);
        let remark = Remark::new(format!("what stands {range} belongs to no interchange"))
            .expected("the header of an interchange, or the end")
            .found(&first);
        // They may have left the block.
        let block = Block { bytes: &first, base: offset, line };
        let mut visit = Visit { state: &mut self.state, events, block };
        visit.say_of_bytes(&rules::JUNK_BETWEEN, remark, offset, &first);
    }

    /// Looks for the next header that stands where a segment can begin and that can be read.
    fn lost(&mut self, after: Option<u8>, ended: bool, events: &mut dyn Events) -> bool {
        let rest = self.scanner.rest();
        let (found, searched) = next_header(rest, after, self.terminator, ended);
        let at = found.unwrap_or(searched);
        let last = at.checked_sub(1).and_then(|last| rest.get(last)).copied();
        self.scanner.consume(at);
        if found.is_some() || ended {
            self.end_junk(events);
        }
        if found.is_some() {
            return self.open(events);
        }
        self.mode = Mode::Lost { after: last.or(after) };
        false
    }

    /// The header of an interchange begins here.
    fn open(&mut self, events: &mut dyn Events) -> bool {
        let Recognised::Interchange(standard, _) = recognise(self.scanner.head()) else {
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
        self.padded = false;
        match standard {
            Standard::X12 => self.open_x12(events),
            Standard::Edifact => self.open_edifact(events),
            Standard::Tradacoms => self.open_tradacoms(events),
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
        // A copy, since what is said of it goes together with the block.
        let mut copy = [0; HEAD_BYTES];
        let length = self.scanner.head().len();
        copy.iter_mut().zip(self.scanner.head()).for_each(|(to, from)| *to = *from);
        let head = copy.get(..length).unwrap_or_default();
        let (mut visit, _) = self.visit(events);
        match x12::read_header(head, offset) {
            Ok(header) => {
                if visit.events.reads_all() {
                    visit.events.passed(Standard::X12, &header.keep().view());
                }
                let is_readable = visit.open_x12(&header);
                self.scanner.consume(header.width);
                self.begin(Standard::X12, header.usable());
                if !is_readable {
                    self.scanner.close();
                    self.mode = Mode::Lost { after: self.terminator };
                }
            }
            Err(fault) => {
                visit.unreadable((offset, head), fault);
                visit.state.summary.unfinished |= fault == Unreadable::CutOff;
                self.terminator = None;
                // No bytes are told as lost: the finding above says why.
                self.mode = Mode::Lost { after: None };
                self.scanner.consume(if fault == Unreadable::CutOff { usize::MAX } else { 3 });
            }
        }
    }

    fn open_edifact(&mut self, events: &mut dyn Events) {
        let service = edifact::service_characters(self.scanner.rest());
        let (mut visit, offset) = self.visit(events);
        let line = visit.line_of(offset);
        let una = self.scanner.rest().get(..service.width).unwrap_or_default();
        if service.width > 0 && events.reads_all() {
            events.service_string(una);
        }
        let wrapped = edifact::wrapped_columns(self.scanner.head(), service.delimiters.segment);
        let syntax = edifact::Syntax::new(service, (una, offset, line));
        self.state.edifact = syntax.in_lines(wrapped);
        self.scanner.consume(service.width);
        self.begin(Standard::Edifact, service.delimiters);
    }

    fn open_tradacoms(&mut self, events: &mut dyn Events) {
        let head = self.scanner.head();
        let Some(fault) = tradacoms::unreadable(head) else {
            return self.begin(Standard::Tradacoms, tradacoms::DELIMITERS);
        };
        let first: Vec<u8> = head.iter().copied().take(MOST_SHOWN).collect();
        let (mut visit, offset) = self.visit(events);
        visit.unreadable_transmission((offset, &first), fault);
        self.terminator = None;
        self.mode = Mode::Lost { after: None };
        self.scanner.consume(3);
    }

    fn within(&mut self, standard: Standard, ended: bool, events: &mut dyn Events) -> bool {
        let (reads_all, wants_segments) = (events.reads_all(), events.wants_segments());
        loop {
            if !wants_segments && let Some(passing) = self.state.passing() {
                let passed = self.scanner.pass_content(passing);
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
            if reads_all {
                events.passed(standard, &segment);
            }
            let mut visit = Visit { state: &mut self.state, events, block: self.scanner.block() };
            visit.state.summary.segments += 1;
            if visit.state.interchange.open {
                visit.lexical(&segment);
            }
            if visit.state.is_full() && opens_envelope(standard, segment.tag()) {
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
                Flow::Release(release) => self.scanner.set_release(release),
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
        let first: Vec<u8> = self.scanner.head().iter().copied().take(8).collect();
        let (what, help) = match recognised {
            Recognised::Other(foreign) => {
                self.state.summary.standard = foreign.standard;
                (format!("this is {}", foreign.name), foreign.advice)
            }
            Recognised::Empty => ("the input is empty".to_owned(), rules::NOT_EDI.help),
            _ => ("this is no EDI that tillgate knows".to_owned(), rules::NOT_EDI.help),
        };
        let remark = Remark::new(format!("{what}; tillgate takes X12, EDIFACT and TRADACOMS"))
            .expected("ISA, UNA, UNB or STX at the beginning")
            .found(&first);
        let rule = Rule { help, ..rules::NOT_EDI };
        self.visit(events).0.say_of_bytes(&rule, remark, 0, &first);
    }
}

/// Whether a tag opens a group or set.
fn opens_envelope(standard: Standard, tag: &[u8]) -> bool {
    match standard {
        Standard::X12 => matches!(tag, b"GS" | b"ST"),
        Standard::Edifact => matches!(tag, b"UNG" | b"UNH" | b"UNO"),
        Standard::Tradacoms => matches!(tag, b"BAT" | b"MHD"),
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
