//! The rows of the tables. They refer to each other by index, and an index that leads nowhere finds nothing.

use super::Directory;
use super::hashing::slot;

/// No bound on use.
pub const UNBOUNDED: u32 = u32::MAX;

/// All there is of one version of a standard.
#[derive(Debug)]
pub struct Tables {
    pub(super) names: &'static [&'static str],
    /// The code lists, each laid out as [`slot`] finds its codes; 0 is an empty slot.
    pub(super) codes: &'static [u64],
    pub(super) usages: &'static [Usage],
    pub(super) notes: &'static [Note],
    /// By their tags.
    pub(super) shapes: &'static [Shape],
    pub(super) loops: &'static [Loop],
    pub(super) parts: &'static [Part],
    /// The tag that begins each part.
    pub(super) tags: &'static [u32],
    /// Every tag that the standard has, in order.
    pub(super) known: &'static [u32],
    pub(super) transactions: &'static [Transaction],
    pub(super) files: &'static [FileKind],
}

/// A kind of TRADACOMS file: the messages that it holds, in order. Its first message tells which it is.
#[derive(Debug)]
pub struct FileKind {
    /// `ORDERS`.
    pub id: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Its messages.
    pub messages: &'static [FileMessage],
    /// The elements that count messages.
    pub counts: &'static [FileCount],
}

/// A message of a file.
#[derive(Debug)]
pub struct FileMessage {
    /// Its type in MHD.
    pub id: &'static str,
    /// Whether it must be there.
    pub mandatory: bool,
    /// How often it may be there.
    pub most: u32,
}

/// An element that holds the number of messages of a type.
#[derive(Debug)]
pub struct FileCount {
    /// The segment that holds it.
    pub tag: u32,
    /// Which element.
    pub element: u8,
    /// The messages that are counted.
    pub message: &'static str,
}

/// Rows that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub(super) first: u32,
    pub(super) count: u16,
}

/// A transaction set or message.
#[derive(Debug)]
pub struct Transaction {
    /// The version of the standard.
    pub directory: Directory,
    /// ST01, or the message type of UNH or MHD.
    pub id: &'static str,
    /// The message version of TRADACOMS; 0 elsewhere.
    pub version: u16,
    /// The GS01 that goes with it; empty where the standard has none.
    pub group: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Its level, as an index; the trailer is the envelope's and not in it.
    pub(super) root: u16,
    /// Every tag in it, in order.
    pub(super) tags: &'static [u32],
    /// Its control totals.
    pub totals: &'static [Total],
}

/// An element that holds a count or a sum of others.
#[derive(Debug)]
pub struct Total {
    /// The segment that holds it.
    pub tag: u32,
    /// Element and component; component 0 is the element whole.
    pub place: (u8, u8),
    /// What the first component must say, packed; 0 where there is no qualifier.
    pub qualifier: u64,
    /// The segments that are counted, or hold what is summed.
    pub counted: u32,
    /// Element and component that are summed; element 0 where segments are counted.
    pub source: (u8, u8),
}

/// A loop or segment group, or the set itself.
#[derive(Debug)]
pub struct Loop {
    /// What it is called: `N1`, `SG2`.
    pub name: &'static str,
    pub(super) parts: Span,
    /// One bit a part.
    pub(super) mandatory: u128,
    /// The bits of the tags of all parts but the first, as [`super::hashing::tag_bit`] has them.
    pub(super) later: u128,
}

/// One position of a level.
#[derive(Debug)]
pub struct Part {
    pub(super) shape: u16,
    /// The loop that it opens, if it is one.
    pub(super) inner: u16,
    /// How often it may be there.
    pub most: u32,
}

/// What a segment looks like.
#[derive(Debug)]
pub struct Shape {
    /// Its tag, as [`super::tag_code`] has it.
    pub tag: u32,
    pub(super) name: u16,
    pub(super) usages: Span,
    pub(super) notes: Span,
    /// The notes P of two elements that are neighbours, one bit each: that of the lower. And all other notes.
    pub(super) pairs: u64,
    pub(super) other_notes: Span,
    /// One bit an element, bit 1 for the first.
    pub mandatory: u64,
    /// Whether any element may be repeated.
    pub repeats: bool,
}

/// Whether an element must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Mandatory,
    /// It may, or a syntax note decides.
    Optional,
    /// This version has nothing at this position.
    Unused,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any characters.
    Text,
    /// A code. Without a list any is right.
    Code,
    /// Digits and an optional minus: N0 to N9 of X12, 9 of TRADACOMS.
    Whole,
    /// A decimal number of X12.
    Decimal,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// Any bytes.
    Binary,
    /// No digits: `a` of EDIFACT.
    Letters,
    /// A number of EDIFACT, with a full stop or comma as decimal mark.
    Number,
    /// Several components.
    Composite,
}

/// What stands at a position of a segment or composite.
#[derive(Debug)]
pub struct Usage {
    /// The element's number in the directory; 0 for a composite and where the standard has no numbers.
    pub number: u16,
    pub(super) name: u16,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be there.
    pub need: Need,
    /// How often it may be repeated; [`u16::MAX`] is without bound.
    pub most: u16,
    /// Shortest value, in characters.
    pub shortest: u16,
    /// Longest value, in characters.
    pub longest: u32,
    /// The components of a composite, the codes of a code.
    pub(super) list: Span,
}

/// How elements are tied together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// P: all or none.
    Paired,
    /// R: at least one.
    Required,
    /// E: at most one.
    Exclusive,
    /// C: if the first is there, all others must be.
    Conditional,
    /// L: if the first is there, at least one of the others must be.
    List,
}

/// A syntax note. Bit 1 stands for the first element.
#[derive(Debug)]
pub struct Note {
    /// How they are tied.
    pub bond: Bond,
    /// The element that asks for the others, of C and L.
    pub first: u64,
    /// The others, of P, R and E all.
    pub others: u64,
}

impl Span {
    fn of<T>(self, rows: &'static [T]) -> &'static [T] {
        let first = self.first as usize;
        rows.get(first..first + usize::from(self.count)).unwrap_or_default()
    }
}

impl Tables {
    /// The sets and messages.
    #[must_use]
    pub fn transactions(&self) -> &'static [Transaction] {
        self.transactions
    }

    /// The kinds of file of TRADACOMS; elsewhere none.
    #[must_use]
    pub fn files(&self) -> &'static [FileKind] {
        self.files
    }

    /// A set or message by its name.
    #[must_use]
    pub fn transaction(&self, id: &[u8]) -> Option<&'static Transaction> {
        self.transactions.iter().find(|transaction| transaction.id.as_bytes() == id)
    }

    /// The shape of a segment, where there is one.
    #[must_use]
    pub fn shape(&self, tag: u32) -> Option<&'static Shape> {
        let index = self.shapes.binary_search_by_key(&tag, |shape| shape.tag).ok()?;
        self.shapes.get(index)
    }

    /// Whether the standard has a segment of this tag.
    #[must_use]
    pub fn is_known(&self, tag: u32) -> bool {
        self.known.binary_search(&tag).is_ok()
    }

    /// The elements of a segment.
    #[must_use]
    pub fn elements(&self, shape: &Shape) -> &'static [Usage] {
        shape.usages.of(self.usages)
    }

    /// The syntax notes of a segment.
    #[must_use]
    pub fn notes(&self, shape: &Shape) -> &'static [Note] {
        shape.notes.of(self.notes)
    }

    /// Whether the elements that are there keep all syntax notes of a segment.
    #[must_use]
    #[inline]
    pub fn keeps_notes(&self, shape: &Shape, present: u64) -> bool {
        let halves = (present ^ (present >> 1)) & shape.pairs;
        halves == 0 && shape.other_notes.of(self.notes).iter().all(|note| note.holds(present))
    }

    /// The components of a composite; of anything else none.
    #[must_use]
    pub fn components(&self, usage: &Usage) -> &'static [Usage] {
        if usage.kind == Kind::Composite { usage.list.of(self.usages) } else { &[] }
    }

    /// Whether a value is in the list of its element, or the list is open.
    #[must_use]
    pub fn has_code(&self, usage: &Usage, code: &[u8]) -> bool {
        if usage.kind != Kind::Code || usage.list.count == 0 {
            return true;
        }
        let Some(code) = super::packed(code) else {
            return false;
        };
        let slots = usage.list.of(self.codes);
        let (start, places) = (slot(code, slots.len()), slots.len().wrapping_sub(1));
        (0..slots.len())
            .map_while(|step| slots.get((start + step) & places))
            .take_while(|found| **found != 0)
            .any(|found| *found == code)
    }

    /// What an element or composite is called.
    #[must_use]
    pub fn name_of(&self, usage: &Usage) -> &'static str {
        self.name(usage.name)
    }

    /// What a segment is called.
    #[must_use]
    pub fn segment_name(&self, shape: &Shape) -> &'static str {
        self.name(shape.name)
    }

    fn name(&self, index: u16) -> &'static str {
        self.names.get(usize::from(index)).copied().unwrap_or_default()
    }

    pub(super) fn loop_at(&self, index: u16) -> Option<&'static Loop> {
        self.loops.get(usize::from(index))
    }

    pub(super) fn shape_at(&self, index: u16) -> Option<&'static Shape> {
        self.shapes.get(usize::from(index))
    }

    pub(super) fn parts(&self, level: &Loop) -> (&'static [Part], &'static [u32]) {
        (level.parts.of(self.parts), level.parts.of(self.tags))
    }
}

impl Part {
    pub(super) fn is_loop(&self) -> bool {
        self.inner != u16::MAX
    }
}

impl Transaction {
    /// The tables that it is part of.
    #[must_use]
    pub fn tables(&self) -> &'static Tables {
        self.directory.tables()
    }

    /// Whether a tag stands anywhere in it.
    #[must_use]
    pub fn has(&self, tag: u32) -> bool {
        self.tags.binary_search(&tag).is_ok()
    }
}

impl Note {
    /// Whether the elements that are there keep it.
    #[must_use]
    pub fn holds(&self, present: u64) -> bool {
        let others = present & self.others;
        match self.bond {
            Bond::Paired => others == 0 || others == self.others,
            Bond::Required => others != 0,
            Bond::Exclusive => others & others.wrapping_sub(1) == 0,
            Bond::Conditional => present & self.first == 0 || others == self.others,
            Bond::List => present & self.first == 0 || others != 0,
        }
    }
}
