//! Answers that are no success: one JSON shape, with what is wrong and what to do.

use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::source::terminals::refusal_of;
use crate::store::StoreError;

/// Media type of most answers.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The capture that an answer speaks of.
pub(super) const CAPTURE: HeaderName = HeaderName::from_static("tillgate-capture");

/// Why a request is refused. Nothing of it was kept.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u32>,
    challenge: Option<&'static str>,
    /// The body was not read to its end, so the connection cannot go on.
    unread: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after_seconds: None,
            challenge: None,
            unread: true,
        }
    }

    /// The sender may try again.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// How to authenticate (RFC 9110 section 11.6.1).
    pub(super) fn challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// The body was read: the connection may go on.
    pub(super) fn after_body(mut self) -> Self {
        self.unread = false;
        self
    }

    /// The store's answer.
    pub(super) fn of_store(failure: &StoreError) -> Self {
        let (code, seconds) = refusal_of(failure);
        let status = match failure {
            StoreError::BudgetSpent { .. } | StoreError::DiskFull { .. } => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            StoreError::Unusable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, code, failure.to_string()).retry_after(seconds).after_body()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.unread {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
