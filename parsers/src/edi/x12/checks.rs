//! Checks of ISA's own elements: delimiters, qualifiers, date, control number, who it is from and for.

use super::Header;
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::report::Options;
use crate::edi::rules::{self, Rule};
use crate::edi::shown::escaped;
use crate::edi::value;

/// ISA12 of the releases that were published.
const VERSIONS: std::ops::RangeInclusive<u32> = 200..=805;

/// I05: what kind of id ISA06 and ISA08 are.
const PARTY_QUALIFIERS: &[&[u8]] = &[
    b"01", b"02", b"03", b"04", b"07", b"08", b"09", b"10", b"11", b"12", b"13", b"14", b"15",
    b"16", b"17", b"18", b"19", b"20", b"21", b"22", b"23", b"24", b"25", b"26", b"27", b"28",
    b"29", b"30", b"31", b"32", b"33", b"34", b"35", b"36", b"37", b"38", b"AM", b"NR", b"SA",
    b"SN", b"ZZ",
];

/// One thing that is wrong with a header, with the number of the ISA element.
pub(super) type HeaderFault = (&'static Rule, usize, Remark);

/// All checks, in the order in which a TA1 would name them.
pub(super) fn check(header: &Header<'_>, options: &Options<'_>) -> Vec<HeaderFault> {
    let mut faults = Vec::new();
    layout(header, &mut faults);
    delimiters(header, &mut faults);
    authorization(header, &mut faults);
    eleventh(header, &mut faults);
    elements(header, &mut faults);
    parties(header, options, &mut faults);
    faults
}

fn layout(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    if header.blank_before_terminator {
        let remark = Remark::new("a blank stands before the segment terminator of ISA");
        faults.push((&rules::TERMINATOR_BLANK, 16, remark));
    } else if !header.fixed {
        let remark = Remark::new("ISA is not 106 bytes long with its separators in place")
            .expected("106 bytes")
            .found(header.width.to_string().as_bytes());
        faults.push((&rules::ISA_LENGTH, 0, remark));
    }
}

/// What cannot be told apart cannot be read: nothing else is said of such an interchange.
pub(super) fn clash(header: &Header<'_>) -> Option<(&'static Rule, Remark)> {
    let set = header.delimiters;
    let message = "the separator of elements and the terminator of segments are the same";
    (set.element == set.segment)
        .then(|| (&rules::ELEMENT_SEPARATOR, Remark::new(message).found(&[set.element])))
}

/// No byte has two meanings, and none is a letter, digit or blank.
fn delimiters(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    let set = header.delimiters;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
    let remark = |what: &'static str, byte: u8| {
        let why =
            if plain(byte) { "is a letter, digit or blank" } else { "has another meaning, too" };
        Remark::new(format!("the {what} {why}")).found(&[byte])
    };
    if plain(set.component) || set.component == set.element || set.component == set.segment {
        faults.push((
            &rules::COMPONENT_SEPARATOR,
            16,
            remark("component separator", set.component),
        ));
    }
    if let Some(byte) = set.repetition
        && [set.element, set.component, set.segment].contains(&byte)
    {
        faults.push((&rules::REPETITION_SEPARATOR, 11, remark("repetition separator", byte)));
    }
}

fn elements(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    let mut check = |rule, number: usize, right: bool, expected: &str| {
        if !right {
            let remark = Remark::new(format!("ISA{number:02} is wrong"))
                .expected(expected)
                .found(header.element(number));
            faults.push((rule, number, remark));
        }
    };
    let one_of = |number: usize, codes: &[&[u8]]| codes.contains(&header.element(number));
    check(
        &rules::ISA_AUTHORIZATION_QUALIFIER,
        1,
        one_of(1, &[b"00", b"01", b"02", b"03", b"04", b"05", b"06"]),
        "a code from 00 to 06",
    );
    check(&rules::ISA_SECURITY_QUALIFIER, 3, one_of(3, &[b"00", b"01"]), "00 or 01");
    check(&rules::ISA_SENDER_QUALIFIER, 5, one_of(5, PARTY_QUALIFIERS), "a qualifier of X12");
    check(&rules::ISA_SENDER, 6, names_someone(header.element(6)), "printable characters");
    check(&rules::ISA_RECEIVER_QUALIFIER, 7, one_of(7, PARTY_QUALIFIERS), "a qualifier of X12");
    check(&rules::ISA_RECEIVER, 8, names_someone(header.element(8)), "printable characters");
    let date = header.element(9);
    check(&rules::ISA_DATE, 9, date.len() == 6 && value::date(date).is_some(), "YYMMDD");
    let time = header.element(10);
    check(&rules::ISA_TIME, 10, time.len() == 4 && value::is_time(time), "HHMM");
    let version = header.element(12);
    let number = digits(version).filter(|_| version.len() == 5);
    check(&rules::ISA_VERSION, 12, number.is_some(), "five digits such as 00401");
    let known = number.is_none_or(|number| VERSIONS.contains(&number));
    check(&rules::ISA_VERSION_UNSUPPORTED, 12, known, "00200 to 00805");
    let control = header.element(13);
    let right = control.len() == 9 && digits(control).is_some();
    check(&rules::ISA_CONTROL_NUMBER, 13, right, "nine digits");
    check(&rules::ISA_ACKNOWLEDGEMENT, 14, one_of(14, &[b"0", b"1"]), "0 or 1");
    check(&rules::ISA_USAGE, 15, one_of(15, &[b"P", b"T", b"I"]), "P, T or I");
}

/// ISA11: up to version 00401 who made the standard, from 00402 on what separates repetitions. `U` in the place of a
/// separator is what so many send who do not repeat that it says nothing.
fn eleventh(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    let value = header.element(11);
    if value == b"U" {
        return;
    }
    let before = digits(header.element(12)).is_none_or(|version| version < 402);
    let plain = value.iter().all(u8::is_ascii_alphanumeric);
    let (rule, expected) = match (before, plain && !value.is_empty()) {
        (true, true) => (&rules::ISA_STANDARD_UNSUPPORTED, "U"),
        (true, false) => (&rules::ISA_STANDARD, "U"),
        (false, _) if header.delimiters.repetition.is_none() => {
            (&rules::REPETITION_UNUSABLE, "a byte that never stands in data")
        }
        (false, _) => return,
    };
    let remark = Remark::new("ISA11 is wrong").expected(expected).found(value);
    faults.push((rule, 11, remark));
}

/// ISA02 and ISA04: ten blanks with the qualifier 00, and else something. What stands there may be a password, and is
/// not shown.
fn authorization(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    for (rule, number) in [(&rules::ISA_AUTHORIZATION, 2), (&rules::ISA_SECURITY, 4)] {
        let message = match (header.element(number - 1), header.element(number)) {
            (b"00", [_, ..]) => "is there, and the qualifier before it says that it is not",
            (b"01" | b"02" | b"03" | b"04" | b"05" | b"06", []) => {
                "is not there, and the qualifier before it says that it is"
            }
            _ => continue,
        };
        faults.push((rule, number, Remark::new(format!("ISA{number:02} {message}"))));
    }
}

/// Whether an id is there and has no control bytes.
fn names_someone(id: &[u8]) -> bool {
    !id.is_empty() && !id.iter().any(u8::is_ascii_control)
}

fn parties(header: &Header<'_>, options: &Options<'_>, faults: &mut Vec<HeaderFault>) {
    let mut check = |rule, number: usize, expected: Option<(&str, &str)>| {
        let Some((qualifier, id)) = expected else {
            return;
        };
        let found = (header.element(number - 1), header.element(number));
        if found != (qualifier.trim().as_bytes(), id.trim().as_bytes()) {
            let text = format!("{}:{}", escaped(found.0), escaped(found.1));
            let remark =
                Remark::new(format!("ISA{:02} and ISA{number:02} name another party", number - 1))
                    .expected(format!("{qualifier}:{id}"))
                    .found(text.as_bytes());
            faults.push((rule, number, remark));
        }
    };
    check(&rules::UNKNOWN_SENDER, 6, options.expectations.sender);
    check(&rules::UNKNOWN_RECEIVER, 8, options.expectations.receiver);
}
