//! The one error that reaches a person or a script. Invariant: the text says what happened and what to do; the
//! cause chain is logged at the boundary and never sent. Mapping from each layer's errors lives in `core::error`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a request failed, and so its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Input that cannot be right (422); `fields` says where.
    Invalid,
    /// Nobody is logged in, or the session ended (401).
    Unauthenticated,
    /// The role or the scope does not allow it (403).
    Forbidden,
    /// The password has to be given again first (403, code `reauthenticate`).
    Reauthenticate,
    /// No such object, or none this actor may know of (404).
    NotFound,
    /// The facts moved, the object is busy, or the name is taken (409).
    Conflict,
    /// Too many tries (429).
    Throttled,
    /// A host or cluster did not answer or refused (502).
    Unreachable,
    /// The console's own storage is full, locked or read-only (503).
    Unavailable,
    /// A fault of the console; the log has the chain under the same moment (500).
    Internal,
}

impl ProblemKind {
    /// The HTTP status code of this kind.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::Reauthenticate => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Throttled => 429,
            Self::Unreachable => 502,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// What is wrong with one field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's name in the request, dotted for nested ones (`hosts.1.address`).
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// An error as `/rpc` and `/api/v1` (RFC 9457) send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The machine's word for it.
    pub kind: ProblemKind,
    /// One sentence for a person.
    pub title: String,
    /// What to do, or more about it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Messages that belong at a field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
}

impl Problem {
    /// A problem with a title only.
    pub fn new(kind: ProblemKind, title: impl Into<String>) -> Self {
        Self { kind, title: title.into(), detail: String::new(), fields: Vec::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Input with one wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind: ProblemKind::Invalid,
            title: message.clone(),
            detail: String::new(),
            fields: vec![FieldError { field: field.into(), message }],
        }
    }

    /// Input with several wrong fields; `fields` must not be empty.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let title = fields.first().map_or_else(|| "The input is not valid".to_owned(), |f| f.message.clone());
        Self { kind: ProblemKind::Invalid, title, detail: String::new(), fields }
    }

    /// The message for `field`, if there is one.
    pub fn message_for(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.field == field).map(|f| f.message.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Problem {}
