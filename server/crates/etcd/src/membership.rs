//! Requests that change who is in a cluster or who leads it. Invariant: nothing is judged or repeated here; whether a
//! change is safe is `domain::quorum`'s to say, and whether it happened after a lost answer is asked for by the caller.

use crate::{client::MemberClient, error::EtcdError};
use etcd_client::MemberAddOptions;
use quorate_domain::MemberId;
use std::time::Duration;

/// etcd says so while a voter has not been connected for five seconds (`--strict-reconfig-check`).
const UNHEALTHY: &str = "unhealthy cluster";
/// etcd says so of a learner that has less than nine tenths of the leader's log.
const NOT_IN_SYNC: &str = "in sync with leader";

impl MemberClient {
    /// Adds a learner at `peer_url`, through this voter.
    ///
    /// # Errors
    /// [`EtcdError`]; after a lost answer it may have been added.
    pub async fn add_learner(&self, peer_url: &str, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            let options = MemberAddOptions::new().with_is_learner();
            etcd.cluster_client().member_add([peer_url.to_owned()], Some(options)).await?;
            Ok(())
        })
        .await
    }

    /// Gives a learner a vote; only the leader knows whether it has caught up, so this goes to the leader.
    ///
    /// # Errors
    /// [`EtcdError`]; `Refused` while it lags behind.
    pub async fn promote(&self, learner: MemberId, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.cluster_client().member_promote(learner.0).await?;
            Ok(())
        })
        .await
    }

    /// Takes a member out of the cluster, through this (other) voter.
    ///
    /// # Errors
    /// [`EtcdError`]; after a lost answer it may be out.
    pub async fn remove(&self, member: MemberId, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.cluster_client().member_remove(member.0).await?;
            Ok(())
        })
        .await
    }

    /// Gives a member another peer URL, the only one from then on, through this voter; it listens there after its next start.
    ///
    /// # Errors
    /// [`EtcdError`]; after a lost answer it may have it.
    pub async fn update_peer_url(&self, member: MemberId, url: &str, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.cluster_client().member_update(member.0, [url.to_owned()]).await?;
            Ok(())
        })
        .await
    }

    /// Hands the lead to another voter; only the leader can.
    ///
    /// # Errors
    /// [`EtcdError`]; `Refused` with "not leader" by any other member.
    pub async fn move_leader(&self, to: MemberId, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.maintenance_client().move_leader(to.0).await?;
            Ok(())
        })
        .await
    }
}

impl EtcdError {
    /// Whether etcd refused for a state that passes by itself: a voter not connected for long enough, a learner that has
    /// not caught up, a leader that has just changed.
    pub fn passes(&self) -> bool {
        match self {
            Self::Refused { message, .. } => {
                [UNHEALTHY, NOT_IN_SYNC, "not leader", "leader changed", "too many requests"]
                    .iter()
                    .any(|words| message.contains(words))
            }
            Self::NoLeader | Self::NoMajority { .. } => true,
            other => other.is_silence(),
        }
    }
}
