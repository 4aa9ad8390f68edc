//! Checks of ISA's own elements: delimiters, qualifiers, date, control number, who it is from and for.

use super::Header;
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::report::Options;
use crate::edi::rules::{self, Rule};
use crate::edi::shown::escaped;
use crate::edi::value;

/// One thing that is wrong with a header, with the number of the ISA element.
pub(super) type HeaderFault = (&'static Rule, usize, Remark);

/// All checks, in the order in which a TA1 would name them.
pub(super) fn check(header: &Header<'_>, options: &Options<'_>) -> Vec<HeaderFault> {
    let mut faults = Vec::new();
    layout(header, &mut faults);
    delimiters(header, &mut faults);
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

/// No byte has two meanings, and none is a letter, digit or blank.
fn delimiters(header: &Header<'_>, faults: &mut Vec<HeaderFault>) {
    let set = header.delimiters;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
    let remark = |what: &'static str, byte: u8| {
        Remark::new(format!("the {what} is a letter, digit or blank, or has another meaning too"))
            .found(&[byte])
    };
    if plain(set.element) || set.element == set.segment {
        faults.push((&rules::ELEMENT_SEPARATOR, 0, remark("element separator", set.element)));
    }
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
    for number in [5, 7] {
        let right = header.element(number).len() == 2;
        check(&rules::ISA_QUALIFIER, number, right, "a qualifier of two characters");
    }
    let date = header.element(9);
    check(&rules::ISA_DATE, 9, date.len() == 6 && value::date(date).is_some(), "YYMMDD");
    let time = header.element(10);
    check(&rules::ISA_TIME, 10, time.len() == 4 && value::is_time(time), "HHMM");
    let version = header.element(12);
    let known = version.len() == 5 && digits(version).is_some_and(|number| number >= 200);
    check(&rules::ISA_VERSION, 12, known, "five digits such as 00401");
    let control = header.element(13);
    let right = control.len() == 9 && digits(control).is_some();
    check(&rules::ISA_CONTROL_NUMBER, 13, right, "nine digits");
    check(&rules::ISA_ACKNOWLEDGEMENT, 14, one_of(14, &[b"0", b"1"]), "0 or 1");
    check(&rules::ISA_USAGE, 15, one_of(15, &[b"P", b"T", b"I"]), "P, T or I");
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
