//! Service characters: UNA, or those of the standard, or what a header without UNA shows.
//!
//! In: the bytes from UNA or UNB on. Out: the delimiters, and what is odd about them. Never: an opinion before UNB
//! was read: the syntax version decides what the byte for repetitions means.

use crate::edi::delimiters::Delimiters;

/// UNA with its six characters.
const UNA_BYTES: usize = 9;

/// How far behind a UNA of the wrong length UNB is looked for.
const UNA_REACH: usize = 24;

/// Characters a line of files that were wrapped: 72, 80, 128, 132 are usual. More than a few lines have to be seen.
const WRAPPED_COLUMNS: std::ops::RangeInclusive<usize> = 40..=256;

const DEFAULT: Delimiters = Delimiters {
    element: b'+',
    component: b':',
    segment: b'\'',
    repetition: None,
    release: Some(b'?'),
};

/// The separators of UNOB that are control characters; it has no release character then.
const LEVEL_B: Delimiters =
    Delimiters { element: 0x1D, component: 0x1F, segment: 0x1C, repetition: None, release: None };

/// What is odd about how service characters are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::edi) enum Oddity {
    #[default]
    None,
    /// UNA is not nine bytes long.
    Length,
    /// There is no UNA, and others than those of the standard are used.
    Unannounced,
}

/// The service characters of an interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::edi) struct Service {
    pub(in crate::edi) delimiters: Delimiters,
    /// Bytes of UNA.
    pub(in crate::edi) width: usize,
    /// The byte of UNA that separates repetitions in version 4; none without UNA.
    pub(super) repetition: Option<u8>,
    pub(super) oddity: Oddity,
}

impl Service {
    /// What separates repetitions: nothing before version 4, where the byte is reserved and `*` is data.
    pub(super) fn repetition_in(self, version: u8) -> Option<u8> {
        match self.repetition {
            _ if version < 4 => None,
            Some(b' ') => None,
            None if self.delimiters == LEVEL_B => None,
            // One that has another meaning already separates nothing.
            byte => byte.or(Some(b'*')).filter(|byte| !self.delimiters.contains(*byte)),
        }
    }

    /// Whether the standard's own, which need no UNA.
    pub(in crate::edi) fn needs_una(delimiters: Delimiters, version: u8) -> bool {
        let repetition = if version < 4 { None } else { Some(b'*') };
        delimiters != Delimiters { repetition, ..DEFAULT } && delimiters.element != LEVEL_B.element
    }
}

/// The standard's service characters in a syntax version.
pub(in crate::edi) fn defaults(version: u8) -> Delimiters {
    Delimiters { repetition: (version >= 4).then_some(b'*'), ..DEFAULT }
}

/// The service characters of the interchange that begins here.
pub(in crate::edi) fn service_characters(head: &[u8]) -> Service {
    match head {
        [b'U', b'N', b'A', component, element, _, release, repetition, segment, rest @ ..] => {
            if !rest.trim_ascii_start().starts_with(b"UNB")
                && let Some(service) = una_of_wrong_length(head)
            {
                return service;
            }
            let release = Some(*release).filter(|release| *release != b' ');
            Service {
                delimiters: Delimiters {
                    element: *element,
                    component: *component,
                    segment: *segment,
                    repetition: None,
                    release,
                },
                width: UNA_BYTES,
                repetition: Some(*repetition),
                oddity: Oddity::None,
            }
        }
        _ => without_una(head),
    }
}

/// Characters a line, where a program cut the interchange into lines of the same length whatever stands in them.
/// `head`: its first bytes; an interchange before it may have begun its first line. Most inputs are told by their first
/// two lines.
pub(in crate::edi) fn wrapped_columns(head: &[u8], terminator: u8) -> Option<usize> {
    // Many have no line ends at all.
    memchr::memchr(b'\n', head)?;
    let lines = head.trim_ascii_end().split(|byte| *byte == b'\n');
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).peekable();
    let is_text = |line: &[u8]| !line.iter().any(u8::is_ascii_control);
    let cuts = |line: &[u8]| line.last().is_some_and(|byte| *byte != terminator);
    let (first, second) = (lines.next()?, lines.next()?);
    let columns = width(second);
    // What is no text has line breaks by chance.
    if !WRAPPED_COLUMNS.contains(&columns)
        || width(first) > columns
        || !is_text(first)
        || !is_text(second)
    {
        return None;
    }
    let mut whole = 1 + usize::from(width(first) == columns);
    let mut cuts_segments = cuts(first) || cuts(second);
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        if is_last && width(line) <= columns {
            return (whole > 1 && cuts_segments).then_some(columns);
        }
        if is_last || (line.len() != columns && width(line) != columns) {
            return None;
        }
        whole += 1;
        cuts_segments |= cuts(line);
    }
    None
}

/// Some programs count characters, others bytes: those of UTF-8 that go on begin no character.
fn width(line: &[u8]) -> usize {
    line.iter().filter(|byte| !(0x80..0xC0).contains(*byte)).count()
}

/// Blanks at its end or in its middle get lost: five characters are read as those without the reserved one.
fn una_of_wrong_length(head: &[u8]) -> Option<Service> {
    let near = head.get(..UNA_REACH).unwrap_or(head);
    let width = near.windows(3).position(|window| window == b"UNB")?;
    let delimiters = match near.get(3..width)?.trim_ascii() {
        [component, element, _, release, segment] => Delimiters {
            element: *element,
            component: *component,
            segment: *segment,
            repetition: None,
            release: Some(*release),
        },
        _ => DEFAULT,
    };
    Some(Service { delimiters, width, repetition: Some(b' '), oddity: Oddity::Length })
}

/// UNB itself shows its separators: after the tag, and after the four letters of the syntax identifier.
fn without_una(head: &[u8]) -> Service {
    let element = head.get(3).copied().unwrap_or(DEFAULT.element);
    if element == LEVEL_B.element {
        return Service { delimiters: LEVEL_B, ..Service::default() };
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace();
    let component = match head.get(8).copied().filter(|byte| !plain(byte) && *byte != element) {
        Some(byte) if byte != DEFAULT.segment => byte,
        _ => DEFAULT.component,
    };
    // A header of one line without the terminator of the standard: line breaks end its segments.
    let line = head.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let next = line.and_then(|at| head.get(at..)).map(<[u8]>::trim_ascii_start);
    let ends_line = next.is_some_and(|next| next.starts_with(b"UNH") || next.starts_with(b"UNG"))
        && !head.iter().take(line.unwrap_or(0)).any(|byte| *byte == DEFAULT.segment);
    let segment = if ends_line { b'\n' } else { DEFAULT.segment };
    let delimiters = Delimiters { element, component, segment, ..DEFAULT };
    let oddity = if delimiters == DEFAULT { Oddity::None } else { Oddity::Unannounced };
    Service { delimiters, oddity, ..Service::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(service: Service) -> (u8, u8, u8, Option<u8>, usize, Oddity) {
        let Delimiters { component, element, segment, release, .. } = service.delimiters;
        (component, element, segment, release, service.width, service.oddity)
    }

    #[test]
    fn una_and_the_standards_characters() {
        for (head, expected) in [
            (&b"UNA:+.? 'UNB+"[..], (b':', b'+', b'\'', Some(b'?'), 9, Oddity::None)),
            (b"UNA:+.? '\r\nUNB+", (b':', b'+', b'\'', Some(b'?'), 9, Oddity::None)),
            (b"UNA=*,  ~UNB*", (b'=', b'*', b'~', None, 9, Oddity::None)),
            (b"UNA:+.?'UNB+UNOA", (b':', b'+', b'\'', Some(b'?'), 8, Oddity::Length)),
            (b"UNAUNB+UNOA:1", (b':', b'+', b'\'', Some(b'?'), 3, Oddity::Length)),
            (b"UNB+UNOA:1+A", (b':', b'+', b'\'', Some(b'?'), 0, Oddity::None)),
            (b"UNB+UNOA'UNH", (b':', b'+', b'\'', Some(b'?'), 0, Oddity::None)),
            (b"UNB\x1DUNOB\x1F1", (0x1F, 0x1D, 0x1C, None, 0, Oddity::None)),
            (b"UNB|UNOA^1|A", (b'^', b'|', b'\'', Some(b'?'), 0, Oddity::Unannounced)),
            (b"UNB+UNOA:1+A\nUNH+", (b':', b'+', b'\n', Some(b'?'), 0, Oddity::Unannounced)),
        ] {
            assert_eq!(bytes(service_characters(head)), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn lines_of_the_same_length_that_cut_segments_are_wrapped() {
        let wrap = |text: &str, columns: usize, end: &str| {
            let lines = text.as_bytes().chunks(columns).map(String::from_utf8_lossy);
            lines.collect::<Vec<_>>().join(end)
        };
        let text = format!("UNB+UNOC:3+A+B+261121:0900+1'{}", "UNH+1+ORDERS:D:96A:UN'".repeat(30));
        let columns = |text: &str| wrapped_columns(text.as_bytes(), b'\'');
        for (width, end) in [(72, "\r\n"), (80, "\n"), (132, "\n")] {
            assert_eq!(columns(&wrap(&text, width, end)), Some(width));
            assert_eq!(columns(&wrap(&text[20..], width, end)), Some(width));
        }
        let begun = format!("{}\n{}", &text[..30], wrap(&text[30..], 80, "\n"));
        assert_eq!(columns(&begun), Some(80));
        assert_eq!(columns(&text), None);
        // A segment a line, all of the same length; a text with a line break.
        assert_eq!(columns(&text.replace('\'', "'\n")), None);
        let lines = format!("UNH+1+ORDERS:D:96A:UN'{}'\n", "x".repeat(40)).repeat(10);
        assert_eq!(columns(&lines), None);
        assert_eq!(columns(&text.replacen("ORDERS", "OR\nDERS", 2)), None);
    }

    #[test]
    fn repetitions_are_separated_in_version_4_only() {
        let of = |head: &[u8], version| service_characters(head).repetition_in(version);
        assert_eq!(of(b"UNA:+.?*'UNB", 3), None);
        assert_eq!(of(b"UNA:+.?*'UNB", 4), Some(b'*'));
        assert_eq!(of(b"UNA:+.? 'UNB", 4), None);
        assert_eq!((of(b"UNB+UNOC", 3), of(b"UNB+UNOC", 4)), (None, Some(b'*')));
    }
}
