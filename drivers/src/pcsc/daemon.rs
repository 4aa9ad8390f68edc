//! A connection to pcscd.
//!
//! In: its socket. Out: readers, cards and their answers. Never: a wait without an end: a pcscd that hangs in a
//! reader's USB time-out costs the connection, not the driver.

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::wire::{self, Reader};

/// pcscd answers at once, but to what a card or reader must answer first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection with a context.
pub(super) struct Daemon {
    socket: UnixStream,
    context: u32,
}

/// A card that was connected to.
pub(super) struct Card {
    handle: u32,
    protocol: u32,
}

impl Card {
    /// Whether it speaks T=0.
    pub(super) fn is_one_way(&self) -> bool {
        self.protocol == wire::T0
    }
}

/// Why there is no connection.
pub(super) enum Refused {
    /// Nobody listens.
    NotRunning,
    /// Not for this user.
    Denied,
    /// A pcscd that this program does not know.
    Version {
        /// What it speaks.
        spoken: String,
    },
    /// Anything else.
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::NotRunning,
            io::ErrorKind::PermissionDenied => Self::Denied,
            // Where polkit says no, pcscd hangs up without a word.
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Denied,
            _ => Self::Failed(error),
        }
    }
}

/// Why a card did not answer. The connection to pcscd is as it was.
pub(super) enum CardError {
    /// It was taken away, or has no contact.
    Gone,
    /// It is in the reader the wrong way round, or no card.
    Mute,
}

impl Daemon {
    /// Connects.
    pub(super) async fn connect(socket: &Path) -> Result<Self, Refused> {
        let mut daemon = Self { socket: in_time(UnixStream::connect(socket)).await?, context: 0 };
        daemon.agree().await?;
        let body = wire::numbers(&[wire::SCOPE_SYSTEM, 0, 0]);
        let answer: [u8; 12] = daemon.ask(wire::ESTABLISH_CONTEXT, &body).await?;
        daemon.context = wire::number(&answer, 1);
        match wire::number(&answer, 2) {
            wire::SUCCESS => Ok(daemon),
            code => Err(Refused::Failed(unexpected(code))),
        }
    }

    /// Offers the oldest version that is spoken, and then the one that pcscd wants, if it is spoken.
    async fn agree(&mut self) -> Result<(), Refused> {
        let mut offered = *wire::MINORS.start();
        loop {
            let body = wire::numbers(&[wire::MAJOR, offered, 0]);
            let answer: [u8; 12] = self.ask(wire::VERSION, &body).await?;
            let [major, minor, result] = [0, 1, 2].map(|place| wire::number(&answer, place));
            if result == wire::SUCCESS {
                return Ok(());
            }
            if major != wire::MAJOR || minor <= offered || !wire::MINORS.contains(&minor) {
                return Err(Refused::Version { spoken: format!("{major}:{minor}") });
            }
            offered = minor;
        }
    }

    /// The readers now. From now on a change is announced, until [`Self::stop_waiting`].
    pub(super) async fn watch(&mut self) -> io::Result<Vec<Reader>> {
        let states: Box<[u8; wire::READERS_BYTES]> =
            Box::new(self.ask(wire::WAIT_FOR_CHANGE, &[]).await?);
        Ok(wire::readers(states.as_slice()))
    }

    /// Waits for a change at a reader, at most so long.
    pub(super) async fn changed(&mut self, at_most: Duration) -> io::Result<()> {
        let mut announced = [0; 8];
        let Ok(read) = timeout(at_most, self.socket.read(&mut announced)).await else {
            return self.stop_waiting().await;
        };
        let rest = match read? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => announced.get_mut(read..).unwrap_or_default(),
        };
        in_time(self.socket.read_exact(rest)).await.map(|_| ())
    }

    /// Waits for changes no more. An announcement that was on its way is the answer then.
    pub(super) async fn stop_waiting(&mut self) -> io::Result<()> {
        let _: [u8; 8] = self.ask(wire::STOP_WAITING, &[]).await?;
        Ok(())
    }

    /// Connects to the card in a reader, and keeps others from it until [`Self::release`].
    pub(super) async fn card(&mut self, reader: &str) -> io::Result<Result<Card, CardError>> {
        let body = wire::connect(self.context, reader);
        let answer: [u8; wire::CONNECT_BYTES] = self.ask(wire::CONNECT, &body).await?;
        let (handle, protocol, result) = wire::connected(&answer);
        if result != wire::SUCCESS {
            return Ok(Err(card_error(result)));
        }
        let body = wire::numbers(&[handle, 0]);
        let answer: [u8; 8] = self.ask(wire::BEGIN_TRANSACTION, &body).await?;
        match wire::number(&answer, 1) {
            wire::SUCCESS => Ok(Ok(Card { handle, protocol })),
            code => {
                self.release(&Card { handle, protocol }).await?;
                Ok(Err(card_error(code)))
            }
        }
    }

    /// Sends a command to a card.
    pub(super) async fn transmit(
        &mut self,
        card: &Card,
        command: &[u8],
    ) -> io::Result<Result<Zeroizing<Vec<u8>>, CardError>> {
        let body = wire::transmit(card.handle, card.protocol, command.len());
        let mut message = wire::message(wire::TRANSMIT, &body);
        message.extend(command);
        in_time(self.socket.write_all(&message)).await?;
        let mut head = [0; wire::TRANSMIT_BYTES];
        in_time(self.socket.read_exact(&mut head)).await?;
        let (length, result) = wire::transmitted(&head);
        if result != wire::SUCCESS {
            return Ok(Err(card_error(result)));
        }
        if length > wire::ANSWER_BYTES_MAX {
            return Err(unexpected(length));
        }
        let length = usize::try_from(length).unwrap_or_default();
        let mut answer = Zeroizing::new(vec![0; length]);
        in_time(self.socket.read_exact(&mut answer)).await?;
        Ok(Ok(answer))
    }

    /// Lets go of a card. That ends the transaction too.
    pub(super) async fn release(&mut self, card: &Card) -> io::Result<()> {
        let body = wire::numbers(&[card.handle, wire::LEAVE_CARD, 0]);
        let _: [u8; 12] = self.ask(wire::DISCONNECT, &body).await?;
        Ok(())
    }

    async fn ask<const N: usize>(&mut self, command: u32, body: &[u8]) -> io::Result<[u8; N]> {
        let mut answer = [0; N];
        in_time(self.socket.write_all(&wire::message(command, body))).await?;
        in_time(self.socket.read_exact(&mut answer)).await?;
        Ok(answer)
    }
}

fn card_error(code: u32) -> CardError {
    if code == wire::MUTE_CARD { CardError::Mute } else { CardError::Gone }
}

fn unexpected(code: u32) -> io::Error {
    io::Error::other(format!("pcscd answers {code:08X}"))
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(ANSWER_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "pcscd does not answer")),
    }
}
