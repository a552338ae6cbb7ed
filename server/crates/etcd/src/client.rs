//! One member's client. Invariant: one connection to one member; every call ends at its deadline, and a call that ran
//! out of time leaves its connection behind, so that the next one dials anew instead of waiting for TCP to give up.

use crate::{
    endpoint::MemberEndpoint,
    error::EtcdError,
    http::{self, HealthAnswer},
    line::Line,
    members::{Consistency, MemberList},
    status::StatusReply,
    wire,
};
use ::http::HeaderValue;
use secrecy::ExposeSecret;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tonic::transport::{Channel, Endpoint};

/// Talks to one member. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct MemberClient {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: MemberEndpoint,
    transport: Endpoint,
    state: Mutex<State>,
}

struct State {
    generation: u64,
    channel: Channel,
    /// Of the last login; members forget a token that nobody shows them for five minutes (`--auth-token-ttl`).
    token: Option<HeaderValue>,
}

impl MemberClient {
    /// A client that connects at its first call. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EtcdError::BadUrl`] only.
    pub fn connect(endpoint: &MemberEndpoint) -> Result<Self, EtcdError> {
        let transport = endpoint.transport()?;
        let state = Mutex::new(State { generation: 0, channel: endpoint.channel(&transport), token: None });
        Ok(Self { shared: Arc::new(Shared { endpoint: endpoint.clone(), transport, state }) })
    }

    /// Where this client goes.
    pub fn endpoint(&self) -> &MemberEndpoint {
        &self.shared.endpoint
    }

    /// The member's own state. Answered without quorum, by learners too.
    ///
    /// # Errors
    /// [`EtcdError`]; dropping the future gives the request up.
    pub async fn status(&self, deadline: Duration) -> Result<StatusReply, EtcdError> {
        let asked = Instant::now();
        self.call(deadline, async |etcd| {
            let reply = etcd.maintenance_client().status().await?;
            StatusReply::read(&reply, asked.elapsed())
        })
        .await
    }

    /// The member list as this member knows it, or as a majority confirms it.
    ///
    /// # Errors
    /// [`EtcdError`]; without quorum a linearizable list ends in `Deadline`, `NoLeader` or `NoMajority`.
    pub async fn members(&self, consistency: Consistency, deadline: Duration) -> Result<MemberList, EtcdError> {
        let linearizable = consistency == Consistency::Linearizable;
        self.on_line(deadline, async |line| MemberList::read(wire::member_list(line, linearizable).await?)).await
    }

    /// Writes `value` at `key`, as the proof that the cluster takes writes through this member.
    ///
    /// # Errors
    /// [`EtcdError`]; after `Deadline`, `NoMajority` and a broken connection the write may still have happened.
    pub async fn canary_put(&self, key: &[u8], value: &[u8], deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.kv_client().put(key, value, None).await?;
            Ok(())
        })
        .await
    }

    /// Reads `key` through this member, confirmed by a majority; none when it is absent.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn canary_get(&self, key: &[u8], deadline: Duration) -> Result<Option<Vec<u8>>, EtcdError> {
        self.call(deadline, async |etcd| {
            let reply = etcd.kv_client().get(key, None).await?;
            Ok(reply.kvs().first().map(|kv| kv.value().to_vec()))
        })
        .await
    }

    /// Removes `key`; whether it was there.
    ///
    /// # Errors
    /// [`EtcdError`], as for [`Self::canary_put`].
    pub async fn canary_delete(&self, key: &[u8], deadline: Duration) -> Result<bool, EtcdError> {
        self.call(deadline, async |etcd| Ok(etcd.kv_client().delete(key, None).await?.deleted() > 0)).await
    }

    /// Any other call of etcd-client on this member's connection, under the same rules. `ask` is asked a second time after
    /// a login, when etcd did nothing for lack of one.
    ///
    /// # Errors
    /// What `ask` answers, or [`EtcdError::Deadline`].
    pub async fn call<T>(
        &self,
        deadline: Duration,
        ask: impl AsyncFnOnce(etcd_client::Client) -> Result<T, EtcdError> + Clone,
    ) -> Result<T, EtcdError> {
        self.on_line(deadline, async move |line| ask(client(line).await?).await).await
    }

    /// What `/health?serializable=true` says: the member's own health without asking the others, and without a login.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn health(&self, deadline: Duration) -> Result<HealthAnswer, EtcdError> {
        let body = bounded(deadline, http::get(&self.shared.endpoint, "/health?serializable=true")).await?;
        serde_json::from_str(&body).map_err(|e| EtcdError::Malformed(format!("its health answer: {e}")))
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn metrics(&self, deadline: Duration) -> Result<String, EtcdError> {
        bounded(deadline, http::get(&self.shared.endpoint, "/metrics")).await
    }

    pub(crate) async fn on_line<T>(
        &self,
        deadline: Duration,
        ask: impl AsyncFnOnce(Line) -> Result<T, EtcdError> + Clone,
    ) -> Result<T, EtcdError> {
        let (generation, line) = {
            let state = self.state();
            (state.generation, Line { channel: state.channel.clone(), token: state.token.clone() })
        };
        // The login is asked for only when it is missed: without quorum etcd logs nobody in, and still tells its status.
        let answer = bounded(deadline, async {
            // On the heap: two calls and what may come between would else lie side by side in every future around this one.
            match Box::pin(ask.clone()(line.clone())).await {
                Err(error @ EtcdError::Unreachable { .. }) => {
                    Err(error.or_told(Box::pin(self.shared.endpoint.refusal()).await))
                }
                Err(error) if error.wants_login(line.token.is_some()) => {
                    match Box::pin(self.log_in(&line.channel)).await? {
                        None => Err(error),
                        Some(token) => Box::pin(ask(Line { token: Some(token), ..line })).await,
                    }
                }
                answer => answer,
            }
        })
        .await;
        if matches!(answer, Err(EtcdError::Deadline { .. })) {
            self.redial(generation);
        }
        answer
    }

    /// A token from etcd; none when this client has no login.
    async fn log_in(&self, channel: &Channel) -> Result<Option<HeaderValue>, EtcdError> {
        let endpoint = &self.shared.endpoint;
        // Whoever gave certificates wants the password to travel by TLS only.
        let in_clear = endpoint.access.has_tls() && !endpoint.url.starts_with("https:");
        let Some(login) = endpoint.access.login.as_ref().filter(|_| !in_clear) else { return Ok(None) };
        let etcd = client(Line { channel: channel.clone(), token: None }).await?;
        let (user, password) = (login.user.clone(), login.password.expose_secret().to_owned());
        let reply = etcd.auth_client().authenticate(user, password).await?;
        let mut token = HeaderValue::from_str(reply.token())
            .map_err(|_| EtcdError::Malformed("a token that fits in no header".into()))?;
        token.set_sensitive(true);
        self.state().token = Some(token.clone());
        Ok(Some(token))
    }

    /// Leaves the line of `generation` behind; a later one (another call was quicker) stays.
    fn redial(&self, generation: u64) {
        let mut state = self.state();
        if state.generation == generation {
            state.generation = generation.wrapping_add(1);
            state.channel = self.shared.endpoint.channel(&self.shared.transport);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// etcd-client on a line. Without a user of its own this only wraps the channel; it does not dial.
async fn client(line: Line) -> Result<etcd_client::Client, EtcdError> {
    Ok(etcd_client::Client::from_channel(line.any(), None).await?)
}

async fn bounded<T>(deadline: Duration, ask: impl Future<Output = Result<T, EtcdError>>) -> Result<T, EtcdError> {
    timeout(deadline, ask).await.unwrap_or(Err(EtcdError::Deadline { deadline }))
}
