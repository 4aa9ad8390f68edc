//! What the writer is asked to do, and the bounded queue that holds the jobs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{CustomerEntry, NewCapture, Outcome, Product, Pruned, Receipt, Replay, StoreError};
use crate::source::FileStamp;

/// Most jobs that wait.
const QUEUE_JOBS: usize = 1024;
/// Most KiB of captures that wait. A larger capture waits until it is alone.
const QUEUE_KIB: u32 = 64 * 1024;
/// A sender that waits longer is told to try again.
const QUEUE_WAIT: Duration = Duration::from_secs(2);

/// Where the writer answers.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A job.
#[derive(Debug)]
pub(super) enum Job {
    /// Goes into the next group commit.
    Capture(Box<NewCapture>, Answer<Receipt>),
    /// A commit of its own.
    Chore(Chore),
}

/// A rare job, small or in small steps.
#[derive(Debug)]
pub(super) enum Chore {
    ControlNumber(String, Answer<u32>),
    Park(i64, String, Answer<()>),
    Noticed(String, Answer<()>),
    FileFinished(FileStamp, Answer<()>),
    ReplyWritten(i64, Answer<()>),
    Discard(String, String, Answer<()>),
    Replay(Box<Replay>, Answer<Outcome>),
    Customers(Vec<CustomerEntry>, Answer<u64>),
    Products(Vec<Product>, Answer<u64>),
    Prune(Answer<Pruned>),
    Close(Answer<()>),
}

/// A job in the queue, with the room that it takes.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) room: OwnedSemaphorePermit,
}

/// The sending end of the queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

impl Queue {
    /// An empty queue and its receiving end.
    pub(super) fn new() -> (Self, mpsc::Receiver<Queued>) {
        let (jobs, receiver) = mpsc::channel(QUEUE_JOBS);
        let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        (Self { jobs, room }, receiver)
    }

    /// Queues a job and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        bytes: usize,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        timeout(QUEUE_WAIT, self.send(bytes, job(answer)))
            .await
            .map_err(|_| StoreError::Overloaded)??;
        answered.await.map_err(|_| StoreError::Stopping)?
    }

    /// Queues a chore and waits for its answer.
    pub(super) async fn chore<T>(
        &self,
        chore: impl FnOnce(Answer<T>) -> Chore,
    ) -> Result<T, StoreError> {
        self.ask(0, |answer| Job::Chore(chore(answer))).await
    }

    /// Has the writer finish what waits, however long that takes: whoever stops the gateway has a limit of its own. A
    /// writer that is gone has nothing left to finish.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.send(0, Job::Chore(Chore::Close(answer))).await.is_ok() {
            let _ = answered.await;
        }
    }

    /// What waits for its commit.
    pub(super) fn waiting_bytes(&self) -> u64 {
        (QUEUE_KIB as usize).saturating_sub(self.room.available_permits()) as u64 * 1024
    }

    async fn send(&self, bytes: usize, job: Job) -> Result<(), StoreError> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(QUEUE_KIB).min(QUEUE_KIB);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(kib)
            .await
            .map_err(|_| StoreError::Stopping)?;
        self.jobs.send(Queued { job, room }).await.map_err(|_| StoreError::Stopping)
    }
}
