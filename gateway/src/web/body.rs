//! Bodies, whole and within limits of size, time and memory.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::answer::Refusal;

/// Memory for bodies under way, all connections together.
pub(super) const MEMORY_KIBIBYTES: usize = 256 * 1024;

/// How long and how large a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Its size.
    pub(super) bytes_max: usize,
    /// The key in `[limits]` that sets its size.
    pub(super) key: &'static str,
    /// From the end of its head to its last byte.
    pub(super) seconds: u32,
}

/// Reads a body whole. The memory for it is taken from `memory`, and given back by the caller once the body is used.
pub(super) async fn read(
    body: Body,
    limit: Limit,
    memory: &Semaphore,
) -> Result<(Zeroizing<Vec<u8>>, SemaphorePermit<'_>), Refusal> {
    let declared = body.size_hint();
    let bytes_max = u64::try_from(limit.bytes_max).unwrap_or(u64::MAX);
    if declared.lower() > bytes_max {
        return Err(too_large(limit));
    }
    let expected = declared.upper().unwrap_or(bytes_max).min(bytes_max);
    let kibibytes = u32::try_from(expected / 1024 + 1).unwrap_or(u32::MAX);
    let kibibytes = kibibytes.min(u32::try_from(MEMORY_KIBIBYTES).unwrap_or(u32::MAX));
    let deadline = Instant::now() + Duration::from_secs(u64::from(limit.seconds.max(1)));
    let Ok(Ok(held)) = timeout_at(deadline, memory.acquire_many(kibibytes)).await else {
        let message = "too many bodies are under way: try again in a moment";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        return Err(refusal.retry_after(1));
    };
    match timeout_at(deadline, collect(body, limit)).await {
        Ok(collected) => collected.map(|bytes| (bytes, held)),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-late",
            format!("the body was not whole within {} s; nothing was kept", limit.seconds),
        )),
    }
}

async fn collect(mut body: Body, limit: Limit) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let capacity = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit.bytes_max);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            let message = "the body is cut or malformed; nothing was kept";
            Refusal::new(StatusCode::BAD_REQUEST, "body-cut", message)
        })?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit.bytes_max {
            return Err(too_large(limit));
        }
        if bytes.capacity() < bytes.len() + data.len() {
            // Growing in place would leave a copy behind that is not overwritten.
            let mut grown = Zeroizing::new(Vec::with_capacity(2 * (bytes.len() + data.len())));
            grown.extend_from_slice(&bytes);
            bytes = grown;
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn too_large(limit: Limit) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-size",
        format!(
            "the body is larger than {} bytes: split it, or raise [limits] {}",
            limit.bytes_max, limit.key
        ),
    )
}
