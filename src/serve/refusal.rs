//! Refusals of requests, in words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Refusal of a request.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// Reason, in words for the page.
    pub(crate) words: String,
}

impl Refusal {
    /// A refusal with a status.
    pub(crate) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { status, words }
    }

    /// The request is wrong.
    pub(crate) fn wrong(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, words)
    }

    /// There is nothing of that name, or it may not be seen.
    pub(crate) fn missing(words: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, words)
    }

    /// It is not allowed.
    pub(crate) fn forbidden(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, words)
    }

    /// Something else stands in the way.
    pub(crate) fn conflict(words: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, words)
    }

    /// Too much goes on already.
    pub(crate) fn busy(words: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, words)
    }

    /// The program did not do it.
    pub(crate) fn failed(words: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, words)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.words }))).into_response()
    }
}
