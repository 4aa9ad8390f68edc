//! Card data in JSON: one document, one a line, or something broken that was meant as such.
//!
//! Strings are decoded before they are looked at, so that no escape hides a number; keys and number literals are
//! looked at as well. Valid JSON stays valid. What is broken is treated as text up to the end of its line, since no
//! string of JSON reaches over a line end: one broken line costs the others nothing.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use super::field::Rule;
use super::scan::{self, Alphabet, Cut};
use super::{MAX_PLACES, MAX_SHOWN_CHARACTERS, Place, REMOVED, Redacted, note};
use crate::barcode;
use crate::card::MIN_DIGITS;

/// How often the whole input is searched for the end of a container that has none. Valid JSON never needs one such
/// search; a hostile input of open brackets would need one each.
const MAX_VAIN_SEARCHES: usize = 4;

/// Cuts card data out of JSON, NDJSON, or what is left of either.
#[must_use]
pub fn json(input: &[u8]) -> Redacted<'_> {
    let mut reader = Reader {
        input,
        at: 0,
        out: Vec::new(),
        copied: 0,
        rule: Rule::Look,
        value_went: false,
        key: &[],
        aim: None,
        searched_in_vain: 0,
        found: Vec::new(),
    };
    while let Some(byte) = input.get(reader.at) {
        reader.step(*byte);
    }
    let bytes = if reader.copied == 0 {
        Cow::Borrowed(input)
    } else {
        reader.out.extend_from_slice(input.get(reader.copied..).unwrap_or_default());
        Cow::Owned(reader.out)
    };
    Redacted { bytes, found: reader.found }
}

/// A walk over the tokens that does not mind their grammar.
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// The output, as far as something had to be replaced.
    out: Vec<u8>,
    /// How much of the input the output covers.
    copied: usize,
    /// What the last key says about the values behind it.
    rule: Rule,
    /// Sensitive authentication data was seen behind the last key. In broken JSON more of it may follow on the
    /// line, but the next line is another matter.
    value_went: bool,
    /// The last key, undecoded.
    key: &'a [u8],
    /// The symbology identifier in the same object.
    aim: Option<Cow<'a, [u8]>>,
    /// Bytes in which the end of a container was looked for and not found.
    searched_in_vain: usize,
    found: Vec<Place>,
}

impl<'a> Reader<'a> {
    fn step(&mut self, byte: u8) {
        match byte {
            b'\n' if std::mem::take(&mut self.value_went) => self.rule = Rule::Look,
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'\x1e' => self.at += 1,
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' | b'[' if self.rule == Rule::Remove => self.remove_container(),
            b'{' => {
                self.aim = None;
                self.at += 1;
            }
            b'[' => self.at += 1,
            b'}' | b']' => {
                self.rule = Rule::Look;
                self.at += 1;
            }
            _ => self.word(),
        }
    }

    fn string(&mut self) {
        let start = self.at + 1;
        let Some((end, escaped)) = string_end(self.input, start) else { return self.broken() };
        let raw = slice(self.input, start, end);
        let behind = slice(self.input, end + 1, self.input.len());
        let is_key = behind.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        self.at = end + 1;
        if is_key {
            let decoded = decode(raw, escaped);
            self.rule = Rule::of(&decoded);
            self.value_went = false;
            self.key = raw;
            self.look_at_string((start - 1, end + 1), raw, &decoded, Rule::Look);
        } else if self.rule == Rule::Remove {
            self.value_went = true;
            if !raw.is_empty() && raw != REMOVED.as_bytes() {
                self.remove((start - 1, end + 1));
            }
        } else if raw.len() >= MIN_DIGITS {
            // An escape is longer than what it says, never shorter: what is short here is no number.
            self.look_at_string((start - 1, end + 1), raw, &decode(raw, escaped), self.rule);
        } else if self.rule == Rule::Aim {
            self.aim = Some(decode(raw, escaped));
        }
    }

    fn look_at_string(&mut self, span: (usize, usize), raw: &[u8], decoded: &[u8], rule: Rule) {
        if raw.len() < MIN_DIGITS || rule.spares(decoded) {
            return;
        }
        let cut = match rule {
            Rule::BarcodeData => barcode::cut(self.aim.as_deref().unwrap_or_default(), decoded),
            _ => scan::cut(decoded, &Alphabet::TEXT, |_| false),
        };
        let cut = cut.or_else(|| {
            let has_escapes = raw.len() != decoded.len();
            has_escapes
                .then(|| scan::cut(raw, &Alphabet::TEXT, |hit| !begins_in_escape(raw, hit.start)))?
        });
        if let Some(cut) = cut {
            self.replace(span, &cut);
        }
    }

    /// A number literal with a card number in it becomes a string. Behind a value of JSON stands a comma, a closing
    /// bracket or nothing (RFC 8259 section 2); before anything else it is the beginning of a text, such as digits
    /// in groups.
    fn number(&mut self) {
        let rest = slice(self.input, self.at, self.input.len());
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let span = (self.at, self.at + length);
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
        let behind = rest.iter().skip(length).find(|byte| !is_blank(byte));
        if !matches!(behind, None | Some(b',' | b']' | b'}' | b'\n')) {
            return self.broken();
        }
        self.at = span.1;
        let literal = slice(self.input, span.0, span.1);
        if self.rule == Rule::Remove {
            self.remove(span);
        } else if length >= MIN_DIGITS
            && !self.rule.spares(literal)
            && let Some(cut) = scan::cut(literal, &Alphabet::TEXT, |_| false)
        {
            self.replace(span, &cut);
        }
    }

    /// `true`, `false`, `null` or a byte order mark. Anything else is no JSON.
    fn word(&mut self) {
        const WORDS: [&[u8]; 4] = [b"true", b"false", b"null", "\u{feff}".as_bytes()];
        let rest = slice(self.input, self.at, self.input.len());
        match WORDS.iter().find(|word| rest.starts_with(word)) {
            Some(word) => self.at += word.len(),
            None => self.broken(),
        }
    }

    /// The rest of the line is text. A value behind the name of sensitive authentication data goes all the same.
    fn broken(&mut self) {
        let start = self.at;
        let rest = slice(self.input, start, self.input.len());
        let end = start + memchr(b'\n', rest).unwrap_or(rest.len());
        let line = slice(self.input, start, end);
        let removed = without_named_values(line, self.rule);
        let cut = scan::cut(removed.as_deref().unwrap_or(line), &Alphabet::TEXT, |_| false);
        if let Some(cut) = &cut {
            note(&mut self.found, cut, start, None);
        }
        if removed.is_some() {
            self.note_removed(start);
        }
        if let Some(text) = cut.map(|cut| cut.text).or(removed) {
            self.put(start, end, &text);
        }
        self.at = end;
        self.rule = Rule::Look;
    }

    /// Removes an array or object whole. One without an end goes up to the end of its line.
    fn remove_container(&mut self) {
        let start = self.at;
        let rest = slice(self.input, start, self.input.len());
        let searchable = self.searched_in_vain <= MAX_VAIN_SEARCHES * self.input.len();
        let end = searchable.then(|| container_end(self.input, start)).flatten();
        let end = end.unwrap_or_else(|| {
            self.searched_in_vain += rest.len();
            start + memchr(b'\n', rest).unwrap_or(rest.len())
        });
        self.remove((start, end));
        self.at = end;
    }

    fn remove(&mut self, (start, end): (usize, usize)) {
        self.value_went = true;
        self.note_removed(start);
        self.put(start, end, format!("\"{REMOVED}\"").as_bytes());
    }

    fn replace(&mut self, (start, end): (usize, usize), cut: &Cut) {
        let field = shown_key(self.key);
        let first_new = self.found.len();
        note(&mut self.found, cut, 0, Some(&field));
        // The offset within a decoded string says nothing about the input.
        self.found.iter_mut().skip(first_new).for_each(|place| place.offset = start);
        let text = String::from_utf8_lossy(&cut.text);
        // A string always serializes; should it not, nothing of it may stay.
        let encoded = serde_json::to_vec(&text).unwrap_or_else(|_| format!("\"{REMOVED}\"").into());
        self.put(start, end, &encoded);
    }

    fn note_removed(&mut self, offset: usize) {
        if self.found.len() < MAX_PLACES {
            let field = Some(shown_key(self.key));
            self.found.push(Place { offset, field, scheme: None, masked: REMOVED.to_owned() });
        }
    }

    fn put(&mut self, start: usize, end: usize, replacement: &[u8]) {
        self.out.extend_from_slice(slice(self.input, self.copied, start));
        self.out.extend_from_slice(replacement);
        self.copied = end;
    }
}

fn slice(input: &[u8], start: usize, end: usize) -> &[u8] {
    input.get(start..end).unwrap_or_default()
}

/// Where the string ends whose content begins at `start`, and whether it has escapes. None when it does not end on
/// its line.
fn string_end(input: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        let found = at + memchr3(b'"', b'\\', b'\n', input.get(at..)?)?;
        match input.get(found) {
            Some(b'"') => return Some((found, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = found + 2;
            }
            _ => return None,
        }
    }
}

/// Behind the bracket that closes the one at `start`.
fn container_end(input: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match input.get(at)? {
            b'"' => at = string_end(input, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// What a string says. Broken escapes and lone surrogates stay as they are written: nothing can hide in them.
fn decode(raw: &[u8], escaped: bool) -> Cow<'_, [u8]> {
    if !escaped {
        return Cow::Borrowed(raw);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(backslash) = memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(backslash);
        decoded.extend_from_slice(plain);
        let (character, length) = unescape(escape);
        let mut buffer = [0; 4];
        match character {
            Some(character) => {
                decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            }
            None => decoded.extend_from_slice(slice(escape, 0, length)),
        }
        rest = slice(escape, length, escape.len());
    }
    decoded.extend_from_slice(rest);
    Cow::Owned(decoded)
}

/// The character of the escape at the front (RFC 8259 section 7), and the escape's length.
fn unescape(escape: &[u8]) -> (Option<char>, usize) {
    let simple = |character| (Some(character), 2);
    match escape.get(1) {
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(byte @ (b'"' | b'\\' | b'/')) => simple(char::from(*byte)),
        Some(b'u') => match (code_unit(escape, 0), code_unit(escape, 6)) {
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                (char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
            }
            (Some(unit), _) => (char::from_u32(unit), 6),
            (None, _) => (None, 2),
        },
        _ => (None, 2),
    }
}

/// A number that begins with digits of `\uXXXX` is none to a reader of JSON, but to anybody who searches the file.
fn begins_in_escape(raw: &[u8], start: usize) -> bool {
    (2..6)
        .filter_map(|back| start.checked_sub(back))
        .any(|at| slice(raw, at, start).starts_with(b"\\u"))
}

/// The value of `\uXXXX` at `at`.
fn code_unit(escape: &[u8], at: usize) -> Option<u32> {
    let digits = escape.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(digits, 16).ok()
}

/// A key for a place: short, and without a card number of its own.
fn shown_key(raw: &[u8]) -> String {
    let start = raw.get(..4 * MAX_SHOWN_CHARACTERS).unwrap_or(raw);
    let text = String::from_utf8_lossy(start);
    super::shown(&text).chars().take(MAX_SHOWN_CHARACTERS).collect()
}

/// A broken line with stars for the letters and digits of the value behind each name of sensitive authentication
/// data. `rule` is that of the name before the line's start. None when there is no such name.
fn without_named_values(line: &[u8], rule: Rule) -> Option<Vec<u8>> {
    let mut hide = rule == Rule::Remove;
    let mut masked: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < line.len() {
        let rest = slice(line, at, line.len());
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = rest.iter().take_while(|byte| is_word(byte)).count();
        let word = slice(rest, 0, length);
        if Rule::of(word) == Rule::Remove {
            hide = true;
        } else if hide && !word.is_empty() {
            let copy = masked.get_or_insert_with(|| line.to_vec());
            copy.iter_mut().skip(at).take(length).for_each(|byte| *byte = b'*');
        } else if matches!(rest.first(), Some(b',' | b'}')) {
            hide = false;
        }
        at += length.max(1);
    }
    masked
}
