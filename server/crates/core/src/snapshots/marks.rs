//! The recorder of revisions: how far each cluster's had come, so that a restore knows by how much to raise it. Invariant: what is
//! noted was answered by a member just now; at most one mark a cluster and minute.

use crate::{
    console::Console,
    error::{CoreError, chain},
};
use quorate_domain::{
    cluster::{ClusterView, Reachability},
    wide::Wide,
};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(60);

/// The newest revision that a member tells now; none while none answers.
fn revision(view: &ClusterView) -> Option<Wide> {
    let answering = view.members.iter().filter(|member| member.reachability == Reachability::Answering);
    answering.filter_map(|member| Some(member.status.as_ref()?.revision)).max().filter(|revision| revision.0 > 0)
}

impl Console {
    pub(crate) async fn keep_marks(&self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, when nobody has been asked yet.
        tick.tick().await;
        loop {
            tick.tick().await;
            if let Err(error) = self.mark_revisions().await {
                tracing::warn!(error = chain(&error), "revisions were not noted");
            }
        }
    }

    /// Notes how far every cluster that answers has come.
    pub(crate) async fn mark_revisions(&self) -> Result<(), CoreError> {
        let now = self.0.clock.now();
        let seen: Vec<_> = self.runtime()?.live.views();
        let seen: Vec<_> = seen.iter().filter_map(|view| Some((view.id.clone(), revision(view)?))).collect();
        if seen.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.store.begin().await?;
        for (cluster, revision) in seen {
            super::unless_gone(tx.mark_revision(&cluster, now, revision).await)?;
        }
        tx.commit().await?;
        Ok(())
    }
}
