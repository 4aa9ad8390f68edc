//! Zebra SNAPI: the reports of a scanner in its own USB mode (vendor 05E0, product 1900).
//!
//! In: input reports of up to 64 bytes. Out: scans, and the acknowledgement that each part of one wants. A part that
//! does not follow the one before drops what was begun. Never: images, and commands other than the acknowledgement.
//!
//! | report | layout |
//! |---|---|
//! | 22, scan | id, parts, index from 0, length, code type (little-endian, 2), data |
//! | 26, long scan | id, parts (big-endian, 2), index (big-endian, 2), length, code type (little-endian, 2), data |
//! | 01, to the device | id, the report that is acknowledged, 01, 00 |

use super::{Pending, Scan};
use crate::code_id::without_suffix;

/// The USB vendor and product of a scanner in this mode.
pub const USB_IDENTITY: (u16, u16) = (0x05E0, 0x1900);

const SCAN: u8 = 0x22;
const LONG_SCAN: u8 = 0x26;

/// Joins reports to scans.
pub struct SnapiReports {
    pending: Pending,
    begun: Option<Begun>,
}

/// A scan under way.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Begun {
    parts: u16,
    code_type: u16,
    next: u16,
}

struct Part<'r> {
    parts: u16,
    index: u16,
    length: usize,
    code_type: u16,
    data: &'r [u8],
}

impl Default for SnapiReports {
    fn default() -> Self {
        Self { pending: Pending::new(), begun: None }
    }
}

impl SnapiReports {
    /// Takes an input report. Gives what the device wants to hear: each part of a scan is acknowledged, or it sends
    /// it again.
    pub fn take(&mut self, report: &[u8], sink: &mut dyn FnMut(Scan<'_>)) -> Option<[u8; 4]> {
        let id = *report.first()?;
        let part = match (id, report) {
            (SCAN, [_, parts, index, length, low, high, data @ ..]) => Part {
                parts: u16::from(*parts),
                index: u16::from(*index),
                length: usize::from(*length),
                code_type: u16::from_le_bytes([*low, *high]),
                data,
            },
            (LONG_SCAN, [_, ph, pl, ih, il, length, low, high, data @ ..]) => Part {
                parts: u16::from_be_bytes([*ph, *pl]),
                index: u16::from_be_bytes([*ih, *il]),
                length: usize::from(*length),
                code_type: u16::from_le_bytes([*low, *high]),
                data,
            },
            (SCAN | LONG_SCAN, _) => {
                sink(Scan::Malformed { bytes: report.len() });
                return None;
            }
            // Status, notifications, and the empty reports that occur.
            _ => return None,
        };
        self.part(&part, report.len(), sink);
        Some([0x01, id, 0x01, 0x00])
    }

    /// The device is gone: the rest of a scan will not come.
    pub fn close(&mut self, sink: &mut dyn FnMut(Scan<'_>)) {
        if self.begun.take().is_some() {
            sink(Scan::Incomplete { bytes: self.pending.bytes() });
            self.pending.clear();
        }
    }

    fn part(&mut self, part: &Part<'_>, report_bytes: usize, sink: &mut dyn FnMut(Scan<'_>)) {
        let here = Begun { parts: part.parts, code_type: part.code_type, next: part.index };
        let follows = self.begun.map_or(part.index == 0, |begun| begun == here);
        if !follows {
            self.close(sink);
        }
        let Some(data) = part.data.get(..part.length) else {
            self.close(sink);
            return sink(Scan::Malformed { bytes: report_bytes });
        };
        // The rest of a scan whose beginning was lost, or whose numbers make no sense.
        if part.index >= part.parts || !follows && part.index > 0 {
            return sink(Scan::Incomplete { bytes: part.length });
        }
        data.iter().for_each(|byte| self.pending.push(*byte));
        let next = part.index + 1;
        self.begun = Some(Begun { next, ..here });
        if next == part.parts {
            self.finish(part.code_type, sink);
        }
    }

    fn finish(&mut self, code_type: u16, sink: &mut dyn FnMut(Scan<'_>)) {
        self.begun = None;
        let bytes = self.pending.bytes();
        if self.pending.lost > 0 {
            sink(Scan::Overflow { bytes });
        } else if bytes > 0 {
            let aim = identifier(code_type);
            let data = without_suffix(&self.pending.data);
            sink(Scan::Barcode { aim, data, damaged: false });
        }
        self.pending.clear();
    }
}

/// An EAN or UPC with two digits beside it, and with five, has this added to its code type.
const TWO_DIGITS_BESIDE: u16 = 0x40;
const FIVE_DIGITS_BESIDE: u16 = 0x80;

/// The AIM identifier of a code type, where both say the same of the content. UPC alone is left out: under `]E0` its
/// content has another length; so are types that may or may not be GS1.
fn identifier(code_type: u16) -> Option<[u8; 3]> {
    if has_supplement(code_type) {
        return Some(*b"]E3");
    }
    Some(*match code_type {
        0x01 => b"]A0",
        0x03 => b"]C0",
        0x06 => b"]I0",
        0x07 => b"]G0",
        0x0A => b"]E4",
        0x0B => b"]E0",
        0x0F => b"]C1",
        // DataBar, DataBar Limited, DataBar Expanded.
        0x30..=0x32 => b"]e0",
        _ => return None,
    })
}

/// UPC-A, UPC-E, EAN-8, EAN-13 and UPC-E1.
fn has_supplement(code_type: u16) -> bool {
    [TWO_DIGITS_BESIDE, FIVE_DIGITS_BESIDE]
        .into_iter()
        .any(|beside| matches!(code_type.wrapping_sub(beside), 0x08..=0x0B | 0x10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(parts: u8, index: u8, code_type: u8, data: &[u8]) -> Vec<u8> {
        let mut report = vec![SCAN, parts, index, u8::try_from(data.len()).unwrap(), code_type, 0];
        report.extend(data);
        report.resize(64, 0);
        report
    }

    fn long(parts: u16, index: u16, data: &[u8]) -> Vec<u8> {
        let mut report = vec![LONG_SCAN];
        report.extend(parts.to_be_bytes());
        report.extend(index.to_be_bytes());
        report.extend([u8::try_from(data.len()).unwrap(), 0x1C, 0]);
        report.extend(data);
        report
    }

    fn shown(scan: &Scan<'_>) -> String {
        match scan {
            Scan::Barcode { aim, data, .. } => {
                let aim = aim.map(|aim| aim.escape_ascii().to_string()).unwrap_or_default();
                format!("{aim}|{}", data.escape_ascii())
            }
            other => format!("{other:?}"),
        }
    }

    fn scans(reports: &[Vec<u8>]) -> Vec<String> {
        let mut reader = SnapiReports::default();
        let mut seen = Vec::new();
        for report in reports {
            let answer = reader.take(report, &mut |scan| seen.push(shown(&scan)));
            let is_part = matches!(report.first(), Some(0x22 | 0x26)) && report.len() > 8;
            let wanted = is_part.then(|| [1, report[0], 1, 0]);
            assert_eq!(answer, wanted, "each part is acknowledged");
        }
        reader.close(&mut |scan| seen.push(shown(&scan)));
        seen
    }

    #[test]
    fn a_scan_is_joined_from_its_parts() {
        assert_eq!(scans(&[scan(1, 0, 0x0B, b"4006381333931")]), ["]E0|4006381333931"]);
        let parts = [scan(2, 0, 0x0F, b"0104006381333931"), scan(2, 1, 0x0F, b"10A\x1d21B")];
        assert_eq!(scans(&parts), ["]C1|010400638133393110A\\x1d21B"]);
        assert_eq!(scans(&[long(2, 0, b"ab"), vec![], long(2, 1, b"c")]), ["|abc"]);
        for (code_type, data, wanted) in [
            (0x48, "03600029145212", "]E3|03600029145212"),
            (0x88, "03600029145212345", "]E3|03600029145212345"),
            (0x4B, "400638133393112", "]E3|400638133393112"),
            (0x08, "036000291452", "|036000291452"),
            (0x30, "0104006381333931", "]e0|0104006381333931"),
            (0x31, "0104006381333931", "]e0|0104006381333931"),
            (0x32, "010400638133393110A", "]e0|010400638133393110A"),
        ] {
            assert_eq!(scans(&[scan(1, 0, code_type, data.as_bytes())]), [wanted]);
        }
        for end in ["\r", "\r\n", "\t"] {
            let data = format!("4006381333931{end}");
            assert_eq!(scans(&[scan(1, 0, 0x0B, data.as_bytes())]), ["]E0|4006381333931"]);
        }
    }

    #[test]
    fn a_part_that_does_not_follow_drops_what_was_begun() {
        let other_type = [scan(2, 0, 3, b"ab"), scan(2, 1, 1, b"cd"), scan(1, 0, 3, b"ok")];
        assert_eq!(
            scans(&other_type),
            ["Incomplete { bytes: 2 }", "Incomplete { bytes: 2 }", "]C0|ok"]
        );
        assert_eq!(scans(&[scan(3, 1, 3, b"ab")]), ["Incomplete { bytes: 2 }"]);
        assert_eq!(scans(&[scan(0, 0, 3, b"ab")]), ["Incomplete { bytes: 2 }"]);
        assert_eq!(scans(&[scan(2, 0, 3, b"ab")]), ["Incomplete { bytes: 2 }"], "unplugged");
        let again = [scan(2, 0, 3, b"ab"), scan(2, 0, 3, b"ab"), scan(2, 1, 3, b"cd")];
        assert_eq!(scans(&again), ["Incomplete { bytes: 2 }", "]C0|abcd"]);
    }

    #[test]
    fn a_report_that_ends_before_its_data_is_no_scan() {
        let mut stump = scan(1, 0, 3, b"abcdef");
        stump.truncate(9);
        assert_eq!(scans(&[stump]), ["Malformed { bytes: 9 }"]);
        assert_eq!(scans(&[vec![0x22, 1]]), ["Malformed { bytes: 2 }"]);
        assert_eq!(scans(&[vec![0x21, 1, 1, 0], vec![0x24, 1], vec![]]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn a_long_scan_comes_whole(data in prop::collection::vec(any::<u8>(), 1..2000)) {
            let parts: Vec<&[u8]> = data.chunks(56).collect();
            let count = u16::try_from(parts.len()).unwrap();
            let mut reader = SnapiReports::default();
            let mut whole = Vec::new();
            for (part, index) in parts.iter().zip(0..) {
                let answer = reader.take(&long(count, index, part), &mut |scan| {
                    let Scan::Barcode { data, .. } = scan else { panic!("{scan:?}") };
                    whole.push(data.to_vec());
                });
                prop_assert_eq!(answer, Some([1, LONG_SCAN, 1, 0]));
            }
            prop_assert_eq!(whole, vec![without_suffix(&data).to_vec()]);
        }
    }
}
