//! How a device is connected and how it sends.

use std::fmt;
use std::str::FromStr;

use tillgate_parsers::card::LoyaltyCard;
use tillgate_parsers::chip::Plan;
use tillgate_parsers::code_id::Maker;
use tillgate_parsers::framing::{FrameEnd, FramingSettings};
use tillgate_parsers::scale::{ScaleProtocol, WeightUnit};
use tillgate_parsers::wedge::Layout;

use crate::attached::{Address, Roots};

/// The longest barcode by far is a QR code of 7,089 digits (ISO/IEC 18004, table 7).
const SCAN_BYTES_MAX: usize = 8192;

/// Three tracks in one line have at most 79 + 40 + 107 characters (ISO/IEC 7813, ISO/IEC 4909).
const TRACKS_BYTES_MAX: usize = 512;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DriverKind {
    /// A barcode scanner that sends lines.
    SerialScanner,
    /// A magnetic-stripe reader that sends tracks as lines.
    SerialMagstripe,
    /// A barcode scanner of the HID POS class.
    HidScanner,
    /// A magnetic-stripe reader that sends HID reports.
    HidMagstripe,
    /// A scanner or card reader that types.
    KeyboardWedge,
    /// A Zebra scanner in its own USB mode.
    Snapi,
    /// A reader of chip cards at pcscd.
    Pcsc,
    /// The scale of a checkout.
    SerialScale,
}

/// How a scanner speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A line for each code; nothing is answered.
    Lines,
    /// Packets with checksums, each acknowledged: Zebra's Simple Serial Interface.
    Ssi,
}

/// One configured device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSettings {
    /// The configured name.
    pub id: String,
    /// What it is.
    pub kind: DriverKind,
    /// Which serial port, hidraw or event node it is.
    pub address: Address,
    /// Where the machine describes itself.
    pub roots: Roots,
    /// How it speaks; magnetic-stripe readers send lines.
    pub protocol: Protocol,
    /// Speed. Without meaning for USB devices that are serial by nature.
    pub baud: u32,
    /// Data bits, parity, stop bits.
    pub line: LineSettings,
    /// Who may hold whom.
    pub flow_control: FlowControl,
    /// What the device puts around a reading.
    pub framing: FramingSettings,
    /// Without a suffix a reading ends when nothing came for so long.
    pub idle_gap_ms: u64,
    /// Whose code identifiers stand in front of each barcode; `None` for AIM's, or none.
    pub code_ids: Option<Maker>,
    /// Whether the device waits for ACK, or NAK, after each reading.
    pub acknowledge: bool,
    /// What is sent after each reading that is durable; with SSI the number of a beep.
    pub accept: Vec<u8>,
    /// What is sent after each line that came damaged, and each reading that was not taken; with SSI the number of a
    /// beep.
    pub refuse: Vec<u8>,
    /// A swipe ends when its tracks have come, or when nothing came for so long.
    pub swipe_gap_ms: u64,
    /// The keyboard layout that a wedge is set to.
    pub layout: Layout,
    /// A pause that ends a read of a wedge that sends no Enter.
    pub key_gap_ms: u64,
    /// Words that the name of one reader of pcscd has in it.
    pub chip_reader: String,
    /// Where chip cards have their number.
    pub chip: Plan,
    /// The store's loyalty cards, by whose numbers a card reader knows them; none where any number of no payment card
    /// is one.
    pub loyalty_cards: Vec<LoyaltyCard>,
    /// How a scale speaks.
    pub scale: ScaleSettings,
    /// A device that sends more is read more slowly, and reported.
    pub frames_per_second_max: u32,
}

impl DeviceSettings {
    /// A device as most are delivered: 9600 8N1, no prefix, any line end.
    #[must_use]
    pub fn new(id: &str, kind: DriverKind, address: impl Into<Address>) -> Self {
        let frame_bytes_max = match kind {
            DriverKind::SerialMagstripe | DriverKind::HidMagstripe => TRACKS_BYTES_MAX,
            _ => SCAN_BYTES_MAX,
        };
        Self {
            id: id.to_owned(),
            kind,
            address: address.into(),
            roots: Roots::default(),
            protocol: Protocol::Lines,
            baud: 9600,
            line: LineSettings::default(),
            framing: FramingSettings { prefix: Vec::new(), suffix: FrameEnd::Any, frame_bytes_max },
            flow_control: FlowControl::None,
            idle_gap_ms: 300,
            code_ids: None,
            acknowledge: false,
            accept: Vec::new(),
            refuse: Vec::new(),
            swipe_gap_ms: 150,
            layout: Layout::Us,
            key_gap_ms: 100,
            chip_reader: String::new(),
            chip: Plan::default(),
            loyalty_cards: Vec::new(),
            scale: ScaleSettings {
                protocol: ScaleProtocol::Toledo8217,
                unit: WeightUnit::Kilogram,
                ask_ms: 500,
            },
            frames_per_second_max: 500,
        }
    }
}

/// How a scale speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleSettings {
    /// Its protocol.
    pub protocol: ScaleProtocol,
    /// What it weighs in, where it does not say so itself.
    pub unit: WeightUnit,
    /// It is asked so often; 0 for one that speaks by itself.
    pub ask_ms: u64,
}

/// How one side of a line makes the other wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowControl {
    /// Not at all.
    None,
    /// By the wires RTS and CTS.
    RtsCts,
    /// By the bytes XON and XOFF, which readings cannot contain then.
    XonXoff,
}

/// Data bits, parity and stop bits, written `8N1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineSettings {
    /// 5 to 8.
    pub data_bits: u8,
    /// The check bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// The check bit of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// None: `N`.
    None,
    /// Even: `E`.
    Even,
    /// Odd: `O`.
    Odd,
}

/// A text that is no line setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected data bits (5 to 8), parity (N, E or O) and stop bits (1 or 2) such as \"8N1\" or \"7E1\", found \"{found}\""
)]
pub struct LineSettingsError {
    /// What stood there.
    pub found: String,
}

impl Default for LineSettings {
    fn default() -> Self {
        Self { data_bits: 8, parity: Parity::None, stop_bits: 1 }
    }
}

impl FromStr for LineSettings {
    type Err = LineSettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || LineSettingsError { found: text.to_owned() };
        let &[data_bits @ b'5'..=b'8', parity, stop_bits @ b'1'..=b'2'] = text.as_bytes() else {
            return Err(refused());
        };
        let parity = match parity.to_ascii_uppercase() {
            b'N' => Parity::None,
            b'E' => Parity::Even,
            b'O' => Parity::Odd,
            _ => return Err(refused()),
        };
        Ok(Self { data_bits: data_bits - b'0', parity, stop_bits: stop_bits - b'0' })
    }
}

impl fmt::Display for LineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        write!(f, "{}{parity}{}", self.data_bits, self.stop_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_settings_read_what_they_print() {
        for text in ["8N1", "7E1", "7O2", "5N2"] {
            assert_eq!(text.parse::<LineSettings>().unwrap().to_string(), text);
        }
        assert_eq!("7e1".parse::<LineSettings>().unwrap().to_string(), "7E1");
        assert_eq!("8N1".parse(), Ok(LineSettings::default()));
    }

    #[test]
    fn other_line_settings_are_refused_with_an_example() {
        for text in ["", "8N", "9N1", "8X1", "8N3", "8N1 ", "ÿ1"] {
            let refusal = text.parse::<LineSettings>().unwrap_err().to_string();
            assert!(refusal.contains("\"8N1\"") && refusal.contains(text), "{refusal}");
        }
    }
}
