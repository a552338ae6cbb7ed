//! One member's client. Invariant: one connection to one member; every call ends at its deadline, and a call that ran
//! out of time leaves its connection behind, so that the next one dials anew instead of waiting for TCP to give up.

use crate::{
    endpoint::MemberEndpoint,
    error::EtcdError,
    http::{self, HealthAnswer},
    members::{Consistency, MemberList},
    status::StatusReply,
    wire,
};
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
    line: Mutex<Line>,
}

struct Line {
    generation: u64,
    channel: Channel,
}

impl MemberClient {
    /// A client that connects at its first call. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EtcdError::BadUrl`] only.
    pub fn connect(endpoint: &MemberEndpoint) -> Result<Self, EtcdError> {
        let transport = endpoint.transport()?;
        let line = Mutex::new(Line { generation: 0, channel: endpoint.channel(&transport) });
        Ok(Self { shared: Arc::new(Shared { endpoint: endpoint.clone(), transport, line }) })
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
        self.on_line(deadline, async |channel| MemberList::read(wire::member_list(channel, linearizable).await?)).await
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

    /// Any other call of etcd-client on this member's connection, under the same rules.
    ///
    /// # Errors
    /// What `ask` answers, or [`EtcdError::Deadline`].
    pub async fn call<T>(
        &self,
        deadline: Duration,
        ask: impl AsyncFnOnce(etcd_client::Client) -> Result<T, EtcdError>,
    ) -> Result<T, EtcdError> {
        self.on_line(deadline, async |channel| {
            // Without a user this only wraps the channel; it does not dial.
            let etcd = etcd_client::Client::from_channel(etcd_client::Channel::Tonic(channel), None).await?;
            ask(etcd).await
        })
        .await
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

    async fn on_line<T>(
        &self,
        deadline: Duration,
        ask: impl AsyncFnOnce(Channel) -> Result<T, EtcdError>,
    ) -> Result<T, EtcdError> {
        let (generation, channel) = {
            let line = self.line();
            (line.generation, line.channel.clone())
        };
        let answer = bounded(deadline, ask(channel)).await;
        if matches!(answer, Err(EtcdError::Deadline { .. })) {
            self.redial(generation);
        }
        answer
    }

    /// Leaves the line of `generation` behind; a later one (another call was quicker) stays.
    fn redial(&self, generation: u64) {
        let mut line = self.line();
        if line.generation == generation {
            *line = Line {
                generation: generation.wrapping_add(1),
                channel: self.shared.endpoint.channel(&self.shared.transport),
            };
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.shared.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bounded<T>(deadline: Duration, ask: impl Future<Output = Result<T, EtcdError>>) -> Result<T, EtcdError> {
    timeout(deadline, ask).await.unwrap_or(Err(EtcdError::Deadline { deadline }))
}
