//! UNB: the checks of its own elements and of UNA before it.
//!
//! In: UNB, how service characters were given, whom we expect. Out: faults with their places. Never: a decision about
//! what follows.

use super::Syntax;
use super::service::Oddity;
use crate::edi::delimiters::Delimiters;
use crate::edi::finding::Remark;
use crate::edi::report::Options;
use crate::edi::rules::Rule;
use crate::edi::rules::edifact as rules;
use crate::edi::segment::Segment;
use crate::edi::shown::escaped;
use crate::edi::value;

/// A rule, where it is broken, what to say.
pub(super) type HeaderFault = (&'static Rule, At, Remark);

/// A place in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A byte of UNA, from 0.
    Una(usize),
    /// An element of UNB and a component of it, from 1.
    Unb(u32, Option<u32>),
}

/// Where UNA has the characters that separate components and elements, that releases, that separates repetitions, and
/// that ends segments. Between them stands the decimal mark.
const PLACES: [usize; 5] = [3, 4, 6, 7, 8];

/// All checks, in the order in which a CONTRL would name them.
pub(super) fn check(unb: &Segment<'_>, syntax: &Syntax, options: &Options<'_>) -> Vec<HeaderFault> {
    let mut faults = Vec::new();
    service_characters(unb.delimiters, syntax, &mut faults);
    syntax_identifier(unb, syntax, &mut faults);
    elements(unb, &mut faults);
    parties(unb, options, &mut faults);
    faults
}

/// What cannot be told apart cannot be read: nothing else is said of such an interchange.
pub(super) fn clash(unb: &Segment<'_>, syntax: &Syntax) -> Option<HeaderFault> {
    let set = unb.delimiters;
    let named = [
        (Some(set.component), "the separator of components", PLACES[0]),
        (Some(set.element), "the separator of elements", PLACES[1]),
        (set.release, "the release character", PLACES[2]),
        (Some(set.segment), "the terminator of segments", PLACES[4]),
    ];
    let pairs = (1..)
        .zip(&named)
        .flat_map(|(next, one)| named.iter().skip(next).map(move |other| (*one, *other)));
    let ((byte, one, _), (_, other, at)) =
        pairs.into_iter().find(|(one, other)| one.0.is_some() && one.0 == other.0)?;
    let remark = Remark::new(format!("{one} and {other} are the same character"));
    let at = if syntax.service.oddity == Oddity::None { at } else { 0 };
    Some((&rules::UNA_CLASH, At::Una(at), remark.found(&[byte?])))
}

/// None is a letter, digit or blank, and that of repetitions has no other meaning.
fn service_characters(set: Delimiters, syntax: &Syntax, faults: &mut Vec<HeaderFault>) {
    // A UNA of another length has no places of its own.
    let has_places = syntax.service.oddity == Oddity::None;
    let mut say = |rule, place: usize, remark| {
        let at = PLACES.get(place).copied().filter(|_| has_places);
        faults.push((rule, At::Una(at.unwrap_or(0)), remark));
    };
    match syntax.service.oddity {
        Oddity::None => {}
        Oddity::Length => {
            say(&rules::UNA_LENGTH, 0, Remark::new("UNA is not nine bytes long"));
        }
        Oddity::Unannounced => {
            let remark = Remark::new("UNB uses service characters that no UNA announces");
            let used = [set.component, set.element, set.segment];
            say(&rules::UNA_MISSING, 0, remark.expected(":+'").found(&used));
        }
    }
    let repetition = syntax.service.repetition_in(syntax.version);
    let all = [Some(set.component), Some(set.element), set.release, repetition, Some(set.segment)];
    for (index, byte) in all.iter().enumerate().filter_map(|(index, byte)| Some((index, (*byte)?)))
    {
        if byte.is_ascii_alphanumeric() || byte == b' ' || byte >= 0x80 {
            let remark = Remark::new("this cannot be a service character").found(&[byte]);
            say(&rules::UNA_CHARACTER, index, remark);
        }
    }
    if matches!(set.segment, b'\r' | b'\n') {
        say(&rules::UNA_LINE_END, 4, Remark::new("a line break ends the segments"));
    }
    match syntax.service.repetition {
        Some(byte) if syntax.version >= 4 && syntax.service.delimiters.contains(byte) => {
            let remark = Remark::new("the separator of repetitions has another meaning, too");
            say(&rules::UNA_REPETITION_CLASH, 3, remark.found(&[byte]));
        }
        Some(b' ') if syntax.version >= 4 => {
            let remark =
                Remark::new("UNA has a blank where syntax version 4 separates repetitions");
            say(&rules::UNA_REPETITION, 3, remark);
        }
        Some(byte) if syntax.version < 4 && byte != b' ' => {
            let remark = Remark::new("UNA has a character where this syntax version has a blank");
            say(&rules::UNA_RESERVED, 3, remark.found(&[byte]));
        }
        _ => {}
    }
}

fn syntax_identifier(unb: &Segment<'_>, syntax: &Syntax, faults: &mut Vec<HeaderFault>) {
    let part = |number| unb.component(1, number).trim_ascii();
    let (id, version, encoding) = (part(1), part(2), part(4));
    // 0133: EBCDIC, UCS-2, UCS-4, UTF-16 cannot be what this file is in; 850 has letters elsewhere.
    let is_wide = matches!(encoding, b"3" | b"5" | b"6" | b"8");
    if id == b"UNOX" || is_wide {
        let found = if is_wide { encoding } else { id };
        let remark = Remark::new("this character set cannot be read").found(found);
        let component = if is_wide { 4 } else { 1 };
        faults.push((&rules::CHARACTER_SET, At::Unb(1, Some(component)), remark));
    } else if syntax.set.is_none() {
        let remark = Remark::new("this is no syntax identifier of the standard").found(id);
        let remark = remark.expected("UNOA to UNOL, UNOW or UNOY");
        faults.push((&rules::SYNTAX_ID, At::Unb(1, Some(1)), remark));
    }
    if !matches!(version, b"1" | b"2" | b"3" | b"4" | b"X") {
        let remark = Remark::new("the syntax version is unknown").expected("1, 2, 3 or 4");
        faults.push((&rules::SYNTAX_VERSION, At::Unb(1, Some(2)), remark.found(version)));
    }
}

fn elements(unb: &Segment<'_>, faults: &mut Vec<HeaderFault>) {
    for (number, name) in [(2, "the sender"), (3, "the recipient")] {
        if unb.component(number, 1).trim_ascii().is_empty() {
            let remark = Remark::new(format!("{name} of the interchange is missing"));
            faults.push((&rules::UNB_PARTY, At::Unb(index(number), Some(1)), remark));
        }
    }
    let date = unb.component(4, 1).trim_ascii();
    let time = unb.component(4, 2).trim_ascii();
    if !matches!(date.len(), 6 | 8) || value::date(date).is_none() {
        let remark = Remark::new("the date of the interchange is wrong").found(date);
        let remark = remark.expected("YYMMDD or CCYYMMDD");
        faults.push((&rules::UNB_DATE, At::Unb(4, Some(1)), remark));
    }
    if time.len() != 4 || !value::is_time(time) {
        let remark = Remark::new("the time of the interchange is wrong").found(time);
        faults.push((&rules::UNB_DATE, At::Unb(4, Some(2)), remark.expected("HHMM")));
    }
    if unb.element(5).trim_ascii().is_empty() {
        let remark = Remark::new("the reference of the interchange is missing");
        faults.push((&rules::UNB_REFERENCE, At::Unb(5, None), remark));
    }
    let test = unb.element(11).trim_ascii();
    // Where more stands in its place, the terminator of UNB was lost: that is told at the end.
    if test.len() == 1 && test != b"1" {
        let rule = if test == b"0" { &rules::UNB_TEST_ZERO } else { &rules::UNB_TEST };
        let remark = Remark::new("this test indicator is unknown").found(test);
        faults.push((rule, At::Unb(11, None), remark.expected("1, or nothing")));
    }
}

fn parties(unb: &Segment<'_>, options: &Options<'_>, faults: &mut Vec<HeaderFault>) {
    let expectations = options.expectations;
    for (number, expected, rule) in [
        (2, expectations.sender, &rules::UNKNOWN_SENDER),
        (3, expectations.receiver, &rules::UNKNOWN_RECEIVER),
    ] {
        let Some((qualifier, id)) = expected else { continue };
        let part = |component| {
            unb.delimiters.unreleased(unb.component(number, component).trim_ascii()).into_owned()
        };
        let (found_id, found_qualifier) = (part(1), part(2));
        if found_qualifier != qualifier.trim().as_bytes() || found_id != id.trim().as_bytes() {
            let text = format!("{}:{}", escaped(&found_id), escaped(&found_qualifier));
            let remark = Remark::new(format!("S00{number} of UNB names another party"))
                .expected(format!("{id}:{qualifier}"))
                .found(text.as_bytes());
            faults.push((rule, At::Unb(index(number), None), remark));
        }
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
