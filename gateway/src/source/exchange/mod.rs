//! A partner's EDI folder: files appear in `in`, replies in `out`, and each file ends in `done` or `rejected`.
//!
//! In: a folder that others write to. Out: inputs to the pipeline, one a file, and the replies that were committed with
//! them. What survives a crash at any point: the stamp of a file is committed with its capture, so it is taken
//! once; replies are committed too and written from the journal; only then is the file moved.
//! Never: a name used as a path, a link followed, a file overwritten, a file removed or moved that was not read.

mod folder;
mod journal;
mod watch;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tillgate_parsers::edi::is_unfinished;
use tillgate_parsers::redact;
use tillgate_record::{Channel, Quality};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub use self::folder::FolderError;
use self::folder::{Arrival, Content, Folder, Left, Outbox};
pub use self::journal::ExchangeJournal;
use self::watch::Watch;
use crate::clock::Clock;
use crate::config::{Config, Partner};
use crate::fail_point;
use crate::pipeline::{Intake, ItemStatus, Taken};
use crate::source::{FileStamp, FileState, Input, Media};
use crate::store::StoreError;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// After a failure the folder rests, twice as long each time.
const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// After so long a file that could not be moved is tried again.
const STUCK: Duration = Duration::from_secs(60);

/// As much of a file that is too large goes into the journal.
const HEAD_BYTES: usize = 64 * 1024;

/// Findings that are written beside a rejected file.
const MOST_FINDINGS_SHOWN: usize = 200;

/// What a partner's folder needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The partner's id, which is the source's id.
    pub partner: String,
    /// The folder that holds `in`, `out`, `done` and `rejected`.
    pub root: PathBuf,
    /// A file that was written in place is taken when it has not changed for so long.
    pub settle: Duration,
    /// A file that ends in mid-interchange waits so long for its rest.
    pub stale: Duration,
    /// Largest file in bytes.
    pub largest: usize,
}

impl Settings {
    /// The settings of a configured partner.
    #[must_use]
    pub fn of(config: &Config, partner: &Partner) -> Self {
        let own = || config.gateway.data_dir.join("edi").join(&partner.id);
        Self {
            partner: partner.id.clone(),
            root: partner.folder.clone().unwrap_or_else(own),
            settle: Duration::from_secs(config.edi.settle_seconds.into()),
            stale: Duration::from_secs(config.edi.stale_seconds.into()),
            largest: config.limits.edi_file.as_usize(),
        }
    }
}

/// Why a round could not be finished. The file stays where it is, and the next round goes on.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file was taken, but cannot be moved out of in")]
    Stuck(#[source] FolderError),
    #[error("a file operation was cut short")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Files that are in `in` and not taken up now, each as it was when that was decided, and when.
type Resting = HashMap<OsString, (FileStamp, Instant)>;

/// One partner's folder with what it works with.
pub struct Exchange<I, J> {
    /// Which folder, and when a file is ready.
    pub settings: Settings,
    /// Takes the inputs.
    pub intake: Arc<I>,
    /// Remembers files and replies.
    pub journal: Arc<J>,
    /// Shows people what the folder is doing.
    pub board: Arc<Board>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

impl<I: Intake, J: ExchangeJournal> Exchange<I, J> {
    /// Serves the folder until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut rest = SHORTEST_REST;
        while !stop.is_cancelled() {
            let trouble = match Folder::open(&self.settings.root) {
                Ok(folder) => {
                    let detail = format!("folder {}", self.settings.root.display());
                    self.board.source_connected(&self.settings.partner, true, &detail);
                    self.serve(Arc::new(folder), &stop, &mut rest).await
                }
                Err(error) => Err(error.into()),
            };
            let Err(trouble) = trouble else {
                return;
            };
            self.report(&trouble);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => rest = (rest * 2).min(LONGEST_REST),
            }
        }
    }

    fn report(&self, trouble: &Trouble) {
        let partner = self.settings.partner.as_str();
        let mut detail = trouble.to_string();
        let mut cause = std::error::Error::source(trouble);
        while let Some(error) = cause {
            detail = format!("{detail}: {error}");
            cause = error.source();
        }
        tracing::warn!(partner, %detail, "the EDI folder waits; files stay in it");
        self.board.source_connected(partner, false, &detail);
    }

    /// Rounds until `stop` or trouble.
    async fn serve(
        &self,
        folder: Arc<Folder>,
        stop: &CancellationToken,
        rest: &mut Duration,
    ) -> Result<(), Trouble> {
        let mut watch = Watch::new(&folder, self.settings.settle);
        self.write_replies(&folder).await?;
        self.clear_up(&folder).await?;
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut waiting, mut stuck) = (Resting::new(), Resting::new());
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let arrivals = folder.arrivals(&self.settings.partner)?;
            for arrival in watch.ready(arrivals, self.clock.now()) {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let is_stuck = |(stamp, since): &(FileStamp, Instant)| {
                    *stamp == arrival.stamp && since.elapsed() < STUCK
                };
                if stuck.get(&arrival.name).is_some_and(is_stuck) {
                    continue;
                }
                let since = watch.unchanged_since(&arrival.name);
                match self.handle(&folder, arrival.clone(), since, &mut waiting).await {
                    Err(Trouble::Stuck(error)) => self.rest(arrival, &error, &mut stuck),
                    // It never will be taken: those behind it must not wait for it.
                    Err(Trouble::Store(never @ StoreError::Unusable { .. })) => {
                        let (partner, file) = (&self.settings.partner, &arrival.stamp.name);
                        tracing::error!(partner, file, %never, "an EDI file stays in the folder");
                        let _ = stuck.insert(arrival.name, (arrival.stamp, Instant::now()));
                    }
                    other => other?,
                }
            }
            waiting.retain(|name, _| watch.knows(name));
            stuck.retain(|name, _| watch.knows(name));
            *rest = SHORTEST_REST;
        }
    }

    /// Finishes what a crash left between the last check of a file and its removal. The copy that stays of it was put
    /// in place before, so a file that the journal knows only has to go.
    async fn clear_up(&self, folder: &Folder) -> Result<(), Trouble> {
        for left in folder.left_behind(&self.settings.partner)? {
            if self.journal.file_state(&left.stamp).await?.is_none() {
                folder.put_back(&left)?;
                continue;
            }
            folder.forget(&left)?;
            self.journal.file_finished(&left.stamp).await?;
        }
        Ok(())
    }

    /// A file that cannot be moved must not hold up those behind it.
    fn rest(&self, arrival: Arrival, error: &FolderError, stuck: &mut Resting) {
        let Arrival { name, stamp } = arrival;
        let (partner, file) = (self.settings.partner.as_str(), stamp.name.clone());
        let before = stuck.insert(name, (stamp.clone(), Instant::now()));
        if before.is_none_or(|(known, _)| known != stamp) {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(partner, file, %error, cause, "an EDI file was taken but cannot be moved: move it by hand");
        }
    }

    async fn handle(
        &self,
        folder: &Arc<Folder>,
        arrival: Arrival,
        since: Instant,
        waiting: &mut Resting,
    ) -> Result<(), Trouble> {
        let state = self.journal.file_state(&arrival.stamp).await?;
        if let Some(FileState::Committed { refused }) = state {
            // We were stopped between commit and move. What became of its items is in quarantine or the outbox.
            self.write_replies(folder).await?;
            let refused = refused || self.is_too_large(&arrival);
            let outbox = if refused { Outbox::Rejected } else { Outbox::Done };
            let Some(bytes) = self.read(folder, &arrival).await? else {
                return Ok(());
            };
            let left = Left { outbox, text: None, content: self.content(&arrival, &bytes) };
            return self.finish(folder, arrival, left).await;
        }
        let known_stump =
            waiting.get(&arrival.name).is_some_and(|(stamp, _)| *stamp == arrival.stamp);
        if known_stump && self.must_wait(&arrival, since, waiting) {
            return Ok(());
        }
        let Some(bytes) = self.read(folder, &arrival).await? else {
            return Ok(());
        };
        let (bytes, is_whole) = if self.is_too_large(&arrival) {
            (head(&bytes), true)
        } else {
            let is_whole = !is_unfinished(&bytes);
            (bytes, is_whole)
        };
        if !is_whole && self.must_wait(&arrival, since, waiting) {
            return Ok(());
        }
        // A file that was finished before and is back was put back by someone: its stamp is spent.
        let file = (state.is_none()).then(|| arrival.stamp.clone());
        self.take(folder, arrival, (bytes, file)).await
    }

    fn is_too_large(&self, arrival: &Arrival) -> bool {
        arrival.stamp.bytes > self.settings.largest as u64
    }

    /// What the partner has to know first, where a file is too large; else nothing.
    fn limit_text(&self, arrival: &Arrival) -> String {
        if !self.is_too_large(arrival) {
            return String::new();
        }
        let (partner, largest) = (self.settings.partner.as_str(), self.settings.largest);
        tracing::warn!(partner, file = %arrival.stamp.name, bytes = arrival.stamp.bytes, largest, "an EDI file is too large");
        format!(
            "limit-edi-file: the file is larger than {largest} bytes and only its beginning was looked at; raise edi_file in \
             [limits] or ask for smaller files\n"
        )
    }

    /// The file as it may stay on this disk: promise 6 holds for `done` and `rejected` too.
    fn content(&self, arrival: &Arrival, bytes: &[u8]) -> Content {
        if self.is_too_large(arrival) {
            return Content::Copied;
        }
        let redacted = redact::edi(bytes);
        if redacted.found.is_empty() {
            Content::AsSent
        } else {
            Content::Redacted(redacted.bytes.into_owned())
        }
    }

    /// A broken upload may go on: it waits as long as it changes, and `stale` from its last change.
    fn must_wait(&self, arrival: &Arrival, since: Instant, waiting: &mut Resting) -> bool {
        waiting.insert(arrival.name.clone(), (arrival.stamp.clone(), since));
        since.elapsed() < self.settings.stale
    }

    async fn read(
        &self,
        folder: &Arc<Folder>,
        arrival: &Arrival,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let largest = self.settings.largest;
        let largest = if self.is_too_large(arrival) { largest.min(HEAD_BYTES) } else { largest };
        let (folder, arrival) = (Arc::clone(folder), arrival.clone());
        Ok(tokio::task::spawn_blocking(move || folder.read(&arrival, largest)).await??)
    }

    async fn take(
        &self,
        folder: &Arc<Folder>,
        arrival: Arrival,
        (bytes, file): (Zeroizing<Vec<u8>>, Option<FileStamp>),
    ) -> Result<(), Trouble> {
        let partner = self.settings.partner.as_str();
        let size = bytes.len() as u64;
        let received_at = self.clock.now();
        let known = file.is_some();
        let content = self.content(&arrival, &bytes);
        let limit_text = self.limit_text(&arrival);
        let input = Input {
            source: partner.to_owned(),
            channel: Channel::EdiFolder,
            media: Media::Edi,
            bytes,
            received_at,
            id: None,
            file,
        };
        let taken = self.intake.take(input).await?;
        let refused = taken.items.iter().filter(|item| is_refused(item.status)).count();
        Metric::EdiBytes.add(size, &[]);
        tracing::info!(partner, capture = %taken.capture, items = taken.items.len(), refused, "EDI file taken");
        self.write_replies(folder).await?;
        let left = if refused > 0 || !limit_text.is_empty() {
            let text = Some(limit_text + &findings_text(&taken));
            Left { outbox: Outbox::Rejected, text, content }
        } else {
            Left { outbox: Outbox::Done, text: None, content }
        };
        if known {
            self.finish(folder, arrival, left).await
        } else {
            self.put_away(folder, arrival, left).await
        }
    }

    /// Writes what the journal says is not written yet, each under its final name at once.
    async fn write_replies(&self, folder: &Arc<Folder>) -> Result<(), Trouble> {
        loop {
            let replies = self.journal.pending_replies(&self.settings.partner).await?;
            if replies.is_empty() {
                return Ok(());
            }
            for reply in replies {
                let folder = Arc::clone(folder);
                let id = reply.id;
                tokio::task::spawn_blocking(move || {
                    folder.write_reply(&reply.file_name, &reply.content)
                })
                .await??;
                fail_point::reached("reply-in-out");
                self.journal.reply_written(id).await?;
                fail_point::reached("reply-noted");
            }
        }
    }

    async fn finish(
        &self,
        folder: &Arc<Folder>,
        arrival: Arrival,
        left: Left,
    ) -> Result<(), Trouble> {
        let stamp = arrival.stamp.clone();
        self.put_away(folder, arrival, left).await?;
        fail_point::reached("file-moved");
        self.journal.file_finished(&stamp).await?;
        fail_point::reached("file-finished");
        Ok(())
    }

    async fn put_away(
        &self,
        folder: &Arc<Folder>,
        arrival: Arrival,
        left: Left,
    ) -> Result<(), Trouble> {
        let folder = Arc::clone(folder);
        let moved = move || folder.put_away(&arrival, &left);
        tokio::task::spawn_blocking(moved).await?.map_err(Trouble::Stuck)
    }
}

/// The beginning of a file that is too large, without card data. It ends before the end of the first interchange,
/// so that none of it can pass for whole.
fn head(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let whole = redact::EdiWindows::default().next(bytes);
    let end = whole.windows(3).position(|tag| tag == b"IEA").unwrap_or(whole.len());
    Zeroizing::new(whole.get(..end).unwrap_or_default().to_vec())
}

fn is_refused(status: ItemStatus) -> bool {
    matches!(status, ItemStatus::Quarantined | ItemStatus::Conflict)
}

/// What stands in the file beside a rejected one. Findings hold no card numbers.
fn findings_text(taken: &Taken) -> String {
    let findings: Vec<&Quality> = taken
        .items
        .iter()
        .filter(|item| is_refused(item.status))
        .flat_map(|item| &item.findings)
        .collect();
    let mut text = format!("capture {}\n", taken.capture);
    for finding in findings.iter().take(MOST_FINDINGS_SHOWN) {
        let Quality { rule, severity, path, message, .. } = finding;
        text.push_str(&format!("{} {rule} at {path}: {message}\n", severity.as_str()));
    }
    if let Some(more) = findings.len().checked_sub(MOST_FINDINGS_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more\n"));
    }
    text
}

#[cfg(test)]
mod tests;
