//! The event streams: one a tab at `/events` (cookie), one an operation under `/api/v1` (token). Invariant: a stream
//! ends within five seconds of the end of what it was opened with, and at once when the process stops; it never
//! counts as activity; a message that the role may not see is not sent.

use crate::{
    api::{
        caller::{Caller, Params},
        problem::ApiProblem,
    },
    session::{self, SessionActor, store::row_id},
    state::AppState,
};
use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, future::BoxFuture, stream};
use http::HeaderMap;
use quorate_core::{
    Console,
    actor::Actor,
    live::LiveSubscription,
    permit::{Permit, act},
};
use quorate_domain::{Action, ClusterId, OperationId, Role, Scope, access, keys::Key, live::LiveMessage};
use serde::Deserialize;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

/// How often a stream asks whether it may go on.
const RECHECK: Duration = Duration::from_secs(2);
/// A comment this often keeps proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a tab wants besides the picture of everything.
#[derive(Debug, Deserialize)]
pub struct EventsQuery {
    /// The operation whose output it shows.
    pub operation: Option<OperationId>,
    /// The cluster whose journals it reads along with.
    pub journals: Option<ClusterId>,
    /// The cluster whose keys it watches.
    pub keys: Option<ClusterId>,
    /// Only keys that start with this, escaped; all of them without.
    #[serde(default)]
    pub key_prefix: Key,
    /// The last line of the operation's output that the tab has.
    #[serde(default)]
    pub after: i64,
}

/// `GET /events`: the one stream of a tab.
pub async fn tab(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Params(query): Params<EventsQuery>,
) -> Result<Response, ApiProblem> {
    let actor = actor.known()?;
    let id = row_id(&session.id().ok_or_else(session::not_logged_in)?);
    let permit = state.console.permit::<act::ViewClusters>(&actor, Scope::Global).await?;
    let mut live = state.console.live(&permit, state.stop.child_token())?;
    if let Some(operation) = query.operation {
        let permit = state.console.permit::<act::ViewOperations>(&actor, Scope::Global).await?;
        let after = last_event_id(&headers).unwrap_or(query.after);
        state.console.follow_output(&permit, &mut live, operation, after);
    }
    if let Some(cluster) = query.journals {
        let permit = state.console.permit::<act::CheckHosts>(&actor, Scope::Cluster(cluster)).await?;
        state.console.follow_journals(&permit, &mut live).await?;
    }
    if let Some(cluster) = query.keys {
        let scope = Scope::Keys(cluster, query.key_prefix.0);
        let permit = state.console.permit::<act::ReadValues>(&actor, scope).await?;
        state.console.follow_keys(&permit, &mut live).await?;
    }
    let (console, source) = (state.console.clone(), actor.source.clone());
    let guard: Guard = Arc::new(move || {
        let (console, id, source) = (console.clone(), id.clone(), source.clone());
        // A database that is busy for a moment ends nobody's stream; a session that is gone does.
        Box::pin(async move { session::still_good(&console, &id, &source).await.unwrap_or(true) })
    });
    Ok(answer(Follow::new(live, actor.role, guard, state.stop.clone())))
}

/// The events of one operation for a script: how it stands, its output from after `after`, then what happens, until
/// it ends.
pub async fn operation_stream(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    operation: OperationId,
    after: i64,
) -> Result<Response, ApiProblem> {
    let (console, actor) = (&state.console, &caller.0);
    let clusters = caller.permit::<act::ViewClusters>(console).await?;
    let permit = caller.permit::<act::ViewOperations>(console).await?;
    // First listen, then look, so that nothing falls in between.
    let mut live = console.live(&clusters, state.stop.child_token())?;
    let detail = console.operation(&permit, &operation).await?;
    let ended = !detail.summary.state.unfinished();
    if !ended {
        console.follow_output(&permit, &mut live, operation.clone(), after);
    }
    let mut follow = Follow::new(live, actor.role, token_guard(console, actor, headers), state.stop.clone());
    follow.about = About::Operation(operation.clone());
    let now = LiveMessage::Operation { summary: detail.summary, steps: detail.steps, entry: None };
    if ended {
        follow.ready = replay(console, &permit, &operation, after).await?;
    }
    follow.ready.push_back(now);
    Ok(answer(follow))
}

/// The changes below a prefix for a script, as they come, until it hangs up.
pub async fn key_stream(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    cluster: ClusterId,
    prefix: Key,
) -> Result<Response, ApiProblem> {
    let (console, actor) = (&state.console, &caller.0);
    let clusters = caller.permit::<act::ViewClusters>(console).await?;
    let permit = console.permit::<act::ReadValues>(actor, Scope::Keys(cluster, prefix.0)).await?;
    let mut live = console.live(&clusters, state.stop.child_token())?;
    console.follow_keys(&permit, &mut live).await?;
    let mut follow = Follow::new(live, actor.role, token_guard(console, actor, headers), state.stop.clone());
    follow.about = About::Keys;
    Ok(answer(follow))
}

/// Whether the token that a stream was opened with still stands for what it stood for then.
fn token_guard(console: &Console, actor: &Actor, headers: &HeaderMap) -> Guard {
    let token = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map(|(_, token)| token.trim().to_owned());
    let (console, then) = (console.clone(), actor.clone());
    Arc::new(move || {
        let (console, token, then) = (console.clone(), token.clone().unwrap_or_default(), then.clone());
        Box::pin(async move {
            match console.actor_for_token(&token, &then.source).await {
                Ok(now) => now.is_some_and(|now| now.role == then.role && now.key_rules == then.key_rules),
                Err(_) => true,
            }
        })
    })
}

/// All output of an operation that has ended.
async fn replay(
    console: &Console,
    permit: &Permit<act::ViewOperations>,
    operation: &OperationId,
    mut after: i64,
) -> Result<VecDeque<LiveMessage>, ApiProblem> {
    let mut messages = VecDeque::new();
    loop {
        let lines = console.output(permit, operation, after).await?;
        let Some(last) = lines.last() else { return Ok(messages) };
        after = last.seq;
        messages.push_back(LiveMessage::Output { operation: operation.clone(), lines });
    }
}

/// `Last-Event-ID`, as an `EventSource` sends it when it connects again.
pub fn last_event_id(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

type Guard = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What a stream carries besides its first and last words.
enum About {
    /// All that the role may see.
    Everything,
    /// One operation, with which it ends.
    Operation(OperationId),
    /// Changes of keys.
    Keys,
}

struct Follow {
    live: LiveSubscription,
    role: Role,
    guard: Guard,
    stop: CancellationToken,
    /// Goes out before anything live.
    ready: VecDeque<LiveMessage>,
    about: About,
    recheck: Interval,
    over: bool,
}

impl Follow {
    fn new(live: LiveSubscription, role: Role, guard: Guard, stop: CancellationToken) -> Self {
        let mut recheck = interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { live, role, guard, stop, ready: VecDeque::new(), about: About::Everything, recheck, over: false }
    }

    /// The next message; none when the stream is over.
    async fn next(&mut self) -> Option<LiveMessage> {
        while !self.over {
            if let Some(message) = self.ready.pop_front() {
                self.over = self.is_last(&message);
                return Some(message);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.over = true;
                    return None;
                }
                _ = self.recheck.tick() => {
                    if !(self.guard)().await {
                        self.over = true;
                        return Some(LiveMessage::Goodbye { reason: "The session ended; log in again".into() });
                    }
                }
                message = self.live.next() => match message {
                    None => return None,
                    Some(message) if self.wanted(&message) => {
                        self.over = self.is_last(&message);
                        return Some(message);
                    }
                    Some(_) => {}
                },
            }
        }
        None
    }

    fn wanted(&self, message: &LiveMessage) -> bool {
        let allowed = access::allows(self.role, action_of(message), &Scope::Global);
        let about = match (&self.about, message) {
            (About::Everything, _) | (_, LiveMessage::Hello { .. } | LiveMessage::Goodbye { .. }) => true,
            (About::Operation(only), LiveMessage::Operation { summary, .. }) => summary.id == *only,
            (About::Operation(only), LiveMessage::Output { operation, .. }) => operation == only,
            (About::Keys, LiveMessage::Keys { .. }) => true,
            _ => false,
        };
        allowed && about
    }

    fn is_last(&self, message: &LiveMessage) -> bool {
        match message {
            LiveMessage::Goodbye { .. } => true,
            LiveMessage::Operation { summary, .. } => {
                matches!(self.about, About::Operation(_)) && !summary.state.unfinished()
            }
            _ => false,
        }
    }
}

/// What one has to be allowed to do to see a message.
fn action_of(message: &LiveMessage) -> Action {
    match message {
        LiveMessage::Operation { .. } | LiveMessage::Output { .. } => Action::ViewOperations,
        LiveMessage::HostChanged { .. } => Action::ViewHosts,
        LiveMessage::Snapshot { .. } | LiveMessage::SnapshotGone { .. } => Action::ViewSnapshots,
        LiveMessage::Journal { .. } => Action::CheckHosts,
        // Only whoever had a permit for these values follows them, perhaps by rules of keys that no role says.
        LiveMessage::Keys { .. } => Action::ViewKeys,
        LiveMessage::Hello { .. }
        | LiveMessage::Cluster { .. }
        | LiveMessage::ClusterGone { .. }
        | LiveMessage::ClusterEvent { .. }
        | LiveMessage::Goodbye { .. } => Action::ViewClusters,
    }
}

fn answer(follow: Follow) -> Response {
    let open = metrics::gauge!("quorate_event_streams");
    open.increment(1.0);
    let counted = Counted(open);
    let events = stream::unfold((follow, counted), |(mut follow, counted)| async move {
        let message = follow.next().await?;
        Some((Ok::<_, Infallible>(event(&message)), (follow, counted)))
    });
    sse(events)
}

fn sse(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // nginx would hold events back until its buffer is full.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

struct Counted(metrics::Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn event(message: &LiveMessage) -> Event {
    let value = serde_json::to_value(message).unwrap_or_default();
    let name = value.get("type").and_then(|word| word.as_str()).unwrap_or("message").to_owned();
    let event = Event::default().event(name).data(value.to_string());
    match message {
        // Only output is replayed, so only output moves the id that a browser sends back.
        LiveMessage::Output { lines, .. } => match lines.last() {
            Some(line) => event.id(line.seq.to_string()),
            None => event,
        },
        _ => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{keys::KeyNews, wide::Wide};

    #[test]
    fn whoever_follows_keys_by_a_rule_is_told_of_them_whatever_the_role() {
        let cluster = ClusterId::from_random([1; 10]);
        let (prefix, missed, problem) = (Key::default(), String::new(), String::new());
        let news = KeyNews { prefix, changes: Vec::new(), revision: Wide(5), missed, problem };
        let message = LiveMessage::Keys { cluster, news };
        assert!(access::allows(Role::Viewer, action_of(&message), &Scope::Global));
    }
}
