//! The commands' end of the socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{RESPONSE_BYTES_MAX, Request, Response, socket_path};

/// `verify` reads the whole journal, which takes its time on a small machine.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No daemon runs on this data.
    #[error("the daemon is not running on {}", .0.display())]
    NotRunning(PathBuf),
    /// The socket belongs to another user.
    #[error("{} belongs to the daemon's user: run this as root, or as that user", .0.display())]
    NotAllowed(PathBuf),
    /// The daemon cannot do it.
    #[error("{0}")]
    Refused(String),
    /// The connection broke.
    #[error("the daemon did not answer on {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The daemon is of another version.
    #[error("the daemon's answer cannot be read: does it run another version of tillgate?")]
    Unreadable(#[source] serde_json::Error),
}

/// Asks the daemon that runs on a data directory. A refusal is an error here.
///
/// # Errors
///
/// No daemon runs there, or it cannot do what is asked.
pub fn call(data_dir: &Path, request: &Request) -> Result<Response, ControlError> {
    let path = socket_path(data_dir);
    let stream = UnixStream::connect(&path).map_err(|error| not_connected(&path, error))?;
    let failed = |source| ControlError::Io { path: path.clone(), source };
    let answer = exchange(stream, request).map_err(failed)?;
    match serde_json::from_slice(&answer).map_err(ControlError::Unreadable)? {
        Response::Refused { message } => Err(ControlError::Refused(message)),
        response => Ok(response),
    }
}

fn not_connected(path: &Path, error: io::Error) -> ControlError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning(path)
        }
        io::ErrorKind::PermissionDenied => ControlError::NotAllowed(path),
        _ => ControlError::Io { path, source: error },
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    let limit = u64::try_from(RESPONSE_BYTES_MAX).unwrap_or(u64::MAX);
    BufReader::new(stream).take(limit).read_until(b'\n', &mut answer)?;
    if answer.last() != Some(&b'\n') {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(answer)
}
