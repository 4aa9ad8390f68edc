//! Certificates, keys and passwords that are renewed while a connection is open.
//!
//! In: the files of a connection. Out: a word when they have changed and can be used, so that the connection is
//! made anew with them; when they end, as a metric. Never: a working connection given up for files that are broken.

use std::fs;
use std::future;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::sleep;
use tracing::{info, warn};

use super::dial::with_causes;
use super::settings::Connection;
use crate::config::certificate::validity;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use crate::telemetry::status::Condition;

/// The warning that people see while new files cannot be used.
const CODE: &str = "broker-files";

/// What tells one version of a file from another; none while it cannot be seen.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// The files of a connection as they were at one moment.
#[derive(Debug)]
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    marks: Vec<Mark>,
}

impl Watched {
    /// As they are now. To be called before the connection reads them.
    pub(super) fn of(connection: &Connection) -> Self {
        let (tls, files) = (connection.address.tls, &connection.files);
        let only_tls = |path: &Option<PathBuf>| path.clone().filter(|_| tls);
        let named = [
            connection.password_file.clone(),
            only_tls(&connection.ca_file),
            only_tls(&connection.client_cert_file),
            only_tls(&connection.client_key_file),
        ];
        let paths: Vec<PathBuf> = named.iter().flatten().map(|path| files.found(path)).collect();
        let marks = paths.iter().map(mark).collect();
        Self { paths, marks }
    }

    /// Comes back when the files have changed and can be used; never, when there are none.
    pub(super) async fn renewed(mut self, connection: &Connection, board: &Board, every: Duration) {
        // This connection has read the files.
        board.clear_broker_warning(CODE);
        if self.paths.is_empty() {
            return future::pending().await;
        }
        loop {
            sleep(every).await;
            let marks: Vec<Mark> = self.paths.iter().map(mark).collect();
            if marks == self.marks {
                continue;
            }
            self.marks = marks;
            match connection.check_files() {
                Ok(()) => {
                    info!(
                        "the files of the broker connection were renewed: connecting anew with them"
                    );
                    board.clear_broker_warning(CODE);
                    return;
                }
                Err(error) => complain(board, &with_causes(&error)),
            }
        }
    }
}

fn complain(board: &Board, problem: &str) {
    warn!(
        problem,
        "the files of the broker connection changed and cannot be used: it stays as it is"
    );
    board.warn_of_broker(Condition {
        code: CODE.to_owned(),
        message: format!("a changed file of the broker connection cannot be used: {problem}"),
        fix: "records still flow over the open connection; put the right file there before it ends"
            .to_owned(),
    });
}

fn mark(path: &PathBuf) -> Mark {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

/// Shows when our certificate and the authority's end: the earliest of each file.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit the 53 bits of a float")]
pub(super) fn show_expiry(connection: &Connection) {
    let files = [("client", &connection.client_cert_file), ("authority", &connection.ca_file)];
    for (name, path) in files.into_iter().filter(|_| connection.address.tls) {
        let Some(Ok(text)) = path.as_ref().map(|path| connection.files.public(path)) else {
            continue;
        };
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).flatten();
        let ends = certificates.filter_map(|certificate| Some(validity(&certificate)?.1));
        if let Some(end) = ends.min() {
            Metric::CertificateExpiry.set(end.as_second() as f64, &[("file", name)]);
        }
    }
}
