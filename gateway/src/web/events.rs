//! `GET /v1/events`: the status as server-sent events, once a second while it changes, else every five seconds as a
//! sign of life. All pages share one look at the status.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::answer::Refusal;
use super::{Interface, StatusSource};
use crate::pipeline::Intake;
use crate::telemetry::status::Status;

/// Most pages that are open at once.
const PAGES_MAX: usize = 16;
/// How often the status is looked at.
const LOOK_SECONDS: u64 = 1;
/// How often an unchanged status is sent.
const ALIVE_SECONDS: u64 = 5;
/// A page's connection ends after so long; the browser opens another at once. A browser that is gone without a
/// trace cannot hold a place for ever.
const CONNECTION_SECONDS: u64 = 3600;

/// Pages that are open.
#[derive(Debug)]
pub(super) struct Pages {
    places: Arc<Semaphore>,
    last: Mutex<Option<Look>>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PAGES_MAX)), last: Mutex::default() }
    }
}

/// A look at the status.
#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    /// The status as JSON.
    json: Arc<str>,
    /// The same without the time of day, to tell whether anything changed.
    timeless: Arc<str>,
}

struct Page<I, S> {
    interface: Arc<Interface<I, S>>,
    _place: OwnedSemaphorePermit,
    opened: Instant,
    sent: Option<Look>,
}

/// Opens the stream of one page.
pub(super) fn stream<I: Intake, S: StatusSource>(
    interface: Arc<Interface<I, S>>,
) -> Result<Response, Refusal> {
    let Ok(place) = Arc::clone(&interface.pages.places).try_acquire_owned() else {
        let message = format!("{PAGES_MAX} pages are open already: close one");
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "pages", message);
        return Err(refusal.retry_after(10));
    };
    let page = Page { interface, _place: place, opened: Instant::now(), sent: None };
    let events = unfold(page, |mut page| async move {
        let stop = page.interface.stop.clone();
        tokio::select! {
            event = page.next() => event.map(|event| (Ok::<_, Infallible>(event), page)),
            () = stop.cancelled() => None,
        }
    });
    Ok(Sse::new(events).into_response())
}

impl<I: Intake, S: StatusSource> Page<I, S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.opened.elapsed() > Duration::from_secs(CONNECTION_SECONDS) {
                return None;
            }
            if self.sent.is_some() {
                sleep(Duration::from_secs(LOOK_SECONDS)).await;
            }
            let look = self.interface.look().await;
            let due = self.sent.as_ref().is_none_or(|sent| {
                sent.timeless != look.timeless
                    || look.at - sent.at >= Duration::from_secs(ALIVE_SECONDS)
            });
            if due {
                let event = Event::default().event("status").data(&look.json);
                self.sent = Some(look);
                return Some(event);
            }
        }
    }
}

impl<I: Intake, S: StatusSource> Interface<I, S> {
    /// The last look, or a new one where it is older than a second.
    async fn look(&self) -> Look {
        let mut last = self.pages.last.lock().await;
        // Looks of a page are a second apart, give or take: half of it keeps them from seeing the same one twice.
        let fresh = Duration::from_secs(LOOK_SECONDS) / 2;
        if let Some(look) = last.as_ref().filter(|look| look.at.elapsed() < fresh) {
            return look.clone();
        }
        let status = self.services.status.status().await;
        last.insert(Look::of(status)).clone()
    }
}

impl Look {
    fn of(mut status: Status) -> Self {
        // A status holds nothing that JSON cannot: serializing it does not fail.
        let json = serde_json::to_string(&status).unwrap_or_default();
        status.now = status.started_at;
        if let Some(age) = &mut status.outbox.oldest_seconds {
            *age = age.floor();
        }
        let timeless = serde_json::to_string(&status).unwrap_or_default();
        Self { at: Instant::now(), json: json.into(), timeless: timeless.into() }
    }
}
