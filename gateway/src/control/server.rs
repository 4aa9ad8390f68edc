//! The daemon's end of the socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Handler, REQUEST_BYTES_MAX, Request, Response, socket_path};

/// Commands at once.
const CONNECTIONS_MAX: usize = 16;
/// A command that says nothing for so long is cut off.
const IDLE: Duration = Duration::from_secs(30);

/// The socket, open and listening. It is removed when this is dropped.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error("another tillgate runs on {}: stop it first", .0.display())]
    Running(PathBuf),
    /// A file of another kind is in its place.
    #[error("{} is no socket: move it away", .0.display())]
    InTheWay(PathBuf),
    /// The system refused.
    #[error("cannot open the control socket {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Opens the socket of a data directory, for the daemon's user alone. One that a crash left is replaced.
    ///
    /// # Errors
    ///
    /// Another daemon runs on the same data, or the system refuses.
    pub fn open(data_dir: &Path) -> Result<Self, ListenError> {
        let path = socket_path(data_dir);
        remove_stale(&path)?;
        let failed = |source| ListenError::Io { path: path.clone(), source };
        let listener = UnixListener::bind(&path).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Whoever finds a socket that nobody listens on removes it: nothing is lost if this fails.
        let _removed = fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(ListenError::InTheWay(path.to_owned()));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ListenError::Running(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Answers commands until stopped. Requests under way are finished.
pub async fn serve(listener: Listener, handler: Arc<impl Handler>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tracker = TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) if is_allowed(&stream) => {
                let (handler, stop) = (Arc::clone(&handler), stop.clone());
                tracker.spawn(async move {
                    if let Err(error) = converse(stream, &*handler, &stop).await {
                        tracing::debug!(%error, "a command ended its connection early");
                    }
                    drop(place);
                });
            }
            Ok(_) => tracing::warn!("refused a command of another user"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a command");
                // Out of file descriptors, most probably: trying again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    tracker.close();
    tracker.wait().await;
}

/// The file mode says the same; this holds also where the directory was opened for others by mistake.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn converse(
    stream: UnixStream,
    handler: &impl Handler,
    stop: &CancellationToken,
) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let line = tokio::select! {
            line = timeout(IDLE, request_line(&mut reading)) => line??,
            () = stop.cancelled() => return Ok(()),
        };
        let Some(line) = line else { return Ok(()) };
        let response = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => handler.handle(request).await,
            Err(error) => Response::Refused {
                message: format!(
                    "the request cannot be read ({error}): is this the program of the running daemon?"
                ),
            },
        };
        let mut answer = serde_json::to_vec(&response)?;
        answer.push(b'\n');
        timeout(IDLE, writing.write_all(&answer)).await??;
    }
}

/// One line without its end; none at the end of the connection.
async fn request_line(reading: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    reading.take(limit).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::other("the request is too long or broken off"));
    }
    Ok(Some(line))
}
