//! One card on a reader, from its answer to reset to its number.
//!
//! In: answers. Out: the next command, until there is none. Never: more than [`COMMANDS_MAX`] commands, however a
//! card answers.

use zeroize::Zeroizing;

use super::ndef::{self, Area};
use super::{Aid, NoNumber, Plan};
use crate::card::{CardReading, LoyaltyCard, TokenKey, read_number};

/// A card that needs more is no card.
const COMMANDS_MAX: u32 = 96;

/// A message with a number in it is far shorter.
const MESSAGE_BYTES_MAX: usize = 512;

/// Most bytes that one command reads (Type 4 Tag, 4.3.2: a card takes at least 0F).
const READ_BYTES: u16 = 0xF0;
const READ_BYTES_MIN: u16 = 0x0F;

/// The capability container of a Type 4 Tag, its length, and the access that needs no key (Type 4 Tag, 4.2).
const CAPABILITY_FILE: u16 = 0xE103;
const CAPABILITY_BYTES: u16 = 15;

/// A Type 2 Tag has its capability container in page 3, and data from page 4; pages are read four at a time.
const CAPABILITY_PAGE: u8 = 3;
const READ_PAGES: u8 = 4;
const READ_PAGES_BYTES: u8 = 16;
const TAG_MAGIC: u8 = 0xE1;

/// A serial number that is the chip's own and no other's (ISO/IEC 14443-3, 6.5.4: double and triple size). Four
/// bytes may be drawn anew at each tap, as phones and bank cards do it (08), or stand in many chips.
const OWN_SERIAL_BYTES: [usize; 2] = [7, 10];

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    SelectApplication(usize),
    SelectFile(usize),
    ReadFile(usize),
    SelectNdef,
    SelectCapabilities,
    ReadCapabilities,
    SelectMessage { file: u16, read: u16 },
    ReadLength { read: u16 },
    ReadMessage { read: u16, bytes: usize },
    ReadPages { page: u8 },
    SerialNumber,
    End,
}

/// What the answer to reset says of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With contacts: asked nothing that only a contactless reader understands.
    Contacts,
    /// Contactless, with files.
    Contactless,
    /// Contactless, nothing but memory.
    Memory,
}

/// One card on a reader.
pub struct Session<'p> {
    plan: &'p Plan,
    kind: Kind,
    /// T=0 knows no command that sends and receives (ISO/IEC 7816-3, 10.3).
    one_way: bool,
    step: Step,
    /// A command of the protocol that comes before that of the step.
    pending: Option<[u8; 5]>,
    commands: u32,
    /// What was read of a message or memory so far. Has its room from the start: a vector that grows leaves its
    /// content behind.
    read: Zeroizing<Vec<u8>>,
    number: Option<Zeroizing<Vec<u8>>>,
    nothing: NoNumber,
}

impl<'p> Session<'p> {
    /// For a card with this answer to reset; `one_way` where T=0 is spoken.
    #[must_use]
    pub fn new(plan: &'p Plan, answer_to_reset: &[u8], one_way: bool) -> Self {
        let mut session = Self {
            plan,
            kind: kind_of(answer_to_reset),
            one_way,
            step: Step::End,
            pending: None,
            commands: 0,
            read: Zeroizing::new(Vec::with_capacity(MESSAGE_BYTES_MAX + usize::from(READ_BYTES))),
            number: None,
            nothing: NoNumber::Silent,
        };
        session.step = session.file_or_ndef(0);
        session
    }

    /// The next command; none when the card was asked all that counts.
    pub fn command(&mut self) -> Option<Vec<u8>> {
        self.commands += 1;
        if self.commands > COMMANDS_MAX {
            self.step = Step::End;
            self.pending = None;
        }
        if let Some(command) = self.pending.take() {
            return Some(command.to_vec());
        }
        let file = |index: usize| self.plan.files.get(index);
        Some(match self.step {
            Step::SelectApplication(index) => self.select_name(&file(index)?.application),
            Step::SelectFile(index) => select_file(file(index)?.file?),
            Step::ReadFile(index) => {
                let file = file(index)?;
                read_binary(file.offset, u16::from(file.length))
            }
            Step::SelectNdef => self.select_name(&Aid::ndef()),
            Step::SelectCapabilities => select_file(CAPABILITY_FILE),
            Step::ReadCapabilities => read_binary(0, CAPABILITY_BYTES),
            Step::SelectMessage { file, .. } => select_file(file),
            Step::ReadLength { .. } => read_binary(0, 2),
            Step::ReadMessage { read, bytes } => {
                let rest = bytes.saturating_sub(self.read.len());
                let offset = u16::try_from(2 + self.read.len()).ok()?;
                read_binary(offset, read.min(u16::try_from(rest).unwrap_or(read)))
            }
            // READ BINARY and GET DATA of readers (PC/SC part 3, 3.2.2.1.3 and 3.2.2.1.8).
            Step::ReadPages { page } => vec![0xFF, 0xB0, 0x00, page, READ_PAGES_BYTES],
            Step::SerialNumber => vec![0xFF, 0xCA, 0x00, 0x00, 0x00],
            Step::End => return None,
        })
    }

    /// Takes the card's answer to the last command.
    pub fn answer(&mut self, answer: &[u8]) {
        let Some((data, [high, low])) = answer.split_last_chunk() else {
            return self.next_source();
        };
        match (*high, *low) {
            // More waits (GET RESPONSE), or another length is wanted (ISO/IEC 7816-4, 5.1.3).
            (0x61, length) => self.pending = Some([0x00, 0xC0, 0x00, 0x00, length]),
            (0x6C, length) => self.again_with(length),
            (0x90, 0x00) => self.take(data),
            _ => self.next_source(),
        }
    }

    /// What the card said.
    ///
    /// # Errors
    ///
    /// When it has no number.
    pub fn finish(self, key: &TokenKey, cards: &[LoyaltyCard]) -> Result<CardReading, NoNumber> {
        let mut number = self.number.ok_or(self.nothing)?;
        Ok(read_number(&mut number, key, cards))
    }

    fn select_name(&self, name: &Aid) -> Vec<u8> {
        let name = name.bytes();
        let length = u8::try_from(name.len()).unwrap_or_default();
        let mut command = vec![0x00, 0xA4, 0x04, 0x00, length];
        command.extend(name);
        if !self.one_way {
            command.push(0x00);
        }
        command
    }

    /// The last command once more, with the length that the card wants; only reads have one of theirs in front.
    fn again_with(&mut self, length: u8) {
        let Some(command) = self.command() else { return };
        match command.first_chunk::<4>() {
            Some([class, code, one, two]) if command.len() == 5 => {
                self.pending = Some([*class, *code, *one, *two, length]);
            }
            _ => self.next_source(),
        }
    }

    fn take(&mut self, data: &[u8]) {
        let file = |index: usize| self.plan.files.get(index);
        self.step = match self.step {
            Step::SelectApplication(index) if file(index).is_some_and(|it| it.file.is_some()) => {
                Step::SelectFile(index)
            }
            Step::SelectApplication(index) | Step::SelectFile(index) => Step::ReadFile(index),
            Step::ReadFile(index) => {
                let Some(file) = file(index) else { return self.next_source() };
                // Fewer bytes than the plan says are another number.
                let number = Some(data).filter(|data| data.len() == usize::from(file.length));
                return self.found(number.and_then(|data| file.form.number_in(data)));
            }
            Step::SelectNdef => Step::SelectCapabilities,
            Step::SelectCapabilities => Step::ReadCapabilities,
            Step::ReadCapabilities => match message_file(data) {
                Some((file, read)) => Step::SelectMessage { file, read },
                None => return self.next_source(),
            },
            Step::SelectMessage { read, .. } => Step::ReadLength { read },
            Step::ReadLength { read } => match data {
                [high, low] => {
                    let bytes = usize::from(u16::from_be_bytes([*high, *low]));
                    Step::ReadMessage { read, bytes: bytes.min(MESSAGE_BYTES_MAX) }
                }
                _ => return self.next_source(),
            },
            Step::ReadMessage { bytes, .. } => return self.take_message(data, bytes),
            Step::ReadPages { page } => return self.take_pages(data, page),
            Step::SerialNumber => return self.take_serial_number(data),
            Step::End => Step::End,
        };
    }

    fn take_message(&mut self, data: &[u8], bytes: usize) {
        let rest = bytes.saturating_sub(self.read.len());
        self.read.extend_from_slice(data.get(..rest).unwrap_or(data));
        if self.read.len() == bytes {
            let message = std::mem::take(&mut self.read);
            return self.found_in(&message);
        }
        // A card that has no more of what it promised.
        if data.is_empty() {
            self.next_source();
        }
    }

    fn take_pages(&mut self, data: &[u8], page: u8) {
        let Some(data) = data.get(..usize::from(READ_PAGES_BYTES)) else {
            return self.next_source();
        };
        self.read.extend_from_slice(data);
        // E1, version, size in eights, access (Type 2 Tag, 6.1).
        let Some(([magic, _, eights, _], area)) = self.read.split_first_chunk() else { return };
        let size = (usize::from(*eights) * 8).min(MESSAGE_BYTES_MAX);
        let area = area.get(..size).unwrap_or(area);
        let next = page.checked_add(READ_PAGES);
        match (ndef::message_in(area), next) {
            _ if *magic != TAG_MAGIC => self.next_source(),
            (Area::Message(message), _) => {
                let message = Zeroizing::new(message.to_vec());
                self.found_in(&message);
            }
            (Area::More, Some(page)) if area.len() < size => self.step = Step::ReadPages { page },
            _ => self.next_source(),
        }
    }

    fn take_serial_number(&mut self, data: &[u8]) {
        if !OWN_SERIAL_BYTES.contains(&data.len()) {
            self.nothing = NoNumber::ChangingSerial;
            return self.next_source();
        }
        // Marked as what it is, so that it never meets a printed number by accident.
        let text = format!("UID-{}", hex::encode_upper(data));
        self.found(Some(Zeroizing::new(text.into_bytes())));
    }

    fn found_in(&mut self, message: &[u8]) {
        let contents = ndef::contents(message);
        self.found(contents.iter().find_map(|content| self.plan.number_in(content)));
    }

    fn found(&mut self, number: Option<Zeroizing<Vec<u8>>>) {
        if number.is_none() {
            self.nothing = NoNumber::Foreign;
            return self.next_source();
        }
        self.number = number;
        self.step = Step::End;
    }

    /// What is under way leads nowhere: what is asked next?
    fn next_source(&mut self) {
        self.read.clear();
        let serial = if self.plan.serial_number { Step::SerialNumber } else { Step::End };
        self.step = match self.step {
            Step::SelectApplication(index) | Step::SelectFile(index) | Step::ReadFile(index) => {
                self.file_or_ndef(index + 1)
            }
            Step::SerialNumber | Step::End => Step::End,
            _ if self.kind == Kind::Contacts => Step::End,
            _ => serial,
        };
    }

    fn file_or_ndef(&self, index: usize) -> Step {
        match self.kind {
            Kind::Memory => Step::ReadPages { page: CAPABILITY_PAGE },
            _ if index < self.plan.files.len() => Step::SelectApplication(index),
            _ => Step::SelectNdef,
        }
    }
}

fn select_file(file: u16) -> Vec<u8> {
    let [high, low] = file.to_be_bytes();
    vec![0x00, 0xA4, 0x00, 0x0C, 0x02, high, low]
}

fn read_binary(offset: u16, bytes: u16) -> Vec<u8> {
    let [high, low] = offset.to_be_bytes();
    vec![0x00, 0xB0, high, low, u8::try_from(bytes).unwrap_or(u8::MAX)]
}

/// Length, version, most bytes of a read, most of a write, then of the message: tag 04, length 06, file, size, access
/// to read (00: no key), access to write (Type 4 Tag, 4.2).
fn message_file(capabilities: &[u8]) -> Option<(u16, u16)> {
    match capabilities {
        &[_, _, _, read_high, read_low, _, _, 0x04, 0x06, high, low, _, _, 0x00, _, ..] => {
            let read = u16::from_be_bytes([read_high, read_low]);
            Some((u16::from_be_bytes([high, low]), read.clamp(READ_BYTES_MIN, READ_BYTES)))
        }
        _ => None,
    }
}

/// Contactless readers make an answer to reset that begins with 3B 8n 80 01; that of a memory names the provider of
/// PC/SC in an initial access data object (PC/SC part 3, 3.1.3.2.3).
fn kind_of(answer_to_reset: &[u8]) -> Kind {
    match answer_to_reset {
        [0x3B, _, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, ..] => Kind::Memory,
        [0x3B, first, 0x80, 0x01, ..] if first >> 4 == 8 => Kind::Contactless,
        _ => Kind::Contacts,
    }
}
