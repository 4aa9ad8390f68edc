//! What can be wrong with a built interchange, and the rule that says so.

use tillgate_parsers::edi::Standard::{self, Edifact, Tradacoms, X12};

use super::Choices;

/// The one fault of an interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    SetCount,
    SetReference,
    SetNotClosed,
    SegmentUnknown,
    SegmentMissing,
    ElementTooLong,
    GroupCount,
    GroupReference,
    GroupNotClosed,
    InterchangeCount,
    InterchangeReference,
    InterchangeNotClosed,
}

use Fault::{
    ElementTooLong, GroupCount, GroupNotClosed, GroupReference, InterchangeCount,
    InterchangeNotClosed, InterchangeReference, SegmentMissing, SegmentUnknown, SetCount,
    SetNotClosed, SetReference,
};

impl Fault {
    /// One that the standard knows; none where the input is to be right.
    pub(super) fn of(choices: &mut Choices<'_>, standard: Standard, has_groups: bool) -> Self {
        let fault = choices.one_of(&[
            Self::None,
            SetCount,
            SetReference,
            SetNotClosed,
            SegmentUnknown,
            SegmentMissing,
            ElementTooLong,
            GroupCount,
            GroupReference,
            GroupNotClosed,
            InterchangeCount,
            InterchangeReference,
            InterchangeNotClosed,
        ]);
        let is_known = fault.rule(standard).is_some() && (has_groups || !fault.is_of_group());
        if is_known { fault } else { Self::None }
    }

    pub(super) fn is_of_set(self) -> bool {
        let content = matches!(self, SegmentUnknown | SegmentMissing | ElementTooLong);
        content || matches!(self, SetCount | SetReference | SetNotClosed)
    }

    pub(super) fn is_of_group(self) -> bool {
        matches!(self, GroupCount | GroupReference | GroupNotClosed)
    }

    pub(super) fn is_of_interchange(self) -> bool {
        matches!(self, InterchangeCount | InterchangeReference | InterchangeNotClosed)
    }

    /// The code of the rule that it breaks.
    pub(super) fn rule(self, standard: Standard) -> Option<&'static str> {
        Some(match (self, standard) {
            (SetCount, X12) => "se01-count",
            (SetCount, Edifact) => "unt-count",
            (SetCount, Tradacoms) => "mtr-count",
            (SetReference, X12) => "se02-mismatch",
            (SetReference, Edifact) => "unt-reference",
            (SetNotClosed, X12) => "se-missing",
            (SetNotClosed, Edifact) => "unt-missing",
            (SetNotClosed, Tradacoms) => "mtr-missing",
            (SegmentUnknown, _) => "segment-unknown",
            (SegmentMissing, _) => "segment-missing",
            (ElementTooLong, _) => "element-too-long",
            (GroupCount, X12) => "ge01-count",
            (GroupCount, Edifact) => "une-count",
            (GroupCount, Tradacoms) => "eob-count",
            (GroupReference, X12) => "ge02-mismatch",
            (GroupReference, Edifact) => "une-reference",
            (GroupNotClosed, X12) => "ge-missing",
            (GroupNotClosed, Edifact) => "une-missing",
            (GroupNotClosed, Tradacoms) => "eob-missing",
            (InterchangeCount, X12) => "iea01-count",
            (InterchangeCount, Edifact) => "unz-count",
            (InterchangeCount, Tradacoms) => "end-count",
            (InterchangeReference, X12) => "iea02-mismatch",
            (InterchangeReference, Edifact) => "unz-reference",
            (InterchangeNotClosed, X12) => "iea-missing",
            (InterchangeNotClosed, Edifact) => "unz-missing",
            (InterchangeNotClosed, Tradacoms) => "end-missing",
            (Self::None, _) | (SetReference | GroupReference | InterchangeReference, Tradacoms) => {
                return None;
            }
        })
    }
}
