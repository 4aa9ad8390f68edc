//! `tillgate demo`: the whole gateway at work with nothing to install.
//!
//! A broker, two lanes on pseudo terminals, a till that posts its sales, an EDI partner that drops files: they use the
//! same drivers, listeners and folders as a real store, and what is printed comes back from the broker. Everything
//! lives in a temporary folder that is removed at the end.

mod broker;
mod partner;
mod shop;
mod store_floor;
mod table;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::forward;
use crate::run::{Daemon, DaemonOptions};

/// What the operator asked for.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Ends by itself after so long.
    pub run_for: Option<Duration>,
    /// Port of the status page; without it 8420, or a free one where that is taken.
    pub port: Option<u16>,
    /// One JSON event a line instead of the table.
    pub json: bool,
}

/// Runs the demo until the time is over or Ctrl-C.
pub async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("tillgate-demo-").tempdir()?;
    let broker = broker::start().context("cannot start the demo's broker")?;
    let page = page_address(options.port)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stop = CancellationToken::new();

    let floor = store_floor::Floor::open(folder.path())?;
    let loaded = configuration(folder.path(), broker, page, &floor)?;
    let daemon = Daemon::start(loaded, Arc::clone(&clock), DaemonOptions { open_pages: true }).await?;
    daemon.import_csv(shop::customers_csv().as_bytes(), shop::products_csv().as_bytes()).await?;

    let mut table = table::Table::new(options.json, clock.now());
    table.banner(page, broker, folder.path());
    let tail = tail(broker, table, stop.clone());
    let actors = [
        tokio::spawn(floor.work(page, Arc::clone(&clock), stop.clone())),
        tokio::spawn(partner::work(folder.path().join("data/edi/bigbox"), stop.clone())),
    ];
    ended(options.run_for).await;
    stop.cancel();
    for actor in actors {
        actor.await?;
    }
    daemon.stop().await;
    tail.await?
}

/// Ctrl-C, SIGTERM, or the end of the time that was asked for.
async fn ended(run_for: Option<Duration>) {
    let time = async {
        match run_for {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = crate::run::stop_signal() => {}
        () = time => {}
    }
}
