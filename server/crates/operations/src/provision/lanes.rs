//! The lanes that bring a host from whatever it is to a configured etcd. Invariant: pure; before a lane changes what may
//! be somebody else's it asks again for what the survey saw, and notes on the host that it began.

use super::{
    release::Resolved,
    survey::{Survey, Surveyed},
};
use crate::{
    effect::{Action, Condition, Effect, Place},
    plan::{Lane, Step},
    steps::{Part, accounts, begun, binaries, files, files::Ownership, service, undo_dir},
};
use quorate_domain::{
    etcd_conf::{CONF_PATH, DROP_IN, DROP_IN_PATH, UNIT, UNIT_PATH},
    host::{EtcdFacts, HostFacts, HostSummary},
    install::{BinarySource, InstallParams},
};

/// How long a first start may take: electing a leader, or fetching a snapshot, takes seconds; slow disks need more.
const START_SECONDS: u32 = 120;
/// How long a first start may take to look for others; it asks each of them for at most a second.
const LOOK_SECONDS: u32 = 60;

/// Hosts to provision, with what is known of them and wished for. `params.members` are these hosts, and `params.token`
/// names the directory on each that keeps what is replaced.
pub(crate) struct Provision<'a> {
    params: &'a InstallParams,
    release: &'a Resolved,
    /// The hosts, in the order of `params.members`.
    pub sites: Vec<Site<'a>>,
}

/// One host with all that its lanes need.
pub(crate) struct Site<'a> {
    /// The host.
    pub host: &'a HostSummary,
    /// Its place among the members.
    pub index: usize,
    facts: Option<&'a HostFacts>,
    seen: &'a Surveyed,
}

impl<'a> Provision<'a> {
    pub fn new(params: &'a InstallParams, hosts: &'a [HostSummary], survey: &'a Survey, release: &'a Resolved) -> Self {
        let pairs = hosts.iter().zip(&survey.hosts).enumerate();
        let site = |(index, (host, seen)): (usize, (&'a HostSummary, &'a Surveyed))| Site {
            host,
            index,
            facts: seen.facts.as_ref().ok(),
            seen,
        };
        Self { params, release, sites: pairs.map(site).collect() }
    }

    /// One lane a host.
    pub fn step(&self, key: &str, title: &str, lane: impl Fn(&Site<'a>) -> Lane) -> Step {
        Step::of(key, title, self.sites.iter().map(lane).collect())
    }

    /// The steps up to a configuration: binaries (unless they are there), user, directories.
    pub fn until_configuration(&self) -> Vec<Step> {
        let params = self.params;
        let mut steps = Vec::new();
        if params.source != BinarySource::Installed {
            let bring = if params.source == BinarySource::Push { "Push" } else { "Download" };
            let title = format!("{bring} etcd {}, check its SHA-256", params.version);
            steps.push(self.step("bring_archive", &title, |site| self.bring(site)));
            let title = "Put etcd, etcdctl and etcdutl in /usr/bin";
            steps.push(self.step("install_binaries", title, |site| self.binaries(site)));
        }
        let title = "User etcd, /etc/etcd, the data directory";
        steps.push(self.step("user_and_directories", title, |site| {
            self.changing(site, "user_and_directories", self.nobody_else(), self.directories(site))
        }));
        steps
    }

    /// Removes the archives, once the members run: on a disk that is told of each freed block, the first start would
    /// wait seconds for that.
    pub fn remove_archives(&self) -> Option<Step> {
        let lane = |site: &Site<'a>| site.lane(site.release(self.release).map(binaries::tidy).unwrap_or_default());
        let brought = self.params.source != BinarySource::Installed;
        brought.then(|| self.step("remove_archive", "Remove the archive", lane))
    }

    /// A lane that changes what may be somebody else's: `guard` first, then the note that it began, then `part`.
    fn changing(&self, site: &Site<'_>, key: &str, guard: Part, part: Part) -> Lane {
        let (note, never) = begun(&self.params.token, key);
        Lane { undo_unless: Some(never), ..site.lane(guard.then(note).then(part)) }
    }

    /// Before anything of a host is changed: nobody brought an etcd to life there since the survey. A retry can be days
    /// after the review.
    fn nobody_else(&self) -> Part {
        // One command, because each costs a round trip. pidof is there with systemd's own dependencies, and where it is not,
        // the others decide.
        let script = "! pidof etcd >/dev/null 2>&1 && [ ! -e \"$1/member\" ] && [ ! -e \"$1/wal\" ]";
        let data_dir = &self.params.data_dir;
        let guard = Effect::Guard {
            condition: Condition::succeeds(["/bin/sh", "-c", script, "sh", data_dir]),
            otherwise: format!(
                "since the review an etcd was started here, or {data_dir} got a member/ or wal/; neither is ever touched: \
                 undo, and review again"
            ),
        };
        Part { actions: vec![guard.into()], undo: Vec::new() }
    }

    fn bring(&self, site: &Site<'_>) -> Lane {
        let part = match site.release(self.release) {
            Some(found) if self.params.source == BinarySource::Push => binaries::push(found),
            Some(found) => binaries::download(found),
            None => Part::default(),
        };
        Lane { unless: Some(binaries::in_place(self.params.version)), ..site.lane(part) }
    }

    fn binaries(&self, site: &Site<'_>) -> Lane {
        let version = self.params.version;
        let wanted_is_there = site.etcd().is_some_and(|e| e.binary_version == Some(version));
        let part = match (site.release(self.release), site.facts) {
            // The wanted version was there before: it stays as it is, also after undo.
            (Some(_), Some(_)) if wanted_is_there => Part::default(),
            (Some(found), Some(facts)) => {
                let present: Vec<String> = facts.etcd.binaries.iter().map(|(name, _)| name.clone()).collect();
                binaries::install(found, &present, facts.selinux != "absent", &self.params.token)
            }
            _ => Part::default(),
        };
        let lane = self.changing(site, "install_binaries", self.nobody_else(), part);
        Lane { unless: Some(binaries::in_place(version)), ..lane }
    }

    fn directories(&self, site: &Site<'_>) -> Part {
        let before = |path: &str| site.seen.ownership.get(path);
        let data_dir = self.params.data_dir.as_str();
        accounts::etcd_user(site.etcd().is_some_and(|e| e.user_exists), data_dir)
            .then(files::directory(parent(CONF_PATH), &accounts::own(0o755), before(parent(CONF_PATH))))
            .then(files::directory(data_dir, &accounts::own(0o700), before(data_dir)))
    }

    /// Writes `conf` as etcd.conf, the guide's unit, and the drop-in beside it.
    pub fn configure(&self, site: &Site<'_>, conf: &str) -> Lane {
        let etcd = site.etcd();
        let root = Ownership::new("root", "root", 0o644);
        let root_dir = Ownership::new("root", "root", 0o755);
        let drop_in_dir = parent(DROP_IN_PATH);
        let token = &self.params.token;
        let conf = files::put(CONF_PATH, &accounts::own(0o644), conf, etcd.and_then(|e| e.conf.as_deref()), token);
        let unit = files::put(UNIT_PATH, &root, UNIT, etcd.and_then(|e| e.unit.as_deref()), token)
            .then(files::directory(drop_in_dir, &root_dir, site.seen.ownership.get(drop_in_dir)))
            .then(files::put(DROP_IN_PATH, &root, DROP_IN, etcd.and_then(|e| e.drop_in.as_deref()), token));
        self.changing(site, "write_files", self.nobody_else(), conf.then(service::reload_around(unit)))
    }

    /// Enables and starts etcd, and waits until systemd calls it active.
    pub fn start(&self, site: &Site<'_>) -> Lane {
        self.starting(site, service::wait_active(START_SECONDS))
    }

    /// Enables and starts etcd, and waits until it has looked for other members, which it does before it makes its log.
    pub fn start_first(&self, site: &Site<'_>) -> Lane {
        let condition = Condition::exists(&format!("{}/member/wal", self.params.data_dir));
        let wait = Effect::Wait { condition, deadline_seconds: LOOK_SECONDS };
        self.starting(site, Part { actions: vec![wait.into()], undo: Vec::new() })
    }

    /// Puts restored data in its place, where nobody else's is.
    pub fn placing(&self, site: &Site<'_>, part: Part) -> Lane {
        // Once this step began, the member/ that is there is its own.
        self.changing(site, "place", self.unless_begun("place"), part)
    }

    /// Enables and starts an etcd whose data was put there before, and waits until systemd calls it active.
    pub fn start_restored(&self, site: &Site<'_>) -> Lane {
        let part = service::enable_and_start(site.etcd().is_some_and(|e| e.unit_enabled))
            .then(service::wait_active(START_SECONDS));
        let lane = self.changing(site, "start", Part::default(), part);
        Lane { diagnose: vec![service::journal(service::UNIT)], ..lane }
    }

    /// Waits until systemd calls the etcd active that `start_first` started; starts it again if somebody stopped it since.
    pub fn active(&self, site: &Site<'_>) -> Lane {
        let part = service::start().then(service::wait_active(START_SECONDS));
        Lane { diagnose: vec![service::journal(service::UNIT)], ..site.lane(part) }
    }

    fn starting(&self, site: &Site<'_>, until: Part) -> Lane {
        let params = self.params;
        let part = service::set_member_aside(&params.data_dir, &params.token)
            .then(service::enable_and_start(site.etcd().is_some_and(|e| e.unit_enabled)))
            .then(until);
        // Once this step began, the etcd that runs and the member/ that is there are its own.
        let guard = self.unless_begun("start");
        Lane { diagnose: vec![service::journal(service::UNIT)], ..self.changing(site, "start", guard, part) }
    }

    /// `nobody_else`, left out once the step `key` began.
    fn unless_begun(&self, key: &str) -> Part {
        let begun = Condition::exists(&format!("{}/begun-{key}", undo_dir(&self.params.token)));
        let ours = |action: Action| action.unless(begun.clone());
        Part { actions: self.nobody_else().actions.into_iter().map(ours).collect(), undo: Vec::new() }
    }
}

impl Site<'_> {
    /// A lane on this host.
    pub fn lane(&self, part: Part) -> Lane {
        Lane::at(Place::of(self.host), part)
    }

    /// The archive for this host's architecture.
    fn release<'r>(&self, resolved: &'r Resolved) -> Option<&'r binaries::Release> {
        resolved.of(self.facts?.arch?)
    }

    fn etcd(&self) -> Option<&EtcdFacts> {
        self.facts.map(|f| &f.etcd)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(dir, _)| dir)
}
