//! Why a barcode that came without symbology identifier means nothing: how its scanner is set up.
//!
//! In: content that is read as plain data, and the rules of the store. Out: a finding that names the setting, where
//! another one would give the content a meaning. Never: another reading of the content, since none of this is sure; a
//! piece of the content but its trade item.

use std::borrow::Cow;

use super::element::{Elements, elements};
use super::{Barcode, FNC1, Rules, gtin, read_with};
use crate::code_id::Maker;
use crate::finding::{Fault, Finding, Severity};
use crate::wedge::{Layout, retyped};

/// Longer content is a text, and no number that a setting spoilt.
const SPOILT_BYTES_MAX: usize = 256;
/// Fewer digits may be meant as the signs that they are.
const DIGITS_MIN: usize = 6;
/// More layouts than this are named by their first ones.
const LAYOUTS_NAMED: usize = 4;

const MAKERS: [(Maker, &str); 3] =
    [(Maker::Datalogic, "datalogic"), (Maker::Honeywell, "honeywell"), (Maker::Zebra, "zebra")];

/// What to tell whoever sets up the scanner, where `data` has no symbology identifier and no meaning.
#[must_use]
pub fn advice(rules: &Rules, data: &[u8]) -> Option<Finding> {
    let read = read_with(rules, None, data);
    let is_masked = read.findings.iter().any(|finding| finding.code == "barcode-card-number");
    if read.symbology.is_some() || means_something(&read) || is_masked {
        return None;
    }
    let trimmed = trimmed(data);
    if trimmed.is_empty() {
        return Some(empty());
    }
    if trimmed.len() < data.len() {
        return Some(blanks(&read_with(rules, None, trimmed)));
    }
    if data.len() > SPOILT_BYTES_MAX {
        return None;
    }
    add_on(data)
        .or_else(|| without_identifier(data))
        .or_else(|| code_identifier(data))
        .or_else(|| keyboard_layout(rules, data))
}

fn means_something(read: &Barcode) -> bool {
    let is_sound = !read.findings.iter().any(|finding| finding.severity == Severity::Error);
    is_sound && (read.gtin.is_some() || !read.elements.is_empty() || read.meaning.is_some())
}

fn trimmed(data: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !(*byte == b' ' || byte.is_ascii_control() && *byte != FNC1);
    let start = data.iter().position(is_kept).unwrap_or(data.len());
    let end = data.iter().rposition(is_kept).map_or(start, |last| last + 1);
    data.get(start..end).unwrap_or_default()
}

/// Fifteen, seventeen or eighteen digits, or fourteen that are no GTIN-14.
fn add_on(data: &[u8]) -> Option<Finding> {
    let retail =
        matches!(data.len(), 14 | 15 | 17 | 18).then(|| gtin::retail(data, true).ok())??;
    retail.add_on.map(|add_on| with_add_on(retail.symbology, add_on.len(), "is kept as plain data"))
}

/// A number that an EAN or UPC begins. `is` says what it is taken for.
pub(super) fn with_add_on(symbology: &str, digits: usize, is: &str) -> Finding {
    warning(
        "barcode-add-on",
        format!(
            "the number is an {symbology} with {digits} digits of an add-on behind it, or a number of its own; \
             nothing tells which, so that it {is}: switch on AIM identifiers at the scanner, or its add-ons off"
        ),
    )
}

/// GS1 data, of which only FNC1 or a key with its check digit shows that it is that.
fn without_identifier(data: &[u8]) -> Option<Finding> {
    let parsed = elements(data);
    let keyed = matches!(data.get(..2), Some(b"00" | b"01" | b"02")) && data.len() >= 16;
    if !parsed.are_sound() || !(data.contains(&FNC1) || keyed) {
        return None;
    }
    Some(warning(
        "gs1-no-identifier",
        format!(
            "the content would be the GS1 elements {} if a symbology identifier such as ]C1 said so: switch on AIM \
             identifiers at the scanner",
            listed(&parsed)
        ),
    ))
}

fn listed(parsed: &Elements) -> String {
    parsed.list.iter().map(|element| format!("({})", element.identifier)).collect()
}

/// A letter in front of a trade item.
fn code_identifier(data: &[u8]) -> Option<Finding> {
    let has_item = |aim, rest: &[u8]| {
        let read = read_with(&Rules::default(), Some(aim), rest);
        read.gtin.is_some() && means_something(&read)
    };
    let fits = |maker: &Maker| maker.split(data).is_some_and(|(aim, rest)| has_item(aim, rest));
    let makers: Vec<String> = (MAKERS.iter().filter(|(maker, _)| fits(maker)))
        .map(|(_, name)| format!("code_ids = \"{name}\""))
        .collect();
    let (first, rest) = data.split_first()?;
    if makers.is_empty() && !(first.is_ascii_alphabetic() && gtin::plain(rest).is_some()) {
        return None;
    }
    let setting = match makers.is_empty() {
        true => "set code_ids of its [[device]] to its maker".to_owned(),
        false => format!("set {} at its [[device]]", makers.join(" or ")),
    };
    Some(warning(
        "barcode-code-identifier",
        format!(
            "in front of a trade item stands what looks like a code identifier of the scanner's maker: {setting}, or \
             switch on AIM identifiers at the scanner instead"
        ),
    ))
}

fn keyboard_layout(rules: &Rules, data: &[u8]) -> Option<Finding> {
    let text = std::str::from_utf8(data).ok()?;
    let fits = |(scanner, machine)| means(rules, text, machine, scanner);
    let mut fitting = Layout::pairs().filter(|pair| fits(*pair));
    let Some((scanner, machine)) = fitting.next() else {
        return text.starts_with("http").then(spoilt_address).filter(|_| !text.contains("://"));
    };
    let mut others: Vec<&str> = Vec::new();
    for (other, _) in fitting {
        if other != scanner && !others.contains(&other.name()) {
            others.push(other.name());
        }
    }
    let and_more = if others.len() > LAYOUTS_NAMED { " …" } else { "" };
    let named = others.into_iter().take(LAYOUTS_NAMED).collect::<Vec<_>>().join(", ");
    let others = match named.is_empty() {
        true => String::new(),
        false => format!(" (or {named}{and_more}, which have these keys in common)"),
    };
    let (scanner, machine) = (scanner.name(), machine.name());
    Some(warning(
        "barcode-keyboard-layout",
        format!(
            "the content makes sense if the scanner types the layout {scanner}{others} and it was read in the layout \
             {machine}: set layout = \"{scanner}\" at its [[device]], or the scanner to {machine}"
        ),
    ))
}

fn means(rules: &Rules, text: &str, machine: Layout, scanner: Layout) -> bool {
    let Some(meant) = retyped(text, machine, scanner) else { return false };
    let is_digits = meant.iter().all(u8::is_ascii_digit) && meant.len() >= DIGITS_MIN;
    if is_digits && !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return true;
    }
    means_something(&read_with(rules, None, &meant))
        || means_something(&read_with(rules, None, &with_colon(&meant)))
}

/// A web address whose colon was lost on the way, as some layouts have it behind a dead key.
fn with_colon(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(scheme) = [b"https".as_slice(), b"http"].into_iter().find(|s| text.starts_with(s))
    else {
        return Cow::Borrowed(text);
    };
    let mut mended = text.to_vec();
    if let Some(place) = mended.get_mut(scheme.len()) {
        *place = b':';
    }
    Cow::Owned(mended)
}

fn empty() -> Finding {
    Finding {
        severity: Severity::Error,
        ..warning(
            "barcode-empty",
            "there is no content: check the scanner's prefix and suffix".to_owned(),
        )
    }
}

fn blanks(without: &Barcode) -> Finding {
    let otherwise = match (&without.gtin, means_something(without)) {
        (Some(gtin), true) => format!("; without them it is the trade item {gtin}"),
        (None, true) => "; without them it has a meaning".to_owned(),
        (_, false) => String::new(),
    };
    warning(
        "barcode-blanks",
        format!(
            "blanks, tabs or line ends stand around the content, so that it is kept as plain data{otherwise}: set \
             prefix or suffix of its [[device]] to them, or take them out of the scanner's"
        ),
    )
}

fn spoilt_address() -> Finding {
    warning(
        "barcode-keyboard-layout",
        "the content looks like a web address whose signs were typed in another keyboard layout: set layout of its \
         [[device]] to the one that the scanner is set to"
            .to_owned(),
    )
}

fn warning(code: &'static str, message: String) -> Finding {
    Finding {
        code,
        severity: Severity::Warning,
        fault: Fault::Device,
        message: message.into(),
        expected: None,
        found: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn said(data: &str) -> Option<(&'static str, String)> {
        let finding = advice(&Rules::default(), data.as_bytes())?;
        Some((finding.code, finding.message.into_owned()))
    }

    #[track_caller]
    fn assert_said(data: &str, code: &str, part: &str) {
        let (found, message) = said(data).unwrap();
        assert!(found == code && message.contains(part), "{data:?}: {found}: {message}");
    }

    #[test]
    fn what_a_setting_spoilt_is_told() {
        for (data, code, part) in [
            ("", "barcode-empty", "no content"),
            (" \r\n", "barcode-empty", "no content"),
            (" 4006381333931 ", "barcode-blanks", "it is the trade item 04006381333931"),
            ("4006381333931\t", "barcode-blanks", "suffix"),
            ("a shelf\n", "barcode-blanks", "suffix"),
            ("010400638133393110A1\u{1d}17291231", "gs1-no-identifier", "(01)(10)(17)"),
            ("0104006381333931", "gs1-no-identifier", "AIM"),
            ("F4006381333931", "barcode-code-identifier", "code_ids = \"datalogic\" at"),
            ("A036000291452", "barcode-code-identifier", "\"datalogic\" or code_ids = \"zebra\""),
            ("x4006381333931", "barcode-code-identifier", "code_ids of its [[device]] to"),
            ("400638133393112", "barcode-add-on", "ean-13 with 2"),
            ("03600029145212345", "barcode-add-on", "upc-a with 5"),
            ("400638133393112345", "barcode-add-on", "ean-13 with 5"),
        ] {
            assert_said(data, code, part);
        }
    }

    #[test]
    fn a_wrong_layout_is_named() {
        let code = "barcode-keyboard-layout";
        for (data, part) in [
            ("httpsÖ--id.gs1.org-01-09520123456788", "the layout us (or"),
            ("httpsÖ--id.gs1.org-01-09520123456788", "read in the layout de"),
            ("https>--id.gs1.org-01-09520123456788", "set layout = \"us\""),
            ("https>&&id.gs1.org&01&09520123456788", "types the layout"),
            ("é\"\"_àà_", "read in the layout fr: set layout = \"us\""),
            ("'àà§\"!&\"\"\"ç\"&", "read in the layout be"),
            ("httpsq99somewhere", "looks like a web address"),
        ] {
            assert_said(data, code, part);
        }
    }

    #[test]
    fn what_has_a_meaning_or_could_have_none_is_left_alone() {
        for data in [
            "4006381333931",
            "03600029145217",
            "]C1010400638133393110A1",
            "https://id.gs1.org/01/09520123456788",
            "https://example.com/menu",
            "TILL-TOTAL",
            "4006381333939",
            "4111111111111111",
            "378282246310005",
            "12345",
            "Käse & Brot",
        ] {
            assert_eq!(said(data), None, "{data}");
        }
    }
}
