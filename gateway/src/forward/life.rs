//! Signs of life of a broker, seen on the stream itself: bytes that come from it, and room that it makes.
//!
//! A client that waits for a write tells nothing of what comes in meanwhile, and a client that wrote into a buffer of
//! this machine knows nothing of the broker. So a write counts only where it had to wait: its room comes from bytes
//! that the broker's side took. Never: a sign of life from what this machine does by itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::dial::Stream;

/// How many signs there were on a connection.
#[derive(Debug, Default)]
pub(super) struct Life {
    heard: AtomicU64,
    taken: AtomicU64,
}

impl Life {
    /// Signs of any kind so far.
    pub(super) fn signs(&self) -> u64 {
        self.heard.load(Ordering::Relaxed) + self.taken()
    }

    /// How often the broker's side made room for what waited here.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A stream whose signs of life are counted.
pub(super) struct Heard {
    stream: Stream,
    life: Arc<Life>,
    write_waited: bool,
    flush_waited: bool,
}

impl Heard {
    pub(super) fn new(stream: Stream, life: Arc<Life>) -> Self {
        Self { stream, life, write_waited: false, flush_waited: false }
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.life.heard.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        let waited = std::mem::replace(&mut self.write_waited, written.is_pending());
        if waited && matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.life.taken.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        let waited = std::mem::replace(&mut self.flush_waited, flushed.is_pending());
        if waited && matches!(flushed, Poll::Ready(Ok(()))) {
            self.life.taken.fetch_add(1, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How long a count has stood still while it matters.
#[derive(Debug)]
pub(super) struct Still {
    count: u64,
    since: Instant,
}

impl Still {
    pub(super) fn new() -> Self {
        Self { count: u64::MAX, since: Instant::now() }
    }

    /// Looks at the count. While it does not matter, the time does not run.
    pub(super) fn look(&mut self, count: u64, matters: bool) -> Duration {
        if count != self.count || !matters {
            *self = Self { count, since: Instant::now() };
        }
        self.since.elapsed()
    }

    /// When it began to stand still, as far as was looked.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}
