//! The daemon: builds everything, starts it, reloads it, drains it.
//!
//! In: a configuration file, signals. Out: a gateway that runs until it is told to stop. Never: data; it flows through
//! the parts that are put together here.

mod admin;
mod daemon;
pub(crate) mod keys;
mod sources;
mod status;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Loaded};
use crate::control::{Handler, Request, Response};
use crate::store::{self, Store, StoreOptions};
use crate::telemetry::logs::Logs;
use crate::telemetry::service;

use admin::Admin;
pub use daemon::{Daemon, DaemonOptions, StartError};

/// `tillgate run`: works until SIGTERM or SIGINT. SIGHUP reads the configuration again.
pub async fn run(path: &Path, loaded: Loaded) -> anyhow::Result<()> {
    let logs = Arc::new(Logs::start(&loaded.config.log)?);
    banner(&loaded);
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let data_dir = loaded.config.gateway.data_dir.clone();
    let mut daemon = Daemon::start(loaded, Arc::new(SystemClock), DaemonOptions::default()).await?;
    daemon.say_repeats(Arc::clone(&logs));
    service::ready("taking inputs");
    let damage = loop {
        tokio::select! {
            wish = signals.next() => if let Wish::Stop = wish { break None },
            problem = daemon.damage() => break Some(problem),
        }
        service::reloading();
        tokio::select! {
            () = reload(path, &mut daemon, &logs) => {}
            // What the reload was about to stop is stopped with all the rest, within one time.
            () = signals.stop() => break None,
        }
        service::ready("taking inputs");
    };
    if let Some(problem) = &damage {
        // Not a word to the service manager: it starts the gateway again, and a start recovers.
        tracing::error!(
            problem,
            "the journal is damaged: stopping, so that the next start recovers it"
        );
        if let Err(error) = store::suspect(&data_dir, problem) {
            tracing::error!(%error, "no word could be left for the next start: `tillgate verify --recover` recovers it");
        }
    } else {
        service::stopping("finishing what is in hand");
        tracing::info!("stopping: no new inputs, finishing what is in hand");
    }
    daemon.stop().await;
    tracing::info!("stopped");
    match damage {
        None => Ok(()),
        Some(problem) => {
            anyhow::bail!("the journal is damaged ({problem}): start again, a start recovers it")
        }
    }
}

/// One line says what runs; the parts add a line for each listener, source and the broker.
fn banner(loaded: &Loaded) {
    let gateway = &loaded.config.gateway;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        gateway = format!("{}/{}/{}", gateway.org, gateway.store, gateway.id),
        data_dir = %gateway.data_dir.display(),
        config = loaded.config.version,
        "tillgate starts"
    );
    for warning in &loaded.warnings.list {
        tracing::warn!(key = warning.key, "{}", warning.message);
    }
}

/// A file with an error changes nothing: the configuration in force stays.
async fn reload(path: &Path, daemon: &mut Daemon, logs: &Logs) {
    match Config::load(path) {
        Ok(loaded) => {
            if let Err(error) = logs.set_level(&loaded.config.log.level) {
                tracing::warn!("{error}; the log level stays as it was");
            }
            daemon.reload(loaded).await;
        }
        Err(errors) => {
            tracing::error!(
                "the configuration was not reloaded, the one before stays in force: {errors}"
            );
        }
    }
}

/// What a signal asks for.
enum Wish {
    Reload,
    Stop,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            () = Self::either(&mut self.terminate, &mut self.interrupt) => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    async fn stop(&mut self) {
        Self::either(&mut self.terminate, &mut self.interrupt).await;
    }

    async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// SIGTERM or SIGINT, for commands that have nothing to reload.
pub async fn stop_signal() -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    while let Wish::Reload = signals.next().await {}
    Ok(())
}

/// Looking must not make a journal, since the folder may be the wrong one; importing may, in a folder that is there.
fn expect_data(data_dir: &Path, request: &Request) -> anyhow::Result<()> {
    let imports =
        matches!(request, Request::ImportCustomers { .. } | Request::ImportProducts { .. });
    if imports {
        return expect_data_dir(data_dir);
    }
    let journal = store::journal_path(data_dir);
    anyhow::ensure!(
        present(&journal)?,
        "there is no journal at {}: has the gateway ever run with this configuration?",
        journal.display()
    );
    Ok(())
}

/// The daemon makes its folder at the first start, as the user that it runs as.
pub(crate) fn expect_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    let shown = data_dir.display();
    anyhow::ensure!(present(data_dir)?, "there is no data_dir {shown} yet: start the gateway once");
    if !present(&store::journal_path(data_dir))? {
        // A journal that root made, the daemon could not open.
        let owner = std::fs::metadata(data_dir)?.uid();
        anyhow::ensure!(
            owner == rustix::process::geteuid().as_raw(),
            "there is no journal in {shown} yet: start the gateway once, or run this as the daemon's user"
        );
    }
    Ok(())
}

/// Whether a file or folder of the daemon is there. Not being let in says nothing about it.
pub(crate) fn present(path: &Path) -> anyhow::Result<bool> {
    let known = path.try_exists();
    if known.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        let path = path.display();
        anyhow::bail!("{path} belongs to the daemon's user: run this as root or as that user");
    }
    known.with_context(|| format!("cannot look at {}", path.display()))
}

/// Does what a command asks on the data of a stopped daemon. The lock of the data folder keeps a daemon from starting
/// meanwhile.
pub fn offline(loaded: Loaded, request: Request) -> anyhow::Result<Response> {
    let config = loaded.config;
    expect_data(&config.gateway.data_dir, &request)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store =
            Store::open(StoreOptions::from(config.as_ref()), Arc::clone(&clock), Arc::default())
                .await?;
        let admin = Admin::of_stopped(store.clone(), &config, clock)?;
        let response = admin.handle(request).await;
        store.close().await;
        match response {
            Response::Refused { message } => anyhow::bail!(message),
            response => Ok(response),
        }
    })
}
