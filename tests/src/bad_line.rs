//! A bad line: a TCP proxy that resets its connections after a random number of bytes, wherever in a packet that is.
//!
//! In: connections to its own address. Out: the same bytes at the target, as far as they get. Never: a byte that was
//! not sent, a byte out of order.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How many bytes pass at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// A side that takes nothing for so long is given up.
const WRITE_SECONDS: u64 = 10;
/// So often an idle connection looks whether the line is gone.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A line to one target.
#[derive(Debug)]
pub struct BadLine {
    port: u16,
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    target: String,
    bytes_max: u64,
    random: Mutex<SmallRng>,
    is_good: AtomicBool,
    is_gone: AtomicBool,
    cuts: AtomicU64,
}

impl BadLine {
    /// A line to a target, whose connections live for at most so many bytes; most of them for far less.
    ///
    /// # Panics
    ///
    /// When there is no port for it.
    #[must_use]
    pub fn to(target: &str, bytes_max: u64, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the port of a listener").port();
        let line = Arc::new(Line {
            target: target.to_owned(),
            bytes_max,
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
            is_good: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            cuts: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&line);
        thread::spawn(move || accepting.accept(&listener));
        Self { port, line }
    }

    /// Where to connect.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on no connection is cut.
    pub fn mend(&self) {
        self.line.is_good.store(true, Ordering::Relaxed);
    }

    /// Connections that were cut so far.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.line.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.line.is_gone.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees that it is gone.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Line {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().map_while(Result::ok) {
            if self.is_gone.load(Ordering::Relaxed) {
                return;
            }
            let line = Arc::clone(self);
            thread::spawn(move || {
                // A target that is away, or a side that hangs up: the other side sees the end, too.
                let _ended = TcpStream::connect(&line.target)
                    .and_then(|server| line.carry(&client, &server));
            });
        }
    }

    /// As many short lives as long ones: the bytes are chosen by their magnitude.
    fn life_bytes(&self) -> u64 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.bytes_max >> random.random_range(0..12);
        random.random_range(1..=most.max(2))
    }

    fn carry(&self, client: &TcpStream, server: &TcpStream) -> io::Result<()> {
        let mut left = self.life_bytes();
        for side in [client, server] {
            side.set_nodelay(true)?;
            side.set_write_timeout(Some(Duration::from_secs(WRITE_SECONDS)))?;
        }
        let mut chunk = [0; CHUNK_BYTES];
        while !self.is_gone.load(Ordering::Relaxed) {
            for (mut from, mut to) in readable(client, server)? {
                let read = from.read(&mut chunk)?;
                if read == 0 {
                    return Ok(());
                }
                let is_cut = left < read as u64 && !self.is_good.load(Ordering::Relaxed);
                let passed = if is_cut { usize::try_from(left).unwrap_or(read) } else { read };
                to.write_all(&chunk[..passed])?;
                left = left.saturating_sub(read as u64);
                if is_cut {
                    self.cuts.fetch_add(1, Ordering::Relaxed);
                    reset(client)?;
                    return reset(server);
                }
            }
        }
        Ok(())
    }
}

/// Pairs of a side that has bytes, or has ended, and the other one.
fn readable<'a>(
    client: &'a TcpStream,
    server: &'a TcpStream,
) -> io::Result<Vec<(&'a TcpStream, &'a TcpStream)>> {
    let mut sides = [PollFd::new(client, PollFlags::IN), PollFd::new(server, PollFlags::IN)];
    poll(&mut sides, Some(&LOOK))?;
    let pairs = [(client, server), (server, client)];
    let ready = pairs.into_iter().zip(&sides).filter(|(_, side)| !side.revents().is_empty());
    Ok(ready.map(|(pair, _)| pair).collect())
}

/// Closing then sends RST instead of FIN, and what was not sent yet is thrown away.
fn reset(side: &TcpStream) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(side, Some(Duration::ZERO))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || io::copy(&mut stream.try_clone().unwrap(), &mut stream));
            }
        });
        address
    }

    #[test]
    fn a_bad_line_cuts_and_a_mended_one_does_not() {
        let line = BadLine::to(&echo(), 1000, 7);
        let send = || {
            let mut stream = TcpStream::connect(line.address())?;
            stream.write_all(&[7; 5000])?;
            stream.read_exact(&mut [0; 5000])
        };
        assert!((0..5).all(|_| send().is_err()), "1,000 bytes at most came through");
        assert_eq!(line.cuts(), 5);
        line.mend();
        send().unwrap();
        assert_eq!(line.cuts(), 5);
    }
}
