//! What is spoken on an open port.
//!
//! In: bytes, and moments. Out: events, and bytes to send. Never: I/O, the clock.

use std::collections::VecDeque;
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

    /// Whether the device hears what becomes of its readings.
    fn awaits_verdicts(&self) -> bool {
        false
    }

    /// The first reading that has no verdict yet is durable, or was not taken.
    fn settled(&mut self, _is_taken: bool, _now: Instant) {}

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
    /// What is due for each reading once there is a verdict.
    due: VecDeque<Due>,
    output: Vec<u8>,
    /// When the port was opened, until the first bytes come.
    opened_at: Option<Instant>,
    /// When the last bytes came.
    last_read_at: Option<Instant>,
}

/// A reading whose end has not come after so long has none: what comes later belongs to another. Nothing of it stays in
/// memory, since it may be a card's track.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// What a device hears with the verdict on a reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// ACK or NAK for its line, and the sound.
    Answer,
    /// The sound only: its line was answered.
    Sound,
    /// Nothing: it came damaged, and the device has heard so.
    Nothing,
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
            due: VecDeque::new(),
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

    /// When what waits for its end has waited too long.
    fn given_up_at(&self) -> Option<Instant> {
        let waits = !self.framer.ends_with_a_pause() && self.framer.pending_bytes() > 0;
        waits.then_some(self.last_read_at? + ENDS_WITHIN)
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
        let awaits = self.awaits_verdicts();
        let Self { framer, decoder, answers, due, refuse, output, .. } = self;
        let mut frames = 0;
        feed(framer, &mut |frame| {
            frames += 1;
            if let Frame::Line { bytes, damaged: false } = frame {
                let before = events.len();
                decoder.line(bytes, false, events);
                let first = if *answers { Due::Answer } else { Due::Sound };
                let readings = readings_of(events, before);
                // The first line of a card's tracks is no reading yet, and the next comes after the answer.
                output.extend((*answers && readings == 0).then_some(ACK));
                let all = std::iter::once(first).chain(std::iter::repeat(Due::Sound));
                due.extend(all.take(if awaits { readings } else { 0 }));
                return;
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
                Frame::Line { bytes, damaged } => {
                    let before = events.len();
                    decoder.line(bytes, damaged, events);
                    let readings = if awaits { readings_of(events, before) } else { 0 };
                    due.extend(std::iter::repeat_n(Due::Nothing, readings));
                }
            }
        });
        frames
    }

    /// The decoder ends what waits.
    fn decoder_quiet(&mut self, events: &mut Vec<DeviceEvent>) {
        let before = events.len();
        self.decoder.quiet(events);
        let readings = if self.awaits_verdicts() { readings_of(events, before) } else { 0 };
        self.due.extend(std::iter::repeat_n(Due::Sound, readings));
    }
}

fn readings_of(events: &[DeviceEvent], before: usize) -> usize {
    let new = events.get(before..).unwrap_or_default();
    new.iter().filter(|event| matches!(event, DeviceEvent::Reading(_))).count()
}

const ASKED_AGAIN: &str = "a damaged line, which the device was asked to send again: compare `prefix`, `suffix`, \
                           `baud` and `line` with its settings";

const NO_END: &str = "what was sent has no end: set `suffix` to what the device sends behind a reading (\"gap\" for nothing), \
                      or scan the code in its manual that adds CR";
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
        [self.frame_ends_at(), self.given_up_at(), self.quiet_at()].into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>) {
        if self.frame_ends_at().is_some_and(|at| at <= now) {
            self.frames(events, |framer, mut deliver| framer.quiet(&mut deliver));
        }
        if self.given_up_at().is_some_and(|at| at <= now) {
            let bytes = self.framer.close();
            // A device that waits for an answer sends it again.
            self.output.extend(self.answers.then_some(NAK));
            self.output.extend_from_slice(&self.refuse);
            events.push(DeviceEvent::Damaged { problem: NO_END, bytes });
        }
        if self.quiet_at().is_some_and(|at| at <= now) {
            self.decoder_quiet(events);
        }
    }

    fn awaits_verdicts(&self) -> bool {
        self.answers || !self.accept.is_empty() || !self.refuse.is_empty()
    }

    fn settled(&mut self, is_taken: bool, _now: Instant) {
        let due = self.due.pop_front().unwrap_or(Due::Nothing);
        if due == Due::Answer {
            self.output.push(if is_taken { ACK } else { NAK });
        }
        if due != Due::Nothing {
            self.output.extend_from_slice(if is_taken { &self.accept } else { &self.refuse });
        }
    }

    fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn close(&mut self, events: &mut Vec<DeviceEvent>) {
        self.decoder.quiet(events);
        self.due.clear();
        self.output.clear();
        let partial = self.framer.close();
        if partial > 0 {
            events.push(DeviceEvent::Partial { bytes: partial });
        }
    }
}
