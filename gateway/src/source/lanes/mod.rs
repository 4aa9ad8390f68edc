//! Lanes: the readings of their devices go into the pipeline.
//!
//! In: one configured device. Out: an input for each reading, in the order of the readings, until the pipeline says
//! that it is durable, which a device that listens then hears; and in words on the board what the device is doing.
//! While the store refuses, such a device hears that too, and its reading is forgotten: it sends again, or a person
//! does. What others read waits here, as many as `READINGS_WAITING_MAX`; then the device is not read any more. Never:
//! a barcode's content in a log, a device that hears of a commit before it, or a reading that disappears unseen.

mod reading;
mod scales;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tillgate_drivers::{DeviceEvent, Reading, Ticket};
use tillgate_parsers::card::{LoyaltyCard, TokenKey};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::{Device, Driver};
use crate::fail_point;
use crate::pipeline::Intake;
use crate::source::{Input, Media, new_id};
use crate::store::StoreError;
use crate::telemetry::board::{Board, DeviceFigures, SourceKind};
use crate::telemetry::metric::Metric;

pub use reading::{kind_of, settings_of};
pub use scales::Scales;

/// Readings of one device that wait while the store refuses, or is slower than the device: about an hour of a busy
/// checkout.
const READINGS_WAITING_MAX: usize = 1000;

/// Events between a driver and its lane.
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
    /// What lies on the scales.
    pub scales: Arc<Scales>,
}

impl<I> Clone for Services<I> {
    fn clone(&self) -> Self {
        Self {
            intake: Arc::clone(&self.intake),
            board: Arc::clone(&self.board),
            clock: Arc::clone(&self.clock),
            token_key: Arc::clone(&self.token_key),
            scales: Arc::clone(&self.scales),
        }
    }
}

/// Reads a device of a store with these loyalty cards until `stop` is cancelled. What was read before is then offered
/// to the pipeline once more.
pub async fn run<I: Intake>(
    device: Device,
    loyalty_cards: Vec<LoyaltyCard>,
    services: Services<I>,
    stop: CancellationToken,
) {
    services.board.add_source(&device.id, SourceKind::Device, Some(&device.lane), "starting");
    let settings = match settings_of(&device, loyalty_cards) {
        Ok(settings) => settings,
        Err(error) => {
            let detail = format!("the device is not read: `line`: {error}");
            error!(device = device.id, "{detail}");
            return services.board.source_connected(&device.id, false, &detail);
        }
    };
    if device.driver == Driver::SerialScale {
        services.scales.add(&device.lane, &device.scale.items);
    }
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
    if lane.device.driver == Driver::SerialScale {
        lane.services.scales.remove(&lane.device.lane);
    }
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
    /// Why readings wait, or are refused.
    refusal: Option<String>,
    /// Readings lost since the start.
    dropped: u64,
}

/// A reading on its way to the pipeline.
struct Waiting {
    /// The same however often it is offered, so that it is one reading.
    id: Ulid,
    bytes: Zeroizing<Vec<u8>>,
    read_at: Timestamp,
    /// Of a device that hears what becomes of it.
    ticket: Option<Ticket>,
}

/// What became of a reading.
enum Outcome {
    Taken,
    /// A device that listens keeps it, or its person scans again.
    Refused,
    /// The store never takes it: those behind it must not wait for it.
    Lost,
    /// The gateway ends.
    Stopped,
}

impl<I: Intake> Lane<I> {
    /// Takes the driver's events at once while there is room, so that each reading has the time at which it was made.
    async fn watch(
        &self,
        mut events: mpsc::Receiver<DeviceEvent>,
        readings: mpsc::Sender<Waiting>,
    ) {
        while let Some(event) = events.recv().await {
            match event {
                DeviceEvent::Reading(reading) => self.take_reading(reading, None, &readings).await,
                DeviceEvent::Awaited(reading, ticket) => {
                    self.take_reading(reading, Some(ticket), &readings).await;
                }
                DeviceEvent::Weighed(on_scale) => {
                    self.services.scales.show(&self.device.lane, on_scale);
                }
                other => self.note(other),
            }
        }
    }

    async fn take_reading(
        &self,
        reading: Reading,
        ticket: Option<Ticket>,
        readings: &mpsc::Sender<Waiting>,
    ) {
        let read_at = self.services.clock.now();
        let lane = self.device.lane.as_str();
        let weight = match &reading {
            Reading::Barcode { data, .. } => self.services.scales.take(lane, data),
            Reading::Card(_) => None,
        };
        let (bytes, damaged) = match reading::input_of(&self.device, reading, weight) {
            Ok(input) => input,
            Err(error) => return self.drop_readings(1, &format!("it cannot be written: {error}")),
        };
        self.count(if damaged { "damaged" } else { "read" }, |figures| {
            let counter = if damaged { &mut figures.damaged } else { &mut figures.read };
            *counter += 1;
            figures.last_read_at = Some(read_at);
        });
        let labels = [("device", self.device.id.as_str())];
        Metric::DeviceLastRead.set(read_at.as_duration().as_secs_f64(), &labels);
        debug!(device = self.device.id, damaged, "reading");
        let waiting = Waiting { id: new_id(read_at), bytes, read_at, ticket };
        if readings.send(waiting).await.is_err() {
            self.drop_readings(1, "the gateway is stopping");
        }
    }

    fn drop_readings(&self, count: u64, reason: &str) {
        let now = self.services.clock.now();
        (0..count).for_each(|_| {
            self.count("dropped", |figures| {
                figures.lost += 1;
                figures.last_lost_at = Some(now);
            });
        });
        self.show(|shown| shown.dropped += count);
        error!(device = self.device.id, count, "readings are lost: {reason}");
    }

    /// An event that is no reading: counted, shown, told.
    fn note(&self, event: DeviceEvent) {
        let device = self.device.id.as_str();
        match event {
            DeviceEvent::Reading(_) | DeviceEvent::Awaited(..) | DeviceEvent::Weighed(_) => {}
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
            DeviceEvent::Noise { bytes_per_second_max } => {
                self.count("flood", |figures| figures.floods += 1);
                warn!(
                    device,
                    "sends more than {bytes_per_second_max} bytes a second that are no readings and is read more slowly: \
                     compare `driver`, `protocol`, `suffix`, `baud` and `line` with the settings of the device"
                );
            }
        }
    }

    /// Hands the readings to the pipeline, one after the other, so that they stay in order. Says how many it took.
    async fn hand_over(&self, mut readings: mpsc::Receiver<Waiting>) -> u64 {
        let mut taken = 0;
        while let Some(mut waiting) = readings.recv().await {
            let ticket = waiting.ticket.take();
            let outcome = self.offer(&waiting, ticket.is_some()).await;
            taken += u64::from(matches!(outcome, Outcome::Taken));
            if let Some(ticket) = ticket {
                ticket.settle(matches!(outcome, Outcome::Taken));
            }
            if matches!(outcome, Outcome::Stopped) {
                readings.close();
                let mut lost = 1;
                while readings.recv().await.is_some() {
                    lost += 1;
                }
                self.drop_readings(
                    lost,
                    "the gateway is stopping and the store does not take them",
                );
            }
        }
        taken
    }

    /// Offers a reading until the pipeline takes it; once, where its device hears what became of it, and after a stop.
    async fn offer(&self, waiting: &Waiting, is_heard: bool) -> Outcome {
        let mut pause = FIRST_RETRY;
        loop {
            fail_point::reached("reading-read");
            match self.services.intake.take(self.input(waiting)).await {
                Ok(_) => {
                    self.accepted();
                    return Outcome::Taken;
                }
                Err(StoreError::Stopping) => return Outcome::Stopped,
                Err(never @ StoreError::Unusable { .. }) => {
                    self.drop_readings(1, &never.to_string());
                    return Outcome::Lost;
                }
                Err(refusal) => self.refused(&refusal, is_heard),
            }
            if is_heard {
                self.count("refused", |figures| figures.refused += 1);
                return Outcome::Refused;
            }
            tokio::select! {
                () = self.stop.cancelled() => return Outcome::Stopped,
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

    fn refused(&self, refusal: &StoreError, is_heard: bool) {
        let what =
            if is_heard { "readings are refused, as the device hears" } else { "readings wait" };
        let text = format!("{what}: {refusal}");
        let new = self.show(|shown| {
            let new = shown.refusal.as_ref() != Some(&text);
            shown.refusal = Some(text.clone());
            new
        });
        if new {
            let cause = refusal.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            warn!(device = self.device.id, "{text}{cause}");
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
            detail.push_str(&format!("; {refusal}"));
        }
        if self.dropped > 0 {
            detail.push_str(&format!("; {} readings lost since the start", self.dropped));
        }
        detail
    }
}

#[cfg(test)]
mod tests;
