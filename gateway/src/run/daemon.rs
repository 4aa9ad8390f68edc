//! The running gateway: its parts, in the order in which they start, and the reverse order in which they stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::Admin;
use super::keys::{self, KeyError};
use super::sources::{Sources, Surroundings};
use super::status::StatusBoard;
use crate::clock::Clock;
use crate::config::{Config, Loaded, Mqtt};
use crate::pipeline::Pipeline;
use crate::store::{OpenError, Store};
use crate::telemetry::board::Board;
use crate::telemetry::exporter::{Exporter, ExporterError};
use crate::telemetry::logs::Logs;
use crate::telemetry::pulse::Pulse;
use crate::telemetry::service::{self, Watch};
use crate::{control, forward, web};

/// The forwarder waits up to three seconds for its window; a little more is a fault.
const FORWARDER_WAIT: Duration = Duration::from_millis(3500);
/// Listeners finish the requests in hand.
const LISTENER_WAIT: Duration = Duration::from_millis(1000);

/// Figures, watchdog, metrics.
const BACKGROUND_WAIT: Duration = Duration::from_millis(200);
/// All of it, a little less than the five seconds of the contract.
const STOP_WITHIN: Duration = Duration::from_millis(4300);
/// Of these the journal gets so much, however long the others took.
const STORE_WAIT: Duration = Duration::from_millis(800);

/// How a daemon differs from the ordinary.
#[derive(Debug, Clone, Copy, Default)]
pub struct DaemonOptions {
    /// Pages need no login. For the demo, which listens on the loopback interface only.
    pub open_pages: bool,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A listener.
    #[error(transparent)]
    Listen(#[from] web::BindError),
    /// The broker's settings.
    #[error(transparent)]
    Broker(#[from] forward::SettingsError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] control::ListenError),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] ExporterError),
}

impl StartError {
    /// Whether another configuration is needed: the service manager would try again in vain.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        use web::BindError::{Exposure, Tls};
        matches!(self, Self::Broker(_) | Self::Listen(Exposure(_) | Tls { .. }))
    }
}

/// The running gateway.
pub struct Daemon {
    store: Store,
    clock: Arc<dyn Clock>,
    board: Arc<Board>,
    config: watch::Sender<Arc<Config>>,
    sources: Sources,
    admin: Arc<Admin>,
    forwarder: Forwarder,
    /// What the forwarder works by: the configuration's section, unless a file of it could not be used at a reload.
    mqtt: Mqtt,
    listeners: Group,
    background: Group,
}

/// Tasks that end together.
#[derive(Default)]
struct Group {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Group {
    fn run<T>(&self, task: impl FnOnce(CancellationToken) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Tells the tasks to end, and waits for the last.
    async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The forwarder's task, which is replaced when the broker's settings change.
struct Forwarder {
    stop: CancellationToken,
    task: JoinHandle<()>,
    pulse: Arc<Pulse>,
}

impl Daemon {
    /// Starts everything. When this returns, inputs are taken; the broker need not have answered yet, since a till must
    /// work without it.
    pub async fn start(
        loaded: Loaded,
        clock: Arc<dyn Clock>,
        options: DaemonOptions,
    ) -> Result<Self, StartError> {
        let config = loaded.config;
        let started_at = clock.now();
        let (board, writer_pulse) = (Arc::new(Board::default()), Arc::new(Pulse::default()));
        let broker = forward::Settings::load(&config)?;
        let sockets = web::bind(&config).await?;
        let options_of_store = config.as_ref().into();
        let store =
            Store::open(options_of_store, Arc::clone(&clock), Arc::clone(&writer_pulse)).await?;
        let keys = keys::load(&config)?;
        let exporter = Exporter::start()?;
        let (config_sender, config_receiver) = watch::channel(Arc::clone(&config));

        let pipeline = Arc::new(Pipeline::new(
            store.clone(),
            Arc::clone(&board),
            Arc::clone(&clock),
            keys.customer.clone(),
            config_receiver.clone(),
        ));
        let (watched, since) = (config_receiver.clone(), started_at);
        let status =
            StatusBoard::new(store.clone(), Arc::clone(&board), watched, Arc::clone(&clock), since);
        let status = status.gathered_once().await;
        let admin = Arc::new(Admin::new(
            store.clone(),
            Arc::clone(&pipeline),
            Arc::clone(&status),
            keys.customer,
        ));

        let services = web::Services {
            intake: Arc::clone(&pipeline),
            status: Arc::clone(&status),
            board: Arc::clone(&board),
            clock: Arc::clone(&clock),
            config: config_receiver,
            metrics: metrics_of(exporter.clone()),
            open: options.open_pages,
        };
        let socket = control::Listener::open(&config.gateway.data_dir)?;
        let listeners = Group::default();
        listeners.run(|stop| web::serve(sockets, services, stop));
        listeners.run(|stop| control::serve(socket, Arc::clone(&admin), stop));

        let mut sources = Sources::new(Surroundings {
            pipeline,
            store: store.clone(),
            board: Arc::clone(&board),
            clock: Arc::clone(&clock),
            token_key: keys.token,
        });
        sources.start_missing(&config);
        let forwarder =
            Forwarder::start(broker, &store, &board, &clock, Arc::new(Pulse::default()));

        let pulses = [("writer", writer_pulse), ("forwarder", Arc::clone(&forwarder.pulse))];
        let background = start_background(exporter, &status, pulses);

        Ok(Self {
            store,
            clock,
            board,
            config: config_sender,
            sources,
            admin,
            forwarder,
            mqtt: config.mqtt.clone(),
            listeners,
            background,
        })
    }

    /// Puts another configuration in force: sources, tokens, limits and the broker. What needs a restart is said.
    pub async fn reload(&mut self, loaded: Loaded) {
        let before = Arc::clone(&self.config.borrow());
        warn_of_restart(&before, &loaded.config);
        let config = Arc::new(with_fixed_sections(&before, &loaded.config));
        // First what leaves, then the configuration, then what comes: no source works by another's configuration.
        self.sources.stop_leaving(&config).await;
        self.config.send_replace(Arc::clone(&config));
        self.sources.start_missing(&config);
        if self.mqtt != config.mqtt {
            self.replace_forwarder(&config).await;
        }
        tracing::info!(before = before.version, now = config.version, "configuration reloaded");
    }

    async fn replace_forwarder(&mut self, config: &Config) {
        match forward::Settings::load(config) {
            Ok(settings) => {
                self.store.confirm_by(config.mqtt.confirm);
                self.forwarder.stop(FORWARDER_WAIT).await;
                let pulse = Arc::clone(&self.forwarder.pulse);
                self.forwarder =
                    Forwarder::start(settings, &self.store, &self.board, &self.clock, pulse);
                self.mqtt = config.mqtt.clone();
            }
            Err(error) => {
                let problem = forward::with_causes(&error);
                tracing::error!(
                    problem,
                    "the broker's settings stay as they were: mend it and reload once more"
                );
            }
        }
    }

    /// What the control socket answers with, for the demo and for commands within this process.
    #[must_use]
    pub fn admin(&self) -> &Arc<Admin> {
        &self.admin
    }

    /// Says from time to time which log lines were held back as repeats.
    pub fn say_repeats(&self, logs: Arc<Logs>) {
        self.background.run(|stop| async move { logs.tell_repeats(stop).await });
    }

    /// Waits until the journal turns out to be damaged, and says how.
    pub(super) async fn damage(&self) -> String {
        self.store.damage().await
    }

    /// Takes no new inputs, finishes what is in hand, lets the broker acknowledge, closes the journal: within five
    /// seconds by contract.
    pub async fn stop(mut self) {
        let end = Instant::now() + STOP_WITHIN;
        let listeners_done = tokio::time::timeout(LISTENER_WAIT, self.listeners.end());
        let ((), listeners) = tokio::join!(self.sources.stop_all(), listeners_done);
        if listeners.is_err() {
            tracing::warn!(
                "requests were still open; their senders repeat what they have no answer for"
            );
        }
        let left = end.saturating_duration_since(Instant::now() + STORE_WAIT + BACKGROUND_WAIT);
        self.forwarder.stop(left.min(FORWARDER_WAIT)).await;
        // They only read and show.
        let _shown = tokio::time::timeout(BACKGROUND_WAIT, self.background.end()).await;
        if tokio::time::timeout_at(end, self.store.close()).await.is_err() {
            tracing::warn!(
                "the disk did not take the last writes in time; what was accepted is in the journal, and some records are sent again"
            );
        }
    }
}

impl Forwarder {
    fn start(
        settings: forward::Settings,
        store: &Store,
        board: &Arc<Board>,
        clock: &Arc<dyn Clock>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let stop = CancellationToken::new();
        let surroundings = forward::Surroundings {
            board: Arc::clone(board),
            pulse: Arc::clone(&pulse),
            clock: Arc::clone(clock),
            chance: forward::ordinary_chance(),
            network: Arc::new(forward::Network),
            stop: stop.clone(),
        };
        let task = tokio::spawn(forward::run(settings, store.clone(), surroundings));
        Self { stop, task, pulse }
    }

    async fn stop(&mut self, wait: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(wait, &mut self.task).await.is_err() {
            tracing::warn!(
                "the broker did not acknowledge in time; the rest is sent after the next start"
            );
            self.task.abort();
        }
    }
}

fn metrics_of(exporter: Exporter) -> web::RenderMetrics {
    Arc::new(move || exporter.render())
}

/// What keeps the figures fresh and the watchdog fed.
fn start_background(
    exporter: Exporter,
    status: &Arc<StatusBoard>,
    pulses: [(&'static str, Arc<Pulse>); 2],
) -> Group {
    let group = Group::default();
    let watch =
        pulses.into_iter().fold(Watch::default(), |watch, (name, pulse)| watch.task(name, pulse));
    let (line, board) = (Arc::clone(status), Arc::clone(status));
    group.run(|stop| exporter.upkeep(stop));
    group.run(|stop| board.refresh(stop));
    group.run(|stop| service::watch(watch, move || line.line(), stop));
    group
}

/// The sections that are fixed when the daemon starts stay as they were, in whatever asks for them: a store that
/// changed its number in the keys and not in the events would count sales twice.
fn with_fixed_sections(before: &Config, after: &Config) -> Config {
    Config {
        gateway: before.gateway.clone(),
        http: before.http.clone(),
        terminal_stream: before.terminal_stream.clone(),
        disk: before.disk.clone(),
        retention: before.retention.clone(),
        cards: before.cards.clone(),
        ..after.clone()
    }
}

fn warn_of_restart(before: &Config, after: &Config) {
    let fixed = [
        ("[gateway]", before.gateway == after.gateway),
        ("[http]", before.http == after.http),
        ("[terminals]", before.terminal_stream == after.terminal_stream),
        ("[disk]", before.disk == after.disk),
        ("[retention]", before.retention == after.retention),
        ("[cards]", before.cards == after.cards),
    ];
    for (section, _) in fixed.iter().filter(|(_, same)| !same) {
        tracing::warn!(section, "the change takes effect at the next start");
    }
}
