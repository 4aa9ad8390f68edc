//! What goes to the broker: topics, payloads, sizes.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tillgate_record::event::CONTENT_TYPE;

use super::settings::{Settings, Version};
use super::transport::Message;

/// A record.
pub(super) fn record(topic: &str, payload: Bytes, version: Version) -> Message {
    let content_type = (version == Version::V5).then_some(CONTENT_TYPE);
    Message { topic: topic.to_owned(), payload, retain: false, content_type }
}

/// A notice about a quarantined capture.
pub(super) fn notice(topic: &str, payload: Bytes) -> Message {
    Message { topic: topic.to_owned(), payload, retain: false, content_type: None }
}

/// How far the outbox is, for those who compare it with what they hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// All records through this one are acknowledged: its incarnation of the gateway.
    pub(super) incarnation: u32,
    /// And its sequence there.
    pub(super) acknowledged: u64,
}

/// Birth, offline message and will: all on one retained topic, so that it always shows the last state.
/// `since` and the progress of a will are of the begin of the connection: nobody can know its end beforehand.
pub(super) fn status(
    settings: &Settings,
    state: &str,
    since: Timestamp,
    progress: Progress,
    retain: bool,
) -> Message {
    let payload = json!({
        "state": state,
        "version": env!("CARGO_PKG_VERSION"),
        "since": since.to_string(),
        "incarnation": progress.incarnation,
        "acknowledged": progress.acknowledged,
    });
    Message {
        topic: settings.topic("status"),
        payload: Bytes::from(payload.to_string()),
        retain,
        content_type: None,
    }
}

impl Message {
    /// Bytes of the whole PUBLISH packet: what a broker's limit counts (MQTT 5, 3.2.2.3.6).
    pub(super) fn packet_bytes(&self, version: Version) -> usize {
        let properties = match version {
            Version::V3 => 0,
            Version::V5 => {
                let length = self.content_type.map_or(0, |text| 1 + 2 + text.len());
                variable_length(length) + length
            }
        };
        let remaining = 2 + self.topic.len() + 2 + properties + self.payload.len();
        1 + variable_length(remaining) + remaining
    }
}

/// Bytes of a variable byte integer (MQTT 5, 1.5.5).
fn variable_length(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}
