//! What an input became, in the shape that the store commits and the sender hears.

use tillgate_record::document::DocumentKind;
use tillgate_record::{
    DocumentRecord, EventType, IdempotencyKey, Link, Provenance, Quality, ReadingRecord,
    SaleAdditions, SaleRecord, Severity,
};

use super::capture::Capture;
use super::count;
use super::linking::{Linked, LinkedItem, LinkedRecord};
use super::{ItemStatus, Taken, TakenItem};
use crate::config::Config;
use crate::normalize::{Body, Candidate, Reply};
use crate::store::{NewCapture, NewItem, NewRecord, Outcome, Receipt, StoreError};

/// zstd's fastest ordinary level: sales compress five to ten times at it, and the writer waits for the disk, not
/// for us.
const COMPRESSION_LEVEL: i32 = 1;

/// The rows of an input, and what its sender will hear of each item once they are committed. `first_item` is the
/// position of the first item in its input.
pub(super) fn compose(
    capture: Capture,
    linked: Linked,
    first_item: u32,
    config: &Config,
) -> Result<(NewCapture, Vec<TakenItem>), StoreError> {
    count::linked(linked.items.iter().filter_map(LinkedItem::link));
    let origin = Origin::new(&capture, linked.parser, config);
    let (rows, answers) = linked
        .items
        .into_iter()
        .zip(first_item..)
        .map(|(item, position)| origin.item(item, position))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    let raw = capture.raw();
    let new_capture = NewCapture {
        raw_zstd: zstd::bulk::compress(raw, COMPRESSION_LEVEL).map_err(|error| {
            StoreError::Unusable { reason: format!("the input cannot be compressed: {error}") }
        })?,
        raw_bytes: raw.len() as u64,
        id: capture.id,
        channel: capture.channel,
        media: capture.media,
        received_at: capture.received_at,
        sha256: capture.sha256,
        config_version: config.version.clone(),
        items: rows,
        replies: linked.replies,
        source: capture.source,
        file: capture.file,
    };
    Ok((new_capture, answers))
}

/// What the sender hears, now that the commit has decided between new and known.
pub(super) fn answer(receipt: Receipt, mut items: Vec<TakenItem>, replies: Vec<Reply>) -> Taken {
    for (item, outcome) in items.iter_mut().zip(&receipt.outcomes) {
        item.status = match outcome {
            Outcome::Accepted { .. } => ItemStatus::Accepted,
            Outcome::Duplicate { .. } => ItemStatus::Duplicate,
            Outcome::Conflict { .. } => ItemStatus::Conflict,
            Outcome::Quarantined { .. } => ItemStatus::Quarantined,
            Outcome::Noted => ItemStatus::Noted,
        };
        if item.status == ItemStatus::Conflict {
            item.findings.push(conflict_finding());
        }
    }
    Taken { capture: receipt.capture, items, replies }
}

fn conflict_finding() -> Quality {
    Quality {
        rule: "conflict".to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message: "a record with the same key but other content was accepted before; this one is kept in quarantine: \
                  check whether the number was used twice, or release it as a correction"
            .to_owned(),
        expected: None,
        found: None,
    }
}

/// What the records of one capture have in common.
struct Origin<'a> {
    capture: &'a Capture,
    /// Of the first item; the others differ in their position only.
    provenance: Provenance,
    config: &'a Config,
}

impl<'a> Origin<'a> {
    fn new(capture: &'a Capture, parser: &'static str, config: &'a Config) -> Self {
        let provenance = Provenance {
            capture: capture.id.to_string(),
            item: 0,
            source: capture.source.clone(),
            channel: capture.channel,
            received_at: capture.received_at.to_string(),
            sha256: hex::encode(capture.sha256),
            parser: parser.to_owned(),
            config_version: config.version.clone(),
        };
        Self { capture, provenance, config }
    }

    fn item(&self, item: LinkedItem, position: u32) -> Result<(NewItem, TakenItem), StoreError> {
        match item {
            LinkedItem::Record(linked) => self.record(*linked, position),
            LinkedItem::Rejected(findings) => Ok((
                NewItem::Quarantine(findings.clone()),
                pending(ItemStatus::Quarantined, None, findings),
            )),
            LinkedItem::Noted(findings) => {
                Ok((NewItem::Noted, pending(ItemStatus::Noted, None, findings)))
            }
        }
    }

    fn record(
        &self,
        linked: LinkedRecord,
        position: u32,
    ) -> Result<(NewItem, TakenItem), StoreError> {
        let LinkedRecord { candidate: Candidate { body, quality }, link, content, json } = linked;
        let identity = Identity::of(&body, self);
        let kind = body.kind();
        let findings = quality.clone();
        let provenance = Provenance { item: position, ..self.provenance.clone() };
        let data = match json {
            Some(sale) => SaleAdditions { link: &link, provenance: &provenance, quality: &quality }
                .put_behind(sale),
            None => self.data(body, link, provenance, quality),
        };
        let data = data.map_err(|error| StoreError::Unusable {
            reason: format!("the record cannot be written as JSON: {error}"),
        })?;
        let answer = TakenItem {
            kind: Some(kind),
            ..pending(ItemStatus::Accepted, Some(identity.key.event_id(1)), findings)
        };
        let record = NewRecord {
            event_type: identity.event_type,
            key: identity.key,
            content,
            time: identity.time,
            data,
        };
        Ok((NewItem::Record(record), answer))
    }

    fn data(
        &self,
        body: Body,
        link: Link,
        provenance: Provenance,
        quality: Vec<Quality>,
    ) -> serde_json::Result<Vec<u8>> {
        match body {
            Body::Sale(sale) => serde_json::to_vec(&SaleRecord { sale, link, provenance, quality }),
            Body::Document(document) => {
                serde_json::to_vec(&DocumentRecord { document, link, provenance, quality })
            }
            Body::Reading { reading, lane } => serde_json::to_vec(&ReadingRecord {
                reading,
                store: self.config.gateway.store.clone(),
                lane,
                device: self.capture.source.clone(),
                read_at: self.capture.original.1.to_string(),
                link,
                provenance,
                quality,
            }),
        }
    }
}

/// What makes a record the same record when it is sent again.
struct Identity {
    event_type: EventType,
    key: IdempotencyKey,
    time: String,
}

impl Identity {
    fn of(body: &Body, origin: &Origin<'_>) -> Self {
        let gateway = &origin.config.gateway;
        let received = || origin.capture.original.1.to_string();
        match body {
            Body::Sale(sale) => Self {
                event_type: EventType::Sale,
                key: IdempotencyKey::of_sale(&gateway.org, sale),
                time: sale
                    .ended_at
                    .as_ref()
                    .or(sale.started_at.as_ref())
                    .map_or_else(received, |at| at.as_str().to_owned()),
            },
            Body::Document(document) => Self {
                event_type: match document.kind {
                    DocumentKind::Order => EventType::Order,
                    DocumentKind::Invoice | DocumentKind::CreditNote => EventType::Invoice,
                },
                key: IdempotencyKey::of_document(
                    &gateway.org,
                    (&document.sender, &document.receiver),
                    document.kind,
                    &document.number,
                    document.date,
                ),
                time: received(),
            },
            Body::Reading { .. } => {
                let capture = origin.capture.original.0.to_string();
                let key = IdempotencyKey::of_reading(
                    &gateway.org,
                    &gateway.store,
                    &origin.capture.source,
                    &capture,
                );
                Self { event_type: EventType::Reading, key, time: received() }
            }
        }
    }
}

/// An answer that waits for the commit.
fn pending(status: ItemStatus, event_id: Option<uuid::Uuid>, findings: Vec<Quality>) -> TakenItem {
    TakenItem { status, event_id, kind: None, findings }
}
