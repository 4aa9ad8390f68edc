//! One open port, read until it is gone.
//!
//! What a lost port looks like (Linux, non-blocking, VMIN = 1): poll says HUP, and every read returns 0 bytes, for
//! ever and at once. So 0 bytes are no data but a question; the answer comes from the input queue's ioctl, which
//! fails on a port that is gone.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_serial::{SerialPort, SerialStream};
use zeroize::{Zeroize, Zeroizing};

use super::{Dialogue, Outlet};
use crate::{DeviceEvent, DeviceSettings, Ticket};

const READ_BYTES: usize = 1024;

/// A port that is there can return 0 bytes now and then. So many in a row, [`EMPTY_READ_PAUSE`] apart, and it
/// counts as gone.
const EMPTY_READS_MAX: u32 = 10;
const EMPTY_READ_PAUSE: Duration = Duration::from_millis(10);

/// A device that does not listen must not stop us from reading it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// An idle port is asked so often whether it is still there, should its hang-up have been missed.
const HEALTH_CHECK: Duration = Duration::from_secs(1);

const UNPLUGGED: &str = "the device is gone: unplugged or without power";

/// Why a session ended.
pub(super) enum End {
    /// The driver was told to stop.
    Stopped,
    /// The port is gone.
    Lost {
        /// What was seen.
        reason: String,
    },
}

/// An open port and what came of it so far.
pub(super) struct Session<'a> {
    port: SerialStream,
    dialogue: &'a mut dyn Dialogue,
    rate: FrameRate,
    empty_reads: u32,
    /// What becomes of the readings that the device waits for, as many as its lane holds.
    verdicts: VecDeque<oneshot::Receiver<bool>>,
}

/// What happened next on the port.
enum Step {
    Stop,
    Read(io::Result<usize>),
    Wake,
    /// A reading is durable, or was not taken.
    Settled(bool),
    Idle,
}

impl<'a> Session<'a> {
    /// Right after the port was opened, before anybody hears of it.
    pub(super) fn new(
        port: SerialStream,
        settings: &DeviceSettings,
        dialogue: &'a mut dyn Dialogue,
    ) -> Self {
        let now = Instant::now();
        dialogue.open(now, port.bytes_to_read().is_ok_and(|bytes| bytes > 0));
        let rate = FrameRate::new(settings.frames_per_second_max, now);
        Self { port, dialogue, rate, empty_reads: 0, verdicts: VecDeque::new() }
    }

    /// Reads until the port is gone or the driver is told to stop, then closes the port.
    pub(super) async fn run(mut self, outlet: &Outlet) -> End {
        let mut chunk = Zeroizing::new([0; READ_BYTES]);
        let end = loop {
            self.write().await;
            let step = self.step(outlet, chunk.as_mut_slice()).await;
            if let Err(end) = self.take(step, chunk.as_mut_slice(), outlet).await {
                break end;
            }
        };
        let Self { port, dialogue, .. } = self;
        drop(port);
        let mut events = Vec::new();
        dialogue.close(&mut events);
        match deliver(outlet, events).await {
            Ok(()) => end,
            Err(stopped) => stopped,
        }
    }

    async fn step(&mut self, outlet: &Outlet, chunk: &mut [u8]) -> Step {
        let wake_at = self.dialogue.wake_at();
        let wake = async {
            match wake_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = outlet.stop.cancelled() => Step::Stop,
            read = self.port.read(chunk) => Step::Read(read),
            is_taken = verdict(&mut self.verdicts) => Step::Settled(is_taken),
            () = wake => Step::Wake,
            () = sleep(HEALTH_CHECK) => Step::Idle,
        }
    }

    async fn take(&mut self, step: Step, chunk: &mut [u8], outlet: &Outlet) -> Result<(), End> {
        match step {
            Step::Stop => Err(End::Stopped),
            Step::Read(Ok(0)) => self.take_empty_read().await,
            Step::Read(Ok(length)) => {
                self.take_bytes(chunk.get_mut(..length).unwrap_or_default(), outlet).await
            }
            Step::Read(Err(error)) => lost(&error),
            Step::Wake => {
                let mut events = Vec::new();
                self.dialogue.wake(Instant::now(), &mut events);
                self.deliver(outlet, events).await
            }
            Step::Settled(is_taken) => {
                self.dialogue.settled(is_taken, Instant::now());
                Ok(())
            }
            Step::Idle => self.ask_whether_there(),
        }
    }

    async fn take_bytes(&mut self, bytes: &mut [u8], outlet: &Outlet) -> Result<(), End> {
        self.empty_reads = 0;
        let now = Instant::now();
        let mut events = Vec::new();
        let readings = self.dialogue.take(bytes, now, &mut events);
        bytes.zeroize();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let flood = self.rate.count(readings, length, now);
        let pause = flood.as_ref().map(|flood| flood.pause);
        events.extend(flood.and_then(|flood| flood.news));
        self.deliver(outlet, events).await?;
        match pause {
            Some(pause) => {
                self.write().await;
                outlet.unless_stopped(sleep(pause)).await.map_err(|_| End::Stopped)
            }
            None => Ok(()),
        }
    }

    async fn deliver(&mut self, outlet: &Outlet, mut events: Vec<DeviceEvent>) -> Result<(), End> {
        if self.dialogue.awaits_verdicts() {
            events = events.into_iter().map(|event| self.with_ticket(event)).collect();
        }
        deliver(outlet, events).await
    }

    fn with_ticket(&mut self, event: DeviceEvent) -> DeviceEvent {
        let DeviceEvent::Reading(reading) = event else { return event };
        let (ticket, verdict) = Ticket::new();
        self.verdicts.push_back(verdict);
        DeviceEvent::Awaited(reading, ticket)
    }

    /// What cannot be sent is dropped: a port that is gone shows when it is read, and a device that missed something
    /// asks again.
    async fn write(&mut self) {
        let output = self.dialogue.output();
        if !output.is_empty() {
            let _ = timeout(WRITE_TIMEOUT, self.port.write_all(&output)).await;
        }
    }

    async fn take_empty_read(&mut self) -> Result<(), End> {
        self.ask_whether_there()?;
        self.empty_reads += 1;
        if self.empty_reads > EMPTY_READS_MAX {
            return Err(End::Lost { reason: UNPLUGGED.to_owned() });
        }
        sleep(EMPTY_READ_PAUSE).await;
        Ok(())
    }

    fn ask_whether_there(&self) -> Result<(), End> {
        match self.port.bytes_to_read() {
            Ok(_) => Ok(()),
            Err(_) => Err(End::Lost { reason: UNPLUGGED.to_owned() }),
        }
    }
}

/// What became of the first of these; for ever nothing where there is none.
async fn verdict(verdicts: &mut VecDeque<oneshot::Receiver<bool>>) -> bool {
    let Some(first) = verdicts.front_mut() else { return std::future::pending().await };
    let is_taken = first.await.unwrap_or(false);
    verdicts.pop_front();
    is_taken
}

fn lost(error: &io::Error) -> Result<(), End> {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(()),
        _ => Err(End::Lost { reason: format!("{UNPLUGGED} ({error})") }),
    }
}

async fn deliver(outlet: &Outlet, events: Vec<DeviceEvent>) -> Result<(), End> {
    for event in events {
        outlet.send(event).await.map_err(|_| End::Stopped)?;
    }
    Ok(())
}

/// The longest frame, a QR code of 7,089 digits and what stands around it: so many bytes a frame are no noise.
const FRAME_BYTES: u32 = 8 * 1024;

/// Bytes that are no frames, taken in a second: more than a line of 115,200 baud carries, so that noise on a slow line
/// costs nothing and is told by its damaged lines alone.
const NOISE_BYTES_PER_SECOND_MAX: u32 = 16 * 1024;

/// Counts frames a second, and bytes that are none.
pub(crate) struct FrameRate {
    frames_per_second_max: u32,
    window_began: Instant,
    frames: u32,
    bytes: u32,
    flooding: bool,
}

/// More came than a device may send.
pub(crate) struct Flood {
    /// Until the second is over.
    pub(crate) pause: Duration,
    /// What is to be told, where the second before was in order.
    pub(crate) news: Option<DeviceEvent>,
}

impl FrameRate {
    pub(crate) fn new(frames_per_second_max: u32, now: Instant) -> Self {
        Self { frames_per_second_max, window_began: now, frames: 0, bytes: 0, flooding: false }
    }

    /// Counts what one read gave.
    pub(crate) fn count(&mut self, frames: u32, bytes: u32, now: Instant) -> Option<Flood> {
        let window_ends = self.window_began + Duration::from_secs(1);
        if now >= window_ends {
            self.flooding &= self.excess().is_some();
            self.window_began = now;
            (self.frames, self.bytes) = (0, 0);
        }
        self.frames = self.frames.saturating_add(frames);
        self.bytes = self.bytes.saturating_add(bytes);
        let excess = self.excess()?;
        let begins = !std::mem::replace(&mut self.flooding, true);
        let pause = (self.window_began + Duration::from_secs(1)).saturating_duration_since(now);
        Some(Flood { pause, news: begins.then_some(excess) })
    }

    /// What there was too much of in this second.
    fn excess(&self) -> Option<DeviceEvent> {
        let explained = self.frames.saturating_mul(FRAME_BYTES);
        if self.frames > self.frames_per_second_max {
            let frames_per_second_max = self.frames_per_second_max;
            return Some(DeviceEvent::Flood { frames_per_second_max });
        }
        let is_noise = self.bytes.saturating_sub(explained) > NOISE_BYTES_PER_SECOND_MAX;
        let bytes_per_second_max = NOISE_BYTES_PER_SECOND_MAX;
        is_noise.then_some(DeviceEvent::Noise { bytes_per_second_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_and_paused_until_the_second_is_over() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let begins = |flood: &Flood| matches!(flood.news, Some(DeviceEvent::Flood { .. }));
        let mut rate = FrameRate::new(10, start);
        assert!(rate.count(10, 0, at(100)).is_none());
        let flood = rate.count(1, 0, at(400)).unwrap();
        assert!(begins(&flood) && flood.pause == Duration::from_millis(600));
        let flood = rate.count(11, 0, at(1000)).unwrap();
        assert!(!begins(&flood) && flood.pause == Duration::from_secs(1));
        assert!(rate.count(3, 0, at(2000)).is_none(), "a second in order");
        assert!(rate.count(3, 0, at(3000)).is_none(), "ends the flood");
        assert!(begins(&rate.count(11, 0, at(4000)).unwrap()));
    }

    #[test]
    fn bytes_that_are_no_frames_are_a_flood_too() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let is_told = |flood: Option<Flood>| {
            matches!(flood.unwrap().news, Some(DeviceEvent::Noise { bytes_per_second_max: 16_384 }))
        };
        let mut rate = FrameRate::new(10, start);
        assert!(rate.count(0, 16_384, at(100)).is_none());
        assert!(is_told(rate.count(0, 1, at(200))));
        assert!(!is_told(rate.count(1, 30_000, at(1100))), "told once; one frame is no excuse");
        assert!(rate.count(4, 4 * 7_089, at(2200)).is_none(), "large codes");
        assert!(rate.count(0, 100, at(3300)).is_none(), "ends the flood");
        assert!(is_told(rate.count(0, 20_000, at(4400))));
    }
}
