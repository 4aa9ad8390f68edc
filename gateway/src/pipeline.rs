//! The way of the data, on one screen.
//!
//! ```text
//! source ─▶ capture ─▶ interpret ─▶ link ─▶ commit ─▶ answer
//!           card data   parse and    whose    one        only now does the
//!           ends here   normalize    sale     sync       sender hear "accepted"
//! ```
//!
//! In: an [`Input`] of a source: `source/terminals` (HTTP and TCP), `source/lanes` (devices), `source/exchange`
//! (EDI folders) and `web/routes` (EDI over HTTP) call [`Intake::take`]. Out: a [`Taken`] once everything that the
//! input became is committed and synced together: the capture, its records, its quarantine entries, its
//! acknowledgements. `forward/` takes the records from the store. Never: an input that is dropped, whatever it
//! holds; a card number that gets past `capture`.

mod capture;
mod compose;
mod count;
mod linking;
mod replay;

use std::future::Future;
use std::sync::Arc;

use tillgate_record::{Quality, Severity};
use tokio::sync::watch;
use ulid::Ulid;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Config;
use crate::customer::CustomerKeys;
use crate::fail_point;
use crate::normalize::{Context, Interpretation, Reply};
use crate::source::{Input, Media};
use crate::store::{Store, StoreError};
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use capture::Capture;

pub use replay::{Attempt, ReplayError, Replayed};

/// Where sources hand over their inputs. The daemon has one, the [`Pipeline`]; a test of a source brings its own.
pub trait Intake: Send + Sync + 'static {
    /// Takes an input. The answer comes after the commit and the sync: whoever has it may tell the sender.
    fn take(&self, input: Input) -> impl Future<Output = Result<Taken, StoreError>> + Send;
}

/// The daemon's intake.
pub struct Pipeline {
    store: Store,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    keys: CustomerKeys,
    config: watch::Receiver<Arc<Config>>,
}

impl Intake for Pipeline {
    async fn take(&self, input: Input) -> Result<Taken, StoreError> {
        self.store.accepting()?;
        if let Some(taken) = self.taken_before(&input).await? {
            return Ok(taken);
        }
        let config = Arc::clone(&self.config.borrow());
        let control_number = self.control_number(&input).await?;

        let now = self.clock.now();
        let capture = caught(move || Capture::without_card_data(input, now))?;
        fail_point::reached("capture-taken");
        let context = capture.context(&config, control_number);
        let interpretation = interpret(&capture, &context);
        let linked = linking::link(interpretation, &self.store, &self.keys).await?;
        let (new_capture, items) = compose::compose(capture, linked, 0, &config)?;
        let replies = new_capture.replies.clone();
        let origin = (new_capture.source.clone(), new_capture.channel);
        let receipt = self.store.commit(new_capture).await?;
        fail_point::reached("commit-answered");
        let taken = compose::answer(receipt, items, replies);

        count::taken(&taken, &origin);
        self.board.source_captured(&origin.0, count::quarantined(&taken), self.clock.now());
        Ok(taken)
    }
}

impl Pipeline {
    /// A pipeline into a store. `config` may change while it runs: each input is interpreted by one configuration.
    #[must_use]
    pub fn new(
        store: Store,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
        keys: CustomerKeys,
        config: watch::Receiver<Arc<Config>>,
    ) -> Self {
        Self { store, board, clock, keys, config }
    }

    /// A commit that failed may have held, so that an input which is offered again is there already: all of it, since a
    /// capture is one commit.
    async fn taken_before(&self, input: &Input) -> Result<Option<Taken>, StoreError> {
        let Some(capture) = input.id else { return Ok(None) };
        let there = self.store.has_capture(capture).await?;
        Ok(there.then(|| Taken { capture, items: Vec::new(), replies: Vec::new() }))
    }

    /// Only EDI earns acknowledgements, and each needs a control number that was never used before.
    async fn control_number(&self, input: &Input) -> Result<Option<u32>, StoreError> {
        match input.media {
            Media::Edi => self.store.reserve_control_number(&input.source).await.map(Some),
            Media::SaleJson | Media::SaleNdjson | Media::Reading => Ok(None),
        }
    }
}

/// Until card data is cut out, nothing of an input may be kept, not even in quarantine. A panic there is a bug of ours:
/// the sender is told to keep the input, and everybody else goes on.
fn caught<T>(attempt: impl FnOnce() -> T) -> Result<T, StoreError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt)).map_err(|_| {
        Metric::Panics.add(1, &[("stage", "redaction")]);
        tracing::error!("an input was refused, since cutting card data out of it failed: please report it");
        let reason = "tillgate failed before it could cut card data out of this input, which is a bug of ours: nothing of \
                      it was kept; keep it, and please report this";
        StoreError::Unusable { reason: reason.to_owned() }
    })
}

/// Parses and normalizes. A panic in a parser is a bug of ours and costs this input only: it goes to quarantine, where
/// it waits for a version that understands it.
fn interpret(capture: &Capture, context: &Context<'_>) -> Interpretation {
    let attempt = || crate::normalize::interpret(capture.raw(), capture.media, context);
    let attempted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt));
    let mut interpretation = attempted.unwrap_or_else(|_| {
        Metric::Panics.add(1, &[("stage", "parser")]);
        tracing::error!(capture = %capture.id, source = capture.source, "a parser failed on an input: please report it");
        Interpretation::rejected("none", our_fault())
    });
    capture::tell_of_card_data(capture, &mut interpretation.items);
    interpretation
}

fn our_fault() -> Quality {
    Quality {
        rule: "internal-error".to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message: "tillgate failed on this input, which is a bug of ours: please report it; the input is kept and can be \
                  replayed with a later version"
            .to_owned(),
        expected: None,
        found: None,
    }
}

/// An input that is durable now.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The capture's id.
    pub capture: Ulid,
    /// What became of each item, in input order. Empty for an input that was there already, by its id.
    pub items: Vec<TakenItem>,
    /// Acknowledgements that the input earned: committed with it.
    pub replies: Vec<Reply>,
}

/// What became of one item of an input.
#[derive(Debug, Clone)]
pub struct TakenItem {
    /// Accepted, duplicate …
    pub status: ItemStatus,
    /// The event's id, where the item could be read so far.
    pub event_id: Option<Uuid>,
    /// `sale`, `order` …, where the item could be read so far.
    pub kind: Option<&'static str>,
    /// Warnings and errors.
    pub findings: Vec<Quality>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStatus {
    /// A new record.
    Accepted,
    /// Known already, with the same content.
    Duplicate,
    /// Known already, with other content: in quarantine.
    Conflict,
    /// Not understood: in quarantine.
    Quarantined,
    /// Understood, and nothing to record.
    Noted,
}

#[cfg(test)]
mod tests;
