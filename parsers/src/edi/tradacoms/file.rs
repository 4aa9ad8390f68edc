//! A file of TRADACOMS: the messages that belong together, their order and their number.
//!
//! In: the type of each message, and the segments that count messages. Out: findings. An order file is ORDHDR, an
//! ORDERS message an order, ORDTLR; its first message tells which file it is. Never: a word on messages that no file
//! of ours has.

use crate::edi::assembler::{Visit, spot_of};
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::rules;
use crate::edi::schema::{Directory, FileKind, UNBOUNDED};
use crate::edi::segment::Segment;
use crate::edi::shown::times;

use super::RECONCILIATION;

/// Where reading stands in a file.
#[derive(Debug, Default)]
pub(in crate::edi) struct OpenFile {
    kind: Option<&'static FileKind>,
    /// Of the message that was read last.
    position: usize,
    /// Messages that were read, by their position.
    read: Vec<u32>,
}

impl OpenFile {
    /// Another transmission begins. Its memory is used again.
    pub(in crate::edi) fn forget(&mut self) {
        (self.kind, self.position) = (None, 0);
        self.read.clear();
    }

    fn begin(&mut self, kind: &'static FileKind) {
        (self.kind, self.position) = (Some(kind), 0);
        self.read.clear();
        self.read.resize(kind.messages.len(), 0);
    }

    /// The first message that must stand before a position and is not there.
    fn missing(&self, before: usize) -> Option<&'static str> {
        let messages = self.kind?.messages.iter().zip(&self.read).take(before);
        messages
            .skip(self.position)
            .find(|(message, read)| message.mandatory && **read == 0)
            .map(|(message, _)| message.id)
    }
}

fn files() -> &'static [FileKind] {
    Directory::Tradacoms.tables().files()
}

/// The kind of file that begins with a message.
fn that_begins_with(message: &str) -> Option<&'static FileKind> {
    files().iter().find(|kind| kind.messages.first().is_some_and(|first| first.id == message))
}

impl Visit<'_, '_> {
    /// A message begins.
    pub(super) fn message_of_file(&mut self, message: &[u8], segment: &Segment<'_>) {
        let Ok(message) = std::str::from_utf8(message) else { return };
        if !self.state.options.check_sets || message.as_bytes() == RECONCILIATION {
            return;
        }
        if let Some(kind) = that_begins_with(message) {
            self.end_of_file(segment);
            self.state.file.begin(kind);
        }
        let Some(kind) = self.state.file.kind else {
            return self.without_header(message, segment);
        };
        let file = &self.state.file;
        let place = |from: usize| {
            let found = kind.messages.iter().skip(from).position(|one| one.id == message);
            found.map(|index| from + index)
        };
        let Some(position) = place(file.position) else {
            let what = match place(0) {
                Some(_) => format!("{message} comes too late in its file"),
                None => format!("{message} does not belong into the {}", kind.name.to_lowercase()),
            };
            return self.say_of_element(&rules::FILE_ORDER, Remark::new(what), segment, 2);
        };
        let missing = file.missing(position);
        let file = &mut self.state.file;
        file.position = position;
        let most = kind.messages.get(position).map_or(UNBOUNDED, |one| one.most);
        let read = file.read.get_mut(position).map_or(0, |read| {
            *read = read.saturating_add(1);
            *read
        });
        if let Some(missing) = missing {
            self.lacks(missing, segment);
        }
        // Told once, by the first that is too many.
        if read.checked_sub(1) == Some(most) {
            let remark = Remark::new(format!("{message} is in its file more than {}", times(most)));
            self.say_of_element(&rules::FILE_ORDER, remark, segment, 2);
        }
    }

    /// A batch or a transmission ends, or the next file begins.
    pub(super) fn end_of_file(&mut self, at: &Segment<'_>) {
        let missing = self.state.file.missing(usize::MAX);
        self.state.file.forget();
        if let Some(missing) = missing {
            self.lacks(missing, at);
        }
    }

    /// A segment of a message that may hold the number of messages of a type: OFT of ORDTLR.
    pub(super) fn count_of_file(&mut self, segment: &Segment<'_>) {
        let Some(kind) = self.state.file.kind else { return };
        let tag = segment.tag_code();
        for count in kind.counts.iter().filter(|count| count.tag == tag) {
            let position = kind.messages.iter().position(|message| message.id == count.message);
            let read = position.and_then(|position| self.state.file.read.get(position)).copied();
            let stated = segment.element(usize::from(count.element)).trim_ascii();
            if let Some(read) = read.filter(|read| digits(stated).is_some_and(|one| one != *read)) {
                let (tag, element) = (segment.tag_text(), count.element);
                let message = format!("{tag}{element:02} is not the number of {}", count.message);
                let remark = Remark::new(format!("{message} messages"))
                    .expected(read.to_string())
                    .found(stated);
                self.say_of_element(&rules::FILE_COUNT, remark, segment, u32::from(element));
            }
        }
    }

    /// A message of a known file stands where no file was begun: told once, and the file is read from there.
    fn without_header(&mut self, message: &str, segment: &Segment<'_>) {
        let holds = |kind: &&FileKind| kind.messages.iter().any(|one| one.id == message);
        if let Some(kind) = files().iter().find(holds) {
            self.state.file.begin(kind);
            self.message_of_file(message.as_bytes(), segment);
        }
    }

    fn lacks(&mut self, missing: &str, at: &Segment<'_>) {
        let remark = Remark::new(format!("the file has no {missing} message"))
            .expected(format!("{missing} before this segment"))
            .found(at.tag());
        self.say(&rules::FILE_MESSAGE_MISSING, remark, spot_of(at), Some(at));
    }
}
