//! Transaction sets and messages as JSON: one line each, written while they are read. Loops are nested under their
//! names, elements stand under their reference such as `BEG03`.
//!
//! In: what a [`Reader`](super::Reader) tells. Out: text, which the caller takes out whenever it likes; a line is
//! whole when its set ends. Empty elements are left out. Components are named `REF04-1`. An element that repeats is a
//! list: of values, or of objects where it has components. `valid` is the verdict on the set alone: its line is gone
//! when GE, IEA, UNE or UNZ tell that its group or interchange is refused. Every value is the string that was sent,
//! numbers too: zeros before and behind them, signs and padding stay, and the point that N2 implies is not written.
//! Card numbers are masked in free text and where no table says what an element is; in fields with a meaning a number
//! is what the field says. What is written is UTF-8: values are decoded by the character set of their interchange, as
//! [`CharacterSet::decode`] does. A byte that is no character of a declared set is written as U+FFFD, and a finding
//! names it and its place; where none is declared, a value that is not UTF-8 is read as ISO 8859-1, in which every
//! byte is a character. Never: a set that is held, so that memory does not depend on its size.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::event::{Closing, Envelope, Events, Stage};
use super::report::{Interchange, Tally};
use super::schema::{Directory, Kind, Matcher, Tables, Usage};
use super::segment::{KeptSegment, Segment};
use super::standard::Standard;
#[cfg(doc)]
use super::text::CharacterSet;
use crate::redact;

/// Codes and references of TRADACOMS have up to 17 characters.
const TRADACOMS_TEXT_CHARS: u32 = 30;

/// Sets as lines of JSON.
///
/// ```
/// use tillgate_parsers::edi::{Options, Reader, json::Lines};
///
/// let mut lines = Lines::default();
/// let mut reader = Reader::new(&Options::default());
/// for chunk in include_bytes!("../../tests/edi/golden/order-5010.edi").chunks(64) {
///     reader.feed(chunk, &mut lines);
///     print!("{}", String::from_utf8_lossy(lines.text()));
///     lines.clear();
/// }
/// reader.finish(&mut lines);
/// print!("{}", String::from_utf8_lossy(lines.text()));
/// ```
#[derive(Debug, Default)]
pub struct Lines {
    text: Vec<u8>,
    interchange: Option<Interchange>,
    group: Option<KeptSegment>,
    /// Those of the open set's version, or the latest of its standard: elements keep their numbers, so that text is
    /// known as text also where the set is not known.
    tables: Option<&'static Tables>,
    /// First byte of the open set.
    start: usize,
    /// Loops that are open.
    depth: usize,
    /// Something stands in the innermost list.
    filled: bool,
}

impl Lines {
    /// What was written since [`Lines::clear`].
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Forgets what was written; its room is used again.
    pub fn clear(&mut self) {
        self.text.clear();
    }

    fn write(&mut self, value: &impl Serialize) {
        // Neither these values nor a growing text can fail.
        let _never = serde_json::to_writer(&mut self.text, value);
    }

    fn separate(&mut self) {
        if self.filled {
            self.text.push(b',');
        }
        self.filled = true;
    }

    fn leave(&mut self, depth: usize) {
        while self.depth > depth {
            self.text.extend_from_slice(b"]}");
            self.depth -= 1;
            self.filled = true;
        }
    }

    fn enter(&mut self, name: &str) {
        self.separate();
        self.text.extend_from_slice(b"{\"loop\":");
        self.write(&name);
        self.text.extend_from_slice(b",\"content\":[");
        self.depth += 1;
        self.filled = false;
    }

    fn begin(&mut self, standard: Standard, header: &Segment<'_>) {
        let interchange = self.interchange.as_ref();
        let head = Head {
            set: SetHead::of(standard, header, self.group.as_ref()),
            test: interchange.is_some_and(Interchange::is_test),
            interchange: interchange.map(EnvelopeHead::of_interchange),
            group: self.group.as_ref().map(|group| EnvelopeHead::of_group(standard, group)),
        };
        let _never = serde_json::to_writer(&mut self.text, &head);
        // The object goes on.
        self.text.pop();
        self.text.extend_from_slice(b",\"content\":[");
        (self.start, self.depth, self.filled) = (header.offset, 0, false);
    }
}

impl Events for Lines {
    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let Envelope { standard, header, transaction } = *envelope;
        let directory =
            transaction.map_or_else(|| Directory::latest(standard), |set| set.directory);
        self.tables = Some(directory.tables());
        match stage {
            Stage::Interchange => {
                self.group = None;
                self.interchange = Some(Interchange {
                    standard,
                    header: header.keep(),
                    groups: Vec::new(),
                    answers: Vec::new(),
                    tally: Tally::default(),
                });
            }
            Stage::Group => self.group = Some(header.keep()).filter(|header| !header.is_empty()),
            Stage::Set => self.begin(standard, header),
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, matcher: Option<&Matcher>) {
        if segment.bytes.is_empty() {
            return;
        }
        let opened = matcher.and_then(Matcher::opened_loop);
        let outside = match matcher {
            Some(matcher) => matcher.depth() - usize::from(opened.is_some()),
            None if matches!(segment.tag(), b"SE" | b"UNT" | b"MTR") => 0,
            // One that no table places stays where it was found.
            None => self.depth,
        };
        self.leave(outside);
        if let Some(name) = opened {
            self.enter(name);
        }
        self.separate();
        self.write(&Node { segment, tables: self.tables });
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        if stage == Stage::Set {
            self.leave(0);
            let valid = !closing.tally.rejected;
            let tail =
                format!("],\"valid\":{valid},\"bytes\":[{},{}]}}\n", self.start, closing.end);
            self.text.extend_from_slice(tail.as_bytes());
        }
    }
}

/// What stands before the content of a set.
#[derive(Serialize)]
struct Head<'h> {
    #[serde(flatten)]
    set: SetHead,
    /// ISA15, UNB 0035.
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    interchange: Option<EnvelopeHead<'h>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<EnvelopeHead<'h>>,
}

#[derive(Serialize)]
struct SetHead {
    standard: Standard,
    /// ST01, UNH 0065, MHD TYPE.
    transaction: String,
    /// ST02, UNH 0062, MHD MSRF.
    control_number: String,
    /// GS08; what follows the type in UNH S009 and MHD TYPE, such as `D:96A:UN:EAN008`.
    version: String,
}

impl SetHead {
    fn of(standard: Standard, header: &Segment<'_>, group: Option<&KeptSegment>) -> Self {
        let set = header.character_set;
        let text = |value: &[u8]| set.decode(&header.delimiters.unreleased(value)).into_owned();
        if standard == Standard::X12 {
            return Self {
                standard,
                transaction: text(header.element(1)),
                control_number: text(header.element(2)),
                version: group.and_then(|group| group.text(8)).unwrap_or_default(),
            };
        }
        let kind = header.component(2, 1);
        let version = header.element(2).get(kind.len() + 1..).unwrap_or_default();
        Self {
            standard,
            transaction: text(kind),
            control_number: text(header.element(1)),
            version: text(version),
        }
    }
}

/// An envelope in short, and its whole header.
#[derive(Serialize)]
struct EnvelopeHead<'h> {
    /// ISA13, UNB 0020, STX SNRF; GS06, UNG 0048, BAT.
    control_number: String,
    /// Qualifier and id: ISA05 and ISA06, UNB S002, STX FROM; GS02, UNG S006.
    sender: String,
    /// ISA07 and ISA08, UNB S003, STX UNTO; GS03, UNG S007.
    receiver: String,
    header: Header<'h>,
}

impl<'h> EnvelopeHead<'h> {
    fn of_interchange(interchange: &'h Interchange) -> Self {
        let header = &interchange.header;
        let (set, delimiters) = (header.character_set(), header.delimiters());
        let text = |value: &[u8]| set.decode(&delimiters.unreleased(value)).into_owned();
        let party = |(qualifier, id): (&[u8], &[u8])| match qualifier {
            b"" => text(id),
            _ => format!("{}:{}", text(qualifier), text(id)),
        };
        Self {
            control_number: text(interchange.control_number()),
            sender: party(interchange.sender()),
            receiver: party(interchange.receiver()),
            header: Header { standard: interchange.standard, segment: &interchange.header },
        }
    }

    fn of_group(standard: Standard, header: &'h KeptSegment) -> Self {
        let text = |number| header.text(number).unwrap_or_default();
        let first = |number| header.component_text(number, 1).unwrap_or_default();
        let (control_number, sender, receiver) = match standard {
            Standard::X12 => (text(6), text(2), text(3)),
            Standard::Edifact => (text(5), first(2), first(3)),
            Standard::Tradacoms => (text(1), String::new(), String::new()),
        };
        Self { control_number, sender, receiver, header: Header { standard, segment: header } }
    }
}

struct Header<'h> {
    standard: Standard,
    segment: &'h KeptSegment,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let segment = self.segment.view();
        if self.standard != Standard::X12 {
            let tables = Some(Directory::latest(self.standard).tables());
            return Node { segment: &segment, tables }.serialize(serializer);
        }
        // ISA11 and ISA16 are separators themselves, and no control segment of X12 has components.
        let mut map = serializer.serialize_map(None)?;
        let text = |value| segment.character_set.decode(value);
        map.serialize_entry("segment", &*tag(&segment))?;
        for (number, (_, value)) in (1..).zip(segment.elements()) {
            if !value.is_empty() {
                map.serialize_entry(&Reference::of(&segment, number), &text(value))?;
            }
        }
        map.end()
    }
}

/// A tag as people may see it: what has lost its separators may hold anything.
fn tag<'s>(segment: &Segment<'s>) -> Cow<'s, str> {
    let set = segment.character_set;
    match redact::text(segment.tag()).bytes {
        Cow::Borrowed(tag) => set.decode(tag),
        Cow::Owned(tag) => Cow::Owned(set.decode(&tag).into_owned()),
    }
}

/// A segment: its tag, and its filled elements by reference.
struct Node<'s> {
    segment: &'s Segment<'s>,
    tables: Option<&'static Tables>,
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { segment, tables } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("segment", &*tag(segment))?;
        let shape = tables.and_then(|tables| Some((tables, tables.shape(segment.tag_code())?)));
        let usages = shape.map_or(&[][..], |(tables, shape)| tables.elements(shape));
        for (number, (_, value)) in (1..).zip(segment.elements()) {
            if !value.is_empty() {
                let form = Form::of(tables, usages.get(number - 1));
                Element { segment, number, value, form }.write(&mut map)?;
            }
        }
        map.end()
    }
}

/// What the tables say of an element.
#[derive(Clone, Copy)]
enum Form {
    Simple { free_text: bool },
    Composite(&'static [Usage]),
    Unknown,
}

impl Form {
    fn of(tables: Option<&'static Tables>, usage: Option<&'static Usage>) -> Self {
        match (tables, usage) {
            (Some(tables), Some(usage)) if usage.kind == Kind::Composite => {
                Self::Composite(tables.components(usage))
            }
            (_, Some(usage)) => Self::Simple { free_text: is_free_text(usage) },
            _ => Self::Unknown,
        }
    }

    /// Whether a component may hold what people write.
    fn is_free_text(self, component: usize) -> bool {
        match self {
            Self::Simple { free_text } => free_text,
            Self::Composite(uses) => uses.get(component - 1).is_none_or(is_free_text),
            Self::Unknown => true,
        }
    }
}

#[derive(Clone, Copy)]
struct Element<'s> {
    segment: &'s Segment<'s>,
    number: usize,
    value: &'s [u8],
    form: Form,
}

impl<'s> Element<'s> {
    fn write<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let delimiters = self.segment.delimiters;
        let repeats = |separator| delimiters.split(self.value, separator).nth(1).is_some();
        if delimiters.repetition.is_some_and(repeats) && !self.is_text() {
            return map.serialize_entry(&self.reference(), &Repetitions(self));
        }
        if self.has_components() {
            return self.write_components(map);
        }
        map.serialize_entry(&self.reference(), &*self.shown(1, self.value))
    }

    fn is_text(self) -> bool {
        matches!(self.form, Form::Simple { free_text: true })
    }

    /// Where no table knows, the separator does: it may not stand in data.
    fn has_components(self) -> bool {
        let delimiters = self.segment.delimiters;
        match self.form {
            Form::Composite(_) => true,
            Form::Simple { .. } => false,
            Form::Unknown => delimiters.split(self.value, delimiters.component).nth(1).is_some(),
        }
    }

    fn write_components<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let delimiters = self.segment.delimiters;
        let components = delimiters.split(self.value, delimiters.component);
        for (number, component) in (1..).zip(components).filter(|(_, value)| !value.is_empty()) {
            let reference = Reference { component: Some(number), ..self.reference() };
            map.serialize_entry(&reference, &*self.shown(number, component))?;
        }
        Ok(())
    }

    fn shown(&self, component: usize, value: &'s [u8]) -> Cow<'s, str> {
        let mut value = self.segment.delimiters.unreleased(value);
        if self.form.is_free_text(component) {
            value = Cow::Owned(redact::text(&value).bytes.into_owned());
        }
        let set = self.segment.character_set;
        match value {
            Cow::Borrowed(value) => set.decode(value),
            Cow::Owned(value) => Cow::Owned(set.decode(&value).into_owned()),
        }
    }

    fn reference(&self) -> Reference<'s> {
        Reference::of(self.segment, self.number)
    }
}

/// The values of an element that repeats, in order.
struct Repetitions<'s>(Element<'s>);

impl Serialize for Repetitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let element = self.0;
        let delimiters = element.segment.delimiters;
        let separator = delimiters.repetition.unwrap_or_default();
        let has_components = element.has_components();
        let mut list = serializer.serialize_seq(None)?;
        for value in delimiters.split(element.value, separator) {
            if has_components {
                list.serialize_element(&Components(Element { value, ..element }))?;
            } else {
                list.serialize_element(&*element.shown(1, value))?;
            }
        }
        list.end()
    }
}

/// One repetition of a composite element.
struct Components<'s>(Element<'s>);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write_components(&mut map)?;
        map.end()
    }
}

/// `BEG03`, `REF04-1`.
#[derive(Clone, Copy)]
struct Reference<'s> {
    tag: &'s str,
    number: usize,
    component: Option<usize>,
}

impl<'s> Reference<'s> {
    /// What cannot be a tag is not repeated: it may have any length.
    fn of(segment: &Segment<'s>, number: usize) -> Self {
        let tag = if segment.tag().len() <= 4 { segment.tag_text() } else { "" };
        Self { tag, number, component: None }
    }
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.tag, self.number)?;
        self.component.map_or(Ok(()), |component| write!(f, "-{component}"))
    }
}

impl Serialize for Reference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Descriptions, messages, notes, communication numbers: elements where people write what they like.
fn is_free_text(usage: &Usage) -> bool {
    match usage.number {
        // TRADACOMS has no numbers. Its names, addresses and narratives are the texts that may be long.
        0 => usage.kind == Kind::Text && usage.longest >= TRADACOMS_TEXT_CHARS,
        // The first five of X12, the others of EDIFACT.
        number => matches!(number, 352 | 364 | 369 | 933 | 1551 | 3148 | 4440 | 7008),
    }
}

#[cfg(test)]
mod tests;
