//! Work that nobody asks for: unit states of members, what is left to be done on hosts (`host_tasks`), what is taken on schedule and noted of revisions (`snapshots`),
//! and dropping what has outlived its days or is not looked at any more (`keys`). Invariant: it never waits for a host longer than a deadline, changes one only through an operation,
//! and ends with the console.

use crate::{console::Console, error::chain};
use futures::future::join_all;
use quorate_domain::{
    ClusterId, HostId,
    cluster::{ClusterMemberRecord, ClusterRecord, UnitState},
};
use quorate_remote::Command;
use std::time::Duration;

/// How often the units of all members are asked for.
const UNITS_EVERY: Duration = Duration::from_secs(15);
/// How often old rows are dropped.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 3600);
const UNIT_DEADLINE: Duration = Duration::from_secs(5);

impl Console {
    pub(crate) fn spawn_housekeeping(&self) {
        let Ok(runtime) = self.runtime() else { return };
        let (units, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { units.keep_units().await }));
        let (prune, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { prune.keep_pruned().await }));
        let (keys, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { keys.keep_key_indexes().await }));
        let (drills, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { drills.keep_drills().await }));
        let (tasks, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { tasks.keep_host_tasks().await }));
        let (schedules, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { schedules.keep_schedules().await }));
        let (marks, stop) = (self.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move { marks.keep_marks().await }));
    }

    async fn keep_pruned(&self) {
        let mut tick = tokio::time::interval(PRUNE_EVERY);
        loop {
            tick.tick().await;
            if let Err(error) = self.0.store.prune(self.0.clock.now()).await {
                tracing::warn!(error = chain(&error), "old rows were not dropped");
            }
        }
    }

    async fn keep_units(&self) {
        let mut tick = tokio::time::interval(UNITS_EVERY);
        loop {
            tick.tick().await;
            let clusters = match self.0.store.clusters().await {
                Ok(clusters) => clusters,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "unit states were not asked for");
                    continue;
                }
            };
            join_all(clusters.iter().map(|cluster| self.look_at_units(&cluster.id, units(cluster)))).await;
        }
    }

    pub(crate) async fn look_at_units(&self, cluster: &ClusterId, units: Vec<(HostId, String)>) {
        let found = join_all(units.into_iter().map(|(host, unit)| async move {
            let unit = tokio::time::timeout(UNIT_DEADLINE, self.unit_state(&host, &unit)).await.ok()??;
            Some((host, unit))
        }))
        .await;
        if let Ok(runtime) = self.runtime() {
            runtime.live.set_units(cluster, found.into_iter().flatten());
        }
    }

    /// The state of etcd's unit on a host; none when the host does not answer (its member's row says so already).
    async fn unit_state(&self, host: &HostId, unit: &str) -> Option<UnitState> {
        let connection = self.connected(host).await.ok()?;
        let show = Command::new(["systemctl", "show", unit, "--property=ActiveState,UnitFileState"]);
        let output = connection.run(show.deadline(UNIT_DEADLINE)).await.ok()?;
        Some(parse(&output.text(), self.0.clock.now()))
    }
}

/// The hosts of a cluster's members with the unit of each; those that are not known, or have none, have no state.
pub(crate) fn units(cluster: &ClusterRecord) -> Vec<(HostId, String)> {
    let unit = |m: &ClusterMemberRecord| Some((m.host.clone()?, m.layout.unit.clone()));
    cluster.members.iter().filter_map(unit).filter(|(_, unit)| !unit.is_empty()).collect()
}

fn parse(text: &str, taken_at: quorate_domain::Timestamp) -> UnitState {
    let value = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    UnitState {
        active: value("ActiveState=").to_owned(),
        enabled: value("UnitFileState=").starts_with("enabled"),
        taken_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemctl_show_becomes_a_unit_state() {
        let at = quorate_domain::Timestamp(1);
        let unit = parse("ActiveState=active\nUnitFileState=enabled\n", at);
        assert_eq!(unit, UnitState { active: "active".into(), enabled: true, taken_at: at });
        assert!(!parse("ActiveState=failed\nUnitFileState=disabled\n", at).enabled);
    }
}
