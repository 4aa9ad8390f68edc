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
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Loaded};
use crate::forward::{self, Connection, TailEvent, TailSettings, Version};
use crate::run::{Daemon, DaemonOptions, StartError, stop_signal};
use crate::web::BindError;
use store_floor::Floor;
use table::Table;

/// The port of a real gateway, so that the demo's page is where the documentation says.
const PAGE_PORT: u16 = 8420;

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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let broker = broker::start().context("cannot start the demo's broker")?;
    let page = page_address(options.port)?;
    let token = hex::encode(rand::random::<[u8; 32]>());
    let floor = Floor::open(token.clone()).context("cannot make the demo's pseudo terminals")?;
    let loaded = configuration(folder.path(), broker, page, (&floor, &token))?;

    let table = Table::new(options.json, clock.now());
    let stop = CancellationToken::new();
    let tail = print_records(broker, table, Arc::clone(&clock), stop.clone());
    let daemon = Daemon::start(loaded, Arc::clone(&clock), DaemonOptions { open_pages: true })
        .await
        .map_err(|error| unstarted(error, page))?;
    daemon.admin().import(&shop::customers_csv(), &shop::products_csv()).await?;
    table::banner(options.json, page, broker)?;
    let partner_folder = folder.path().join("data/edi/bigbox");
    let actors = [
        tokio::spawn(floor.work(page, clock, stop.clone())),
        tokio::spawn(partner::work(
            partner_folder,
            move |text| table::note(options.json, &format!("{:11}{text}", "")),
            stop.clone(),
        )),
    ];

    let outcome = ended(options.run_for, actors).await;
    stop.cancel();
    daemon.stop().await;
    outcome.and(tail.await?)
}

/// The demo has no configuration that people could change, but an option.
fn unstarted(error: StartError, page: SocketAddr) -> anyhow::Error {
    match error {
        StartError::Listen(BindError::Listen { source, .. }) => anyhow::anyhow!(
            "the status page cannot listen on {page}: {source}; choose another port with --port"
        ),
        other => other.into(),
    }
}

/// Ctrl-C, SIGTERM, the end of the time that was asked for, or an actor that failed.
async fn ended(
    run_for: Option<Duration>,
    actors: [JoinHandle<anyhow::Result<()>>; 2],
) -> anyhow::Result<()> {
    let time = async {
        match run_for {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let [floor, partner] = actors;
    tokio::select! {
        signal = stop_signal() => Ok(signal?),
        () = time => Ok(()),
        outcome = floor => outcome?,
        outcome = partner => outcome?,
    }
}

/// Prints what comes back from the broker.
fn print_records(
    broker: SocketAddr,
    mut table: Table,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(async move {
        let address = format!("mqtt://{broker}").parse()?;
        let connection = Connection::plain(address, Version::V5, "tillgate-demo-table");
        let tail = forward::tail(TailSettings::all_records(connection), |event| match event {
            // The reader of a pipe went away: nobody wants more.
            TailEvent::Message(payload) if table.row(payload, clock.now()).is_err() => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        stop.run_until_cancelled(tail).await;
        Ok(())
    })
}

fn page_address(port: Option<u16>) -> std::io::Result<SocketAddr> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(PAGE_PORT)));
    if port.is_some() || TcpListener::bind(wanted).is_ok() {
        return Ok(wanted);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The demo's configuration, which is read like any other.
fn configuration(
    folder: &Path,
    broker: SocketAddr,
    page: SocketAddr,
    (floor, token): (&Floor, &str),
) -> anyhow::Result<Loaded> {
    let [scanner_1, scanner_2, reader_2] = floor.ports().map(|port| port.display().to_string());
    let token_hash = hex::encode(Sha256::digest(token));
    let data_dir = folder.join("data").display().to_string();
    let text = format!(
        r#"
[gateway]
org = "demo"
store = "0042"
id = "gw-1"
data_dir = "{data_dir}"
currency = "CNY"

[mqtt]
url = "mqtt://{broker}"
no_subscriber = "deliver"

[http]
listen = "{page}"

[edi]
x12 = {{ qualifier = "ZZ", id = "ACME" }}

[log]
level = "warn,rumqttd=off"

[[lane]]
id = "1"

[[lane]]
id = "2"

[[terminal]]
id = "03"
lane = "1"
token_sha256 = "{token_hash}"

[[device]]
id = "scanner-1"
lane = "1"
driver = "serial-scanner"
port = "{scanner_1}"

[[device]]
id = "scanner-2"
lane = "2"
driver = "serial-scanner"
port = "{scanner_2}"

[[device]]
id = "reader-2"
lane = "2"
driver = "serial-magstripe"
port = "{reader_2}"

[[partner]]
id = "bigbox"
x12 = {{ qualifier = "ZZ", id = "BIGBOX" }}
"#
    );
    Config::parse(Path::new("demo.toml"), &text).context("the demo's configuration")
}
