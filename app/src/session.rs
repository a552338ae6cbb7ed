//! Who is asking: the request's context on the server, the session's state in the page.
//!
//! Invariant: server functions learn the actor from `RequestContext` and from nowhere else; what a page hides by
//! `Session::may` the server refuses all the same. Cookies live in the server crate, behind `SessionPort`.

use leptos::prelude::*;
use quorate_domain::{Action, Role, Scope, users::SessionInfo};
use serde::{Deserialize, Serialize};
use std::fmt;

#[cfg(feature = "ssr")]
pub use request::*;

/// A secret on its way from a form to the server; its `Debug` shows nothing, and it is never in an answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretInput(String);

impl SecretInput {
    /// Wraps what was typed.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The value for the service layer.
    #[cfg(feature = "ssr")]
    pub fn into_secret(self) -> secrecy::SecretString {
        self.0.into()
    }
}

impl fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretInput(…)")
    }
}

/// The logged-in person as the page knows it.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    info: RwSignal<Option<SessionInfo>>,
    /// The server said that it is over; the page stays readable until the person logs in again.
    ended: RwSignal<bool>,
}

impl Session {
    /// Takes the session that the server rendered the page for.
    pub(crate) fn provide() -> Self {
        let initial = SharedValue::new(initial_session).into_inner();
        let session = Self { info: RwSignal::new(initial), ended: RwSignal::new(false) };
        provide_context(session);
        session
    }

    /// The session of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Whether somebody is logged in.
    pub(crate) fn present(self) -> bool {
        self.info.with_untracked(Option::is_some) && !self.ended.get_untracked()
    }

    /// Whether the page was rendered for somebody.
    pub(crate) fn known(self) -> bool {
        self.info.with(Option::is_some)
    }

    /// Whether the session ended while the page was open.
    pub(crate) fn ended(self) -> bool {
        self.ended.get()
    }

    /// The user's name; empty when nobody is logged in.
    pub(crate) fn name(self) -> String {
        self.info.with(|s| s.as_ref().map_or(String::new(), |s| s.name.clone()))
    }

    /// The user's role, if somebody is logged in.
    pub(crate) fn role(self) -> Option<Role> {
        self.info.with(|s| s.as_ref().map(|s| s.role))
    }

    /// Whether the button for `action` is worth showing.
    pub(crate) fn may(self, action: Action) -> bool {
        self.role().is_some_and(|role| quorate_domain::access::allows(role, action, &Scope::Global))
    }

    /// The server said that the session is over. A refused login ends nothing.
    pub(crate) fn end(self) {
        if self.info.with_untracked(Option::is_some) {
            self.ended.set(true);
        }
    }
}

#[cfg(feature = "ssr")]
fn initial_session() -> Option<SessionInfo> {
    use_context::<RequestContext>()?.actor.map(|actor| actor.session_info())
}

#[cfg(not(feature = "ssr"))]
fn initial_session() -> Option<SessionInfo> {
    None
}

#[cfg(feature = "ssr")]
mod request {
    use crate::error::AppError;
    use leptos::prelude::*;
    use quorate_core::{Console, LoggedIn, actor::Actor};
    use quorate_domain::{Problem, ProblemKind, Timestamp};
    use std::sync::Arc;

    /// What the cookie layer does when a server function asks for it.
    #[async_trait::async_trait]
    pub trait SessionPort: Send + Sync {
        /// Starts a session with a new id.
        async fn log_in(&self, who: LoggedIn) -> Result<(), Problem>;
        /// Ends this session.
        async fn log_out(&self) -> Result<(), Problem>;
        /// Notes until when destructive operations need no new password.
        async fn reauthenticated(&self, until: Timestamp) -> Result<(), Problem>;
    }

    /// One request, as pages and server functions see it. The server provides it by context for both.
    #[derive(Clone)]
    pub struct RequestContext {
        /// The service layer.
        pub console: Console,
        /// Who asks; none before login.
        pub actor: Option<Actor>,
        /// The cookie's session.
        pub session: Arc<dyn SessionPort>,
        /// The client's address, for throttling and audit rows.
        pub source: String,
    }

    /// Puts `context` where pages and server functions find it.
    pub fn provide(context: RequestContext) {
        provide_context(context);
    }

    /// The context of this request.
    ///
    /// # Errors
    /// `Internal` when the server did not provide it.
    pub(crate) fn request() -> Result<RequestContext, AppError> {
        use_context().ok_or_else(|| Problem::new(ProblemKind::Internal, "The request has no context").into())
    }

    /// The service layer and who asks it.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is logged in.
    pub(crate) fn caller() -> Result<(Console, Actor), AppError> {
        let context = request()?;
        let actor = context.actor.ok_or_else(|| {
            AppError::from(Problem::new(ProblemKind::Unauthenticated, "You are not logged in, or the session ended"))
        })?;
        Ok((context.console, actor))
    }

    /// Whether this request is a form that the browser posted by itself.
    pub(crate) fn plain_form() -> bool {
        use_context::<http::request::Parts>().is_some_and(|parts| {
            let accept = parts.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
            parts.method == http::Method::POST && accept.is_some_and(|accept| accept.contains("text/html"))
        })
    }

    /// After a form that was posted without wasm, goes to `path`; with wasm the page does that itself.
    pub(crate) fn leave_form(path: &str) {
        if plain_form() {
            leptos_axum::redirect(path);
        }
    }
}
