//! Why a connection ended, in words for people and one word for the metric.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::settings::Connection;

/// The reason that a login was refused, or a right is missing.
const NOT_AUTHORIZED: &str = "not_authorized";

/// The reason that a client id was refused.
const CLIENT_ID: &str = "client_id";

/// Why a connection ended, or never began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Trouble {
    /// The label of `broker_reconnects_total`: one of few.
    pub(super) reason: &'static str,
    /// What is wrong and what to do.
    pub(super) words: String,
}

impl Trouble {
    pub(super) fn new(reason: &'static str, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }

    /// Any error of the client or the system. TLS wraps its reasons deep in I/O errors.
    #[must_use]
    pub fn of_error(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(tls) = current.downcast_ref::<rustls::Error>() {
                return of_tls(tls);
            }
            if let Some(io) = current.downcast_ref::<io::Error>() {
                return of_io(io);
            }
            cause = current.source();
        }
        Self::new("protocol", format!("the connection to the broker failed: {error}"))
    }

    pub(super) fn closed() -> Self {
        Self::new("closed", "the broker closed the connection")
    }

    /// Whether the broker did not like the client id.
    #[must_use]
    pub fn is_of_client_id(&self) -> bool {
        self.reason == CLIENT_ID
    }

    /// Whether a connection ended without a reason that concerns all of it: the broker, or the way to it, cut it, or a
    /// publish was never answered.
    pub(super) fn may_be_of_a_record(&self) -> bool {
        matches!(self.reason, "closed" | "reset" | "disconnected" | "silent" | "unanswered")
    }

    /// The same trouble, which came again and again when one record was sent.
    pub(super) fn at_record(self, record: u64, times: u32) -> Self {
        let words = format!(
            "{}, {times} times when record {record} was sent: the broker's log should say why; may this gateway publish to its topic `records`?",
            self.words
        );
        Self::new(self.reason, words)
    }

    /// The same trouble, if the connection ended, with what an end at this point makes likely.
    pub(super) fn hint_if_cut(self, hint: &str) -> Self {
        match self.reason {
            "closed" | "reset" => Self::new(self.reason, format!("{}, {hint}", self.words)),
            _ => self,
        }
    }

    /// What a refused login shows only with what was sent.
    pub(super) fn of_login(self, connection: &Connection) -> Self {
        if self.reason != NOT_AUTHORIZED {
            return self;
        }
        let sent = match &connection.username {
            Some(user) => format!("{user} was sent"),
            None => "no user name was sent".to_owned(),
        };
        let client = &connection.client_id;
        Self::new(
            NOT_AUTHORIZED,
            format!(
                "the broker refuses this gateway: check mqtt.username and mqtt.password_file ({sent}), then its access rules for client id {client}"
            ),
        )
    }

    pub(super) fn no_connack(seconds: u64) -> Self {
        Self::new(
            "no_connack",
            format!(
                "the broker took the connection but did not answer CONNECT within {seconds} s: is it overloaded, or is something else listening on this port?"
            ),
        )
    }

    pub(super) fn silent(seconds: u64) -> Self {
        Self::new(
            "silent",
            format!(
                "nothing came from the broker for {seconds} s while a message waited for its answer: is it stopped or overloaded, or the network down?"
            ),
        )
    }

    pub(super) fn unanswered(seconds: u64) -> Self {
        Self::new(
            "unanswered",
            format!(
                "the broker took a message and did not acknowledge it for {seconds} s: is it overloaded?"
            ),
        )
    }

    pub(super) fn not_authorized() -> Self {
        Self::new(
            NOT_AUTHORIZED,
            "the broker does not let this gateway in: check mqtt.username and mqtt.password_file, then the broker's access rules for this client id and user",
        )
    }

    pub(super) fn bad_password() -> Self {
        Self::new(
            "bad_password",
            "the broker refused user name or password: check mqtt.username and mqtt.password_file",
        )
    }

    pub(super) fn client_id_refused() -> Self {
        Self::new(
            CLIENT_ID,
            "the broker refused the client id: check gateway.org, gateway.store and gateway.id against its rules",
        )
    }

    pub(super) fn wrong_version() -> Self {
        Self::new(
            "version",
            "the broker does not speak this MQTT version: set mqtt.version to 3, or to 5",
        )
    }

    pub(super) fn unavailable() -> Self {
        Self::new(
            "unavailable",
            "the broker is up but not in service: it says so itself; wait, or ask its operator",
        )
    }

    pub(super) fn taken_over() -> Self {
        Self::new(
            "taken_over",
            "another client connected with our client id: two gateways share org, store and id; give one of them another gateway.id",
        )
    }
}

fn of_io(error: &io::Error) -> Trouble {
    // An I/O error does not show what it wraps as its source, but as its content.
    if let Some(inner) = error.get_ref() {
        let inner: &(dyn Error + 'static) = inner;
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Trouble::new(
            "refused",
            "nothing listens there: check host and port of mqtt.url, and whether the broker runs",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Trouble::new(
            "unreachable",
            "the network has no way to the broker: check cable, router and firewall of the store",
        ),
        io::ErrorKind::UnexpectedEof => Trouble::closed(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => {
            Trouble::new("reset", "the connection to the broker was cut")
        }
        io::ErrorKind::TimedOut => {
            Trouble::new("timeout", "the broker did not answer in time: check network and firewall")
        }
        _ => Trouble::new("io", format!("the connection to the broker failed: {error}")),
    }
}

fn of_tls(error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            Trouble::new("certificate", of_certificate(reason))
        }
        rustls::Error::AlertReceived(alert) => Trouble::new("tls_alert", of_alert(*alert)),
        rustls::Error::InvalidMessage(_) => Trouble::new(
            "tls",
            "the broker does not speak TLS on this port: use mqtt:// or the port for mqtts",
        ),
        other => Trouble::new("tls", format!("TLS with the broker failed: {other}")),
    }
}

fn of_certificate(reason: &CertificateError) -> String {
    match reason {
        // A new authority of the same name shows as a wrong signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the broker's certificate was not signed by the authority in mqtt.ca_file: is it the right file, or did the broker change its certificate?".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the broker's certificate has expired: have it renewed; if it has not, the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the broker's certificate is not valid yet: is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the broker's certificate is for another name: write the name in the certificate into mqtt.url".to_owned()
        }
        other => format!("the broker's certificate cannot be trusted: {other}"),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "the broker demands a client certificate: set mqtt.client_cert_file and mqtt.client_key_file".to_owned()
        }
        AlertDescription::HandshakeFailure => {
            "the broker ended the TLS handshake: it may demand a client certificate (mqtt.client_cert_file)".to_owned()
        }
        AlertDescription::CertificateExpired => {
            "the broker says that our certificate has expired: renew mqtt.client_cert_file".to_owned()
        }
        AlertDescription::CertificateRevoked => {
            "the broker says that our certificate was revoked: get a new one for mqtt.client_cert_file".to_owned()
        }
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "the broker does not trust our certificate: was mqtt.client_cert_file signed by its authority?".to_owned()
        }
        other => format!("the broker ended TLS: {other:?}"),
    }
}
