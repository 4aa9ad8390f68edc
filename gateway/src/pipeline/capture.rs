//! An input becomes a capture: card data is cut out, what is left gets an id and a hash. From here on nothing in the
//! gateway has seen a card number.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tillgate_parsers::redact::{self, Place, Redacted};
use tillgate_record::{Channel, Quality, Severity};
use ulid::Ulid;

use crate::config::Config;
use crate::normalize::{Body, Context, Item};
use crate::source::{FileStamp, Input, Media, new_id};

/// The finding of an input that held card data.
const RULE: &str = "card-data-removed";

/// One input as received, less card data.
pub(super) struct Capture {
    pub(super) id: Ulid,
    /// The capture that this one corrects, or itself, and when that was whole: a reading is named after it, and a
    /// record without a time of its own gets its time.
    pub(super) original: (Ulid, Timestamp),
    pub(super) source: String,
    pub(super) channel: Channel,
    pub(super) media: Media,
    pub(super) received_at: Timestamp,
    pub(super) sha256: [u8; 32],
    /// Where card data was, for a finding to the sender: the line that is not blank, counted from 0, and the place.
    pub(super) card_data: Vec<(usize, Place)>,
    pub(super) file: Option<FileStamp>,
    raw: Vec<u8>,
}

impl Capture {
    /// Cuts card data out and forgets the input, whose buffer is zeroized when it is dropped here.
    pub(super) fn without_card_data(input: Input, now: Timestamp) -> Self {
        let Redacted { bytes, found } = match input.media {
            Media::SaleJson | Media::SaleNdjson | Media::Reading => redact::json(&input.bytes),
            Media::Edi => redact::edi(&input.bytes),
        };
        let raw = bytes.into_owned();
        let card_data = found
            .into_iter()
            .map(|place| (lines_before(&input.bytes, place.offset), place))
            .collect();
        let id = input.id.unwrap_or_else(|| new_id(now));
        let received_at = as_stored(input.received_at);
        Self {
            id,
            original: (id, received_at),
            sha256: Sha256::digest(&raw).into(),
            card_data,
            raw,
            source: input.source,
            channel: input.channel,
            media: input.media,
            received_at,
            file: input.file,
        }
    }

    /// The input, less card data.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What normalizing may know besides the bytes.
    pub(super) fn context<'a>(
        &'a self,
        config: &'a Config,
        control_number: Option<u32>,
    ) -> Context<'a> {
        Context { config, source: &self.source, received_at: self.original.1, control_number }
    }
}

/// The journal keeps microseconds. A record says the same when its input is read again from there.
fn as_stored(moment: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(moment.as_microsecond()).unwrap_or(moment)
}

/// Lines before a byte that are not blank: the item that it belongs to, where each line is one.
fn lines_before(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let lines = before.split(|byte| *byte == b'\n').rev().skip(1);
    lines.filter(|line| !line.trim_ascii().is_empty()).count()
}

/// Tells the sender where card data was: at the document or sale that held it. A sale whose normalizer has told it,
/// with the field's full path, is not told again.
pub(super) fn tell_of_card_data(capture: &Capture, items: &mut [Item]) {
    for (line, place) in &capture.card_data {
        let holder = match capture.media {
            Media::SaleNdjson => *line,
            Media::SaleJson | Media::Reading => 0,
            Media::Edi => items.iter().position(|item| holds(item, place.offset)).unwrap_or(0),
        };
        let Some(item) = items.get_mut(holder) else { continue };
        let findings = item.findings_mut();
        let is_told =
            capture.media != Media::Edi && findings.iter().any(|finding| finding.rule == RULE);
        if !is_told {
            findings.push(card_data_finding(place));
        }
    }
}

fn holds(item: &Item, offset: usize) -> bool {
    match item {
        Item::Candidate(candidate) => match &candidate.body {
            Body::Document(document) => {
                (document.control.first_byte..document.control.end_byte).contains(&(offset as u64))
            }
            Body::Sale(_) | Body::Reading { .. } => false,
        },
        Item::Rejected(_) | Item::Noted(_) => false,
    }
}

fn card_data_finding(place: &Place) -> Quality {
    Quality {
        rule: RULE.to_owned(),
        severity: Severity::Warning,
        path: place.field.clone().unwrap_or_else(|| format!("byte {}", place.offset)),
        message: "a card number stood here and was cut down to its first six and last four digits: send it in no field"
            .to_owned(),
        expected: None,
        found: Some(place.masked.clone()),
    }
}
