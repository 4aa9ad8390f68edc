//! TLS towards the broker: the authority and our certificate from their files, read anew for each connection.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use super::settings::{Connection, SettingsError};

/// What a handshake needs.
pub(super) fn client_config(connection: &Connection) -> Result<Arc<ClientConfig>, SettingsError> {
    let ca_file = connection.ca_file.as_deref().ok_or(SettingsError::Missing {
        missing: "ca_file",
        why: "mqtts needs the authority that signed the broker's certificate",
    })?;
    let roots = authorities(connection, ca_file)?;
    // The provider is passed, not installed: two crates of one process may otherwise disagree about the default.
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| pem("ca_file", ca_file, error.to_string()))?
            .with_root_certificates(roots);
    let config = match (&connection.client_cert_file, &connection.client_key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(connection, "client_cert_file", certificate)?;
            let secret = private_key(connection, key)?;
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                let problem = format!(
                    "does not belong to the key {}, or is not usable: {error}",
                    key.display()
                );
                pem("client_cert_file", certificate, problem)
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn authorities(connection: &Connection, path: &Path) -> Result<RootCertStore, SettingsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(connection, "ca_file", path)? {
        roots.add(certificate).map_err(|error| {
            pem("ca_file", path, format!("holds a certificate that is no authority: {error}"))
        })?;
    }
    Ok(roots)
}

fn certificates(
    connection: &Connection,
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let text =
        connection.files.public(path).map_err(|source| SettingsError::File { key, source })?;
    let chain = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(key, path, format!("is damaged: {error}")))?;
    if chain.is_empty() {
        let problem = "holds no certificate: expected PEM, -----BEGIN CERTIFICATE-----";
        return Err(pem(key, path, problem.to_owned()));
    }
    Ok(chain)
}

fn private_key(
    connection: &Connection,
    path: &Path,
) -> Result<PrivateKeyDer<'static>, SettingsError> {
    const KEY: &str = "client_key_file";
    let text =
        connection.files.secret(path).map_err(|source| SettingsError::File { key: KEY, source })?;
    PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()).map_err(|error| {
        let problem = match error {
            PemError::NoItemsFound => {
                "holds no private key: expected PEM, -----BEGIN PRIVATE KEY-----, without a passphrase"
                    .to_owned()
            }
            // The error of a damaged file could quote it.
            _ => "is damaged: expected a private key as PEM".to_owned(),
        };
        pem(KEY, path, problem)
    })
}

fn pem(key: &'static str, path: &Path, problem: String) -> SettingsError {
    SettingsError::Pem { key, path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::settings::Version;
    use super::*;

    #[test]
    fn a_wrong_file_is_named_with_what_is_expected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let mut connection =
            Connection::plain("mqtts://broker".parse().unwrap(), Version::V5, "client");
        connection.ca_file = Some(path.clone());

        let missing = client_config(&connection).unwrap_err();
        assert!(matches!(missing, SettingsError::File { key: "ca_file", .. }));
        fs::write(&path, "hello").unwrap();
        let message = client_config(&connection).unwrap_err().to_string();
        let expected = format!("mqtt.ca_file: {} holds no certificate", path.display());
        assert!(message.starts_with(&expected), "{message}");
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let message = client_config(&connection).unwrap_err().to_string();
        assert!(message.contains("is no authority"), "{message}");
    }

    #[test]
    fn a_key_that_is_none_is_not_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.key");
        fs::write(&path, "s3cret words").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let connection =
            Connection::plain("mqtts://broker".parse().unwrap(), Version::V5, "client");
        let message = private_key(&connection, &path).unwrap_err().to_string();
        assert!(
            message.contains("holds no private key") && !message.contains("s3cret"),
            "{message}"
        );
    }
}
