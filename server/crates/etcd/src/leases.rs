//! Leases, as one member answers for all. Invariant: a lease is known by its id, which is never 0; -1 seconds left means
//! that it has ended.

use crate::{client::MemberClient, error::EtcdError};
use etcd_client::LeaseTimeToLiveOptions;
use std::time::Duration;

/// A lease and how long it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// Its id.
    pub id: i64,
    /// Seconds left; -1 when it has ended or never was.
    pub ttl: i64,
    /// Seconds that each keep-alive gives it.
    pub granted: i64,
    /// Its keys, where they were asked for.
    pub keys: Vec<Vec<u8>>,
}

impl MemberClient {
    /// The ids of all leases.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn leases(&self, deadline: Duration) -> Result<Vec<i64>, EtcdError> {
        self.call(deadline, async |etcd| {
            let answer = etcd.lease_client().leases().await?;
            Ok(answer.leases().iter().map(etcd_client::LeaseStatus::id).collect())
        })
        .await
    }

    /// How long a lease lives, and with `keys` what hangs on it. etcd without quorum does not answer.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn lease(&self, id: i64, keys: bool, deadline: Duration) -> Result<LeaseReply, EtcdError> {
        self.call(deadline, async |etcd| {
            let options = keys.then(|| LeaseTimeToLiveOptions::new().with_keys());
            let answer = etcd.lease_client().time_to_live(id, options).await?;
            let keys = answer.keys().to_vec();
            Ok(LeaseReply { id, ttl: answer.ttl(), granted: answer.granted_ttl(), keys })
        })
        .await
    }

    /// Makes a lease; its id.
    ///
    /// # Errors
    /// [`EtcdError`]; after one that [`EtcdError::may_have_happened`] there may be a lease that ends by itself.
    pub async fn grant_lease(&self, ttl: i64, deadline: Duration) -> Result<i64, EtcdError> {
        self.call(deadline, async |etcd| Ok(etcd.lease_client().grant(ttl, None).await?.id())).await
    }

    /// Lets a lease begin anew once; the seconds it has now, 0 or less when it had ended.
    ///
    /// # Errors
    /// [`EtcdError`].
    pub async fn keep_lease_alive(&self, id: i64, deadline: Duration) -> Result<i64, EtcdError> {
        self.call(deadline, async |etcd| {
            let (mut keeper, mut answers) = match etcd.lease_client().keep_alive(id).await {
                // etcd-client reads the first answer itself and says so of one that has no seconds.
                Err(etcd_client::Error::LeaseKeepAliveError(said)) if said.contains("lease not found") => return Ok(0),
                begun => begun?,
            };
            keeper.keep_alive().await?;
            let answer = answers.message().await?;
            Ok(answer.ok_or_else(|| EtcdError::Malformed("no answer to a keep-alive".into()))?.ttl())
        })
        .await
    }

    /// Ends a lease; its keys go with it.
    ///
    /// # Errors
    /// [`EtcdError`]; as for every change the end may have happened.
    pub async fn revoke_lease(&self, id: i64, deadline: Duration) -> Result<(), EtcdError> {
        self.call(deadline, async |etcd| {
            etcd.lease_client().revoke(id).await?;
            Ok(())
        })
        .await
    }
}
