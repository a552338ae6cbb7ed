//! Reading what lies on the hosts of a cluster, and holding it against what is expected. Invariant: looks only; what is
//! expected is `domain::config`'s to say, mending it is the kind `repair_drift`'s.

use crate::{
    context::Planner,
    error::PlanError,
    membership::{Scene, Seat, initial_cluster},
    render,
};
use futures::future::join_all;
use quorate_domain::{
    ClusterId,
    config::{self, Drift, MemberConfig, Own, SeenFile},
    etcd_conf,
    etcd_conf::{CONF_PATH, DROP_IN, DROP_IN_PATH, Setting, UNIT, UNIT_PATH, with_settings},
    host::HostFacts,
    version::Version,
};
use quorate_remote::{Command, Host, facts};
use std::{collections::BTreeMap, time::Duration};

/// What was read of one member's host.
pub(crate) struct Found {
    /// What is known of the host; none when it was not reached.
    pub facts: Option<HostFacts>,
    /// `owner:group mode` of the files that are there, by path.
    pub ownership: BTreeMap<String, String>,
    /// The unit, where it is another than the guide's.
    pub foreign: Option<ForeignUnit>,
    /// Why nothing was read; empty when it was.
    pub problem: String,
}

/// A unit that somebody else wrote: there is nothing that it has to be.
pub(crate) struct ForeignUnit {
    /// As `systemctl cat` prints it, drop-ins too.
    pub text: String,
    /// Whether it starts at boot.
    pub enabled: bool,
}

/// A cluster's members with what lies on their hosts, and what all of them should share.
pub(crate) struct Inspection {
    /// The cluster.
    pub scene: Scene,
    /// In the order of the scene's seats.
    pub found: Vec<Found>,
    shared: BTreeMap<String, String>,
    initial_cluster: String,
    version: Version,
}

/// Owner and mode that the guide gives.
const CONF_OWNERSHIP: &str = "etcd:etcd 644";

impl Planner {
    /// The configuration of every member, and where it differs from what is expected.
    ///
    /// # Errors
    /// No such cluster, or the store failed. A host that is not reached says so in its place.
    pub async fn configurations(&self, cluster: &ClusterId) -> Result<Vec<MemberConfig>, PlanError> {
        let inspection = Inspection::look(self, cluster).await?;
        if let Err(why) = &inspection.scene.seen {
            return Err(PlanError::field("cluster", why));
        }
        let mut members: Vec<MemberConfig> = (0..inspection.scene.seats.len()).map(|i| inspection.member(i)).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(members)
    }
}

impl Inspection {
    /// Looks at the cluster and reads its hosts in parallel.
    ///
    /// # Errors
    /// As [`Scene::look`].
    pub async fn look(planner: &Planner, cluster: &ClusterId) -> Result<Self, PlanError> {
        let scene = Scene::look(planner, cluster).await?;
        let found = join_all(scene.seats.iter().map(|seat| read(planner, &scene, seat))).await;
        Ok(Self::of(scene, found))
    }

    /// Of what was read.
    pub fn of(scene: Scene, found: Vec<Found>) -> Self {
        let confs: Vec<&str> = scene.seats.iter().filter_map(|seat| seat.conf.as_deref()).collect();
        let shared = config::shared(&confs);
        let (initial_cluster, version) = (initial_cluster(&scene, &[], &[]), scene.version());
        Self { scene, found, shared, initial_cluster, version }
    }

    fn own(&self, seat: &Seat) -> Own {
        let member = seat.member();
        Own {
            name: member.name,
            peer_url: member.peer_url,
            client_url: member.client_url,
            initial_cluster: self.initial_cluster.clone(),
        }
    }

    /// What a repair makes of a member's etcd.conf; none when it is as expected or not there.
    ///
    /// # Errors
    /// The file is not understood, in words.
    pub fn repaired(&self, i: usize) -> Result<Option<String>, String> {
        let seat = &self.scene.seats[i];
        let Some(conf) = &seat.conf else { return Ok(None) };
        let drift = config::differences(conf, &self.own(seat), &self.shared);
        let settings: Vec<(&str, Setting)> = drift
            .iter()
            .filter(|d| d.repairable)
            .filter_map(|d| Some((d.what.as_str(), self.wanted(&d.what, &d.expected)?)))
            .collect();
        if settings.is_empty() {
            return Ok(None);
        }
        with_settings(conf, &settings).map(Some)
    }

    /// What is to stand there. A setting that most members share is written as one of them writes it, because etcd takes no
    /// text for a number or a word; none for a structure, which a person has to mend.
    fn wanted(&self, key: &str, expected: &str) -> Option<Setting> {
        if !self.shared.contains_key(key) {
            return Some(Setting::Text(expected.to_owned()));
        }
        let mut confs = self.scene.seats.iter().filter_map(|seat| seat.conf.as_deref());
        let of_another = confs.find(|conf| etcd_conf::setting(conf, key) == Some(expected))?;
        etcd_conf::raw(of_another, key).map(|raw| Setting::Raw(raw.to_owned()))
    }

    /// One member's side, as people see it.
    pub fn member(&self, i: usize) -> MemberConfig {
        let (seat, found) = (&self.scene.seats[i], &self.found[i]);
        let mut config = MemberConfig {
            id: seat.listed.id,
            name: seat.name(),
            host: seat.host.as_ref().map(|host| host.id.clone()),
            problem: found.problem.clone(),
            not_here: seat.layout().not_here,
            files: Vec::new(),
            dead: Vec::new(),
            drift: Vec::new(),
        };
        let Some(facts) = &found.facts else { return config };
        let layout = seat.layout();
        let etcd = &facts.etcd;
        let mut wanted = vec![(layout.conf.as_str(), seat.conf.as_deref(), self.repaired(i).ok().flatten())];
        match &found.foreign {
            Some(unit) => wanted.push((layout.unit.as_str(), Some(unit.text.as_str()), None)),
            None => wanted.extend([
                (UNIT_PATH, etcd.unit.as_deref(), differs(etcd.unit.as_deref(), UNIT)),
                (DROP_IN_PATH, etcd.drop_in.as_deref(), differs(etcd.drop_in.as_deref(), DROP_IN)),
            ]),
        }
        for (path, text, after) in wanted {
            let Some(text) = text else { continue };
            config.files.push(SeenFile {
                path: path.into(),
                ownership: found.ownership.get(path).cloned().unwrap_or_default(),
                text: text.to_owned(),
                diff: after.map_or_else(Vec::new, |after| render::diff(text, &after)),
            });
            config.dead.extend(config::dead_settings(text));
        }
        config.drift = self.drift(seat, facts, found);
        config
    }

    fn drift(&self, seat: &Seat, facts: &HostFacts, found: &Found) -> Vec<Drift> {
        let mut drift = match &seat.conf {
            Some(conf) => config::differences(conf, &self.own(seat), &self.shared),
            None if seat.layout().conf.is_empty() => Vec::new(),
            None => vec![missing(&seat.layout().conf)],
        };
        for d in &mut drift {
            d.repairable &= seat.conf.is_none() || self.wanted(&d.what, &d.expected).is_some();
        }
        let plain = |what: &str, found: &str, expected: &str| Drift {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
            repairable: true,
        };
        if let Some(unit) = &found.foreign {
            drift.extend((!unit.enabled).then(|| plain("enabled", "no", "starts at boot")));
            // Its binary may lie where nobody looked.
            let version = facts.etcd.binary_version;
            drift.extend(version.and_then(|version| config::version_drift(Some(version), self.version)));
            return drift;
        }
        let etcd = &facts.etcd;
        let file = |what: &str, text: Option<&str>, wanted: &str, path: &str| match text {
            None => Some(Drift { what: what.into(), ..missing(path) }),
            Some(text) if text != wanted => Some(Drift {
                what: what.into(),
                found: "other text".into(),
                expected: "the guide's".into(),
                repairable: true,
            }),
            Some(_) => None,
        };
        drift.extend(file("unit", etcd.unit.as_deref(), UNIT, UNIT_PATH));
        drift.extend(file("drop-in", etcd.drop_in.as_deref(), DROP_IN, DROP_IN_PATH));
        let ownership = found.ownership.get(CONF_PATH).map(String::as_str);
        drift.extend(ownership.filter(|o| *o != CONF_OWNERSHIP).map(|o| plain("owner", o, CONF_OWNERSHIP)));
        drift.extend((!etcd.unit_enabled).then(|| plain("enabled", "no", "starts at boot")));
        drift.extend(config::version_drift(etcd.binary_version, self.version));
        drift
    }
}

fn missing(path: &str) -> Drift {
    Drift {
        what: "file".into(),
        found: String::new(),
        expected: path.into(),
        repairable: [UNIT_PATH, DROP_IN_PATH].contains(&path),
    }
}

fn differs(text: Option<&str>, wanted: &str) -> Option<String> {
    (text? != wanted).then(|| wanted.to_owned())
}

async fn read(planner: &Planner, scene: &Scene, seat: &Seat) -> Found {
    let Some(host) = &seat.connection else {
        let problem = seat.reached.clone().err().unwrap_or_else(|| "its host was not reached".into());
        return Found { facts: None, ownership: BTreeMap::new(), foreign: None, problem };
    };
    let known = seat.record.as_ref().map(|r| r.data_dir.as_str()).filter(|dir| !dir.is_empty());
    let data_dir = known.unwrap_or("/var/lib/etcd");
    let layout = seat.layout();
    let (client, peer) = scene.ports();
    match facts::gather(host, data_dir, &[client, peer], planner.inventory.now()).await {
        Ok(facts) => {
            let foreign = if scene.record.adopted { Some(foreign(host, &layout.unit).await) } else { None };
            Found {
                facts: Some(facts),
                ownership: ownership(host, &layout.conf).await,
                foreign,
                problem: String::new(),
            }
        }
        Err(error) => Found { facts: None, ownership: BTreeMap::new(), foreign: None, problem: error.to_string() },
    }
}

/// What systemd says of a unit that somebody else wrote; nothing where it does not answer, or there is none.
async fn foreign(host: &Host, unit: &str) -> ForeignUnit {
    let ask = async |verb: &str| {
        let command = Command::new(["systemctl", verb, "--", unit]).deadline(Duration::from_secs(10)).cap(64 << 10);
        host.run(command).await.map(|output| output.text().into_owned()).unwrap_or_default()
    };
    if unit.is_empty() {
        return ForeignUnit { text: String::new(), enabled: true };
    }
    ForeignUnit { text: ask("cat").await, enabled: !ask("is-enabled").await.starts_with("disabled") }
}

async fn ownership(host: &Host, conf: &str) -> BTreeMap<String, String> {
    let conf = if conf.is_empty() { CONF_PATH } else { conf };
    let stat = ["stat", "--format", "%n|%U:%G %a", "--", conf, UNIT_PATH, DROP_IN_PATH];
    // A file that is not there makes stat fail, and the others are told all the same.
    let Ok(output) = host.run(Command::new(stat).root().deadline(Duration::from_secs(10))).await else {
        return BTreeMap::new();
    };
    let text = output.text();
    text.lines().filter_map(|l| l.split_once('|')).map(|(path, who)| (path.to_owned(), who.to_owned())).collect()
}
