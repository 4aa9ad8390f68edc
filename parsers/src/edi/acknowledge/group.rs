//! 997 and 999: one functional group FA for each application that sent groups, a set in it for each of them.
//!
//! The two differ in the tags of their segments, in the tables of their codes, and in that a 999 notes one code a
//! segment and may say what made a rule apply.

use super::{MOST_CODES, Reply, codes_in, letter, note};
use crate::edi::finding::Node;
use crate::edi::report::{Group, Set, Tally};
use crate::edi::rules::{Code, Functional, Tables};
use crate::edi::writer::Writer;

impl Reply<'_> {
    pub(super) fn write_group(
        &self,
        writer: &mut Writer,
        index: usize,
        members: &[(Node, &Group)],
    ) {
        let Some((_, first)) = members.first() else {
            return;
        };
        let (year, month, day) = self.issue.date;
        let (hour, minute) = self.issue.time;
        let date = format!("{year:04}{month:02}{day:02}");
        let time = format!("{hour:02}{minute:02}");
        let offset = u32::try_from(index).unwrap_or(0);
        let number = self.issue.control_number.wrapping_add(offset) % 1_000_000_000;
        let number = number.to_string();
        let tables = self.tables(first);
        let version = format!("{:06}", tables.group);
        // An application code that is missing is no reason for an answer that nobody can read: the interchange has it.
        let party = |gs, isa| match first.header.element(gs) {
            b"" => self.header.element(isa).trim_ascii(),
            code => code,
        };
        let (from, to) = (party(3, 8), party(2, 6));
        let (date, time, number) = (date.as_bytes(), time.as_bytes(), number.as_bytes());
        writer.segment("GS", &[b"FA", from, to, date, time, number, b"X", version.as_bytes()]);
        let id: &[u8] = match tables.functional {
            Functional::F997 => b"997",
            Functional::F999 => b"999",
        };
        for (set, (node, group)) in members.iter().enumerate() {
            let set_number = format!("{:04}", set + 1);
            writer.take_count();
            writer.segment("ST", &[id, set_number.as_bytes()]);
            self.write_set(writer, *node, group, &tables);
            let segments = (writer.take_count() + 1).to_string();
            writer.segment("SE", &[segments.as_bytes(), set_number.as_bytes()]);
        }
        let count = members.len().to_string();
        writer.segment("GE", &[count.as_bytes(), number]);
    }

    /// The version that is answered, but none before 004010, and no 999 before 005010, where it was introduced.
    pub(super) fn tables(&self, group: &Group) -> Tables {
        let functional = self.issue.functional;
        let least = if functional == Functional::F999 { 5010 } else { 4010 };
        let interchange = self.interchange_version();
        Tables { functional, interchange, group: group.version().max(least) }
    }

    fn write_set(&self, writer: &mut Writer, node: Node, group: &Group, tables: &Tables) {
        // AK103 and AK203 are later than 004010.
        let later = tables.group >= 5010;
        let gs = &group.header;
        let version = if later { gs.element(8) } else { b"" };
        // AK102 must be there. No right group has this number, and AK905 6 says why it stands here.
        let number = Some(gs.element(6)).filter(|number| !number.is_empty()).unwrap_or(b"0");
        writer.segment("AK1", &[gs.element(1), number, version]);
        for (index, set) in group.sets.iter().enumerate() {
            // AK5 A within a rejected group would contradict AK9.
            if group.tally.rejected && !set.tally.noted {
                continue;
            }
            let st = &set.header;
            let guide = if later { st.element(3) } else { b"" };
            writer.segment("AK2", &[st.element(1), st.element(2), guide]);
            let findings = self.findings.get(&(node.0, node.1, Some(index)));
            note::write(writer, findings.map_or(&[][..], Vec::as_slice), tables);
            write_verdict(writer, set, tables);
        }
        write_group_verdict(writer, group, tables);
    }
}

/// AK5, IK5.
fn write_verdict(writer: &mut Writer, set: &Set, tables: &Tables) {
    let codes = codes_in(&set.tally, Code::Set, tables);
    let mut elements = vec![letter(&set.tally, &codes)];
    elements.extend(codes.iter().take(MOST_CODES).map(|code| code.as_bytes()));
    let tag = if tables.functional == Functional::F999 { "IK5" } else { "AK5" };
    writer.segment(tag, &elements);
}

/// AK9: P where some sets are rejected and some are not; a group that is rejected itself takes all its sets with it.
fn write_group_verdict(writer: &mut Writer, group: &Group, tables: &Tables) {
    let codes = codes_in(&group.tally, Code::Group, tables);
    let has_note = |tally: &Tally| tally.rejected || !codes_in(tally, Code::Set, tables).is_empty();
    let received = group.sets.len();
    let rejected = group.sets.iter().filter(|set| set.tally.rejected).count();
    let noted = !codes.is_empty() || group.sets.iter().any(|set| has_note(&set.tally));
    let verdict: &[u8] = match rejected {
        _ if group.tally.rejected => b"R",
        0 if noted => b"E",
        0 => b"A",
        all if all == received => b"R",
        _ => b"P",
    };
    let accepted = if group.tally.rejected { 0 } else { received - rejected };
    // Where the trailer is missing or cannot be read, nothing was stated.
    let included = group.included.map_or(received, |included| included as usize);
    let numbers = [included, received, accepted].map(|number| number.to_string());
    let mut elements = vec![verdict];
    elements.extend(numbers.iter().map(|number| number.as_bytes()));
    elements.extend(codes.iter().take(MOST_CODES).map(|code| code.as_bytes()));
    writer.segment("AK9", &elements);
}
