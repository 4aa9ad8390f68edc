//! What every standard shares: the three levels of envelopes, what is counted in them, and how a remark becomes a
//! finding with its place.
//!
//! In: segments, from the dialects [`super::x12`], [`super::edifact`] and [`super::tradacoms`]. Out: [`Events`].
//! Holds the header of each open level and nothing of what was read before. Never: a stop at the first error.

mod excerpt;
mod numbers;
mod placing;

pub(super) use self::numbers::{Entry, Numbers};
pub(super) use self::placing::{spot_of, version};
use super::event::{Envelope, Events, Stage};
use super::finding::Remark;
use super::guide::{Guide, GuideCheck};
use super::report::{Options, Tally};
use super::rules::{self, Rule};
use super::scanner::{Block, Passing};
use super::schema::{Directory, Transaction};
use super::segment::{KeptSegment, Segment};
use super::standard::Standard;
use super::text::CharacterSet;
use super::tradacoms::OpenFile;
use super::validate::{Spot, Validator};
use super::{edifact, x12};

/// What the reader does after a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It goes on.
    On,
    /// The interchange is closed.
    Closed,
    /// The header told what separates repetitions, and how values are to be read.
    Syntax { repetition: Option<u8>, character_set: CharacterSet },
    /// ISX told the release character.
    Release(u8),
    /// What was read is no interchange.
    Lost,
    /// So many bytes are a binary object and no segments: a package of EDIFACT.
    Package(usize),
}

/// One level of envelopes: interchange, group or set, where it is open.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) open: bool,
    /// ISA, GS, ST; UNB, UNG, UNH; STX, BAT, MHD. Empty where messages stand without a group.
    pub(super) header: KeptSegment,
    /// The line that the header stands on.
    line: usize,
    /// Its number among its kind within the level above, from 0.
    pub(super) index: usize,
    /// What an acknowledgement says of it.
    pub(super) tally: Tally,
    /// Groups of an interchange, sets of a group.
    pub(super) children: u32,
    /// Segments of a set, header and trailer included.
    pub(super) segments: u32,
    /// The number of children that the trailer states.
    pub(super) stated: Option<u32>,
    /// Control numbers of its children.
    pub(super) numbers: Numbers,
    /// Version, release and subrelease of a group as a number: 4010. 0 where GS08 does not tell.
    pub(super) version: u32,
    /// Security headers of X12 that are open, S1S to S4S.
    pub(super) security: [bool; 4],
}

impl Level {
    fn begin(&mut self, header: Option<&Segment<'_>>, line: usize, index: usize) {
        match header {
            Some(header) => self.header.set(header),
            None => self.header = KeptSegment::default(),
        }
        self.open = true;
        self.line = line;
        self.index = index;
        self.tally = Tally::default();
        self.children = 0;
        self.segments = 0;
        self.stated = None;
        self.numbers.clear();
        self.version = version(self.header.element(8));
        self.security = [false; 4];
    }
}

/// What was told once and is not told again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// A tag of TRADACOMS without its equals sign; a line break within a segment of it.
    pub(super) tag_separator: bool,
    pub(super) line_break: bool,
    /// A run of segments outside of sets.
    pub(super) outside: bool,
    /// That sets stand in the interchange without a group.
    pub(super) group_missing: bool,
    pub(super) line_ends: bool,
    pub(super) indent: bool,
    /// That this version has no tables.
    pub(super) version: bool,
    pub(super) numbers_forgotten: bool,
    /// That a group has messages of another type.
    pub(super) group_type: bool,
    /// ISX was there.
    pub(super) extended: bool,
}

/// How much there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// The standard of the first interchange, where one was found.
    pub standard: Option<Standard>,
    /// Interchanges.
    pub interchanges: usize,
    /// Functional groups; messages without a group are in none.
    pub groups: usize,
    /// Transaction sets, messages.
    pub sets: usize,
    /// Segments in all.
    pub segments: u64,
    /// The input ended in mid-interchange.
    pub unfinished: bool,
    /// Findings that are errors.
    pub errors: u64,
    /// Findings that are warnings.
    pub warnings: u64,
}

/// Where reading stands.
#[derive(Debug)]
pub(super) struct State<'o> {
    pub(super) options: Options<'o>,
    pub(super) summary: Summary,
    /// Of the open interchange.
    pub(super) standard: Option<Standard>,
    pub(super) interchange: Level,
    pub(super) group: Level,
    pub(super) set: Level,
    pub(super) validator: Option<Box<Validator>>,
    /// The file of TRADACOMS that is open.
    pub(super) file: OpenFile,
    /// The version that the open set is held against, where it is not its own but the nearest.
    borrowed: Option<Directory>,
    /// The partner's guide for the open set.
    pub(super) guide: GuideCheck<'o>,
    pub(super) told: Told,
    /// What UNA and UNB told.
    pub(super) edifact: edifact::Syntax,
    /// Control numbers of interchanges, by their parties.
    pub(super) controls: Numbers,
    /// Findings that went out.
    pub(super) findings_told: usize,
    /// A place, and the line that it stands on: lines are counted on from here.
    counted: (usize, usize),
}

impl<'o> State<'o> {
    pub(super) fn new(options: Options<'o>) -> Self {
        Self {
            options,
            summary: Summary::default(),
            standard: None,
            interchange: Level::default(),
            group: Level::default(),
            set: Level::default(),
            validator: None,
            file: OpenFile::default(),
            borrowed: None,
            guide: GuideCheck::default(),
            told: Told::default(),
            edifact: edifact::Syntax::default(),
            controls: Numbers::default(),
            findings_told: 0,
            counted: (0, 1),
        }
    }
}

/// One segment's visit: the state, who listens, and the block that the segment stands in.
pub(super) struct Visit<'v, 'o> {
    pub(super) state: &'v mut State<'o>,
    pub(super) events: &'v mut dyn Events,
    pub(super) block: Block<'v>,
}

impl Visit<'_, '_> {
    pub(super) fn open_interchange(&mut self, standard: Standard, header: &Segment<'_>) {
        let line = self.line_of(header.offset);
        let state = &mut *self.state;
        state.summary.standard = state.summary.standard.or(Some(standard));
        state.standard = Some(standard);
        state.summary.segments += 1;
        state.told = Told::default();
        state.file.forget();
        state.interchange.begin(Some(header), line, state.summary.interchanges);
        state.summary.interchanges += 1;
        (state.group.open, state.set.open) = (false, false);
        state.validator = None;
        self.events.opened(Stage::Interchange, &Envelope { standard, header, transaction: None });
    }

    /// `header` is none where messages stand in the interchange without a group.
    pub(super) fn open_group(&mut self, standard: Standard, header: Option<&Segment<'_>>) {
        let line = header.map_or(0, |header| self.line_of(header.offset));
        let state = &mut *self.state;
        state.told.outside = false;
        let index = state.interchange.children as usize;
        state.group.begin(header, line, index);
        (state.told.version, state.told.group_type) = (false, false);
        state.interchange.children = state.interchange.children.saturating_add(1);
        state.summary.groups += usize::from(header.is_some());
        let header = state.group.header.view();
        self.events
            .opened(Stage::Group, &Envelope { standard, header: &header, transaction: None });
    }

    pub(super) fn open_set(
        &mut self,
        standard: Standard,
        header: &Segment<'_>,
        validator: Option<Box<Validator>>,
    ) {
        let line = self.line_of(header.offset);
        let state = &mut *self.state;
        state.told.outside = false;
        let index = state.group.children as usize;
        state.set.begin(Some(header), line, index);
        state.set.segments = 1;
        state.group.children = state.group.children.saturating_add(1);
        state.summary.sets += 1;
        let transaction = validator.as_ref().map(|validator| validator.transaction());
        state.validator = validator;
        state.borrowed =
            transaction.and_then(|table| borrowed(table, &state.set.header, &state.group.header));
        let headers = (header, &state.group.header);
        let guides = state.options.guides;
        state.guide.open(transaction.and_then(|table| Guide::choose(guides, table, headers)));
        self.events.opened(Stage::Set, &Envelope { standard, header, transaction });
    }

    /// The header of a set as its first segment, after what there is to say of it as an envelope.
    pub(super) fn first_segment(&mut self, header: &Segment<'_>) {
        self.state.set.segments = 0;
        self.content(header);
    }

    /// A segment of the open set.
    pub(super) fn content(&mut self, segment: &Segment<'_>) {
        if !segment.bytes.is_empty() {
            self.state.set.segments = self.state.set.segments.saturating_add(1);
        }
        if segment.traits.cut && segment.traits.binary_fault.is_none() {
            return self.over_limit(segment);
        }
        match self.state.validator.take() {
            Some(mut validator) => {
                validator.segment(segment, &mut placing::Speaker { visit: self, segment });
                if self.state.guide.is_open() {
                    let mut guide = std::mem::take(&mut self.state.guide);
                    let mut speaker = placing::Speaker { visit: self, segment };
                    guide.segment(segment, validator.matcher(), &mut speaker);
                    self.state.guide = guide;
                }
                self.events.segment(segment, Some(validator.matcher()));
                self.state.validator = Some(validator);
            }
            None => {
                self.look(segment);
                self.events.segment(segment, None);
            }
        }
    }

    /// A segment of a set that has no table.
    fn look(&mut self, segment: &Segment<'_>) {
        let (rule, message) = if segment.traits.binary_fault.is_some() {
            (&rules::BINARY_LENGTH, "the length of the binary data is wrong")
        } else if segment.bytes.is_empty() {
            (&rules::SEGMENT_EMPTY, "two terminators follow each other")
        } else if !self.tag_is_well_formed(segment) {
            (&rules::SEGMENT_TAG, "this cannot be the tag of a segment")
        } else {
            return;
        };
        let remark = Remark::new(message).found(segment.tag());
        self.say(rule, remark, spot_of(segment), Some(segment));
    }

    /// Tags of EDIFACT have three characters, those of X12 two or three.
    fn tag_is_well_formed(&self, segment: &Segment<'_>) -> bool {
        let is_edifact = self.state.standard == Some(Standard::Edifact);
        segment.tag_is_well_formed() && (!is_edifact || segment.tag().len() == 3)
    }

    fn over_limit(&mut self, segment: &Segment<'_>) {
        let is_binary = matches!(segment.tag(), b"BIN" | b"BDS");
        if !is_binary {
            let remark = Remark::new("the segment is too long and was not looked at")
                .expected(format!("at most {} bytes", self.state.options.limits.segment_bytes));
            self.say(&rules::LIMIT_SEGMENT, remark, spot_of(segment), Some(segment));
        }
        self.events.segment(segment, None);
    }

    /// A segment that belongs to the envelope of a set and not to its content: its trailer, security segments.
    pub(super) fn count_segment(&mut self, segment: &Segment<'_>) {
        if self.state.set.open {
            self.state.set.segments = self.state.set.segments.saturating_add(1);
            self.events.segment(segment, None);
        }
    }

    /// What the table still asks for.
    pub(super) fn finish_validator(&mut self, at: &Segment<'_>) {
        if let Some(mut validator) = self.state.validator.take() {
            validator.finish(at, &mut placing::Speaker { visit: self, segment: at });
        }
        let mut guide = std::mem::take(&mut self.state.guide);
        guide.finish(at, &mut placing::Speaker { visit: self, segment: at });
        self.state.guide = guide;
    }

    /// Ends a level; `end` is the byte after its last.
    pub(super) fn close(&mut self, stage: Stage, end: usize) {
        let level = self.state.level_mut(stage);
        level.open = false;
        let level = &*self.state.level_mut(stage);
        self.events.closed(
            stage,
            &super::event::Closing {
                end,
                tally: &level.tally,
                segments: level.segments,
                stated: level.stated,
            },
        );
        self.state.told.outside = false;
    }

    /// A segment where none may stand. A run of them is told once.
    pub(super) fn outside(&mut self, segment: &Segment<'_>) {
        if !self.state.told.outside {
            self.state.told.outside = true;
            let (message, rule) = if segment.tag_is_well_formed() {
                ("a segment stands outside of transaction sets", rules::OUTSIDE_SET)
            } else {
                let help = "look at what stands before and after the tag: line numbers, markup or quoting were added, \
                    or other separators are used than in ISA";
                ("these bytes are no segment", Rule { help, ..rules::OUTSIDE_SET })
            };
            let remark = Remark::new(message).found(segment.tag());
            self.say(&rule, remark, spot_of(segment), Some(segment));
        }
    }

    /// There are more envelopes than the limit allows: the rest is not read.
    pub(super) fn give_up(&mut self, offset: usize) {
        let remark = Remark::new(format!(
            "the input has more than {} interchanges, groups and sets; the rest was not read",
            self.state.options.limits.nodes
        ));
        let spot = Spot { offset, ..Spot::default() };
        self.say(&rules::LIMIT_SETS, remark, spot, None);
        for stage in [Stage::Set, Stage::Group, Stage::Interchange] {
            if self.state.level_mut(stage).open {
                self.close(stage, offset);
            }
        }
    }

    /// The input ended within binary data.
    pub(super) fn data_cut_off(&mut self, missing: usize, offset: usize) {
        if missing > 0 {
            let remark =
                Remark::new(format!("the input ends {missing} bytes before its binary data"));
            let spot = Spot { offset, ..Spot::default() };
            self.say(&rules::BINARY_LENGTH, remark, spot, None);
        }
    }

    /// What is told once an interchange, and the end of the input.
    pub(super) fn lexical(&mut self, segment: &Segment<'_>) {
        let traits = segment.traits;
        if traits.on_new_line && !self.state.told.line_ends {
            self.state.told.line_ends = true;
            let remark = Remark::new("line ends follow the segment terminators");
            self.say_of_interchange(&rules::LINE_ENDS, remark, segment);
        }
        if traits.indented && !self.state.told.indent {
            self.state.told.indent = true;
            let remark = Remark::new("blanks stand before segment tags");
            self.say_of_interchange(&rules::INDENTED, remark, segment);
        }
        if !traits.terminated {
            // Nothing was read between the header and this.
            let is_first = self.state.interchange.children == 0 && !self.state.told.outside;
            let swallows_all = is_first && !segment.bytes.starts_with(b"IEA");
            let (message, rule) = if swallows_all {
                let help = "look for the segment terminator: the file does not use the one that its header declares";
                (
                    "no segment terminator stands behind the header",
                    Rule { help, ..rules::UNTERMINATED },
                )
            } else {
                ("the last segment has no terminator", rules::UNTERMINATED)
            };
            self.say_of_interchange(&rule, Remark::new(message), segment);
        }
    }
}

/// The version of a table that is not that of the set.
fn borrowed(table: &Transaction, set: &KeptSegment, group: &KeptSegment) -> Option<Directory> {
    let version = match table.directory.standard() {
        Standard::X12 => group.element(8),
        // CONTRL comes with the syntax, not with a directory.
        _ if set.component(2, 1) == b"CONTRL" => return None,
        _ => set.component(2, 3),
    };
    Some(table.directory).filter(|directory| !directory.is_of(version))
}

impl State<'_> {
    /// How content of the open set is passed over, where it may be.
    pub(super) fn passing(&mut self) -> Option<Passing<'_>> {
        if !self.set.open || self.guide.is_open() {
            return None;
        }
        let (must_be_plain, limits) = match self.standard? {
            Standard::X12 if x12::looks_at_separators(self.group.version) => return None,
            Standard::X12 => (self.validator.is_some(), None),
            Standard::Edifact if self.edifact.is_in_package() => return None,
            Standard::Edifact => (true, self.edifact.limits(self.options.character_set)),
            Standard::Tradacoms => return None,
        };
        let line_ends = self.told.line_ends;
        Some(Passing { line_ends, must_be_plain, limits, validator: self.validator.as_deref_mut() })
    }

    /// So many segments of content were passed.
    pub(super) fn pass(&mut self, segments: u32) {
        self.set.segments = self.set.segments.saturating_add(segments);
        self.summary.segments += u64::from(segments);
    }

    /// Whether no envelope may be opened any more.
    pub(super) fn is_full(&self) -> bool {
        let Summary { interchanges, groups, sets, .. } = self.summary;
        interchanges + groups + sets >= self.options.limits.nodes
    }

    pub(super) fn level_mut(&mut self, stage: Stage) -> &mut Level {
        match stage {
            Stage::Interchange => &mut self.interchange,
            Stage::Group => &mut self.group,
            Stage::Set => &mut self.set,
        }
    }
}
