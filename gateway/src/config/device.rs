//! Which device is meant, how it speaks, and where a card has its number, in the words of the configuration.
//!
//! In and out: TOML. Never: what a driver does with it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use tillgate_drivers::ScaleSettings;
use tillgate_drivers::attached::{Address, Selector, UsbId};
use tillgate_parsers::chip::{self, Aid, AidError, Form, NUMBER_CHARS_MAX, Plan};
use tillgate_parsers::scale;

use super::Device;

/// READ BINARY has 15 bits for it.
const OFFSET_MAX: u16 = 0x7FFF;

impl Device {
    /// Which device is meant: by path, or by what it says of itself and where it is plugged in.
    #[must_use]
    pub fn address(&self) -> Address {
        match &self.port {
            Some(port) => Address::Port(port.clone()),
            None => Address::Selector(Selector {
                usb: self.usb,
                serial_number: self.serial_number.clone(),
                usb_port: self.usb_port.clone(),
                interface: self.interface,
            }),
        }
    }
}

pub(super) fn usb_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UsbId>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

/// Whose code identifiers stand before a barcode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CodeIds {
    /// AIM's, such as `]C1`, or none.
    #[default]
    Aim,
    /// Datalogic's standard table.
    Datalogic,
    /// Honeywell's.
    Honeywell,
    /// Zebra's.
    Zebra,
}

/// `card` of a `[[device]]`: where a store's chip cards have their number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChipCard {
    /// A part of the reader's name at pcscd, where it knows several.
    pub reader: String,
    /// What stands before the number in a card's text or link, such as `https://loyalty.example/m/`.
    pub number_prefix: String,
    /// Whether a card without any number is known by its serial number, if that is the chip's for good.
    pub serial_number: bool,
    /// Files of the store's own applications, which come first.
    pub files: Vec<CardFile>,
}

/// A place in a card's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// The application, in hexadecimal digits. Payment applications are refused.
    pub application: String,
    /// The file, in four hexadecimal digits, if the application has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Bytes before the number.
    #[serde(default)]
    pub offset: u16,
    /// Bytes of the number.
    pub length: u8,
    /// How it is written: "text", "bcd" or "hex".
    #[serde(default)]
    pub form: NumberForm,
}

/// How a number is written in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NumberForm {
    /// ASCII.
    #[default]
    Text,
    /// Two digits a byte.
    Bcd,
    /// Any bytes, in hexadecimal digits.
    Hex,
}

impl ChipCard {
    /// Where the number is, for a driver; or which file, from 0, and key are wrong, and how.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or must not be.
    pub fn plan(&self) -> Result<Plan, (usize, &'static str, String)> {
        let files = self.files.iter().enumerate();
        let files =
            files.map(|(index, file)| file.place().map_err(|(key, message)| (index, key, message)));
        Ok(Plan {
            files: files.collect::<Result<_, _>>()?,
            number_prefix: self.number_prefix.clone(),
            serial_number: self.serial_number,
        })
    }
}

impl CardFile {
    fn place(&self) -> Result<chip::CardFile, (&'static str, String)> {
        let application: Aid = self
            .application
            .parse()
            .map_err(|error: AidError| ("application", error.to_string()))?;
        let file = match self.file.as_deref() {
            None => None,
            Some(name)
                if name.len() == 4 && name.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                u16::from_str_radix(name, 16).ok()
            }
            Some(_) => return Err(("file", "expected four hexadecimal digits".to_owned())),
        };
        // A larger offset would be taken for a short file identifier (ISO/IEC 7816-4, 11.3.3).
        if self.offset > OFFSET_MAX {
            return Err(("offset", format!("expected at most {OFFSET_MAX}")));
        }
        let form = match self.form {
            NumberForm::Text => Form::Text,
            NumberForm::Bcd => Form::Bcd,
            NumberForm::Hex => Form::Hex,
        };
        let digits_a_byte = if form == Form::Text { 1 } else { 2 };
        let most = u8::try_from(NUMBER_CHARS_MAX / digits_a_byte).unwrap_or(u8::MAX);
        if !(1..=most).contains(&self.length) {
            return Err(("length", format!("expected 1 to {most}")));
        }
        Ok(chip::CardFile { application, file, offset: self.offset, length: self.length, form })
    }
}

/// `scale` of a `[[device]]`: how a scale speaks, and whom its weights are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// "toledo-8217", "nci" or "mt-sics".
    pub speaks: ScaleProtocol,
    /// What it weighs in, where it does not say so: "kg", "g", "lb" or "oz".
    pub unit: WeightUnit,
    /// It is asked so often, in milliseconds; 0 for one that speaks by itself.
    pub ask_ms: u32,
    /// What the codes of items sold by weight begin with. Such a code takes the weight that lies on the scale.
    pub items: Vec<String>,
}

/// How a scale speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScaleProtocol {
    /// `W`, and a weight without its unit.
    #[default]
    #[serde(rename = "toledo-8217")]
    Toledo8217,
    /// `W` CR, and weight, unit and status.
    #[serde(rename = "nci")]
    Nci,
    /// `SI`, and words.
    #[serde(rename = "mt-sics")]
    MtSics,
}

/// What a scale weighs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WeightUnit {
    /// Kilograms.
    #[default]
    #[serde(rename = "kg")]
    Kilogram,
    /// Grams.
    #[serde(rename = "g")]
    Gram,
    /// Pounds.
    #[serde(rename = "lb")]
    Pound,
    /// Ounces.
    #[serde(rename = "oz")]
    Ounce,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            speaks: ScaleProtocol::default(),
            unit: WeightUnit::default(),
            ask_ms: 500,
            items: Vec::new(),
        }
    }
}

impl Scale {
    /// The same for a driver.
    #[must_use]
    pub fn settings(&self) -> ScaleSettings {
        ScaleSettings {
            protocol: match self.speaks {
                ScaleProtocol::Toledo8217 => scale::ScaleProtocol::Toledo8217,
                ScaleProtocol::Nci => scale::ScaleProtocol::Nci,
                ScaleProtocol::MtSics => scale::ScaleProtocol::MtSics,
            },
            unit: match self.unit {
                WeightUnit::Kilogram => scale::WeightUnit::Kilogram,
                WeightUnit::Gram => scale::WeightUnit::Gram,
                WeightUnit::Pound => scale::WeightUnit::Pound,
                WeightUnit::Ounce => scale::WeightUnit::Ounce,
            },
            ask_ms: u64::from(self.ask_ms),
        }
    }
}

/// How one side of a line makes the other wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// Not at all.
    #[default]
    None,
    /// By wires.
    RtsCts,
    /// By bytes.
    XonXoff,
}

/// How a scanner speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A line for each code.
    #[default]
    Lines,
    /// Packets, each acknowledged.
    Ssi,
}
