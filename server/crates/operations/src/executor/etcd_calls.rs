//! The executor's other requests to etcd: agreement and the canary. Invariant: every call names one member and has a
//! deadline.

use super::Executor;
use crate::{
    effect::{ClusterTarget, Place},
    error::OperationError,
    observe::Observed,
};
use quorate_etcd::MemberClient;
use std::{collections::BTreeSet, time::Duration};

const DEADLINE: Duration = Duration::from_secs(5);

impl Executor {
    /// Whether exactly the planned members are in the cluster, have started, and all but `down` follow one leader; the
    /// error says what is missing.
    pub async fn members_agree(&self, cluster: &ClusterTarget, down: &[String]) -> Result<(), String> {
        judge(cluster, down, &self.planner.observe(cluster).await?)
    }

    pub(super) async fn canary(&self, place: &Place, cluster: &ClusterTarget, key: &str) -> Result<(), OperationError> {
        let value = self.task.operation.as_str().as_bytes();
        let words = |doing: &str, member: &str, error: &dyn std::fmt::Display| {
            OperationError::Verify(format!("{member}: {doing} the canary failed: {error}"))
        };
        let first = self.reached(cluster, 0).await?;
        let name = &cluster.members[0].name;
        first.canary_put(key.as_bytes(), value, DEADLINE).await.map_err(|e| words("writing", name, &e))?;
        for (index, member) in cluster.members.iter().enumerate() {
            let client = self.reached(cluster, index).await?;
            let read = client.canary_get(key.as_bytes(), DEADLINE).await;
            let read = read.map_err(|e| words("reading", &member.name, &e))?;
            if read.as_deref() != Some(value) {
                return Err(OperationError::Verify(format!("{}: the canary was not read back", member.name)));
            }
            self.say(place, format!("{}: canary read linearizably", member.name));
        }
        first.canary_delete(key.as_bytes(), DEADLINE).await.map_err(|e| words("deleting", name, &e))?;
        Ok(())
    }

    async fn reached(&self, cluster: &ClusterTarget, index: usize) -> Result<MemberClient, OperationError> {
        let member = &cluster.members[index];
        let client = self.planner.client(cluster, member).await;
        client.map_err(|why| OperationError::Verify(format!("{}: {why}", member.name)))
    }
}

fn judge(cluster: &ClusterTarget, down: &[String], seen: &Observed) -> Result<(), String> {
    for planned in &cluster.members {
        let Some(listed) = seen.list.members.iter().find(|m| m.peer_urls.contains(&planned.peer_url)) else {
            return Err(format!("{} is not in the cluster", planned.name));
        };
        if listed.name.is_empty() {
            return Err(format!("{} has not started", planned.name));
        }
        let standing = seen.roster.members.iter().find(|m| m.id == listed.id);
        if !down.contains(&planned.name) && !standing.is_some_and(|m| m.healthy) {
            let why = seen.silent.get(&listed.id).map_or("it does not follow the leader yet", String::as_str);
            return Err(format!("{}: {why}", planned.name));
        }
    }
    let planned: BTreeSet<&String> = cluster.members.iter().map(|m| &m.peer_url).collect();
    let strangers = seen.list.members.iter().filter(|m| !m.peer_urls.iter().any(|url| planned.contains(url)));
    let strangers: Vec<String> = strangers.map(|m| format!("{} ({})", m.name, m.peer_urls.join(", "))).collect();
    if strangers.is_empty() { Ok(()) } else { Err(format!("the cluster also has {}", strangers.join(", "))) }
}
