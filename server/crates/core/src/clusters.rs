//! Clusters under management: the fleet, one cluster, its events, forgetting. Invariant: reading a page never asks a
//! cluster; views come from memory, where `live` keeps them.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    housekeeping::units,
    live::{Endpoints, EventSink, LiveSubscription, MemberAddress, NewEvent, OutputSource},
    permit::{Permit, RunPermit, act},
};
use quorate_domain::{
    ClusterId, OperationId, Timestamp,
    cluster::{ClusterEvent, ClusterRecord, ClusterView, Reach},
    config::MemberConfig,
    names::split_url,
    operation::OutputLine,
    patroni::PatroniScope,
    plan::OperationClass,
    snapshots::Survivors,
};
use quorate_etcd::{Access, MemberEndpoint, Via};
use quorate_store::{NewClusterEvent, StoreError};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The most events one request gets.
const EVENTS_MAX: u32 = 200;
/// How many lines of output one page of a replay has.
const OUTPUT_PAGE: u32 = 1000;

impl Console {
    /// All clusters, as last seen.
    ///
    /// # Errors
    /// The console is not running.
    pub async fn fleet(&self, _permit: &Permit<act::ViewClusters>) -> Result<Vec<ClusterView>, CoreError> {
        Ok(self.runtime()?.live.views().iter().map(|view| (**view).clone()).collect())
    }

    /// The permit's cluster, as last seen.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn cluster(&self, permit: &Permit<act::ViewClusters>) -> Result<ClusterView, CoreError> {
        let id = permit.cluster()?;
        let view = self.runtime()?.live.view(id).ok_or_else(|| CoreError::not_found("cluster", id))?;
        Ok((*view).clone())
    }

    /// What happened to the permit's cluster, newest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn cluster_events(
        &self,
        permit: &Permit<act::ViewClusters>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ClusterEvent>, CoreError> {
        let id = self.cluster(permit).await?.id;
        Ok(self.0.store.cluster_events(&id, before, limit.clamp(1, EVENTS_MAX)).await?)
    }

    /// What lies on the hosts of the permit's cluster, read now, and where it differs from what is expected.
    ///
    /// # Errors
    /// `Invalid` for a cluster that confirms no members, or that is none.
    pub async fn configurations(&self, permit: &Permit<act::CheckHosts>) -> Result<Vec<MemberConfig>, CoreError> {
        let id = permit.cluster()?;
        Ok(self.runtime()?.engine.configurations(id).await?)
    }

    /// What is left of a cluster without quorum, read now from the data of all members that are reached, and what each way out
    /// would lose. The permit is for a rescue.
    ///
    /// # Errors
    /// `NotFound`; `Internal` for a permit of another class.
    pub async fn survivors(&self, permit: &RunPermit, id: &ClusterId) -> Result<Survivors, CoreError> {
        if permit.class() != OperationClass::Dangerous {
            return Err(CoreError::internal("the permit is for another class of operation"));
        }
        if self.0.store.cluster(id).await?.is_none() {
            return Err(CoreError::not_found("cluster", id));
        }
        Ok(self.runtime()?.engine.survivors(id).await?)
    }

    /// The Patroni scopes that keep their state in the permit's cluster, asked now.
    ///
    /// # Errors
    /// `Invalid` for a cluster that does not answer, or that is none.
    pub async fn patroni(&self, permit: &Permit<act::ViewClusters>) -> Result<Vec<PatroniScope>, CoreError> {
        let id = permit.cluster()?;
        Ok(self.runtime()?.engine.patroni(id).await?)
    }

    /// Takes the permit's cluster out of the console. Its members go on; nothing is done on hosts.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` while an operation works on it.
    pub async fn forget_cluster(&self, permit: &Permit<act::ForgetClusters>) -> Result<(), CoreError> {
        let id = permit.cluster()?;
        let record = self.0.store.cluster(id).await?.ok_or_else(|| CoreError::not_found("cluster", id))?;
        let mut tx = self.0.store.begin().await?;
        tx.delete_cluster(id).await.map_err(|error| match error {
            StoreError::Claimed { by, .. } => {
                CoreError::conflict(format!("Operation {by} works on {}; wait until it has ended", record.name))
            }
            other => other.into(),
        })?;
        AuditDraft::by(permit.actor(), "cluster.forget", &record.name).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        let runtime = self.runtime()?;
        runtime.live.forget(id);
        runtime.keys.forget(id);
        Ok(())
    }

    pub(crate) async fn watch_all_clusters(&self) -> Result<(), CoreError> {
        for record in self.0.store.clusters().await? {
            self.watch_cluster(record)?;
        }
        Ok(())
    }

    pub(crate) fn watch_cluster(&self, record: ClusterRecord) -> Result<(), CoreError> {
        self.runtime()?.live.add(record.clone());
        self.look_at_units_soon(&record);
        Ok(())
    }

    /// The first look at the units does not wait for its turn: somebody is about to open the page.
    pub(crate) fn look_at_units_soon(&self, record: &ClusterRecord) {
        let (console, id) = (self.clone(), record.id.clone());
        let units = units(record);
        tokio::spawn(async move { console.look_at_units(&id, units).await });
    }
}

/// The poller's ways in and out of the console.
#[async_trait::async_trait]
impl Endpoints for Console {
    async fn endpoint(&self, cluster: &ClusterRecord, member: &MemberAddress) -> Result<MemberEndpoint, String> {
        let url = member.client_urls.first().ok_or("it has not started yet, so it has no client URL")?;
        let via = match (cluster.reach, &member.host) {
            (Reach::Direct, _) => Via::Direct,
            (Reach::Ssh, None) => return Err("the console knows no host for it to go through".into()),
            (Reach::Ssh, Some(host)) => {
                let host = self.connected(host).await?;
                let (address, port) = split_url(url)?;
                Via::Unix(host.tunnel(&address, port).await.map_err(|e| e.to_string())?)
            }
        };
        let access = match &cluster.access {
            Some(id) => self.access(id).await?,
            None => Access::default(),
        };
        Ok(MemberEndpoint { url: url.clone(), via, access })
    }
}

#[async_trait::async_trait]
impl EventSink for Console {
    async fn keep(&self, cluster: &ClusterId, at: Timestamp, events: &[NewEvent]) -> Result<Vec<ClusterEvent>, String> {
        let rows: Vec<NewClusterEvent> = events
            .iter()
            .map(|e| NewClusterEvent { cluster: cluster.clone(), at, kind: e.kind, text: e.text.clone() })
            .collect();
        self.0.store.append_cluster_events(&rows).await.map_err(|error| chain(&error))
    }
}

#[async_trait::async_trait]
impl OutputSource for Console {
    async fn output_after(&self, operation: &OperationId, after: i64) -> Result<Vec<OutputLine>, String> {
        self.0.store.output(operation, after, OUTPUT_PAGE).await.map_err(|error| chain(&error))
    }
}

impl Console {
    /// One tab's stream: the whole picture first, then changes. Ends with `end`.
    ///
    /// # Errors
    /// The console is not running.
    pub fn live(
        &self,
        _permit: &Permit<act::ViewClusters>,
        end: CancellationToken,
    ) -> Result<LiveSubscription, CoreError> {
        Ok(self.runtime()?.live.subscribe(end))
    }

    /// Follows the output of an operation on a stream, from after a sequence number.
    pub fn follow_output(
        &self,
        _permit: &Permit<act::ViewOperations>,
        stream: &mut LiveSubscription,
        operation: OperationId,
        after: i64,
    ) {
        stream.watch_output(operation, after, Arc::new(self.clone()));
    }
}
