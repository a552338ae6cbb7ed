//! The executor's requests to etcd. Invariant: every call names one member and has a deadline.

use super::Executor;
use crate::{
    effect::{ClusterTarget, Place},
    error::OperationError,
};
use futures::future::join_all;
use quorate_etcd::{Consistency, MemberList, StatusReply};
use std::{collections::BTreeSet, time::Duration};

const DEADLINE: Duration = Duration::from_secs(2);
const CANARY_DEADLINE: Duration = Duration::from_secs(5);

impl Executor {
    /// Whether exactly the planned members answer, follow one leader in one term and have all started; the error says
    /// what is missing.
    pub async fn members_agree(&self, cluster: &ClusterTarget) -> Result<(), String> {
        let answers = join_all((0..cluster.members.len()).map(|i| self.ask(cluster, i))).await;
        let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        judge(cluster, &answers)
    }

    async fn ask(&self, cluster: &ClusterTarget, index: usize) -> Result<(StatusReply, MemberList), String> {
        let name = &cluster.members[index].name;
        let client = self.member(cluster, index).await?;
        let status = client.status(DEADLINE).await.map_err(|e| format!("{name}: {e}"))?;
        let list = client.members(Consistency::Linearizable, DEADLINE).await.map_err(|e| format!("{name}: {e}"))?;
        Ok((status, list))
    }

    pub(super) async fn canary(&self, place: &Place, cluster: &ClusterTarget, key: &str) -> Result<(), OperationError> {
        let verify = OperationError::Verify;
        let value = self.task.operation.as_str().as_bytes();
        let first = self.member(cluster, 0).await.map_err(verify)?;
        let words = |doing: &str, member: &str, error: &dyn std::fmt::Display| {
            OperationError::Verify(format!("{member}: {doing} the canary failed: {error}"))
        };
        let name = &cluster.members[0].name;
        first.canary_put(key.as_bytes(), value, CANARY_DEADLINE).await.map_err(|e| words("writing", name, &e))?;
        for (index, member) in cluster.members.iter().enumerate() {
            let client = self.member(cluster, index).await.map_err(verify)?;
            let read = client.canary_get(key.as_bytes(), CANARY_DEADLINE).await;
            let read = read.map_err(|e| words("reading", &member.name, &e))?;
            if read.as_deref() != Some(value) {
                return Err(OperationError::Verify(format!("{}: the canary was not read back", member.name)));
            }
            self.say(place, format!("{}: canary read linearizably", member.name));
        }
        first.canary_delete(key.as_bytes(), CANARY_DEADLINE).await.map_err(|e| words("deleting", name, &e))?;
        Ok(())
    }
}

fn judge(cluster: &ClusterTarget, answers: &[(StatusReply, MemberList)]) -> Result<(), String> {
    let wanted: BTreeSet<&str> = cluster.members.iter().map(|m| m.name.as_str()).collect();
    let mut leaders = BTreeSet::new();
    let mut clusters = BTreeSet::new();
    for (member, (status, list)) in cluster.members.iter().zip(answers) {
        let listed: BTreeSet<&str> = list.members.iter().map(|m| m.name.as_str()).collect();
        if listed != wanted {
            let listed: Vec<&str> =
                listed.into_iter().map(|n| if n.is_empty() { "(not started)" } else { n }).collect();
            return Err(format!("{} lists the members {}", member.name, listed.join(", ")));
        }
        let leader = status.status.leader.ok_or_else(|| format!("{} knows no leader yet", member.name))?;
        leaders.insert((status.status.raft_term.0, leader));
        clusters.insert(status.cluster_id);
    }
    if clusters.len() > 1 {
        return Err("the members are in different clusters".into());
    }
    if leaders.len() > 1 {
        return Err("the members do not follow one leader yet".into());
    }
    Ok(())
}
