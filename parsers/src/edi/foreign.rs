//! Names what partners put into an EDI folder and is no interchange, and says what to do with it.
//!
//! In: the first bytes. Out: a name for people, and advice. Only what the bytes show without doubt has a name. Never: a
//! look beyond the head that is given.

use std::borrow::Cow;

use super::standard::{Recognised, Standard, recognise, tag_with_separator};

/// Something that is no interchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The standard that it is a piece of.
    pub standard: Option<Standard>,
    /// What it is, with its article: `a PDF document`.
    pub name: Cow<'static, str>,
    /// What to do.
    pub advice: &'static str,
}

impl Foreign {
    fn new(name: impl Into<Cow<'static, str>>, advice: &'static str) -> Self {
        Self { standard: None, name: name.into(), advice }
    }
}

const DECOMPRESS: &str = "decompress it first";
const UNPACK: &str = "unpack it first, and send each file in it";
const DECRYPT: &str = "decrypt it first; who may read it was decided when it was encrypted";
const UNWRAP: &str = "take the content out of its message first, as an AS2 or mail gateway does";
const ASK: &str = "ask the sender for X12, EDIFACT or TRADACOMS with its envelope";
const ENVELOPE: &str = "ask the sender for the whole interchange, with its envelope";
const BEGINNING: &str = "ask the sender for the whole file: its beginning is missing";
const CONVERT_UTF_8: &str =
    "convert it to UTF-8 or to one byte a character, as the sender's export can";
const CONVERT_EBCDIC: &str = "transfer it as text, so that EBCDIC becomes ASCII, or convert it";
const OTHER_STANDARD: &str =
    "convert it to X12 or EDIFACT first; tillgate does not read this standard";
const AS_JSON: &str =
    "send sales as JSON to the endpoint for JSON; as EDI, ask for X12, EDIFACT or TRADACOMS";
const PROGRAM: &str = "look into how it came here: it is a program, not a document";
const AGAIN: &str = "transfer it again: nothing of its content arrived";
const DECODE: &str = "decode it first";

/// What begins with these bytes.
const MAGIC: &[(&[u8], &str, &str)] = &[
    (b"%PDF", "a PDF document", ASK),
    (b"%!PS", "a PostScript document", ASK),
    (b"{\\rtf", "an RTF document", ASK),
    (b"\xD0\xCF\x11\xE0", "an Office document of the old format", ASK),
    (b"\x1F\x8B", "a gzip file", DECOMPRESS),
    (b"\x1F\x9D", "a compress (.Z) file", DECOMPRESS),
    (b"\x28\xB5\x2F\xFD", "a zstd file", DECOMPRESS),
    (b"\x04\x22\x4D\x18", "an LZ4 file", DECOMPRESS),
    (b"\xFD7zXZ\0", "an xz file", DECOMPRESS),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", ASK),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"MSCF\0\0\0\0", "a CAB archive", UNPACK),
    (b"\x89PNG\r\n\x1A\n", "a PNG image", ASK),
    (b"\xFF\xD8\xFF", "a JPEG image", ASK),
    (b"GIF87a", "a GIF image", ASK),
    (b"GIF89a", "a GIF image", ASK),
    (b"II*\0", "a TIFF image", ASK),
    (b"MM\0*", "a TIFF image", ASK),
    (b"SQLite format 3\0", "an SQLite database", ASK),
    (b"\x7FELF", "a program (ELF)", PROGRAM),
    (b"\xCF\xFA\xED\xFE", "a program (Mach-O)", PROGRAM),
    (b"#!", "a script", PROGRAM),
    (b"-----BEGIN PGP ", "a PGP message or key", DECRYPT),
    (b"-----BEGIN PKCS7", "a CMS (PKCS#7) message in PEM", DECRYPT),
    (b"-----BEGIN CMS", "a CMS (PKCS#7) message in PEM", DECRYPT),
    (
        b"-----BEGIN CERTIFICATE",
        "a certificate",
        "give it to whoever keeps your partners' certificates",
    ),
    (b"-----BEGIN ", "a PEM file", ASK),
    (b"EDI_DC40", "an SAP IDoc", OTHER_STANDARD),
    (b"EDI_DC ", "an SAP IDoc", OTHER_STANDARD),
    (b"{1:F", "a SWIFT message", OTHER_STANDARD),
    (b"\x0BMSH", "an HL7 message in its transport frame", OTHER_STANDARD),
    (b"\xC9\xE2\xC1", "X12 in EBCDIC", CONVERT_EBCDIC),
    (b"\xE4\xD5\xC1", "EDIFACT in EBCDIC", CONVERT_EBCDIC),
    (b"\xE4\xD5\xC2", "EDIFACT in EBCDIC", CONVERT_EBCDIC),
    (b"\xE2\xE3\xE7\x7E", "TRADACOMS in EBCDIC", CONVERT_EBCDIC),
    (b"isa*", "X12 in lower case", ASK),
    (b"\"ISA", "X12 within quotation marks", "export it as plain text, without quotation marks"),
    (b"\"UN", "EDIFACT within quotation marks", "export it as plain text, without quotation marks"),
    (b"SVNBK", "X12 in base64", DECODE),
    (b"VU5CK", "EDIFACT in base64", DECODE),
    (b"VU5BO", "EDIFACT in base64", DECODE),
    (b"U1RYP", "TRADACOMS in base64", DECODE),
];

/// Tags that begin a part of an interchange.
const PIECES: &[(&[u8], Standard, &str, &str)] = &[
    (b"GS", Standard::X12, "a functional group of X12 without its interchange (ISA)", ENVELOPE),
    (b"ST", Standard::X12, "a transaction set of X12 without its envelope (ISA, GS)", ENVELOPE),
    (b"TA1", Standard::X12, "an acknowledgement of X12 (TA1) without its envelope (ISA)", ENVELOPE),
    (b"SE", Standard::X12, "the end of an X12 transaction set", BEGINNING),
    (b"GE", Standard::X12, "the end of an X12 group", BEGINNING),
    (b"IEA", Standard::X12, "the end of an X12 interchange", BEGINNING),
    (b"UNG", Standard::Edifact, "a group of EDIFACT without its interchange (UNB)", ENVELOPE),
    (b"UNH", Standard::Edifact, "an EDIFACT message without its envelope (UNB)", ENVELOPE),
    (b"UNT", Standard::Edifact, "the end of an EDIFACT message", BEGINNING),
    (b"UNZ", Standard::Edifact, "the end of an EDIFACT interchange", BEGINNING),
    (
        b"UIB",
        Standard::Edifact,
        "interactive EDIFACT (UIB), a dialogue",
        "ask the sender for batch EDIFACT, with UNB",
    ),
    (
        b"UIH",
        Standard::Edifact,
        "interactive EDIFACT (UIH), a dialogue",
        "ask the sender for batch EDIFACT, with UNB",
    ),
    (b"BAT", Standard::Tradacoms, "a batch of TRADACOMS without its transmission (STX)", ENVELOPE),
    (b"MHD", Standard::Tradacoms, "a TRADACOMS message without its envelope (STX)", ENVELOPE),
    (b"END", Standard::Tradacoms, "the end of a TRADACOMS transmission", BEGINNING),
];

/// Names what begins so, where it can be named.
pub(super) fn name(head: &[u8]) -> Option<Foreign> {
    by_bytes(head).or_else(|| piece(head)).or_else(|| by_text(head))
}

fn by_bytes(head: &[u8]) -> Option<Foreign> {
    let magic = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic));
    if let Some((_, name, advice)) = magic {
        return Some(Foreign::new(*name, advice));
    }
    let (name, advice) = match head {
        [0, ..] if head.iter().all(|byte| *byte == 0) => ("a file of zero bytes", AGAIN),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => ("a bzip2 file", DECOMPRESS),
        [b'P', b'K', 3, 4, ..] if contains(head, b"[Content_Types].xml") => {
            ("an Office document", ASK)
        }
        [b'P', b'K', 3, 4, ..] => ("a ZIP archive", UNPACK),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => ("a BMP image", ASK),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ("a WebP image", ASK),
        [b'M', b'Z', ..] if head.get(..128).unwrap_or(head).contains(&0) => {
            ("a program (Windows)", PROGRAM)
        }
        _ if head.get(257..262) == Some(b"ustar") => ("a tar archive", UNPACK),
        _ => return wide_text(head).or_else(|| cms(head)).or_else(|| ebcdic(head)),
    };
    Some(Foreign::new(name, advice))
}

/// UTF-16 and UTF-32, by their byte order marks or by the zero bytes in EDI.
fn wide_text(head: &[u8]) -> Option<Foreign> {
    const FORMS: [(&[u8], &str, usize, usize); 4] = [
        // The mark of UTF-16, little-endian, begins that of UTF-32.
        (b"\xFF\xFE\0\0", "UTF-32, little-endian", 4, 0),
        (b"\0\0\xFE\xFF", "UTF-32, big-endian", 4, 3),
        (b"\xFF\xFE", "UTF-16, little-endian", 2, 0),
        (b"\xFE\xFF", "UTF-16, big-endian", 2, 1),
    ];
    let narrow = |bytes: &[u8], width: usize, place: usize| -> Option<Vec<u8>> {
        let narrow = |unit: &[u8]| {
            let others = unit.iter().enumerate().filter(|(at, _)| *at != place);
            others.into_iter().all(|(_, byte)| *byte == 0).then(|| unit.get(place).copied())?
        };
        bytes.chunks_exact(width).take(64).map(narrow).collect()
    };
    for (mark, form, width, place) in FORMS {
        let marked = head.strip_prefix(mark);
        let narrow = narrow(marked.unwrap_or(head), width, place);
        let inside = narrow.map(|text| recognise(&text));
        match (marked, inside) {
            (_, Some(Recognised::Interchange(standard, _))) => {
                return Some(Foreign::new(format!("{} in {form}", title(standard)), CONVERT_UTF_8));
            }
            (Some(_), _) => return Some(Foreign::new(format!("text in {form}"), CONVERT_UTF_8)),
            (None, _) => {}
        }
    }
    None
}

fn title(standard: Standard) -> &'static str {
    match standard {
        Standard::X12 => "X12",
        Standard::Edifact => "EDIFACT",
        Standard::Tradacoms => "TRADACOMS",
    }
}

/// A CMS content type in DER (RFC 5652, section 3), or the same in base64.
fn cms(head: &[u8]) -> Option<Foreign> {
    const CONTENT_TYPES: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07";
    let start = head.get(..32).unwrap_or(head);
    if head.first() == Some(&0x30) {
        let at = start.windows(CONTENT_TYPES.len()).position(|window| window == CONTENT_TYPES);
        let kind = at.and_then(|at| head.get(at + CONTENT_TYPES.len()));
        return Some(match kind? {
            2 => Foreign::new("a signed CMS (PKCS#7, S/MIME) message", UNWRAP),
            3 => Foreign::new("an encrypted CMS (PKCS#7, S/MIME) message", DECRYPT),
            _ => Foreign::new("a CMS (PKCS#7, S/MIME) message", UNWRAP),
        });
    }
    let is_base64 = (start.starts_with(b"MII") || start.starts_with(b"MIA"))
        && (contains(start, b"SqGSIb3DQEH") || contains(start, b"kqhkiG9w0BB"));
    is_base64.then(|| Foreign::new("a CMS (PKCS#7, S/MIME) message in base64", DECRYPT))
}

/// Text in EBCDIC has its blanks at 40 and its letters and digits from 81 on; ASCII has hardly any byte there.
fn ebcdic(head: &[u8]) -> Option<Foreign> {
    let usual = |byte: &&u8| matches!(byte, 0x40 | 0x4B | 0x60 | 0x6B | 0x7A | 0x81..=0xA9 | 0xC1..=0xE9 | 0xF0..=0xF9);
    let is_ebcdic = head.len() >= 64
        && std::str::from_utf8(head).is_err()
        && head.iter().filter(usual).count() * 10 >= head.len() * 9;
    is_ebcdic.then(|| Foreign::new("text in EBCDIC", CONVERT_EBCDIC))
}

fn piece(head: &[u8]) -> Option<Foreign> {
    if tag_with_separator(head, b"DXS") {
        return Some(Foreign::new("DEX/UCS (894), direct store delivery", OTHER_STANDARD));
    }
    if [&b"MSH"[..], b"FHS", b"BHS"].iter().any(|tag| tag_with_separator(head, tag)) {
        return Some(Foreign::new("an HL7 message", OTHER_STANDARD));
    }
    let is_blank_separated = head.starts_with(b"ISA ")
        && head.get(4..6).is_some_and(|two| two.iter().all(u8::is_ascii_digit));
    if is_blank_separated {
        let name = "X12 with blanks for its element separator";
        return Some(Foreign { standard: Some(Standard::X12), ..Foreign::new(name, ASK) });
    }
    let (_, standard, name, advice) = PIECES.iter().find(|(tag, standard, ..)| match standard {
        Standard::X12 => tag_with_separator(head, tag) && !head.starts_with(b"ST="),
        Standard::Edifact => tag_with_separator(head, tag),
        Standard::Tradacoms => head.strip_prefix(*tag).is_some_and(|rest| rest.starts_with(b"=")),
    })?;
    Some(Foreign { standard: Some(*standard), ..Foreign::new(*name, advice) })
}

fn by_text(head: &[u8]) -> Option<Foreign> {
    let text = head.iter().filter(|byte| !byte.is_ascii_whitespace()).copied();
    let dense: Vec<u8> = text.take(64).collect();
    let starts_with = |word: &str| {
        head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    let (name, advice) = match dense.as_slice() {
        _ if starts_with("<!doctype html") || starts_with("<html") => ("an HTML page", ASK),
        [b'<', b'?' | b'!' | b'A'..=b'Z' | b'a'..=b'z', ..] if contains(head, b"EDI_DC40") => {
            ("an SAP IDoc in XML", OTHER_STANDARD)
        }
        [b'<', b'?' | b'!' | b'A'..=b'Z' | b'a'..=b'z', ..] => ("an XML document", ASK),
        [b'{', b'"' | b'}', ..] | [b'[', b'{' | b'"' | b'[' | b']', ..] => ("JSON", AS_JSON),
        _ => return message(head).or_else(|| vda(head)).or_else(|| table(head)),
    };
    Some(Foreign::new(name, advice))
}

/// Headers of mail, AS2 and HTTP, or the parts of a message without its headers.
fn message(head: &[u8]) -> Option<Foreign> {
    const HEADERS: [&str; 14] = [
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "mime-version",
        "message-id",
        "from",
        "to",
        "date",
        "subject",
        "received",
        "return-path",
        "delivered-to",
        "as2-version",
        "disposition-notification-to",
    ];
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let first = lines.next()?;
    let field = |line: &[u8]| {
        let name = line.get(..line.iter().position(|byte| *byte == b':')?)?.to_ascii_lowercase();
        HEADERS
            .iter()
            .any(|header| header.as_bytes() == name)
            .then_some(())
            .or_else(|| (name.starts_with(b"as2-") || name.starts_with(b"x-as2")).then_some(()))
    };
    let next = lines.next().unwrap_or_default();
    let has_fields =
        field(first).is_some() && (field(next).is_some() || next.is_empty() || starts_blank(next));
    let is_part = first.starts_with(b"--") && field(next).is_some();
    let is_http = first.ends_with(b" HTTP/1.1") || first.starts_with(b"HTTP/1.");
    if !(has_fields || is_part || is_http) {
        return None;
    }
    let lower = head.to_ascii_lowercase();
    let (name, advice) = match () {
        () if contains(&lower, b"disposition-notification;")
            || contains(&lower, b"message/disposition-notification") =>
        {
            (
                "a receipt (MDN) of AS2 or mail",
                "nothing to do: it says that a message of yours arrived",
            )
        }
        () if contains(&lower, b"smime-type=enveloped-data") => {
            ("an encrypted S/MIME message", DECRYPT)
        }
        () if contains(&lower, b"pkcs7") => ("a signed or encrypted S/MIME message", UNWRAP),
        () if contains(&lower, b"\nas2-") || lower.starts_with(b"as2-") => {
            ("an AS2 message with its headers", UNWRAP)
        }
        () if is_http => ("an HTTP message with its headers", UNWRAP),
        () if is_part => ("a MIME message of several parts, without its headers", UNWRAP),
        () => ("a mail or MIME message with its headers", UNWRAP),
    };
    Some(Foreign::new(name, advice))
}

fn starts_blank(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// VDA 4905, 4908, 4913, 4915: records of 128 bytes, which begin with a record type of three digits and its version.
fn vda(head: &[u8]) -> Option<Foreign> {
    let number = |at: usize, bytes: usize| {
        head.get(at..at + bytes)?.iter().all(u8::is_ascii_digit).then_some(())
    };
    let is_first = [&b"511"[..], b"551", b"711", b"821"].iter().any(|kind| head.starts_with(kind));
    let second = [128, 129, 130].into_iter().find(|at| {
        let begins = head.get(at - 1).is_some_and(|byte| *at == 128 || *byte == b'\n');
        begins && head.get(*at) == head.first() && number(*at, 5).is_some()
    });
    (is_first && number(0, 5).is_some() && second.is_some())
        .then(|| Foreign::new("a VDA message (records of fixed width)", OTHER_STANDARD))
}

/// A table of comma-separated values: three lines of printable text with the same number of the same separator.
fn table(head: &[u8]) -> Option<Foreign> {
    let text = std::str::from_utf8(head).ok()?;
    // The last line may be cut off.
    let lines: Vec<&str> = text.lines().take(4).collect();
    let (_, lines) = lines.split_last().filter(|(_, lines)| lines.len() >= 2)?;
    if lines.iter().any(|line| line.contains(|c: char| c.is_control() && c != '\t')) {
        return None;
    }
    let separators = [(',', "commas"), (';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
    let (_, words) = separators.into_iter().find(|(separator, _)| {
        let mut counts = lines.iter().map(|line| line.matches(*separator).count());
        let first = counts.next().unwrap_or(0);
        first > 0 && counts.all(|count| count == first)
    })?;
    Some(Foreign::new(format!("a table of values between {words} (CSV)"), ASK))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

#[cfg(test)]
mod tests;
