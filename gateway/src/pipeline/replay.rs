//! A quarantined input is tried again: by a newer version, another configuration, or with corrected content. It
//! goes the same way as a new one.

use std::sync::Arc;

use jiff::Timestamp;
use tillgate_record::Quality;
use zeroize::Zeroizing;

use super::capture::Capture;
use super::{Pipeline, compose, interpret, linking};
use crate::source::Input;
use crate::store::{NewItem, Outcome, Replay, StoreError, StoredCapture};

/// How an entry is to be tried again.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The quarantine entry.
    pub entry: &'a str,
    /// Corrected content; without it the input as it was.
    pub content: Option<&'a [u8]>,
    /// A conflict becomes the next version of its record.
    pub as_correction: bool,
    /// Who wants it.
    pub by: &'a str,
}

/// Why an entry was not tried again, or what came out.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A conflict needs a decision.
    #[error(
        "{entry} conflicts with a record that was accepted before: compare both, then replay it with --as-correction to \
         send it as a new version, or discard it"
    )]
    Conflict {
        /// The entry.
        entry: String,
    },
    /// The item is not in the input any more.
    #[error(
        "the content holds {found} items where item {wanted} was expected: give the one corrected item alone"
    )]
    NoSuchItem {
        /// Items in the content.
        found: usize,
        /// The item's position.
        wanted: usize,
    },
}

/// What came out of a replay.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Accepted, duplicate, or still in quarantine.
    pub outcome: Outcome,
    /// What is wrong or odd now.
    pub findings: Vec<Quality>,
}

impl Pipeline {
    /// Tries a quarantine entry again.
    pub async fn replay(&self, attempt: Attempt<'_>) -> Result<Replayed, ReplayError> {
        let entry = self.store.quarantine_show(attempt.entry).await?.entry;
        let stored = self.store.capture_raw(&entry.capture).await?;
        let (position, capture) = match attempt.content {
            None => (entry.item, Capture::again(stored)),
            Some(content) => (0, Capture::corrected(stored, content, self.clock.now())),
        };

        let config = Arc::clone(&self.config.borrow());
        let mut interpretation = interpret(&capture, &capture.context(&config, None));
        let (found, wanted) = (interpretation.items.len(), position as usize);
        if wanted >= found || (attempt.content.is_some() && found != 1) {
            return Err(ReplayError::NoSuchItem { found, wanted });
        }
        interpretation.items = vec![interpretation.items.swap_remove(wanted)];
        interpretation.replies.clear();

        let linked = linking::link(interpretation, &self.store, &self.keys).await?;
        let (mut rows, answers) = compose::compose(capture, linked, position, &config)?;
        let replay = Replay {
            entry: attempt.entry.to_owned(),
            item: rows.items.pop().unwrap_or(NewItem::Noted),
            replacement: attempt.content.map(|_| rows),
            as_correction: attempt.as_correction,
            by: attempt.by.to_owned(),
        };
        match self.store.commit_replay(replay).await? {
            Outcome::Conflict { entry } => Err(ReplayError::Conflict { entry }),
            outcome => {
                let findings = answers.into_iter().flat_map(|answer| answer.findings).collect();
                Ok(Replayed { outcome, findings })
            }
        }
    }
}

impl Capture {
    /// The capture as it was.
    fn again(stored: StoredCapture) -> Self {
        let StoredCapture { id, source, channel, media, received_at, raw, .. } = stored;
        let bytes = Zeroizing::new(raw);
        let input = Input { source, channel, media, bytes, received_at, id: Some(id), file: None };
        Self::without_card_data(input, received_at)
    }

    /// Corrected content, which may hold card data again: a capture of its own, received now.
    fn corrected(stored: StoredCapture, content: &[u8], now: Timestamp) -> Self {
        let StoredCapture { id, source, channel, media, received_at, .. } = stored;
        let bytes = Zeroizing::new(content.to_vec());
        let input = Input { source, channel, media, bytes, received_at: now, id: None, file: None };
        let mut capture = Self::without_card_data(input, now);
        capture.original = (id, received_at);
        capture
    }
}
