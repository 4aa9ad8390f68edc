//! The terminals' TCP stream: the first line is `{"token":"…"}`, then a sale a line, and a result a line in order.
//!
//! Lines that arrive together become one capture, so that pipelined sales share a commit. A terminal that does not
//! read its results is not read from either. When the daemon stops, what was read is finished and answered.
//!
//! Never: a line that is taken twice or in part. A line that was cut is refused, and its terminal sends it again.

mod lines;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tillgate_record::{Channel, Quality};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use zeroize::Zeroizing;

use self::lines::{Lines, Next};
use super::{SaleResult, refusal, refusal_of, warn_of_quarantine, with_conflicts_named};
use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::{Limits, Terminal};
use crate::pipeline::{Intake, ItemStatus, Taken};
use crate::source::{Input, Media};
use crate::telemetry::board::Board;

/// A terminal must say who it is within so long.
const TOKEN_SECONDS: u64 = 10;
/// Longest first line.
const TOKEN_LINE_MAX: usize = 1024;
/// A till may be idle for a break; a connection whose terminal was switched off must end some time.
const IDLE_SECONDS: u64 = 30 * 60;
/// A commit that takes longer than this is answered with "unknown": the terminal sends again, and it counts once.
const COMMIT_SECONDS: u64 = 15;

/// What serves the stream.
pub struct Stream<I> {
    /// Where sales go.
    pub intake: Arc<I>,
    /// Who may come in.
    pub admission: Arc<Admission>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where people see which terminal is connected.
    pub board: Arc<Board>,
    connected: Mutex<HashMap<String, u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    token: String,
}

impl<I: Intake> Stream<I> {
    /// Serves terminals with these parts.
    pub fn new(
        intake: Arc<I>,
        admission: Arc<Admission>,
        clock: Arc<dyn Clock>,
        board: Arc<Board>,
    ) -> Self {
        Self { intake, admission, clock, board, connected: Mutex::default() }
    }

    /// Serves one connection until either side ends it.
    pub async fn serve(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin,
        peer: SocketAddr,
        stop: &CancellationToken,
    ) {
        let limits = self.admission.config().limits.clone();
        let mut lines = Lines::new(io, limits.sale.as_usize());
        let Some(who) = self.greet(&mut lines, peer, &limits, stop).await else { return };
        let source = who.id.clone();
        self.arrived(&source, peer);
        let outcome = self.converse(&mut lines, &who, &limits, stop).await;
        debug!(source, outcome, "terminal stream ended");
        self.left(&source);
    }

    /// Reads the first line. None: the terminal was told what is wrong.
    async fn greet(
        &self,
        lines: &mut Lines<impl AsyncRead + AsyncWrite + Unpin>,
        peer: SocketAddr,
        limits: &Limits,
        stop: &CancellationToken,
    ) -> Option<Terminal> {
        let wait = Duration::from_secs(TOKEN_SECONDS.min(u64::from(limits.request_seconds)));
        let hello = async {
            match timeout(wait, lines.first(TOKEN_LINE_MAX)).await {
                Ok(Ok(Some(line))) => Ok(serde_json::from_slice::<Hello>(&line).ok()),
                Ok(Ok(None) | Err(_)) => Err("no-token"),
                Err(_) => Err("token-late"),
            }
        };
        let hello = tokio::select! {
            hello = hello => hello,
            () = stop.cancelled() => return None,
        };
        let terminal = match &hello {
            Ok(Some(hello)) => {
                let who = self.admission.identify(hello.token.as_bytes());
                who.and_then(|who| who.terminal).and_then(|id| self.configured(&id))
            }
            Ok(None) | Err(_) => None,
        };
        if terminal.is_none() {
            // Slows guessing down; the right token on the next connection is taken at once.
            if self.admission.failed_too_often(peer.ip()) {
                sleep(wait).await;
            }
            let message = match hello {
                Ok(Some(_)) => UNKNOWN_TOKEN,
                Ok(None) | Err(_) => NO_TOKEN,
            };
            warn!(peer = %peer.ip(), "a terminal was refused: {message}");
            let finding = [refusal("token", message.to_owned())];
            let _ = write(&mut lines.io, &refused(&finding), wait).await;
        }
        terminal
    }

    /// Takes batches of lines until the connection ends; says why it did.
    async fn converse(
        &self,
        lines: &mut Lines<impl AsyncRead + AsyncWrite + Unpin>,
        who: &Terminal,
        limits: &Limits,
        stop: &CancellationToken,
    ) -> &'static str {
        let whole_line = Duration::from_secs(u64::from(limits.request_seconds));
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => return "the gateway stops",
                next = lines.next(Duration::from_secs(IDLE_SECONDS), whole_line) => next,
            };
            let (answer, end) = match next {
                Next::Batch { .. } if self.configured(&who.id).as_ref() != Some(who) => {
                    (told("token", REVOKED), Some("no longer configured"))
                }
                Next::Batch { bytes, count } => (self.take(&who.id, bytes, count).await, None),
                Next::Cut => (told("line-cut", CUT), Some("cut within a line")),
                Next::Slow => (told("line-late", LATE), Some("a line was too slow")),
                Next::TooLong => {
                    let message = format!("a line is longer than {}: {LONG}", limits.sale);
                    (told("sale-size", &message), Some("a line was too long"))
                }
                Next::Ended => (Vec::new(), Some("ended by the terminal")),
                Next::Idle => (Vec::new(), Some("idle")),
            };
            if write(&mut lines.io, &answer, whole_line).await.is_err() {
                return "results were not read";
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// The terminal as it is configured now: a reload may have taken its token away.
    fn configured(&self, id: &str) -> Option<Terminal> {
        self.admission.config().terminals.iter().find(|terminal| terminal.id == id).cloned()
    }

    /// Takes a batch as one capture; the results, one a line.
    async fn take(&self, source: &str, bytes: Zeroizing<Vec<u8>>, count: usize) -> Vec<u8> {
        // Over its rate a terminal is slowed down, not refused: its next lines wait in its own socket.
        while let Err(wait) = self.admission.allow(source, u32::try_from(count).unwrap_or(u32::MAX))
        {
            sleep(wait).await;
        }
        let input = Input {
            source: source.to_owned(),
            channel: Channel::TerminalTcp,
            media: Media::SaleNdjson,
            bytes,
            received_at: self.clock.now(),
            id: None,
            file: None,
        };
        match timeout(Duration::from_secs(COMMIT_SECONDS), self.intake.take(input)).await {
            Ok(Ok(taken)) => {
                warn_of_quarantine(source, &taken);
                results(taken, count)
            }
            Ok(Err(failure)) => {
                let (code, seconds) = refusal_of(&failure);
                let message = format!("{failure}; nothing was kept: send again in {seconds} s");
                told(code, &message).repeat(count)
            }
            Err(_) => told("commit-slow", SLOW_COMMIT).repeat(count),
        }
    }

    /// A terminal may open a second connection before its lost first one is noticed.
    fn arrived(&self, source: &str, peer: SocketAddr) {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        *connected.entry(source.to_owned()).or_default() += 1;
        self.board.source_connected(source, true, &format!("TCP stream from {}", peer.ip()));
    }

    fn left(&self, source: &str) {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let last = connected.get_mut(source).is_none_or(|count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
        if last {
            connected.remove(source);
            let detail = "the TCP stream is closed: check the terminal and its network";
            self.board.source_connected(source, false, detail);
        }
    }
}

const NO_TOKEN: &str =
    "the first line must be {\"token\":\"…\"} with the token of a configured terminal";
const UNKNOWN_TOKEN: &str =
    "the token is unknown: its SHA-256 stands in no [[terminal]] of the configuration";
const REVOKED: &str = "this terminal's token is not valid any more; nothing of these lines was kept: send them again with the new token";
const CUT: &str = "the connection ended within a line; nothing of the line was taken: end each sale with a line feed and send it again";
const LATE: &str =
    "a line was not whole in time; nothing of it was taken: connect and send it again";
const LONG: &str = "send smaller sales, or raise [limits] sale";
const SLOW_COMMIT: &str =
    "the store did not answer in time: send again, a sale that was kept counts once";

const UNCLEAR: &str = "lines and results cannot be matched: send these sales again, each after the result of the one before";

/// One line for each sale, in order.
fn results(taken: Taken, count: usize) -> Vec<u8> {
    let taken = with_conflicts_named(taken);
    let mut text = Vec::with_capacity(128 * count);
    match taken.items.as_slice() {
        items if items.len() == count => {
            items.iter().for_each(|item| push_line(&mut text, &SaleResult::of(item)));
        }
        // The pipeline could not take the batch apart: what it says of the whole it says of each line.
        [whole] if whole.status == ItemStatus::Quarantined => {
            (0..count).for_each(|_| push_line(&mut text, &SaleResult::of(whole)));
        }
        // Nobody may hear "accepted" for the sale of another line. Sent again, what was kept counts once.
        _ => text = told("lines-unclear", UNCLEAR).repeat(count),
    }
    text
}

/// A refusal of one line.
fn told(rule: &str, message: &str) -> Vec<u8> {
    refused(&[refusal(rule, message.to_owned())])
}

fn refused(findings: &[Quality]) -> Vec<u8> {
    let mut text = Vec::new();
    push_line(&mut text, &SaleResult { id: None, status: "refused", findings });
    text
}

fn push_line(text: &mut Vec<u8>, result: &SaleResult<'_>) {
    // Writing to memory does not fail, and a result holds nothing that JSON cannot.
    let _ = serde_json::to_writer(&mut *text, result);
    text.push(b'\n');
}

async fn write(
    io: &mut (impl AsyncWrite + Unpin),
    text: &[u8],
    wait: Duration,
) -> std::io::Result<()> {
    let written = async {
        io.write_all(text).await?;
        io.flush().await
    };
    timeout(wait, written).await?
}
