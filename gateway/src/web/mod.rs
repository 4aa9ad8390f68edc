//! The HTTP listener: interface for terminals and partners, pages and metrics for people and machines. It also
//! opens the terminals' TCP stream, since both share limits, tokens and certificate.
//!
//! In: connections. Out: inputs for the pipeline, and answers after its commit. Never: a byte of a body before the
//! token is known, a connection, body or wait without limit, data of a request in a log.

mod answer;
mod body;
mod connection;
mod events;
mod exposure;
mod listener;
mod page;
mod routes;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use self::exposure::{ExposureError, check_exposure};
use self::listener::Room;
pub use self::tls::TlsError;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Config;
use crate::pipeline::Intake;
use crate::source::terminals::stream::Stream;
use crate::telemetry::board::Board;
use crate::telemetry::status::{Readiness, Status};

/// Where the pages get what they show.
pub trait StatusSource: Send + Sync + 'static {
    /// Everything, now. Called at most once a second for all pages together, and once for each `GET /v1/status`.
    fn status(&self) -> impl Future<Output = Status> + Send;

    /// Whether the gateway works. Must not wait: the service manager and load balancers ask.
    fn ready(&self) -> Readiness;
}

/// Renders the metrics as Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the listeners serve.
pub struct Services<I, S> {
    /// Where inputs go.
    pub intake: Arc<I>,
    /// What pages show.
    pub status: Arc<S>,
    /// What `/metrics` answers.
    pub metrics: RenderMetrics,
    /// Tokens and limits, as they are reloaded. Addresses and certificates are read once, by [`bind`].
    pub config: watch::Receiver<Arc<Config>>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where people see which terminal is connected.
    pub board: Arc<Board>,
    /// Pages need no login: for the demo, on a loopback address only.
    pub open: bool,
}

/// Listeners that are bound and not yet served.
pub struct Listeners {
    http: TcpListener,
    stream: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
}

impl Listeners {
    /// Where HTTP is served: with port 0 in the configuration the port that was given.
    pub fn http_address(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Where the TCP stream is served, if it is.
    pub fn stream_address(&self) -> Option<SocketAddr> {
        self.stream.as_ref().and_then(|stream| stream.local_addr().ok())
    }
}

/// Why the listeners could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Plain text towards other machines, or half a certificate.
    #[error(transparent)]
    Exposure(#[from] ExposureError),
    /// The certificate or its key.
    #[error("[http] cannot use the certificate {} with the key {}", cert_file.display(), key_file.display())]
    Tls {
        /// `tls_cert_file`
        cert_file: PathBuf,
        /// `tls_key_file`
        key_file: PathBuf,
        /// What is wrong with them.
        #[source]
        source: TlsError,
    },
    /// The address.
    #[error("{key} = \"{listen}\": cannot listen there; {help}")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address as configured.
        listen: String,
        /// What to do.
        help: &'static str,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// Opens what the configuration names.
pub async fn bind(config: &Config) -> Result<Listeners, BindError> {
    check_exposure(config)?;
    let tls = match (&config.http.tls_cert_file, &config.http.tls_key_file) {
        (Some(cert_file), Some(key_file)) => {
            let acceptor = tls::acceptor(cert_file, key_file).map_err(|source| BindError::Tls {
                cert_file: cert_file.clone(),
                key_file: key_file.clone(),
                source,
            })?;
            Some(acceptor)
        }
        _ => None,
    };
    let http = listen("[http] listen", &config.http.listen).await?;
    let stream = match &config.terminal_stream.listen {
        Some(address) => Some(listen("[terminals] listen", address).await?),
        None => None,
    };
    Ok(Listeners { http, stream, tls })
}

async fn listen(key: &'static str, address: &str) -> Result<TcpListener, BindError> {
    use std::io::ErrorKind;
    TcpListener::bind(address).await.map_err(|source| BindError::Listen {
        key,
        listen: address.to_owned(),
        help: match source.kind() {
            ErrorKind::AddrInUse => {
                "another program, or another tillgate, has it: stop that one or choose another port"
            }
            ErrorKind::PermissionDenied => {
                "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher port"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine has no such address: choose one that `ip address` shows, or 127.0.0.1"
            }
            ErrorKind::InvalidInput => "expected address and port, such as 127.0.0.1:8420",
            _ => "check address and port",
        },
        source,
    })
}

/// What all connections share.
pub(crate) struct Interface<I, S> {
    services: Services<I, S>,
    admission: Arc<Admission>,
    bodies: Semaphore,
    pages: events::Pages,
    stop: CancellationToken,
}

fn tell_addresses(listeners: &Listeners) {
    let tls = listeners.tls.is_some();
    if let Ok(address) = listeners.http_address() {
        tracing::info!(%address, tls, "listening for HTTP");
    }
    if let Some(address) = listeners.stream_address() {
        tracing::info!(%address, tls, "listening for the terminals' TCP stream");
    }
}

/// Serves until `stop`, then finishes what was begun, for at most ten seconds.
pub async fn serve<I: Intake, S: StatusSource>(
    listeners: Listeners,
    services: Services<I, S>,
    stop: CancellationToken,
) {
    let admission = Arc::new(Admission::new(services.config.clone()));
    let room = Arc::new(Room::new(admission.config().limits.connections));
    let stream = Arc::new(Stream::new(
        Arc::clone(&services.intake),
        Arc::clone(&admission),
        Arc::clone(&services.clock),
        Arc::clone(&services.board),
    ));
    let interface = Arc::new(Interface {
        services,
        admission,
        bodies: Semaphore::new(body::MEMORY_KIBIBYTES),
        pages: events::Pages::default(),
        stop: stop.clone(),
    });
    tell_addresses(&listeners);
    let tls = listeners.tls;
    let router = routes::router(Arc::clone(&interface));
    let http = listener::accept(listeners.http, tls.clone(), Arc::clone(&room), &stop, {
        let stop = stop.clone();
        move |io, peer| {
            let wait = interface.admission.config().limits.request_seconds;
            connection::serve(io, peer, (router.clone(), wait), stop.clone())
        }
    });
    let terminals = async {
        let Some(listener) = listeners.stream else { return };
        listener::accept(listener, tls.clone(), Arc::clone(&room), &stop, {
            let stop = stop.clone();
            move |mut io, peer| {
                let (stream, stop) = (Arc::clone(&stream), stop.clone());
                async move {
                    stream.serve(&mut io, peer, &stop).await;
                    Some(io)
                }
            }
        })
        .await;
    };
    tokio::join!(http, terminals);
}

#[cfg(test)]
mod tests;
