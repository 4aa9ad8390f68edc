//! The slot of QEMU's reader of chip cards. QEMU asks for the card at the guest's fourth serial port, in the protocol
//! of libcacard (`vscard_common.h`): type, reader and length of a message in four bytes each, highest first, then its
//! body.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use tillgate_tests::chip_card::{Card, Content};

use crate::machine::open_raw;

const FAR_END: &str = "/dev/ttyS3";

/// Types of messages.
const INIT: u32 = 1;
const READER_ADD: u32 = 3;
const ANSWER_TO_RESET: u32 = 5;
const CARD_REMOVE: u32 = 6;
const COMMAND: u32 = 7;

/// The only reader.
const READER: u32 = 0;

/// `VSCD`, version 0.0.2, no capabilities.
const GREETING: &[u8] = b"VSCD\0\0\0\x02\0\0\0\0";

/// A person takes longer between two cards. The daemon takes the same card sooner again for the same tap.
const HANDS: Duration = Duration::from_secs(2);

/// The slot, with a card or without.
pub(crate) struct CardSlot {
    line: File,
    card: Arc<Mutex<Option<Card>>>,
}

impl CardSlot {
    /// Before the reader is plugged in for the first time: what it says to a port that is not raw yet comes back to it.
    pub(crate) fn open() -> Self {
        let line = open_raw(FAR_END);
        let card: Arc<Mutex<Option<Card>>> = Arc::default();
        let (far_end, shared) = (line.try_clone().expect("the slot's line"), Arc::clone(&card));
        // Ends with the guest: a serial port cannot be hung up.
        spawn(move || serve(far_end, &shared));
        Self { line, card }
    }

    /// The reader was plugged in; its slot is empty.
    pub(crate) fn connect(&mut self) {
        send(&mut self.line, INIT, GREETING);
        send(&mut self.line, READER_ADD, b"");
    }

    pub(crate) fn put_in(&mut self, content: Content) {
        let card = Card::new(content);
        let mut slot = self.card.lock().expect("the card");
        send(&mut self.line, ANSWER_TO_RESET, card.answer_to_reset());
        *slot = Some(card);
    }

    /// Gives what the card was asked, in hexadecimal digits.
    pub(crate) fn take_out(&mut self) -> Vec<String> {
        let asked = self.take_out_of_unplugged();
        send(&mut self.line, CARD_REMOVE, b"");
        sleep(HANDS);
        asked
    }

    /// The same where nobody is told.
    pub(crate) fn take_out_of_unplugged(&mut self) -> Vec<String> {
        let card = self.card.lock().expect("the card").take().expect("a card in the slot");
        card.asked().to_vec()
    }
}

fn serve(mut line: File, card: &Mutex<Option<Card>>) {
    let mut answers = line.try_clone().expect("the slot's line");
    loop {
        let mut head = [0; 12];
        line.read_exact(&mut head).expect("the slot's line");
        let [kind, _, length] = [0, 4, 8].map(|at| number(&head[at..]));
        let mut body = vec![0; usize::try_from(length).expect("a length")];
        line.read_exact(&mut body).expect("the slot's line");
        // Whatever else QEMU says needs no answer.
        if kind == COMMAND {
            let mut card = card.lock().expect("the card");
            if let Some(card) = card.as_mut() {
                send(&mut answers, COMMAND, &card.answer(&body));
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn send(line: &mut File, kind: u32, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a short message");
    let head = [kind, READER, length].map(u32::to_be_bytes).concat();
    line.write_all(&[&head, body].concat()).expect("the slot's line");
}
