//! One swipe from stdin: a pipe, a file, or a terminal that a keyboard wedge types on.
//!
//! In: an open input. Out: the bytes of a swipe, without the swipes behind it. Never: a wait for the end of an input
//! that has none, a number on a screen, a copy that is not wiped.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longest swipe that is read, in bytes.
const SWIPE_BYTES_MAX: usize = 4096;
/// A reader sends its tracks with less between them.
const PAUSE_BEHIND_END: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };
/// A reader that sends neither end sentinel nor line end is done by then.
const PAUSE_WITHOUT_END: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What came.
pub(super) struct Swipe {
    pub(super) frame: Zeroizing<Vec<u8>>,
    /// Whether another swipe came with it, which is not in `frame`.
    pub(super) more: bool,
}

/// Whether a person looks at what is typed.
pub(super) fn is_terminal(input: BorrowedFd<'_>) -> bool {
    isatty(input)
}

/// Waits for a swipe and reads it. What a terminal would show of it, it does not.
pub(super) fn swipe(input: BorrowedFd<'_>) -> io::Result<Swipe> {
    let _unseen = Unseen::new(input);
    // All its room from the start: a vector that grows leaves copies behind.
    let mut frame = Zeroizing::new(vec![0; SWIPE_BYTES_MAX]);
    let mut length = 0;
    while let Some(free) = frame.get_mut(length..).filter(|free| !free.is_empty()) {
        match read(input, free) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let pause = match frame.get(..length).is_some_and(has_end) {
            true => PAUSE_BEHIND_END,
            false => PAUSE_WITHOUT_END,
        };
        if !more_within(input, pause)? {
            break;
        }
    }
    frame.truncate(length);
    let end = end_of_first(&frame);
    let more = end < length;
    // What is cut off stays in the room of the vector, which is wiped with it.
    frame.truncate(end);
    Ok(Swipe { frame, more })
}

fn more_within(input: BorrowedFd<'_>, pause: Timespec) -> io::Result<bool> {
    let mut waiting = [PollFd::from_borrowed_fd(input, PollFlags::IN)];
    loop {
        match poll(&mut waiting, Some(&pause)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn has_end(frame: &[u8]) -> bool {
    let digits = frame.iter().any(u8::is_ascii_digit);
    digits && frame.iter().any(|byte| matches!(byte, b'?' | b'\r' | b'\n'))
}

/// Tracks come in their order, `%`, `;`, `+`: a line that begins with an earlier one, or the same, is of another swipe.
fn end_of_first(frame: &[u8]) -> usize {
    let rank = |line: &[u8]| match line.first() {
        Some(b'%') => Some(1),
        Some(b';') => Some(2),
        Some(b'+') => Some(3),
        _ => None,
    };
    let (mut at, mut highest) = (0, 0);
    for line in frame.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
        if let Some(rank) = rank(line) {
            if rank <= highest {
                return at;
            }
            let has = |sentinel: u8| line.contains(&sentinel);
            highest = if has(b'+') {
                3
            } else if has(b';') {
                2
            } else {
                rank
            };
        }
        at += line.len();
    }
    at
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen<'a> {
    input: BorrowedFd<'a>,
    before: Option<Termios>,
}

impl<'a> Unseen<'a> {
    fn new(input: BorrowedFd<'a>) -> Self {
        let before = tcgetattr(input).ok();
        if let Some(before) = &before {
            let mut without = before.clone();
            without.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            // A terminal that cannot is as good as one that was not asked.
            let _changed = tcsetattr(input, OptionalActions::Flush, &without);
        }
        Self { input, before }
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _restored = tcsetattr(self.input, OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_swipe_ends_where_its_reader_pauses_and_not_at_the_end_of_the_input() {
        for text in
            ["%B9156001122334^M^?;9156001122334=29?\r", ";9156001122334?", "%9156?\r\n;9156?\r\n"]
        {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            let began = Instant::now();
            let read = swipe(reader.as_fd()).unwrap();
            assert_eq!((read.frame.as_slice(), read.more), (text.as_bytes(), false));
            assert!(began.elapsed() < Duration::from_millis(1500), "it waited for the end");
            drop(writer);
        }
    }

    #[test]
    fn a_second_swipe_is_noticed_and_left_out() {
        for (first, second) in [
            (";9156001122334?\n", ";9156001122335?\n"),
            ("%B1234^A^?;1234?\r", "%B1235^B^?;1235?\r"),
            ("%B1234^A^?\r;1234?\r", "%B1235^B^?\r"),
        ] {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(first.as_bytes()).unwrap();
            writer.write_all(second.as_bytes()).unwrap();
            drop(writer);
            let read = swipe(reader.as_fd()).unwrap();
            assert_eq!((read.frame.as_slice(), read.more), (first.as_bytes(), true));
        }
    }

    #[test]
    fn an_endless_input_is_bounded() {
        let endless = std::fs::File::open("/dev/zero").unwrap();
        assert_eq!(swipe(endless.as_fd()).unwrap().frame.len(), SWIPE_BYTES_MAX);
    }

    #[test]
    fn a_terminal_shows_nothing_of_a_swipe_and_is_as_before_then() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let mut open = std::fs::OpenOptions::new();
        let terminal = open.read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let typed = person.try_clone().unwrap();
        let typing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            rustix::io::write(&typed, b";4111111111111111=2912?\n").unwrap();
        });
        let read = swipe(terminal.as_fd()).unwrap();
        typing.join().unwrap();
        assert_eq!(read.frame.as_slice(), b";4111111111111111=2912?\n");
        assert!(!more_within(person.as_fd(), PAUSE_BEHIND_END).unwrap(), "the number was shown");
        assert!(tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO));
    }
}
