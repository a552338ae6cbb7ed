//! Browser sessions: cookie, limits, and who is behind them. Invariant: a session lives 30 minutes after its last
//! request (the event stream is none) and 12 hours at most, gets a new id at login, and is looked up in the database
//! on every request, so that ending it counts at once. Whether its user is still good is `core::sessions`' answer.

pub mod store;

use crate::{
    api::problem::ApiProblem,
    http::{peer::Source, public_url::PublicUrl},
    state::AppState,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use quorate_core::{Console, LoggedIn, actor::Actor, error::CoreError};
use quorate_domain::{Problem, ProblemKind, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use store::Sessions;
use tower_sessions::{Expiry, Session, SessionManagerLayer, cookie::SameSite};

/// How long a session lives without a request.
pub const IDLE_MILLIS: i64 = 30 * 60 * 1000;
/// How long a session lives at most.
pub const ABSOLUTE_MILLIS: i64 = 12 * 60 * 60 * 1000;
/// The last request is written down at most this often.
const SEEN_GRAIN_MILLIS: u64 = 60_000;
/// The one key in a session's data.
pub(crate) const KEY: &str = "login";

/// The cookie's name over TLS: browsers take it from this very host over TLS only.
pub const SECURE_COOKIE: &str = "__Host-quorate";
/// How the cookie's name begins on loopback; the port follows, because browsers do not tell ports apart and two
/// consoles on one machine would log each other out.
pub const PLAIN_COOKIE: &str = "quorate-";

/// What a session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Whose it is.
    pub user: UserId,
    /// Ends with the user's epoch.
    pub auth_epoch: i64,
    /// When the login was.
    pub born: Timestamp,
    /// Last request, by the grain.
    pub seen: Timestamp,
    /// Until when the password counts as given again.
    pub reauthenticated_until: Option<Timestamp>,
}

/// The actor behind the cookie of this request, if any.
#[derive(Clone, Debug)]
pub struct SessionActor(pub Option<Actor>);

impl SessionActor {
    /// Who it is.
    ///
    /// # Errors
    /// Nobody is logged in.
    pub fn known(self) -> Result<Actor, Problem> {
        self.0.ok_or_else(not_logged_in)
    }
}

/// What is answered to nobody.
pub fn not_logged_in() -> Problem {
    Problem::new(ProblemKind::Unauthenticated, "You are not logged in, or the session ended")
}

/// The cookie layer. `Lax` and not `Strict`, so that a link to an operation in a chat opens that page instead of the
/// login; what `Lax` leaves open is closed by `http::csrf`, for reading server functions too.
pub fn layer(console: Console, url: &PublicUrl) -> SessionManagerLayer<Sessions> {
    let https = url.https();
    let name = if https { SECURE_COOKIE.to_owned() } else { format!("{PLAIN_COOKIE}{}", url.port()) };
    SessionManagerLayer::new(Sessions::new(console))
        .with_name(name)
        .with_secure(https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnSessionEnd)
}

/// Finds the actor behind the cookie and notes that the session is in use.
pub async fn load(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(session) = request.extensions().get::<Session>().cloned() else {
        return ApiProblem(Problem::new(ProblemKind::Internal, "The route has no session layer")).into_response();
    };
    let source = request.extensions().get::<Source>().map(|source| source.0.to_string()).unwrap_or_default();
    let counts = request.uri().path() != "/events";
    match current(&state.console, &session, &source, counts).await {
        Ok(actor) => {
            request.extensions_mut().insert(SessionActor(actor));
            next.run(request).await
        }
        Err(error) => ApiProblem::from(error).into_response(),
    }
}

async fn current(console: &Console, session: &Session, source: &str, counts: bool) -> Result<Option<Actor>, CoreError> {
    let Some(login) = session.get::<Login>(KEY).await.map_err(broken)? else { return Ok(None) };
    let actor = actor_of(console, &login, source).await?;
    if actor.is_none() {
        session.flush().await.map_err(broken)?;
    } else if counts && console.now().since(login.seen) >= SEEN_GRAIN_MILLIS {
        note_seen(console, session, login).await;
    }
    Ok(actor)
}

/// Notes that the session is in use. A database that cannot be written just now costs the note and not the page: the layer
/// would save a changed session after the answer is made, and give an empty one instead when that fails.
async fn note_seen(console: &Console, session: &Session, login: Login) {
    let Some(id) = session.id() else { return };
    if let Err(error) = store::note_seen(console, &id, Login { seen: console.now(), ..login }).await {
        tracing::warn!(error = quorate_core::error::chain(&error), "the use of a session was not noted");
    }
}

async fn actor_of(console: &Console, login: &Login, source: &str) -> Result<Option<Actor>, CoreError> {
    if console.now() >= login.born.plus_millis(ABSOLUTE_MILLIS) {
        return Ok(None);
    }
    console.actor_for_session(&login.user, login.auth_epoch, login.reauthenticated_until, source).await
}

/// Whether the session that a stream was opened with is still good.
pub async fn still_good(console: &Console, id: &str, source: &str) -> Result<bool, CoreError> {
    let Some(row) = console.session(id).await? else { return Ok(false) };
    match store::login_in(&row.data) {
        Some(login) => Ok(actor_of(console, &login, source).await?.is_some()),
        None => Ok(false),
    }
}

fn broken(error: tower_sessions::session::Error) -> CoreError {
    let Some(reason) = store::out_of_reach(&error) else {
        return CoreError::caused("the session cannot be kept", error);
    };
    Problem::new(ProblemKind::Unavailable, "The console cannot keep or read sessions just now")
        .with_detail(reason)
        .into()
}

/// What server functions may do to the session of their request.
#[derive(Clone)]
pub struct Port {
    session: Session,
    console: Console,
}

impl Port {
    /// The port of one request.
    pub fn new(session: Session, console: Console) -> Self {
        Self { session, console }
    }

    /// Starts a session under a new id; whatever id the browser sent is worth nothing from now on.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn begin(&self, who: LoggedIn) -> Result<(), Problem> {
        let now = self.console.now();
        let LoggedIn { user, auth_epoch } = who;
        let login = Login { user, auth_epoch, born: now, seen: now, reauthenticated_until: None };
        let kept = async {
            self.session.cycle_id().await?;
            self.session.insert(KEY, login).await?;
            self.session.save().await
        };
        kept.await.map_err(|error| broken(error).into())
    }

    /// Ends the session.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn end(&self) -> Result<(), Problem> {
        self.session.flush().await.map_err(|error| broken(error).into())
    }

    /// Notes until when the password counts as given again.
    ///
    /// # Errors
    /// The storage failed, or the session ended meanwhile.
    pub async fn note_reauthenticated(&self, until: Timestamp) -> Result<(), Problem> {
        let login = self.session.get::<Login>(KEY).await.map_err(|error| Problem::from(broken(error)))?;
        let ended = || Problem::new(ProblemKind::Unauthenticated, "The session ended");
        let login = Login { reauthenticated_until: Some(until), ..login.ok_or_else(ended)? };
        self.session.insert(KEY, login).await.map_err(|error| broken(error).into())
    }
}

/// Browsers ignore a removal of a `__Host-` cookie that lacks the cookie's own attributes, which the cookie layer
/// leaves out of removals.
pub async fn complete_removals(State(https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    if cookies.is_empty() {
        return response;
    }
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let text = cookie.to_str().unwrap_or_default();
        let complete = if text.contains("HttpOnly") {
            None
        } else {
            let secure = if https { "; Secure" } else { "" };
            HeaderValue::from_str(&format!("{text}; HttpOnly; SameSite=Lax{secure}")).ok()
        };
        headers.append(header::SET_COOKIE, complete.unwrap_or(cookie));
    }
    response
}
