//! What is spoken on an open port.
//!
//! In: bytes, and moments. Out: events, and bytes to send. Never: I/O, the clock.

use std::time::Duration;

use tillgate_parsers::framing::{Frame, FramingSettings, LineFramer};
use tokio::time::Instant;

use crate::DeviceEvent;

/// One way to speak with a device. It outlives its port: [`Self::close`] makes it ready for the next.
pub(crate) trait Dialogue: Send {
    /// The port is open.
    fn open(&mut self, _now: Instant) {}

    /// Takes bytes of the line. Says how many readings they ended.
    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32;

    /// When [`Self::wake`] is wanted, if nothing comes before.
    fn wake_at(&self) -> Option<Instant>;

    /// Nothing came until then.
    fn wake(&mut self, now: Instant, events: &mut Vec<DeviceEvent>);

    /// All events so far have reached the lane.
    fn delivered(&mut self, _now: Instant) {}

    /// Bytes to send since the last call.
    fn output(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// The port is closed: what was not whole is dropped and reported.
    fn close(&mut self, events: &mut Vec<DeviceEvent>);
}

/// Frames to events: what tells one driver of lines from another.
pub(crate) trait Decoder: Send {
    /// Takes a frame.
    fn frame(&mut self, frame: Frame<'_>, events: &mut Vec<DeviceEvent>);

    /// How long the line must be quiet until [`Self::quiet`] is wanted, while something waits for it.
    fn gap(&self) -> Option<Duration> {
        None
    }

    /// The line was quiet, or closed: what waits is whole.
    fn quiet(&mut self, _events: &mut Vec<DeviceEvent>) {}
}

/// A device that sends lines and listens to nothing.
pub(crate) struct Lines<D> {
    framer: LineFramer,
    decoder: D,
    /// When the last bytes came.
    last_read_at: Option<Instant>,
}

impl<D: Decoder> Lines<D> {
    pub(crate) fn new(framing: FramingSettings, decoder: D) -> Self {
        Self { framer: LineFramer::new(framing), decoder, last_read_at: None }
    }
}

impl<D: Decoder> Dialogue for Lines<D> {
    fn take(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<DeviceEvent>) -> u32 {
        self.last_read_at = Some(now);
        let Self { framer, decoder, .. } = self;
        let mut frames = 0;
        framer.feed(bytes, &mut |frame| {
            frames += 1;
            decoder.frame(frame, events);
        });
        frames
    }

    fn wake_at(&self) -> Option<Instant> {
        Some(self.last_read_at? + self.decoder.gap()?)
    }

    fn wake(&mut self, _now: Instant, events: &mut Vec<DeviceEvent>) {
        self.decoder.quiet(events);
    }

    fn close(&mut self, events: &mut Vec<DeviceEvent>) {
        self.decoder.quiet(events);
        let partial = self.framer.close();
        if partial > 0 {
            events.push(DeviceEvent::Partial { bytes: partial });
        }
    }
}
