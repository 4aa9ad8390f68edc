//! GS1 application identifiers: their lengths and forms.
//!
//! A compact form of GS1 General Specifications 3.2. Code lists (countries, currencies, units) and associations are
//! left for later; a table that knows them can stand in this one's place, since only [`Identifier::at`] is used.

/// What a value is made of (GS1 General Specifications 7.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Characters {
    /// Digits.
    Digits,
    /// Digits up to this many, then character set 82.
    DigitsThenText(usize),
    /// Character set 82.
    Text,
    /// Character set 39.
    PartNumber,
    /// Character set 64.
    Base64,
}

/// What must hold besides length and characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    None,
    /// The first so many digits end with their check digit.
    LastDigit(usize),
    /// A date YYMMDD, where day 00 stands for the month's last.
    Date,
    /// One or two dates YYMMDD.
    Dates,
    /// A date YYMMDD, an hour, and perhaps minutes and seconds.
    Time,
}

/// A row of the table: identifiers from `low` to `high`, which have `digits` digits.
#[derive(Debug)]
pub(super) struct Identifier {
    low: u16,
    high: u16,
    digits: usize,
    pub(super) shortest: usize,
    pub(super) longest: usize,
    pub(super) characters: Characters,
    pub(super) check: Check,
}

impl Identifier {
    /// The identifier at the front of an element, and how many digits it has.
    pub(super) fn at(front: &[u8]) -> Option<(&'static Self, usize)> {
        (2..=4).find_map(|digits| {
            let number = std::str::from_utf8(front.get(..digits)?).ok()?;
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let number: u16 = number.parse().ok()?;
            let row = TABLE
                .iter()
                .find(|row| row.digits == digits && (row.low..=row.high).contains(&number))?;
            Some((row, digits))
        })
    }
}

/// Whether the element ends by its length (GS1 General Specifications 7.8.5, figure of predefined lengths): all
/// others end with FNC1 or with the message, even when their length is fixed. Given by the first two digits.
pub(super) fn has_predefined_length(front: &[u8]) -> bool {
    matches!(
        front.get(..2),
        Some([b'0', b'0'..=b'4'] | [b'1', b'1'..=b'9'] | b"20" | [b'3', b'1'..=b'6'] | b"41")
    )
}

const fn row(
    (low, high): (u16, u16),
    digits: usize,
    lengths: (usize, usize),
    characters: Characters,
    check: Check,
) -> Identifier {
    Identifier { low, high, digits, shortest: lengths.0, longest: lengths.1, characters, check }
}

const fn number(range: (u16, u16), digits: usize, lengths: (usize, usize)) -> Identifier {
    row(range, digits, lengths, Characters::Digits, Check::None)
}

const fn text(range: (u16, u16), digits: usize, longest: usize) -> Identifier {
    row(range, digits, (1, longest), Characters::Text, Check::None)
}

const fn key(range: (u16, u16), digits: usize, length: usize) -> Identifier {
    row(range, digits, (length, length), Characters::Digits, Check::LastDigit(length))
}

const fn date(range: (u16, u16), digits: usize) -> Identifier {
    row(range, digits, (6, 6), Characters::Digits, Check::Date)
}

/// Digits in front, text behind.
const fn mixed(range: (u16, u16), digits: usize, lengths: (usize, usize, usize)) -> Identifier {
    let (front, shortest, longest) = lengths;
    row(range, digits, (shortest, longest), Characters::DigitsThenText(front), Check::None)
}

/// A key of digits with a check digit, and a serial part behind.
const fn serial_key(
    number: u16,
    digits: usize,
    lengths: (usize, usize),
    characters: Characters,
) -> Identifier {
    row((number, number), digits, lengths, characters, Check::LastDigit(lengths.0))
}

const fn only(number: u16) -> (u16, u16) {
    (number, number)
}

#[rustfmt::skip]
const TABLE: &[Identifier] = &[
    key(only(0), 2, 18),
    key((1, 3), 2, 14),
    text(only(10), 2, 20),
    date((11, 13), 2), date((15, 17), 2),
    number(only(20), 2, (2, 2)),
    text((21, 22), 2, 20),
    text(only(235), 3, 28),
    text((240, 241), 3, 30),
    number(only(242), 3, (1, 6)),
    text(only(243), 3, 20),
    text((250, 251), 3, 30),
    serial_key(253, 3, (13, 30), Characters::DigitsThenText(13)),
    text(only(254), 3, 20),
    serial_key(255, 3, (13, 25), Characters::Digits),
    number(only(30), 2, (1, 8)),
    // Measures: the fourth digit says where the decimal point is, and is at most 5.
    number((3100, 3169), 4, (6, 6)), number((3200, 3379), 4, (6, 6)),
    number((3400, 3579), 4, (6, 6)), number((3600, 3699), 4, (6, 6)),
    number(only(37), 2, (1, 8)),
    number((3900, 3909), 4, (1, 15)),
    number((3910, 3919), 4, (4, 18)),
    number((3920, 3929), 4, (1, 15)),
    number((3930, 3939), 4, (4, 18)),
    number((3940, 3943), 4, (4, 4)),
    number((3950, 3955), 4, (6, 6)),
    text((400, 401), 3, 30),
    key(only(402), 3, 17),
    text(only(403), 3, 30),
    key((410, 417), 3, 13),
    text(only(420), 3, 20),
    mixed(only(421), 3, (3, 4, 12)),
    number(only(422), 3, (3, 3)),
    number(only(423), 3, (3, 15)),
    number(only(424), 3, (3, 3)),
    number(only(425), 3, (3, 15)),
    number(only(426), 3, (3, 3)),
    text(only(427), 3, 3),
    text((4300, 4301), 4, 35), text((4302, 4306), 4, 70),
    row(only(4307), 4, (2, 2), Characters::Text, Check::None),
    text(only(4308), 4, 30),
    number(only(4309), 4, (20, 20)),
    text((4310, 4311), 4, 35), text((4312, 4316), 4, 70),
    row(only(4317), 4, (2, 2), Characters::Text, Check::None),
    text(only(4318), 4, 20), text(only(4319), 4, 30), text(only(4320), 4, 35),
    number((4321, 4323), 4, (1, 1)),
    row((4324, 4325), 4, (10, 10), Characters::Digits, Check::Time),
    date(only(4326), 4),
    mixed((4330, 4333), 4, (6, 6, 7)),
    number(only(7001), 4, (13, 13)),
    text(only(7002), 4, 30),
    row(only(7003), 4, (10, 10), Characters::Digits, Check::Time),
    number(only(7004), 4, (1, 4)),
    text(only(7005), 4, 12),
    date(only(7006), 4),
    row(only(7007), 4, (6, 12), Characters::Digits, Check::Dates),
    text(only(7008), 4, 3), text(only(7009), 4, 10), text(only(7010), 4, 2),
    row(only(7011), 4, (6, 10), Characters::Digits, Check::Time),
    text((7020, 7022), 4, 20), text(only(7023), 4, 30),
    mixed((7030, 7039), 4, (3, 4, 30)),
    mixed(only(7040), 4, (1, 4, 4)),
    text(only(7041), 4, 4),
    text((710, 717), 3, 20),
    row((7230, 7239), 4, (3, 30), Characters::Text, Check::None),
    text(only(7240), 4, 20),
    number(only(7241), 4, (2, 2)),
    text(only(7242), 4, 25),
    number(only(7250), 4, (8, 8)), number(only(7251), 4, (12, 12)), number(only(7252), 4, (1, 1)),
    text((7253, 7254), 4, 40), text(only(7255), 4, 10), text(only(7256), 4, 90), text(only(7257), 4, 70),
    row(only(7258), 4, (3, 3), Characters::Text, Check::None),
    text(only(7259), 4, 40),
    number(only(8001), 4, (14, 14)),
    text(only(8002), 4, 20),
    serial_key(8003, 4, (14, 30), Characters::DigitsThenText(14)),
    text(only(8004), 4, 30),
    number(only(8005), 4, (6, 6)),
    row(only(8006), 4, (18, 18), Characters::Digits, Check::LastDigit(14)),
    text(only(8007), 4, 34),
    row(only(8008), 4, (8, 12), Characters::Digits, Check::Time),
    text(only(8009), 4, 50),
    row(only(8010), 4, (1, 30), Characters::PartNumber, Check::None),
    number(only(8011), 4, (1, 12)),
    text(only(8012), 4, 20),
    text((8013, 8014), 4, 25),
    key((8017, 8018), 4, 18),
    number(only(8019), 4, (1, 10)),
    text(only(8020), 4, 25),
    row(only(8026), 4, (18, 18), Characters::Digits, Check::LastDigit(14)),
    row(only(8030), 4, (1, 90), Characters::Base64, Check::None),
    text(only(8110), 4, 70),
    number(only(8111), 4, (4, 4)),
    text(only(8112), 4, 70), text(only(8200), 4, 70),
    text(only(90), 2, 30),
    text((91, 99), 2, 90),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_found_by_their_own_length() {
        let longest =
            |front: &[u8]| Identifier::at(front).map(|(row, digits)| (row.longest, digits));
        assert_eq!(longest(b"0104006381333931"), Some((14, 2)));
        assert_eq!(longest(b"2401"), Some((30, 3)));
        assert_eq!(longest(b"3103001500"), Some((6, 4)));
        assert_eq!(longest(b"9912"), Some((90, 2)));
        assert_eq!(longest(b"18"), None);
        assert_eq!(longest(b"x1"), None);
    }

    #[test]
    fn no_identifier_has_two_meanings() {
        for number in 0..10_000_u16 {
            let text = format!("{number:04}");
            let rows = (2..=4).filter(|digits| {
                let number: u16 = text[..*digits].parse().unwrap();
                TABLE
                    .iter()
                    .any(|row| row.digits == *digits && (row.low..=row.high).contains(&number))
            });
            assert!(rows.count() <= 1, "{text}");
        }
    }
}
