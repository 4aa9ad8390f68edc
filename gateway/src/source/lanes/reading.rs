//! What a lane's device is and says, in the words of configuration and journal.

use std::io;

use tillgate_drivers::{
    self as drivers, DeviceSettings, DriverKind, LineSettingsError, Maker, Reading,
};
use tillgate_parsers::card::Scheme;
use tillgate_parsers::framing::FrameEnd;
use tillgate_parsers::wedge::Layout;
use tillgate_record::Channel;
use zeroize::{Zeroize, Zeroizing};

use crate::config::{CodeIds, Device, Driver, FlowControl, Protocol, Suffix};
use crate::normalize::reading::RawReading;

/// The settings of a configured device.
///
/// # Errors
/// When `line` is no line setting.
pub fn settings_of(device: &Device) -> Result<DeviceSettings, LineSettingsError> {
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
    }
}

/// The way in that a device is.
pub(super) fn channel_of(device: &Device) -> Channel {
    match device.driver {
        Driver::SerialMagstripe | Driver::HidMagstripe => Channel::CardReader,
        Driver::SerialScanner | Driver::HidScanner | Driver::Snapi | Driver::KeyboardWedge => {
            Channel::Scanner
        }
    }
}

/// The input that a reading becomes: JSON of a [`RawReading`]. The second value says whether the reading is damaged.
pub(super) fn input_of(
    lane: &str,
    reading: Reading,
) -> Result<(Zeroizing<Vec<u8>>, bool), io::Error> {
    match reading {
        Reading::Barcode { aim, data, damaged } => barcode(lane, aim, &data, damaged),
        Reading::Card(card) => {
            let damaged = card.damaged;
            let raw = RawReading::Card {
                lane: lane.to_owned(),
                scheme: card.scheme.map(Scheme::as_str).map(str::to_owned),
                masked_pan: card.masked_pan,
                card_token: card.card_token,
                loyalty: card.loyalty,
                damaged,
            };
            Ok((json(&raw, 0)?, damaged))
        }
    }
}

/// A barcode can be a card number, so that no copy of it may stay behind.
fn barcode(
    lane: &str,
    aim: Option<String>,
    data: &[u8],
    damaged: bool,
) -> Result<(Zeroizing<Vec<u8>>, bool), io::Error> {
    let text = String::from_utf8_lossy(data);
    let damaged = damaged || text.as_bytes() != data;
    let mut raw =
        RawReading::Barcode { lane: lane.to_owned(), aim, data: text.into_owned(), damaged };
    let bytes = json(&raw, data.len());
    if let RawReading::Barcode { data, .. } = &mut raw {
        data.zeroize();
    }
    Ok((bytes?, damaged))
}

/// JSON needs at most six bytes for one (`\u001d`). Room for all of it from the start, since a vector that grows
/// leaves its old content behind.
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

    fn read_back(reading: Reading) -> (RawReading, bool) {
        let (bytes, damaged) = input_of("3", reading).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), damaged)
    }

    #[test]
    fn a_barcode_goes_on_as_the_scanner_sent_it() {
        let data = Zeroizing::new(b"0104006381333931\x1d\"".to_vec());
        let aim = Some("]C1".to_owned());
        let (raw, damaged) = read_back(Reading::Barcode { aim: aim.clone(), data, damaged: false });
        let data = "0104006381333931\u{1d}\"".to_owned();
        assert_eq!(raw, RawReading::Barcode { lane: "3".to_owned(), aim, data, damaged: false });
        assert!(!damaged);
    }

    #[test]
    fn bytes_that_are_no_utf8_mark_the_reading() {
        let data = Zeroizing::new(b"gr\xfcn".to_vec());
        let (raw, damaged) = read_back(Reading::Barcode { aim: None, data, damaged: false });
        let RawReading::Barcode { data, damaged: marked, .. } = raw else { panic!("{raw:?}") };
        assert_eq!(data, "gr\u{fffd}n");
        assert!(damaged && marked);
    }

    #[test]
    fn a_card_goes_on_without_its_number() {
        let key = TokenKey::from_hex(&"5a".repeat(32)).unwrap();
        let card = read_tracks(&mut b";4111111111111111=29121011234?".to_vec(), &key);
        let (bytes, damaged) = input_of("3", Reading::Card(card)).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains("411111******1111") && text.contains("\"visa\""), "{text}");
        assert!(!text.contains("4111111111111111") && !damaged, "{text}");
    }
}
