//! A new cluster on other hosts whose members all begin with a snapshot. Shares everything with an install but the beginning: data
//! is there before the first start, and each member is held against the snapshot before the console takes the cluster over.

use super::{Kind, install_cluster, params_of, restore_in_place::content_guard};
use crate::{
    context::Planner,
    effect::{ClusterTarget, Effect, SnapshotWork},
    error::PlanError,
    plan::{Lane, Plan, Step},
    provision::{Provision, Resolved, Site, Survey, login, same_machine},
    restoring,
    steps::{Part, accounts, binaries, restore::Begin},
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::ClusterRecord,
    host::HostSummary,
    install::{BinarySource, InstallParams},
    plan::{Check, OperationClass, Verdict},
    snapshots::{RestoreNewParams, Snapshot},
};
use serde_json::Value;

/// The kind `restore_new`.
pub struct RestoreNew;

#[async_trait]
impl Kind for RestoreNew {
    fn name(&self) -> &'static str {
        "restore_new"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: RestoreNewParams = params_of(params)?;
        let snapshot = restoring::snapshot(planner, &params.snapshot).await?;
        let seen = install_cluster::look(planner, params.install).await.map_err(|error| within("install", error))?;
        restoring::fill_in_bump(planner, &mut params.bump, snapshot.revision, snapshot.cluster.as_ref(), None).await?;
        params.install = seen.params.clone();
        let others = planner.inventory.all_clusters().await?;
        self.compose(&params, &seen.hosts, &seen.survey, &seen.release, &snapshot, &others)
    }
}

/// Errors of the install's parameters belong at its fields.
fn within(part: &str, error: PlanError) -> PlanError {
    match error {
        PlanError::Invalid(mut fields) => {
            for field in &mut fields {
                field.field = format!("{part}.{}", field.field);
            }
            PlanError::Invalid(fields)
        }
        other => other,
    }
}

impl RestoreNew {
    fn compose(
        &self,
        params: &RestoreNewParams,
        hosts: &[HostSummary],
        survey: &Survey,
        release: &Resolved,
        snapshot: &Snapshot,
        others: &[ClusterRecord],
    ) -> Result<Plan, PlanError> {
        let install = &params.install;
        let target = install_cluster::target(install);
        let mut checks = restoring::snapshot_checks(snapshot);
        checks.push(restoring::version_check("", snapshot, install.version, params.bump));
        checks.extend(survey.checks(install, hosts));
        checks.extend(release.checks.iter().cloned());
        checks.extend(same_machine(hosts));
        checks.extend(hosts.iter().zip(&survey.hosts).filter_map(|(host, seen)| {
            Some(restoring::disk_check(&host.name, snapshot, seen.facts.as_ref().ok()?.data_free.0))
        }));
        if install.source == BinarySource::Installed {
            checks.extend(hosts.iter().zip(&survey.hosts).filter_map(|(host, seen)| {
                let has = seen.facts.as_ref().ok()?.etcd.binaries.iter().any(|(name, _)| name == "etcdutl");
                let advice = "Put etcdutl of the same release beside etcd, or let the release be brought";
                (!has).then(|| Check::new("etcdutl", &host.name, Verdict::Fail, "there is no etcdutl", advice))
            }));
        }
        checks.push(apart(&target, install, others));
        let mut warnings = install_cluster::warnings(install, release);
        warnings.push(restoring::bump_words(params.bump));
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: format!("Restore {} into the new cluster {}", snapshot.name, install.name),
            cluster: None,
            cluster_name: install.name.clone(),
            hosts: hosts.iter().map(|h| h.id.clone()).collect(),
            steps: steps(params, &Provision::new(install, hosts, survey, release), &target, snapshot),
            checks,
            warnings,
            point_of_no_return: None,
            expected_seconds: 30,
            class: self.class(),
            confirm: None,
            logins: hosts.iter().map(login).collect(),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
        })
    }
}

/// Two clusters with one peer URL or token take each other's members for their own.
fn apart(target: &ClusterTarget, install: &InstallParams, others: &[ClusterRecord]) -> Check {
    let shares = |other: &&ClusterRecord| {
        other.token == install.token
            || other.members.iter().any(|m| target.members.iter().any(|new| new.peer_url == m.peer_url))
    };
    match others.iter().find(shares) {
        Some(other) => {
            let answer = format!("{} has one of these peer URLs or this token", other.name);
            Check::new("apart", "", Verdict::Fail, answer, "Choose other hosts or ports, and leave the token out")
        }
        None => Check::new("apart", "", Verdict::Pass, "no other cluster has these peer URLs or this token", ""),
    }
}

fn steps(params: &RestoreNewParams, hosts: &Provision<'_>, target: &ClusterTarget, snapshot: &Snapshot) -> Vec<Step> {
    let install = &params.install;
    let (named, sealed) = restoring::named(snapshot);
    let work = |work: fn(_) -> SnapshotWork| vec![Effect::Snapshot(work(named.clone())).into()];
    let part = Part { actions: work(SnapshotWork::Fetch), undo: work(SnapshotWork::Release) };
    let mut steps = hosts.until_configuration();
    steps.push(Step::of("fetch", "Read the snapshot out of the vault", vec![Lane::at(target.place(), part)]));
    let members: Vec<String> = target.members.iter().map(|m| format!("{}={}", m.name, m.peer_url)).collect();
    let members = members.join(",");
    let owner = format!("{0}:{0}", accounts::USER);
    let etcdutl = format!("{}/etcdutl", binaries::BIN_DIR);
    let begin = |site: &Site<'_>| -> (String, String) {
        let member = &target.members[site.index];
        (member.name.clone(), member.peer_url.clone())
    };
    let of = |site: &Site<'_>, part: &dyn Fn(&Begin<'_>) -> Lane| {
        let (name, peer_url) = begin(site);
        part(&Begin {
            data_dir: &install.data_dir,
            wal_dir: None,
            owner: &owner,
            etcdutl: &etcdutl,
            name: &name,
            peer_url: &peer_url,
            initial_cluster: &members,
            token: &install.token,
            bump: params.bump.number().map(|number| number.0),
        })
    };
    steps.push(hosts.step("prepare", "Bring the snapshot and restore it", |site| {
        of(site, &|begin| Lane { unless: Some(begin.prepared()), ..site.lane(begin.prepare(&named, sealed)) })
    }));
    steps.push(hosts.step("write_files", "Write etcd.conf, the unit and its drop-in", |site| {
        hosts.configure(site, &install_cluster::existing_conf(site, install, target))
    }));
    steps.push(hosts.step("place", "Put the restored data in its place", |site| {
        of(site, &|begin| hosts.placing(site, begin.place()))
    }));
    steps.push(hosts.step("start", "Enable and start etcd on all at once", |site| hosts.start_restored(site)));
    steps.push(install_cluster::agreement(target));
    steps.extend(snapshot.content.as_ref().map(|content| {
        let guards = target.members.iter().map(|m| content_guard(target, &m.name, content)).collect();
        let part = Part { actions: guards, undo: Vec::new() };
        let title = "Every member has exactly what the snapshot had";
        Step::of("content", title, vec![Lane::at(target.place(), part)])
    }));
    steps.push(install_cluster::verify(&hosts.sites, install, target));
    steps.extend(hosts.remove_archives());
    steps.push(hosts.step("tidy", "What is left over goes", |site| {
        of(site, &|begin| site.lane(Part { actions: begin.tidy(), undo: Vec::new() }))
    }));
    let mut last = install_cluster::registration(install, target);
    for lane in &mut last.lanes {
        lane.actions.extend(work(SnapshotWork::Release));
    }
    steps.push(last);
    steps
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kinds::install_cluster::tests::{facts, host};
    use quorate_domain::{install::InstallMember, snapshots::Bump, version::Arch};

    fn plan_with(others: &[ClusterRecord]) -> Plan {
        let hosts: Vec<HostSummary> = (1..=3).map(host).collect();
        let members = hosts.iter().map(|h| InstallMember {
            host: h.id.clone(),
            name: h.name.clone(),
            address: h.address.clone(),
        });
        let install = InstallParams { token: "copy-1".into(), ..InstallParams::new("copy", members.collect()) };
        let survey = Survey::of(hosts.iter().map(facts).collect());
        let release = Resolved::of_archive(&install, Arch::Amd64, "ab12");
        let snapshot = restoring::tests::sample();
        let params = RestoreNewParams { snapshot: snapshot.id.clone(), bump: Bump::Not, install };
        RestoreNew.compose(&params, &hosts, &survey, &release, &snapshot, others).expect("a plan")
    }

    /// Three fresh hosts.
    pub(crate) fn sample_plan() -> Plan {
        plan_with(&[])
    }

    #[test]
    fn data_is_there_before_the_first_start_and_verified_before_the_cluster_is_known() {
        let plan = sample_plan();
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        let wanted = [
            "bring_archive",
            "install_binaries",
            "user_and_directories",
            "fetch",
            "prepare",
            "write_files",
            "place",
            "start",
            "members_agree",
            "content",
            "verify",
            "remove_archive",
            "tidy",
            "register",
        ];
        assert_eq!(keys, wanted);
        assert!(plan.startable(), "{:?}", plan.checks);
        let conf = serde_json::to_string(&plan.steps[5]).expect("json");
        assert!(conf.contains("initial-cluster-state: 'existing'"), "{conf}");
    }

    #[test]
    fn a_live_cluster_is_never_given_a_twin() {
        let mut other = crate::membership::sample::scene(3, &[]).record;
        assert!(!plan_with(std::slice::from_ref(&other)).startable(), "the same peer URLs");
        other.members.clear();
        assert!(plan_with(std::slice::from_ref(&other)).startable());
        other.token = "copy-1".into();
        assert!(!plan_with(&[other]).startable(), "the same token");
    }

    #[test]
    fn errors_stand_at_the_fields_of_the_install() {
        let PlanError::Invalid(fields) = within("install", PlanError::field("name", "no")) else { panic!("fields") };
        assert_eq!(fields[0].field, "install.name");
    }

    #[test]
    fn the_runbook_is_valid_shell() {
        let script = crate::runbook::render(&sample_plan());
        let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
        assert!(check.success(), "{script}");
    }
}
