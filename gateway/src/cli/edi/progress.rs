//! How far the work is: one line on a terminal, drawn again and again.
//!
//! In: what is done. Out: a line on stderr that is gone at the end. Never: a byte where stderr is no terminal.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Time between two drawings.
pub(super) const REDRAW: Duration = Duration::from_millis(150);

/// Characters of the bar.
const BAR_CHARS: usize = 30;

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    files: usize,
    bytes: u64,
    began: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    /// For so much work. `shown`: stderr is a terminal.
    pub(super) fn new(shown: bool, files: usize, bytes: u64) -> Self {
        Self { shown, files, bytes, began: Instant::now(), drawn: None }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Draws the line, where the last drawing is long enough ago.
    pub(super) fn draw(
        &mut self,
        words: &mut impl Write,
        files: usize,
        bytes: u64,
    ) -> io::Result<()> {
        let since = self.drawn.unwrap_or(self.began);
        if !self.shown || since.elapsed() < REDRAW {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let line = self.line(files, bytes);
        write!(words, "\r\x1b[2K{line}")?;
        words.flush()
    }

    /// Takes the line away, so that something else can be printed.
    pub(super) fn clear(&mut self, words: &mut impl Write) -> io::Result<()> {
        if !self.shown || self.drawn.is_none() {
            return Ok(());
        }
        write!(words, "\r\x1b[2K")?;
        words.flush()
    }

    /// By bytes where they are known, since files differ in size.
    fn line(&self, files: usize, bytes: u64) -> String {
        let speed = rate(bytes, self.elapsed());
        let done = format!("{files} of {} files, {}, {speed}", self.files, size(bytes));
        if self.bytes == 0 {
            return done;
        }
        let filled = bytes.min(self.bytes) as f64 / self.bytes as f64;
        #[expect(clippy::cast_possible_truncation, reason = "at most the width of the bar")]
        let filled_chars = (filled * BAR_CHARS as f64) as usize;
        let bar = "#".repeat(filled_chars) + &"-".repeat(BAR_CHARS - filled_chars);
        format!("[{bar}] {:3.0} %  {done}", filled * 100.0)
    }
}

/// Bytes for people, in powers of ten.
pub(super) fn size(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// Bytes a second for people.
pub(super) fn rate(bytes: u64, time: Duration) -> String {
    format!("{:.1} MB/s", bytes as f64 / 1e6 / time.as_secs_f64().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_for_a_terminal_only() {
        let mut words = Vec::new();
        let mut progress = Progress::new(false, 10, 1000);
        progress.began -= REDRAW;
        progress.draw(&mut words, 5, 500).unwrap();
        progress.clear(&mut words).unwrap();
        assert!(words.is_empty());
        progress.shown = true;
        progress.draw(&mut words, 5, 500).unwrap();
        progress.draw(&mut words, 6, 600).unwrap();
        progress.clear(&mut words).unwrap();
        let text = String::from_utf8(words).unwrap();
        assert!(
            text.contains("[###############---------------]  50 %  5 of 10 files, 500 bytes"),
            "{text}"
        );
        assert!(!text.contains("6 of 10"), "too early: {text}");
        assert!(text.ends_with("\r\x1b[2K"), "{text}");
    }

    #[test]
    fn a_file_that_grows_does_not_burst_the_bar() {
        let line = Progress::new(true, 1, 1000).line(0, 5000);
        assert!(line.starts_with(&format!("[{}] 100 %", "#".repeat(BAR_CHARS))), "{line}");
        assert_eq!(size(1_234_567), "1.2 MB");
        assert_eq!(rate(5_000_000, Duration::from_secs(2)), "2.5 MB/s");
    }
}
