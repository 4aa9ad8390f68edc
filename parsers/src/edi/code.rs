//! The codes of acknowledgements, and which table has which.
//!
//! A rule names the richest code that X12 has for it: that of the 999 in the latest release. What an acknowledgement
//! carries is that code as its own table has it: the tables grew from release to release, and a few numbers changed
//! their meaning. Never: a code in an acknowledgement whose version does not know it.

use super::standard::Standard;

/// Which of X12's functional acknowledgements is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Functional {
    /// 997: what the standard says.
    #[default]
    F997,
    /// 999, from 005010 on: what the standard and the implementation guide say.
    F999,
}

/// The tables that an acknowledgement takes its codes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    /// 997 or 999.
    pub functional: Functional,
    /// ISA12 as a number: 401.
    pub interchange: u32,
    /// The version of its functional group: 4010.
    pub group: u32,
}

/// A code of an acknowledgement, on the level that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// TA105 (I18), UCI.
    Interchange(&'static str),
    /// AK905 (716), UCF.
    Group(&'static str),
    /// AK502 (718), IK502 (618), UCM.
    Set(&'static str),
    /// AK304 (720), IK304 (620), UCS.
    Segment(&'static str),
    /// AK403 (723), IK403 (621), UCD.
    Element(&'static str),
}

impl Code {
    /// What carries it, as in `{"AK304":"3"}` or `{"UCS":"13"}`.
    #[must_use]
    pub fn carrier(self, standard: Option<Standard>) -> &'static str {
        let (x12, edifact) = match self {
            Self::Interchange(_) => ("TA105", "UCI"),
            Self::Group(_) => ("AK905", "UCF"),
            Self::Set(_) => ("AK502", "UCM"),
            Self::Segment(_) => ("AK304", "UCS"),
            Self::Element(_) => ("AK403", "UCD"),
        };
        if standard == Some(Standard::Edifact) { edifact } else { x12 }
    }

    /// The code.
    #[must_use]
    pub fn value(self) -> &'static str {
        match self {
            Self::Interchange(code)
            | Self::Group(code)
            | Self::Set(code)
            | Self::Segment(code)
            | Self::Element(code) => code,
        }
    }

    /// The code that a CONTRL of a syntax version has for the same thing: 45 and 46 came with version 4, which has no
    /// 19 and 38.
    #[must_use]
    pub fn in_syntax(self, is_version_4: bool) -> Self {
        match self {
            Self::Interchange("46") if !is_version_4 => Self::Interchange("2"),
            Self::Element("19" | "38") if is_version_4 => Self::Element("12"),
            Self::Segment("45") if !is_version_4 => Self::Segment("18"),
            other => other,
        }
    }

    /// What a set is marked with for a fault in one of its segments: 5, I5 where only the implementation guide is
    /// broken, and a mark of our own for what no table before 007010 minds.
    pub(super) fn mark(self) -> Self {
        match self {
            Self::Segment(EXCESS_SEGMENT) | Self::Element(EXCESS_COMPONENT) => Self::Set(EXCESS),
            Self::Segment(code) | Self::Element(code) if code.starts_with('I') => Self::Set("I5"),
            Self::Segment(_) | Self::Element(_) => Self::Set("5"),
            other => other,
        }
    }

    /// The code that a table has for the same thing; none where it has nothing that would be true.
    #[must_use]
    pub fn in_version(self, tables: &Tables) -> Option<Self> {
        let Tables { functional, interchange, group } = *tables;
        let is_999 = functional == Functional::F999;
        Some(match self {
            // X12's interpretation 1497: before 005042 a bad repetition separator is a bad control structure.
            Self::Interchange("032") if interchange < 505 => Self::Interchange("022"),
            Self::Interchange(_) => self,
            Self::Group(code) => Self::Group(in_716(code, group)?),
            Self::Set(EXCESS) if is_999 && group >= 7010 => Self::Set("5"),
            Self::Set(EXCESS) => return None,
            Self::Set(code) => Self::Set(in_718(code, group, is_999)?),
            Self::Segment(EXCESS_SEGMENT) if !is_999 || group < 7010 => return None,
            Self::Element(EXCESS_COMPONENT) if !is_999 || group < 7010 => return None,
            Self::Segment(code) if !is_999 => Self::Segment(in_720(code)),
            Self::Element("12" | "13") if group < 5010 => Self::Element("3"),
            Self::Element(code) if !is_999 => Self::Element(in_723(code)),
            Self::Segment(_) | Self::Element(_) => self,
        })
    }
}

/// IK304: separators before the terminator with nothing between.
const EXCESS_SEGMENT: &str = "10";
/// IK403: the same at the end of a composite.
const EXCESS_COMPONENT: &str = "16";
/// A fault of GS or GE for which table 716 has no word: TA105 024 has one, "for example a bad GS".
pub(super) const UNNAMED: &str = "GS";
/// The mark of a set for either.
const EXCESS: &str = "excess";

/// 716. Security segments go by their tag: the one that is missing.
fn in_716(code: &'static str, group: u32) -> Option<&'static str> {
    Some(match code {
        UNNAMED => return None,
        // 19 is something else at 004010.
        "19" if group < 5010 => "6",
        "7" | "8" | "9" if group < 5010 => return None,
        "S1E" if group < 5010 => "19",
        "S1S" if group < 5010 => "20",
        "S2E" if group < 5010 => "21",
        "S2S" if group < 5010 => "22",
        // Later tables have no word for it but that such security is not supported.
        "S1E" | "S1S" | "S2E" | "S2S" => "16",
        "S3E" => "23",
        "S3S" => "24",
        "S4E" => "25",
        "S4S" => "26",
        other => other,
    })
}

/// 718 of the 997, 618 of the 999.
fn in_718(code: &'static str, group: u32, is_999: bool) -> Option<&'static str> {
    Some(match code {
        "S1E" if group < 5010 => "19",
        "S1S" if group < 5010 => "20",
        "S2E" if group < 5010 => "21",
        "S2S" if group < 5010 => "22",
        // Later tables have no word for it but that a segment is in error.
        "S1E" | "S1S" | "S2E" | "S2S" => "5",
        "S3E" => "24",
        "S3S" => "25",
        "S4E" => "26",
        "S4S" => "27",
        _ if is_999 => code,
        // A set in the wrong kind of group, a guide that nobody knows: the 997 knows nothing of guides.
        "18" => "6",
        "19" => return None,
        "I5" => "5",
        "I6" => "1",
        other => other,
    })
}

/// 720: the standard's word for what breaks a guide.
fn in_720(code: &'static str) -> &'static str {
    match code {
        "I4" | "I9" => "2",
        "I6" | "I7" | "I8" => "3",
        other => other,
    }
}

/// 723: the standard's word for what breaks a guide.
fn in_723(code: &'static str) -> &'static str {
    match code {
        "I6" | "I12" => "7",
        "I9" => "2",
        "I10" | "I13" => "10",
        "I11" => "1",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Code::{Element, Group, Interchange, Segment, Set};
    use Functional::{F997, F999};

    fn check(functional: Functional, group: u32, code: Code, expected: Option<Code>) {
        let tables = Tables { functional, interchange: group / 10, group };
        assert_eq!(code.in_version(&tables), expected, "{functional:?} {group} {code:?}");
    }

    #[test]
    fn a_code_is_that_of_its_table() {
        // Each line: a code, then what 997 of 004010, 997 of 005010, 999 of 005010 and 999 of 007010 have for it.
        for (code, expected) in [
            (Interchange("001"), [Some("001"); 4]),
            (Interchange("032"), [Some("022"), Some("022"), Some("022"), Some("032")]),
            (Group("19"), [Some("6"), Some("19"), Some("19"), Some("19")]),
            (Group("7"), [None, Some("7"), Some("7"), Some("7")]),
            (Group(UNNAMED), [None; 4]),
            (Group("S1E"), [Some("19"), Some("16"), Some("16"), Some("16")]),
            (Group("S3S"), [Some("24"); 4]),
            (Set("18"), [Some("6"), Some("6"), Some("18"), Some("18")]),
            (Set("19"), [None, None, Some("19"), Some("19")]),
            (Set("23"), [Some("23"); 4]),
            (Set("S2S"), [Some("22"), Some("5"), Some("5"), Some("5")]),
            (Set("S4E"), [Some("26"); 4]),
            (Set("I5"), [Some("5"), Some("5"), Some("I5"), Some("I5")]),
            (Set("I6"), [Some("1"), Some("1"), Some("I6"), Some("I6")]),
            (Segment("3"), [Some("3"); 4]),
            (Segment("10"), [None, None, None, Some("10")]),
            (Segment("I4"), [Some("2"), Some("2"), Some("I4"), Some("I4")]),
            (Element("10"), [Some("10"); 4]),
            (Element("12"), [Some("3"), Some("12"), Some("12"), Some("12")]),
            (Element("13"), [Some("3"), Some("13"), Some("13"), Some("13")]),
            (Element("16"), [None, None, None, Some("16")]),
            (Element("I12"), [Some("7"), Some("7"), Some("I12"), Some("I12")]),
        ] {
            let tables = [(F997, 4010), (F997, 5010), (F999, 5010), (F999, 7010)];
            for ((functional, group), value) in tables.into_iter().zip(expected) {
                let like = |value| match code {
                    Interchange(_) => Interchange(value),
                    Group(_) => Group(value),
                    Set(_) => Set(value),
                    Segment(_) => Segment(value),
                    Element(_) => Element(value),
                };
                check(functional, group, code, value.map(like));
            }
        }
    }

    #[test]
    fn a_fault_in_a_segment_marks_its_set() {
        for (code, marked, expected) in [
            (Element("7"), "5", Some("5")),
            (Segment("I4"), "I5", Some("5")),
            (Element("16"), EXCESS, None),
            (Set("23"), "23", Some("23")),
        ] {
            assert_eq!(code.mark(), Set(marked));
            check(F997, 4010, code.mark(), expected.map(Set));
        }
        check(F999, 7010, Set(EXCESS), Some(Set("5")));
    }
}
