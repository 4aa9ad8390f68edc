//! Chip cards as they answer, whatever carries their commands.
//!
//! In: what a card is made of, and commands (ISO/IEC 7816-4, PC/SC part 3). Out: its answers, and what it was asked.
//! Never: a reader.

const OK: [u8; 2] = [0x90, 0x00];
const NO_FILE: [u8; 2] = [0x6A, 0x82];
const NO_COMMAND: [u8; 2] = [0x6D, 0x00];

/// The NFC Forum's application, and its capability container with file E104 for the message.
pub const NDEF: &str = "d2760000850101";
const CAPABILITIES: [u8; 15] = *b"\x00\x0F\x20\x00\x3B\x00\x34\x04\x06\xE1\x04\x00\xFF\x00\x00";

/// What a card is made of.
#[derive(Debug, Clone)]
pub struct Content {
    answer_to_reset: Vec<u8>,
    serial_number: Vec<u8>,
    /// The application, the file, and what is in it.
    files: Vec<(String, u16, Vec<u8>)>,
    /// The pages of a card that is nothing but memory.
    memory: Vec<u8>,
}

impl Content {
    /// A contactless card with a link.
    ///
    /// # Panics
    ///
    /// When the link is longer than a short record.
    #[must_use]
    pub fn link(rest_of_https: &str) -> Self {
        let message = record(b'U', &[&[0x04], rest_of_https.as_bytes()].concat());
        let length = u16::try_from(message.len()).expect("a short message").to_be_bytes();
        Self::with_file(NDEF, 0xE103, &CAPABILITIES).and_file(
            NDEF,
            0xE104,
            &[&length[..], &message].concat(),
        )
    }

    /// A contactless card with a file of an application.
    #[must_use]
    pub fn with_file(application: &str, file: u16, content: &[u8]) -> Self {
        let card = Self {
            answer_to_reset: vec![0x3B, 0x80, 0x80, 0x01, 0x01],
            serial_number: vec![0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80],
            files: Vec::new(),
            memory: Vec::new(),
        };
        card.and_file(application, file, content)
    }

    fn and_file(mut self, application: &str, file: u16, content: &[u8]) -> Self {
        self.files.push((application.to_owned(), file, content.to_vec()));
        self
    }

    /// A sticker with a text: memory, as an NTAG has it.
    ///
    /// # Panics
    ///
    /// When the text is longer than a short record.
    #[must_use]
    pub fn sticker(text: &str) -> Self {
        let message = record(b'T', &[b"\x02en", text.as_bytes()].concat());
        let length = u8::try_from(message.len()).expect("a short message");
        let mut memory = vec![0; 12];
        memory.extend([0xE1, 0x10, 0x12, 0x00, 0x03, length]);
        memory.extend(message);
        memory.push(0xFE);
        memory.resize(180, 0);
        let answer_to_reset =
            b"\x3B\x8F\x80\x01\x80\x4F\x0C\xA0\x00\x00\x03\x06\x03\x00\x03\x00\x00\x00\x00\x68";
        Self { answer_to_reset: answer_to_reset.to_vec(), memory, ..Self::with_file("", 0, &[]) }
    }

    /// A telephone with a bank's card in it: another serial number at each tap, and payment applications, whose
    /// content is the number of a test card.
    #[must_use]
    pub fn telephone() -> Self {
        let directory = hex::encode("2PAY.SYS.DDF01");
        let record = b"\x70\x0A\x5A\x08\x41\x11\x11\x11\x11\x11\x11\x11";
        Self {
            serial_number: vec![0x08, 0x5A, 0x1C, 0x77],
            ..Self::with_file(&directory, 1, record).and_file("a0000000031010", 1, record)
        }
    }

    /// The same as a card with contacts, which speaks T=0 (ISO/IEC 7816-3, 8.2).
    #[must_use]
    pub fn with_contacts(self) -> Self {
        Self { answer_to_reset: vec![0x3B, 0x00], ..self }
    }
}

/// A record that is a whole message.
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short record");
    [&[0xD1, 0x01, length, kind], payload].concat()
}

/// A card that is in use.
#[derive(Debug)]
pub struct Card {
    content: Content,
    application: Option<String>,
    file: Option<u16>,
    asked: Vec<String>,
}

impl Card {
    /// A card that was asked nothing yet.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { content, application: None, file: None, asked: Vec::new() }
    }

    /// What it says when it gets power.
    #[must_use]
    pub fn answer_to_reset(&self) -> &[u8] {
        &self.content.answer_to_reset
    }

    /// The commands so far, in hexadecimal digits.
    #[must_use]
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// Forgets what was selected.
    pub fn reset(&mut self) {
        (self.application, self.file) = (None, None);
    }

    /// Answers a command.
    pub fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        self.asked.push(hex::encode(command));
        match command {
            [0xFF, 0xCA, 0x00, 0x00, ..] => [&self.content.serial_number[..], &OK].concat(),
            [0xFF, 0xB0, 0x00, page, length] => {
                let from = usize::from(*page) * 4;
                let area = self.content.memory.get(from..from + usize::from(*length));
                area.map_or_else(|| NO_FILE.to_vec(), |area| [area, &OK].concat())
            }
            [0x00, 0xA4, 0x04, 0x00, length, rest @ ..] => {
                let name = hex::encode(rest.get(..usize::from(*length)).unwrap_or_default());
                let known = self.content.files.iter().any(|(application, ..)| *application == name);
                (self.application, self.file) = (Some(name).filter(|_| known), None);
                if known { OK.to_vec() } else { NO_FILE.to_vec() }
            }
            [0x00, 0xA4, 0x00, 0x0C, 0x02, high, low] => {
                let number = u16::from_be_bytes([*high, *low]);
                self.file = self.found(Some(number)).map(|_| number);
                if self.file.is_some() { OK.to_vec() } else { NO_FILE.to_vec() }
            }
            [0x00, 0xB0, high, low, length] => {
                let Some(bytes) = self.found(self.file) else { return NO_FILE.to_vec() };
                let from = usize::from(u16::from_be_bytes([*high, *low]));
                let rest = bytes.get(from..).unwrap_or_default();
                [rest.get(..usize::from(*length)).unwrap_or(rest), &OK].concat()
            }
            _ => NO_COMMAND.to_vec(),
        }
    }

    /// What is in a file of the application that is selected.
    fn found(&self, file: Option<u16>) -> Option<&[u8]> {
        let mut files = self.content.files.iter();
        let found = files.find(|(name, number, _)| {
            Some(name) == self.application.as_ref() && Some(*number) == file
        });
        found.map(|(_, _, bytes)| bytes.as_slice())
    }
}
