//! Every rule that an input can break; those of EDIFACT's envelopes are in [`edifact`]. For each its stable code, how
//! bad it is under which policy, the acknowledgement code that it earns, and what to do about it.
//!
//! Strict and lenient are two readings of one list of findings, not two parsers. `lenient` takes what the field sends
//! every day; what changes meaning or money is an error under both.

use serde::Serialize;

use crate::finding::Severity::{self, Error, Warning};

/// How much a partner is forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// What can be read without doubt is taken, with a warning.
    #[default]
    Lenient,
    /// The standard to the letter.
    Strict,
}

use super::code::UNNAMED;
pub use super::code::{Code, Functional, Tables};

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Stable name.
    pub code: &'static str,
    /// How bad under the lenient policy.
    pub lenient: Severity,
    /// How bad under the strict policy.
    pub strict: Severity,
    /// The code of X12's acknowledgements.
    pub answer: Option<Code>,
    /// The code of EDIFACT's CONTRL (0085), where it does not follow from X12's: see [`Rule::control`].
    pub(super) control: Option<Code>,
    /// The acknowledgement refuses even where the finding is only a warning: the input is right, but we cannot use it.
    pub refuses: bool,
    /// What to do.
    pub help: &'static str,
}

impl Rule {
    /// Whether it is a partner's implementation guide that is broken, and not the standard.
    #[must_use]
    pub fn is_of_guide(&self) -> bool {
        self.code.starts_with("guide-")
    }

    /// Whether another version of the standard may allow what this one does not: bounds, lists and places grow. What a
    /// set must have, and what a number is, stays.
    #[must_use]
    pub(super) fn moves_with_the_version(&self) -> bool {
        let moving = [
            &SEGMENT_UNKNOWN,
            &SEGMENT_NOT_IN_SET,
            &SEGMENT_UNEXPECTED,
            &SEGMENT_ORDER,
            &SEGMENT_TOO_OFTEN,
            &LOOP_TOO_OFTEN,
            &ELEMENT_CONDITION,
            &ELEMENT_EXCLUSION,
            &ELEMENT_TOO_MANY,
            &COMPONENT_TOO_MANY,
            &REPETITION_TOO_MANY,
            &ELEMENT_TOO_SHORT,
            &ELEMENT_TOO_LONG,
            &ELEMENT_CODE,
        ];
        moving.iter().any(|rule| rule.code == self.code)
    }

    /// How bad under a policy.
    #[must_use]
    pub fn severity(&self, policy: Policy) -> Severity {
        match policy {
            Policy::Lenient => self.lenient,
            Policy::Strict => self.strict,
        }
    }

    /// The code of EDIFACT's CONTRL (0085), on the level that carries it.
    ///
    /// What is wrong in segments and elements is the same in both standards, so that their codes follow from each
    /// other.
    #[must_use]
    pub fn control(&self) -> Option<Code> {
        match (self.control, self.code) {
            (Some(code), _) => Some(code),
            (None, "last-segment-unterminated") => Some(Code::Interchange("13")),
            (None, "binary-length") => Some(Code::Set("29")),
            (None, "element-character") => Some(Code::Element("37")),
            (None, _) => match self.answer? {
                Code::Segment(code) => Some(Code::Segment(edifact::of_segment(code))),
                Code::Element(code) => Some(Code::Element(edifact::of_element(code))),
                _ => None,
            },
        }
    }

    const fn new(
        code: &'static str,
        severities: (Severity, Severity),
        answer: Option<Code>,
        help: &'static str,
    ) -> Self {
        let (lenient, strict) = severities;
        Self { code, lenient, strict, answer, control: None, refuses: false, help }
    }

    const fn refusing(mut self) -> Self {
        self.refuses = true;
        self
    }
}

/// An error under both policies.
const ALWAYS: (Severity, Severity) = (Error, Error);
/// Forgiven by the lenient policy.
const FORGIVEN: (Severity, Severity) = (Warning, Error);
/// Worth saying, never an error.
const NOTED: (Severity, Severity) = (Warning, Warning);

macro_rules! rules {
    ($list:ident: $($name:ident = $code:literal, $severities:ident, $answer:expr, $help:literal;)*) => {
        $(#[doc = concat!("`", $code, "`.")] pub const $name: Rule = Rule::new($code, $severities, $answer, $help);)*
        const $list: &[&Rule] = &[$(&$name),*];
    };
}

pub mod edifact;

/// Every rule.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let refusing: &[&Rule] = &[&VERSION_UNSUPPORTED, &SET_UNSUPPORTED];
    [INPUT, HEADER, SYNTAX, INTERCHANGE, GROUP, SET, SEGMENTS, ELEMENTS, TRADACOMS, refusing]
        .into_iter()
        .chain(edifact::ALL)
        .flatten()
        .copied()
}

const fn ta1(code: &'static str) -> Option<Code> {
    Some(Code::Interchange(code))
}
const fn ak9(code: &'static str) -> Option<Code> {
    Some(Code::Group(code))
}
const fn ak5(code: &'static str) -> Option<Code> {
    Some(Code::Set(code))
}
const fn ak3(code: &'static str) -> Option<Code> {
    Some(Code::Segment(code))
}
const fn ak4(code: &'static str) -> Option<Code> {
    Some(Code::Element(code))
}

// The input.
rules! {
    INPUT:
    NOT_EDI = "not-edi", ALWAYS, None, "ask the sender for X12, EDIFACT or TRADACOMS with its envelope";
    BYTE_ORDER_MARK = "byte-order-mark", FORGIVEN, None, "ask the sender to write the file without a byte order mark";
    LEADING_BLANKS = "leading-blanks", FORGIVEN, None, "ask the sender to begin the file with its first segment";
    LINE_ENDS = "line-ends", NOTED, None, "nothing to do: line ends after terminators are no data";
    INDENTED = "blanks-around-segment", NOTED, None, "nothing to do: blanks before tags are no data";
    PADDING = "padding-after-interchange", FORGIVEN, None, "ask the sender to end the file with its last segment; Ctrl-Z and zero bytes are left by old transfer programs";
    JUNK_BETWEEN = "bytes-between-interchanges", FORGIVEN, None, "ask the sender what the bytes are; they were skipped";
}

// ISA and the segments that may follow it.
rules! {
    HEADER:
    ISA_UNREADABLE = "isa-unreadable", ALWAYS, ta1("022"), "ask the sender to write ISA with its sixteen elements in 106 bytes";
    ISA_WRAPPED = "wrapped-lines", ALWAYS, ta1("022"), "ask for the file without line wrapping; binary transfer often helps";
    ISA_LENGTH = "isa-length", FORGIVEN, ta1("022"), "ask the sender to pad the elements of ISA to their fixed widths";
    TERMINATOR_BLANK = "terminator-blank", FORGIVEN, ta1("004"), "ask the sender to remove the blank before the segment terminator of ISA";
    TERMINATOR_INVALID = "terminator-invalid", ALWAYS, ta1("004"), "use a terminator that is no letter, digit or blank, such as ~";
    TERMINATOR_WIDE = "terminator-multibyte", ALWAYS, ta1("004"), "use one byte such as ~ as terminator; an editor or a character set conversion often causes this";
    ELEMENT_SEPARATOR = "element-separator-invalid", ALWAYS, ta1("026"), "use a separator that is no letter, digit or blank and nothing else, such as *";
    COMPONENT_SEPARATOR = "component-separator-invalid", ALWAYS, ta1("027"), "use a component separator of its own, such as >";
    ISA16_MISSING = "component-separator-invalid", ALWAYS, ta1("027"), "send a component separator in ISA16, such as >, and the segment terminator after it";
    REPETITION_SEPARATOR = "repetition-separator-invalid", ALWAYS, ta1("032"), "use a repetition separator of its own, such as ^";
    ISA_AUTHORIZATION_QUALIFIER = "isa-authorization-qualifier", FORGIVEN, ta1("010"), "send 00 in ISA01, or the qualifier of what stands in ISA02";
    ISA_AUTHORIZATION = "isa-authorization", FORGIVEN, ta1("011"), "send ten blanks in ISA02 with ISA01 00, and else what its qualifier names";
    ISA_SECURITY_QUALIFIER = "isa-security-qualifier", FORGIVEN, ta1("012"), "send 00 in ISA03, or 01 with a password in ISA04";
    ISA_SECURITY = "isa-security", FORGIVEN, ta1("013"), "send ten blanks in ISA04 with ISA03 00, and else the password";
    ISA_SENDER_QUALIFIER = "isa-sender-qualifier", FORGIVEN, ta1("005"), "send a qualifier of X12 in ISA05, such as 01, 08, 12, 14 or ZZ";
    ISA_SENDER = "isa-sender", FORGIVEN, ta1("006"), "send who the sender is in ISA06";
    ISA_RECEIVER_QUALIFIER = "isa-receiver-qualifier", FORGIVEN, ta1("007"), "send a qualifier of X12 in ISA07, such as 01, 08, 12, 14 or ZZ";
    ISA_RECEIVER = "isa-receiver", FORGIVEN, ta1("008"), "send who the receiver is in ISA08";
    ISA_STANDARD = "isa-standard", FORGIVEN, ta1("016"), "send U in ISA11 up to version 00401";
    ISA_STANDARD_UNSUPPORTED = "isa-standard-unsupported", FORGIVEN, ta1("002"), "send U in ISA11: tillgate takes no control standard but that of X12";
    REPETITION_UNUSABLE = "repetition-separator-unusable", FORGIVEN, ta1("032"), "send a repetition separator in ISA11 that never stands in data, such as ^; nothing is read as repeated";
    ISA_DATE = "isa-date", FORGIVEN, ta1("014"), "send ISA09 as YYMMDD";
    ISA_TIME = "isa-time", FORGIVEN, ta1("015"), "send ISA10 as HHMM";
    ISA_VERSION = "isa-version", FORGIVEN, ta1("017"), "send the control version in ISA12 as five digits, such as 00401";
    ISA_VERSION_UNSUPPORTED = "isa-version-unsupported", FORGIVEN, ta1("003"), "send a control version from 00200 to 00805 in ISA12";
    ISA_CONTROL_NUMBER = "isa-control-number", FORGIVEN, ta1("018"), "send nine digits in ISA13";
    ISA_ACKNOWLEDGEMENT = "isa-acknowledgement", FORGIVEN, ta1("019"), "send 0 or 1 in ISA14";
    ISA_USAGE = "isa-usage", FORGIVEN, ta1("020"), "send P, T or I in ISA15";
    UNKNOWN_SENDER = "unknown-sender", ALWAYS, ta1("006"), "compare ISA05 and ISA06 with x12 of the [[partner]] whose folder or token was used";
    UNKNOWN_RECEIVER = "unknown-receiver", ALWAYS, ta1("009"), "compare ISA07 and ISA08 with [edi] x12; the file may be meant for someone else";
}

// ISB, ISE and ISX, which may stand between ISA and the first group.
rules! {
    SYNTAX:
    GRADE_OF_SERVICE = "isb-grade-of-service", FORGIVEN, ta1("031"), "send one letter or digit in ISB01";
    DELIVERY_DATE = "ise-date", FORGIVEN, ta1("028"), "send the date of the deferred delivery in ISE01 as YYMMDD";
    DELIVERY_TIME = "ise-time", FORGIVEN, ta1("029"), "send the time of the deferred delivery in ISE02 as HHMM";
    DELIVERY_TIME_CODE = "ise-time-code", FORGIVEN, ta1("030"), "send a time code of two letters or digits in ISE03, or none";
    ISX_UNEXPECTED = "isx-unexpected", FORGIVEN, ta1("033"), "send ISX once, right after ISA, and only from version 00704 on";
    RELEASE_CHARACTER = "release-character-invalid", ALWAYS, ta1("034"), "use a release character in ISX01 that is no letter, digit, blank or separator, such as ?";
    CHARACTER_ENCODING = "character-encoding-invalid", FORGIVEN, ta1("035"), "send one or two letters or digits in ISX02, or nothing";
    OVERRIDING_VERSION = "overriding-version-invalid", FORGIVEN, ta1("036"), "send six digits in ISX03, from version 00801 on, or nothing";
    OVERRIDING_VERSION_UNSUPPORTED = "overriding-version-unsupported", NOTED, ta1("038"), "nothing to do unless codes are refused: they are held against the version in GS08";
    INDUSTRY_IDENTIFIER = "industry-identifier-unknown", FORGIVEN, ta1("037"), "send one to six letters or digits in ISX04, together with ISX03";
}

// The interchange.
rules! {
    INTERCHANGE:
    IEA_MISSING = "iea-missing", ALWAYS, ta1("023"), "ask the sender for the whole interchange; a transfer that broke off often causes this";
    IEA02_MISMATCH = "iea02-mismatch", ALWAYS, ta1("001"), "ask the sender to repeat ISA13 in IEA02";
    IEA02_ZEROS = "iea02-zeros", FORGIVEN, ta1("001"), "ask the sender to write IEA02 with the zeros of ISA13";
    IEA01_COUNT = "iea01-count", ALWAYS, ta1("021"), "ask the sender to count the functional groups in IEA01";
    IEA_TOO_MANY = "envelope-too-many-elements", FORGIVEN, ta1("022"), "send two elements in IEA";
    IEA01_TA1_ONLY = "iea01-count-ta1", FORGIVEN, ta1("021"), "send IEA01 as 0 in an interchange without groups";
    INTERCHANGE_EMPTY = "interchange-empty", ALWAYS, ta1("024"), "send at least one functional group or TA1";
    INTERCHANGE_DUPLICATE = "isa13-duplicate", NOTED, ta1("025"), "use each interchange control number once";
    TA1_INVALID = "ta1-invalid", FORGIVEN, ta1("024"), "send TA1 with what ISA13, ISA09 and ISA10 of the interchange were, A, E or R, and a note";
    GS_MISSING = "gs-missing", ALWAYS, ta1("024"), "send GS before the first transaction set and GE behind the last; those without a group were not read";
    OUTSIDE_SET = "segment-outside-set", ALWAYS, ta1("024"), "put every segment between ST and SE";
    UNTERMINATED = "last-segment-unterminated", FORGIVEN, ta1("023"), "end the last segment with the terminator too";
    LIMIT_SEGMENT = "limit-segment", ALWAYS, ak3("8"), "raise the limit for segments, or look for a lost terminator";
    LIMIT_NUMBERS = "limit-control-numbers", NOTED, None, "count control numbers upwards: runs are remembered without bound";
    LIMIT_SETS = "limit-sets", ALWAYS, ta1("024"), "split the file";
}

// The functional group.
rules! {
    GROUP:
    GS01_INVALID = "gs01-invalid", FORGIVEN, ak9("1"), "send two capital letters or digits in GS01, such as PO";
    GS02_INVALID = "gs02-invalid", FORGIVEN, ak9("7"), "send the code of the sending application in GS02, two to fifteen characters";
    GS03_INVALID = "gs03-invalid", FORGIVEN, ak9("8"), "send the code of the receiving application in GS03, two to fifteen characters";
    GS04_INVALID = "gs04-invalid", FORGIVEN, ak9(UNNAMED), "send the date of the group in GS04 as CCYYMMDD";
    GS05_INVALID = "gs05-invalid", FORGIVEN, ak9(UNNAMED), "send the time of the group in GS05 as HHMM";
    GS07_INVALID = "gs07-invalid", FORGIVEN, ak9("9"), "send X in GS07, or T";
    GS08_INVALID = "gs08-invalid", FORGIVEN, ak9("2"), "send version, release and industry in GS08, such as 004010 or 004010VICS";
    GROUP_SECURITY_HEADER = "group-security-header-missing", ALWAYS, None, "send the security header before its trailer, or neither";
    GROUP_SECURITY_TRAILER = "group-security-trailer-missing", ALWAYS, None, "close the security header with its trailer before GE";
    GROUP_TOO_MANY = "envelope-too-many-elements", FORGIVEN, ak9(UNNAMED), "send eight elements in GS and two in GE";
    GE_MISSING = "ge-missing", ALWAYS, ak9("3"), "close the group with GE";
    GE02_MISMATCH = "ge02-mismatch", ALWAYS, ak9("4"), "repeat GS06 in GE02";
    GE02_ZEROS = "ge02-zeros", FORGIVEN, ak9("4"), "write GE02 with the zeros of GS06";
    GE01_COUNT = "ge01-count", ALWAYS, ak9("5"), "count the transaction sets in GE01";
    GS06_MISSING = "gs06-missing", ALWAYS, ak9("6"), "send the control number of the group in GS06";
    GS06_INVALID = "gs06-invalid", FORGIVEN, ak9("6"), "send one to nine digits in GS06";
    GS06_DUPLICATE = "gs06-duplicate", ALWAYS, ak9("19"), "use each group control number once in an interchange";
    GROUP_EMPTY = "group-empty", FORGIVEN, None, "send at least one transaction set in a group";
    VERSION_NEAREST = "version-nearest", NOTED, None, "nothing to do unless findings look wrong: the tables of the nearest version were used";
}

/// The tables of this version are not carried.
pub const VERSION_UNSUPPORTED: Rule = Rule::new(
    "group-version-unsupported",
    NOTED,
    ak9("2"),
    "send version 004010 or 005010; only the envelope was checked",
)
.refusing();

// The transaction set.
rules! {
    SET:
    ST03_INVALID = "st03-invalid", FORGIVEN, ak5("19"), "send the implementation guide in ST03 as version, release and industry, such as 005010X231";
    ST03_UNSUPPORTED = "st03-unsupported", FORGIVEN, ak5("I6"), "send the version of GS08 in ST03 too";
    SET_SECURITY_HEADER = "set-security-header-missing", ALWAYS, None, "send the security header before its trailer, or neither";
    SET_SECURITY_TRAILER = "set-security-trailer-missing", ALWAYS, None, "close the security header with its trailer before SE";
    SE_TOO_MANY = "envelope-too-many-elements", FORGIVEN, ak4("3"), "send two elements in SE";
    SE_MISSING = "se-missing", ALWAYS, ak5("2"), "close the transaction set with SE";
    SE02_MISMATCH = "se02-mismatch", ALWAYS, ak5("3"), "repeat ST02 in SE02";
    SE02_ZEROS = "se02-zeros", FORGIVEN, ak5("3"), "write SE02 with the zeros of ST02";
    SE01_COUNT = "se01-count", FORGIVEN, ak5("4"), "count the segments from ST to SE, both included, in SE01";
    SE01_INVALID = "se01-invalid", ALWAYS, ak5("4"), "send the number of segments in SE01";
    ST01_INVALID = "st01-invalid", ALWAYS, ak5("6"), "send the three digits of the transaction set in ST01";
    ST02_MISSING = "st02-missing", ALWAYS, ak5("7"), "send a control number in ST02";
    ST02_INVALID = "st02-invalid", FORGIVEN, ak5("7"), "send four to nine letters or digits in ST02";
    ST02_DUPLICATE = "st02-duplicate", ALWAYS, ak5("23"), "use each set control number once in a group";
    SET_IN_WRONG_GROUP = "set-in-wrong-group", FORGIVEN, ak5("18"), "send the set in a group of its own kind, such as PO for 850, IN for 810, FA for 997";
}

/// A set for which there is no table.
pub const SET_UNSUPPORTED: Rule = Rule::new(
    "set-unsupported",
    NOTED,
    ak5("1"),
    "nothing, if it is known to both sides: only its envelope was checked, and no record is made of it",
)
.refusing();

// Segments.
rules! {
    SEGMENTS:
    SEGMENT_EMPTY = "segment-empty", FORGIVEN, ak3("1"), "remove the second terminator";
    SEGMENT_TAG = "segment-tag", ALWAYS, ak3("1"), "send a tag of the standard: a capital letter and one or two letters or digits";
    SEGMENT_UNKNOWN = "segment-unknown", ALWAYS, ak3("1"), "look for a misspelt tag, or for a lost separator";
    SEGMENT_NOT_IN_SET = "segment-not-in-set", ALWAYS, ak3("6"), "leave the segment out, or send what it belongs to as the set or message that has it";
    SEGMENT_UNEXPECTED = "segment-unexpected", ALWAYS, ak3("2"), "look for a segment that is missing before it: its loop was not opened";
    SEGMENT_ORDER = "segment-out-of-order", ALWAYS, ak3("7"), "send the segments in the order of the standard";
    SEGMENT_MISSING = "segment-missing", ALWAYS, ak3("3"), "send the mandatory segment";
    SEGMENT_TOO_OFTEN = "segment-too-often", ALWAYS, ak3("5"), "send the segment less often";
    LOOP_TOO_OFTEN = "loop-too-often", ALWAYS, ak3("4"), "send the loop less often";
    TRAILING_SEPARATORS = "trailing-separators", NOTED, ak3("10"), "nothing to do: empty elements at the end say nothing";
    BINARY_LENGTH = "binary-length", ALWAYS, ak3("8"), "send the length in bytes of the binary data, and the terminator right after it";
}

// Elements.
rules! {
    ELEMENTS:
    ELEMENT_MISSING = "element-missing", ALWAYS, ak4("1"), "send the mandatory element";
    // Programs of fixed columns fill what they do not know with blanks, and partners live with it: a finding and AK5 E
    // for all, a refusal only where the standard is taken to the letter. The tables have no code of its own for it, and
    // what is blank is not there: 1.
    ELEMENT_BLANK = "element-blank", FORGIVEN, ak4("1"), "send a value with at least one character that is no blank";
    ELEMENT_CONDITION = "element-condition", ALWAYS, ak4("2"), "send the elements together that belong together";
    ELEMENT_EXCLUSION = "element-exclusion", ALWAYS, ak4("10"), "send only one of the elements";
    ELEMENT_TOO_MANY = "too-many-elements", ALWAYS, ak4("3"), "look for a separator in data, or remove the elements that the segment does not have";
    COMPONENT_TOO_MANY = "too-many-components", ALWAYS, ak4("13"), "look for a component separator in data";
    REPETITION_TOO_MANY = "too-many-repetitions", ALWAYS, ak4("12"), "send the element less often; where the separator of repetitions is data, name another one in ISA11 or UNA";
    COMPONENT_TRAILING = "trailing-component-separators", NOTED, ak4("16"), "nothing to do: empty components at the end say nothing";
    ELEMENT_TOO_SHORT = "element-too-short", ALWAYS, ak4("4"), "send a value of the length that the standard asks";
    ELEMENT_TOO_LONG = "element-too-long", ALWAYS, ak4("5"), "send a value of the length that the standard allows";
    ELEMENT_CHARACTER = "element-character", ALWAYS, ak4("6"), "send digits, an optional minus and a point in numbers, and no control bytes anywhere";
    DECIMAL_POINT_LAST = "decimal-mark-last", FORGIVEN, ak4("6"), "leave out a decimal point with nothing behind it";
    ELEMENT_LINE_BREAK = "element-line-break", FORGIVEN, ak4("6"), "send text without line breaks; a text field that was copied as it stood often causes this";
    ELEMENT_CHARSET = "element-character-set", FORGIVEN, ak4("6"), "send the characters of the X12 extended character set";
    ELEMENT_CODE = "element-code", ALWAYS, ak4("7"), "send a code of the list";
    ELEMENT_DATE = "element-date", ALWAYS, ak4("8"), "send a day that exists, as CCYYMMDD or as the element asks";
    ELEMENT_TIME = "element-time", ALWAYS, ak4("9"), "send a time as HHMM or HHMMSS";
    // The tables have no code for a number that leads nowhere; 7 is what a wrong total has too. A level without its
    // parent has no place in the shipment. Some count anew in each order: what a level belongs to can be told then.
    HL_PARENT = "hl-parent", ALWAYS, ak4("7"), "send the number of the level above in HL02: one that stands before this";
    HL_DUPLICATE = "hl-duplicate", FORGIVEN, ak4("7"), "give each level a number of its own in HL01";
    HL_COUNT = "hl-count", NOTED, None, "nothing to do: numbers of levels are right if each is there once";
    CONTROL_TOTAL = "control-total", ALWAYS, ak4("7"), "count the segments again";
    HASH_TOTAL = "hash-total", FORGIVEN, ak4("7"), "add the values up again";
    CTT01_COUNT = "ctt01-count", ALWAYS, ak4("7"), "send in CTT01 how many of these segments the set has";
    CTT01_OTHERWISE = "ctt01-count", FORGIVEN, ak4("7"), "send in CTT01 how many of these segments the set has; some partners count items or packages";
}

// TRADACOMS: no acknowledgement codes, since it has no acknowledgements.
rules! {
    TRADACOMS:
    TRADACOMS_WRAPPED = "wrapped-lines", ALWAYS, None, "ask the sender for the file without line wrapping; binary transfer often helps";
    TRADACOMS_SEPARATORS = "separators-wrong", ALWAYS, None, "write = after tags, + between elements, : between components, ' after segments: TRADACOMS has no others";
    TRADACOMS_TAG_SEPARATOR = "tag-separator", FORGIVEN, None, "write = after each tag, as in MHD=1";
    TRADACOMS_RELEASE = "release-stray", FORGIVEN, None, "write the release character only before + : ' and ?";
    TRADACOMS_LINE_BREAK = "line-break-in-segment", FORGIVEN, None, "ask the sender for the file without line breaks within segments";
    TRADACOMS_TAG = "segment-tag", ALWAYS, None, "send a tag of TRADACOMS: three capital letters or digits";
    TRADACOMS_EMPTY_SEGMENT = "segment-empty", FORGIVEN, None, "remove the second terminator";
    TRADACOMS_ELEMENTS = "too-many-elements", FORGIVEN, None, "look for a separator in data, or remove the elements that the segment does not have";
    TRADACOMS_OUTSIDE = "segment-outside-message", ALWAYS, None, "put every segment between MHD and MTR";
    TRADACOMS_SENDER = "unknown-sender", ALWAYS, None, "compare the code in FROM of STX with the [[partner]] whose folder or token was used";
    TRADACOMS_RECIPIENT = "unknown-receiver", ALWAYS, None, "compare the code in UNTO of STX with ours; the file may be meant for someone else";
    STX_SYNTAX = "stx-syntax", FORGIVEN, None, "send ANA:1 in STX";
    STX_SENDER = "stx-sender", ALWAYS, None, "send the sender's code in FROM of STX";
    STX_RECIPIENT = "stx-recipient", ALWAYS, None, "send the recipient's code in UNTO of STX";
    STX_DATE = "stx-date", FORGIVEN, None, "send date and time of the transmission as YYMMDD:HHMMSS";
    STX_REFERENCE = "stx-reference", ALWAYS, None, "send a reference of the transmission in SNRF of STX";
    STX_DUPLICATE = "stx-duplicate", NOTED, None, "use each transmission reference once";
    STX_APPLICATION = "stx-application", NOTED, None, "send the type of the first message in APRF of STX, or leave it out";
    END_MISSING = "end-missing", ALWAYS, None, "ask the sender for the whole transmission; a transfer that broke off often causes this";
    END_COUNT = "end-count", ALWAYS, None, "count the messages of the transmission in END";
    TRANSMISSION_EMPTY = "transmission-empty", ALWAYS, None, "send at least one message";
    BAT_REFERENCE = "bat-reference", FORGIVEN, None, "send a reference in BAT";
    EOB_MISSING = "eob-missing", ALWAYS, None, "close the batch with EOB";
    EOB_COUNT = "eob-count", ALWAYS, None, "count the messages of the batch in EOB";
    BATCH_EMPTY = "batch-empty", FORGIVEN, None, "send at least one message in a batch";
    BATCHES_MIXED = "batches-mixed", FORGIVEN, None, "put all messages into batches, or none";
    MHD_REFERENCE = "mhd-reference", ALWAYS, None, "send the number of the message in MHD, from 1";
    MHD_DUPLICATE = "mhd-duplicate", ALWAYS, None, "use each message reference once in a transmission";
    MHD_ORDER = "mhd-order", FORGIVEN, None, "count the messages from 1 in MHD";
    MHD_TYPE = "mhd-type", ALWAYS, None, "send type and version of the message in MHD, such as ORDERS:9";
    MTR_MISSING = "mtr-missing", ALWAYS, None, "close the message with MTR";
    MTR_COUNT = "mtr-count", FORGIVEN, None, "count the segments from MHD to MTR, both included, in MTR";
    MESSAGE_EMPTY = "message-empty", FORGIVEN, None, "send the segments of the message";
    FILE_MESSAGE_MISSING = "file-message-missing", ALWAYS, None, "send the messages of the file whole: its header, its documents, its trailer";
    FILE_ORDER = "file-message-order", FORGIVEN, None, "send header, documents and trailer of a file in this order, and nothing else among them";
    FILE_COUNT = "file-count", ALWAYS, None, "count the documents of the file in its trailer";
    RSG_MISPLACED = "rsg-misplaced", ALWAYS, None, "send RSG in the message RSGRSG only";
    RSG_REFERENCE = "rsg-reference", ALWAYS, None, "repeat the transmission reference of STX in RSG";
    RSG_RECIPIENT = "rsg-recipient", ALWAYS, None, "repeat the recipient's code of STX in RSG";
}

/// A rule of an implementation guide: X12's code in the table of the 999, and CONTRL's.
const fn guide(code: &'static str, codes: (Code, Code), help: &'static str) -> Rule {
    let mut rule = Rule::new(code, ALWAYS, Some(codes.0), help);
    rule.control = Some(codes.1);
    rule
}

macro_rules! guide_rules {
    ($($name:ident = $code:literal, $level:ident $answer:literal $control:literal, $help:literal;)*) => {
        $(#[doc = concat!("`", $code, "`.")]
        pub const $name: Rule = guide($code, (Code::$level($answer), Code::$level($control)), $help);)*
        /// Every rule of implementation guides.
        pub const OF_GUIDES: &[&Rule] = &[$(&$name),*];
    };
}

// What a partner's implementation guide asks for beyond the standard.
guide_rules! {
    GUIDE_SEGMENT_MISSING = "guide-segment-missing", Segment "3" "13", "send the segment: the guide requires it";
    GUIDE_SEGMENT_CONDITION = "guide-segment-condition", Segment "I6" "13", "send the segment: the guide requires it in this case";
    GUIDE_SEGMENT_FORBIDDEN = "guide-segment-forbidden", Segment "I4" "15", "leave the segment out: the guide does not use it";
    GUIDE_SEGMENT_EXCLUDED = "guide-segment-excluded", Segment "I9" "15", "leave the segment out: the guide does not use it in this case";
    GUIDE_SEGMENT_TOO_FEW = "guide-segment-too-few", Segment "I8" "13", "send the segment as often as the guide asks";
    GUIDE_LOOP_TOO_FEW = "guide-loop-too-few", Segment "I7" "13", "send the loop as often as the guide asks";
    GUIDE_SEGMENT_TOO_OFTEN = "guide-segment-too-often", Segment "5" "35", "send the segment no more often than the guide allows";
    GUIDE_LOOP_TOO_OFTEN = "guide-loop-too-often", Segment "4" "36", "send the loop no more often than the guide allows";
    GUIDE_ELEMENT_MISSING = "guide-element-missing", Element "1" "13", "send the element: the guide requires it";
    GUIDE_ELEMENT_CONDITION = "guide-element-condition", Element "I9" "13", "send the element: the guide requires it in this case";
    GUIDE_ELEMENT_FORBIDDEN = "guide-element-forbidden", Element "I10" "15", "leave the element out: the guide does not use it";
    GUIDE_ELEMENT_EXCLUDED = "guide-element-excluded", Element "I13" "15", "leave the element out: the guide does not use it in this case";
    GUIDE_TOO_FEW_REPETITIONS = "guide-too-few-repetitions", Element "I11" "13", "repeat the element as often as the guide asks";
    GUIDE_TOO_MANY_REPETITIONS = "guide-too-many-repetitions", Element "12" "35", "repeat the element no more often than the guide allows";
    GUIDE_CODE = "guide-code", Element "I6" "12", "send a code that the guide lists";
    GUIDE_TOO_SHORT = "guide-too-short", Element "4" "40", "send a value of the length that the guide asks";
    GUIDE_TOO_LONG = "guide-too-long", Element "5" "39", "send a value of the length that the guide allows";
    GUIDE_PATTERN = "guide-pattern", Element "I12" "12", "send a value that looks as the guide asks";
}
