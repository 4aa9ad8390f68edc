//! The rules of EDIFACT's envelopes, with the code (0085) that a CONTRL has for each.
//!
//! Segments and elements break the same rules in both standards: `of_segment` and `of_element` give EDIFACT's codes
//! for X12's.

use super::{ALWAYS, Code, FORGIVEN, NOTED, Rule};
use crate::finding::Severity;

/// The code (0085) for what X12 says in AK304.
pub(super) const fn of_segment(code: &str) -> &'static str {
    match code.as_bytes() {
        // Unknown, not expected here, not in this message, out of order: not supported in this position.
        b"1" | b"2" | b"6" | b"7" => "15",
        b"3" => "13",
        b"4" => "36",
        b"5" => "35",
        _ => "18",
    }
}

/// The code (0085) for what X12 says in AK403. 48, for a broken condition, is of a later release than the CONTRL that
/// is written: a condition asks for an element (13) or against it (15).
pub(super) const fn of_element(code: &str) -> &'static str {
    match code.as_bytes() {
        b"1" | b"2" => "13",
        b"3" | b"13" => "16",
        b"12" => "35",
        // Trailing component separators.
        b"16" => "45",
        b"4" => "40",
        b"5" => "39",
        b"6" => "21",
        b"7" | b"8" | b"9" => "12",
        b"10" => "15",
        _ => "18",
    }
}

const fn rule(
    code: &'static str,
    severities: (Severity, Severity),
    control: Option<Code>,
    help: &'static str,
) -> Rule {
    let mut rule = Rule::new(code, severities, None, help);
    rule.control = control;
    rule
}

const fn uci(code: &'static str) -> Option<Code> {
    Some(Code::Interchange(code))
}
const fn ucf(code: &'static str) -> Option<Code> {
    Some(Code::Group(code))
}
const fn ucm(code: &'static str) -> Option<Code> {
    Some(Code::Set(code))
}
const fn ucs(code: &'static str) -> Option<Code> {
    Some(Code::Segment(code))
}
const fn ucd(code: &'static str) -> Option<Code> {
    Some(Code::Element(code))
}

macro_rules! rules {
    ($list:ident: $($name:ident = $code:literal, $severities:ident, $control:expr, $help:literal;)*) => {
        $(#[doc = concat!("`", $code, "`.")] pub const $name: Rule = rule($code, $severities, $control, $help);)*
        const $list: &[&Rule] = &[$(&$name),*];
    };
}

/// Every rule of EDIFACT alone.
pub(super) const ALL: [&[&Rule]; 5] =
    [HEADERS, GROUPS, MESSAGES, CHARACTERS, &[&MESSAGE_UNSUPPORTED]];

// Service characters, UNB and UNZ.
rules! {
    HEADERS:
    UNB_MISSING = "unb-missing", ALWAYS, uci("13"), "ask the sender for the whole interchange, from UNB to UNZ";
    UNA_LENGTH = "una-length", FORGIVEN, uci("22"), "send UNA with six characters after its tag, a blank where one is not used";
    UNA_MISSING = "una-missing", FORGIVEN, uci("22"), "send UNA before UNB, or use the service characters of the standard";
    UNA_CHARACTER = "una-character", ALWAYS, uci("20"), "use service characters that are no letters, digits or blanks";
    UNA_LINE_END = "una-line-end", FORGIVEN, uci("20"), "end segments with a character that is no line break, such as '";
    UNA_CLASH = "una-clash", ALWAYS, uci("22"), "give each service character a meaning of its own, as in UNA:+.? '; the interchange was not read";
    UNA_REPETITION_CLASH = "una-clash", ALWAYS, uci("22"), "separate repetitions by a character of their own, such as *; nothing is read as repeated";
    WRAPPED = "wrapped-lines", ALWAYS, uci("21"), "ask for the file without line wrapping; binary transfer often helps";
    UNA_REPETITION = "una-repetition", FORGIVEN, uci("22"), "syntax version 4 wants a repetition separator in UNA, such as *; nothing is read as repeated";
    UNA_RESERVED = "una-reserved", NOTED, None, "nothing to do: before syntax version 4 nothing separates repetitions, and the character is data";
    SYNTAX_ID = "syntax-identifier", FORGIVEN, uci("46"), "send UNOA to UNOL, UNOW or UNOY in S001, unless another was agreed";
    CHARACTER_SET = "character-set-unsupported", ALWAYS, uci("46"), "send UNOW (UTF-8): escape sequences and wide characters cannot be split into segments safely";
    SYNTAX_VERSION = "syntax-version", FORGIVEN, uci("2"), "send the syntax version in S001, such as UNOC:3; the rules of version 3 were used";
    UNB_DATE = "unb-date", FORGIVEN, uci("12"), "send S004 as YYMMDD:HHMM, or CCYYMMDD:HHMM in syntax version 4";
    UNB_PARTY = "unb-party", FORGIVEN, uci("13"), "send sender and recipient in S002 and S003";
    UNB_REFERENCE = "unb-reference", ALWAYS, uci("13"), "send the interchange's reference in UNB 0020";
    UNB_TEST = "unb-test", ALWAYS, uci("25"), "send 1 in UNB 0035 for a test, or nothing: tillgate runs no other tests";
    UNB_TEST_ZERO = "unb-test", FORGIVEN, uci("25"), "send nothing in UNB 0035 where it is no test";
    UNB_DUPLICATE = "unb-duplicate", NOTED, uci("26"), "use each interchange reference once";
    UNKNOWN_SENDER = "unknown-sender", ALWAYS, uci("23"), "compare S002 of UNB with edifact of the [[partner]] whose folder or token was used";
    UNKNOWN_RECEIVER = "unknown-receiver", ALWAYS, uci("7"), "compare S003 of UNB with [edi] edifact; the file may be meant for someone else";
    UNB_TOO_MANY = "envelope-too-many-elements", FORGIVEN, uci("16"), "remove what UNB or UNZ does not have, or look for a separator in a value that is not released";
    UNB_TOO_LONG = "envelope-too-long", FORGIVEN, uci("39"), "shorten the value in UNB or UNZ to the length that the standard allows";
    UNZ_MISSING = "unz-missing", ALWAYS, uci("13"), "ask the sender for the whole interchange; a transfer that broke off often causes this";
    UNZ_REFERENCE = "unz-reference", ALWAYS, uci("28"), "repeat UNB 0020 in UNZ";
    UNZ_ZEROS = "unz-zeros", FORGIVEN, uci("28"), "write UNZ 0020 with the zeros of UNB";
    UNZ_COUNT = "unz-count", ALWAYS, uci("29"), "count groups in UNZ 0036, or messages and packages where there are no groups";
    INTERCHANGE_EMPTY = "interchange-empty", ALWAYS, uci("32"), "send at least one message";
    MIXED = "groups-and-messages", ALWAYS, uci("30"), "put all messages into groups, or none";
    OUTSIDE_MESSAGE = "segment-outside-message", ALWAYS, ucf("33"), "put every segment between UNH and UNT";
}

// Groups.
rules! {
    GROUPS:
    UNG_TYPE = "ung-message-type", FORGIVEN, ucf("31"), "send a group for each type of message, and name the type in UNG 0038";
    UNG_REFERENCE = "ung-reference", ALWAYS, ucf("13"), "send the group's reference in UNG 0048";
    UNG_DUPLICATE = "ung-duplicate", ALWAYS, ucf("26"), "use each group reference once in an interchange";
    UNG_TOO_MANY = "envelope-too-many-elements", FORGIVEN, ucf("16"), "remove what UNG or UNE does not have, or look for a separator in a value that is not released";
    UNG_TOO_LONG = "envelope-too-long", FORGIVEN, ucf("39"), "shorten the value in UNG or UNE to the length that the standard allows";
    UNE_MISSING = "une-missing", ALWAYS, ucf("13"), "close the group with UNE";
    UNE_REFERENCE = "une-reference", ALWAYS, ucf("28"), "repeat UNG 0048 in UNE";
    UNE_ZEROS = "une-zeros", FORGIVEN, ucf("28"), "write UNE 0048 with the zeros of UNG";
    UNE_COUNT = "une-count", ALWAYS, ucf("29"), "count messages and packages in UNE 0060";
    GROUP_EMPTY = "group-empty", FORGIVEN, ucf("32"), "send at least one message in a group";
}

// Messages and packages.
rules! {
    MESSAGES:
    TRAILING_SEPARATORS = "trailing-separators", FORGIVEN, ucs("45"), "end segments after their last value: empty elements at the end say nothing";
    UNH_REFERENCE = "unh-reference", ALWAYS, ucm("13"), "send the message's reference in UNH 0062";
    UNH_DUPLICATE = "unh-duplicate", ALWAYS, ucm("26"), "use each message reference once in an interchange";
    UNH_TYPE = "unh-type", FORGIVEN, ucm("13"), "send type, version, release and agency of the message in S009, such as ORDERS:D:96A:UN";
    UNT_TOO_MANY = "envelope-too-many-elements", FORGIVEN, ucm("16"), "remove what UNT does not have, or look for a separator in a value that is not released";
    UNT_MISSING = "unt-missing", ALWAYS, ucm("13"), "close the message with UNT";
    UNT_REFERENCE = "unt-reference", ALWAYS, ucm("28"), "repeat UNH 0062 in UNT";
    UNT_ZEROS = "unt-zeros", FORGIVEN, ucm("28"), "write UNT 0062 with the zeros of UNH";
    UNT_COUNT = "unt-count", FORGIVEN, ucm("29"), "count the segments from UNH to UNT, both included, in UNT 0074";
    UNT_COUNT_INVALID = "unt-count-invalid", ALWAYS, ucm("29"), "send the number of segments in UNT 0074";
    MESSAGE_EMPTY = "message-empty", ALWAYS, ucm("13"), "send at least one segment between UNH and UNT";
    PACKAGE_LENGTH = "package-length", ALWAYS, ucm("29"), "send the length in bytes of the object in UNO S022, and UNP right after the object";
    UNP_MISSING = "unp-missing", ALWAYS, ucm("13"), "close the package with UNP";
    UNP_LENGTH = "unp-length", ALWAYS, ucm("29"), "repeat the length of UNO in UNP 0810";
    UNP_REFERENCE = "unp-reference", ALWAYS, ucm("28"), "repeat UNO 0800 in UNP";
    UNP_ZEROS = "unp-zeros", FORGIVEN, ucm("28"), "write UNP 0800 with the zeros of UNO";
}

/// There is no table for the type of the message, or none for its directory. 14, not 17: the value is one that we do
/// not support, and what was agreed with the sender is not known here.
pub const MESSAGE_UNSUPPORTED: Rule = rule(
    "message-unsupported",
    NOTED,
    ucm("14"),
    "nothing, if it is known to both sides: only its envelope was checked, and no record is made of it",
)
.refusing();

// Characters.
rules! {
    CHARACTERS:
    LOWER_CASE = "character-lower-case", FORGIVEN, ucd("21"), "send capital letters under UNOA, or declare UNOB or UNOC";
    LINE_BREAK = "character-line-break", FORGIVEN, ucd("21"), "send no line breaks within segments; wrapping by a mail gateway often causes this";
    CONTROL_BYTE = "character-control", ALWAYS, ucd("21"), "send no control bytes in data";
    WINDOWS = "character-windows", FORGIVEN, ucd("21"), "convert the text from Windows-1252 to the declared character set; it was read as Windows-1252";
    NOT_IN_SET = "character-not-in-set", FORGIVEN, ucd("21"), "declare the character set that the text is written in, such as UNOC or UNOW";
    MALFORMED = "character-malformed", ALWAYS, ucd("21"), "declare the character set that the text is written in; these bytes are no character of the declared one";
    DECIMAL_MARK_FIRST = "decimal-mark-first", FORGIVEN, ucd("38"), "write a digit before the decimal mark, as in 0.5";
    DECIMAL_MARK_LAST = "decimal-mark-last", FORGIVEN, ucd("19"), "leave out a decimal mark with nothing behind it";
    RELEASE_STRAY = "release-stray", FORGIVEN, ucd("21"), "write the release character only before service characters, and twice where it is data";
}
