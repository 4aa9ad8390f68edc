//! What is spoken on an open port.
//!
//! In: bytes, and moments. Out: events, and bytes to send. Never: I/O, the clock.

use std::time::Duration;

use tillgate_parsers::framing::{Frame, LineFramer};
use tokio::time::Instant;

use crate::{DeviceEvent, DeviceSettings};

/// One way to speak with a device. It outlives its port: [`Self::close`] makes it ready for the next.
pub(crate) trait Dialogue: Send {
    /// The port is open, and bytes may wait in it already.
    fn open(&mut self, _now: Instant, _bytes_wait: bool) {}

    /// Takes bytes of the line. Says how many readings they ended.
    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32;

    /// When [`Self::wake`] is wanted, if nothing comes before.
    fn wake_at(&self) -> Option<Instant>;

    /// Nothing came until then.
    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>);

    /// All events so far have reached the lane.
    fn delivered(&mut self, now: Instant);

    /// Bytes to send since the last call.
    fn output(&mut self) -> Vec<u8>;

    /// The port is closed: what was not whole is dropped and reported.
    fn close(&mut self, events: &mut Vec<DeviceEvent>);
}

/// Lines to events: what tells one driver of lines from another.
pub(crate) trait Decoder: Send {
    /// Takes a line without prefix and suffix.
    fn line(&mut self, bytes: &[u8], damaged: bool, events: &mut Vec<DeviceEvent>);

    /// How long the line must be quiet until [`Self::quiet`] is wanted, while something waits for it.
    fn gap(&self) -> Option<Duration> {
        None
    }

    /// The line was quiet, or closed: what waits is whole.
    fn quiet(&mut self, _events: &mut Vec<DeviceEvent>) {}
}

/// ACK and NAK (ISO/IEC 646), for scanners that wait for one of them.
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// A device that sends lines, and may wait for an ACK to each.
pub(crate) struct Lines<D> {
    framer: LineFramer,
    decoder: D,
    /// Without a suffix a reading ends when nothing came for so long.
    idle_gap: Duration,
    /// Whether the device waits for answers.
    answers: bool,
    /// What else the device hears of a reading that was taken, and of a line that was damaged.
    accept: Vec<u8>,
    refuse: Vec<u8>,
    /// Frames that are on their way to the lane.
    unanswered: usize,
    output: Vec<u8>,
    /// When the port was opened, until the first bytes come.
    opened_at: Option<Instant>,
    /// When the last bytes came.
    last_read_at: Option<Instant>,
}

/// Bytes that come sooner after the port was opened may be the rest of a line: no adapter holds bytes back for longer
/// (FTDI's latency timer: 16 ms).
const BEGINS_AFTER: Duration = Duration::from_millis(20);

impl<D: Decoder> Lines<D> {
    pub(crate) fn new(settings: &DeviceSettings, decoder: D) -> Self {
        Self {
            framer: LineFramer::new(settings.framing.clone()),
            decoder,
            idle_gap: Duration::from_millis(settings.idle_gap_ms),
            answers: settings.acknowledge,
            accept: settings.accept.clone(),
            refuse: settings.refuse.clone(),
            unanswered: 0,
            output: Vec::new(),
            opened_at: None,
            last_read_at: None,
        }
    }

    /// When a frame ends that only a pause ends.
    fn frame_ends_at(&self) -> Option<Instant> {
        let waits = self.framer.ends_with_a_pause() && self.framer.pending_bytes() > 0;
        waits.then_some(self.last_read_at? + self.idle_gap)
    }

    fn quiet_at(&self) -> Option<Instant> {
        Some(self.last_read_at? + self.decoder.gap()?)
    }

    /// Hands frames to the decoder; says how many.
    fn frames(
        &mut self,
        events: &mut Vec<DeviceEvent>,
        feed: impl FnOnce(&mut LineFramer, &mut dyn FnMut(Frame<'_>)),
    ) -> u32 {
        let Self { framer, decoder, answers, unanswered, refuse, output, .. } = self;
        let mut frames = 0;
        feed(framer, &mut |frame| {
            frames += 1;
            if let Frame::Line { bytes, damaged: false } = frame {
                *unanswered += 1;
                return decoder.line(bytes, false, events);
            }
            output.extend(answers.then_some(NAK));
            output.extend_from_slice(refuse);
            match frame {
                // It comes again: taken as well, it would be two readings.
                Frame::Line { bytes, .. } if *answers => {
                    events.push(DeviceEvent::Damaged { problem: ASKED_AGAIN, bytes: bytes.len() });
                }
                Frame::Rest { bytes } => events.push(DeviceEvent::Damaged { problem: REST, bytes }),
                Frame::Overflow { bytes } => events.push(DeviceEvent::Overflow { bytes }),
                Frame::Line { bytes, damaged } => decoder.line(bytes, damaged, events),
            }
        });
        frames
    }
}

const ASKED_AGAIN: &str = "a damaged line, which the device was asked to send again: compare `prefix`, `suffix`, \
                           `baud` and `line` with its settings";

const REST: &str =
    "the end of a reading that was under way when the port was opened: read it again";

impl<D: Decoder> Dialogue for Lines<D> {
    fn open(&mut self, now: Instant, bytes_wait: bool) {
        self.opened_at = Some(now);
        if bytes_wait {
            self.framer.begin_midway();
        }
    }

    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32 {
        if self.opened_at.take().is_some_and(|at| now - at < BEGINS_AFTER) {
            self.framer.begin_midway();
        }
        self.last_read_at = Some(now);
        self.frames(events, |framer, mut deliver| framer.feed(bytes, &mut deliver))
    }

    fn wake_at(&self) -> Option<Instant> {
        [self.frame_ends_at(), self.quiet_at()].into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>) {
        if self.frame_ends_at().is_some_and(|at| at <= now) {
            self.frames(events, |framer, mut deliver| framer.quiet(&mut deliver));
        }
        if self.quiet_at().is_some_and(|at| at <= now) {
            self.decoder.quiet(events);
        }
    }

    fn delivered(&mut self, _now: Instant) {
        let answers = std::mem::take(&mut self.unanswered);
        for _ in 0..answers {
            self.output.extend(self.answers.then_some(ACK));
            self.output.extend_from_slice(&self.accept);
        }
    }

    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn close(&mut self, events: &mut Vec<DeviceEvent>) {
        self.decoder.quiet(events);
        self.unanswered = 0;
        self.output.clear();
        let partial = self.framer.close();
        if partial > 0 {
            events.push(DeviceEvent::Partial { bytes: partial });
        }
    }
}
