//! A card for the virtual reader of vpcd: connecting to its port puts it on the reader, hanging up takes it away.
//!
//! On the wire each message is its length in two bytes, then the body. A body of one byte is the reader's own: 0 off,
//! 1 on, 2 reset, 4 the answer to reset, please, which alone is answered. Others are commands to the card.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tillgate_tests::chip_card::{Card, Content};

const ANSWER_TO_RESET: u8 = 4;

/// pcscd looks at this reader twice a second: a card that is put on sooner after another is the same one to it.
const UNNOTICED: Duration = Duration::from_millis(1500);

/// A card on the reader. Dropping it takes it away.
pub(crate) struct VirtualCard {
    line: TcpStream,
    card: Arc<Mutex<Card>>,
    thread: Option<JoinHandle<()>>,
}

impl VirtualCard {
    /// Puts a card on the reader at this port.
    pub(crate) fn put_on(port: u16, content: Content) -> Self {
        let line = connect(port);
        let card = Arc::new(Mutex::new(Card::new(content)));
        let (far_end, shared) = (line.try_clone().expect("the reader's line"), Arc::clone(&card));
        let thread = std::thread::spawn(move || serve(far_end, &shared));
        Self { line, card, thread: Some(thread) }
    }

    /// The commands so far, in hexadecimal digits.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.card.lock().expect("the card").asked().to_vec()
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

fn serve(mut line: TcpStream, card: &Mutex<Card>) {
    loop {
        let mut length = [0; 2];
        if line.read_exact(&mut length).is_err() {
            return;
        }
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        if line.read_exact(&mut body).is_err() {
            return;
        }
        let mut card = card.lock().expect("the card");
        let answer = match body.as_slice() {
            [ANSWER_TO_RESET] => card.answer_to_reset().to_vec(),
            [_] => {
                card.reset();
                continue;
            }
            command => card.answer(command),
        };
        let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
        if line.write_all(&[&length[..], &answer].concat()).is_err() {
            return;
        }
    }
}
