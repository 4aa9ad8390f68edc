//! Lanes: the readings of their devices go into the pipeline.
//!
//! In: one configured device. Out: an input for each reading, in the order of the readings, until the pipeline says
//! that it is durable; and in words on the board what the device is doing. While the store refuses, readings wait
//! here, as many as `READINGS_WAITING_MAX`; what comes beyond that is counted and shown as dropped. Never: a
//! barcode's content in a log, or a reading that disappears unseen.

mod reading;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tillgate_drivers::{DeviceEvent, Reading};
use tillgate_parsers::card::TokenKey;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::Device;
use crate::fail_point;
use crate::pipeline::Intake;
use crate::source::{Input, Media, new_id};
use crate::store::StoreError;
use crate::telemetry::board::{Board, DeviceFigures, SourceKind};
use crate::telemetry::metric::Metric;

pub use reading::{kind_of, settings_of};

/// Readings of one device that wait while the store refuses: about an hour of a busy checkout.
const READINGS_WAITING_MAX: usize = 1000;

/// Events between a driver and its lane. They are taken at once, so few are enough.
const EVENTS_WAITING_MAX: usize = 64;

/// A refused reading is offered again after so long, twice as long each time.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What all lanes share.
pub struct Services<I> {
    /// Takes the readings.
    pub intake: Arc<I>,
    /// Shows the devices.
    pub board: Arc<Board>,
    /// Stamps the readings.
    pub clock: Arc<dyn Clock>,
    /// Makes card tokens.
    pub token_key: Arc<TokenKey>,
}

impl<I> Clone for Services<I> {
    fn clone(&self) -> Self {
        Self {
            intake: Arc::clone(&self.intake),
            board: Arc::clone(&self.board),
            clock: Arc::clone(&self.clock),
            token_key: Arc::clone(&self.token_key),
        }
    }
}

/// Reads a device until `stop` is cancelled. What was read before is then offered to the pipeline once more.
pub async fn run<I: Intake>(device: Device, services: Services<I>, stop: CancellationToken) {
    services.board.add_source(&device.id, SourceKind::Device, Some(&device.lane), "starting");
    let settings = match settings_of(&device) {
        Ok(settings) => settings,
        Err(error) => {
            let detail = format!("the device is not read: `line`: {error}");
            error!(device = device.id, "{detail}");
            return services.board.source_connected(&device.id, false, &detail);
        }
    };
    info!(device = device.id, lane = device.lane, "reading {}", device.address());
    let (events_in, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let (readings_in, readings) = mpsc::channel(READINGS_WAITING_MAX);
    let key = Arc::clone(&services.token_key);
    let lane = Lane { device, services, stop: stop.clone(), shown: Mutex::default() };
    let ((), (), taken) = tokio::join!(
        tillgate_drivers::run(settings, key, events_in, stop),
        lane.watch(events, readings_in),
        lane.hand_over(readings),
    );
    lane.show_port(false, "stopped".to_owned());
    info!(device = lane.device.id, "released; {taken} readings taken since the start");
}

struct Lane<I> {
    device: Device,
    services: Services<I>,
    stop: CancellationToken,
    shown: Mutex<Shown>,
}

/// What the board shows of a device.
#[derive(Default)]
struct Shown {
    connected: bool,
    /// The port, or what is wrong with it.
    port: String,
    /// Why readings wait.
    refusal: Option<String>,
    /// Readings lost since the start, because too many waited.
    dropped: u64,
    /// Readings are being lost now.
    dropping: bool,
}

/// A reading on its way to the pipeline.
struct Waiting {
    /// The same however often it is offered, so that it is one reading.
    id: Ulid,
    bytes: Zeroizing<Vec<u8>>,
    read_at: Timestamp,
}

impl<I: Intake> Lane<I> {
    /// Takes the driver's events at once, so that each reading has the time at which it was made.
    async fn watch(
        &self,
        mut events: mpsc::Receiver<DeviceEvent>,
        readings: mpsc::Sender<Waiting>,
    ) {
        while let Some(event) = events.recv().await {
            match event {
                DeviceEvent::Reading(reading) => self.take_reading(reading, &readings),
                other => self.note(other),
            }
        }
    }

    fn take_reading(&self, reading: Reading, readings: &mpsc::Sender<Waiting>) {
        let read_at = self.services.clock.now();
        let (bytes, damaged) = match reading::input_of(&self.device.lane, reading) {
            Ok(input) => input,
            Err(error) => return self.drop_reading(&format!("one could not be written: {error}")),
        };
        self.count(if damaged { "damaged" } else { "read" }, |figures| {
            let counter = if damaged { &mut figures.damaged } else { &mut figures.read };
            *counter += 1;
            figures.last_read_at = Some(read_at);
        });
        let labels = [("device", self.device.id.as_str())];
        Metric::DeviceLastRead.set(read_at.as_duration().as_secs_f64(), &labels);
        debug!(device = self.device.id, damaged, "reading");
        match readings.try_send(Waiting { id: new_id(read_at), bytes, read_at }) {
            Ok(()) => self.keep_again(),
            Err(TrySendError::Full(_)) => self.drop_reading(&format!(
                "{READINGS_WAITING_MAX} wait already, because the store refuses them"
            )),
            Err(TrySendError::Closed(_)) => self.drop_reading("the gateway is stopping"),
        }
    }

    fn drop_reading(&self, reason: &str) {
        self.count("dropped", |figures| figures.lost += 1);
        let begins = self.show(|shown| {
            shown.dropped += 1;
            !std::mem::replace(&mut shown.dropping, true)
        });
        if begins {
            error!(device = self.device.id, "readings are lost: {reason}");
        }
    }

    fn keep_again(&self) {
        let (was_dropping, dropped) =
            self.show(|shown| (std::mem::take(&mut shown.dropping), shown.dropped));
        if was_dropping {
            warn!(device = self.device.id, "readings are kept again; {dropped} lost so far");
        }
    }

    /// An event that is no reading: counted, shown, told.
    fn note(&self, event: DeviceEvent) {
        let device = self.device.id.as_str();
        match event {
            DeviceEvent::Reading(_) => {}
            DeviceEvent::Connected { detail } => {
                info!(device, "connected: {detail}");
                self.show_port(true, detail);
            }
            DeviceEvent::Disconnected { reason, hint } => {
                warn!(device, "not connected: {reason}; {hint}");
                if self.show_port(false, format!("{reason}; {hint}")) {
                    Metric::DeviceDisconnects.add(1, &[("device", device)]);
                    self.services.board.device_did(device, |figures| figures.disconnects += 1);
                }
            }
            DeviceEvent::Damaged { problem, bytes } => {
                self.count("damaged", |figures| figures.damaged += 1);
                info!(device, bytes, "no reading: {problem}");
            }
            DeviceEvent::Overflow { bytes } => {
                self.count("overflow", |figures| figures.cut += 1);
                warn!(
                    device,
                    bytes,
                    "dropped what came without the end of a reading: compare `suffix`, `baud` and `line` with the \
                     settings of the device"
                );
            }
            DeviceEvent::Partial { bytes } => {
                self.count("partial", |figures| figures.cut += 1);
                warn!(device, bytes, "dropped a reading that was cut off with the connection");
            }
            DeviceEvent::Flood { frames_per_second_max } => {
                self.count("flood", |figures| figures.floods += 1);
                warn!(
                    device,
                    "sends more than {frames_per_second_max} readings a second and is read more slowly: is it a \
                     scanner, and is its trigger stuck?"
                );
            }
        }
    }

    /// Hands the readings to the pipeline, one after the other, so that they stay in order. Says how many it took.
    async fn hand_over(&self, mut readings: mpsc::Receiver<Waiting>) -> u64 {
        let mut taken = 0;
        while let Some(waiting) = readings.recv().await {
            if self.offer(&waiting).await {
                taken += 1;
                continue;
            }
            self.drop_reading("the gateway is stopping and the store does not take them");
            readings.close();
            while readings.recv().await.is_some() {
                self.drop_reading("the gateway is stopping");
            }
        }
        taken
    }

    /// Offers a reading until the pipeline takes it; after a stop, once.
    async fn offer(&self, waiting: &Waiting) -> bool {
        let mut pause = FIRST_RETRY;
        loop {
            fail_point::reached("reading-read");
            match self.services.intake.take(self.input(waiting)).await {
                Ok(_) => {
                    self.accepted();
                    return true;
                }
                Err(StoreError::Stopping) => return false,
                // It never will: those behind it must not wait for it.
                Err(never @ StoreError::Unusable { .. }) => {
                    self.drop_reading(&never.to_string());
                    return true;
                }
                Err(refusal) => self.refused(&refusal),
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_RETRY);
        }
    }

    fn input(&self, waiting: &Waiting) -> Input {
        Input {
            source: self.device.id.clone(),
            channel: reading::channel_of(&self.device),
            media: Media::Reading,
            bytes: waiting.bytes.clone(),
            received_at: waiting.read_at,
            id: Some(waiting.id),
            file: None,
        }
    }

    fn accepted(&self) {
        let refused_before = self.show(|shown| shown.refusal.take());
        if refused_before.is_some() {
            info!(device = self.device.id, "the store takes readings again");
        }
    }

    fn refused(&self, refusal: &StoreError) {
        let text = refusal.to_string();
        let new = self.show(|shown| {
            let new = shown.refusal.as_ref() != Some(&text);
            shown.refusal = Some(text);
            new
        });
        if new {
            let cause = refusal.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            warn!(device = self.device.id, "readings wait: {refusal}{cause}");
        }
    }

    /// Says whether the device was connected before.
    fn show_port(&self, connected: bool, port: String) -> bool {
        let labels = [("device", self.device.id.as_str())];
        Metric::DeviceConnected.set(if connected { 1.0 } else { 0.0 }, &labels);
        self.show(|shown| {
            shown.port = port;
            std::mem::replace(&mut shown.connected, connected)
        })
    }

    /// Changes what the board shows.
    fn show<T>(&self, change: impl FnOnce(&mut Shown) -> T) -> T {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut shown);
        self.services.board.source_connected(&self.device.id, shown.connected, &shown.detail());
        result
    }

    fn count(&self, outcome: &'static str, change: impl FnOnce(&mut DeviceFigures)) {
        self.services.board.device_did(&self.device.id, change);
        Metric::DeviceReadings.add(1, &[("device", &self.device.id), ("outcome", outcome)]);
    }
}

impl Shown {
    fn detail(&self) -> String {
        let mut detail = self.port.clone();
        if let Some(refusal) = &self.refusal {
            detail.push_str(&format!("; readings wait: {refusal}"));
        }
        if self.dropped > 0 {
            detail.push_str(&format!("; {} readings lost since the start", self.dropped));
        }
        detail
    }
}

#[cfg(test)]
mod tests;
