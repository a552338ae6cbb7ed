//! The steps of an install, in the guide's order. Invariant: pure; a lane per host, cluster-wide work from the console.

use crate::{
    effect::{Action, ClusterTarget, Condition, Effect, NewCluster, Run},
    plan::{Lane, Step},
    provision::{Provision, Site},
    steps::{Part, accounts, service},
};
use quorate_domain::{
    etcd_conf::{CONF_PATH, EtcdConf, InitialState, Setting},
    install::InstallParams,
};

const AGREE_SECONDS: u32 = 60;

/// All steps.
pub(super) fn build(params: &InstallParams, hosts: &Provision<'_>, target: &ClusterTarget) -> Vec<Step> {
    let mut steps = hosts.until_configuration();
    steps.push(hosts.step("write_files", "Write etcd.conf, the unit and its drop-in", |site| {
        hosts.configure(site, &conf(site, params, target, InitialState::New))
    }));
    steps.extend(start(hosts, target));
    steps.push(agreement(target));
    steps.push(hosts.step("state_existing", "Write initial-cluster-state: existing", |site| {
        site.lane(existing(site, params, target))
    }));
    steps.push(verify(&hosts.sites, params, target));
    steps.extend(hosts.remove_archives());
    steps.push(registration(params, target));
    steps
}

/// All members answer.
pub(in crate::kinds) fn agreement(target: &ClusterTarget) -> Step {
    cluster_step("members_agree", "All members answer and follow one leader", target, agree(target))
}

/// The console takes the cluster over; undo forgets it.
pub(in crate::kinds) fn registration(params: &InstallParams, target: &ClusterTarget) -> Step {
    let mut last = cluster_step("register", "Take the cluster under management", target, register(params, target));
    for lane in &mut last.lanes {
        lane.undo = vec![Effect::ForgetCluster { name: params.name.clone() }.into()];
    }
    last
}

/// etcd.conf of a member whose data is there before it starts.
pub(in crate::kinds) fn existing_conf(site: &Site<'_>, params: &InstallParams, target: &ClusterTarget) -> String {
    conf(site, params, target, InitialState::Existing)
}

/// A member of a new cluster first asks the others, in the order of their peer URLs, whether there is one already, and
/// waits a second for each that listens and does not answer yet. Members started in the same moment all wait for each other,
/// so the one that is asked first starts a moment earlier (`isMemberBootstrapped` in etcd's server package).
fn start(hosts: &Provision<'_>, target: &ClusterTarget) -> Vec<Step> {
    let asked_first = |site: &&Site<'_>| &target.members[site.index].peer_url;
    let Some(first) = hosts.sites.iter().min_by_key(asked_first).filter(|_| hosts.sites.len() > 1) else {
        return vec![hosts.step("start", "Enable and start etcd", |site| hosts.start(site))];
    };
    let others = |site: &Site<'_>| if site.index == first.index { hosts.active(site) } else { hosts.start(site) };
    let title = format!("Enable and start etcd on {}", first.host.name);
    vec![
        Step::of("start_first", title, vec![hosts.start_first(first)]),
        hosts.step("start", "Enable and start etcd on the others at once", others),
    ]
}

fn cluster_step(key: &str, title: &str, target: &ClusterTarget, action: Action) -> Step {
    Step::of(key, title, vec![Lane::at(target.place(), Part { actions: vec![action], undo: Vec::new() })])
}

fn conf(site: &Site<'_>, params: &InstallParams, target: &ClusterTarget, state: InitialState) -> String {
    let member = &target.members[site.index];
    let compaction = params.auto_compaction_hours;
    let mut settings = vec![
        ("quota-backend-bytes".to_owned(), Setting::Number(params.quota.0)),
        ("heartbeat-interval".to_owned(), Setting::Number(params.heartbeat_millis.into())),
        ("election-timeout".to_owned(), Setting::Number(params.election_millis.into())),
    ];
    if compaction > 0 {
        settings.push(("auto-compaction-mode".to_owned(), Setting::Text("periodic".into())));
        settings.push(("auto-compaction-retention".to_owned(), Setting::Text(format!("{compaction}h"))));
    }
    if let Some(count) = params.snapshot_count {
        settings.push(("snapshot-count".to_owned(), Setting::Number(count.into())));
    }
    EtcdConf {
        name: member.name.clone(),
        data_dir: params.data_dir.clone(),
        state,
        token: params.token.clone(),
        initial_cluster: target.members.iter().map(|m| (m.name.clone(), m.peer_url.clone())).collect(),
        peer_url: member.peer_url.clone(),
        client_url: member.client_url.clone(),
        local_client_url: format!("{}://localhost:{}", params.scheme.as_str(), params.client_port),
        settings,
    }
    .render()
}

fn agree(target: &ClusterTarget) -> Action {
    let condition = Condition::MembersAgree { cluster: target.clone(), down: Vec::new() };
    Effect::Wait { condition, deadline_seconds: AGREE_SECONDS }.into()
}

fn existing(site: &Site<'_>, params: &InstallParams, target: &ClusterTarget) -> Part {
    let put = Effect::PutFile {
        path: CONF_PATH.into(),
        owner: accounts::USER.into(),
        group: accounts::USER.into(),
        mode: 0o644,
        content: conf(site, params, target, InitialState::Existing),
        before: Some(conf(site, params, target, InitialState::New)),
    };
    // No undo of its own: the undo of `write_files` puts back what was there before either.
    Part { actions: vec![put.into()], undo: Vec::new() }
}

/// A canary through every member; units come back at boot.
pub(in crate::kinds) fn verify(sites: &[Site<'_>], params: &InstallParams, target: &ClusterTarget) -> Step {
    let enabled = || Part::run(Run::new(["systemctl", "is-enabled", "--quiet", service::UNIT]));
    let mut lanes: Vec<Lane> = sites.iter().map(|s| s.lane(enabled())).collect();
    let canary = Effect::Canary { cluster: target.clone(), key: format!("quorate/canary/{}", params.token) };
    lanes.push(Lane::at(target.place(), Part { actions: vec![canary.into()], undo: Vec::new() }));
    Step::of("verify", "A canary is written and read through every member; units are enabled", lanes)
}

fn register(params: &InstallParams, target: &ClusterTarget) -> Action {
    Effect::RegisterCluster(NewCluster {
        name: params.name.clone(),
        scheme: params.scheme,
        reach: params.reach,
        version: params.version,
        token: params.token.clone(),
        quota: params.quota,
        members: target.members.iter().map(|m| m.clone().record(&params.data_dir)).collect(),
        adopted: false,
        access: None,
    })
    .into()
}
