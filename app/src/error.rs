//! The error of every server function: a domain `Problem` and nothing more. Invariant: its words are for a person;
//! causes were logged where they happened and are not in here.

use crate::json;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use quorate_domain::{Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a server function answers when it cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppError(pub Problem);

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for AppError {}

impl From<Problem> for AppError {
    fn from(problem: Problem) -> Self {
        note_status(problem.kind);
        Self(problem)
    }
}

#[cfg(feature = "ssr")]
impl From<quorate_core::error::CoreError> for AppError {
    fn from(error: quorate_core::error::CoreError) -> Self {
        Problem::from(error).into()
    }
}

/// The answer carries the problem's status instead of a bare 500; a page that cannot show its object does, too. A form
/// that was posted without wasm is left alone: it is sent back to its page with the problem in the URL.
#[cfg(feature = "ssr")]
fn note_status(kind: ProblemKind) {
    let response = leptos::prelude::use_context::<leptos_axum::ResponseOptions>();
    if crate::session::plain_form() {
        return;
    }
    if let (Some(response), Ok(status)) = (response, http::StatusCode::from_u16(kind.status())) {
        response.set_status(status);
    }
}

#[cfg(not(feature = "ssr"))]
fn note_status(_kind: ProblemKind) {}

impl FromServerFnError for AppError {
    type Encoder = json::Encoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        use ServerFnErrorErr as E;
        let problem = match error {
            E::Request(_) | E::Response(_) => Problem::new(ProblemKind::Unavailable, "The console does not answer")
                .with_detail("Check the network and that it is running, then try again."),
            E::Deserialization(_) => Problem::new(ProblemKind::Internal, "This page does not fit the console any more")
                .with_detail("Reload it."),
            E::Args(_) | E::MissingArg(_) => Problem::new(ProblemKind::Invalid, "The request could not be read"),
            _ => Problem::new(ProblemKind::Internal, "The console could not answer").with_detail("Its log says why."),
        };
        problem.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_the_problem_itself() {
        let error = AppError(Problem::field("name", "Give it a name"));
        assert_eq!(AppError::de(error.ser()), error);
        assert!(AppError::de(b"<html>".to_vec().into()).0.detail.contains("Reload"));
    }
}
