//! Takes a cluster that somebody else installed under management. Invariant: nothing is changed, on hosts or in the cluster;
//! what could be learned of each member, and what the console will leave alone there, is said before anybody agrees.

mod look;

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::{Effect, NewCluster, Place},
    error::PlanError,
    plan::{Lane, Plan, Step},
    provision::login,
    steps::Part,
};
use async_trait::async_trait;
use look::{Found, Member};
use quorate_domain::{
    adopt::{AdoptParams, check_endpoint},
    cluster::{ClusterMemberRecord, Layout, Reach, Scheme},
    plan::{Check, OperationClass, Verdict},
    version::Version,
    wide::Wide,
};
use serde_json::Value;
use std::collections::BTreeSet;

const REGISTER: &str = "Take the cluster under management; nothing is changed, neither on hosts nor in it";

/// The kind `adopt_cluster`.
pub struct AdoptCluster;

#[async_trait]
impl Kind for AdoptCluster {
    fn name(&self) -> &'static str {
        "adopt_cluster"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let mut params: AdoptParams = params_of(params)?;
        let errors = params.validate();
        if !errors.is_empty() {
            return Err(PlanError::Invalid(errors));
        }
        if planner.inventory.cluster_named(&params.name).await? {
            let message = format!("A cluster named {} is under management; choose another name", params.name);
            return Err(PlanError::field("name", message));
        }
        let found = look::look(planner, &mut params).await?;
        self.compose(&params, &found)
    }
}

impl AdoptCluster {
    fn compose(&self, params: &AdoptParams, found: &Found) -> Result<Plan, PlanError> {
        let scheme = check_endpoint(&params.endpoint).map_err(|why| PlanError::field("endpoint", why))?;
        let version = &found.status.status.version;
        let version: Version = version
            .parse()
            .map_err(|_| PlanError::field("endpoint", format!("etcd {version} is not a version this console knows")))?;
        let register = Part {
            actions: vec![Effect::RegisterCluster(new_cluster(params, found, scheme, version)).into()],
            undo: vec![Effect::ForgetCluster { name: params.name.clone() }.into()],
        };
        let place = Place::Cluster { name: params.name.clone() };
        let hosts = found.members.iter().filter_map(|m| m.host.as_ref());
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: format!("Adopt {}: {} members, etcd {version}", params.name, found.members.len()),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            cluster: None,
            cluster_name: params.name.clone(),
            hosts: hosts.clone().map(|host| host.id.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
            steps: vec![Step::of("register", REGISTER, vec![Lane::at(place, register)])],
            checks: checks(params, found, version),
            warnings: warnings(found, scheme),
            point_of_no_return: None,
            expected_seconds: 1,
            class: self.class(),
            confirm: None,
            logins: hosts.map(login).collect(),
        })
    }
}

fn new_cluster(params: &AdoptParams, found: &Found, scheme: Scheme, version: Version) -> NewCluster {
    let processes = || found.members.iter().filter_map(Member::process);
    NewCluster {
        name: params.name.clone(),
        scheme,
        reach: params.reach,
        version,
        token: processes().map(|p| p.token.clone()).find(|token| !token.is_empty()).unwrap_or_default(),
        quota: Wide(processes().map(|p| p.quota).max().unwrap_or_default()),
        members: found.members.iter().map(record).collect(),
        adopted: true,
        access: params.access.clone(),
    }
}

fn record(member: &Member) -> ClusterMemberRecord {
    let process = member.process();
    ClusterMemberRecord {
        name: member.name(),
        host: member.host.as_ref().map(|host| host.id.clone()),
        client_url: member.listed.client_urls.first().cloned().unwrap_or_default(),
        peer_url: member.listed.peer_urls.first().cloned().unwrap_or_default(),
        data_dir: process.map(|p| p.data_dir.clone()).unwrap_or_default(),
        layout: process.map_or_else(|| member.unknown_layout(), |p| p.layout.clone()),
    }
}

fn checks(params: &AdoptParams, found: &Found, version: Version) -> Vec<Check> {
    let names: Vec<String> = found.members.iter().map(Member::name).collect();
    let mut checks = Vec::new();
    let mut check = |name: &str, subject: &str, verdict, answer: String, advice: &str| {
        checks.push(Check::new(name, subject, verdict, answer, advice));
    };
    match &found.confirmed {
        Ok(()) => {
            check("members_confirmed", "", Verdict::Pass, format!("a majority confirms {}", names.join(", ")), "")
        }
        Err(why) => check(
            "members_confirmed",
            "",
            Verdict::Warn,
            format!("{} says so alone: {}; {why}", params.endpoint, names.join(", ")),
            "Without quorum the console can watch it; changes have to wait until members are back",
        ),
    }
    let by = found.managed_as.as_deref();
    let verdict = if by.is_some() { Verdict::Fail } else { Verdict::Pass };
    let answer =
        by.map_or_else(|| "not under management yet".to_owned(), |name| format!("it is here already, as {name}"));
    check("managed", "", verdict, answer, "Open that cluster, or forget it there first");
    let (verdict, answer) = match version {
        v if v >= Version::new(3, 5, 0) => (Verdict::Pass, format!("etcd {v}: all operations")),
        v => (Verdict::Warn, format!("etcd {v}: it is watched; members are changed from 3.5 on only")),
    };
    check("version", "", verdict, answer, "Upgrade it before members are to be changed");
    if let Some(why) = &found.no_rights {
        let advice = "Adopt it with a user that has the role root; with this one it can be watched only";
        check("rights", "", Verdict::Warn, why.clone(), advice);
    }
    for member in &found.members {
        checks.extend(member_checks(params, member));
    }
    for (i, member) in found.members.iter().enumerate() {
        let Some(host) = &member.host else { continue };
        if found.members[..i].iter().any(|m| m.host.as_ref().is_some_and(|h| h.id == host.id)) {
            let answer = format!("{} carries another member of it too", host.name);
            let advice = "The console works on one member a host: move one of them first";
            checks.push(Check::new("one_a_host", member.name(), Verdict::Fail, answer, advice));
        }
    }
    checks
}

/// What is known of one member.
fn member_checks(params: &AdoptParams, member: &Member) -> Vec<Check> {
    let name = member.name();
    let mut checks = Vec::new();
    let mut check = |of: &str, verdict, answer: String, advice: &str| {
        checks.push(Check::new(of, name.as_str(), verdict, answer, advice));
    };
    match (&member.silent, params.reach) {
        (None, _) => check("answers", Verdict::Pass, member.client_urls(), ""),
        (Some(why), Reach::Ssh) if member.host.is_none() => check(
            "answers",
            Verdict::Warn,
            why.clone(),
            "Register its host, so that the console reaches it through SSH",
        ),
        (Some(why), _) => check("answers", Verdict::Warn, why.clone(), "It is shown as unreachable until it answers"),
    }
    let Some(host) = &member.host else {
        let answer = format!("no registered host has the address of {}", member.client_urls());
        let advice = "Register its host and adopt again, so that the console can work on it; until then it is watched";
        check("host", Verdict::Warn, answer, advice);
        return checks;
    };
    if let Some(cluster) = &member.taken {
        let advice = "Forget that cluster first if its record is an old one";
        check("host", Verdict::Fail, format!("{} carries a member of {cluster} already", host.name), advice);
        return checks;
    }
    check("host", Verdict::Pass, host.name.clone(), "");
    let layout = match &member.process {
        Err(why) => {
            let advice = "How its etcd is started could not be seen: see that the host is reached, and adopt again";
            check("layout", Verdict::Warn, why.clone(), advice);
            return checks;
        }
        Ok(None) => member.unknown_layout(),
        Ok(Some(process)) => process.layout.clone(),
    };
    let (verdict, answer, advice) = words(&layout);
    check("layout", verdict, answer, advice);
    if let Some(process) = member.process().filter(|p| !p.dead.is_empty()) {
        let answer = format!("etcd ignores {} beside its configuration file", process.dead.join(", "));
        check("dead_settings", Verdict::Warn, answer, "Move what is meant into the file, and take the rest away");
    }
    if !member.others.is_empty() {
        let answer = format!("signs of {}", member.others.join(", "));
        let advice = "Whoever else looks after this etcd may undo what the console does: agree on one of you";
        check("others", Verdict::Warn, answer, advice);
    }
    checks
}

fn words(layout: &Layout) -> (Verdict, String, &'static str) {
    match (layout.steerable(), layout.editable()) {
        (Ok(()), Ok(())) => (Verdict::Pass, format!("{} with {}", layout.unit, layout.conf), ""),
        (Ok(()), Err(why)) => (
            Verdict::Warn,
            format!("{} is stopped and started; settings stay: {why}", layout.unit),
            "Its settings are yours to change; all else works",
        ),
        (Err(why), _) => (
            Verdict::Warn,
            format!("it is not stopped or started: {why}"),
            "What has to be done on its host is said in each plan, and yours to do",
        ),
    }
}

fn warnings(found: &Found, scheme: Scheme) -> Vec<String> {
    let mut warnings = Vec::new();
    if scheme == Scheme::Http {
        warnings.push("Plain http: whoever reaches the ports of its members owns the cluster and its data.".into());
    } else {
        let why = "Members are not added to it from here yet, because the console makes no certificates for them.";
        warnings.push(why.to_owned());
    }
    let silent = found.members.iter().filter(|m| m.silent.is_some()).count();
    if silent > 0 {
        warnings.push(format!("{silent} of {} members did not answer.", found.members.len()));
    }
    warnings
}

#[cfg(test)]
pub(crate) mod tests;
