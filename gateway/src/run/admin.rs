//! What the control socket can ask of the daemon. The same works on the data of a stopped one.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Handler, QuarantineEntry, QuarantineItem, Replayed, Request, Response};
use crate::customer::CustomerKeys;
use crate::customer::import::{ImportError, read_customers, read_products};
use crate::pipeline::{Attempt, Pipeline, ReplayError};
use crate::store::{Entry, Outcome, Store, StoreError};
use crate::web::StatusSource;

use super::keys::{self, KeyError};
use super::status::StatusBoard;

/// Who closed an entry, as the journal shows it. Commands run on this machine by those who may read its data.
const BY: &str = "operator";

/// The daemon's answers.
pub struct Admin {
    store: Store,
    pipeline: Arc<Pipeline>,
    status: Arc<StatusBoard>,
    keys: CustomerKeys,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An import.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl Handler for Admin {
    async fn handle(&self, request: Request) -> Response {
        self.answer(request)
            .await
            .unwrap_or_else(|error| Response::Refused { message: error.to_string() })
    }
}

impl Admin {
    pub(super) fn new(
        store: Store,
        pipeline: Arc<Pipeline>,
        status: Arc<StatusBoard>,
        keys: CustomerKeys,
    ) -> Self {
        Self { store, pipeline, status, keys }
    }

    /// For commands that work on the data of a stopped daemon.
    pub(super) fn of_stopped(
        store: Store,
        config: &Arc<Config>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let keys = keys::load(config)?.customer;
        let (_, config) = watch::channel(Arc::clone(config));
        let pipeline = Pipeline::new(
            store.clone(),
            Arc::default(),
            Arc::clone(&clock),
            keys.clone(),
            config.clone(),
        );
        let now = clock.now();
        let status = StatusBoard::new(store.clone(), Arc::default(), config, clock, now);
        Ok(Self::new(store, Arc::new(pipeline), Arc::new(status), keys))
    }

    /// Customers and products as CSV, for the demo.
    pub async fn import(&self, customers: &str, products: &str) -> Result<(), AdminError> {
        let customers =
            read_customers(customers.as_bytes(), &self.keys)?.filter_map(Result::ok).collect();
        self.store.import_customers(customers).await?;
        let products = read_products(products.as_bytes())?.filter_map(Result::ok).collect();
        self.store.import_products(products).await?;
        Ok(())
    }

    async fn answer(&self, request: Request) -> Result<Response, AdminError> {
        Ok(match request {
            Request::Status => Response::Status(Box::new(self.status.status().await)),
            Request::QuarantineList { source, limit } => {
                let entries = self.store.quarantine_list(limit, false).await?.into_iter();
                let wanted =
                    |entry: &Entry| source.as_ref().is_none_or(|source| entry.source == *source);
                Response::Quarantine(entries.filter(wanted).map(item).collect())
            }
            Request::QuarantineShow { id } => {
                let shown = self.store.quarantine_show(&id).await?;
                let input = shown.raw.unwrap_or_default();
                Response::QuarantineEntry(Box::new(QuarantineEntry {
                    item: item(shown.entry),
                    media: shown.media,
                    input,
                }))
            }
            Request::QuarantineReplay { id, with, as_correction } => {
                let content = with.as_deref().map(str::as_bytes);
                let attempt = Attempt { entry: &id, content, as_correction, by: BY };
                let replayed = self.pipeline.replay(attempt).await?;
                let (status, sequence) = named(&replayed.outcome);
                Response::Replayed(Replayed {
                    status: status.to_owned(),
                    sequence,
                    findings: replayed.findings,
                })
            }
            Request::QuarantineDiscard { id } => {
                self.store.quarantine_discard(&id, BY).await?;
                Response::Discarded
            }
            Request::ImportCustomers { customers } => {
                Response::Imported { version: self.store.import_customers(customers).await? }
            }
            Request::ImportProducts { products } => {
                Response::Imported { version: self.store.import_products(products).await? }
            }
        })
    }
}

fn item(entry: Entry) -> QuarantineItem {
    let Entry { id, capture, item, source, received_at, findings, .. } = entry;
    QuarantineItem { id, capture, item, source, received_at, findings }
}

fn named(outcome: &Outcome) -> (&'static str, Option<u64>) {
    match outcome {
        Outcome::Accepted { sequence } => ("accepted", Some(*sequence)),
        Outcome::Duplicate { sequence } => ("duplicate", Some(*sequence)),
        Outcome::Conflict { .. } => ("conflict", None),
        Outcome::Quarantined { .. } => ("quarantined", None),
        Outcome::Noted => ("noted", None),
    }
}
