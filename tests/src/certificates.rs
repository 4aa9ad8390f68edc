//! A small certificate authority, made by the `openssl` command: a CA, a server for the loopback, a client.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::run_tool;

/// Certificates and keys as PEM files in one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority.
    pub ca: PathBuf,
    /// For `127.0.0.1` and `localhost`.
    pub server: PathBuf,
    /// The server's private key.
    pub server_key: PathBuf,
    /// For a gateway.
    pub client: PathBuf,
    /// The gateway's private key, readable by its owner only.
    pub client_key: PathBuf,
}

impl Certificates {
    /// Makes them. Keys are on P-256, as gateways in the field have them.
    ///
    /// # Panics
    ///
    /// When `openssl` is missing or fails.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder for certificates");
        let authority = Pair::new(folder, "ca");
        let server = Pair::new(folder, "server");
        let client = Pair::new(folder, "client");
        authority.self_signed("/CN=tillgate test authority");
        server.signed_by(&authority, "/CN=localhost", "subjectAltName=IP:127.0.0.1,DNS:localhost");
        client.signed_by(&authority, "/CN=gw-1", "extendedKeyUsage=clientAuth");
        Self {
            ca: authority.certificate,
            server: server.certificate,
            server_key: server.key,
            client: client.certificate,
            client_key: client.key,
        }
    }
}

struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        }
    }

    fn self_signed(&self, subject: &str) {
        self.request(subject, &["-addext", "keyUsage=critical,keyCertSign"]);
    }

    fn signed_by(&self, authority: &Self, subject: &str, extension: &str) {
        let (ca, ca_key) = (text(&authority.certificate), text(&authority.key));
        let not_an_authority = "basicConstraints=critical,CA:FALSE";
        self.request(
            subject,
            &["-CA", ca, "-CAkey", ca_key, "-addext", not_an_authority, "-addext", extension],
        );
    }

    fn request(&self, subject: &str, more: &[&str]) {
        let mut arguments = vec!["req", "-x509", "-days", "2", "-newkey", "ec"];
        arguments.extend(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject]);
        arguments.extend(["-out", text(&self.certificate), "-keyout", text(&self.key)]);
        arguments.extend(more);
        run_tool("openssl", &arguments);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder with a plain name")
}
