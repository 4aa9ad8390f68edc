//! GS1 Digital Link URIs: elements as the path and query of a web address (GS1 Digital Link Standard: URI Syntax).
//!
//! In: an http or https URI as a QR code or Data Matrix holds it. Out: its elements, and findings. None for an
//! address of something else. Never: a request to that address.

use super::dictionary::Row;
use super::element::{Element, Elements, MAX_ELEMENTS, error, named, unknown};
use super::percent::{Plus, decoded};
use crate::finding::{Fault, Finding, Severity};

const SCHEMES: [&[u8]; 4] = [b"https://", b"HTTPS://", b"http://", b"HTTP://"];

/// Names that release 1.1 of the standard allowed instead of identifiers, and later ones do not.
const OLD_NAMES: [(&[u8], &str); 22] = [
    (b"cpid", "8010"),
    (b"cpsn", "8011"),
    (b"cpv", "22"),
    (b"gcn", "255"),
    (b"gdti", "253"),
    (b"giai", "8004"),
    (b"ginc", "401"),
    (b"gln", "414"),
    (b"glnx", "254"),
    (b"gmn", "8013"),
    (b"grai", "8003"),
    (b"gsin", "402"),
    (b"gsrn", "8018"),
    (b"gsrnp", "8017"),
    (b"gtin", "01"),
    (b"itip", "8006"),
    (b"lot", "10"),
    (b"party", "417"),
    (b"refno", "8020"),
    (b"ser", "21"),
    (b"srin", "8019"),
    (b"sscc", "00"),
];

/// What a Digital Link URI says.
pub(super) struct DigitalLink {
    pub(super) elements: Elements,
    /// Where the parts that are no elements begin and end.
    pub(super) other: Vec<(usize, usize)>,
}

pub(super) fn is_uri(content: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| content.starts_with(scheme))
}

/// Reads a URI. None when its path names no GS1 key.
pub(super) fn read(uri: &[u8]) -> Option<DigitalLink> {
    let parts = Parts::of(uri)?;
    let mut link = DigitalLink { elements: Elements::default(), other: parts.other.clone() };
    link.check_characters(uri, &parts);
    let mut path = Vec::new();
    for pair in parts.segments.get(parts.key..).unwrap_or_default().chunks_exact(2) {
        let [name, value] = *pair else { continue };
        if link.is_hopeless() {
            break;
        }
        let Some(identifier) = identifier(slice(uri, name)) else { continue };
        if identifier.as_bytes() != slice(uri, name) {
            link.elements.findings.push(old_name(&identifier));
        }
        link.take(uri, &identifier, value, Plus::Itself);
        path.push(identifier);
    }
    if !is_path(&path) {
        link.elements.findings.push(wrong_path(&path));
    }
    for parameter in parts.parameters {
        if link.is_hopeless() {
            break;
        }
        link.take_parameter(uri, parameter, &path);
    }
    Some(link)
}

type Span = (usize, usize);

fn slice(uri: &[u8], (start, end): Span) -> &[u8] {
    uri.get(start..end).unwrap_or_default()
}

/// Where the parts of a URI are.
struct Parts {
    domain: Span,
    /// Between the slashes of the path.
    segments: Vec<Span>,
    /// Which segment is the key.
    key: usize,
    /// Between the ampersands of the query.
    parameters: Vec<Span>,
    /// Scheme, domain and path before the key; the fragment.
    other: Vec<Span>,
}

impl Parts {
    fn of(uri: &[u8]) -> Option<Self> {
        let scheme = SCHEMES.iter().find(|scheme| uri.starts_with(scheme))?.len();
        let find = |wanted: u8, from: usize, to: usize| {
            slice(uri, (from, to)).iter().position(|byte| *byte == wanted).map(|at| from + at)
        };
        let path = find(b'/', scheme, uri.len()).filter(|path| *path > scheme)?;
        let fragment = find(b'#', path, uri.len()).unwrap_or(uri.len());
        let query = find(b'?', path, fragment).unwrap_or(fragment);
        let segments = split(uri, (path + 1, query), b'/');
        let key = key_segment(uri, &segments)?;
        let stem = segments.get(key).map_or(path, |segment| segment.0);
        Some(Self {
            domain: (scheme, path),
            segments,
            key,
            parameters: split(uri, ((query + 1).min(fragment), fragment), b'&'),
            other: vec![(0, stem), (fragment, uri.len())],
        })
    }
}

/// What stands between separators.
fn split(uri: &[u8], (start, end): Span, separator: u8) -> Vec<Span> {
    let mut at = start;
    slice(uri, (start, end))
        .split(|byte| *byte == separator)
        .map(|part| {
            let span = (at, at + part.len());
            at = span.1 + 1;
            span
        })
        .collect()
}

/// Pairs of identifier and value are taken from the end of the path until a key is found.
fn key_segment(uri: &[u8], segments: &[Span]) -> Option<usize> {
    let mut at = segments.len();
    loop {
        at = at.checked_sub(2)?;
        let identifier = identifier(slice(uri, *segments.get(at)?))?;
        if Row::of(identifier.as_bytes())?.qualifiers.is_some() {
            return Some(at);
        }
    }
}

/// The identifier that a segment names.
fn identifier(name: &[u8]) -> Option<String> {
    let old = OLD_NAMES.iter().find(|(old, _)| *old == name).map(|(_, identifier)| *identifier);
    match old {
        Some(identifier) => Some(identifier.to_owned()),
        None => Row::of(name).map(|_| String::from_utf8_lossy(name).into_owned()),
    }
}

/// Whether a key and what follows it are one of the sequences that the dictionary allows.
pub(super) fn is_path<Name: AsRef<str>>(path: &[Name]) -> bool {
    let Some((key, behind)) = path.split_first() else { return false };
    let lists = Row::of(key.as_ref().as_bytes()).and_then(|row| row.qualifiers.as_ref());
    let is_in_order = |list: &&Vec<&str>| {
        let mut list = list.iter();
        behind.iter().all(|wanted| list.any(|qualifier| *qualifier == wanted.as_ref()))
    };
    lists.is_some_and(|lists| behind.is_empty() || lists.iter().any(|list| is_in_order(&list)))
}

impl DigitalLink {
    /// Nobody reads more findings than this, and one of them at least is an error then.
    fn is_hopeless(&self) -> bool {
        self.elements.findings.len() > 2 * MAX_ELEMENTS
    }

    fn check_characters(&mut self, uri: &[u8], parts: &Parts) {
        let is_uri =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte);
        // A star is no part of a host name either, but stands where a card number was masked.
        let is_host = |byte: &u8| is_uri(byte) && !b"_~?#@!$&'()+,;=%".contains(byte);
        let wrong = uri.iter().any(|byte| !is_uri(byte));
        if wrong || !slice(uri, parts.domain).iter().all(is_host) {
            self.elements.findings.push(error(
                "digital-link-characters",
                "the web address has characters that none may have: the label is wrong, they must be written as % \
                 and two hexadecimal digits"
                    .to_owned(),
            ));
        }
    }

    fn take(&mut self, uri: &[u8], identifier: &str, span: Span, plus: Plus) {
        let Some(row) = Row::of(identifier.as_bytes()) else { return };
        let mut value = decoded(slice(uri, span), plus);
        if identifier == "01" && matches!(value.len(), 8 | 12 | 13) {
            self.elements.findings.push(short_gtin(value.len()));
            let zeros = 14_usize.saturating_sub(value.len());
            value.splice(0..0, std::iter::repeat_n(b'0', zeros));
        }
        if self.elements.list.iter().any(|known| known.identifier == identifier) {
            let name = named(identifier);
            let message = format!("{name} stands twice in the web address: the label is wrong");
            self.elements.findings.push(error("digital-link-twice", message));
            return;
        }
        let identifier = identifier.to_owned();
        self.elements.take(Element { row, identifier, value, span });
    }

    /// `17=291231`, or something of the address's owner.
    fn take_parameter(&mut self, uri: &[u8], (start, end): Span, path: &[String]) {
        let parameter = slice(uri, (start, end));
        let equals = parameter.iter().position(|byte| *byte == b'=');
        let name = equals.and_then(|at| parameter.get(..at)).unwrap_or_default();
        if name.is_empty() || !name.iter().all(u8::is_ascii_digit) {
            self.other.push((start, end));
            return;
        }
        let Some(row) = Row::of(name) else {
            self.elements.findings.push(unknown(name));
            return;
        };
        let identifier = String::from_utf8_lossy(name).into_owned();
        if !row.is_attribute || belongs_in(path, &identifier) {
            self.elements.findings.push(misplaced(&identifier));
        }
        self.take(uri, &identifier, (start + name.len() + 1, end), Plus::Blank);
    }
}

/// Whether the path would be one of the allowed sequences with this identifier in it.
fn belongs_in(path: &[String], identifier: &str) -> bool {
    (1..=path.len()).any(|at| {
        let mut longer: Vec<&str> = path.iter().map(String::as_str).collect();
        longer.insert(at, identifier);
        is_path(&longer)
    })
}

fn warning(code: &'static str, message: String) -> Finding {
    Finding { severity: Severity::Warning, ..error(code, message) }
}

/// An address that is none of GS1's.
pub(super) fn no_key() -> Finding {
    Finding {
        fault: Fault::Sender,
        expected: Some("a GS1 key in the path, such as /01/ and 14 digits at its end".to_owned()),
        ..warning(
            "digital-link-no-key",
            "the web address names nothing of GS1, so that it is kept as plain data".to_owned(),
        )
    }
}

fn old_name(identifier: &str) -> Finding {
    let message = format!(
        "the web address writes {} as a word, as release 1.1 of the standard allowed: it is read all the same",
        named(identifier)
    );
    Finding { expected: Some(identifier.to_owned()), ..warning("digital-link-old-name", message) }
}

fn short_gtin(length: usize) -> Finding {
    let message = "the GTIN in the web address lacks its zeros in front: they are added";
    Finding {
        expected: Some("14 digits".to_owned()),
        found: Some(format!("{length} digits")),
        ..warning("digital-link-gtin", message.to_owned())
    }
}

fn wrong_path(path: &[String]) -> Finding {
    let message = "the path of the web address has elements that do not belong behind its key, or not in this order: \
                   the label is wrong";
    Finding {
        found: Some(path.iter().map(|identifier| format!("({identifier})")).collect()),
        ..error("digital-link-path", message.to_owned())
    }
}

fn misplaced(identifier: &str) -> Finding {
    let name = named(identifier);
    let message =
        format!("{name} must not stand behind the ? of the web address: the label is wrong");
    Finding {
        expected: Some("qualifiers in the path, attributes behind the ?".to_owned()),
        ..error("digital-link-query", message)
    }
}
