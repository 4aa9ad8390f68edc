//! What the client of MQTT 5 is told of a session that the broker kept: nothing of ours was under way.
//!
//! Without a word the client would take the session and refuse each publish with an answer on it, since it cannot know
//! which packet ids are open. We know: what an earlier connection had not finished is said anew on the next one, under
//! ids of that one. Never: a checkpoint on disk; the outbox, or the consumer's book, is the truth.

use std::future::ready;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rumqttc_v5::{
    PersistedAckMode, PersistedSession, SessionStore, SessionStoreError, SessionStoreKey,
};

use super::Opening;

/// The version of the client's checkpoints.
const FORMAT_VERSION: u16 = 1;

/// Answers each question for the last state of a session with an empty one.
#[derive(Debug)]
pub(super) struct NothingUnderWay(PersistedSession);

impl NothingUnderWay {
    pub(super) fn of(opening: &Opening, expiry_seconds: u32) -> Self {
        Self(PersistedSession {
            format_version: FORMAT_VERSION,
            client_id: opening.client_id.clone(),
            clean_start: opening.clean,
            session_expiry_interval: Some(expiry_seconds),
            outgoing_inflight_upper_limit: Some(opening.inflight_limit()),
            ack_mode: if opening.acknowledges {
                PersistedAckMode::Manual
            } else {
                PersistedAckMode::Automatic
            },
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        })
    }
}

impl SessionStore for NothingUnderWay {
    fn load<'a>(
        &'a self,
        _: &'a SessionStoreKey,
    ) -> BoxFuture<'a, Result<Option<PersistedSession>, SessionStoreError>> {
        ready(Ok(Some(self.0.clone()))).boxed()
    }

    fn save<'a>(
        &'a self,
        _: &'a SessionStoreKey,
        _: &'a PersistedSession,
    ) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        ready(Ok(())).boxed()
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        ready(Ok(())).boxed()
    }
}
