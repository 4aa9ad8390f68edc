//! Magnetic-stripe readers: usage page 8E (HUT, Magnetic Stripe Reader) and MagTek's own page FF00, by descriptor.
//!
//! In: a descriptor once, then input reports. Out: the tracks of a swipe as lines with their sentinels, for the
//! reader of ISO/IEC 7813 tracks. Never: a track that outlives its line; the line is zeroized after use.

use zeroize::Zeroizing;

use super::descriptor::{Field, ReportDescriptor, ReportKind, Usage};

const MSR_PAGE: u16 = 0x8E;
const MAGTEK_PAGE: u16 = 0xFF00;

/// Usages of three tracks in a row, on one page.
struct TrackUsages {
    page: u16,
    data: u16,
    length: u16,
    /// A byte that is not 0 where the track could not be read.
    status: Option<u16>,
}

const KNOWN: [TrackUsages; 2] = [
    TrackUsages { page: MSR_PAGE, data: 0x21, length: 0x11, status: None },
    TrackUsages { page: MAGTEK_PAGE, data: 0x30, length: 0x28, status: Some(0x20) },
];

/// What only readers that encrypt have: MagnePrint data, and the serial number and counter of the key (MagneSafe V5).
const ENCRYPTING: [u16; 2] = [0x33, 0x46];

/// Start sentinels of tracks 1 to 3, as readers write them.
const SENTINELS: [u8; 3] = *b"%;+";
const END_SENTINEL: u8 = b'?';

/// The tracks in the reports of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardLayout {
    descriptor: ReportDescriptor,
    tracks: Vec<Track>,
    encrypts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Track {
    /// 0 for track 1.
    place: usize,
    data: Field,
    length: Option<Field>,
    status: Option<Field>,
}

impl CardLayout {
    /// Where the descriptor has tracks. None: the interface is no reader of magnetic stripes.
    #[must_use]
    pub fn of(descriptor: &ReportDescriptor) -> Option<Self> {
        let tracks: Vec<Track> =
            KNOWN.iter().flat_map(|usages| tracks_of(descriptor, usages)).collect();
        let has = |id| descriptor.find(ReportKind::Input, Usage::new(MAGTEK_PAGE, id)).is_some();
        let encrypts = ENCRYPTING.into_iter().any(has);
        (!tracks.is_empty()).then(|| Self { descriptor: descriptor.clone(), tracks, encrypts })
    }

    /// Whether the reader encrypts what it reads. Nothing of its reports is a track then: where it shows one, zeros
    /// stand for most of the number, and such a number can look whole.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.encrypts
    }

    /// Takes a report and gives its tracks as lines, in order. True when the swipe is whole with it, which it is
    /// where one report carries all tracks that the device has.
    pub fn take(&self, report: &[u8], sink: &mut dyn FnMut(&[u8])) -> bool {
        if self.encrypts {
            return false;
        }
        let Some((id, payload)) = self.descriptor.split(report) else { return false };
        let mut lines = 0;
        for track in self.tracks.iter().filter(|track| track.data.report_id == id) {
            if let Some(line) = track.line(payload) {
                lines += 1;
                sink(&line);
            }
        }
        lines > 0 && self.tracks.iter().all(|track| track.data.report_id == id)
    }
}

fn tracks_of<'a>(
    descriptor: &'a ReportDescriptor,
    usages: &'a TrackUsages,
) -> impl Iterator<Item = Track> + 'a {
    SENTINELS.iter().zip(0_u16..).filter_map(move |(_, number)| {
        let usage = |first: u16| Usage::new(usages.page, first + number);
        let data = descriptor.find(ReportKind::Input, usage(usages.data))?;
        if data.element_bits != 8 {
            return None;
        }
        // Status and lengths may stand in the same report only: another's would be of another moment.
        let beside = |first: u16| descriptor.input(data.report_id, usage(first));
        Some(Track {
            place: usize::from(number),
            data: *data,
            length: beside(usages.length),
            status: usages.status.and_then(beside),
        })
    })
}

impl Track {
    /// The line of a track; none where it was empty. A device that leaves the sentinels out gets them back, the end
    /// sentinel only where nothing is missing.
    fn line(&self, payload: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let start = *SENTINELS.get(self.place)?;
        let unreadable = self.status.and_then(|field| field.element(payload, 0)).unwrap_or(0) != 0;
        let present = self.data.bytes(payload).count();
        let announced = self.length.and_then(|field| field.element(payload, 0));
        let announced = announced.map_or_else(
            || self.data.bytes(payload).take_while(|byte| *byte != 0).count(),
            |length| usize::try_from(length).unwrap_or(usize::MAX),
        );
        if unreadable {
            return Some(Zeroizing::new(vec![start, b'E', END_SENTINEL]));
        }
        if announced == 0 {
            return None;
        }
        let mut line = Zeroizing::new(Vec::with_capacity(present + 2));
        let first = self.data.bytes(payload).next();
        let has_start = first.is_some_and(|byte| SENTINELS.contains(&byte) || byte == b'#');
        if !has_start {
            line.push(start);
        }
        line.extend(self.data.bytes(payload).take(announced));
        if !has_start && announced <= present && line.last() != Some(&END_SENTINEL) {
            line.push(END_SENTINEL);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests;
