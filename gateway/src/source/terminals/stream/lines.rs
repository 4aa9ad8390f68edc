//! Lines of a connection, in batches: whatever is whole in the buffer goes together. Bounded by the longest line.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::{Zeroize, Zeroizing};

/// Lines that arrive together are taken together up to so many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// The lines of a connection.
pub(super) struct Lines<T> {
    /// The connection, for writing.
    pub(super) io: T,
    /// What was read and not given out; it may hold card data.
    pending: Zeroizing<Vec<u8>>,
    /// So many bytes of it are known to hold no line end.
    searched: usize,
    line_max: usize,
}

/// What comes next.
pub(super) enum Next {
    /// Whole lines, blank ones left out of the count.
    Batch { bytes: Zeroizing<Vec<u8>>, count: usize },
    /// The connection ended between lines.
    Ended,
    /// The connection ended within a line.
    Cut,
    /// No line came for long.
    Idle,
    /// A line was begun and not finished in time.
    Slow,
    /// A line is longer than a sale may be.
    TooLong,
}

impl<T: AsyncRead + Unpin> Lines<T> {
    pub(super) fn new(io: T, line_max: usize) -> Self {
        Self { io, pending: Zeroizing::new(Vec::new()), searched: 0, line_max }
    }

    /// The first line, without its end. None: the connection ended, or the line is too long.
    pub(super) async fn first(&mut self, max: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.give_out(end + 1)));
            }
            if self.pending.len() > max || self.read(max + 1).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next batch. Dropping the future loses nothing: what was read stays pending.
    pub(super) async fn next(&mut self, idle: Duration, whole_line: Duration) -> Next {
        let mut begun: Option<Instant> = None;
        loop {
            if let Some(end) = self.last_line_end() {
                let bytes = self.give_out(end + 1);
                let lines = bytes.split(|byte| *byte == b'\n');
                match lines.filter(|line| !line.trim_ascii().is_empty()).count() {
                    0 => begun = None,
                    count => return Next::Batch { bytes, count },
                }
                continue;
            }
            if self.pending.len() > self.line_max {
                return Next::TooLong;
            }
            let read = if self.pending.is_empty() {
                timeout(idle, self.read(BATCH_BYTES)).await.map_err(|_| Next::Idle)
            } else {
                let deadline = *begun.get_or_insert_with(|| Instant::now() + whole_line);
                timeout_at(deadline, self.read(BATCH_BYTES)).await.map_err(|_| Next::Slow)
            };
            match read {
                Err(late) => return late,
                Ok(Ok(0) | Err(_)) if self.pending.is_empty() => return Next::Ended,
                Ok(Ok(0) | Err(_)) => return Next::Cut,
                Ok(Ok(_)) => {}
            }
        }
    }

    fn last_line_end(&mut self) -> Option<usize> {
        let fresh = self.pending.get(self.searched..).unwrap_or_default();
        let found = fresh.iter().rposition(|byte| *byte == b'\n').map(|end| self.searched + end);
        self.searched = self.pending.len();
        found
    }

    /// Takes bytes from the front.
    fn give_out(&mut self, count: usize) -> Zeroizing<Vec<u8>> {
        let rest = Zeroizing::new(self.pending.get(count..).unwrap_or_default().to_vec());
        let mut given = std::mem::replace(&mut self.pending, rest);
        if let Some(tail) = given.get_mut(count..) {
            tail.zeroize();
        }
        given.truncate(count);
        self.searched = 0;
        given
    }

    /// Reads once, at most `count` bytes. Cancel safe: a read either happened and is pending, or did not happen.
    async fn read(&mut self, count: usize) -> io::Result<usize> {
        if self.pending.capacity() - self.pending.len() < count {
            // Growing in place would leave a copy behind that is not overwritten.
            let capacity = (self.pending.len() + count).max(self.pending.len() * 2);
            let mut grown = Zeroizing::new(Vec::with_capacity(capacity));
            grown.extend_from_slice(&self.pending);
            self.pending = grown;
        }
        let room = u64::try_from(count).unwrap_or(u64::MAX);
        (&mut self.io).take(room).read_buf(&mut *self.pending).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_arrived_together_goes_together() {
        let (mut near, far) = duplex(1024);
        let mut lines = Lines::new(far, 100);
        near.write_all(b"one\n\n two \r\nthr").await.unwrap();
        let Next::Batch { bytes, count } = lines.next(LONG, LONG).await else { panic!() };
        assert_eq!((&bytes[..], count), (&b"one\n\n two \r\n"[..], 2));
        near.write_all(b"ee\n\n").await.unwrap();
        let Next::Batch { bytes, count } = lines.next(LONG, LONG).await else { panic!() };
        assert_eq!((&bytes[..], count), (&b"three\n\n"[..], 1));
        near.write_all(b"\n\r\n").await.unwrap();
        drop(near);
        assert!(matches!(lines.next(LONG, LONG).await, Next::Ended));
    }

    #[tokio::test]
    async fn lines_end_or_are_told() {
        const SHORT: Duration = Duration::from_millis(20);
        let (mut near, far) = duplex(1024);
        let mut lines = Lines::new(far, 100);
        assert!(matches!(lines.next(SHORT, LONG).await, Next::Idle));
        near.write_all(b"half").await.unwrap();
        assert!(matches!(lines.next(LONG, SHORT).await, Next::Slow));
        near.write_all(&[b'x'; 97]).await.unwrap();
        assert!(matches!(lines.next(LONG, LONG).await, Next::TooLong));
        let (mut near, far) = duplex(1024);
        let mut lines = Lines::new(far, 100);
        near.write_all(b"half").await.unwrap();
        drop(near);
        assert!(matches!(lines.next(LONG, LONG).await, Next::Cut));
    }
}
