//! A card for the virtual reader of vpcd: connecting to its port puts it on the reader, hanging up takes it away.
//!
//! On the wire each message is its length in two bytes, then the body. A body of one byte is the reader's own: 0 off,
//! 1 on, 2 reset, 4 the answer to reset, please, which alone is answered. Others are commands to the card.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const OK: [u8; 2] = [0x90, 0x00];
const NO_FILE: [u8; 2] = [0x6A, 0x82];
const NO_COMMAND: [u8; 2] = [0x6D, 0x00];
const ANSWER_TO_RESET: u8 = 4;

/// The NFC Forum's application, and its capability container with file E104 for the message.
const NDEF: &str = "d2760000850101";
const CAPABILITIES: [u8; 15] = *b"\x00\x0F\x20\x00\x3B\x00\x34\x04\x06\xE1\x04\x00\xFF\x00\x00";

/// pcscd looks at this reader twice a second: a card that is put on sooner after another is the same one to it.
const UNNOTICED: Duration = Duration::from_millis(1500);

/// What a card is made of.
#[derive(Clone)]
pub(crate) struct Content {
    answer_to_reset: Vec<u8>,
    serial_number: Vec<u8>,
    /// The application, the file, and what is in it.
    files: Vec<(String, u16, Vec<u8>)>,
    /// The pages of a card that is nothing but memory.
    memory: Vec<u8>,
}

impl Content {
    /// A contactless card with a link.
    pub(crate) fn link(rest_of_https: &str) -> Self {
        let message = record(b'U', &[&[0x04], rest_of_https.as_bytes()].concat());
        let length = u16::try_from(message.len()).expect("a short message").to_be_bytes();
        Self::with_file(NDEF, 0xE103, &CAPABILITIES).and_file(
            NDEF,
            0xE104,
            &[&length[..], &message].concat(),
        )
    }

    /// A contactless card with a file of an application.
    pub(crate) fn with_file(application: &str, file: u16, content: &[u8]) -> Self {
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
    pub(crate) fn sticker(text: &str) -> Self {
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
    pub(crate) fn telephone() -> Self {
        let directory = hex::encode("2PAY.SYS.DDF01");
        let record = b"\x70\x0A\x5A\x08\x41\x11\x11\x11\x11\x11\x11\x11";
        Self {
            serial_number: vec![0x08, 0x5A, 0x1C, 0x77],
            ..Self::with_file(&directory, 1, record).and_file("a0000000031010", 1, record)
        }
    }
}

/// A record that is a whole message.
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short record");
    [&[0xD1, 0x01, length, kind], payload].concat()
}

/// A card on the reader. Dropping it takes it away.
pub(crate) struct VirtualCard {
    line: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl VirtualCard {
    /// Puts a card on the reader at this port.
    pub(crate) fn put_on(port: u16, content: Content) -> Self {
        let line = connect(port);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (far_end, notes) = (line.try_clone().expect("the reader's line"), Arc::clone(&asked));
        let thread = std::thread::spawn(move || serve(far_end, &content, &notes));
        Self { line, asked, thread: Some(thread) }
    }

    /// The commands so far, in hexadecimal digits.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the card's notes").clone()
    }
}

impl Drop for VirtualCard {
    fn drop(&mut self) {
        let _ = self.line.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::thread::sleep(UNNOTICED);
    }
}

/// The reader listens a moment after pcscd does, and a moment after the card before was taken away.
fn connect(port: u16) -> TcpStream {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(line) => return line,
            Err(error) => {
                assert!(Instant::now() < end, "no virtual reader at port {port}: {error}");
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn serve(mut line: TcpStream, content: &Content, notes: &Mutex<Vec<String>>) {
    let mut selected: (Option<String>, Option<u16>) = (None, None);
    loop {
        let mut length = [0; 2];
        if line.read_exact(&mut length).is_err() {
            return;
        }
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        if line.read_exact(&mut body).is_err() {
            return;
        }
        let answer = match body.as_slice() {
            [ANSWER_TO_RESET] => content.answer_to_reset.clone(),
            [_] => {
                selected = (None, None);
                continue;
            }
            command => {
                notes.lock().expect("the card's notes").push(hex::encode(command));
                answer(command, content, &mut selected)
            }
        };
        let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
        if line.write_all(&[&length[..], &answer].concat()).is_err() {
            return;
        }
    }
}

fn answer(
    command: &[u8],
    content: &Content,
    (application, file): &mut (Option<String>, Option<u16>),
) -> Vec<u8> {
    let found = |application: &Option<String>, file: Option<u16>| {
        let mut files = content.files.iter();
        files.find(|(name, number, _)| Some(name) == application.as_ref() && Some(*number) == file)
    };
    match command {
        [0xFF, 0xCA, 0x00, 0x00, ..] => [&content.serial_number[..], &OK].concat(),
        [0xFF, 0xB0, 0x00, page, length] => {
            let from = usize::from(*page) * 4;
            let area = content.memory.get(from..from + usize::from(*length));
            area.map_or_else(|| NO_FILE.to_vec(), |area| [area, &OK].concat())
        }
        [0x00, 0xA4, 0x04, 0x00, length, rest @ ..] => {
            let name = hex::encode(rest.get(..usize::from(*length)).unwrap_or_default());
            let known = content.files.iter().any(|(application, ..)| *application == name);
            (*application, *file) = (Some(name).filter(|_| known), None);
            if known { OK.to_vec() } else { NO_FILE.to_vec() }
        }
        [0x00, 0xA4, 0x00, 0x0C, 0x02, high, low] => {
            let number = u16::from_be_bytes([*high, *low]);
            *file = found(application, Some(number)).map(|_| number);
            if file.is_some() { OK.to_vec() } else { NO_FILE.to_vec() }
        }
        [0x00, 0xB0, high, low, length] => {
            let Some((_, _, bytes)) = found(application, *file) else { return NO_FILE.to_vec() };
            let from = usize::from(u16::from_be_bytes([*high, *low]));
            let rest = bytes.get(from..).unwrap_or_default();
            [rest.get(..usize::from(*length)).unwrap_or(rest), &OK].concat()
        }
        _ => NO_COMMAND.to_vec(),
    }
}
