//! Names of a card's applications (ISO/IEC 7816-4, 12.2.3).
//!
//! In: hexadecimal digits. Out: an [`Aid`]. Never: the name of a payment application, or of the directories that
//! lead to them: one that was selected would bring its card number into this program.

use std::fmt;
use std::str::FromStr;

/// A registered provider is named by five bytes; a shorter name would select whatever begins with it.
const BYTES_MIN: usize = 5;
const BYTES_MAX: usize = 16;

/// The directories of payment applications: with contacts and without (EMV book 1, 12.2.2; EMV book B, 3.3.1).
const PAYMENT_DIRECTORIES: [&[u8]; 2] = [b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"];

/// What names of payment applications begin with: the registered providers of schemes and their domestic kin.
const PAYMENT_PROVIDERS: [(&[u8], &str); 24] = [
    (&[0xA0, 0x00, 0x00, 0x00, 0x03], "Visa"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x04], "Mastercard"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x05], "Mastercard"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x10], "Mastercard"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x25], "American Express"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x29], "LINK"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x42], "Cartes Bancaires"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x65], "JCB"),
    (&[0xA0, 0x00, 0x00, 0x00, 0x98], "Visa"),
    (&[0xA0, 0x00, 0x00, 0x01, 0x21], "Dankort"),
    (&[0xA0, 0x00, 0x00, 0x01, 0x41], "PagoBancomat"),
    (&[0xA0, 0x00, 0x00, 0x01, 0x52], "Discover"),
    (&[0xA0, 0x00, 0x00, 0x02, 0x28], "mada"),
    (&[0xA0, 0x00, 0x00, 0x02, 0x77], "Interac"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x24], "Discover"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x33], "UnionPay"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x59], "girocard"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x71], "Verve"),
    (&[0xA0, 0x00, 0x00, 0x03, 0x84], "eftpos"),
    (&[0xA0, 0x00, 0x00, 0x05, 0x24], "RuPay"),
    (&[0xA0, 0x00, 0x00, 0x06, 0x51], "Elo"),
    (&[0xA0, 0x00, 0x00, 0x06, 0x58], "Mir"),
    (&[0xA0, 0x00, 0x00, 0x06, 0x72], "Troy"),
    (&[0xD2, 0x76, 0x00, 0x00, 0x25], "girocard"),
];

/// The name of an application that may be selected.
#[derive(Clone, PartialEq, Eq)]
pub struct Aid(Vec<u8>);

/// Why a text names no application that may be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AidError {
    /// It is no name.
    #[error("expected {} to {} hexadecimal digits, two a byte, such as \"F074696C6C67617465\"", 2 * BYTES_MIN, 2 * BYTES_MAX)]
    Form,
    /// A payment scheme's.
    #[error(
        "names a payment application ({scheme}), which is never selected: name the loyalty application"
    )]
    Payment {
        /// Whose.
        scheme: &'static str,
    },
}

impl Aid {
    /// The NFC Forum's, for a text or link (Type 4 Tag, 5.4.2).
    pub(super) fn ndef() -> Self {
        Self(vec![0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01])
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Aid {
    type Err = AidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hex::decode(text).map_err(|_| AidError::Form)?;
        if !(BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) {
            return Err(AidError::Form);
        }
        // A name selects every application that begins with it.
        let directory = |name: &&&[u8]| name.starts_with(&bytes) || bytes.starts_with(name);
        if PAYMENT_DIRECTORIES.iter().find(directory).is_some() {
            return Err(AidError::Payment { scheme: "EMV directory" });
        }
        match PAYMENT_PROVIDERS.iter().find(|(provider, _)| bytes.starts_with(provider)) {
            Some((_, scheme)) => Err(AidError::Payment { scheme }),
            None => Ok(Self(bytes)),
        }
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loyalty_applications_have_names_and_payment_applications_none() {
        for name in ["F074696C6C67617465", "d2760000850101", "A000000618", "A0000003965453"] {
            assert!(name.parse::<Aid>().is_ok(), "{name}");
        }
        for name in [
            "A0000000031010",
            "a0000000041010",
            "A000000025010701",
            "A000000333010101",
            "A000000004",
        ] {
            assert!(matches!(name.parse::<Aid>(), Err(AidError::Payment { .. })), "{name}");
        }
        for directory in ["1PAY.SYS.DDF01", "2PAY.SYS.DDF01", "2PAY.SYS", "2PAY.SYS.DDF0177"] {
            let name = hex::encode(directory);
            assert!(matches!(name.parse::<Aid>(), Err(AidError::Payment { .. })), "{directory}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "F0", "A0000000", "F07469", "F0746", "G074696C6C", &"00".repeat(17)] {
            assert_eq!(text.parse::<Aid>(), Err(AidError::Form), "{text}");
        }
    }
}
