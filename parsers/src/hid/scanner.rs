//! Scanners of the HID POS class: usage page 8C (HID Point of Sale Usage Tables 1.02, Bar Code Scanner).
//!
//! In: a descriptor once, then input reports. Out: scans; one that comes in several reports is joined until a report
//! says that nothing follows. Never: a fixed offset, a scan made of two.

use super::descriptor::{Field, ReportDescriptor, ReportKind, Usage};
use super::{Pending, Scan};
use crate::code_id::without_suffix;

const PAGE: u16 = 0x8C;
const PREVENT_READ: Usage = Usage::new(PAGE, 0x5F);
const AIM: [Usage; 3] = [Usage::new(PAGE, 0xFB), Usage::new(PAGE, 0xFC), Usage::new(PAGE, 0xFD)];
const DECODED_DATA: Usage = Usage::new(PAGE, 0xFE);
const CONTINUED: Usage = Usage::new(PAGE, 0xFF);
/// Generic Desktop: how many bytes of the data count.
const BYTE_COUNT: Usage = Usage::new(0x01, 0x3B);

/// Honeywell and Youjie: this feature report, set to 1, turns the HID POS mode on.
const POS_MODE_REPORT: u8 = 0xFE;

/// The scanned-data reports of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerLayout {
    descriptor: ReportDescriptor,
    reports: Vec<ScanReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ScanReport {
    id: u8,
    data: Field,
    byte_count: Option<Field>,
    aim: [Option<Field>; 3],
    continued: Option<Field>,
}

/// A report that the host sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Output or feature.
    pub kind: ReportKind,
    /// The bytes, the report id first.
    pub bytes: Vec<u8>,
}

impl ScannerLayout {
    /// Where the descriptor has scanned data. None: the interface is no HID POS scanner.
    #[must_use]
    pub fn of(descriptor: &ReportDescriptor) -> Option<Self> {
        let is_data = |field: &&Field| {
            field.kind == ReportKind::Input
                && field.usage == DECODED_DATA
                && field.element_bits == 8
                && !field.constant
        };
        let mut reports: Vec<ScanReport> = Vec::new();
        for data in descriptor.fields.iter().filter(is_data) {
            let id = data.report_id;
            if !reports.iter().any(|report| report.id == id) {
                let input = |usage| descriptor.input(id, usage);
                reports.push(ScanReport {
                    id,
                    data: *data,
                    byte_count: input(BYTE_COUNT),
                    aim: AIM.map(input),
                    continued: input(CONTINUED),
                });
            }
        }
        let layout = Self { descriptor: descriptor.clone(), reports };
        (!layout.reports.is_empty()).then_some(layout)
    }

    /// What the device wants to hear before it scans: nothing, for most.
    #[must_use]
    pub fn enabling(&self) -> Vec<Command> {
        let features = self.descriptor.fields.iter().filter(|field| {
            field.kind == ReportKind::Feature && field.report_id == POS_MODE_REPORT
        });
        let mode = features.take(1).map(|_| self.command(ReportKind::Feature, POS_MODE_REPORT, 1));
        // All zero: nothing prevents reading, and nothing starts one either.
        let output = self.descriptor.find(ReportKind::Output, PREVENT_READ);
        let allow = output.map(|field| self.command(ReportKind::Output, field.report_id, 0));
        mode.chain(allow).collect()
    }

    fn command(&self, kind: ReportKind, id: u8, first: u8) -> Command {
        let payload = self.descriptor.report_bytes(kind, id);
        // hidraw wants an id of 0 in front of reports that are not numbered.
        let length = payload + usize::from(!self.descriptor.numbered);
        let mut bytes = vec![0; length];
        for (byte, value) in bytes.iter_mut().zip([id, first]) {
            *byte = value;
        }
        Command { kind, bytes }
    }
}

/// Joins reports to scans.
pub struct ScannerReports {
    layout: ScannerLayout,
    pending: Pending,
    aim: Option<[u8; 3]>,
    damaged: bool,
}

impl ScannerReports {
    /// For a device that was just opened.
    #[must_use]
    pub fn new(layout: ScannerLayout) -> Self {
        Self { layout, pending: Pending::new(), aim: None, damaged: false }
    }

    /// Takes an input report. Reports without scanned data, such as a trigger's state, say nothing.
    pub fn take(&mut self, report: &[u8], sink: &mut dyn FnMut(Scan<'_>)) {
        let Some((id, payload)) = self.layout.descriptor.split(report) else { return };
        let Some(layout) = self.layout.reports.iter().find(|layout| layout.id == id).copied()
        else {
            return;
        };
        let aim = layout.aim(payload);
        if self.pending.bytes() > 0 && aim != self.aim {
            self.abandon(sink);
        }
        let present = layout.data.bytes(payload).count();
        if present == 0 {
            return sink(Scan::Malformed { bytes: report.len() });
        }
        let announced = layout.announced(payload);
        self.damaged |= announced > present;
        layout
            .data
            .bytes(payload)
            .take(announced.min(present))
            .for_each(|byte| self.pending.push(byte));
        self.aim = aim;
        let more = layout.continued.and_then(|field| field.element(payload, 0));
        if more.unwrap_or(0) == 0 {
            self.finish(sink);
        }
    }

    /// The device is gone: the rest of a scan will not come.
    pub fn close(&mut self, sink: &mut dyn FnMut(Scan<'_>)) {
        if self.pending.bytes() > 0 {
            self.abandon(sink);
        }
    }

    /// Whether a scan waits for its rest.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.pending.bytes() > 0
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Scan<'_>)) {
        let bytes = self.pending.bytes();
        let (aim, damaged) = (self.aim.take(), std::mem::take(&mut self.damaged));
        sink(match aim {
            _ if self.pending.lost > 0 => Scan::Overflow { bytes },
            // Honeywell answers commands as scans with these identifiers; `]X0` and `]Z6` are no symbology of items.
            Some([b']', b'X', b'0'] | [b']', b'Z', b'6']) => Scan::Reply { bytes },
            // An empty report ends a scan whose last bytes came before: without any there was none.
            _ if bytes == 0 && !damaged => return self.pending.clear(),
            aim => Scan::Barcode { aim, data: without_suffix(&self.pending.data), damaged },
        });
        self.pending.clear();
    }

    fn abandon(&mut self, sink: &mut dyn FnMut(Scan<'_>)) {
        sink(Scan::Incomplete { bytes: self.pending.bytes() });
        self.pending.clear();
        self.aim = None;
        self.damaged = false;
    }
}

impl ScanReport {
    /// Bytes of data that count. Without a count, those up to the padding.
    fn announced(&self, payload: &[u8]) -> usize {
        let count = self.byte_count.and_then(|field| field.element(payload, 0));
        count.map_or_else(
            || {
                let data = self.data.bytes(payload).enumerate();
                data.filter(|(_, byte)| *byte != 0).map(|(at, _)| at + 1).last().unwrap_or(0)
            },
            |count| usize::try_from(count).unwrap_or(usize::MAX),
        )
    }

    /// The identifier, where the device sends one: `]`, a letter and a modifier.
    fn aim(&self, payload: &[u8]) -> Option<[u8; 3]> {
        let byte = |field: Option<Field>| {
            field.and_then(|field| u8::try_from(field.element(payload, 0)?).ok())
        };
        match self.aim.map(byte) {
            [Some(b']'), Some(letter), Some(modifier)]
                if letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
            {
                Some([b']', letter, modifier])
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
