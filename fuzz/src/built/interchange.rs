//! Writes an interchange from choices: envelopes around bodies, with the fault in one place.

use tillgate_parsers::edi::Standard;

use super::Choices;
use super::bodies::{Bodies, Body};
use super::dialect::Dialect;
use super::faults::Fault;

/// A set as it was written.
pub(super) struct WrittenSet {
    pub(super) segments: u32,
    pub(super) is_wrong: bool,
}

/// A group as it was written.
pub(super) struct WrittenGroup {
    pub(super) sets: Vec<WrittenSet>,
    pub(super) is_acknowledgement: bool,
    pub(super) is_wrong: bool,
}

/// An interchange, and what is known of it.
pub(super) struct Built {
    pub(super) bytes: Vec<u8>,
    pub(super) dialect: Dialect,
    pub(super) fault: Fault,
    pub(super) groups: Vec<WrittenGroup>,
}

impl Built {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let dialect = Dialect::new(choices);
        let has_groups = dialect.standard == Standard::X12 || choices.below(2) == 1;
        let fault = Fault::of(choices, dialect.standard, has_groups);
        let mut built = Self { bytes: Vec::new(), dialect, fault, groups: Vec::new() };
        built.write(choices, has_groups);
        built
    }

    fn write(&mut self, choices: &mut Choices<'_>, has_groups: bool) {
        let groups = if has_groups { 1 + choices.below(3) } else { 1 };
        let wrong = choices.below(groups);
        self.write_header();
        let mut reference = 0;
        for number in 0..groups {
            let fault = if number == wrong { self.fault } else { Fault::None };
            let group = Bodies::new(choices, &self.dialect, fault);
            if has_groups {
                self.open_group(number, &group);
            }
            // Numbers of X12 are unique in their group, those of EDIFACT in their interchange, and those of TRADACOMS
            // count from 1 in each batch.
            if self.dialect.standard != Standard::Edifact {
                reference = 0;
            }
            let mut sets = Vec::new();
            for body in &group.sets {
                reference += 1;
                sets.push(self.write_set(reference, body));
            }
            if has_groups {
                self.close_group(number, sets.len(), fault);
            }
            let is_acknowledgement = group.kind == "FA";
            self.groups.push(WrittenGroup {
                sets,
                is_acknowledgement,
                is_wrong: fault.is_of_group(),
            });
        }
        self.close_interchange(has_groups);
    }

    fn push(&mut self, text: &str) {
        let segment = self.dialect.written(text);
        self.push_segment(&segment);
    }

    fn push_segment(&mut self, segment: &[u8]) {
        self.bytes.extend_from_slice(segment);
        self.bytes.extend_from_slice(self.dialect.line_end);
    }

    fn write_header(&mut self) {
        let Dialect { version, component, repetition, .. } = self.dialect;
        match self.dialect.standard {
            Standard::X12 => {
                let standards = if version < 402 { 'U' } else { char::from(repetition) };
                let header = format!(
                    "ISA+00+{0:10}+00+{0:10}+ZZ+{1:15}+ZZ+{2:15}+261121+1200",
                    "", "SENDER", "RECEIVER"
                );
                let mut segment = self.dialect.written(&header);
                segment.pop();
                let element = char::from(self.dialect.element);
                let rest = format!(
                    "{element}{standards}{element}{version:05}{element}000000007{element}1{element}P{element}"
                );
                segment.extend_from_slice(rest.as_bytes());
                segment.extend_from_slice(&[component, self.dialect.terminator]);
                self.push_segment(&segment);
            }
            Standard::Edifact => {
                if let Some(una) = self.dialect.service_characters() {
                    self.bytes.extend_from_slice(b"UNA");
                    self.bytes.extend_from_slice(&una);
                }
                let syntax = if version < 3 { "UNOB" } else { "UNOC" };
                let century = if version == 4 { "20" } else { "" };
                self.push(&format!(
                    "UNB+{syntax}:{version}+SENDER:14+RECEIVER:14+{century}261121:1200+REF7"
                ));
            }
            Standard::Tradacoms => self
                .push("STX+ANA:1+5000000000000:SENDER+5000000000001:RECEIVER+261121:120000+REF7"),
        }
    }

    fn open_group(&mut self, number: usize, group: &Bodies) {
        let (kind, release) = (group.kind, group.release);
        match self.dialect.standard {
            Standard::X12 => self.push(&format!(
                "GS+{kind}+SENDER+RECEIVER+20261121+1200+{}+X+{release}",
                number + 1
            )),
            Standard::Edifact => {
                let century = if self.dialect.version == 4 { "20" } else { "" };
                self.push(&format!(
                    "UNG+{kind}+A:14+B:14+{century}261121:1200+G{number}+UN+D:{release}"
                ));
            }
            Standard::Tradacoms => self.push(&format!("BAT+{}", number + 1)),
        }
    }

    fn write_set(&mut self, reference: usize, body: &Body) -> WrittenSet {
        let fault = if body.is_wrong { self.fault } else { Fault::None };
        let reference = format!("{reference:04}");
        let (header, trailer) = match self.dialect.standard {
            Standard::X12 => (format!("ST+{}+{reference}", body.kind), "SE"),
            Standard::Edifact => (format!("UNH+{reference}+{}", body.kind), "UNT"),
            Standard::Tradacoms => {
                (format!("MHD+{}+{}", reference.trim_start_matches('0'), body.kind), "MTR")
            }
        };
        self.push(&header);
        for segment in &body.segments {
            self.push_segment(segment);
        }
        let mut segments = u32::try_from(body.segments.len()).expect("some segments") + 2;
        match fault {
            Fault::SegmentUnknown => {
                self.push("ZZZ+1");
                segments += 1;
            }
            Fault::SetNotClosed => segments -= 1,
            _ => {}
        }
        let stated = if fault == Fault::SetCount { segments + 1 } else { segments };
        let repeated = if fault == Fault::SetReference { "9999" } else { &reference };
        match (fault, self.dialect.standard) {
            (Fault::SetNotClosed, _) => {}
            (_, Standard::Tradacoms) => self.push(&format!("{trailer}+{stated}")),
            _ => self.push(&format!("{trailer}+{stated}+{repeated}")),
        }
        WrittenSet { segments, is_wrong: body.is_wrong }
    }

    fn close_group(&mut self, number: usize, messages: usize, fault: Fault) {
        let stated = messages + usize::from(fault == Fault::GroupCount);
        let other = if fault == Fault::GroupReference { "77" } else { "" };
        match (fault, self.dialect.standard) {
            (Fault::GroupNotClosed, _) => {}
            (_, Standard::X12) => self.push(&format!("GE+{stated}+{}{other}", number + 1)),
            (_, Standard::Edifact) => self.push(&format!("UNE+{stated}+G{number}{other}")),
            (_, Standard::Tradacoms) => self.push(&format!("EOB+{stated}")),
        }
    }

    fn close_interchange(&mut self, has_groups: bool) {
        let messages: usize = self.groups.iter().map(|group| group.sets.len()).sum();
        let counted = if has_groups && self.dialect.standard != Standard::Tradacoms {
            self.groups.len()
        } else {
            messages
        };
        let stated = counted + usize::from(self.fault == Fault::InterchangeCount);
        let number = if self.fault == Fault::InterchangeReference { 8 } else { 7 };
        match (self.fault, self.dialect.standard) {
            (Fault::InterchangeNotClosed, _) => {}
            (_, Standard::X12) => self.push(&format!("IEA+{stated}+{number:09}")),
            (_, Standard::Edifact) => self.push(&format!("UNZ+{stated}+REF{number}")),
            (_, Standard::Tradacoms) => self.push(&format!("END+{stated}")),
        }
    }
}
