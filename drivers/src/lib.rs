//! Devices to readings.
//!
//! In: which device it is, how it sends, and the key for card tokens. Out: [`DeviceEvent`]s over a bounded channel:
//! readings, and in words what happens to the device. A driver opens its port, notices when the device is gone,
//! and takes it back when it returns, until it is told to stop. Never: sales, storage, card numbers in clear, a
//! frame that was cut.
//!
//! One file a driver, one entry in [`ALL`]:
//!
//! | driver | file | device |
//! |---|---|---|
//! | `serial-scanner` | `scanner.rs` | barcode scanner that sends lines or SSI packets |
//! | `serial-magstripe` | `magstripe.rs` | magnetic-stripe reader that sends tracks as lines |
//! | `hid-scanner` | `hid/` | barcode scanner of the HID POS class |
//! | `hid-magstripe` | `hid/` | magnetic-stripe reader that sends HID reports |
//! | `snapi` | `hid/` | Zebra scanner in its own USB mode |
//! | `keyboard-wedge` | `wedge/` | scanner or card reader that types |
//! | `serial-scale` | `serial/scale.rs` | scale of a checkout |
//! | `pcsc` | `pcsc/` | reader of chip cards, with contacts or without, at pcscd |

pub mod attached;
mod hid;
mod hotplug;
mod magstripe;
mod node;
mod pcsc;
mod scanner;
mod serial;
mod settings;
pub mod simulated;
mod wedge;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tillgate_parsers::card::{CardReading, TokenKey};
use tillgate_parsers::scale::OnScale;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub use settings::{
    DeviceSettings, DriverKind, FlowControl, LineSettings, LineSettingsError, Parity, Protocol,
    ScaleSettings,
};
pub use tillgate_parsers::code_id::Maker;

/// All drivers.
pub const ALL: &[Driver] = &[
    scanner::DRIVER,
    magstripe::DRIVER,
    hid::SCANNER,
    hid::MAGSTRIPE,
    hid::SNAPI,
    wedge::DRIVER,
    pcsc::DRIVER,
    serial::scale::DRIVER,
];

/// One driver.
pub struct Driver {
    /// What configurations name.
    pub kind: DriverKind,
    /// The name in configurations.
    pub name: &'static str,
    start: fn(Assignment) -> Running,
}

/// What a driver works with.
struct Assignment {
    settings: DeviceSettings,
    token_key: Arc<TokenKey>,
    events: mpsc::Sender<DeviceEvent>,
    stop: CancellationToken,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the driver of a device until `stop` is cancelled or nobody takes its events any more.
///
/// While the channel is full nothing is read from the device, so that a device with flow control waits.
pub async fn run(
    settings: DeviceSettings,
    token_key: Arc<TokenKey>,
    events: mpsc::Sender<DeviceEvent>,
    stop: CancellationToken,
) {
    let kind = settings.kind;
    if let Some(driver) = ALL.iter().find(|driver| driver.kind == kind) {
        (driver.start)(Assignment { settings, token_key, events, stop }).await;
    }
}

/// What happens at a device.
#[derive(Debug)]
pub enum DeviceEvent {
    /// The port is open.
    Connected {
        /// The port and its line settings.
        detail: String,
    },
    /// The port is not open, or no more. Said again only when the reason changes.
    Disconnected {
        /// What is wrong.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// The device read something.
    Reading(Reading),
    /// The device read something and is told what became of it.
    Awaited(Reading, Ticket),
    /// What is on a scale has changed; none where it does not say.
    Weighed(Option<OnScale>),
    /// The device sent something that is no reading.
    Damaged {
        /// What is wrong with it and what to do.
        problem: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// So much came without a frame end that it was dropped.
    Overflow {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// The port was lost within a frame: what had come of it was dropped.
    Partial {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// The device sends faster than anyone can scan. It is read more slowly now; nothing is dropped.
    Flood {
        /// The most frames that are taken in a second.
        frames_per_second_max: u32,
    },
    /// The device sends bytes that are no readings, faster than any scanner sends readings. It is read more slowly now.
    Noise {
        /// The most such bytes that are taken in a second.
        bytes_per_second_max: u32,
    },
}

/// A device waits for the word that its reading is durable. Without one it hears that it is not.
#[derive(Debug)]
pub struct Ticket(oneshot::Sender<bool>);

impl Ticket {
    /// A ticket, and where its verdict arrives.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<bool>) {
        let (verdict, arrives) = oneshot::channel();
        (Self(verdict), arrives)
    }

    /// The reading is durable, or was not taken and is forgotten here.
    pub fn settle(self, is_taken: bool) {
        // A device that is gone hears nothing.
        let _ = self.0.send(is_taken);
    }
}

/// What a device read.
pub enum Reading {
    /// A barcode.
    Barcode {
        /// AIM symbology identifier, such as `]C1`, if the scanner sends one.
        aim: Option<String>,
        /// The content. Zeroized after use, since a card number can be printed as a barcode.
        data: Zeroizing<Vec<u8>>,
        /// Whether there are bytes in it that should not be there, or the start is missing.
        damaged: bool,
    },
    /// A card.
    Card(CardReading),
}

/// Barcode content stays out: it can be a card number.
impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Barcode { aim, data, damaged } => f
                .debug_struct("Barcode")
                .field("aim", aim)
                .field("bytes", &data.len())
                .field("damaged", damaged)
                .finish(),
            Self::Card(card) => f.debug_tuple("Card").field(card).finish(),
        }
    }
}
