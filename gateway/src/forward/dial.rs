//! From a name to a stream that is ready for MQTT: DNS, TCP, TLS. The name is looked up anew each time.
//!
//! [`Dial`] is the seam at which a simulation stands in for the network.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::settings::Connection;
use super::tls;
use super::trouble::Trouble;
use crate::config::BrokerUrl;

/// What carries MQTT, with or without TLS.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Carrier for T {}

/// A connection.
pub type Stream = Box<dyn Carrier>;

/// How a broker is reached.
pub trait Dial: Send + Sync + 'static {
    /// Connects, with TLS where the address has it. Nobody waits longer than `limit` for it.
    fn dial<'a>(
        &'a self,
        connection: &'a Connection,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Stream, Trouble>>;
}

/// The network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network;

impl Dial for Network {
    fn dial<'a>(
        &'a self,
        connection: &'a Connection,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Stream, Trouble>> {
        connect(connection, limit).boxed()
    }
}

/// Connects. `limit` holds for all steps together.
pub(super) async fn dial(
    network: &dyn Dial,
    connection: &Connection,
    limit: Duration,
) -> Result<Stream, Trouble> {
    timeout(limit, network.dial(connection, limit)).await.unwrap_or_else(|_| {
        let words = format!(
            "no connection to {} within {} s: check network and firewall of the store",
            connection.address,
            limit.as_secs()
        );
        Err(Trouble::new("timeout", words))
    })
}

async fn connect(connection: &Connection, limit: Duration) -> Result<Stream, Trouble> {
    let address = &connection.address;
    let tcp = reach(&resolve(address).await?, limit).await.map_err(|error| {
        let trouble = Trouble::of_error(&error);
        Trouble::new(trouble.reason, format!("cannot reach {address}: {}", trouble.words))
    })?;
    // Small messages that are wanted at once.
    tcp.set_nodelay(true).map_err(|error| Trouble::of_error(&error))?;
    if !address.tls {
        return Ok(Box::new(tcp));
    }
    let config = tls::client_config(connection)
        .map_err(|error| Trouble::new("settings", with_causes(&error)))?;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| Trouble::new("settings", format!("{} is no name for TLS", address.host)))?;
    let stream = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| {
        let hint = "during the TLS handshake: does it speak TLS on this port? Without TLS the URL begins with mqtt://";
        Trouble::of_error(&error).hint_if_cut(hint)
    })?;
    Ok(Box::new(stream))
}

async fn resolve(address: &BrokerUrl) -> Result<Vec<SocketAddr>, Trouble> {
    let found: Vec<_> = lookup_host((address.host.as_str(), address.port))
        .await
        .map(Iterator::collect)
        .unwrap_or_default();
    if found.is_empty() {
        let words = format!(
            "the name {} cannot be resolved: check mqtt.url and the network's DNS",
            address.host
        );
        return Err(Trouble::new("dns", words));
    }
    Ok(found)
}

/// One address after the other, so that a dead one leaves time for the rest.
async fn reach(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for address in addresses {
        match timeout(limit / count, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// An error with everything that led to it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
