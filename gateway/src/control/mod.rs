//! The control socket: how commands talk to the running daemon.
//!
//! In: one JSON request a line, from the daemon's own user or root. Out: one JSON response a line. A command that
//! finds no daemon gets [`ControlError::NotRunning`] and may give the same [`Request`] to a [`Handler`] that it
//! opens on the stopped daemon's data. Never: card data, tokens, or a request from another user.

mod client;
mod message;
mod server;

use std::future::Future;
use std::path::{Path, PathBuf};

pub use client::{ControlError, call};
pub use message::{QuarantineEntry, QuarantineItem, Replayed, Request, Response};
pub use server::{ListenError, Listener, serve};

/// Longest request: a batch of an import.
const REQUEST_BYTES_MAX: usize = 8 << 20;
/// Longest response: a quarantined input whole, as text.
const RESPONSE_BYTES_MAX: usize = 256 << 20;

/// What answers requests: the running daemon, or a command that opened the stopped daemon's data.
pub trait Handler: Send + Sync + 'static {
    /// Answers. What goes wrong is a [`Response::Refused`] with words for the operator.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

/// Where the socket is.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

#[cfg(test)]
mod tests;
