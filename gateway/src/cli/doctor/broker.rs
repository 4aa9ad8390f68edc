//! The way to the broker: name, TCP, TLS, certificate, login. The login has a client id of its own, so that the
//! daemon's connection stays; it leaves no session behind, and nothing is published.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::certificate::of_dates;
use super::{Check, Outcome};
use crate::clock::Clock;
use crate::config::certificate::validity;
use crate::config::{BrokerUrl, Config, Mqtt};
use crate::forward::{self, Connection, Settings};

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn checks(config: &Config, clock: &impl Clock) -> Vec<Check> {
    let urls = std::iter::once(&config.mqtt.url).chain(&config.mqtt.fallback_urls);
    let mut checks = Vec::new();
    for url in urls.filter_map(|url| url.parse().ok()) {
        checks.extend(of_broker(config, &url, clock).await);
    }
    checks
}

async fn of_broker(config: &Config, url: &BrokerUrl, clock: &impl Clock) -> Vec<Check> {
    let subject = url.to_string();
    let mut checks = Vec::new();
    match connect(url).await {
        Err(error) => {
            let hint = "is the broker on, and do the network, its name and the firewall let us through? sales are kept meanwhile";
            checks.push(Check::fail("broker.reachable", format!("{error:#}"), hint));
        }
        Ok(stream) => {
            checks.push(Check::ok("broker.reachable", "answers on TCP"));
            if url.tls {
                checks.extend(tls(&config.mqtt, url, stream, clock).await);
            } else {
                drop(stream);
            }
            // Without a way there is nothing to log in at.
            if checks.iter().all(|check| check.outcome != Outcome::Fail) {
                checks.extend(login(config, url).await);
            }
        }
    }
    checks.into_iter().map(|check| check.of(subject.clone())).collect()
}

/// None where the configuration does not say how: `config.valid` does.
async fn login(config: &Config, url: &BrokerUrl) -> Option<Check> {
    const ID: &str = "broker.login";
    let daemon = Settings::from_config(config).ok()?.connection;
    let client_id = format!("{}-doctor-{:04x}", daemon.client_id, rand::random::<u16>());
    let connection = Connection { address: url.clone(), client_id, ..daemon };
    Some(match forward::login(&connection, PATIENCE).await {
        Ok(()) => Check::ok(ID, "the broker lets us in"),
        Err(trouble) if trouble.is_of_client_id() => Check::warn(
            ID,
            format!("the broker refused the client id of this check, {}", connection.client_id),
            "where it takes only those that it knows, this says nothing: `daemon.broker` does",
        ),
        Err(trouble) => Check::fail(
            ID,
            trouble.to_string(),
            "sales are kept meanwhile; a corrected password file is read at the next attempt, for other keys reload the daemon",
        ),
    })
}

async fn connect(url: &BrokerUrl) -> anyhow::Result<TcpStream> {
    let connected = TcpStream::connect((url.host.as_str(), url.port));
    let stream = timeout(PATIENCE, connected).await.context("no answer within 5 seconds")?;
    Ok(stream?)
}

async fn tls(mqtt: &Mqtt, url: &BrokerUrl, stream: TcpStream, clock: &impl Clock) -> Vec<Check> {
    match handshake(mqtt, url, stream).await {
        Err(error) => {
            let hint = "does ca_file hold the authority of this broker, is its certificate made for this name, and is this machine's clock right?";
            vec![Check::fail("broker.tls", format!("{error:#}"), hint)]
        }
        Ok(certificate) => {
            let dates = certificate.as_deref().and_then(validity);
            let days = dates.map(|dates| of_dates("broker.certificate", dates, clock.now()));
            [Check::ok("broker.tls", "the certificate is trusted")]
                .into_iter()
                .chain(days)
                .collect()
        }
    }
}

/// The broker's own certificate, after a handshake that proved it.
async fn handshake(
    mqtt: &Mqtt,
    url: &BrokerUrl,
    stream: TcpStream,
) -> anyhow::Result<Option<CertificateDer<'static>>> {
    let connector = TlsConnector::from(Arc::new(client_config(mqtt)?));
    let name = ServerName::try_from(url.host.clone())?;
    let handshake = timeout(PATIENCE, connector.connect(name, stream));
    let stream = handshake.await.context("no TLS answer within 5 seconds")??;
    let (_, connection) = stream.get_ref();
    let certificates = connection.peer_certificates().unwrap_or_default();
    Ok(certificates.first().map(|certificate| certificate.clone().into_owned()))
}

fn client_config(mqtt: &Mqtt) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &mqtt.ca_file {
        let unreadable = || format!("cannot read ca_file {}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(unreadable)? {
            roots.add(certificate.with_context(unreadable)?)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let (Some(chain), Some(key)) = (&mqtt.client_cert_file, &mqtt.client_key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let unreadable = || "cannot read client_cert_file or client_key_file";
    let chain = CertificateDer::pem_file_iter(chain).with_context(unreadable)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(unreadable)?;
    Ok(builder.with_client_auth_cert(chain, key)?)
}
