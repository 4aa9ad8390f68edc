//! What a lane's device is and says, in the words of configuration and journal.

use std::io;

use tillgate_drivers::{
    self as drivers, DeviceSettings, DriverKind, LineSettingsError, Maker, Reading,
};
use tillgate_parsers::card::{LoyaltyCard, Scheme};
use tillgate_parsers::framing::FrameEnd;
use tillgate_parsers::redact;
use tillgate_parsers::wedge::Layout;
use tillgate_record::Channel;
use zeroize::{Zeroize, Zeroizing};

use crate::config::{CodeIds, Device, Driver, FlowControl, Protocol, Suffix};
use crate::normalize::reading::{Damage, RawReading, RawWeight};

/// The settings of a configured device in a store with these loyalty cards.
///
/// # Errors
/// When `line` is no line setting.
pub fn settings_of(
    device: &Device,
    loyalty_cards: Vec<LoyaltyCard>,
) -> Result<DeviceSettings, LineSettingsError> {
    let mut settings = DeviceSettings::new(&device.id, kind_of(device.driver), device.address());
    settings.baud = device.baud;
    settings.line = device.line.parse()?;
    // `check` refuses other names.
    settings.layout = Layout::of_name(&device.layout).unwrap_or(settings.layout);
    settings.key_gap_ms = u64::from(device.key_gap_ms);
    settings.framing.prefix = device.prefix.clone().into_bytes();
    settings.framing.suffix = match device.suffix {
        Suffix::Cr => FrameEnd::Cr,
        Suffix::Lf => FrameEnd::Lf,
        Suffix::Crlf => FrameEnd::CrLf,
        Suffix::Tab => FrameEnd::Tab,
        Suffix::Etx => FrameEnd::Etx,
        Suffix::Any => FrameEnd::Any,
        Suffix::Gap => FrameEnd::Gap,
    };
    settings.flow_control = match device.flow_control {
        FlowControl::None => drivers::FlowControl::None,
        FlowControl::RtsCts => drivers::FlowControl::RtsCts,
        FlowControl::XonXoff => drivers::FlowControl::XonXoff,
    };
    settings.protocol = match device.protocol {
        Protocol::Lines => drivers::Protocol::Lines,
        Protocol::Ssi => drivers::Protocol::Ssi,
    };
    settings.code_ids = match device.code_ids {
        CodeIds::Aim => None,
        CodeIds::Datalogic => Some(Maker::Datalogic),
        CodeIds::Honeywell => Some(Maker::Honeywell),
        CodeIds::Zebra => Some(Maker::Zebra),
    };
    settings.acknowledge = device.acknowledge;
    settings.accept = device.accept.clone().into_bytes();
    settings.refuse = device.refuse.clone().into_bytes();
    settings.loyalty_cards = loyalty_cards;
    settings.scale = device.scale.settings();
    settings.chip_reader.clone_from(&device.card.reader);
    // `check` refuses other files.
    settings.chip = device.card.plan().unwrap_or_default();
    Ok(settings)
}

/// The driver of a device.
#[must_use]
pub fn kind_of(driver: Driver) -> DriverKind {
    match driver {
        Driver::SerialScanner => DriverKind::SerialScanner,
        Driver::SerialMagstripe => DriverKind::SerialMagstripe,
        Driver::HidScanner => DriverKind::HidScanner,
        Driver::HidMagstripe => DriverKind::HidMagstripe,
        Driver::Snapi => DriverKind::Snapi,
        Driver::KeyboardWedge => DriverKind::KeyboardWedge,
        Driver::Pcsc => DriverKind::Pcsc,
        Driver::SerialScale => DriverKind::SerialScale,
    }
}

/// The way in that a device is.
pub(super) fn channel_of(device: &Device) -> Channel {
    match device.driver {
        Driver::SerialMagstripe | Driver::HidMagstripe | Driver::Pcsc => Channel::CardReader,
        Driver::SerialScanner
        | Driver::HidScanner
        | Driver::Snapi
        | Driver::KeyboardWedge
        // It has no readings of its own: its weights go with those of scanners.
        | Driver::SerialScale => Channel::Scanner,
    }
}

/// The input that a reading becomes: JSON of a [`RawReading`]. The second value says whether the reading is damaged.
pub(super) fn input_of(
    device: &Device,
    reading: Reading,
    weight: Option<RawWeight>,
) -> Result<(Zeroizing<Vec<u8>>, bool), io::Error> {
    match reading {
        Reading::Barcode { aim, data, damaged } => {
            let cause = damage(device, &data, damaged);
            barcode(&device.lane, (aim, &data), cause, weight)
        }
        Reading::Card(card) => {
            let damaged = card.damaged;
            let raw = RawReading::Card {
                lane: device.lane.clone(),
                scheme: card.scheme.map(Scheme::as_str).map(str::to_owned),
                masked_pan: card.masked_pan,
                card_token: card.card_token,
                loyalty: card.loyalty,
                loyalty_card: card.loyalty_card,
                damaged,
            };
            Ok((json(&raw, 0)?, damaged))
        }
    }
}

/// What shows that a barcode is damaged; none where it is whole.
fn damage(device: &Device, data: &[u8], damaged: bool) -> Option<Damage> {
    // GS stands between the elements of a GS1 string.
    let is_foreign = |byte: &u8| byte.is_ascii_control() && *byte != b'\x1d';
    Some(match damaged {
        _ if std::str::from_utf8(data).is_err() => Damage::Bytes,
        false => return None,
        true if data.iter().any(is_foreign) => Damage::Control,
        true if !device.prefix.is_empty() => Damage::Prefix,
        true => Damage::Lost,
    })
}

/// A barcode can be a card number, so that no copy of it may stay behind.
fn barcode(
    lane: &str,
    (aim, data): (Option<String>, &[u8]),
    cause: Option<Damage>,
    weight: Option<RawWeight>,
) -> Result<(Zeroizing<Vec<u8>>, bool), io::Error> {
    let text = match std::str::from_utf8(data) {
        Ok(text) => text.to_owned(),
        Err(_) => escaped(data),
    };
    let (lane, damaged) = (lane.to_owned(), cause.is_some());
    let mut raw = RawReading::Barcode { lane, aim, data: text, damaged, cause, weight };
    let bytes = json(&raw, data.len());
    if let RawReading::Barcode { data, .. } = &mut raw {
        data.zeroize();
    }
    Ok((bytes?, damaged))
}

/// Bytes that are no text, byte for byte in ASCII. A parity bit that is read as data makes other bytes of a number's
/// digits, and whoever knows that reads them back: what is a card number without the eighth bit is masked here.
fn escaped(data: &[u8]) -> String {
    let plain = Zeroizing::new(data.iter().map(|byte| byte & 0x7F).collect::<Vec<u8>>());
    let redacted = redact::text(&plain).bytes;
    // Room for all of it: a text that grows leaves its old content behind.
    let mut text = String::with_capacity(4 * data.len());
    for ((byte, plain), left) in data.iter().zip(plain.iter()).zip(redacted.iter()) {
        match plain == left {
            true => text.extend(byte.escape_ascii().map(char::from)),
            false => text.push('*'),
        }
    }
    text
}

/// JSON needs at most six bytes for one (`\u001d`), for an escaped one five. Room for all of it from the start, since a
/// vector that grows leaves its old content behind.
fn json(raw: &RawReading, data_bytes: usize) -> Result<Zeroizing<Vec<u8>>, io::Error> {
    const AROUND_BYTES: usize = 1024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 * data_bytes + AROUND_BYTES));
    serde_json::to_writer(&mut *bytes, raw)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use tillgate_parsers::card::{TokenKey, read_tracks};

    use super::*;

    fn device(more: &str) -> Device {
        let text = format!("id = 'd'\nlane = '3'\ndriver = 'serial-scanner'\n{more}");
        toml::from_str(&text).unwrap()
    }

    fn read_back(device: &Device, reading: Reading) -> (RawReading, bool) {
        let (bytes, damaged) = input_of(device, reading, None).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), damaged)
    }

    /// What is kept of a barcode, and what shows that it is damaged.
    fn kept(device: &Device, data: &[u8], damaged: bool) -> (String, Option<Damage>) {
        let data = Zeroizing::new(data.to_vec());
        let (raw, is_damaged) = read_back(device, Reading::Barcode { aim: None, data, damaged });
        let RawReading::Barcode { data, damaged, cause, .. } = raw else { panic!("{raw:?}") };
        assert_eq!((damaged, is_damaged), (cause.is_some(), cause.is_some()), "{data}");
        (data, cause)
    }

    #[test]
    fn a_barcode_goes_on_as_the_scanner_sent_it() {
        let data = Zeroizing::new(b"0104006381333931\x1d\"".to_vec());
        let aim = Some("]C1".to_owned());
        let reading = Reading::Barcode { aim: aim.clone(), data, damaged: false };
        let (raw, damaged) = read_back(&device(""), reading);
        let data = "0104006381333931\u{1d}\"".to_owned();
        let (lane, cause, weight) = ("3".to_owned(), None, None);
        assert_eq!(raw, RawReading::Barcode { lane, aim, data, damaged: false, cause, weight });
        assert!(!damaged);
    }

    #[test]
    fn a_damaged_barcode_has_its_cause_and_all_its_bytes() {
        let (plain, framed) = (device(""), device("prefix = '~'"));
        for (device, data, damaged, text, cause) in [
            (&plain, b"gr\xfcn\\".as_slice(), false, "gr\\xfcn\\\\", Some(Damage::Bytes)),
            (&framed, b"gr\xc3\xbcn", false, "grün", None),
            (&plain, b"40\x0063", true, "40\u{0}63", Some(Damage::Control)),
            (&plain, b"10A\x1d21", true, "10A\x1d21", Some(Damage::Lost)),
            (&framed, b"4006", true, "4006", Some(Damage::Prefix)),
        ] {
            assert_eq!(kept(device, data, damaged), (text.to_owned(), cause), "{data:?}");
        }
    }

    #[test]
    fn a_card_number_with_its_parity_bits_is_masked() {
        let digits = b"\xb4\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1\xb1";
        let (text, cause) = kept(&device(""), digits, false);
        assert_eq!(text, r"\xb4\xb1\xb1\xb1\xb1\xb1******\xb1\xb1\xb1\xb1");
        assert_eq!(cause, Some(Damage::Bytes));
    }

    #[test]
    fn a_card_goes_on_without_its_number() {
        let key = TokenKey::from_hex(&"5a".repeat(32)).unwrap();
        let card = read_tracks(&mut b";4111111111111111=29121011234?".to_vec(), &key, &[]);
        let (bytes, damaged) = input_of(&device(""), Reading::Card(card), None).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains("411111******1111") && text.contains("\"visa\""), "{text}");
        assert!(!text.contains("4111111111111111") && !damaged, "{text}");
    }
}
