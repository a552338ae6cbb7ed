//! The way to one member, kept open between ticks. Invariant: at most one way is being opened at a time, and opening it
//! goes on when a tick's deadline passes, so that a slow tunnel is ready for a later tick instead of never.

use super::{Endpoints, MemberAddress};
use async_trait::async_trait;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use quorate_domain::cluster::ClusterRecord;
use quorate_etcd::{Consistency, EtcdError, MemberClient, MemberEndpoint, MemberList, StatusReply};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

type Opening = Shared<BoxFuture<'static, Result<MemberClient, String>>>;

pub(super) struct Link {
    pub address: MemberAddress,
    record: Arc<ClusterRecord>,
    endpoints: Arc<dyn Endpoints>,
    opening: Mutex<Option<Opening>>,
}

impl Link {
    pub fn new(address: MemberAddress, record: Arc<ClusterRecord>, endpoints: Arc<dyn Endpoints>) -> Self {
        Self { address, record, endpoints, opening: Mutex::default() }
    }

    /// The member's status; the deadline holds for the way there and the answer together.
    pub async fn status(&self, deadline: Duration) -> Result<StatusReply, String> {
        self.ask(deadline, async |client| client.status(deadline).await).await
    }

    /// The member's own list.
    pub async fn members(&self, deadline: Duration) -> Result<MemberList, String> {
        self.ask(deadline, async |client| client.members(Consistency::Serializable, deadline).await).await
    }

    async fn ask<T>(
        &self,
        deadline: Duration,
        call: impl AsyncFnOnce(MemberClient) -> Result<T, EtcdError>,
    ) -> Result<T, String> {
        let opening = self.open();
        let way = opening.clone();
        let answer = timeout(deadline, async {
            let client = way.await.map_err(|reason| (reason, true))?;
            call(client).await.map_err(|e| (e.to_string(), e.is_silence()))
        })
        .await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err((reason, false))) => Err(reason),
            Ok(Err((reason, true))) => {
                self.forget(&opening);
                Err(reason)
            }
            Err(_) if opening.peek().is_none() => Err("the way to it is still being opened".to_owned()),
            Err(_) => {
                self.forget(&opening);
                Err(EtcdError::Deadline { deadline }.to_string())
            }
        }
    }

    fn open(&self) -> Opening {
        let mut slot = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| {
            let (endpoints, record, address) = (self.endpoints.clone(), self.record.clone(), self.address.clone());
            let task = tokio::spawn(async move {
                let endpoint = endpoints.endpoint(&record, &address).await?;
                MemberClient::connect(&endpoint).map_err(|e| e.to_string())
            });
            let joined = async move { task.await.unwrap_or_else(|e| Err(format!("the way to it broke: {e}"))) };
            joined.boxed().shared()
        })
        .clone()
    }

    /// The next ask opens a new way, unless another one did already.
    fn forget(&self, used: &Opening) {
        let mut slot = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|now| now.ptr_eq(used)) {
            *slot = None;
        }
    }
}

/// Goes straight to the recorded client URL of a member, or to the first that it advertises when it is not recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectEndpoints;

#[async_trait]
impl Endpoints for DirectEndpoints {
    async fn endpoint(&self, cluster: &ClusterRecord, member: &MemberAddress) -> Result<MemberEndpoint, String> {
        let recorded = cluster.members.iter().find(|m| match &member.host {
            Some(host) => m.host.as_ref() == Some(host) && m.name == member.name,
            None => m.name == member.name,
        });
        recorded
            .map(|m| &m.client_url)
            .or(member.client_urls.first())
            .map(MemberEndpoint::direct)
            .ok_or_else(|| "it has not started yet".to_owned())
    }
}
