//! Opens a port, or says in words why it cannot be opened and what to do about it.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio_serial::{DataBits, ErrorKind, SerialPort, SerialStream, StopBits};

use crate::attached::{self, Address, NodeKind, NotOne, Wanted};
use crate::{DeviceEvent, DeviceSettings, FlowControl, Parity};

/// Why a port cannot be opened.
pub(crate) enum OpenError {
    /// Nothing is there under that name.
    Missing,
    /// Several devices are meant.
    Ambiguous,
    /// It is there, but not for us.
    Denied,
    /// Another program, or another device of ours, has it open.
    Busy,
    /// What is there is no serial port.
    NotSerial,
    /// The port offers no such speed.
    Baud {
        /// What it offers instead.
        offered: u32,
    },
    /// It is another kind of device than the driver is for.
    Unfit {
        /// What it is.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Anything else.
    Failed {
        /// The system's words.
        reason: String,
    },
}

/// Opens the port: raw, for us alone, with DTR set, since many devices send nothing without it. On a thread of its
/// own, because a USB adapter that hangs keeps its opener waiting for seconds.
pub(super) async fn open(settings: &DeviceSettings) -> Result<(SerialStream, PathBuf), OpenError> {
    look_at(settings)?;
    let settings = settings.clone();
    match tokio::task::spawn_blocking(move || open_now(&settings)).await {
        Ok(result) => result,
        Err(error) => Err(OpenError::Failed { reason: error.to_string() }),
    }
}

/// Whether there may be something to open. An unplugged device is looked for every second, which costs less than the
/// thread on which a port is opened.
pub(crate) fn look_at(settings: &DeviceSettings) -> Result<(), OpenError> {
    match &settings.address {
        Address::Port(path) if path.try_exists().is_ok_and(|exists| !exists) => {
            Err(OpenError::Missing)
        }
        _ => Ok(()),
    }
}

/// The node that is meant now. Reads sysfs.
pub(crate) fn locate(settings: &DeviceSettings) -> Result<PathBuf, OpenError> {
    settings.address.locate(&settings.roots, settings.kind).map_err(|problem| match problem {
        NotOne::None => OpenError::Missing,
        NotOne::Several => OpenError::Ambiguous,
    })
}

fn open_now(settings: &DeviceSettings) -> Result<(SerialStream, PathBuf), OpenError> {
    let node = locate(settings)?;
    open_node(settings, &node).map(|port| (port, node))
}

fn open_node(settings: &DeviceSettings, node: &Path) -> Result<SerialStream, OpenError> {
    let Some(path) = node.to_str() else {
        return Err(OpenError::Failed { reason: "its name is no UTF-8".to_owned() });
    };
    // To the kernel, 0 baud means: hang up (termios(3), B0).
    if settings.baud == 0 {
        return Err(OpenError::Baud { offered: 9600 });
    }
    let builder = tokio_serial::new(path, settings.baud)
        .data_bits(data_bits(settings.line.data_bits))
        .parity(parity(settings.line.parity))
        .stop_bits(if settings.line.stop_bits == 2 { StopBits::Two } else { StopBits::One })
        .flow_control(match settings.flow_control {
            FlowControl::None => tokio_serial::FlowControl::None,
            FlowControl::RtsCts => tokio_serial::FlowControl::Hardware,
            FlowControl::XonXoff => tokio_serial::FlowControl::Software,
        })
        .exclusive(true)
        .dtr_on_open(true)
        .timeout(Duration::ZERO);
    let mut port = SerialStream::open(&builder).map_err(|error| classify(node, error))?;
    // Some devices send nothing without RTS. With flow control the kernel moves it; a pseudo terminal has none.
    if settings.flow_control != FlowControl::RtsCts {
        let _ = port.write_request_to_send(true);
    }
    // A UART with another clock takes the nearest speed it has, without a word.
    match port.baud_rate() {
        Ok(offered) if offered.abs_diff(settings.baud) > settings.baud / 30 => {
            Err(OpenError::Baud { offered })
        }
        _ => Ok(port),
    }
}

fn data_bits(bits: u8) -> DataBits {
    match bits {
        5 => DataBits::Five,
        6 => DataBits::Six,
        7 => DataBits::Seven,
        _ => DataBits::Eight,
    }
}

fn parity(parity: Parity) -> tokio_serial::Parity {
    match parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    }
}

/// The library reduces most of the system's answers to a text, so what is no serial port is found by looking.
fn classify(port: &Path, error: tokio_serial::Error) -> OpenError {
    match error.kind {
        ErrorKind::Io(std::io::ErrorKind::NotFound) => OpenError::Missing,
        ErrorKind::Io(std::io::ErrorKind::PermissionDenied) => OpenError::Denied,
        ErrorKind::NoDevice => OpenError::Busy,
        _ if !fs::exists(port).unwrap_or(false) => OpenError::Missing,
        _ if !is_terminal(port) => OpenError::NotSerial,
        _ => OpenError::Failed { reason: error.description },
    }
}

fn is_terminal(port: &Path) -> bool {
    let is_device = fs::metadata(port).is_ok_and(|found| found.file_type().is_char_device());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    is_device && rustix::fs::open(port, flags, Mode::empty()).is_ok_and(rustix::termios::isatty)
}

/// Says what is wrong and what to do, from what the machine shows at this moment.
pub(crate) async fn explain(settings: &DeviceSettings, problem: OpenError) -> DeviceEvent {
    let settings = settings.clone();
    let words = tokio::task::spawn_blocking(move || words(&settings, &problem));
    let (reason, hint) = words.await.unwrap_or_else(|error| (error.to_string(), String::new()));
    DeviceEvent::Disconnected { reason, hint }
}

fn words(settings: &DeviceSettings, problem: &OpenError) -> (String, String) {
    let DeviceSettings { address, roots, kind, .. } = settings;
    // What is there, or was a moment ago; a path that leads nowhere is said as it is.
    let port = locate(settings).unwrap_or_default();
    let shown = port.display();
    let instead = || attached::instead_of(roots, address, *kind);
    match problem {
        OpenError::Missing => (missing(settings), instead()),
        OpenError::Ambiguous => {
            (attached::not_one(address, *kind, NotOne::Several), instead())
        }
        OpenError::Denied => {
            (format!("no permission to open {shown}"), attached::denied_hint(roots, &port))
        }
        OpenError::Busy => busy_words(roots, &port),
        OpenError::NotSerial => (
            format!("{shown} is no serial port"),
            format!("name the device's port; {}", instead()),
        ),
        OpenError::Baud { offered } => (
            format!("{shown} cannot do {} baud; the nearest it offers is {offered}", settings.baud),
            "set `baud` of the device, and the speed of the device itself, to a usual value such as 9600"
                .to_owned(),
        ),
        OpenError::Unfit { reason, hint } => (reason.clone(), hint.clone()),
        OpenError::Failed { reason } => (
            format!("cannot open {shown}: {}", reason.to_lowercase()),
            "unplug the device and plug it in again; `tillgate devices` lists what is attached".to_owned(),
        ),
    }
}

fn missing(settings: &DeviceSettings) -> String {
    match &settings.address {
        Address::Port(port) => {
            let serial = Wanted::of(settings.kind).kind == NodeKind::Serial;
            format!("there is no {} {}", if serial { "port" } else { "device" }, port.display())
        }
        selector => attached::not_one(selector, settings.kind, NotOne::None),
    }
}

fn busy_words(roots: &attached::Roots, port: &Path) -> (String, String) {
    let reason = match attached::holder(&roots.proc, port) {
        Some(by) => format!("{} is in use by {by}", port.display()),
        None => format!("{} is in use by another program", port.display()),
    };
    let hint = format!(
        "end that program, or make it leave the port alone (ModemManager: install the udev rules of tillgate); \
         two devices of one configuration cannot share a port; `sudo fuser -v {}` lists who holds it",
        port.display()
    );
    (reason, hint)
}
