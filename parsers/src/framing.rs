//! Bytes of a serial line become frames: one frame is what a scanner or reader sends for one reading.
//!
//! In: bytes in chunks of any size, as the line delivers them. Out: frames without prefix and suffix, and reports of
//! bytes that had to be dropped. Chunked input gives the same frames as whole input. Never: a frame that was cut, a
//! frame that had not ended when the line closed, a copy of a frame that outlives it (it may hold card data).

use zeroize::{Zeroize, Zeroizing};

/// What a device puts around a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramingSettings {
    /// Bytes before each reading; mostly none.
    pub prefix: Vec<u8>,
    /// What ends a reading.
    pub suffix: FrameEnd,
    /// The longest frame, prefix included. A longer one is dropped whole and reported.
    pub frame_bytes_max: usize,
}

/// What ends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameEnd {
    /// CR; an LF right after it belongs to it.
    Cr,
    /// LF.
    Lf,
    /// CR LF, and neither of them alone.
    CrLf,
    /// Tab.
    Tab,
    /// ETX, mostly with STX as prefix.
    Etx,
    /// CR, LF or CR LF.
    Any,
    /// Nothing but a pause: [`LineFramer::quiet`].
    Gap,
}

/// What came out of the line. No `Debug`: a frame may be a card's track.
pub enum Frame<'a> {
    /// One frame, never empty.
    Line {
        /// The content without prefix and suffix.
        bytes: &'a [u8],
        /// The configured prefix was missing, or there are control bytes other than GS: noise on the line or a wrong
        /// line setting.
        damaged: bool,
    },
    /// The end of a frame whose beginning nobody has: not handed over, since what is left of a code can be another
    /// code with a right check digit, and what is left of a track a number.
    Rest {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// So many bytes came without a frame end that they could not be kept.
    Overflow {
        /// Bytes that were dropped.
        bytes: usize,
    },
}

/// A device that never sends the configured suffix would drop bytes for ever in silence. So it is reported every
/// so many bytes.
const OVERFLOW_REPORT_BYTES: usize = 64 * 1024;

const LF: u8 = 0x0A;
const CR: u8 = 0x0D;
const TAB: u8 = 0x09;
const ETX: u8 = 0x03;

/// FNC1 inside a GS1 element string arrives as GS: it is data (GS1 General Specifications, 7.8.3).
const GS: u8 = 0x1D;

/// Cuts a stream of bytes into frames. No `Debug`: what is pending may be a card's track.
pub struct LineFramer {
    settings: FramingSettings,
    /// The frame so far. Its capacity never grows, so that no copy of its content is left behind in the heap.
    pending: Zeroizing<Vec<u8>>,
    /// Bytes of a frame that was too long, not yet reported.
    dropped: usize,
    /// The rest of this frame is to be dropped.
    dropping: bool,
    last_was_cr: bool,
    /// The line was opened in the middle of this frame, as far as anybody knows.
    midway: bool,
}

impl LineFramer {
    /// A framer at the start of a frame.
    #[must_use]
    pub fn new(settings: FramingSettings) -> Self {
        let pending = Zeroizing::new(Vec::with_capacity(settings.frame_bytes_max + 2));
        Self { settings, pending, dropped: 0, dropping: false, last_was_cr: false, midway: false }
    }

    /// What comes first may be the rest of a frame. Only a prefix tells that it is whole.
    pub fn begin_midway(&mut self) {
        self.midway = true;
    }

    /// Takes the next bytes of the line and hands over each frame that ends in them.
    pub fn feed(&mut self, bytes: &[u8], deliver: &mut impl FnMut(Frame<'_>)) {
        for &byte in bytes {
            self.take(byte, deliver);
        }
    }

    /// Bytes that wait for their frame end.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.len() + self.dropped
    }

    /// The line was quiet for as long as it never is within a reading. Ends a frame where nothing else does.
    pub fn quiet(&mut self, deliver: &mut impl FnMut(Frame<'_>)) {
        if self.settings.suffix == FrameEnd::Gap && self.pending_bytes() > 0 {
            self.end(deliver);
        }
    }

    /// Whether a pause ends a frame.
    #[must_use]
    pub fn ends_with_a_pause(&self) -> bool {
        self.settings.suffix == FrameEnd::Gap
    }

    /// The line closed: what had no frame end is wiped, never delivered. Says how many bytes that were.
    pub fn close(&mut self) -> usize {
        let partial = self.pending_bytes();
        self.wipe();
        self.dropped = 0;
        self.dropping = false;
        self.last_was_cr = false;
        self.midway = false;
        partial
    }

    fn take(&mut self, byte: u8, deliver: &mut impl FnMut(Frame<'_>)) {
        let after_cr = std::mem::replace(&mut self.last_was_cr, byte == CR);
        match (self.settings.suffix, byte) {
            // The second half of a CR LF whose CR has ended the frame, maybe in an earlier read.
            (FrameEnd::Cr | FrameEnd::Any, LF) if after_cr => {}
            (FrameEnd::Cr | FrameEnd::Any, CR)
            | (FrameEnd::Lf | FrameEnd::Any, LF)
            | (FrameEnd::Tab, TAB)
            | (FrameEnd::Etx, ETX) => self.end(deliver),
            (FrameEnd::CrLf, LF) if after_cr => {
                self.take_back_cr();
                self.end(deliver);
            }
            _ => self.keep(byte, deliver),
        }
    }

    fn keep(&mut self, byte: u8, deliver: &mut impl FnMut(Frame<'_>)) {
        if self.dropping {
            self.dropped += 1;
            if self.dropped >= OVERFLOW_REPORT_BYTES {
                deliver(Frame::Overflow { bytes: std::mem::take(&mut self.dropped) });
            }
            return;
        }
        self.pending.push(byte);
        // The CR of a CR LF is no part of the frame, but only the next byte tells.
        let suffix_begun = usize::from(self.settings.suffix == FrameEnd::CrLf && byte == CR);
        if self.pending.len() > self.settings.frame_bytes_max + suffix_begun {
            self.dropped = self.pending.len();
            self.dropping = true;
            self.wipe();
        }
    }

    fn take_back_cr(&mut self) {
        if self.dropping {
            self.dropped = self.dropped.saturating_sub(1);
        } else {
            self.pending.pop();
        }
    }

    fn end(&mut self, deliver: &mut impl FnMut(Frame<'_>)) {
        let midway = std::mem::take(&mut self.midway);
        if std::mem::take(&mut self.dropping) {
            deliver(Frame::Overflow { bytes: std::mem::take(&mut self.dropped) });
            return;
        }
        let frame = self.pending.as_slice();
        let content = frame.strip_prefix(self.settings.prefix.as_slice());
        let bytes = content.unwrap_or(frame);
        let damaged = content.is_none() || bytes.iter().copied().any(is_foreign);
        let begins_here = !self.settings.prefix.is_empty() && content.is_some();
        if midway && !begins_here && !frame.is_empty() {
            deliver(Frame::Rest { bytes: frame.len() });
        } else if !bytes.is_empty() {
            deliver(Frame::Line { bytes, damaged });
        }
        self.wipe();
    }

    fn wipe(&mut self) {
        self.pending.as_mut_slice().zeroize();
        self.pending.clear();
    }
}

/// A control byte that is not data of any symbology in use.
fn is_foreign(byte: u8) -> bool {
    byte.is_ascii_control() && byte != GS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames as text: damaged ones end in `!`, overflows read `>BYTES`, a partial at close reads `~BYTES`.
    fn frames(suffix: FrameEnd, prefix: &[u8], chunks: &[&[u8]]) -> Vec<String> {
        let settings = FramingSettings { prefix: prefix.to_vec(), suffix, frame_bytes_max: 8 };
        let mut framer = LineFramer::new(settings);
        let mut seen = Vec::new();
        for chunk in chunks {
            framer.feed(chunk, &mut |frame| seen.push(as_text(&frame)));
        }
        let partial = framer.close();
        if partial > 0 {
            seen.push(format!("~{partial}"));
        }
        assert_eq!(framer.close(), 0, "closing twice counts a partial frame twice");
        seen
    }

    fn as_text(frame: &Frame<'_>) -> String {
        match frame {
            Frame::Line { bytes, damaged } => {
                format!("{}{}", bytes.escape_ascii(), if *damaged { "!" } else { "" })
            }
            Frame::Rest { bytes } => format!("<{bytes}"),
            Frame::Overflow { bytes } => format!(">{bytes}"),
        }
    }

    #[test]
    fn each_suffix_ends_its_frames() {
        use FrameEnd::{Any, Cr, CrLf, Etx, Gap, Lf, Tab};
        let cases: &[(FrameEnd, &[u8], &[&str])] = &[
            (Any, b"a\rb\nc\r\nd", &["a", "b", "c", "~1"]),
            (Any, b"\r\n\r\n\n\r", &[]),
            (Cr, b"a\rb\r\nc\r", &["a", "b", "c"]),
            (Cr, b"a\nb\r", &["a\\nb!"]),
            (Lf, b"a\nb\r\n", &["a", "b\\r!"]),
            (CrLf, b"a\r\nb\rc\nd\r\n", &["a", "b\\rc\\nd!"]),
            (CrLf, b"a\r\r\n\r", &["a\\r!", "~1"]),
            (Tab, b"a\tb\t\t", &["a", "b"]),
            (Etx, b"a\x03b\x03\rc\x03", &["a", "b", "\\rc!"]),
            (Gap, b"a1b2", &["~4"]),
        ];
        for (suffix, input, expected) in cases {
            assert_eq!(frames(*suffix, b"", &[input]), *expected, "{suffix:?} {input:?}");
        }
    }

    #[test]
    fn cr_now_and_lf_in_the_next_read_are_one_suffix() {
        assert_eq!(frames(FrameEnd::Any, b"", &[b"a\r", b"\nb\r", b"\n"]), ["a", "b"]);
        assert_eq!(frames(FrameEnd::Cr, b"", &[b"a\r", b"\nb\r"]), ["a", "b"]);
        assert_eq!(frames(FrameEnd::CrLf, b"", &[b"a\r", b"\nb\r", b"\n"]), ["a", "b"]);
    }

    #[test]
    fn group_separators_are_data_and_other_control_bytes_mark_the_frame() {
        assert_eq!(frames(FrameEnd::Any, b"", &[b"10A\x1d21\r"]), ["10A\\x1d21"]);
        assert_eq!(frames(FrameEnd::Any, b"", &[b"a\0b\x7f\rc\r"]), ["a\\x00b\\x7f!", "c"]);
    }

    #[test]
    fn a_missing_prefix_marks_the_frame_and_keeps_it() {
        assert_eq!(frames(FrameEnd::Any, b"\x02", &[b"\x02a\rb\r\x02\r"]), ["a", "b!"]);
    }

    #[test]
    fn what_a_line_is_opened_in_the_middle_of_is_no_frame() {
        let cases: &[(&[u8], &[u8], &[&str])] = &[
            (b"", b"6381333931\r4006381333931\r", &["<10", "4006381333931"]),
            (b"", b"\r\nab\r\n", &["ab"]),
            (b"", b"123456789012345\rab\r", &[">15", "ab"]),
            (b"\x02", b"\x02ab\r\x02c\r", &["ab", "c"]),
            (b"\x02", b"ab\rc\r", &["<2", "c!"]),
        ];
        for (prefix, input, expected) in cases {
            let settings = FramingSettings {
                prefix: prefix.to_vec(),
                suffix: FrameEnd::Any,
                frame_bytes_max: 13,
            };
            let mut framer = LineFramer::new(settings);
            framer.begin_midway();
            let mut seen = Vec::new();
            framer.feed(input, &mut |frame| seen.push(as_text(&frame)));
            assert_eq!(seen, *expected, "{input:?}");
        }
    }

    #[test]
    fn a_pause_ends_a_frame_only_where_nothing_else_does() {
        for (suffix, expected) in [(FrameEnd::Gap, vec!["ab", "c", ">9"]), (FrameEnd::Any, vec![])]
        {
            let settings = FramingSettings { prefix: Vec::new(), suffix, frame_bytes_max: 8 };
            let mut framer = LineFramer::new(settings);
            let mut seen = Vec::new();
            for chunks in [&[&b"a"[..], b"b"][..], &[], &[b"c"], &[b"123456789"]] {
                for chunk in chunks {
                    framer.feed(chunk, &mut |frame| seen.push(as_text(&frame)));
                }
                framer.quiet(&mut |frame| seen.push(as_text(&frame)));
            }
            assert_eq!(seen, expected, "{suffix:?}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_dropped_whole_and_reported() {
        for suffix in [FrameEnd::Any, FrameEnd::CrLf] {
            assert_eq!(
                frames(suffix, b"", &[b"12345678\r\n123456789\r\nc\r\n"]),
                ["12345678", ">9", "c"]
            );
        }
        assert_eq!(frames(FrameEnd::CrLf, b"", &[b"12345678\rx\r\nc\r\n"]), [">10", "c"]);
        assert_eq!(frames(FrameEnd::Any, b"", &[b"123456789ABC"]), ["~12"]);
    }

    #[test]
    fn a_line_that_never_ends_a_frame_is_reported_all_the_same() {
        let noise = vec![b'x'; 2 * OVERFLOW_REPORT_BYTES + 3];
        let expected = [">65536", ">65536", ">3", "a"];
        assert_eq!(frames(FrameEnd::Any, b"", &[&noise, b"\ra\r"]), expected);
    }

    /// Bytes in which the interesting ones are frequent.
    fn line_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"\r\n\t\x02\x1d\0abc12".to_vec()), 0..80)
    }

    proptest! {
        #[test]
        fn chunked_input_gives_the_frames_of_whole_input(
            input in line_bytes(),
            cuts in prop::collection::vec(0_usize..80, 0..12),
            suffix in prop::sample::select(vec![
                FrameEnd::Cr, FrameEnd::Lf, FrameEnd::CrLf, FrameEnd::Tab, FrameEnd::Etx,
                FrameEnd::Any, FrameEnd::Gap,
            ]),
            prefix in prop::sample::select(vec![b"".as_slice(), b"\x02"]),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
            prop_assert_eq!(frames(suffix, prefix, &chunks), frames(suffix, prefix, &[&input]));
        }

        #[test]
        fn no_frame_is_longer_than_allowed_and_no_byte_vanishes(input in line_bytes()) {
            let settings =
                FramingSettings { prefix: Vec::new(), suffix: FrameEnd::Tab, frame_bytes_max: 8 };
            let mut framer = LineFramer::new(settings);
            let mut accounted = input.iter().filter(|byte| **byte == TAB).count();
            framer.feed(&input, &mut |frame| match frame {
                Frame::Line { bytes, .. } => {
                    assert!(bytes.len() <= 8);
                    accounted += bytes.len();
                }
                Frame::Rest { bytes } | Frame::Overflow { bytes } => accounted += bytes,
            });
            prop_assert_eq!(accounted + framer.close(), input.len());
        }
    }
}
