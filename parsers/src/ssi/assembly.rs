//! Packets become barcodes: one packet mostly, several for codes that are longer than a packet.
//!
//! In: packets in order. Out: whole codes, or why there is none. Never: a code of which a part is missing.
//!
//! Scanners split codes in two ways: `DECODE_DATA` with the bit "continued", or numbered segments whose first says
//! how long the code is. Both are taken.

use zeroize::Zeroizing;

use super::command::opcode;
use super::packet::{CONTINUED, DATA_BYTES_MAX, Packet};
use crate::barcode::FNC1;
use crate::code_id::without_suffix;

/// The longest code that is taken. The longest there is has 7,089 digits (ISO/IEC 18004, table 7).
pub const CODE_BYTES_MAX: usize = 8192;

/// Code types that stand for GS1 and for plain content.
const DATA_MATRIX: u8 = 0x1B;
const QR: u8 = 0x1C;
/// No code type.
const UNSTATED: u8 = 0;

/// A barcode. No `Debug`: it can be a card number.
pub struct Code {
    /// See [`super::aim`]. 0, which is no type, where the type would promise more than the content keeps.
    pub code_type: u8,
    /// With the prefix that the scanner is set to. A suffix of a line end or Tab is off.
    pub data: Zeroizing<Vec<u8>>,
}

/// What a packet did to the code.
pub(super) enum Step {
    /// It goes on.
    More,
    /// It is there.
    Whole(Code),
    /// It is too long.
    TooLong,
    /// A part of it is missing, or it never was a code.
    Broken,
}

/// A code of which not all is there yet.
#[derive(Default)]
pub(super) struct Assembly {
    open: Option<Open>,
}

struct Open {
    code: Code,
    /// What the first segment said.
    length: Option<usize>,
    next_segment: u8,
}

impl Open {
    /// The capacity never grows, so that no copy of the content is left behind in the heap.
    fn new(code_type: u8, length: Option<usize>) -> Self {
        let data = Zeroizing::new(Vec::with_capacity(length.unwrap_or(CODE_BYTES_MAX)));
        Self { code: Code { code_type, data }, length, next_segment: 1 }
    }
}

impl Assembly {
    /// Whether a part of a code waits for the rest.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Forgets what is there; says how many bytes that were.
    pub(super) fn abandon(&mut self) -> usize {
        self.open.take().map_or(0, |open| open.code.data.len())
    }

    /// Whether the packet begins a code, so that what is open will never be whole.
    pub(super) fn is_interrupted_by(&self, packet: &Packet<'_>) -> bool {
        let Some(open) = &self.open else { return false };
        match packet.opcode {
            opcode::SEGMENT => packet.data.first() == Some(&0),
            // Each packet repeats the code type.
            _ => open.length.is_some() || packet.data.first() != Some(&open.code.code_type),
        }
    }

    /// Takes a `DECODE_DATA` or a segment.
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Step {
        match packet.opcode {
            opcode::SEGMENT => self.segment(packet.data),
            _ => self.decode(packet),
        }
    }

    fn decode(&mut self, packet: &Packet<'_>) -> Step {
        let Some((&code_type, data)) = packet.data.split_first() else { return self.broken() };
        let open = self.open.get_or_insert_with(|| Open::new(code_type, None));
        if open.code.data.len() + data.len() > CODE_BYTES_MAX {
            self.open = None;
            return Step::TooLong;
        }
        open.code.data.extend_from_slice(data);
        if packet.status & CONTINUED != 0 {
            return Step::More;
        }
        self.whole()
    }

    /// `00 F3 . . . . TYPE . LENGTH LENGTH data` first, then `INDEX data`.
    fn segment(&mut self, segment: &[u8]) -> Step {
        let data = match segment {
            [0, opcode::DECODE_DATA, _, _, _, _, code_type, _, high, low, data @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if length > CODE_BYTES_MAX {
                    return Step::TooLong;
                }
                self.open = Some(Open::new(*code_type, Some(length)));
                data
            }
            [index, data @ ..] => match &mut self.open {
                Some(open) if open.next_segment == *index => {
                    open.next_segment = open.next_segment.wrapping_add(1);
                    data
                }
                _ => return self.broken(),
            },
            [] => return self.broken(),
        };
        let Some(Open { code, length: Some(length), .. }) = &mut self.open else {
            return self.broken();
        };
        let missing = length.saturating_sub(code.data.len());
        code.data.extend_from_slice(data.get(..missing).unwrap_or(data));
        if code.data.len() == *length {
            self.whole()
        } else if segment.len() == DATA_BYTES_MAX {
            Step::More
        } else {
            self.broken()
        }
    }

    fn whole(&mut self) -> Step {
        let Some(Open { mut code, .. }) = self.open.take() else { return Step::Broken };
        let content = without_suffix(&code.data).len();
        code.data.truncate(content);
        // A separator only stands in GS1 data, or behind FNC1 in the second place: the types tell neither from plain.
        if matches!(code.code_type, DATA_MATRIX | QR) && code.data.contains(&FNC1) {
            code.code_type = UNSTATED;
        }
        Step::Whole(code)
    }

    fn broken(&mut self) -> Step {
        self.open = None;
        Step::Broken
    }
}
