//! Whether the service segments of an envelope have no more elements and components than the standard gives them, and
//! none that is longer.
//!
//! In: UNB, UNG or one of the trailers. Out: findings, the first of each kind. Never: a look at what the values say;
//! UNH is held against the table of its message.

use crate::edi::assembler::Visit;
use crate::edi::finding::Remark;
use crate::edi::rules::Rule;
use crate::edi::rules::edifact as rules;
use crate::edi::segment::Segment;
use crate::edi::validate::Spot;

/// Most characters of each component of each element.
type Lengths = &'static [&'static [usize]];

/// What is looked at elsewhere, with a better word for it.
const ANY: usize = usize::MAX;

/// ISO 9735-1, annex C. Lengths are those of version 4: versions 1 to 3 have shorter ones for the codes of S001 and the
/// routing addresses, and senders mix them.
const UNB: Lengths = &[
    // 0001, 0002, 0080, 0133, 0076.
    &[ANY, ANY, 6, 3, 2],
    // 0004 or 0010, 0007, 0008 or 0014, 0042 or 0046.
    &[35, 4, 35, 35],
    &[35, 4, 35, 35],
    &[ANY, ANY],
    &[14],
    // 0022, 0025.
    &[14, 2],
    &[14],
    &[1],
    &[1],
    &[35],
    &[1],
];
/// 0038, S006, S007, S004, 0048, 0051, S008, 0058.
const UNG: Lengths = &[&[6], &[35, 4], &[35, 4], &[ANY, ANY], &[14], &[3], &[3, 3, 6], &[14]];
/// A count and a reference. Both are compared whole: with what was counted, and with the header.
const TRAILER: Lengths = &[&[], &[]];

impl Visit<'_, '_> {
    pub(super) fn constituents(&mut self, segment: &Segment<'_>) {
        let (lengths, too_many, too_long): (Lengths, &Rule, &Rule) = match segment.tag() {
            b"UNB" => (UNB, &rules::UNB_TOO_MANY, &rules::UNB_TOO_LONG),
            b"UNZ" => (TRAILER, &rules::UNB_TOO_MANY, &rules::UNB_TOO_LONG),
            b"UNG" => (UNG, &rules::UNG_TOO_MANY, &rules::UNG_TOO_LONG),
            b"UNE" => (TRAILER, &rules::UNG_TOO_MANY, &rules::UNG_TOO_LONG),
            _ => (TRAILER, &rules::UNT_TOO_MANY, &rules::UNG_TOO_LONG),
        };
        // What has no terminator goes on to the end of the input: that is told then.
        if !segment.traits.terminated {
            return;
        }
        if let Some((number, value)) = segment.beyond(lengths.len()) {
            let tag = segment.tag_text();
            let (rule, remark) = if value.is_empty() {
                let message = "separators stand before the terminator with nothing between";
                (&rules::TRAILING_SEPARATORS, Remark::new(message))
            } else {
                let remark = Remark::new(format!("{tag} has more elements than it may"));
                (too_many, remark.expected(at_most(lengths.len(), "elements")).found(value))
            };
            self.say_of_element(rule, remark, segment, number);
        }
        for (number, lengths) in (1_u32..).zip(lengths) {
            self.components(segment, number, lengths, (too_many, too_long));
        }
    }

    fn components(
        &mut self,
        segment: &Segment<'_>,
        number: u32,
        lengths: &[usize],
        (too_many, too_long): (&Rule, &Rule),
    ) {
        let value = segment.element(number as usize);
        if lengths.is_empty() {
            return;
        }
        let delimiters = segment.delimiters;
        let mut offset = segment.offset_of(number as usize);
        for (index, part) in delimiters.split(value, delimiters.component).enumerate() {
            let spot = Spot {
                offset,
                element: Some(number),
                component: u32::try_from(index + 1).ok().filter(|_| index > 0 || lengths.len() > 1),
                ..Spot::default()
            };
            offset += part.len() + 1;
            let tag = segment.tag_text();
            let (rule, remark) = match lengths.get(index) {
                None if part.is_empty() => continue,
                None => {
                    let message =
                        format!("element {number} of {tag} has more components than it may");
                    (too_many, Remark::new(message).expected(at_most(lengths.len(), "components")))
                }
                Some(most) if part.len() > *most && characters(segment, part) > *most => {
                    let message = format!("a value in element {number} of {tag} is too long");
                    (too_long, Remark::new(message).expected(at_most(*most, "characters")))
                }
                Some(_) => continue,
            };
            return self.say(rule, remark.found(part), spot, Some(segment));
        }
    }
}

fn at_most(number: usize, what: &str) -> String {
    format!("at most {number} {what}")
}

/// Release characters do not count toward lengths, nor do blanks around a value.
fn characters(segment: &Segment<'_>, value: &[u8]) -> usize {
    let value = segment.delimiters.unreleased(value.trim_ascii());
    segment.character_set.decode(&value).chars().count()
}
