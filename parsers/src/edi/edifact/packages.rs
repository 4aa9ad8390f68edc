//! UNO to UNP: an object of any bytes whose length UNO states. It is passed over, never read as segments.

use crate::edi::assembler::{Flow, Visit, spot_of};
use crate::edi::event::Stage;
use crate::edi::finding::Remark;
use crate::edi::rules::edifact as rules;
use crate::edi::segment::Segment;

use super::EDIFACT;

/// Where in a package reading stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Package {
    #[default]
    None,
    /// UNP must come next.
    Passed,
    /// The length was wrong and that was told: UNP is looked for.
    Lost,
}

/// S022 0810 of UNO: octets between its terminator and UNP.
pub(in crate::edi) fn length(uno: &Segment<'_>) -> Option<usize> {
    let digits = uno.component(4, 1).trim_ascii();
    let text =
        std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    text.parse().ok()
}

impl Visit<'_, '_> {
    pub(super) fn open_package(&mut self, segment: &Segment<'_>) -> Flow {
        self.before_message(segment);
        self.open_set(EDIFACT, segment, None);
        self.state.set.segments = 0;
        self.count_segment(segment);
        self.check_reference(segment);
        let total = self.state.options.input_bytes;
        let fits = |length: usize| {
            total.is_none_or(|total| segment.end.checked_add(length).is_some_and(|end| end < total))
        };
        if let Some(length) = length(segment).filter(|length| fits(*length)) {
            self.state.edifact.package = Package::Passed;
            return Flow::Package(length);
        }
        self.state.edifact.package = Package::Lost;
        let remark =
            Remark::new("the length of the object is no number, or leads beyond the input")
                .found(segment.component(4, 1));
        self.say_of_element(&rules::PACKAGE_LENGTH, remark, segment, 4);
        Flow::On
    }

    /// A segment while a package is open. None: it is none of the package's.
    pub(super) fn package_content(&mut self, segment: &Segment<'_>) -> Option<Flow> {
        let package = self.state.edifact.package;
        match (package, segment.tag()) {
            (Package::None, _) => return None,
            (_, b"UNP") => self.close_package(segment),
            (Package::Lost, b"UNH" | b"UNO" | b"UNG" | b"UNE" | b"UNZ") => return None,
            (Package::Lost, _) => {}
            (Package::Passed, found) => {
                let remark = Remark::new("UNP does not follow the object: its length is wrong")
                    .expected("UNP")
                    .found(found.get(..3).unwrap_or(found));
                self.say(&rules::PACKAGE_LENGTH, remark, spot_of(segment), None);
                self.state.edifact.package = Package::Lost;
                // It may be the trailer of what was swallowed.
                return self.package_content(segment);
            }
        }
        Some(Flow::On)
    }

    fn close_package(&mut self, segment: &Segment<'_>) {
        self.count_segment(segment);
        let stated = self.state.set.header.component(4, 1);
        let repeated = segment.element(1).trim_ascii();
        if stated != repeated {
            let remark = Remark::new("UNP does not repeat the length of UNO").found(repeated);
            let remark = remark.expected(crate::edi::shown::shown(stated));
            self.say_of_element(&rules::UNP_LENGTH, remark, segment, 1);
        }
        self.compare_references(Stage::Set, (1, &rules::UNP_REFERENCE, &rules::UNP_ZEROS), segment);
        self.state.edifact.package = Package::None;
        self.close(Stage::Set, segment.end);
    }
}
