//! The steps of an install, in the guide's order. Invariant: pure; a lane per host, cluster-wide work from the console.

use super::{
    release::Resolved,
    survey::{Survey, Surveyed},
};
use crate::{
    effect::{Action, ClusterTarget, Condition, Effect, NewCluster, Place, Run},
    plan::{Lane, Step},
    steps::{Part, accounts, begun, binaries, files, files::Ownership, service, undo_dir},
};
use quorate_domain::{
    etcd_conf::{CONF_PATH, DROP_IN, DROP_IN_PATH, EtcdConf, InitialState, Setting, UNIT, UNIT_PATH},
    host::{EtcdFacts, HostFacts, HostSummary},
    install::{BinarySource, InstallParams},
};

/// How long a first start may take: electing a leader takes seconds, slow disks more.
const START_SECONDS: u32 = 120;
const AGREE_SECONDS: u32 = 60;

/// One host of the install with all that its lanes need.
struct Site<'a> {
    host: &'a HostSummary,
    facts: Option<&'a HostFacts>,
    seen: &'a Surveyed,
    index: usize,
}

impl Site<'_> {
    fn lane(&self, part: Part) -> Lane {
        let place = Place::Host { id: self.host.id.clone(), name: self.host.name.clone() };
        Lane { place, unless: None, actions: part.actions, undo: part.undo, undo_unless: None, diagnose: Vec::new() }
    }

    /// A lane that changes what may be somebody else's: `guard` first, then the note that it began, then `part`.
    fn changing(&self, params: &InstallParams, key: &str, guard: Part, part: Part) -> Lane {
        let (note, never) = begun(&params.token, key);
        Lane { undo_unless: Some(never), ..self.lane(guard.then(note).then(part)) }
    }

    /// The archive for this host's architecture.
    fn release<'r>(&self, resolved: &'r Resolved) -> Option<&'r binaries::Release> {
        resolved.of(self.facts?.arch?)
    }

    fn etcd(&self) -> Option<&EtcdFacts> {
        self.facts.map(|f| &f.etcd)
    }
}

/// All steps.
pub(super) fn build(
    params: &InstallParams,
    hosts: &[HostSummary],
    survey: &Survey,
    release: &Resolved,
    target: &ClusterTarget,
) -> Vec<Step> {
    let sites: Vec<Site<'_>> = hosts
        .iter()
        .zip(&survey.hosts)
        .enumerate()
        .map(|(index, (host, seen))| Site { host, facts: seen.facts.as_ref().ok(), seen, index })
        .collect();
    let on_hosts = |key: &str, title: &str, part: &dyn Fn(&Site<'_>) -> Lane| Step {
        key: key.into(),
        title: title.into(),
        lanes: sites.iter().map(part).collect(),
        skippable: false,
    };
    let mut steps = Vec::new();
    if params.source != BinarySource::Installed {
        let bring = if params.source == BinarySource::Push { "Push" } else { "Download" };
        steps.push(on_hosts("bring_archive", &format!("{bring} etcd {}, check its SHA-256", params.version), &|s| {
            bring_lane(s, params, release)
        }));
        steps.push(on_hosts("install_binaries", "Put etcd, etcdctl and etcdutl in /usr/bin", &|s| {
            binaries_lane(s, params, release)
        }));
        steps.push(on_hosts("remove_archive", "Remove the archive", &|s| {
            s.lane(s.release(release).map(binaries::tidy).unwrap_or_default())
        }));
    }
    steps.push(on_hosts("user_and_directories", "User etcd, /etc/etcd, the data directory", &|s| {
        s.changing(params, "user_and_directories", nobody_else(params), directories(s, params))
    }));
    steps.push(on_hosts("write_files", "Write etcd.conf, the unit and its drop-in", &|s| {
        s.changing(params, "write_files", nobody_else(params), configuration(s, params, target))
    }));
    steps.push(on_hosts("start", "Enable and start etcd on all hosts at once", &|s| start_lane(s, params)));
    steps.push(cluster_step("members_agree", "All members answer and follow one leader", target, agree(target)));
    steps.push(on_hosts("state_existing", "Write initial-cluster-state: existing", &|s| {
        s.lane(existing(s, params, target))
    }));
    steps.push(verify(&sites, params, target));
    let mut last = cluster_step("register", "Take the cluster under management", target, register(params, target));
    for lane in &mut last.lanes {
        lane.undo = vec![Effect::ForgetCluster { name: params.name.clone() }.into()];
    }
    steps.push(last);
    steps
}

/// Before anything of a host is changed: nobody brought an etcd to life there since the survey. A retry can be days
/// after the review.
fn nobody_else(params: &InstallParams) -> Part {
    // Constant text; pidof is there with systemd's own dependencies, and where it is not, the next condition decides.
    let no_etcd = Condition::succeeds(["/bin/sh", "-c", "! pidof etcd >/dev/null 2>&1"]);
    let of_data = |name: &str| Condition::absent(&format!("{}/{name}", params.data_dir));
    let guard = |condition, otherwise: &str| Action::from(Effect::Guard { condition, otherwise: otherwise.into() });
    Part {
        actions: vec![
            guard(
                no_etcd,
                "etcd runs here since the review, and a running etcd is never touched: undo, and review again",
            ),
            guard(
                of_data("member"),
                "the data directory holds member/ since the review, and it is never touched: undo, and review again",
            ),
            guard(
                of_data("wal"),
                "the data directory holds wal/ since the review, and it is never touched: undo, and review again",
            ),
        ],
        undo: Vec::new(),
    }
}

fn cluster_step(key: &str, title: &str, target: &ClusterTarget, action: Action) -> Step {
    let place = Place::Cluster { name: target.name.clone() };
    let (actions, undo) = (vec![action], Vec::new());
    let lane = Lane { place, unless: None, actions, undo, undo_unless: None, diagnose: Vec::new() };
    Step { key: key.into(), title: title.into(), lanes: vec![lane], skippable: false }
}

fn bring_lane(site: &Site<'_>, params: &InstallParams, release: &Resolved) -> Lane {
    let part = match site.release(release) {
        Some(found) if params.source == BinarySource::Push => binaries::push(found),
        Some(found) => binaries::download(found),
        None => Part::default(),
    };
    Lane { unless: Some(binaries::in_place(params.version)), ..site.lane(part) }
}

fn binaries_lane(site: &Site<'_>, params: &InstallParams, release: &Resolved) -> Lane {
    let found = site.release(release);
    let wanted_is_there = site.etcd().is_some_and(|e| e.binary_version == Some(params.version));
    let part = match (found, site.facts) {
        // The wanted version was there before: it stays as it is, also after undo.
        (Some(_), Some(_)) if wanted_is_there => Part::default(),
        (Some(found), Some(facts)) => {
            let present: Vec<String> = facts.etcd.binaries.iter().map(|(name, _)| name.clone()).collect();
            binaries::install(found, &present, facts.selinux != "absent", &params.token)
        }
        _ => Part::default(),
    };
    let lane = site.changing(params, "install_binaries", nobody_else(params), part);
    Lane { unless: Some(binaries::in_place(params.version)), ..lane }
}

fn directories(site: &Site<'_>, params: &InstallParams) -> Part {
    let own = |mode| Ownership::new(accounts::USER, accounts::USER, mode);
    let before = |path: &str| site.seen.ownership.get(path);
    accounts::etcd_user(site.etcd().is_some_and(|e| e.user_exists), &params.data_dir)
        .then(files::directory(parent(CONF_PATH), &own(0o755), before(parent(CONF_PATH))))
        .then(files::directory(&params.data_dir, &own(0o700), before(&params.data_dir)))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(dir, _)| dir)
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

fn configuration(site: &Site<'_>, params: &InstallParams, target: &ClusterTarget) -> Part {
    let etcd = site.etcd();
    let root = Ownership::new("root", "root", 0o644);
    let etcd_owned = Ownership::new(accounts::USER, accounts::USER, 0o644);
    let text = conf(site, params, target, InitialState::New);
    let root_dir = Ownership::new("root", "root", 0o755);
    let drop_in_dir = parent(DROP_IN_PATH);
    let token = &params.token;
    let conf = files::put(CONF_PATH, &etcd_owned, &text, etcd.and_then(|e| e.conf.as_deref()), token);
    let unit = files::put(UNIT_PATH, &root, UNIT, etcd.and_then(|e| e.unit.as_deref()), token)
        .then(files::directory(drop_in_dir, &root_dir, site.seen.ownership.get(drop_in_dir)))
        .then(files::put(DROP_IN_PATH, &root, DROP_IN, etcd.and_then(|e| e.drop_in.as_deref()), token));
    conf.then(service::reload_around(unit))
}

fn start_lane(site: &Site<'_>, params: &InstallParams) -> Lane {
    let part = service::set_member_aside(&params.data_dir, &params.token)
        .then(service::enable_and_start(site.etcd().is_some_and(|e| e.unit_enabled)))
        .then(service::wait_active(START_SECONDS));
    // Once this step began, the etcd that runs and the member/ that is there are its own.
    let ours = |mut action: Action| {
        action.unless = Some(Condition::exists(&format!("{}/begun-start", undo_dir(&params.token))));
        action
    };
    let guard = nobody_else(params).actions.into_iter().map(ours).collect();
    let guard = Part { actions: guard, undo: Vec::new() };
    let lane = site.changing(params, "start", guard, part);
    Lane { diagnose: vec![service::journal()], ..lane }
}

fn agree(target: &ClusterTarget) -> Action {
    let condition = Condition::MembersAgree { cluster: target.clone() };
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

fn verify(sites: &[Site<'_>], params: &InstallParams, target: &ClusterTarget) -> Step {
    let enabled = || Part::run(Run::new(["systemctl", "is-enabled", "--quiet", service::UNIT]));
    let mut lanes: Vec<Lane> = sites.iter().map(|s| s.lane(enabled())).collect();
    let canary = Effect::Canary { cluster: target.clone(), key: format!("quorate/canary/{}", params.token) };
    lanes.push(Lane {
        place: Place::Cluster { name: target.name.clone() },
        unless: None,
        actions: vec![canary.into()],
        undo: Vec::new(),
        undo_unless: None,
        diagnose: Vec::new(),
    });
    Step {
        key: "verify".into(),
        title: "A canary is written and read through every member; units are enabled".into(),
        lanes,
        skippable: false,
    }
}

fn register(params: &InstallParams, target: &ClusterTarget) -> Action {
    Effect::RegisterCluster(NewCluster {
        name: params.name.clone(),
        scheme: params.scheme,
        reach: params.reach,
        version: params.version,
        token: params.token.clone(),
        quota: params.quota,
        data_dir: params.data_dir.clone(),
        members: target.members.clone(),
    })
    .into()
}
