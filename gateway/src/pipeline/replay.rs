//! A quarantined input is tried again: by a newer version, another configuration, or with corrected content. It
//! goes the same way as a new one.

use std::sync::Arc;

use tillgate_record::Quality;
use zeroize::Zeroizing;

use super::capture::Capture;
use super::{Pipeline, compose, interpret, linking};
use crate::source::Input;
use crate::store::{NewItem, Outcome, ShownEntry, StoreError, StoredCapture};

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
        let entry = self.store.quarantine_show(attempt.entry).await?;
        refuse_silent_correction(&entry, attempt)?;
        let stored = self.store.capture_raw(&entry.entry.capture).await?;
        let position = if attempt.content.is_some() { 0 } else { entry.entry.item as usize };
        let capture = Capture::again(stored, attempt.content);

        let config = Arc::clone(&self.config.borrow());
        let mut interpretation = interpret(&capture, &capture.context(&config, None));
        let found = interpretation.items.len();
        if position >= found || (attempt.content.is_some() && found != 1) {
            return Err(ReplayError::NoSuchItem { found, wanted: position });
        }
        interpretation.items = vec![interpretation.items.swap_remove(position)];
        interpretation.replies.clear();

        let linked = linking::link(interpretation, &self.store, &self.keys).await?;
        let (rows, answers) = compose::compose(capture, linked, &config)?;
        let item = rows.items.into_iter().next().unwrap_or(NewItem::Noted);
        let findings = answers.into_iter().flat_map(|answer| answer.findings).collect();
        let outcome = self.store.commit_replay(attempt.entry, item, attempt.by).await?;
        Ok(Replayed { outcome, findings })
    }
}

fn refuse_silent_correction(entry: &ShownEntry, attempt: Attempt<'_>) -> Result<(), ReplayError> {
    let is_conflict = entry.entry.findings.iter().any(|finding| finding.rule == "conflict");
    if is_conflict && !attempt.as_correction && attempt.content.is_none() {
        return Err(ReplayError::Conflict { entry: attempt.entry.to_owned() });
    }
    Ok(())
}

impl Capture {
    /// The capture as it was, or with corrected content, which may hold card data again.
    fn again(stored: StoredCapture, content: Option<&[u8]>) -> Self {
        let StoredCapture { id, source, channel, media, received_at, raw, .. } = stored;
        let bytes = Zeroizing::new(content.map_or(raw, <[u8]>::to_vec));
        let input = Input { source, channel, media, bytes, received_at, file: None };
        let mut capture = Self::without_card_data(input, received_at);
        capture.id = id;
        capture
    }
}
