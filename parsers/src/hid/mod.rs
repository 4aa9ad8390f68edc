//! HID: report descriptors, and the reports of scanners and card readers.
//!
//! In: the report descriptor of a device and its input reports, as hidraw gives them: the report id first where the
//! device numbers its reports. Out: scans and tracks. Offsets come from the descriptor, never from a model's habit.
//! Never: I/O, a scan that was cut, a scan made of two.

pub mod card;
pub mod descriptor;
pub mod scanner;
pub mod snapi;

use zeroize::Zeroizing;

/// The longest barcode by far is a QR code of 7,089 digits (ISO/IEC 18004, table 7).
pub const SCAN_BYTES_MAX: usize = 8192;

/// What reports add up to.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// A barcode.
    Barcode {
        /// AIM symbology identifier, such as `]C1`, if the device says it apart from the content.
        aim: Option<[u8; 3]>,
        /// The content.
        data: &'a [u8],
        /// Whether the device announced more than it sent.
        damaged: bool,
    },
    /// The answer of a scanner to a command: no barcode.
    Reply {
        /// Its size.
        bytes: usize,
    },
    /// A scan in several reports whose rest never came: dropped.
    Incomplete {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// A scan of more than [`SCAN_BYTES_MAX`] bytes: dropped.
    Overflow {
        /// Bytes that were dropped.
        bytes: usize,
    },
    /// A report that does not fit its own description.
    Malformed {
        /// Its size.
        bytes: usize,
    },
}

/// A scan that comes in parts. Has its room from the start: a vector that grows leaves its content behind.
struct Pending {
    data: Zeroizing<Vec<u8>>,
    /// Bytes that came after there was no more room.
    lost: usize,
}

impl Pending {
    fn new() -> Self {
        Self { data: Zeroizing::new(Vec::with_capacity(SCAN_BYTES_MAX)), lost: 0 }
    }

    fn push(&mut self, byte: u8) {
        if self.data.len() < SCAN_BYTES_MAX { self.data.push(byte) } else { self.lost += 1 }
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.lost
    }

    fn clear(&mut self) {
        use zeroize::Zeroize;
        self.data.zeroize();
        self.lost = 0;
    }
}
