//! What the control interface answers when it refuses: `application/problem+json` (RFC 9457) with pointers to the fields.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::document::{Fault, FaultKind};

/// A refusal. Nothing was changed.
#[derive(Debug)]
pub(super) struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<Value>,
    allow: Option<&'static str>,
}

/// The types of refusals, as `docs/openapi.yaml` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProblemKind {
    MalformedJson,
    WrongType,
    UnknownField,
    MissingField,
    OutOfRange,
    BadParameter,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
    ForeignOrigin,
    Sealed,
    Unavailable,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            allow: None,
        }
    }

    /// A query or path parameter that is wrong.
    pub(super) fn parameter(name: &str, detail: &str) -> Self {
        let mut problem = Self::new(ProblemKind::BadParameter, format!("{name} {detail}"));
        problem.errors.push(json!({ "parameter": name, "detail": detail }));
        problem
    }

    /// A method that the resource does not have; `allow` are those that it has.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let mut problem = Self::new(ProblemKind::MethodNotAllowed, format!("allowed are {allow}"));
        problem.allow = Some(allow);
        problem
    }

    /// The fields of a body that are wrong. The first one gives the type.
    pub(super) fn fields(faults: &[Fault]) -> Self {
        let kind = faults.first().map_or(ProblemKind::WrongType, |fault| match fault.kind {
            FaultKind::WrongType => ProblemKind::WrongType,
            FaultKind::UnknownField => ProblemKind::UnknownField,
            FaultKind::MissingField => ProblemKind::MissingField,
            FaultKind::OutOfRange => ProblemKind::OutOfRange,
        });
        let detail = faults.first().map_or_else(String::new, ToString::to_string);
        let mut problem = Self::new(kind, detail);
        let error = |fault: &Fault| json!({ "pointer": fault.path.pointer(), "detail": fault.detail });
        problem.errors = faults.iter().map(error).collect();
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, title, status) = self.kind.words();
        let body = json!({
            "type": format!("urn:ferraris:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
            "errors": self.errors,
        });
        let mut answer = (status, body.to_string()).into_response();
        let mut set = |name: HeaderName, value: &'static str| {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        };
        set(header::CONTENT_TYPE, "application/problem+json");
        if let Some(allow) = self.allow {
            set(header::ALLOW, allow);
        }
        answer
    }
}

impl ProblemKind {
    const fn words(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::MalformedJson => ("malformed-json", "The body is not JSON", StatusCode::BAD_REQUEST),
            Self::WrongType => (
                "wrong-type",
                "A field has the wrong type",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::UnknownField => (
                "unknown-field",
                "A field is not known",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::MissingField => ("missing-field", "A field is missing", StatusCode::UNPROCESSABLE_ENTITY),
            Self::OutOfRange => (
                "out-of-range",
                "A value is out of its range",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::BadParameter => ("bad-parameter", "A parameter is wrong", StatusCode::BAD_REQUEST),
            Self::NotFound => ("not-found", "There is no such thing", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "The method is not allowed here",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::TooLarge => ("too-large", "The body is too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "The body's type is not supported",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::ForeignOrigin => (
                "foreign-origin",
                "The request comes from elsewhere",
                StatusCode::FORBIDDEN,
            ),
            Self::Sealed => ("sealed", "The meter refuses the change", StatusCode::CONFLICT),
            Self::Unavailable => ("unavailable", "Not now", StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}
