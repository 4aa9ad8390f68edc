//! `POST /v1/sales`: which answer the sales of a request get.

use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;

use super::{SaleResult, with_conflicts_named};
use crate::config::Limits;
use crate::pipeline::{ItemStatus, Taken};
use crate::source::Media;

/// How a request's body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyForm {
    /// One sale or many.
    pub media: Media,
    /// Longest body, and the key in `[limits]` that sets it.
    pub limit: (usize, &'static str),
}

/// The form that the headers declare, or what to do instead.
pub fn body_form(headers: &HeaderMap, limits: &Limits) -> Result<BodyForm, &'static str> {
    let coding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
    if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err("compressed bodies are not taken: send without Content-Encoding");
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => {
            Ok(BodyForm { media: Media::SaleJson, limit: (limits.sale.as_usize(), "sale") })
        }
        "application/x-ndjson" => {
            Ok(BodyForm { media: Media::SaleNdjson, limit: (limits.body.as_usize(), "body") })
        }
        "application/xml" | "text/xml" => {
            Err("POSLog is not taken by this version: send sales as application/json")
        }
        _ => Err("send one sale as application/json, or many, one a line, as application/x-ndjson"),
    }
}

/// The answer's body.
#[derive(Debug, Serialize)]
struct Results<'a> {
    results: Vec<SaleResult<'a>>,
}

/// Status and JSON of the answer.
#[must_use]
pub fn answer(taken: Taken) -> (StatusCode, Vec<u8>) {
    let taken = with_conflicts_named(taken);
    let results = Results { results: taken.items.iter().map(SaleResult::of).collect() };
    // A result holds nothing that JSON cannot: serializing it does not fail.
    (status(&taken), serde_json::to_vec(&results).unwrap_or_default())
}

/// New records make a 201, whatever else is in the batch: the terminal finds the rest in the results.
fn status(taken: &Taken) -> StatusCode {
    let all = |wanted: &[ItemStatus]| taken.items.iter().all(|item| wanted.contains(&item.status));
    if taken.items.is_empty() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if taken.items.iter().any(|item| item.status == ItemStatus::Accepted) {
        StatusCode::CREATED
    } else if all(&[ItemStatus::Duplicate, ItemStatus::Noted]) {
        StatusCode::OK
    } else if all(&[ItemStatus::Conflict]) {
        StatusCode::CONFLICT
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use ulid::Ulid;

    use super::*;
    use crate::pipeline::TakenItem;

    #[test]
    fn the_status_tells_the_batch() {
        use ItemStatus::{Accepted, Conflict, Duplicate, Noted, Quarantined};
        let cases: &[(&[ItemStatus], u16)] = &[
            (&[Accepted], 201),
            (&[Duplicate, Quarantined, Accepted], 201),
            (&[Duplicate], 200),
            (&[Duplicate, Noted], 200),
            (&[Conflict], 409),
            (&[Conflict, Duplicate], 422),
            (&[Quarantined], 422),
            (&[Quarantined, Duplicate], 422),
            (&[], 422),
        ];
        for (statuses, expected) in cases {
            let items = statuses
                .iter()
                .map(|status| TakenItem {
                    status: *status,
                    event_id: None,
                    kind: None,
                    findings: Vec::new(),
                })
                .collect();
            let (status, body) = answer(Taken { capture: Ulid::nil(), items, replies: Vec::new() });
            assert_eq!(status, *expected, "{statuses:?}");
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["results"].as_array().unwrap().len(), statuses.len());
            if statuses == &[Conflict] {
                assert_eq!(body["results"][0]["findings"][0]["rule"], "conflict");
            }
        }
    }

    #[test]
    fn the_form_comes_from_the_content_type() {
        let limits = Limits::default();
        let form = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            body_form(&headers, &limits).map(|form| form.media)
        };
        assert_eq!(form("application/json"), Ok(Media::SaleJson));
        assert_eq!(form("Application/JSON; charset=utf-8"), Ok(Media::SaleJson));
        assert_eq!(form("application/x-ndjson"), Ok(Media::SaleNdjson));
        assert!(form("application/xml").unwrap_err().contains("POSLog"));
        assert!(form("text/plain").is_err());
        assert!(body_form(&HeaderMap::new(), &limits).is_err());
    }
}
