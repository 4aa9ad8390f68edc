//! Scales of a checkout on a serial line: Toledo 8217, NCI and MT-SICS.
//!
//! In: bytes of the line in chunks of any size, and the unit of a scale that does not say its own. Out: what is on
//! the scale: a weight that rests, or why there is none. Never: a weight while the scale moves, a unit or a decimal
//! point that the scale did not send or the operator did not name.
//!
//! After the Mettler-Toledo 8217 manual, the NCI protocol (Weigh-Tronix SCP-01, as in the manuals of NCI 6702 and
//! Avery 7821) and the MT-SICS reference (command SI).

mod answer;

use zeroize::{Zeroize, Zeroizing};

/// A longer answer is none.
const ANSWER_BYTES_MAX: usize = 64;

/// How a scale speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleProtocol {
    /// `W` is answered by STX, a weight without unit, CR; or by STX, `?`, a status, CR.
    Toledo8217,
    /// `W` CR is answered by LF, weight and unit, CR, two or more bytes of status, ETX.
    Nci,
    /// `SI` CR LF is answered by a line of words.
    MtSics,
}

/// What weights are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightUnit {
    /// kg
    Kilogram,
    /// g
    Gram,
    /// lb
    Pound,
    /// oz
    Ounce,
}

impl WeightUnit {
    /// The name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kilogram => "kg",
            Self::Gram => "g",
            Self::Pound => "lb",
            Self::Ounce => "oz",
        }
    }
}

/// A weight that rests and is more than nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// A decimal, as many digits behind the point as the scale sent.
    pub value: String,
    /// What it is in.
    pub unit: WeightUnit,
    /// Whether a tare was taken off, where the scale says so.
    pub net: Option<bool>,
}

/// What is on a scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnScale {
    /// A weight that rests.
    Stable(Weight),
    /// Nothing.
    Zero,
    /// Something that still moves.
    Moving,
    /// More than it can weigh.
    OverCapacity,
    /// Less than nothing: it was set to zero with something on it, or a tare is on.
    UnderZero,
    /// It never found its zero, and weighs nothing until it is cleared and set to zero.
    ZeroLost,
    /// It cannot answer now: it warms up, or a menu is open.
    NotReady,
    /// It says that its memory or calibration is damaged.
    Faulty,
}

impl OnScale {
    /// The name in the journal.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stable(_) => "stable",
            Self::Zero => "zero",
            Self::Moving => "moving",
            Self::OverCapacity => "over-capacity",
            Self::UnderZero => "under-zero",
            Self::ZeroLost => "zero-lost",
            Self::NotReady => "not-ready",
            Self::Faulty => "faulty",
        }
    }
}

/// What came of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScaleAnswer {
    /// What is on the scale.
    Weighed(OnScale),
    /// No answer of this protocol.
    Malformed {
        /// Its size.
        bytes: usize,
    },
}

/// The answers of one scale.
pub struct ScaleReader {
    protocol: ScaleProtocol,
    /// Of a scale that does not say its own.
    unit: WeightUnit,
    /// Zeroized: what comes on a line that was mixed up may be a card. It never grows.
    answer: Zeroizing<Vec<u8>>,
    /// Bytes of an answer that is too long.
    lost: usize,
}

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

impl ScaleReader {
    /// For one scale.
    #[must_use]
    pub fn new(protocol: ScaleProtocol, unit: WeightUnit) -> Self {
        let answer = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX));
        Self { protocol, unit, answer, lost: 0 }
    }

    /// What the scale is asked with.
    #[must_use]
    pub fn request(&self) -> &'static [u8] {
        match self.protocol {
            ScaleProtocol::Toledo8217 => b"W",
            ScaleProtocol::Nci => b"W\r",
            ScaleProtocol::MtSics => b"SI\r\n",
        }
    }

    /// Takes bytes of the line.
    pub fn feed(&mut self, bytes: &[u8], deliver: &mut impl FnMut(ScaleAnswer)) {
        let end = match self.protocol {
            ScaleProtocol::Toledo8217 => b'\r',
            ScaleProtocol::Nci => ETX,
            ScaleProtocol::MtSics => b'\n',
        };
        for byte in bytes {
            match *byte {
                byte if byte == end => deliver(self.ended()),
                STX if self.protocol == ScaleProtocol::Toledo8217 => {
                    let bytes = self.close();
                    if bytes > 0 {
                        deliver(ScaleAnswer::Malformed { bytes });
                    }
                    self.answer.push(STX);
                }
                byte if self.answer.len() < ANSWER_BYTES_MAX => self.answer.push(byte),
                _ => self.lost += 1,
            }
        }
    }

    /// Drops what has not ended; says how many bytes.
    pub fn close(&mut self) -> usize {
        let bytes = self.answer.len() + std::mem::take(&mut self.lost);
        self.answer.zeroize();
        bytes
    }

    fn ended(&mut self) -> ScaleAnswer {
        let on_scale = match self.protocol {
            _ if self.lost > 0 => None,
            ScaleProtocol::Toledo8217 => answer::toledo(&self.answer, self.unit),
            ScaleProtocol::Nci => answer::nci(&self.answer),
            ScaleProtocol::MtSics => answer::mt_sics(&self.answer),
        };
        // The end belongs to it.
        let bytes = self.close() + 1;
        on_scale.map_or(ScaleAnswer::Malformed { bytes }, ScaleAnswer::Weighed)
    }
}

#[cfg(test)]
mod tests;
