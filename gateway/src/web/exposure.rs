//! Who could listen to what terminals say: a pure look at the configuration.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;

/// Why the listeners must not be opened as configured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExposureError {
    /// Half a certificate.
    #[error("[http] {present} is set without {missing}: TLS needs both")]
    HalfCertificate {
        /// The key that is set.
        present: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// Plain text towards other machines.
    #[error(
        "{key} = \"{listen}\" is reachable from other machines without TLS, so that tokens and sales could be read on the way: set [http] tls_cert_file and tls_key_file, or listen on 127.0.0.1, or set [http] allow_plaintext = true where the network is protected otherwise"
    )]
    Plaintext {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        listen: String,
    },
}

/// Whether the listeners may be opened as configured. Opens nothing and asks no name server.
pub fn check_exposure(config: &Config) -> Result<(), ExposureError> {
    let half = |present, missing| Err(ExposureError::HalfCertificate { present, missing });
    match (&config.http.tls_cert_file, &config.http.tls_key_file) {
        (Some(_), None) => return half("tls_cert_file", "tls_key_file"),
        (None, Some(_)) => return half("tls_key_file", "tls_cert_file"),
        (Some(_), Some(_)) => return Ok(()),
        (None, None) if config.http.allow_plaintext => return Ok(()),
        (None, None) => {}
    }
    let stream = config.terminal_stream.listen.as_deref().map(|at| ("[terminals] listen", at));
    for (key, listen) in [("[http] listen", config.http.listen.as_str())].into_iter().chain(stream)
    {
        if !is_loopback(listen) {
            return Err(ExposureError::Plaintext { key, listen: listen.to_owned() });
        }
    }
    Ok(())
}

/// A name other than `localhost` may mean any machine.
fn is_loopback(listen: &str) -> bool {
    let address = listen.parse::<SocketAddr>().map(|address| address.ip().to_canonical());
    match address {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => listen.split(':').next() == Some("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_hears_plain_text() {
        for here in ["127.0.0.1:8420", "127.8.0.1:1", "[::1]:8420", "localhost:8420"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["0.0.0.0:8420", "[::]:8420", "192.0.2.7:80", "till.example:8420", "", ":80"] {
            assert!(!is_loopback(there), "{there}");
        }
        assert!(is_loopback("[::ffff:127.0.0.1]:80"));
    }
}
