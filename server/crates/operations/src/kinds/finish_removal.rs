//! What a removal left open: its member's host did not answer then, and is back now. Its etcd is stopped and disabled, its
//! data set aside. Invariant: only what lies there of the removed member is touched; an etcd that may be anybody else's, or
//! in the cluster again, is for a person to decide about.

use super::{Kind, params_of};
use crate::{
    context::Planner,
    effect::{ClusterTarget, Condition, Effect, HostPart, Place},
    error::PlanError,
    membership::conf_of,
    plan::{Lane, Plan, Step},
    provision::login,
    steps::{Part, service},
};
use async_trait::async_trait;
use quorate_domain::{
    etcd_conf::setting,
    host::HostSummary,
    host_task::{FinishRemovalParams, HostTask},
    plan::{Check, OperationClass, Verdict},
};
use quorate_remote::{Command, Host};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(10);

/// The kind `finish_removal`.
pub struct FinishRemoval;

/// What lies on the host.
struct Found {
    /// Its etcd.conf; none when there is none at the usual place.
    conf: Option<String>,
    /// systemd knows etcd's unit.
    unit: bool,
    /// The data directory holds `member/`.
    data: bool,
    /// Its unit is active: etcd tells systemd so once it follows a leader, which one that was removed never does again.
    serving: bool,
}

/// What the cluster says of the removed member.
enum Listed {
    /// Not a member.
    No,
    /// A member with its peer URL.
    Again,
    /// Its members are not confirmed, and why.
    Unknown(String),
    /// The console does not manage the cluster any more.
    Unmanaged,
}

#[async_trait]
impl Kind for FinishRemoval {
    fn name(&self) -> &'static str {
        "finish_removal"
    }

    fn version(&self) -> u32 {
        1
    }

    fn class(&self) -> OperationClass {
        OperationClass::Dangerous
    }

    async fn plan(&self, planner: &Planner, params: Value) -> Result<Plan, PlanError> {
        let params: FinishRemovalParams = params_of(params)?;
        let gone = || PlanError::field("task", format!("There is no task {} any more", params.task));
        let task = planner.inventory.host_task(&params.task).await?.ok_or_else(gone)?;
        let host = planner.inventory.host(&task.host).await?.ok_or_else(gone)?;
        let (found, listed) = tokio::join!(look(planner, &host, &task), listed(planner, &task));
        let listed = listed?;
        self.compose(&params, &task, &host, &found, &listed)
    }
}

impl FinishRemoval {
    fn compose(
        &self,
        params: &FinishRemovalParams,
        task: &HostTask,
        host: &HostSummary,
        found: &Result<Found, String>,
        listed: &Listed,
    ) -> Result<Plan, PlanError> {
        let place = Place::of(host);
        let close = Part { actions: vec![Effect::CloseHostTask(HostPart::from(task)).into()], undo: Vec::new() };
        let mut rest = service::lay_to_rest(&task.layout.unit, &task.data_dir, &task.token);
        if let Ok(found) = found {
            rest.actions.insert(0, unchanged(&task.layout.conf, found).into());
        }
        let rest = Lane { diagnose: vec![service::journal(&task.layout.unit)], ..Lane::at(place.clone(), rest) };
        Ok(Plan {
            kind: self.name().into(),
            kind_version: self.version(),
            title: format!("{}: finish the removal of {} on {}", task.cluster_name, task.member, host.name),
            params: serde_json::to_value(params).map_err(|e| PlanError::Shape(e.to_string()))?,
            // It is about a host only: a cluster must not wait for somebody who left it.
            cluster: None,
            cluster_name: String::new(),
            hosts: vec![host.id.clone()],
            steps: vec![
                Step::of("lay_to_rest", "Stop and disable its etcd, set its data aside", vec![rest]),
                Step::of("close_task", "The removal is finished", vec![Lane::at(place, close)]),
            ],
            checks: vec![contact(host, found), free(host), listed.check(task), whose(task, host, found)],
            warnings: vec![
                "Data is set aside on the host, never deleted; binaries and configuration stay.".into(),
                format!("A person confirmed that {} leaves {}.", task.member, task.cluster_name),
            ],
            // Nobody wants a removed member to run again.
            point_of_no_return: Some(0),
            expected_seconds: 5,
            class: self.class(),
            confirm: None,
            logins: vec![login(host)],
        })
    }
}

/// Looks at the host. What cannot be seen is an error in words.
async fn look(planner: &Planner, host: &HostSummary, task: &HostTask) -> Result<Found, String> {
    let connection = planner.connect(&host.id, &host.name).await.map_err(|error| error.to_string())?;
    let conf = conf_of(&connection, &task.layout.conf).await?.map(|(text, _)| text);
    let load = run(&connection, &["systemctl", "show", "--property=LoadState", &task.layout.unit]).await?;
    let data = run(&connection, &["test", "-e", &format!("{}/member", task.data_dir)]).await?;
    let active = run(&connection, &["systemctl", "is-active", "--quiet", "--", &task.layout.unit]).await?;
    Ok(Found { conf, unit: !load.1.contains("LoadState=not-found"), data: data.0 == 0, serving: active.0 == 0 })
}

async fn run(host: &Host, argv: &[&str]) -> Result<(i32, String), String> {
    let command = Command::new(argv.iter().copied()).root().deadline(DEADLINE);
    let output = host.run(command).await.map_err(|error| error.to_string())?;
    Ok((output.status, output.text().into_owned()))
}

/// Asks the cluster whether the member came back to it by another way than the console.
async fn listed(planner: &Planner, task: &HostTask) -> Result<Listed, PlanError> {
    let Some(record) = planner.inventory.cluster(&task.cluster).await? else { return Ok(Listed::Unmanaged) };
    Ok(match planner.observe(&ClusterTarget::from(&record)).await {
        Ok(seen) if seen.list.members.iter().any(|m| m.peer_urls.contains(&task.peer_url)) => Listed::Again,
        Ok(_) => Listed::No,
        Err(why) => Listed::Unknown(why),
    })
}

impl Listed {
    fn check(&self, task: &HostTask) -> Check {
        let HostTask { cluster_name: cluster, member, peer_url, .. } = task;
        let (verdict, answer, advice) = match self {
            Self::No => (Verdict::Pass, format!("{cluster} lists no member with {peer_url}"), ""),
            Self::Again => (
                Verdict::Fail,
                format!("{cluster} lists a member with {peer_url} again"),
                "Leave it running, and forget this task",
            ),
            // The rescued cluster may be down still; who is behind it must not wait for that.
            Self::Unknown(_) if task.rescued => {
                (Verdict::Pass, format!("a person said that {cluster} goes on without {member}"), "")
            }
            Self::Unknown(why) => (Verdict::Fail, why.clone(), "Bring members of the cluster back first"),
            Self::Unmanaged => (
                Verdict::Warn,
                format!("{cluster} is not under management any more, so nobody says whether {member} is in it again"),
                "Look there yourself before this starts",
            ),
        };
        Check::new("not_a_member", member, verdict, answer, advice)
    }
}

fn contact(host: &HostSummary, found: &Result<Found, String>) -> Check {
    let (verdict, answer) = match found {
        Ok(_) => (Verdict::Pass, "reached"),
        Err(why) => (Verdict::Fail, why.as_str()),
    };
    Check::new("contact", &host.name, verdict, answer, "It is tried again until the host is back")
}

fn free(host: &HostSummary) -> Check {
    let (verdict, answer, advice) = match (&host.operation, &host.cluster) {
        (Some(by), _) => (Verdict::Fail, format!("claimed by operation {by}"), "Wait until it has ended"),
        (None, Some(_)) => (
            Verdict::Fail,
            "carries a member of a cluster again".to_owned(),
            "What the old one left is the new one's now: forget this task",
        ),
        (None, None) => (Verdict::Pass, "no operation, no member of a cluster".to_owned(), ""),
    };
    Check::new("free_host", &host.name, verdict, answer, advice)
}

/// Whether what lies there is the removed member's.
fn whose(task: &HostTask, host: &HostSummary, found: &Result<Found, String>) -> Check {
    let path = &task.layout.conf;
    let advice = "Look there yourself: stop it if it is the removed one, and forget this task";
    let check = |verdict, answer: String| Check::new("whose_etcd", &host.name, verdict, answer, advice);
    let Ok(found) = found else { return check(Verdict::Fail, "not seen".into()) };
    // With others that are back it can have the old quorum: that is what a fence is for. Its etcd.conf says whose it is.
    if found.serving && !task.rescued {
        return check(
            Verdict::Fail,
            "the etcd there serves, which a removed member does not: it may be another cluster's".into(),
        );
    }
    let Some(conf) = &found.conf else {
        return if found.unit || found.data {
            check(Verdict::Fail, "there is no configuration that says whose etcd lies here".into())
        } else {
            check(Verdict::Pass, "nothing of etcd is here any more".into())
        };
    };
    let (name, data_dir) = (setting(conf, "name"), setting(conf, "data-dir"));
    let urls = setting(conf, "initial-advertise-peer-urls").unwrap_or_default();
    let own_url = urls.split(',').any(|url| url.trim().trim_end_matches('/') == task.peer_url.trim_end_matches('/'));
    let token = setting(conf, "initial-cluster-token").unwrap_or_default();
    let same_cluster = task.cluster_token.is_empty() || token == task.cluster_token;
    if !same_cluster {
        let answer = format!("{path} is of a cluster with the token {token}; that of {} is another", task.cluster_name);
        return check(Verdict::Fail, answer);
    }
    if name == Some(task.member.as_str()) && data_dir == Some(task.data_dir.as_str()) && own_url {
        return check(Verdict::Pass, format!("{}, {urls}, data in {}", task.member, task.data_dir));
    }
    let shown = |value: Option<&str>| value.unwrap_or("not set").to_owned();
    check(
        Verdict::Fail,
        format!(
            "{path} is of {}, {urls}, data in {}; removed was {}, {}, data in {}",
            shown(name),
            shown(data_dir),
            task.member,
            task.peer_url,
            task.data_dir
        ),
    )
}

/// Goes on only while the configuration says what it said at the review: a retry can be days later.
fn unchanged(path: &str, found: &Found) -> Effect {
    let condition = match &found.conf {
        Some(conf) => Condition::Prints {
            argv: ["sha256sum", path].map(str::to_owned).to_vec(),
            text: format!("{}  {path}", hex::encode(Sha256::digest(conf.as_bytes()))),
        },
        None => Condition::absent(path),
    };
    let otherwise = format!("{path} is another one than at the review: hand over, and look whose etcd it is");
    Effect::Guard { condition, otherwise }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kinds::install_cluster::tests::host;
    use quorate_domain::{ClusterId, HostTaskId, OperationId, Timestamp};

    const CONF: &str =
        "name: 'lab3'\ndata-dir: '/var/lib/etcd'\ninitial-advertise-peer-urls: 'http://10.77.0.13:2380'\n";

    fn task() -> HostTask {
        HostTask {
            id: HostTaskId::from_random([3; 10]),
            host: host(3).id,
            host_name: "lab3".into(),
            cluster: ClusterId::from_random([9; 10]),
            cluster_name: "demo".into(),
            member: "lab3".into(),
            peer_url: "http://10.77.0.13:2380".into(),
            data_dir: "/var/lib/etcd".into(),
            layout: Default::default(),
            cluster_token: String::new(),
            token: "20261125-ab12cd34".into(),
            left_by: OperationId::from_random([1; 10]),
            rescued: false,
            attempt: None,
            problem: String::new(),
            created_at: Timestamp(0),
        }
    }

    fn seen(conf: Option<&str>, unit: bool, data: bool) -> Result<Found, String> {
        Ok(Found { conf: conf.map(str::to_owned), unit, data, serving: false })
    }

    fn plan_of(found: &Result<Found, String>, listed: &Listed) -> Plan {
        let params = FinishRemovalParams { task: task().id };
        FinishRemoval.compose(&params, &task(), &host(3), found, listed).expect("a plan")
    }

    /// The host of the third of three is back.
    pub(crate) fn sample_plan() -> Plan {
        plan_of(&seen(Some(CONF), true, true), &Listed::No)
    }

    #[test]
    fn the_removed_member_is_stopped_and_its_data_kept_and_the_cluster_is_not_claimed() {
        let plan = sample_plan();
        assert!(plan.checks.iter().all(|c| c.verdict == Verdict::Pass), "{:?}", plan.checks);
        assert_eq!((plan.cluster, plan.cluster_name.as_str(), plan.confirm), (None, "", None));
        assert_eq!(plan.hosts, [host(3).id]);
        let done = serde_json::to_string(&plan.steps[0].lanes[0].actions).expect("json");
        assert!(done.contains("disable") && done.contains("aside-20261125-ab12cd34"), "{done}");
        assert!(!done.contains("\"rm\""), "{done}");
        assert!(matches!(&plan.steps[0].lanes[0].actions[0].effect, Effect::Guard { .. }));
        assert!(
            matches!(&plan.steps[1].lanes[0].actions[0].effect, Effect::CloseHostTask(part) if part.member == "lab3")
        );
    }

    #[test]
    fn what_may_be_somebody_elses_is_left_to_a_person() {
        let other_name = CONF.replace("lab3", "db1");
        let other_url = CONF.replace("10.77.0.13", "10.77.0.99");
        let other_dir = CONF.replace("/var/lib/etcd", "/srv/etcd");
        for conf in [&other_name, &other_url, &other_dir] {
            assert!(!plan_of(&seen(Some(conf), true, true), &Listed::No).startable(), "{conf}");
        }
        assert!(!plan_of(&seen(None, true, false), &Listed::No).startable(), "a unit that reads something else");
        assert!(!plan_of(&seen(None, false, true), &Listed::No).startable(), "data of nobody knows whom");
        assert!(plan_of(&seen(None, false, false), &Listed::No).startable(), "a host that was set up anew");
        assert!(!plan_of(&Err("no route to the host".into()), &Listed::No).startable());
        let mut serving = seen(Some(CONF), true, true).expect("seen");
        serving.serving = true;
        assert!(!plan_of(&Ok(serving), &Listed::No).startable(), "whoever serves was not removed");
        let found = seen(Some(&format!("{CONF}initial-cluster-token: 'new'\n")), true, true);
        let (params, of) =
            (FinishRemovalParams { task: task().id }, |token: &str| HostTask { cluster_token: token.into(), ..task() });
        let plan = |token| FinishRemoval.compose(&params, &of(token), &host(3), &found, &Listed::No).expect("a plan");
        assert!(plan("new").startable() && !plan("old").startable(), "a new cluster from the same file");
    }

    #[test]
    fn after_a_rescue_the_old_etcd_is_stopped_even_where_it_serves_and_nobody_elses_is() {
        let fence = HostTask { rescued: true, cluster_token: "old".into(), ..task() };
        let params = FinishRemovalParams { task: task().id };
        let plan = |conf: &str, listed: &Listed| {
            let found = Ok(Found { conf: Some(conf.to_owned()), unit: true, data: true, serving: true });
            FinishRemoval.compose(&params, &fence, &host(3), &found, listed).expect("a plan")
        };
        let own = format!("{CONF}initial-cluster-token: 'old'\n");
        for listed in [Listed::No, Listed::Unknown("nobody answers".into())] {
            let plan = plan(&own, &listed);
            assert!(plan.checks.iter().all(|c| c.verdict == Verdict::Pass), "{:?}", plan.checks);
        }
        assert!(!plan(&own, &Listed::Again).startable(), "it was added again");
        assert!(!plan(&format!("{CONF}initial-cluster-token: 'new'\n"), &Listed::No).startable());
    }

    #[test]
    fn a_member_that_is_back_in_its_cluster_is_left_running() {
        let found = || seen(Some(CONF), true, true);
        assert!(!plan_of(&found(), &Listed::Again).startable());
        assert!(!plan_of(&found(), &Listed::Unknown("no quorum".into())).startable());
        let unmanaged = plan_of(&found(), &Listed::Unmanaged);
        assert!(unmanaged.startable() && unmanaged.checks.iter().any(|c| c.verdict == Verdict::Warn));
    }
}
