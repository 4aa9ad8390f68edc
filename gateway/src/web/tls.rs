//! TLS for both listeners: TLS 1.2 and 1.3 by rustls with ring.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use tokio_rustls::TlsAcceptor;

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file.
    #[error(
        "cannot read certificates: expected a file of PEM blocks, the server's certificate first"
    )]
    Certificate(#[source] pem::Error),
    /// The certificate file holds none.
    #[error(
        "the certificate file holds no certificate: expected PEM blocks, the server's certificate first"
    )]
    NoCertificate,
    /// The key file.
    #[error("cannot read the private key: expected a PEM file that the daemon may read")]
    Key(#[source] pem::Error),
    /// They do not belong together, or the key is of an unknown kind.
    #[error(
        "certificate and key cannot be used together: expected the key of the first certificate"
    )]
    Mismatch(#[source] rustls::Error),
}

/// Accepts TLS with a certificate.
pub(super) fn acceptor(cert_file: &Path, key_file: &Path) -> Result<TlsAcceptor, TlsError> {
    let chain = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(TlsError::Key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Mismatch)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
