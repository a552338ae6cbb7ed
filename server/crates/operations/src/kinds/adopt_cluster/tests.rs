use super::*;
use crate::{discover::Process, kinds::install_cluster::tests::host};
use quorate_domain::{MemberId, SecretId, cluster::MemberStatus};
use quorate_etcd::{ListedMember, StatusReply};
use std::collections::BTreeSet;

fn status(version: &str) -> StatusReply {
    StatusReply {
        member_id: MemberId(1),
        cluster_id: 7,
        is_learner: false,
        status: MemberStatus {
            version: version.into(),
            db_size: Wide(0),
            db_size_in_use: Wide(0),
            leader: Some(MemberId(1)),
            raft_term: Wide(2),
            raft_index: Wide(9),
            raft_applied: Wide(9),
            revision: Wide(1),
            errors: Vec::new(),
            answer_micros: 1,
        },
        quota: None,
    }
}

fn member(n: u8) -> Member {
    let url = |port: u16| format!("http://10.77.0.1{n}:{port}");
    let process = Process {
        ports: BTreeSet::from([2379, 2380]),
        data_dir: "/srv/etcd".into(),
        token: "orders-7".into(),
        quota: 5 << 30,
        ..Process::default()
    };
    Member {
        listed: ListedMember {
            id: MemberId(n.into()),
            name: format!("m{n}"),
            peer_urls: vec![url(2380)],
            client_urls: vec![url(2379)],
            is_learner: false,
        },
        silent: None,
        host: Some(host(n)),
        taken: None,
        process: Ok(Some(process)),
        others: Vec::new(),
    }
}

fn found() -> Found {
    Found {
        status: status("3.5.16"),
        members: (1..=3).map(member).collect(),
        confirmed: Ok(()),
        managed_as: None,
        no_rights: None,
    }
}

fn params() -> AdoptParams {
    AdoptParams { name: "orders".into(), endpoint: "http://10.77.0.11:2379".into(), ..AdoptParams::default() }
}

fn plan(found: &Found) -> Plan {
    AdoptCluster.compose(&params(), found).expect("a plan")
}

/// Three members, of which the host of one is not registered.
pub(crate) fn sample_plan() -> Plan {
    let mut found = found();
    (found.members[2].host, found.members[2].process) = (None, Ok(None));
    plan(&found)
}

fn registered(plan: &Plan) -> NewCluster {
    match &plan.steps[0].lanes[0].actions[0].effect {
        Effect::RegisterCluster(new) => new.clone(),
        other => panic!("{other:?}"),
    }
}

fn verdict(plan: &Plan, name: &str, subject: &str) -> Option<Verdict> {
    plan.checks.iter().find(|c| c.name == name && c.subject == subject).map(|c| c.verdict)
}

#[test]
fn what_was_learned_is_recorded_and_nothing_else_is_done() {
    let plan = plan(&found());
    assert!(plan.startable() && plan.steps.len() == 1 && plan.hosts.len() == 3);
    let new = registered(&plan);
    assert_eq!((new.token.as_str(), new.quota, new.adopted), ("orders-7", Wide(5 << 30), true));
    assert_eq!((new.members[0].data_dir.as_str(), &new.members[1].host), ("/srv/etcd", &Some(host(2).id)));
    assert!(plan.checks.iter().all(|c| c.verdict == Verdict::Pass), "{:?}", plan.checks);
}

#[test]
fn what_could_not_be_learned_is_a_warning_and_stays_alone() {
    let mut found = found();
    (found.members[0].host, found.members[0].process) = (None, Ok(None));
    found.members[1].process = Err("no route to the host".into());
    found.members[1].silent = Some("no answer within 5 s".into());
    found.members[2].process = Ok(None);
    found.confirmed = Err("No member confirms".into());
    let plan = plan(&found);
    assert!(plan.startable(), "{:?}", plan.checks);
    let warned = [("members_confirmed", ""), ("host", "m1"), ("answers", "m2"), ("layout", "m2"), ("layout", "m3")];
    for (name, subject) in warned {
        assert_eq!(verdict(&plan, name, subject), Some(Verdict::Warn), "{name} {subject}");
    }
    let members = registered(&plan).members;
    assert!(members.iter().all(|m| m.can_rest().is_err()), "{members:?}");
    assert_eq!(members[0].can_rest(), Err("not here, because its host is not registered here".into()));
}

#[test]
fn tools_that_look_after_it_and_dead_settings_are_named() {
    let mut found = found();
    found.members[0].others = vec!["Ansible", "kubeadm (a static pod)"];
    if let Ok(Some(process)) = &mut found.members[1].process {
        process.dead = vec!["ETCD_NAME".into()];
    }
    found.no_rights = Some("reading a key: etcd refused: permission denied".into());
    let plan = plan(&found);
    assert_eq!(verdict(&plan, "others", "m1"), Some(Verdict::Warn));
    assert_eq!(verdict(&plan, "dead_settings", "m2"), Some(Verdict::Warn));
    assert_eq!(verdict(&plan, "rights", ""), Some(Verdict::Warn));
}

#[test]
fn what_is_managed_already_is_not_adopted_twice() {
    let known = plan(&Found { managed_as: Some("demo".into()), ..found() });
    assert_eq!((known.startable(), verdict(&known, "managed", "")), (false, Some(Verdict::Fail)));
    let mut other = found();
    other.members[0].taken = Some("demo".into());
    assert!(!plan(&other).startable());
}

#[test]
fn two_members_on_one_host_are_refused_before_anything_starts() {
    let mut found = found();
    found.members[2].host = found.members[0].host.clone();
    let plan = plan(&found);
    assert_eq!((verdict(&plan, "one_a_host", "m3"), plan.hosts.len()), (Some(Verdict::Fail), 2));
}

#[test]
fn the_secret_is_an_id_and_an_old_version_is_watched() {
    let access = Some(SecretId::from_random([4; 10]));
    let with = AdoptParams { access: access.clone(), endpoint: "https://10.77.0.11:2379".into(), ..params() };
    let plan = AdoptCluster.compose(&with, &Found { status: status("3.4.23"), ..found() }).expect("a plan");
    let new = registered(&plan);
    assert_eq!((new.access, new.scheme), (access, Scheme::Https));
    assert_eq!(verdict(&plan, "version", ""), Some(Verdict::Warn));
    let unknown = AdoptCluster.compose(&params(), &Found { status: status("four"), ..found() });
    assert!(matches!(unknown, Err(PlanError::Invalid(_))));
}
