//! Which scheme a payment card number belongs to.
//!
//! In: the digits of a number. Out: the [`Scheme`], decided by issuer identification number (ISO/IEC 7812-1) and
//! length. Never: a copy of the number.

/// Longest number that ISO/IEC 7812-1 allows.
pub const MAX_DIGITS: usize = 19;

/// Shortest number of a payment card: Maestro.
pub const MIN_DIGITS: usize = 12;

/// A payment card scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Visa, Visa Electron, V Pay.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// UnionPay.
    Unionpay,
    /// Maestro and the domestic debit cards that share its ranges.
    Maestro,
    /// Mir.
    Mir,
    /// RuPay.
    Rupay,
    /// Elo.
    Elo,
    /// Hipercard.
    Hipercard,
    /// Verve.
    Verve,
    /// Troy.
    Troy,
    /// Uzcard.
    Uzcard,
    /// Humo.
    Humo,
    /// Napas.
    Napas,
    /// Borica, Bcard.
    Borica,
}

impl Scheme {
    /// The name in records: small letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::Unionpay => "unionpay",
            Self::Maestro => "maestro",
            Self::Mir => "mir",
            Self::Rupay => "rupay",
            Self::Elo => "elo",
            Self::Hipercard => "hipercard",
            Self::Verve => "verve",
            Self::Troy => "troy",
            Self::Uzcard => "uzcard",
            Self::Humo => "humo",
            Self::Napas => "napas",
            Self::Borica => "borica",
        }
    }

    /// The scheme whose range and lengths a number of ASCII digits fits. The check digit is not looked at.
    #[must_use]
    pub fn of(number: &[u8]) -> Option<Self> {
        let iin = iin(number)?;
        RANGES
            .iter()
            .find(|range| range.holds(iin) && range.allows(number.len()))
            .map(|range| range.scheme)
    }

    /// The scheme of a payment card number: range, length and check digit all fit.
    #[must_use]
    pub fn of_payment_card(number: &[u8]) -> Option<Self> {
        if luhn(number) { Self::of(number) } else { None }
    }

    /// Whether a number could be a payment card's with one digit lost or doubled, as a keyboard wedge does it.
    #[must_use]
    pub fn is_near_miss(number: &[u8]) -> bool {
        let Some(iin) = iin(number) else { return false };
        let near = |range: &Range| {
            [number.len() - 1, number.len() + 1].into_iter().any(|length| range.allows(length))
        };
        RANGES.iter().any(|range| range.holds(iin) && near(range))
    }
}

/// The check digit of ISO/IEC 7812-1 annex B. Expects ASCII digits.
#[must_use]
pub fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => digit * 2 - 9,
                (_, digit) => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the first six digits are a payment card's, however many follow.
pub(super) fn begins_like_payment_card(number: &[u8]) -> bool {
    first_six(number).is_some_and(|iin| RANGES.iter().any(|range| range.holds(iin)))
}

/// A scheme that has numbers with these first six digits and lengths; an international one before a domestic one.
pub(super) fn in_ranges(
    (low, high): (u32, u32),
    (shortest, longest): (usize, usize),
) -> Option<Scheme> {
    let meets = |range: &&Range| {
        range.low <= high
            && low <= range.high
            && range.shortest <= longest
            && shortest <= range.longest
    };
    RANGES.iter().rfind(meets).map(|range| range.scheme)
}

fn iin(number: &[u8]) -> Option<u32> {
    if (MIN_DIGITS..=MAX_DIGITS).contains(&number.len()) { first_six(number) } else { None }
}

/// Issuer ranges are written in six digits, although issuers hold eight since ISO/IEC 7812-1:2017: schemes still
/// own whole six-digit blocks.
fn first_six(number: &[u8]) -> Option<u32> {
    number.get(..6)?.iter().try_fold(0, |iin: u32, digit| {
        digit.is_ascii_digit().then(|| iin * 10 + u32::from(digit - b'0'))
    })
}

struct Range {
    low: u32,
    high: u32,
    shortest: usize,
    longest: usize,
    scheme: Scheme,
}

impl Range {
    fn holds(&self, iin: u32) -> bool {
        (self.low..=self.high).contains(&iin)
    }

    fn allows(&self, length: usize) -> bool {
        (self.shortest..=self.longest).contains(&length)
    }
}

const fn range(low: u32, high: u32, lengths: (usize, usize), scheme: Scheme) -> Range {
    Range { low, high, shortest: lengths.0, longest: lengths.1, scheme }
}

/// The first range that fits wins: domestic schemes stand before the international ones whose blocks they use.
///
/// UATP (all of 1, 15 digits) is left out: it is an airline account that no till takes, and one number in ten of
/// all document numbers of that shape would be cut.
const RANGES: &[Range] = &[
    range(401_178, 401_179, (16, 16), Scheme::Elo),
    range(431_274, 431_274, (16, 16), Scheme::Elo),
    range(438_935, 438_935, (16, 16), Scheme::Elo),
    range(451_416, 451_416, (16, 16), Scheme::Elo),
    range(457_393, 457_393, (16, 16), Scheme::Elo),
    range(457_631, 457_632, (16, 16), Scheme::Elo),
    range(504_175, 504_175, (16, 16), Scheme::Elo),
    range(506_099, 506_198, (16, 19), Scheme::Verve),
    range(506_699, 506_778, (16, 16), Scheme::Elo),
    range(507_865, 507_964, (16, 19), Scheme::Verve),
    range(508_500, 508_999, (16, 16), Scheme::Rupay),
    range(509_000, 509_999, (16, 16), Scheme::Elo),
    range(561_400, 561_499, (16, 16), Scheme::Uzcard),
    range(606_282, 606_282, (13, 19), Scheme::Hipercard),
    range(606_985, 607_984, (16, 16), Scheme::Rupay),
    range(608_001, 608_500, (16, 16), Scheme::Rupay),
    range(627_780, 627_780, (16, 16), Scheme::Elo),
    range(636_297, 636_297, (16, 16), Scheme::Elo),
    range(636_368, 636_368, (16, 16), Scheme::Elo),
    range(637_095, 637_095, (16, 16), Scheme::Hipercard),
    range(637_568, 637_568, (16, 16), Scheme::Hipercard),
    range(637_599, 637_612, (16, 16), Scheme::Hipercard),
    range(650_002, 650_027, (16, 19), Scheme::Verve),
    range(650_031, 650_598, (16, 16), Scheme::Elo),
    range(650_700, 650_978, (16, 16), Scheme::Elo),
    range(651_652, 651_679, (16, 16), Scheme::Elo),
    range(652_150, 653_149, (16, 16), Scheme::Rupay),
    range(655_000, 655_058, (16, 16), Scheme::Elo),
    // Three lengths that Visa issues; 14, 15, 17 and 18 it never did.
    range(400_000, 499_999, (13, 13), Scheme::Visa),
    range(400_000, 499_999, (16, 16), Scheme::Visa),
    range(400_000, 499_999, (19, 19), Scheme::Visa),
    range(510_000, 559_999, (16, 16), Scheme::Mastercard),
    range(222_100, 272_099, (16, 16), Scheme::Mastercard),
    range(340_000, 349_999, (15, 15), Scheme::Amex),
    range(370_000, 379_999, (15, 15), Scheme::Amex),
    range(300_000, 305_999, (14, 19), Scheme::Diners),
    range(309_500, 309_599, (14, 19), Scheme::Diners),
    range(360_000, 369_999, (14, 19), Scheme::Diners),
    range(380_000, 399_999, (14, 19), Scheme::Diners),
    range(352_800, 358_999, (16, 19), Scheme::Jcb),
    range(213_100, 213_199, (15, 15), Scheme::Jcb),
    range(180_000, 180_099, (15, 15), Scheme::Jcb),
    range(220_000, 220_499, (16, 19), Scheme::Mir),
    range(220_500, 220_599, (16, 16), Scheme::Borica),
    range(601_100, 601_199, (16, 19), Scheme::Discover),
    range(644_000, 659_999, (16, 19), Scheme::Discover),
    range(620_000, 629_999, (16, 19), Scheme::Unionpay),
    range(810_000, 817_199, (16, 19), Scheme::Unionpay),
    range(817_200, 820_199, (16, 16), Scheme::Rupay),
    range(860_000, 860_099, (16, 16), Scheme::Uzcard),
    range(970_400, 970_499, (16, 19), Scheme::Napas),
    range(979_200, 979_299, (16, 16), Scheme::Troy),
    range(986_000, 986_099, (16, 16), Scheme::Humo),
    range(500_000, 509_999, (12, 19), Scheme::Maestro),
    range(560_000, 589_999, (12, 19), Scheme::Maestro),
    range(630_400, 630_499, (12, 19), Scheme::Maestro),
    range(639_000, 639_099, (12, 19), Scheme::Maestro),
    range(670_000, 679_999, (12, 19), Scheme::Maestro),
];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Numbers that schemes and processors publish for tests.
    pub(crate) const PUBLIC_TEST_NUMBERS: &[(&str, Scheme)] = &[
        ("4111111111111111", Scheme::Visa),
        ("4222222222222", Scheme::Visa),
        ("5555555555554444", Scheme::Mastercard),
        ("2223003122003222", Scheme::Mastercard),
        ("378282246310005", Scheme::Amex),
        ("371449635398431", Scheme::Amex),
        ("6011111111111117", Scheme::Discover),
        ("30569309025904", Scheme::Diners),
        ("36227206271667", Scheme::Diners),
        ("3530111333300000", Scheme::Jcb),
        ("6200000000000005", Scheme::Unionpay),
        ("6759649826438453", Scheme::Maestro),
        ("6304000000000000", Scheme::Maestro),
        ("2200000000000004", Scheme::Mir),
    ];

    #[test]
    fn public_test_numbers_have_their_scheme() {
        for (number, scheme) in PUBLIC_TEST_NUMBERS {
            assert_eq!(Scheme::of_payment_card(number.as_bytes()), Some(*scheme), "{number}");
        }
    }

    #[test]
    fn all_three_must_fit() {
        assert_eq!(Scheme::of_payment_card(b"4111111111111112"), None, "check digit");
        assert_eq!(Scheme::of_payment_card(b"411111111111116"), None, "length");
        assert_eq!(Scheme::of_payment_card(b"9156001122334"), None, "range");
        assert_eq!(Scheme::of(b"41111111111"), None, "too short");
        assert_eq!(Scheme::of(b"4x11111111111111"), None, "no digits");
    }

    #[test]
    fn a_number_with_one_digit_lost_is_a_near_miss() {
        assert!(Scheme::is_near_miss(b"411111111111111"));
        assert!(Scheme::is_near_miss(b"41111111111111111"));
        assert!(!Scheme::is_near_miss(b"9156001122334"));
        assert!(!Scheme::is_near_miss(b"2912345678901"));
    }
}
