//! The content rules of the GS1 Barcode Syntax Dictionary: one function a rule, each over one component of a value.
//!
//! In: the bytes of a component. Out: nothing, or the [`Flaw`] with its place. Never: a look at other components; a
//! list of company prefixes, since the register of GS1 is no part of the release.

mod characters;
mod check;
mod code;
mod date;
mod value;

use std::borrow::Cow;

/// A rule, by its name in the dictionary, and the four character sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lint {
    CheckDigit,
    CheckPair,
    Country,
    CountryLetters,
    CountryOr999,
    Coupon,
    CouponPosOffer,
    Currency,
    Date,
    DateOfMonth,
    Digits,
    HasNonDigit,
    Hour,
    HourMinute,
    Hyphen,
    Iban,
    ImporterIndex,
    Latitude,
    Longitude,
    LongDate,
    LongDateOfMonth,
    MediaType,
    Minute,
    NoZeroPrefix,
    NonZero,
    PackageType,
    PercentEncoding,
    PieceOfTotal,
    PositionInSequence,
    Prefix,
    PrefixBehindFirst,
    Second,
    Set39,
    Set64,
    Set82,
    Sex,
    Winding,
    YesNo,
    Zero,
}

/// What is wrong with a component, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// First wrong byte.
    pub(super) at: usize,
    /// How many bytes are wrong; none where something is missing from an empty component.
    pub(super) length: usize,
    /// Code of the finding.
    pub(super) code: &'static str,
    /// What should stand there.
    pub(super) expected: Cow<'static, str>,
}

type Checked = Result<(), Flaw>;

impl Lint {
    /// The rule with this name in the dictionary.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(written, _)| *written == name).map(|(_, lint)| *lint)
    }

    /// Holds the rule against a component.
    pub(super) fn check(self, part: &[u8]) -> Checked {
        match self {
            Self::CheckDigit => check::check_digit(part),
            Self::CheckPair => check::check_pair(part),
            Self::Iban => check::iban(part),
            Self::Prefix => check::company_prefix(part, 0),
            Self::PrefixBehindFirst => check::company_prefix(part, 1),
            Self::Country => code::listed(part, &code::COUNTRY),
            Self::CountryLetters => code::listed(part, &code::COUNTRY_LETTERS),
            Self::CountryOr999 => code::country_or_999(part),
            Self::Currency => code::listed(part, &code::CURRENCY),
            Self::MediaType => code::media_type(part),
            Self::PackageType => code::listed(part, &code::PACKAGE_TYPE),
            Self::Coupon => super::coupon::north_american(part).map(drop),
            Self::CouponPosOffer => super::coupon::positive_offer(part).map(drop),
            Self::Date => date::date(part, date::Day::Named),
            Self::DateOfMonth => date::date(part, date::Day::MayBeZero),
            Self::LongDate => date::long_date(part, date::Day::Named),
            Self::LongDateOfMonth => date::long_date(part, date::Day::MayBeZero),
            Self::Hour => date::clock(part, &[date::HOUR]),
            Self::HourMinute => date::clock(part, &[date::HOUR, date::MINUTE]),
            Self::Minute => date::clock(part, &[date::MINUTE]),
            Self::Second => date::clock(part, &[date::SECOND]),
            Self::Digits => characters::digits(part),
            Self::Set39 => characters::set_39(part),
            Self::Set64 => characters::set_64(part),
            Self::Set82 => characters::set_82(part),
            Self::HasNonDigit => characters::has_non_digit(part),
            Self::Hyphen => characters::hyphen(part),
            Self::ImporterIndex => characters::importer_index(part),
            Self::PercentEncoding => characters::percent_encoding(part),
            Self::Latitude => value::degrees(part, "1800000000", "gs1-latitude"),
            Self::Longitude => value::degrees(part, "3600000000", "gs1-longitude"),
            Self::NoZeroPrefix => value::no_zero_prefix(part),
            Self::NonZero => value::non_zero(part),
            Self::PieceOfTotal => value::piece_of_total(part),
            Self::PositionInSequence => value::position_in_sequence(part),
            Self::Sex => value::one_of(part, b"0129", "0, 1, 2 or 9 (ISO/IEC 5218)"),
            Self::Winding => value::one_of(part, b"019", "0, 1 or 9 for the direction of winding"),
            Self::YesNo => value::one_of(part, b"01", "0 for no or 1 for yes"),
            Self::Zero => value::zero(part),
        }
    }
}

const NAMES: [(&str, Lint); 39] = [
    ("couponcode", Lint::Coupon),
    ("couponposoffer", Lint::CouponPosOffer),
    ("cset39", Lint::Set39),
    ("cset64", Lint::Set64),
    ("cset82", Lint::Set82),
    ("csetnumeric", Lint::Digits),
    ("csum", Lint::CheckDigit),
    ("csumalpha", Lint::CheckPair),
    ("gcppos1", Lint::Prefix),
    ("gcppos2", Lint::PrefixBehindFirst),
    ("hasnondigit", Lint::HasNonDigit),
    ("hh", Lint::Hour),
    ("hhmi", Lint::HourMinute),
    ("hyphen", Lint::Hyphen),
    ("iban", Lint::Iban),
    ("importeridx", Lint::ImporterIndex),
    ("iso3166", Lint::Country),
    ("iso3166999", Lint::CountryOr999),
    ("iso3166alpha2", Lint::CountryLetters),
    ("iso4217", Lint::Currency),
    ("iso5218", Lint::Sex),
    ("latitude", Lint::Latitude),
    ("longitude", Lint::Longitude),
    ("mediatype", Lint::MediaType),
    ("mi", Lint::Minute),
    ("nonzero", Lint::NonZero),
    ("nozeroprefix", Lint::NoZeroPrefix),
    ("packagetype", Lint::PackageType),
    ("pcenc", Lint::PercentEncoding),
    ("pieceoftotal", Lint::PieceOfTotal),
    ("posinseqslash", Lint::PositionInSequence),
    ("ss", Lint::Second),
    ("winding", Lint::Winding),
    ("yesno", Lint::YesNo),
    ("yymmd0", Lint::DateOfMonth),
    ("yymmdd", Lint::Date),
    ("yyyymmd0", Lint::LongDateOfMonth),
    ("yyyymmdd", Lint::LongDate),
    ("zero", Lint::Zero),
];

impl Flaw {
    pub(super) fn new(
        (at, length): (usize, usize),
        code: &'static str,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { at, length, code, expected: expected.into() }
    }

    /// All of it is wrong.
    fn whole(part: &[u8], code: &'static str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self::new((0, part.len()), code, expected)
    }
}

/// Every byte must be of a kind; the first that is not is the flaw.
fn all(
    part: &[u8],
    is_fine: impl Fn(u8) -> bool,
    code: &'static str,
    expected: &'static str,
) -> Checked {
    match part.iter().position(|byte| !is_fine(*byte)) {
        Some(at) => Err(Flaw::new((at, 1), code, expected)),
        None => Ok(()),
    }
}
