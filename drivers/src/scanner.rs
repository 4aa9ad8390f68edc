//! `serial-scanner`: a barcode scanner that sends each code as a line, or as packets of SSI.
//!
//! In: lines, packets. Out: barcodes in the order they came, equal ones too: two equal items give two equal scans.

use tillgate_parsers::code_id::Maker;
use zeroize::Zeroizing;

use crate::serial::{self, Decoder, Dialogue, Lines, SsiDialogue};
use crate::{DeviceEvent, DeviceSettings, Driver, DriverKind, Protocol, Reading};

/// The driver's entry.
pub(crate) const DRIVER: Driver = Driver {
    kind: DriverKind::SerialScanner,
    name: "serial-scanner",
    start: |assignment| {
        let dialogue = dialogue(&assignment.settings);
        Box::pin(serial::serve(assignment, dialogue))
    },
};

fn dialogue(settings: &DeviceSettings) -> Box<dyn Dialogue> {
    match settings.protocol {
        Protocol::Lines => {
            Box::new(Lines::new(settings, ScannerDecoder { code_ids: settings.code_ids }))
        }
        Protocol::Ssi => Box::new(SsiDialogue::new(settings)),
    }
}

/// Symbology letters in use (ISO/IEC 15424).
const SYMBOLOGY_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUXZdehz";

struct ScannerDecoder {
    code_ids: Option<Maker>,
}

impl Decoder for ScannerDecoder {
    fn line(&mut self, bytes: &[u8], damaged: bool, events: &mut Vec<DeviceEvent>) {
        let (aim, content, damaged) = match self.code_ids.map(|maker| maker.split(bytes)) {
            None => {
                let (aim, content) = split_identifier(bytes);
                (aim, content, damaged)
            }
            Some(Some((aim, content))) => (Some(aim.to_owned()), content, damaged),
            // The scanner puts one in front of everything: the start is missing.
            Some(None) => (None, bytes, true),
        };
        let data = Zeroizing::new(content.to_vec());
        events.push(DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }));
    }
}

/// Splits `]cm` off: `]`, a symbology letter and a modifier, which is a digit or, for Aztec, up to `C`. Content that
/// happens to begin with `]` has no such letter and modifier behind it.
pub(crate) fn split_identifier(frame: &[u8]) -> (Option<String>, &[u8]) {
    match frame {
        [b']', letter, modifier @ (b'0'..=b'9' | b'A'..=b'F'), content @ ..]
            if SYMBOLOGY_LETTERS.contains(letter) =>
        {
            (Some(format!("]{}{}", char::from(*letter), char::from(*modifier))), content)
        }
        content => (None, content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_split_off_only_when_it_is_one() {
        let cases: &[(&[u8], Option<&str>, &[u8])] = &[
            (b"]C101095\x1d21", Some("]C1"), b"01095\x1d21"),
            (b"]d2]E0", Some("]d2"), b"]E0"),
            (b"]zC1", Some("]zC"), b"1"),
            (b"]E04006381333931", Some("]E0"), b"4006381333931"),
            (b"]V1x", None, b"]V1x"),
            (b"]Cx1", None, b"]Cx1"),
            (b"]C", None, b"]C"),
            (b"4006381333931", None, b"4006381333931"),
        ];
        for (frame, aim, content) in cases {
            assert_eq!(split_identifier(frame), (aim.map(str::to_owned), *content), "{frame:?}");
        }
    }
}
