//! The sources that run now, and how a changed configuration starts and stops them: what did not change goes on without
//! a gap, since a till in the middle of a sale must not notice a reload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tillgate_parsers::card::{LoyaltyCard, TokenKey};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::Clock;
use crate::config::{Config, Device, Driver, Terminal};
use crate::pipeline::Pipeline;
use crate::source::lanes::Scales;
use crate::source::{exchange, lanes};
use crate::store::Store;
use crate::telemetry::board::{Board, SourceKind};

/// A source that was told to stop gets so long to finish the input in its hands.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// A source that failed starts again after so long.
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// What every source is given.
pub(super) struct Surroundings {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) store: Store,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) token_key: Arc<TokenKey>,
}

/// The running sources.
pub(super) struct Sources {
    surroundings: Surroundings,
    /// A scanner asks for what lies on the scale of its lane.
    scales: Arc<Scales>,
    running: BTreeMap<String, Running>,
}

struct Running {
    settings: SourceSettings,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Everything that a source depends on: a source is restarted when any of it changes.
#[derive(Clone, PartialEq)]
enum SourceSettings {
    Device(Box<Device>, Vec<LoyaltyCard>),
    Partner(Box<exchange::Settings>),
    /// Terminals come to our listeners, which read the configuration in force: nothing runs for them.
    Terminal(Terminal),
}

impl Sources {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, scales: Arc::default(), running: BTreeMap::new() }
    }

    /// Stops what is gone or different in a configuration that is not in force yet.
    pub(super) async fn stop_leaving(&mut self, config: &Config) {
        let wanted = wanted(config);
        let (leaving, staying) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|(id, running)| wanted.get(id) != Some(&running.settings));
        self.running = staying;
        self.stop(leaving).await;
    }

    /// Starts what a configuration names and does not run yet. It must be in force: what starts here works by it
    /// at once.
    pub(super) fn start_missing(&mut self, config: &Config) {
        for (id, settings) in wanted(config) {
            if !self.running.contains_key(&id) {
                self.start(id, settings);
            }
        }
    }

    /// Stops all sources.
    pub(super) async fn stop_all(&mut self) {
        let all = std::mem::take(&mut self.running);
        self.stop(all).await;
    }

    /// Side by side, within one time for all.
    async fn stop(&mut self, leaving: BTreeMap<String, Running>) {
        leaving.values().for_each(|running| running.stop.cancel());
        let deadline = tokio::time::Instant::now() + STOP_WAIT;
        for (id, running) in leaving {
            if let Some(mut task) = running.task
                && tokio::time::timeout_at(deadline, &mut task).await.is_err()
            {
                tracing::warn!(
                    source = id,
                    "the source did not stop in time; what it had not handed over yet, its sender repeats"
                );
                task.abort();
            }
            self.surroundings.board.remove_source(&id);
            tracing::info!(source = id, "source stopped");
        }
    }

    fn start(&mut self, id: String, settings: SourceSettings) {
        let stop = CancellationToken::new();
        let task = self.spawn(&settings, stop.clone());
        self.running.insert(id, Running { settings, stop, task });
    }

    fn spawn(&self, settings: &SourceSettings, stop: CancellationToken) -> Option<JoinHandle<()>> {
        let Surroundings { pipeline, store, board, clock, token_key } = &self.surroundings;
        let (pipeline, board, clock) = (Arc::clone(pipeline), Arc::clone(board), Arc::clone(clock));
        match settings.clone() {
            SourceSettings::Device(device, cards) => {
                board.add_source(&device.id, SourceKind::Device, Some(&device.lane), "starting");
                let token_key = Arc::clone(token_key);
                let scales = Arc::clone(&self.scales);
                let services =
                    lanes::Services { intake: pipeline, board, clock, token_key, scales };
                Some(tokio::spawn(kept_running(device.id.clone(), stop, move |stop| {
                    lanes::run(device.as_ref().clone(), cards.clone(), services.clone(), stop)
                })))
            }
            SourceSettings::Partner(partner) => {
                board.add_source(&partner.partner, SourceKind::Partner, None, "starting");
                let journal = Arc::new(store.clone());
                Some(tokio::spawn(kept_running(partner.partner.clone(), stop, move |stop| {
                    let exchange = exchange::Exchange {
                        settings: (*partner).clone(),
                        intake: Arc::clone(&pipeline),
                        journal: Arc::clone(&journal),
                        board: Arc::clone(&board),
                        clock: Arc::clone(&clock),
                    };
                    exchange.run(stop)
                })))
            }
            SourceSettings::Terminal(terminal) => {
                board.add_source(
                    &terminal.id,
                    SourceKind::Terminal,
                    terminal.lane.as_deref(),
                    "waiting for its first sale",
                );
                None
            }
        }
    }
}

/// Runs a source, and starts it again when it panics: that is a bug of ours, and must not silence a lane until
/// somebody restarts the gateway.
async fn kept_running<F>(
    source: String,
    stop: CancellationToken,
    start: impl Fn(CancellationToken) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        // Aborted with this task: a source must not outlive its stop.
        let running = AbortOnDropHandle::new(tokio::spawn(start(stop.clone())));
        let Err(failed) = running.await else { return };
        if !failed.is_panic() {
            return;
        }
        tracing::error!(
            source,
            "a source failed and starts again, which is a bug of ours: please report it"
        );
        if stop.run_until_cancelled(tokio::time::sleep(RESTART_WAIT)).await.is_none() {
            return;
        }
    }
}

fn wanted(config: &Config) -> BTreeMap<String, SourceSettings> {
    let cards = config.loyalty_rules();
    let devices = config.devices.iter().map(|device| {
        let cards = if reads_cards(device.driver) { cards.clone() } else { Vec::new() };
        (device.id.clone(), SourceSettings::Device(Box::new(device.clone()), cards))
    });
    let partners = config.partners.iter().map(|partner| {
        let settings = exchange::Settings::of(config, partner);
        (partner.id.clone(), SourceSettings::Partner(Box::new(settings)))
    });
    let terminals = config
        .terminals
        .iter()
        .map(|terminal| (terminal.id.clone(), SourceSettings::Terminal(terminal.clone())));
    devices.chain(partners).chain(terminals).collect()
}

/// Whether a device depends on the store's list of loyalty cards. Those of barcodes are found behind the journal.
fn reads_cards(driver: Driver) -> bool {
    match driver {
        Driver::SerialMagstripe | Driver::HidMagstripe | Driver::KeyboardWedge | Driver::Pcsc => {
            true
        }
        Driver::SerialScanner | Driver::HidScanner | Driver::Snapi | Driver::SerialScale => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_source_that_panics_starts_again() {
        let starts = Arc::new(AtomicU32::new(0));
        let stop = CancellationToken::new();
        let counted = Arc::clone(&starts);
        let source = move |stop: CancellationToken| {
            let nth = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(nth > 0, "on purpose");
                stop.cancelled().await;
            }
        };
        let running = tokio::spawn(kept_running("scanner-3".to_owned(), stop.clone(), source));
        while starts.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.cancel();
        running.await.unwrap();
        assert_eq!(starts.load(Ordering::Relaxed), 2, "a source that ends stays ended");
    }
}
