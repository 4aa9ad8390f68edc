//! What a folder needs of the store beside the pipeline: which files are known, which replies are to be written.

use std::future::Future;

use crate::source::FileStamp;
use crate::store::{Store, StoreError};

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Its capture is committed; it was not moved yet, as far as the journal knows.
    Committed,
    /// It was moved.
    Finished,
}

/// A reply that is committed and not yet in `out`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReply {
    /// The journal's number of it.
    pub id: i64,
    /// Made by us of our own numbers.
    pub file_name: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// The part of the store that folders use. The daemon's store is one; a test brings its own.
pub trait ExchangeJournal: Send + Sync + 'static {
    /// How far a file is; none for one that was never taken.
    fn file_state(
        &self,
        stamp: &FileStamp,
    ) -> impl Future<Output = Result<Option<FileState>, StoreError>> + Send;

    /// The file was moved away.
    fn file_finished(
        &self,
        stamp: &FileStamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replies to a partner that are not written yet, oldest first.
    fn pending_replies(
        &self,
        partner: &str,
    ) -> impl Future<Output = Result<Vec<PendingReply>, StoreError>> + Send;

    /// The reply is in `out`, synced.
    fn reply_written(&self, id: i64) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl ExchangeJournal for Store {
    async fn file_state(&self, stamp: &FileStamp) -> Result<Option<FileState>, StoreError> {
        let state = Self::file_state(self, stamp).await?;
        Ok(state
            .map(|state| if state.finished { FileState::Finished } else { FileState::Committed }))
    }

    async fn file_finished(&self, stamp: &FileStamp) -> Result<(), StoreError> {
        Self::file_finished(self, stamp).await
    }

    async fn pending_replies(&self, partner: &str) -> Result<Vec<PendingReply>, StoreError> {
        let replies = Self::pending_replies(self, partner).await?.into_iter();
        Ok(replies
            .map(|reply| PendingReply {
                id: reply.id,
                file_name: reply.file_name,
                content: reply.content,
            })
            .collect())
    }

    async fn reply_written(&self, id: i64) -> Result<(), StoreError> {
        Self::reply_written(self, id).await
    }
}
