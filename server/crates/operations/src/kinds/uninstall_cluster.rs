//! Takes a whole cluster off its hosts: stops and disables every etcd, sets the data aside, and forgets the cluster. A declared
//! outage: the name is typed, nothing is deleted, and undo brings all of it back. It asks the cluster nothing, because one
//! without quorum must be removable too.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::{Effect, NewCluster, Place},
    error::PlanError,
    membership,
    plan::{Lane, Plan, Step},
    provision::login,
    steps::{Part, service},
};
use async_trait::async_trait;
use futures::future::join_all;
use quorate_domain::{
    cluster::{ClusterMemberRecord, ClusterRecord},
    host::HostSummary,
    membership::UninstallParams,
    patroni::Gap,
    plan::{Check, OperationClass, Verdict},
};
use serde_json::Value;

/// The kind `uninstall_cluster`.
pub struct UninstallCluster;

/// A recorded member and whether its host was reached.
struct Site {
    member: ClusterMemberRecord,
    host: HostSummary,
    reached: Result<(), String>,
}

#[async_trait]
impl Kind for UninstallCluster {
    fn name(&self) -> &'static str {
        "uninstall_cluster"
    }

    fn version(&self) -> u32 {
        // 2: a cluster is registered with the data directory of each member.
        2
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    fn gap(&self, _plan: &Plan) -> Gap {
        Gap::ForGood
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: UninstallParams = params_of(params)?;
        super::token(planner, &mut params.token)?;
        let record = membership::record(planner, &params.cluster).await?;
        let (mut sites, mut elsewhere) = (Vec::new(), Vec::new());
        for member in &record.members {
            match planner.host_of(member).await? {
                Some(host) => sites.push((member.clone(), host)),
                None => elsewhere.push(member.name.clone()),
            }
        }
        let sites = join_all(sites.into_iter().map(async |(member, host)| {
            let reached = planner.connect(&host.id, &host.name).await.map(drop).map_err(|e| e.to_string());
            let reached = reached.and_then(|()| member.can_rest());
            Site { member, host, reached }
        }));
        self.compose(&record, &params, &sites.await, &elsewhere)
    }
}

impl UninstallCluster {
    /// `elsewhere`: names of members on hosts that the console does not know.
    fn compose(
        &self,
        record: &ClusterRecord,
        params: &UninstallParams,
        sites: &[Site],
        elsewhere: &[String],
    ) -> Result<Plan, PlanError> {
        let cluster = Place::Cluster { name: record.name.clone() };
        let reached = || sites.iter().filter(|site| site.reached.is_ok());
        let lanes = reached().map(|site| rest_lane(site, &params.token)).collect();
        let note = Part {
            actions: vec![Effect::ForgetCluster { name: record.name.clone() }.into()],
            undo: vec![Effect::RegisterCluster(again(record)).into()],
        };
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: format!("Uninstall {}", record.name),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            cluster: Some(record.id.clone()),
            cluster_name: record.name.clone(),
            hosts: sites.iter().map(|site| site.host.id.clone()).collect(),
            steps: vec![
                Step::of("lay_to_rest", "Stop and disable etcd everywhere, set the data aside", lanes),
                Step::of("forget", "The console forgets the cluster", vec![Lane::at(cluster, note)]),
            ],
            checks: sites.iter().map(contact).chain(elsewhere.iter().map(unknown)).collect(),
            warnings: vec![
                format!("All {} members stop: every client of {} loses it.", record.members.len(), record.name),
                "Data is set aside on each host, never deleted; binaries and configuration stay.".into(),
            ],
            point_of_no_return: None,
            expected_seconds: 5,
            class: self.class(),
            confirm: Some(record.name.clone()),
            logins: sites.iter().map(|site| login(&site.host)).collect(),
        })
    }
}

/// Stops it for good; undo puts the data back and starts it.
fn rest_lane(site: &Site, token: &str) -> Lane {
    let data_dir = &site.member.data_dir;
    let unit = &site.member.layout.unit;
    let mut part = service::lay_to_rest(unit, data_dir, token);
    part.undo = service::bring_member_back(unit, data_dir, token);
    Lane { diagnose: vec![service::journal(unit)], ..Lane::at(Place::of(&site.host), part) }
}

fn unknown(member: &String) -> Check {
    let (answer, advice) = ("the console does not know its host", "Its etcd stays as it is; stop it yourself");
    Check::new("contact", member, Verdict::Warn, answer, advice)
}

fn contact(site: &Site) -> Check {
    let advice = "Its etcd stays as it is. When the host is back, run there: systemctl disable --now etcd.service";
    let (verdict, answer) = match &site.reached {
        Ok(()) => (Verdict::Pass, "reached"),
        Err(why) => (Verdict::Warn, why.as_str()),
    };
    Check::new("contact", &site.host.name, verdict, answer, advice)
}

/// The cluster as it is registered when undo brings it back.
fn again(record: &ClusterRecord) -> NewCluster {
    NewCluster {
        name: record.name.clone(),
        scheme: record.scheme,
        reach: record.reach,
        version: record.version,
        token: record.token.clone(),
        quota: record.quota,
        members: record.members.clone(),
        adopted: record.adopted,
        access: record.access.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{kinds::install_cluster::tests::host, membership::sample};

    /// Three members go, one of which is on a host that is away.
    pub(crate) fn sample_plan() -> Plan {
        let record = sample::scene(3, &[]).record;
        let away = |n: u8| if n == 3 { Err("no route to the host".to_owned()) } else { Ok(()) };
        let sites: Vec<Site> = (1..=3u8)
            .zip(&record.members)
            .map(|(n, member)| Site { member: member.clone(), host: host(n), reached: away(n) })
            .collect();
        let params = UninstallParams { cluster: record.id.clone(), token: "20261125-ab12cd34".into() };
        UninstallCluster.compose(&record, &params, &sites, &[]).expect("a plan")
    }

    #[test]
    fn nothing_is_deleted_and_all_of_it_comes_back() {
        let plan = sample_plan();
        assert!(plan.startable() && plan.confirm.as_deref() == Some("demo"));
        assert_eq!(plan.steps[0].lanes.len(), 2, "what is not reached is left alone");
        let done = serde_json::to_string(&plan.steps[0].lanes[0].actions).expect("json");
        assert!(!done.contains("\"rm\"") && done.contains("aside-20261125-ab12cd34"), "{done}");
        let undo = serde_json::to_string(&plan.steps[0].lanes[0].undo).expect("json");
        assert!(undo.contains("enable") && undo.contains("/var/lib/etcd/member"), "{undo}");
        assert_eq!(plan.steps[1].lanes[0].undo.len(), 1);
    }
}
