//! Who calls the API, and how its input is read. Invariant: a bearer token and nothing else is a proof here; a cookie
//! that comes along is not looked at. Input that cannot be read is a problem like any other, never plain text.

use crate::{api::problem::ApiProblem, http::peer::Source, state::AppState};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, State, rejection::JsonRejection},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header, request::Parts};
use quorate_core::{
    Console,
    actor::{Actor, Via},
    permit::{Act, Permit},
};
use quorate_domain::{Problem, ProblemKind, Scope};
use serde::de::DeserializeOwned;
use std::{fmt::Display, str::FromStr};

/// The actor behind the token of this request.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

impl Caller {
    /// The permit for `A` on the whole console.
    pub async fn permit<A: Act>(&self, console: &Console) -> Result<Permit<A>, ApiProblem> {
        Ok(console.permit(&self.0, Scope::Global).await?)
    }
}

impl Caller {
    /// Which token asks, for what must not be shared with another one of the same name.
    pub fn token(&self) -> String {
        match &self.0.via {
            Via::Token { id, .. } => id.to_string(),
            _ => self.0.label(),
        }
    }
}

/// The layer of every route that needs a token.
pub async fn require(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let source = source_of(&request);
    let headers = request.headers().clone();
    match bearer(&state, &headers, &source).await {
        Ok(actor) => {
            request.extensions_mut().insert(Caller(actor));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The actor behind `Authorization: Bearer …`.
pub async fn bearer(state: &AppState, headers: &HeaderMap, source: &str) -> Result<Actor, ApiProblem> {
    let unknown = |title: &str| ApiProblem(Problem::new(ProblemKind::Unauthenticated, title));
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value
        .and_then(|value| value.split_once(' '))
        .ok_or_else(|| unknown("Send a token as `Authorization: Bearer quorate_…`"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unknown("Send a token as `Authorization: Bearer quorate_…`"));
    }
    let actor = state.console.actor_for_token(token.trim(), source).await?;
    actor.ok_or_else(|| unknown("This token is not known, was revoked, or its owner cannot log in"))
}

/// The client's address in words.
pub fn source_of(request: &Request) -> String {
    request.extensions().get::<Source>().map(|source| source.0.to_string()).unwrap_or_default()
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiProblem> {
        let missing = || Problem::new(ProblemKind::Internal, "The route has no token layer").into();
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let read = Json::<T>::from_request(request, state).await;
        read.map(|Json(value)| Self(value)).map_err(|rejection| {
            let title = match &rejection {
                JsonRejection::MissingJsonContentType(_) => "Send JSON with Content-Type: application/json",
                JsonRejection::BytesRejection(_) => "The body is too large or broke off",
                _ => "The body is not the JSON that this operation takes",
            };
            // serde's words name the field and the place; they never repeat a value that did not fail to parse, but
            // an unknown enum word or a mistyped number can be a secret in the wrong field.
            let place = match &rejection {
                JsonRejection::JsonDataError(error) => field_of(&error.body_text()),
                _ => String::new(),
            };
            Problem::new(ProblemKind::Invalid, title).with_detail(place).into()
        })
    }
}

/// `hosts[0].target: invalid type: …` → "See `hosts[0].target`: …" without values.
fn field_of(text: &str) -> String {
    let inner = text.rsplit_once("target type: ").map_or(text, |(_, inner)| inner);
    if let Some(start) = inner.find("missing field") {
        return inner[start..].split(" at line").next().unwrap_or_default().to_owned();
    }
    match inner.split_once(": ") {
        Some((path, _)) if !path.is_empty() && !path.contains(' ') => format!("Look at `{path}`."),
        _ => "See the OpenAPI document for what it takes.".to_owned(),
    }
}

/// Query parameters.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(value)| Self(value))
            .map_err(|_| Problem::new(ProblemKind::Invalid, "A query parameter cannot be read").into())
    }
}

/// The one id in the path; what is no id at all is an object that is not there.
pub struct Id<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let missing = |text: &dyn Display| Problem::new(ProblemKind::NotFound, format!("There is no {text}"));
        let Path(text) = text.map_err(|_| missing(&"such object"))?;
        text.parse().map(Self).map_err(|_| missing(&text.chars().take(60).collect::<String>()).into())
    }
}

/// The two ids in the path, as [`Id`] reads one.
pub struct Ids<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for Ids<A, B> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let missing = || Problem::new(ProblemKind::NotFound, "There is no such object");
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        match (first.parse(), second.parse()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            _ => Err(missing().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_body_names_the_place_and_never_a_value() {
        let text = "Failed to deserialize the JSON body into the target type: role: unknown variant `hunter2-secret`";
        assert_eq!(field_of(text), "Look at `role`.");
        let text = "Failed to deserialize the JSON body into the target type: missing field `name` at line 1 column 2";
        assert_eq!(field_of(text), "missing field `name`");
        assert!(!field_of("something else `hunter2-secret`").contains("hunter2"));
    }
}
