//! NDEF, the NFC Forum's data exchange format: texts and links on a card.
//!
//! In: a message, or the memory of a Type 2 Tag. Out: its texts and links, in order. Never: a record in chunks, a
//! text in UTF-16, which no loyalty number needs.
//!
//! message = record+ ; record = header type-length payload-length \[id-length\] type \[id\] payload

use zeroize::Zeroizing;

/// Bits of a record's header (NDEF 3.2).
const CHUNK: u8 = 0x20;
const SHORT: u8 = 0x10;
const HAS_ID: u8 = 0x08;
const TYPE_NAME: u8 = 0x07;

/// Kinds of type names (NDEF 3.2.6).
const WELL_KNOWN: u8 = 1;
const ABSOLUTE_URI: u8 = 3;

/// More is no loyalty card.
const RECORDS_MAX: usize = 16;

/// What the first byte of a link stands for (URI record type definition, table 3).
const URI_PREFIXES: [&str; 36] = [
    "",
    "http://www.",
    "https://www.",
    "http://",
    "https://",
    "tel:",
    "mailto:",
    "ftp://anonymous:anonymous@",
    "ftp://ftp.",
    "ftps://",
    "sftp://",
    "smb://",
    "nfs://",
    "ftp://",
    "dav://",
    "news:",
    "telnet://",
    "imap:",
    "rtsp://",
    "urn:",
    "pop:",
    "sip:",
    "sips:",
    "tftp:",
    "btspp://",
    "btl2cap://",
    "btgoep://",
    "tcpobex://",
    "irdaobex://",
    "file://",
    "urn:epc:id:",
    "urn:epc:tag:",
    "urn:epc:pat:",
    "urn:epc:raw:",
    "urn:epc:",
    "urn:nfc:",
];

/// The texts and links of a message.
pub(super) fn contents(message: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut found = Vec::new();
    for record in records(message) {
        match (record.type_name, record.kind) {
            // A smart poster holds a message of its own.
            (WELL_KNOWN, b"Sp") => {
                found.extend(records(record.payload).iter().filter_map(content));
            }
            _ => found.extend(content(&record)),
        }
    }
    found
}

struct Record<'a> {
    type_name: u8,
    kind: &'a [u8],
    payload: &'a [u8],
}

/// The whole records in front. What is cut off or in chunks ends them.
fn records(message: &[u8]) -> Vec<Record<'_>> {
    let mut rest = message;
    let mut records = Vec::new();
    while records.len() < RECORDS_MAX {
        let Some((record, behind)) = record(rest) else { break };
        records.push(record);
        rest = behind;
    }
    records
}

fn record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (&[header, type_bytes], rest) = bytes.split_first_chunk()?;
    if header & CHUNK != 0 {
        return None;
    }
    let (payload_bytes, rest) = if header & SHORT != 0 {
        let (length, rest) = rest.split_first()?;
        (usize::from(*length), rest)
    } else {
        let (length, rest) = rest.split_first_chunk()?;
        (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
    };
    let (id_bytes, rest) = match header & HAS_ID {
        0 => (0, rest),
        _ => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
    };
    let (kind, rest) = rest.split_at_checked(usize::from(type_bytes))?;
    let (payload, rest) = rest.get(id_bytes..)?.split_at_checked(payload_bytes)?;
    Some((Record { type_name: header & TYPE_NAME, kind, payload }, rest))
}

fn content(record: &Record<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let together = |parts: [&[u8]; 2]| Zeroizing::new(parts.concat());
    match (record.type_name, record.kind) {
        (WELL_KNOWN, b"U") => {
            let (code, rest) = record.payload.split_first()?;
            let prefix = URI_PREFIXES.get(usize::from(*code))?;
            Some(together([prefix.as_bytes(), rest]))
        }
        // Bit 7: UTF-16; bits 5 to 0: length of the language's name (text record type definition, 3.2.1).
        (WELL_KNOWN, b"T") => {
            let (status, rest) = record.payload.split_first().filter(|(byte, _)| **byte < 0x80)?;
            Some(together([rest.get(usize::from(status & 0x3F)..)?, b""]))
        }
        (ABSOLUTE_URI, uri) => Some(together([uri, b""])),
        _ => None,
    }
}

/// What stands in the data area of a Type 2 Tag (Type 2 Tag, 2.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Area<'a> {
    /// The message.
    Message(&'a [u8]),
    /// Perhaps, behind what was read so far.
    More,
    /// None.
    None,
}

/// Looks for the message among the blocks of a data area: tag, length in one byte or, after FF, in two, value.
pub(super) fn message_in(area: &[u8]) -> Area<'_> {
    let mut rest = area;
    loop {
        let (tag, behind) = match rest.split_first() {
            None => return Area::More,
            Some((0x00, behind)) => {
                rest = behind;
                continue;
            }
            Some((0xFE, _)) => return Area::None,
            Some(found) => found,
        };
        let (length, value) = match behind {
            [0xFF, high, low, value @ ..] => {
                (usize::from(u16::from_be_bytes([*high, *low])), value)
            }
            [0xFF, ..] | [] => return Area::More,
            [length, value @ ..] => (usize::from(*length), value),
        };
        let Some((value, behind)) = value.split_at_checked(length) else { return Area::More };
        if *tag == 0x03 {
            return Area::Message(value);
        }
        rest = behind;
    }
}
