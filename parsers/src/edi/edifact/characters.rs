//! Whether the characters of a segment are in the declared set, and released only where they must be.
//!
//! Only segments with something unusual are looked at: bytes outside printable ASCII, a release character; all of them
//! only where the set does not have all of ASCII. The first fault of a message is told, not each.

use crate::edi::assembler::Visit;
use crate::edi::finding::Remark;
use crate::edi::rules::Rule;
use crate::edi::rules::edifact as rules;
use crate::edi::segment::Segment;
use crate::edi::text::{CharacterSet, Fault};
use crate::edi::validate::Spot;

impl Visit<'_, '_> {
    pub(super) fn characters(&mut self, segment: &Segment<'_>) {
        let set = self.state.edifact.set;
        // Once something was told of a message, only worse is: that does not happen in plain segments.
        let told = self.state.edifact.characters_told;
        let asks = segment.has_release() || set.is_some_and(CharacterSet::limits_ascii);
        if segment.is_plain() && (told || !asks) {
            return;
        }
        let bytes = segment.bytes;
        let is_service = |byte| segment.delimiters.contains(byte);
        // What was agreed with the partner goes before what UNB declares.
        let set = self.state.options.character_set.or(set).unwrap_or_default();
        let is_plain = segment.is_plain() && (!set.limits_ascii() || set.has_ascii(bytes));
        let fault = if is_plain { None } else { set.fault(bytes, is_service) };
        let (at, rule, message) = match (fault, stray_release(segment)) {
            (Some((at, Fault::Windows | Fault::Malformed)), _)
                if std::str::from_utf8(bytes).is_ok() =>
            {
                let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(at);
                (
                    first,
                    &rules::NOT_IN_SET,
                    "this character is UTF-8, and the declared set is another",
                )
            }
            (Some((at, fault)), _) => {
                let (rule, message) = rule_of(fault);
                (at, rule, message)
            }
            (None, Some(at)) => (
                at,
                &rules::RELEASE_STRAY,
                "the release character stands before nothing to release",
            ),
            (None, None) => return,
        };
        if told && !fault.is_some_and(|(_, fault)| fault.is_serious()) {
            return;
        }
        self.state.edifact.characters_told = true;
        let found = bytes.get(at..(at + 4).min(bytes.len())).unwrap_or_default();
        let remark = match found.first() {
            Some(byte) if rule.code == rules::MALFORMED.code => {
                Remark::new(format!("{message}: byte {byte:02X}, which is read as U+FFFD"))
            }
            _ => Remark::new(message),
        };
        self.say(rule, remark.found(found), spot(segment, at), Some(segment));
    }
}

fn rule_of(fault: Fault) -> (&'static Rule, &'static str) {
    match fault {
        Fault::LowerCase => (&rules::LOWER_CASE, "UNOA has no small letters"),
        Fault::LineBreak => (&rules::LINE_BREAK, "a line break stands within a segment"),
        Fault::Control => (&rules::CONTROL_BYTE, "a control byte stands in data"),
        Fault::Windows => (
            &rules::WINDOWS,
            "this byte is no character of the declared set, but one of Windows-1252",
        ),
        Fault::Foreign => (&rules::NOT_IN_SET, "this character is not in the declared set"),
        Fault::Malformed => (&rules::MALFORMED, "this is no character of the declared set"),
    }
}

/// The first release character that stands before an ordinary one, or before nothing.
pub(in crate::edi) fn stray_release(segment: &Segment<'_>) -> Option<usize> {
    let release = segment.delimiters.release.filter(|_| segment.has_release())?;
    let mut at = 0;
    while let Some(found) = memchr::memchr(release, segment.bytes.get(at..)?) {
        at += found;
        // Before version 4 some release the asterisk too: harmless, since it is data either way.
        match segment.bytes.get(at + 1) {
            Some(next) if segment.delimiters.contains(*next) || *next == b'*' => at += 2,
            _ => return Some(at),
        }
    }
    None
}

/// The element and component that a byte of a segment stands in.
fn spot(segment: &Segment<'_>, at: usize) -> Spot {
    let offset = segment.offset + at;
    let number =
        (1..=segment.count()).take_while(|number| segment.offset_of(*number) <= offset).count();
    let value = segment.element(number);
    let before = value.get(..offset.saturating_sub(segment.offset_of(number))).unwrap_or(value);
    let delimiters = segment.delimiters;
    let component = delimiters.split(before, delimiters.component).count();
    let is_composite = delimiters.split(value, delimiters.component).count() > 1;
    let number = u32::try_from(number).ok();
    Spot {
        offset,
        element: number.filter(|number| *number > 0),
        component: u32::try_from(component).ok().filter(|_| is_composite && number != Some(0)),
        ..Spot::default()
    }
}
