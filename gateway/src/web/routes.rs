//! The routes and what each answers.

mod login;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tillgate_record::Channel;
use tokio::time::timeout;
use tracing::debug;

use self::login::Role;
use super::answer::{CAPTURE, JSON, Refusal};
use super::body::{self, Limit};
use super::connection::Peer;
use super::{Interface, StatusSource, events, page};
use crate::pipeline::{Intake, ItemStatus, Taken};
use crate::source::terminals::{posted, warn_of_quarantine};
use crate::source::{Input, Media};

/// A commit that takes longer than this is answered with 503: the sender sends again, and it counts once. Three syncs
/// of a disk that takes five seconds for each; less than the half minute for which a till waits.
const COMMIT_SECONDS: u64 = 15;

type Shared<I, S> = State<Arc<Interface<I, S>>>;

/// All routes.
pub(super) fn router<I: Intake, S: StatusSource>(interface: Arc<Interface<I, S>>) -> Router {
    Router::new()
        .route("/v1/sales", post(post_sales::<I, S>))
        .route("/v1/edi", post(post_edi::<I, S>))
        .route("/metrics", get(metrics::<I, S>))
        .route("/livez", get(live))
        .route("/readyz", get(ready::<I, S>))
        .route("/v1/status", get(status::<I, S>))
        .route("/v1/events", get(events::<I, S>))
        .route("/", get(page::<I, S>))
        .route("/page.css", get(page::<I, S>))
        .route("/page.js", get(page::<I, S>))
        .fallback(unknown_path)
        .method_not_allowed_fallback(other_method)
        .with_state(interface)
}

async fn unknown_path() -> Refusal {
    let message = "there is no such path: sales go to /v1/sales, interchanges to /v1/edi";
    Refusal::new(StatusCode::NOT_FOUND, "path", message)
}

async fn other_method() -> Refusal {
    let message = "this path does not take this method: see the header Allow";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

async fn post_sales<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    let (source, headers, body) = interface.admit(Role::Terminal, request)?;
    let limits = interface.admission.config().limits.clone();
    let form = posted::body_form(&headers, &limits).map_err(|message| {
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", message)
    })?;
    let (bytes_max, key) = form.limit;
    let limit = Limit { bytes_max, key, seconds: limits.request_seconds };
    let (bytes, _memory) = body::read(body, limit, &interface.bodies).await?;
    refuse_blank(&bytes, "sale")?;
    interface.services.board.source_connected(&source, true, "posts over HTTP");
    let input = Input {
        source: source.clone(),
        channel: Channel::TerminalHttp,
        media: form.media,
        bytes,
        received_at: interface.services.clock.now(),
        id: None,
        file: None,
    };
    let taken = interface.take(input).await?;
    warn_of_quarantine(&source, &taken);
    let capture = capture_header(&taken);
    let (status, json) = posted::answer(taken);
    Ok((status, [(header::CONTENT_TYPE, JSON), (CAPTURE, capture)], json).into_response())
}

async fn post_edi<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    let (source, _, body) = interface.admit(Role::Partner, request)?;
    let limits = interface.admission.config().limits.clone();
    let bytes_max = limits.edi_file.as_usize();
    let limit = Limit { bytes_max, key: "edi_file", seconds: limits.request_seconds };
    let (bytes, _memory) = body::read(body, limit, &interface.bodies).await?;
    refuse_blank(&bytes, "interchange")?;
    interface.services.board.source_connected(&source, true, "sends over HTTP");
    let input = Input {
        source,
        channel: Channel::EdiHttp,
        media: Media::Edi,
        bytes,
        received_at: interface.services.clock.now(),
        id: None,
        file: None,
    };
    Ok(edi_answer(interface.take(input).await?))
}

/// The acknowledgements are the answer. Where the input earned none and nothing of it could be read, the findings are.
fn edi_answer(taken: Taken) -> Response {
    let capture = capture_header(&taken);
    let nothing_read = taken.items.iter().all(|item| item.status == ItemStatus::Quarantined);
    if taken.replies.is_empty() && nothing_read {
        let (_, json) = posted::answer(taken);
        let headers = [(header::CONTENT_TYPE, JSON), (CAPTURE, capture)];
        return (StatusCode::UNPROCESSABLE_ENTITY, headers, json).into_response();
    }
    let content_type =
        taken.replies.first().map_or("application/EDI-X12", |reply| reply.content_type);
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type)), (CAPTURE, capture)];
    let replies: Vec<u8> =
        taken.replies.iter().flat_map(|reply| reply.content.iter().copied()).collect();
    (headers, replies).into_response()
}

/// An empty request is a mistake of the sender's program; nothing is gained by keeping it.
fn refuse_blank(bytes: &[u8], what: &str) -> Result<(), Refusal> {
    if bytes.trim_ascii().is_empty() {
        let message = format!("the body is empty: expected a {what}");
        let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "empty-body", message);
        return Err(refusal.after_body());
    }
    Ok(())
}

/// A ULID is ASCII, so it always fits into a header.
fn capture_header(taken: &Taken) -> HeaderValue {
    HeaderValue::from_str(&taken.capture.to_string())
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl<I: Intake, S: StatusSource> Interface<I, S> {
    /// Who sends it, within the rate; the body is not touched.
    fn admit(&self, role: Role, request: Request) -> Result<(String, HeaderMap, Body), Refusal> {
        let (head, body) = request.into_parts();
        let source = login::authenticate(&self.admission, role, &head)?;
        self.admission.allow(&source, 1).map_err(|wait| {
            let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
            let message = "more requests than [limits] requests_per_second allows";
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate", message).retry_after(seconds)
        })?;
        Ok((source, head.headers, body))
    }

    async fn take(&self, input: Input) -> Result<Taken, Refusal> {
        let (source, bytes) = (input.source.clone(), input.bytes.len());
        let wait = Duration::from_secs(COMMIT_SECONDS);
        let outcome = timeout(wait, self.services.intake.take(input)).await;
        let taken = match outcome {
            Ok(taken) => taken.map_err(|failure| Refusal::of_store(&failure))?,
            Err(_) => {
                let message =
                    "the store did not answer in time: send again, what was kept counts once";
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "commit-slow", message)
                    .retry_after(10)
                    .after_body());
            }
        };
        debug!(source, bytes, items = taken.items.len(), "input taken");
        Ok(taken)
    }

    /// Lets a viewer in; everybody where pages are open.
    fn view(&self, request: Request) -> Result<(), Refusal> {
        if self.services.open {
            return Ok(());
        }
        let (head, _) = request.into_parts();
        login::authenticate(&self.admission, Role::Viewer, &head).map(|_| ())
    }
}

async fn metrics<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    interface.view(request)?;
    let text = (interface.services.metrics)();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn live() -> Response {
    ([(header::CONTENT_TYPE, JSON)], "{\"live\":true}").into_response()
}

async fn ready<I: Intake, S: StatusSource>(State(interface): Shared<I, S>) -> Response {
    let readiness = interface.services.status.ready();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // A readiness is texts and flags: serializing it does not fail.
    let json = serde_json::to_vec(&readiness).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, JSON)], json).into_response()
}

async fn status<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    interface.view(request)?;
    let json = serde_json::to_vec(&interface.services.status.status().await).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, JSON)], json).into_response())
}

async fn events<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    interface.view(request)?;
    events::stream(interface)
}

async fn page<I: Intake, S: StatusSource>(
    State(interface): Shared<I, S>,
    request: Request,
) -> Result<Response, Refusal> {
    let path = request.uri().path().to_owned();
    interface.view(request)?;
    Ok(page::file(&path))
}

/// The address that a connection came from; added to each request by the connection.
fn peer(head: &axum::http::request::Parts) -> Option<std::net::IpAddr> {
    head.extensions.get::<Peer>().map(|peer| peer.0)
}
