//! What a gateway has promised, by a trace of its calls: each answer, publish and move of a file that left it.
//!
//! In: a trace. Out: promises in the order in which they left, each with the moment from which somebody may rely on it.
//! Never: a promise that only the gateway's own words know of; what counts is the bytes on its sockets and the names in
//! its partner's folders.

use std::collections::HashMap;
use std::path::Path;

use memchr::memmem;

use crate::trace::{Call, Deed};

/// Something that others rely on from now on.
#[derive(Debug, Clone)]
pub struct Promise {
    /// When it began to leave.
    pub at: usize,
    /// When the last bytes had come in on the same connection. Zero where there is none.
    pub asked: usize,
    /// What it is about.
    pub subject: Subject,
}

/// What a promise is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A sale was answered "accepted", by the id of its event.
    Accepted([u8; 16]),
    /// A sale was answered "duplicate".
    Duplicate([u8; 16]),
    /// An answer over HTTP named a capture.
    Capture(String),
    /// A record was published.
    Published {
        /// The event's id.
        id: [u8; 16],
        /// Its number.
        sequence: u64,
    },
    /// An acknowledgement has its name in the partner's `out`.
    Reply(String),
    /// A partner's file has left `in`.
    Moved(String),
}

/// What the bytes behind a marker say.
enum Found {
    /// Not all of it is there yet.
    Unfinished,
    /// Something else.
    Other,
    Subject(Subject),
}

type Scanner = (&'static [u8], fn(&[u8]) -> Found);

const SCANNERS: [Scanner; 3] = [
    (b"{\"id\":\"", result),
    (b"tillgate-capture: ", capture),
    (b"{\"specversion\":\"1.0\",\"id\":\"", event),
];

#[derive(Debug, Default)]
struct Channel {
    sent: Vec<u8>,
    /// How far each scanner is.
    scanned: [usize; SCANNERS.len()],
    asked: usize,
}

/// The promises of a trace. `partner` is the folder with `in` and `out`.
#[must_use]
pub fn promises(calls: &[Call], partner: &Path) -> Vec<Promise> {
    let mut channels: HashMap<&str, Channel> = HashMap::new();
    let mut promises = Vec::new();
    for call in calls {
        match &call.deed {
            Deed::Receive { channel } => channels.entry(channel).or_default().asked = call.end,
            Deed::Send { channel, bytes } => {
                let channel = channels.entry(channel).or_default();
                channel.sent.extend_from_slice(bytes);
                let asked = channel.asked;
                let subjects = channel.subjects().into_iter();
                promises.extend(subjects.map(|subject| Promise { at: call.begin, asked, subject }));
            }
            Deed::Rename(from, to) => {
                let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into());
                let subject = if to.starts_with(partner.join("out")) {
                    name(to).map(Subject::Reply)
                } else if from.starts_with(partner.join("in")) {
                    name(from).map(Subject::Moved)
                } else {
                    None
                };
                promises.extend(subject.map(|subject| Promise {
                    at: call.begin,
                    asked: 0,
                    subject,
                }));
            }
            _ => {}
        }
    }
    promises
}

impl Channel {
    /// What has become whole with the last bytes.
    fn subjects(&mut self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for ((marker, read), scanned) in SCANNERS.iter().zip(&mut self.scanned) {
            while let Some(at) = memmem::find(&self.sent[*scanned..], marker) {
                let behind = *scanned + at + marker.len();
                match read(&self.sent[behind..]) {
                    Found::Unfinished => break,
                    Found::Other => {}
                    Found::Subject(subject) => subjects.push(subject),
                }
                *scanned = behind;
            }
        }
        subjects
    }
}

/// `…uuid…","status":"accepted"`
fn result(text: &[u8]) -> Found {
    const LONGEST: usize = 36 + 12 + 12;
    let Some(id) = text.get(..36).and_then(uuid) else {
        return if text.len() < 36 { Found::Unfinished } else { Found::Other };
    };
    let status = &text[36..];
    if status.starts_with(b"\",\"status\":\"accepted\"") {
        Found::Subject(Subject::Accepted(id))
    } else if status.starts_with(b"\",\"status\":\"duplicate\"") {
        Found::Subject(Subject::Duplicate(id))
    } else if text.len() < LONGEST {
        Found::Unfinished
    } else {
        Found::Other
    }
}

fn capture(text: &[u8]) -> Found {
    let Some(id) = text.get(..26) else { return Found::Unfinished };
    Found::Subject(Subject::Capture(String::from_utf8_lossy(id).into_owned()))
}

/// `…uuid…", … "sequence":"17"`
fn event(text: &[u8]) -> Found {
    const NUMBER: &[u8] = b"\"sequence\":\"";
    let Some(at) = memmem::find(text, NUMBER) else { return Found::Unfinished };
    let digits = &text[at + NUMBER.len()..];
    let Some(end) = memmem::find(digits, b"\"") else { return Found::Unfinished };
    let sequence = std::str::from_utf8(&digits[..end]).ok().and_then(|text| text.parse().ok());
    match uuid(&text[..36]).zip(sequence) {
        Some((id, sequence)) => Found::Subject(Subject::Published { id, sequence }),
        None => Found::Other,
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
    let mut id = [0; 16];
    hex::decode_to_slice(digits, &mut id).ok().map(|()| id)
}
