//! AK3 and AK4, IK3 and IK4 with CTX: what is wrong in the segments of a set.
//!
//! In: the findings of one set. Out: a note for each segment at fault, with its elements below. Never: a value that
//! could break the structure, a card number.

use super::MOST_CODES;
use crate::edi::finding::EdiFinding;
use crate::edi::rules::{Code, Functional, Tables};
use crate::edi::writer::Writer;
use crate::redact;

/// The standard's bound for AK4 in AK3.
const MOST_ELEMENT_NOTES: usize = 99;

/// The same for CTX in IK3 and in IK4.
const MOST_CONTEXTS: usize = 10;

/// One finding with the code that the tables have for it.
type Noted<'f> = (&'f EdiFinding, Code);

/// One segment at fault: its position, its tag, what is wrong.
type AtFault<'f> = ((u32, &'f str), Vec<Noted<'f>>);

pub(super) fn write(writer: &mut Writer, findings: &[&EdiFinding], tables: &Tables) {
    for (place, members) in at_fault(findings, tables) {
        let of_segment = segment_codes(&members);
        let loop_id =
            members.iter().find_map(|(finding, _)| finding.place.loop_id).unwrap_or_default();
        match tables.functional {
            Functional::F997 => write_segment(writer, "AK3", (place, loop_id), &of_segment),
            // IK3 has room for one code; 8 comes last, since its elements follow.
            Functional::F999 => {
                for code in &of_segment {
                    write_segment(writer, "IK3", (place, loop_id), &[code]);
                    let told = members.iter().filter(|(_, own)| *own == Code::Segment(code));
                    write_contexts(writer, told);
                }
            }
        }
        let of_elements = members.iter().filter(|(_, code)| matches!(code, Code::Element(_)));
        for (finding, code) in of_elements.take(MOST_ELEMENT_NOTES) {
            write_element(writer, finding, code.value(), tables);
            if tables.functional == Functional::F999 {
                write_contexts(writer, [&(*finding, *code)].into_iter());
            }
        }
    }
}

fn at_fault<'f>(findings: &[&'f EdiFinding], tables: &Tables) -> Vec<AtFault<'f>> {
    let mut segments: Vec<AtFault<'f>> = Vec::new();
    for finding in findings {
        let place = &finding.place;
        let (Some(position), Some(tag)) = (place.segment_position, place.segment.as_deref()) else {
            continue;
        };
        let code = finding.answer.and_then(|code| code.in_version(tables));
        let Some(code @ (Code::Segment(_) | Code::Element(_))) = code else {
            continue;
        };
        // AK301 has room for no other tag.
        if !(2..=3).contains(&tag.len()) {
            continue;
        }
        match segments.last_mut() {
            Some((key, members)) if *key == (position, tag) => members.push((finding, code)),
            _ => segments.push(((position, tag), vec![(finding, code)])),
        }
    }
    segments
}

/// What is wrong with the segment itself; 8 where elements follow, as the last.
fn segment_codes(members: &[Noted<'_>]) -> Vec<&'static str> {
    let mut codes: Vec<&str> = Vec::new();
    for (_, code) in members {
        if let Code::Segment(code) = code
            && !codes.contains(code)
            && *code != "8"
        {
            codes.push(code);
        }
    }
    codes.truncate(MOST_CODES - 1);
    if members.iter().any(|(_, code)| matches!(code, Code::Element(_) | Code::Segment("8"))) {
        codes.push("8");
    }
    codes
}

fn write_segment(
    writer: &mut Writer,
    tag: &str,
    ((position, at), loop_id): ((u32, &str), &str),
    codes: &[&str],
) {
    let position = position.to_string();
    let mut elements = vec![at.as_bytes(), position.as_bytes(), loop_id.as_bytes()];
    elements.extend(codes.iter().map(|code| code.as_bytes()));
    writer.segment(tag, &elements);
}

fn write_element(writer: &mut Writer, finding: &EdiFinding, code: &str, tables: &Tables) {
    let place = &finding.place;
    let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let position = text(place.element.or(Some(1)));
    let component = text(place.component);
    // The third component of C030 is later than 004010.
    let repetition = if tables.group >= 5010 { text(place.repetition) } else { String::new() };
    let mut whole = vec![position.as_bytes()];
    if place.component.is_some() || !repetition.is_empty() {
        whole.push(component.as_bytes());
    }
    if !repetition.is_empty() {
        whole.push(repetition.as_bytes());
    }
    let number = place.element_number.map(|number| number.to_string()).unwrap_or_default();
    let copy = finding.copy.as_deref().filter(|copy| may_be_copied(copy)).unwrap_or_default();
    let tag = if tables.functional == Functional::F999 { "IK4" } else { "AK4" };
    writer.segment_with_composite(tag, &whole, &[number.as_bytes(), code.as_bytes(), copy]);
}

/// CTX: what made a rule apply that holds under a condition.
fn write_contexts<'f>(writer: &mut Writer, members: impl Iterator<Item = &'f Noted<'f>>) {
    let triggers = members.filter_map(|(finding, _)| finding.trigger.as_ref());
    for trigger in triggers.take(MOST_CONTEXTS) {
        let position = trigger.position.to_string();
        let element = trigger.element.map(|number| number.to_string()).unwrap_or_default();
        writer.segment(
            "CTX",
            &[
                b"SITUATIONAL TRIGGER",
                trigger.segment.as_bytes(),
                position.as_bytes(),
                trigger.loop_id.unwrap_or_default().as_bytes(),
                element.as_bytes(),
            ],
        );
    }
}

/// AK404 is left out where the value cannot stand in it: too long, blank, not printable, or a card number. What holds a
/// delimiter cannot be copied either; printable punctuation other than these few is never one in practice, so all of
/// it is left out.
fn may_be_copied(copy: &[u8]) -> bool {
    copy.len() <= 99
        && !copy.trim_ascii().is_empty()
        && copy.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.' | b',' | b'/' | b'+')
        })
        && redact::text(copy).found.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edi::delimiters::Delimiters;
    use crate::edi::finding::Trigger;
    use crate::edi::{Options, read};

    fn written(code: Code, functional: Functional) -> String {
        let input = include_bytes!("../../../tests/edi/golden/element-missing.edi");
        let report = read(input, &Options::default());
        let mut finding = report.findings.kept()[0].clone();
        finding.answer = Some(code);
        finding.trigger = Some(Trigger {
            segment: "N1".to_owned(),
            position: 8,
            loop_id: Some("N1"),
            element: Some(3),
        });
        let delimiters =
            Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() };
        let mut writer = Writer::new(delimiters);
        write(&mut writer, &[&finding], &Tables { functional, interchange: 501, group: 5010 });
        String::from_utf8(writer.finish()).unwrap()
    }

    #[test]
    fn a_999_says_what_made_a_rule_apply() {
        let context = "CTX*SITUATIONAL TRIGGER*N1*8*N1*3~";
        assert_eq!(
            written(Code::Element("I9"), Functional::F999),
            format!("IK3*BEG*2**8~IK4*3*324*I9~{context}")
        );
        assert_eq!(
            written(Code::Segment("I6"), Functional::F999),
            format!("IK3*BEG*2**I6~{context}")
        );
    }

    #[test]
    fn a_997_says_it_in_the_words_of_the_standard() {
        assert_eq!(written(Code::Element("I9"), Functional::F997), "AK3*BEG*2**8~AK4*3*324*2~");
        assert_eq!(written(Code::Segment("I6"), Functional::F997), "AK3*BEG*2**3~");
    }
}
