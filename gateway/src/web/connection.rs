//! One HTTP connection: limits of its heads, headers of its answers, an orderly end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use tracing::debug;

use super::listener::Io;
use crate::telemetry::metric::Metric;

/// Most header fields of a request.
const HEADERS_MAX: usize = 64;
/// Most bytes that are buffered of a connection, and longest head of a request.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Paths that metrics and logs name; all others are "other", so that no path from outside becomes a label.
const ROUTES: [&str; 10] = [
    "/v1/sales",
    "/v1/edi",
    "/metrics",
    "/livez",
    "/readyz",
    "/v1/status",
    "/v1/events",
    "/page.css",
    "/page.js",
    "/",
];

const SEALS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves requests and gives the connection back for its orderly end; `router` comes with the seconds that a head
/// may take.
pub(super) async fn serve(
    io: Box<dyn Io>,
    peer: SocketAddr,
    (router, head_seconds): (Router, u32),
    stop: CancellationToken,
) -> Option<Box<dyn Io>> {
    let service = service_fn(move |request| Box::pin(answer(router.clone(), peer, request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(u64::from(head_seconds.max(1))))
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(io), service);
    let mut stopping = false;
    let outcome = loop {
        tokio::select! {
            outcome = std::future::poll_fn(|context| connection.poll_without_shutdown(context)) => {
                break outcome;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    match outcome {
        Ok(()) => Some(connection.into_parts().io.into_inner()),
        Err(failure) => {
            // Its words hold nothing of the request.
            debug!(%failure, "HTTP connection failed");
            None
        }
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
    let path = request.uri().path();
    let route = ROUTES.into_iter().find(|route| *route == path).unwrap_or("other");
    let mut response = router.call(request).await?;
    let status = response.status();
    Metric::HttpRequests.add(1, &[("route", route), ("status", status.as_str())]);
    debug!(route, status = status.as_u16(), "request");
    for (name, value) in SEALS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(response)
}
