//! `keyboard-wedge`: scanners and card readers that type, over evdev.
//!
//! In: the events of one keyboard, grabbed so that nothing of it reaches a console or a window. Out: barcodes, and
//! cards where what was typed is tracks. Never: what a person types, and a grab while a key is down, which would keep
//! that key down for everybody else.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evdev::raw_stream::RawDevice;
use tillgate_parsers::framing::FrameEnd;
use tillgate_parsers::wedge::{KeyEvent, Layout, ReadEnd, WedgeDecoder, WedgeRead, WedgeSettings};
use zeroize::Zeroizing;

use crate::magstripe::MagstripeDecoder;
use crate::node::{self, Attached, Protocol};
use crate::scanner::split_identifier;
use crate::serial::Decoder;
use crate::serial::open::OpenError;
use crate::{Assignment, DeviceEvent, DeviceSettings, Driver, DriverKind, Reading, Running};

/// The driver's entry.
pub(crate) const DRIVER: Driver =
    Driver { kind: DriverKind::KeyboardWedge, name: "keyboard-wedge", start };

fn start(assignment: Assignment) -> Running {
    let protocol = Box::new(WedgeProtocol::new(&assignment));
    Box::pin(node::serve(assignment, protocol))
}

/// `struct input_event` of linux/input.h: seconds and microseconds as long as a machine word each, then type, code
/// and value.
const WORD: usize = size_of::<usize>();
const EVENT_BYTES: usize = 2 * WORD + 8;

const GRAB_RETRY: Duration = Duration::from_millis(100);

const TYPED: &str = "a person types on this keyboard: name the scanner's node, or set `key_gap_ms` higher if it is slow";
const STUMP: &str = "a damaged reading that may be part of a card was dropped: read it again";
/// The kernel keeps 64 events for a reader; when they are not read in time it drops them all, and says that once for as
/// many codes as come until somebody reads.
const KEYS_LOST: &str = "the kernel dropped keys, perhaps of several codes: scan again what was scanned just now; the \
                         machine may be too busy";

/// Reads one keyboard.
struct WedgeProtocol {
    settings: DeviceSettings,
    decoder: WedgeDecoder,
    swipe: MagstripeDecoder,
    /// For questions and the grab; events are read from the node itself, into a buffer that is zeroized.
    keyboard: Option<RawDevice>,
    told_typed: bool,
    /// Nothing has come yet, and no pause has passed since the node was opened.
    just_opened: bool,
}

impl WedgeProtocol {
    fn new(assignment: &Assignment) -> Self {
        let settings = assignment.settings.clone();
        let decoder = WedgeDecoder::new(WedgeSettings {
            layout: settings.layout,
            gap_us: settings.key_gap_ms.saturating_mul(1000),
            end: match settings.framing.suffix {
                FrameEnd::Any => ReadEnd::Learnt,
                FrameEnd::Gap => ReadEnd::Pause,
                _ => ReadEnd::Key,
            },
        });
        let swipe = MagstripeDecoder::new(&settings, &assignment.token_key);
        Self { settings, decoder, swipe, keyboard: None, told_typed: false, just_opened: false }
    }

    /// Grabs the keyboard once no key of it is down.
    fn grab(&mut self) -> std::io::Result<()> {
        let Some(keyboard) = self.keyboard.as_mut().filter(|keyboard| !keyboard.is_grabbed())
        else {
            return Ok(());
        };
        if keyboard.get_key_state()?.iter().next().is_none() {
            keyboard.grab()?;
        }
        Ok(())
    }

    fn keys_down(&mut self) {
        let state = self.keyboard.as_ref().and_then(|keyboard| keyboard.get_key_state().ok());
        let keys = state.iter().flat_map(|keys| keys.iter()).map(|key| key.0);
        self.decoder.set_keys_down(keys);
    }

    /// What was read is a barcode, tracks of a card, or nothing.
    fn take(&mut self, read: &Owned, events: &mut Vec<DeviceEvent>) {
        match read {
            Owned::Scan { data, damaged } => self.scan(data, *damaged, events),
            Owned::Calibrated(name) => events.push(DeviceEvent::Connected {
                detail: format!(
                    "{}, layout {name} from the calibration code: write `layout = \"{name}\"` for it",
                    self.settings.address
                ),
            }),
            // Told once: a keyboard that is no scanner would fill the log.
            Owned::Typed { keys } if !std::mem::replace(&mut self.told_typed, true) => {
                events.push(DeviceEvent::Damaged { problem: TYPED, bytes: *keys });
            }
            Owned::Typed { .. } => {}
            Owned::Overflow { keys } => events.push(DeviceEvent::Overflow { bytes: *keys }),
            Owned::Card { layout, keys } => {
                // Tracks that were read before it are no part of it.
                self.swipe.quiet(events);
                let problem = layout.map_or(STUMP, other_layout);
                events.push(DeviceEvent::Damaged { problem, bytes: *keys });
            }
        }
    }

    fn scan(&mut self, data: &[u8], damaged: bool, events: &mut Vec<DeviceEvent>) {
        if data.is_empty() {
            return events.push(DeviceEvent::Damaged { problem: KEYS_LOST, bytes: 0 });
        }
        let prefix = self.settings.framing.prefix.as_slice();
        let (data, damaged) = match data.strip_prefix(prefix) {
            Some(data) => (data, damaged),
            None => (data, true),
        };
        if is_track(data) {
            self.swipe.line(data, damaged, events);
            return;
        }
        if damaged && may_be_of_a_track(data) {
            return events.push(DeviceEvent::Damaged { problem: STUMP, bytes: data.len() });
        }
        self.swipe.quiet(events);
        let (aim, content) = split_identifier(data);
        let data = Zeroizing::new(content.to_vec());
        events.push(DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }));
    }
}

/// A read that outlives the decoder's borrow.
enum Owned {
    Scan { data: Zeroizing<Vec<u8>>, damaged: bool },
    Calibrated(&'static str),
    Typed { keys: usize },
    Overflow { keys: usize },
    Card { layout: Option<Layout>, keys: usize },
}

impl Owned {
    fn of(read: &WedgeRead<'_>) -> Self {
        match read {
            WedgeRead::Scan { data, damaged } => {
                Self::Scan { data: Zeroizing::new(data.to_vec()), damaged: *damaged }
            }
            WedgeRead::Calibration { layout } => Self::Calibrated(layout.name()),
            WedgeRead::Typed { keys } => Self::Typed { keys: *keys },
            WedgeRead::Overflow { keys } => Self::Overflow { keys: *keys },
            WedgeRead::Card { layout, keys } => Self::Card { layout: *layout, keys: *keys },
        }
    }
}

impl Protocol for WedgeProtocol {
    fn attach(&mut self, node: &Arc<OwnedFd>, path: &Path) -> Result<Attached, OpenError> {
        let handle = node.try_clone().map_err(|error| node::failed(&error))?;
        let Ok(keyboard) = RawDevice::from_fd(handle) else {
            return Err(OpenError::Unfit {
                reason: format!("{} is no input device", path.display()),
                hint: "name the event node of the scanner, best by its link below /dev/input/by-id"
                    .to_owned(),
            });
        };
        let name = keyboard.name().unwrap_or("keyboard").chars().filter(|c| !c.is_control());
        let detail =
            format!("{}, layout {}", name.collect::<String>(), self.settings.layout.name());
        self.keyboard = Some(keyboard);
        self.told_typed = false;
        match self.grab() {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                return Err(OpenError::Busy);
            }
            Err(error) => return Err(node::failed(&error)),
        }
        self.keys_down();
        self.just_opened = true;
        Ok(Attached { detail, first: Vec::new() })
    }

    fn read(&mut self, bytes: &[u8], events: &mut Vec<DeviceEvent>) -> Option<Vec<u8>> {
        if std::mem::take(&mut self.just_opened) {
            self.decoder.begin_midway();
        }
        let (whole, _) = bytes.as_chunks::<EVENT_BYTES>();
        for event in whole.iter().filter_map(key_event) {
            let mut reads = Vec::new();
            self.decoder.take(event, &mut |read| reads.push(Owned::of(&read)));
            reads.iter().for_each(|read| self.take(read, events));
            if self.decoder.wants_keys_down() {
                self.keys_down();
            }
        }
        None
    }

    fn gap(&self) -> Option<Duration> {
        let keys = || Duration::from_millis(self.settings.key_gap_ms);
        let ungrabbed = self.keyboard.as_ref().is_some_and(|keyboard| !keyboard.is_grabbed());
        let waits = (self.just_opened || self.decoder.is_waiting()).then(keys);
        waits.or_else(|| self.swipe.gap()).or_else(|| ungrabbed.then_some(GRAB_RETRY))
    }

    fn quiet(&mut self, events: &mut Vec<DeviceEvent>) {
        self.just_opened = false;
        let mut reads = Vec::new();
        self.decoder.quiet(&mut |read| reads.push(Owned::of(&read)));
        if reads.is_empty() {
            self.swipe.quiet(events);
        }
        reads.iter().for_each(|read| self.take(read, events));
        // A grab that fails now is tried again at the next pause; a node that is gone is noticed by its read.
        let _ = self.grab();
    }

    fn detach(&mut self, events: &mut Vec<DeviceEvent>) {
        self.keyboard = None;
        self.swipe.quiet(events);
        let keys = self.decoder.close();
        if keys > 0 {
            events.push(DeviceEvent::Partial { bytes: keys });
        }
    }
}

fn key_event(bytes: &[u8; EVENT_BYTES]) -> Option<KeyEvent> {
    let (seconds, rest) = bytes.split_first_chunk::<WORD>()?;
    let (microseconds, rest) = rest.split_first_chunk::<WORD>()?;
    let (kind, rest) = rest.split_first_chunk::<2>()?;
    let (code, rest) = rest.split_first_chunk::<2>()?;
    let value = rest.first_chunk::<4>()?;
    let word = |bytes: &[u8; WORD]| usize::from_ne_bytes(*bytes) as u64;
    Some(KeyEvent {
        kind: u16::from_ne_bytes(*kind),
        code: u16::from_ne_bytes(*code),
        value: i32::from_ne_bytes(*value),
        time_us: word(seconds).saturating_mul(1_000_000).saturating_add(word(microseconds)),
    })
}

/// What to do about a card that was typed in another layout than the configured one.
fn other_layout(layout: Layout) -> &'static str {
    macro_rules! set {
        ($name:literal) => {
            concat!(
                "a card typed in another keyboard layout was dropped: set `layout = \"",
                $name,
                "\"`, or find the layout with the calibration code"
            )
        };
    }
    match layout {
        Layout::Be => set!("be"),
        Layout::Ch => set!("ch"),
        Layout::De => set!("de"),
        Layout::Es => set!("es"),
        Layout::Fr => set!("fr"),
        Layout::It => set!("it"),
        Layout::Jp => set!("jp"),
        Layout::Pt => set!("pt"),
        Layout::Se => set!("se"),
        Layout::Tr => set!("tr"),
        Layout::Uk => set!("uk"),
        Layout::Us => set!("us"),
    }
}

/// `%B` and a digit, or `;` and a digit, to which no barcode content of a till begins (ISO/IEC 7813).
fn is_track(data: &[u8]) -> bool {
    matches!(data, [b'%', b'B' | b'b', b'0'..=b'9', ..] | [b';' | b'+', b'0'..=b'9', ..])
}

/// The rest of a track whose beginning is lost: nothing of it may leave.
fn may_be_of_a_track(data: &[u8]) -> bool {
    data.ends_with(b"?") || data.iter().any(|byte| matches!(byte, b'=' | b'^'))
}

#[cfg(test)]
mod tests;
