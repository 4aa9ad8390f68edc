//! What a folder needs of the store beside the pipeline: which files are known, which replies are to be written.

use std::future::Future;

use crate::source::{FileStamp, FileState};
use crate::store::{PendingReply, Store, StoreError};

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
        Self::file_state(self, stamp).await
    }

    async fn file_finished(&self, stamp: &FileStamp) -> Result<(), StoreError> {
        Self::file_finished(self, stamp).await
    }

    async fn pending_replies(&self, partner: &str) -> Result<Vec<PendingReply>, StoreError> {
        Self::pending_replies(self, partner).await
    }

    async fn reply_written(&self, id: i64) -> Result<(), StoreError> {
        Self::reply_written(self, id).await
    }
}
