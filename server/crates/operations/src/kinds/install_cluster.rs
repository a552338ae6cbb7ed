//! Installs etcd on fresh hosts and brings up a new cluster, with the guide's result on the hosts.
//!
//! Invariant: a running etcd and a data directory with `member/` are failed checks and never touched; undo puts back
//! what the survey found. Facts come from `survey`, the steps from `steps`; only the order and the words are here.

use super::Kind;
use crate::{
    context::Planner,
    effect::{ClusterTarget, MemberTarget},
    error::PlanError,
    plan::Plan,
    provision::{self, Provision, Resolved, Survey, login, same_machine},
};
use async_trait::async_trait;
use quorate_domain::{
    cluster::Scheme,
    host::HostSummary,
    install::{BinarySource, InstallParams},
    names::url_host,
    plan::OperationClass,
    quorum::Tolerance,
    version::Severity,
};
use serde_json::Value;

mod steps;

pub(super) use steps::{agreement, existing_conf, registration, verify};

/// The kind `install_cluster`.
pub struct InstallCluster;

#[async_trait]
impl Kind for InstallCluster {
    fn name(&self) -> &'static str {
        "install_cluster"
    }

    fn version(&self) -> u32 {
        // 2: a cluster is registered with the data directory of each member.
        2
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let Seen { params, hosts, survey, release } = look(planner, super::params_of(params)?).await?;
        let mut checks = survey.checks(&params, &hosts);
        checks.extend(release.checks.iter().cloned());
        checks.extend(same_machine(&hosts));
        let target = target(&params);
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: title(&params),
            cluster: None,
            cluster_name: params.name.clone(),
            hosts: hosts.iter().map(|h| h.id.clone()).collect(),
            steps: steps::build(&params, &Provision::new(&params, &hosts, &survey, &release), &target),
            checks,
            warnings: warnings(&params, &release),
            point_of_no_return: None,
            expected_seconds: if params.source == BinarySource::Installed { 8 } else { 15 },
            class: self.class(),
            confirm: None,
            logins: hosts.iter().map(login).collect(),
            params: serde_json::to_value(&params).map_err(|e| PlanError::Shape(e.to_string()))?,
        })
    }
}

/// Fresh hosts as they were found, with parameters that are complete.
pub(super) struct Seen {
    pub params: InstallParams,
    pub hosts: Vec<HostSummary>,
    pub survey: Survey,
    pub release: Resolved,
}

/// Looks at the hosts and completes the parameters.
///
/// # Errors
/// Parameters that cannot be right, or the store failed.
pub(super) async fn look(planner: &Planner, params: InstallParams) -> Result<Seen, PlanError> {
    let errors = params.validate();
    if !errors.is_empty() {
        return Err(PlanError::Invalid(errors));
    }
    let hosts = provision::hosts_of(planner, &params.members).await?;
    let survey = provision::look(planner, &params, &hosts).await;
    let params = complete(planner, params, &hosts, &survey)?;
    if planner.inventory.cluster_named(&params.name).await? {
        let message = format!("A cluster named {} is under management; choose another name", params.name);
        return Err(PlanError::field("name", message));
    }
    let release = provision::resolve(&params, &survey).await;
    Ok(Seen { params, hosts, survey, release })
}

fn title(params: &InstallParams) -> String {
    let members = match params.members.len() {
        1 => "1 member".to_owned(),
        n => format!("{n} members"),
    };
    format!("Install {}: {members}, etcd {}", params.name, params.version)
}

/// Fills in every default and generated value, then validates the whole once more.
fn complete(
    planner: &Planner,
    mut params: InstallParams,
    hosts: &[HostSummary],
    survey: &Survey,
) -> Result<InstallParams, PlanError> {
    provision::fill_in(&mut params.members, hosts, survey);
    if params.download_url.is_empty() {
        params.download_url = planner.inventory.download_url();
    }
    params.download_url = params.download_url.trim_end_matches('/').to_owned();
    if params.token.is_empty() {
        params.token = format!("{}-{}", params.name, hex::encode(&planner.inventory.random()[..4]));
    }
    if params.snapshot_count.is_none() {
        params.snapshot_count = u32::try_from(params.version.default_snapshot_count()).ok();
    }
    let errors = params.validate();
    if errors.is_empty() { Ok(params) } else { Err(PlanError::Invalid(errors)) }
}

pub(super) fn target(params: &InstallParams) -> ClusterTarget {
    let url = |address: &str, port: u16| format!("{}://{}:{port}", params.scheme.as_str(), url_host(address));
    ClusterTarget {
        name: params.name.clone(),
        reach: params.reach,
        access: None,
        members: params
            .members
            .iter()
            .map(|m| MemberTarget {
                name: m.name.clone(),
                host: Some(m.host.clone()),
                client_url: url(&m.address, params.client_port),
                peer_url: url(&m.address, params.peer_port),
                loopback: false,
            })
            .collect(),
    }
}

pub(super) fn warnings(params: &InstallParams, release: &Resolved) -> Vec<String> {
    let mut warnings: Vec<String> = Tolerance::advice(params.members.len()).into_iter().collect();
    if params.scheme == Scheme::Http {
        warnings.push(format!(
            "Plain http: whoever reaches port {} or {} on these hosts owns the cluster and its data. Let only the members, \
             the clients and this console reach them.",
            params.client_port, params.peer_port
        ));
    }
    for mark in params.version.marks() {
        let weight = match mark.severity {
            Severity::DataLoss => "can lose data",
            Severity::Avoid => "advised against",
            Severity::Note => "good to know",
        };
        warnings.push(format!("etcd {} ({weight}): {}", params.version, mark.text));
    }
    warnings.extend(release.warnings.iter().cloned());
    if params.auto_compaction_hours == 0 {
        warnings.push("Auto-compaction is off: somebody else has to compact (Kubernetes does), or the database grows until writes stop.".into());
    }
    warnings
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use quorate_domain::{
        HostId, Timestamp,
        host::{Contact, Elevation, EtcdFacts, HostFacts, Trust},
        install::InstallMember,
        version::Arch,
        wide::Wide,
    };

    pub(crate) fn host(n: u8) -> HostSummary {
        HostSummary {
            id: HostId::from_random([n; 10]),
            name: format!("lab{n}"),
            address: format!("10.77.0.1{n}"),
            port: 22,
            user: "ops".into(),
            elevation: Elevation::Sudo,
            has_password: false,
            trust: Trust::Trusted { keys: vec![] },
            contact: Contact::Never,
            facts: None,
            cluster: None,
            operation: None,
            created_at: Timestamp(0),
        }
    }

    pub(crate) fn facts(host: &HostSummary) -> HostFacts {
        HostFacts {
            taken_at: Timestamp(0),
            hostname: host.name.clone(),
            os: "Debian".into(),
            machine: "x86_64".into(),
            arch: Some(Arch::Amd64),
            kernel: "6".into(),
            systemd: Some(252),
            cpus: 2,
            memory: Wide(4 << 30),
            selinux: "absent".into(),
            selinux_config: String::new(),
            clock_offset_millis: 0,
            root: true,
            data_free: Wide(8 << 30),
            bin_free: Wide(8 << 30),
            curl: true,
            tar: true,
            etcd: EtcdFacts::default(),
            ports_in_use: vec![],
            addresses: vec![host.address.clone()],
            disk: None,
        }
    }

    /// The plan of an install on three fresh hosts, as a survey of such hosts leads to.
    pub(crate) fn sample_plan() -> Plan {
        let hosts: Vec<HostSummary> = (1..=3).map(host).collect();
        let members = hosts
            .iter()
            .map(|h| InstallMember { host: h.id.clone(), name: h.name.clone(), address: h.address.clone() })
            .collect();
        let params = InstallParams { token: "demo-1".into(), ..InstallParams::new("demo", members) };
        let survey = Survey::of(hosts.iter().map(facts).collect());
        let release = Resolved::of_archive(&params, Arch::Amd64, "ab12");
        let target = target(&params);
        Plan {
            kind: "install_cluster".into(),
            kind_version: InstallCluster.version(),
            title: title(&params),
            cluster: None,
            cluster_name: params.name.clone(),
            hosts: hosts.iter().map(|h| h.id.clone()).collect(),
            steps: steps::build(&params, &Provision::new(&params, &hosts, &survey, &release), &target),
            checks: survey.checks(&params, &hosts),
            warnings: warnings(&params, &release),
            point_of_no_return: None,
            expected_seconds: 15,
            class: OperationClass::Dangerous,
            confirm: None,
            logins: hosts.iter().map(login).collect(),
            params: serde_json::to_value(&params).expect("json"),
        }
    }

    #[test]
    fn the_steps_are_the_guides_in_its_order_and_can_be_started() {
        let plan = sample_plan();
        let keys: Vec<&str> = plan.steps.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "bring_archive",
                "install_binaries",
                "user_and_directories",
                "write_files",
                "start_first",
                "start",
                "members_agree",
                "state_existing",
                "verify",
                "remove_archive",
                "register"
            ]
        );
        assert!(plan.startable(), "{:?}", plan.checks);
    }

    #[test]
    fn the_archive_is_removed_also_where_the_binaries_are_in_place_already() {
        let plan = sample_plan();
        let step = plan.steps.iter().find(|s| s.key == "remove_archive").expect("step");
        for lane in &step.lanes {
            assert_eq!(lane.unless, None);
            let action = serde_json::to_string(&lane.actions).expect("json");
            assert!(action.contains("etcd-v3.5.16-linux-amd64.tar.gz"), "{action}");
        }
    }

    #[test]
    fn the_runbook_of_an_install_is_valid_shell() {
        let script = crate::runbook::render(&sample_plan());
        let check = std::process::Command::new("bash").args(["-n", "-c", &script]).status().expect("bash runs");
        assert!(check.success(), "{script}");
    }

    #[test]
    fn plain_http_and_an_even_count_are_said_in_words() {
        let plan = sample_plan();
        assert!(plan.warnings.iter().any(|w| w.contains("owns the cluster")), "{:?}", plan.warnings);
        assert!(plan.warnings.iter().any(|w| w.contains("3.5.32")), "{:?}", plan.warnings);
    }
}
