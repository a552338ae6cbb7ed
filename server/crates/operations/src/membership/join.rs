//! New members: their hosts are brought to the cluster's version and settings, and each joins as a learner, gets the log,
//! and gets a vote, one after another. Invariant: a member never joins with a vote, so one that never starts costs none; undo
//! takes a member out of the cluster before its etcd is stopped, so that its vote is never missed.

use super::{Scene, Seat, as_existing, initial_cluster};
use crate::{
    context::Planner,
    effect::{ClusterTarget, Effect, MemberCall, MemberRef, MemberTarget},
    error::PlanError,
    plan::{Lane, Step},
    provision::{self, Provision, Resolved, Survey},
    steps::Part,
};
use quorate_domain::{
    MemberId,
    cluster::{ClusterMemberRecord, Scheme},
    etcd_conf::{Setting, with_settings},
    host::HostSummary,
    install::{BinarySource, InstallMember, InstallParams},
    membership::check_new_members,
    names::{split_url, url_host},
    plan::{Check, Verdict},
    preflight,
};
use quorate_remote::ports;

/// What is wished for.
pub(crate) struct Wish<'a> {
    /// The new members; names and addresses are filled in.
    pub members: &'a mut Vec<InstallMember>,
    /// Where binaries come from.
    pub source: BinarySource,
    /// Filled in.
    pub download_url: &'a mut String,
    /// Names what is kept on hosts.
    pub token: &'a str,
    /// Members that leave before; their hosts are free by then.
    pub leaving: &'a [&'a Seat],
}

/// New members, looked at.
pub(crate) struct Joining {
    params: InstallParams,
    hosts: Vec<HostSummary>,
    survey: Survey,
    release: Resolved,
    without: Vec<MemberId>,
    /// Of a member that stays, whose settings the new ones take over.
    sample: Option<String>,
    /// All verdicts.
    pub checks: Vec<Check>,
}

/// Looks at the hosts of the new members.
///
/// # Errors
/// Wishes that cannot be right.
pub(crate) async fn look(planner: &Planner, scene: &Scene, wish: Wish<'_>) -> Result<Joining, PlanError> {
    if wish.download_url.is_empty() {
        *wish.download_url = planner.inventory.download_url();
    }
    let mut hosts = provision::hosts_of(planner, wish.members).await?;
    let mut params = params(scene, &wish);
    let mut survey = provision::look(planner, &params, &hosts).await;
    let freed = |host: &HostSummary| wish.leaving.iter().any(|s| s.host.as_ref().is_some_and(|h| h.id == host.id));
    for (host, seen) in hosts.iter_mut().zip(&mut survey.hosts).filter(|(host, _)| freed(host)) {
        host.cluster = None;
        seen.laid_to_rest([params.client_port, params.peer_port]);
    }
    provision::fill_in(wish.members, &hosts, &survey);
    params.members.clone_from(wish.members);
    let without: Vec<MemberId> = wish.leaving.iter().map(|seat| seat.listed.id).collect();
    names_are_free(scene, &params.members, &without)?;
    let release = provision::resolve(&params, &survey).await;
    let sample = scene.staying(&without).find_map(|s| s.conf.clone());
    let mut joining = Joining { params, hosts, survey, release, without, sample, checks: Vec::new() };
    joining.checks = joining.survey.checks(&joining.params, &joining.hosts);
    joining.checks.extend(joining.release.checks.iter().cloned());
    joining.checks.extend(provision::same_machine(&joining.all_hosts(scene)));
    joining.checks.extend(joining.peers(scene).await);
    joining.checks.extend(joining.settings(scene));
    joining.checks.extend(joining.certificates());
    Ok(joining)
}

/// The wish as the parameters of an install of these hosts with the cluster's properties.
fn params(scene: &Scene, wish: &Wish<'_>) -> InstallParams {
    let record = &scene.record;
    let (client_port, peer_port) = scene.ports();
    let data_dir = record.members.first().map(|m| m.data_dir.clone());
    let mut params = InstallParams::new(record.name.clone(), wish.members.clone());
    params.version = scene.version();
    params.source = wish.source.clone();
    params.download_url = wish.download_url.trim_end_matches('/').to_owned();
    params.data_dir = data_dir.unwrap_or(params.data_dir);
    (params.client_port, params.peer_port) = (client_port, peer_port);
    params.token = wish.token.to_owned();
    params.scheme = record.scheme;
    params.reach = record.reach;
    params.quota = record.quota;
    params
}

/// Names and addresses are nobody else's.
fn names_are_free(scene: &Scene, members: &[InstallMember], without: &[MemberId]) -> Result<(), PlanError> {
    let errors = check_new_members(members, "");
    if !errors.is_empty() {
        return Err(PlanError::Invalid(errors));
    }
    for (i, member) in members.iter().enumerate() {
        if scene.staying(without).any(|seat| seat.name() == member.name) {
            return Err(PlanError::field(format!("members.{i}.name"), format!("{} is a member already", member.name)));
        }
        let address = |seat: &Seat| split_url(&seat.member().peer_url).ok().map(|(address, _)| address);
        if let Some(seat) = scene.staying(without).find(|seat| address(seat).as_ref() == Some(&member.address)) {
            let message = format!("{} has this address already", seat.name());
            return Err(PlanError::field(format!("members.{i}.address"), message));
        }
    }
    Ok(())
}

impl Joining {
    /// The hosts, new ones first.
    pub fn hosts(&self) -> &[HostSummary] {
        &self.hosts
    }

    /// Whom the digests of the archives trust.
    pub fn warnings(&self) -> &[String] {
        &self.release.warnings
    }

    fn all_hosts(&self, scene: &Scene) -> Vec<HostSummary> {
        self.hosts.iter().cloned().chain(scene.staying(&self.without).filter_map(|seat| seat.host.clone())).collect()
    }

    /// The peer port between each new member and each that stays, both ways.
    async fn peers(&self, scene: &Scene) -> Vec<Check> {
        let mut checks = Vec::new();
        for ((host, seen), member) in self.hosts.iter().zip(&self.survey.hosts).zip(&self.params.members) {
            for seat in scene.staying(&self.without) {
                let Ok((address, port)) = split_url(&seat.member().peer_url) else { continue };
                if let Some(from) = &seen.connection {
                    let found = ports::probe(from, &[(address, port)]).await;
                    let reach = found.ok().and_then(|found| found.first().copied());
                    checks.extend(reach.map(|reach| preflight::port_check(&host.name, &seat.name(), port, reach)));
                }
                if let Some(from) = &seat.connection {
                    let port = self.params.peer_port;
                    let found = ports::probe(from, &[(member.address.clone(), port)]).await;
                    let reach = found.ok().and_then(|found| found.first().copied());
                    checks.extend(reach.map(|reach| preflight::port_check(&seat.name(), &host.name, port, reach)));
                }
            }
        }
        checks
    }

    /// A new member of a cluster that speaks TLS needs certificates, which the console does not make yet.
    fn certificates(&self) -> Option<Check> {
        let advice =
            "Add it by hand with certificates of your own authority; the console follows the cluster's own list";
        let why = "not here, because the cluster speaks TLS and the console makes no certificates for new members yet";
        (self.params.scheme == Scheme::Https).then(|| Check::new("certificates", "", Verdict::Fail, why, advice))
    }

    /// Whether there is a configuration to take the settings from, and it is understood.
    fn settings(&self, scene: &Scene) -> Option<Check> {
        let why = match (&self.sample, self.params.members.first()) {
            (_, None) => return None,
            (None, _) => "no member's /etc/etcd/etcd.conf can be read".to_owned(),
            (Some(_), Some(_)) => self.conf(scene, 0).err()?,
        };
        let advice = "New members take over the settings of the others: see that one has a plain etcd.conf";
        Some(Check::new("settings", "", Verdict::Fail, why, advice))
    }

    fn url(&self, member: &InstallMember, port: u16) -> String {
        format!("{}://{}:{port}", self.params.scheme.as_str(), url_host(&member.address))
    }

    fn target_of(&self, member: &InstallMember) -> MemberTarget {
        MemberTarget {
            name: member.name.clone(),
            host: Some(member.host.clone()),
            client_url: self.url(member, self.params.client_port),
            peer_url: self.url(member, self.params.peer_port),
            loopback: false,
        }
    }

    /// The members that stay and the first `new` of those that come.
    pub fn target(&self, scene: &Scene, new: usize) -> ClusterTarget {
        let mut target = scene.target_without(&self.without);
        target.members.extend(self.params.members.iter().take(new).map(|m| self.target_of(m)));
        target
    }

    /// The client URLs of the new members.
    pub fn client_urls(&self) -> Vec<String> {
        self.params.members.iter().map(|m| self.url(m, self.params.client_port)).collect()
    }

    /// `initial-cluster` with the first `new` of those that come.
    pub fn initial_cluster(&self, scene: &Scene, new: usize) -> String {
        let new = self.params.members.iter().take(new);
        let new: Vec<(String, String)> = new.map(|m| (m.name.clone(), self.url(m, self.params.peer_port))).collect();
        initial_cluster(scene, &self.without, &new)
    }

    /// The configuration of the new member `i`: that of another member, with its own name and addresses.
    fn conf(&self, scene: &Scene, i: usize) -> Result<String, String> {
        let sample = self.sample.as_deref().ok_or("no member's etcd.conf can be read")?;
        let member = self.target_of(&self.params.members[i]);
        let local = format!("{}://localhost:{}", self.params.scheme.as_str(), self.params.client_port);
        let settings = [
            ("name", member.name.clone()),
            ("data-dir", self.params.data_dir.clone()),
            ("initial-advertise-peer-urls", member.peer_url.clone()),
            ("advertise-client-urls", member.client_url.clone()),
            ("listen-peer-urls", member.peer_url),
            ("listen-client-urls", format!("{},{local}", member.client_url)),
        ];
        let own = settings.map(|(key, value)| (key, Setting::Text(value)));
        let all: Vec<(&str, Setting)> =
            own.into_iter().chain(as_existing(&self.initial_cluster(scene, i + 1))).collect();
        with_settings(sample, &all)
    }

    /// What the console expects once the first `new` have joined.
    fn records(&self, scene: &Scene, new: usize) -> Vec<ClusterMemberRecord> {
        let mut records = scene.records_without(&self.without);
        let joined = self.params.members.iter().take(new);
        records.extend(joined.map(|m| self.target_of(m).record(&self.params.data_dir)));
        records
    }

    /// Everything from bare hosts to members; those that stay learners are not promoted.
    pub fn steps(&self, scene: &Scene, leave_as_learner: bool) -> Vec<Step> {
        let provision = Provision::new(&self.params, &self.hosts, &self.survey, &self.release);
        let mut steps = provision.until_configuration();
        steps.push(provision.step("write_files", "Write etcd.conf, the unit and its drop-in", |site| {
            // A configuration that cannot be made is a failed check.
            provision.configure(site, &self.conf(scene, site.index).unwrap_or_default())
        }));
        for site in &provision.sites {
            let (i, member) = (site.index, self.target_of(&self.params.members[site.index]));
            let MemberTarget { name, client_url, peer_url, .. } = member;
            let who = MemberRef { name: name.clone(), id: None, peer_url, client_url };
            let remove = || Some(MemberCall::Remove(who.clone()));
            let (before, with) = (self.target(scene, i), self.target(scene, i + 1));
            let title = format!("{name} joins as a learner");
            let add = MemberCall::AddLearner(who.clone());
            let mut add = super::call_step(&format!("add_{name}"), &title, &before, add, remove());
            let lane = add.lanes.remove(0);
            add.lanes.push(self.noting(scene, i, lane));
            steps.push(add);
            steps.push(Step::of(
                format!("start_{name}"),
                format!("Start etcd on {}", site.host.name),
                vec![provision.start(site)],
            ));
            steps.push(super::catch_up_step(&with, &who));
            if !leave_as_learner {
                let promote = MemberCall::Promote(who.clone());
                let title = format!("{name} becomes a voter");
                steps.push(super::call_step(&format!("promote_{name}"), &title, &with, promote, remove()));
            }
        }
        steps.extend(provision.remove_archives());
        steps
    }

    /// Before a member is added the console expects it, so that the screen knows its host from the first moment; after it
    /// was taken out again it does not.
    fn noting(&self, scene: &Scene, i: usize, lane: Lane) -> Lane {
        let note = |new| Effect::RecordMembers { members: self.records(scene, new) }.into();
        let noted = Part { actions: vec![note(i + 1)], undo: vec![note(i)] };
        let part = noted.then(Part { actions: lane.actions, undo: lane.undo });
        Lane { actions: part.actions, undo: part.undo, ..lane }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        kinds::install_cluster::tests::{facts, host},
        membership::sample,
    };
    use quorate_domain::version::Arch;

    /// `lab4` … join `scene`, from which `leaving` goes before.
    pub(crate) fn joining(scene: &Scene, numbers: &[u8], leaving: &[&Seat]) -> Joining {
        let hosts: Vec<HostSummary> = numbers.iter().map(|n| host(*n)).collect();
        let mut members: Vec<InstallMember> = hosts
            .iter()
            .map(|h| InstallMember { host: h.id.clone(), name: h.name.clone(), address: h.address.clone() })
            .collect();
        let wish = Wish {
            members: &mut members,
            source: BinarySource::Download,
            download_url: &mut "http://mirror".to_owned(),
            token: "20261125-ab12cd34",
            leaving,
        };
        let params = params(scene, &wish);
        Joining {
            release: Resolved::of_archive(&params, Arch::Amd64, "ab12"),
            survey: Survey::of(hosts.iter().map(facts).collect()),
            without: leaving.iter().map(|seat| seat.listed.id).collect(),
            sample: scene.seats.iter().find_map(|seat| seat.conf.clone()),
            checks: Vec::new(),
            hosts,
            params,
        }
    }

    #[test]
    fn members_join_one_after_another_and_each_knows_those_before_it() {
        let scene = sample::scene(3, &[]);
        let two = joining(&scene, &[4, 5], &[]);
        assert_eq!(sample::names(&two.target(&scene, 0)), ["lab1", "lab2", "lab3"]);
        assert_eq!(sample::names(&two.target(&scene, 2)), ["lab1", "lab2", "lab3", "lab4", "lab5"]);
        let (fourth, fifth) = (two.conf(&scene, 0).expect("conf"), two.conf(&scene, 1).expect("conf"));
        assert!(fourth.contains("name: 'lab4'") && !fourth.contains("lab5"), "{fourth}");
        assert!(fifth.contains("lab4=http://10.77.0.14:2380,lab5=http://10.77.0.15:2380"), "{fifth}");
        let keys: Vec<String> = two.steps(&scene, false).into_iter().map(|step| step.key).collect();
        let of = |name: &str| keys.iter().filter(|key| key.ends_with(name)).cloned().collect::<Vec<_>>();
        assert_eq!(of("lab4"), ["add_lab4", "start_lab4", "catch_up_lab4", "promote_lab4"]);
        let at = |key: &str| keys.iter().position(|k| k == key).expect("step");
        assert!(at("promote_lab4") < at("add_lab5"), "one learner at a time");
    }

    #[test]
    fn a_vote_is_taken_back_before_its_etcd_is_stopped() {
        let scene = sample::scene(1, &[]);
        let steps = joining(&scene, &[4], &[]).steps(&scene, false);
        let undo = |key: &str| {
            let step = steps.iter().find(|step| step.key == key).expect("step");
            serde_json::to_string(&step.lanes[0].undo).expect("json")
        };
        // Undo goes backwards: from promote to start to add.
        assert!(undo("promote_lab4").contains("\"remove\"") && undo("add_lab4").contains("\"remove\""));
        assert!(undo("start_lab4").contains("disable"));
    }

    #[test]
    fn the_one_that_leaves_is_nobodys_peer_any_more() {
        let scene = sample::scene(3, &[3]);
        let one = joining(&scene, &[4], &[&scene.seats[2]]);
        assert_eq!(sample::names(&one.target(&scene, 1)), ["lab1", "lab2", "lab4"]);
        assert_eq!(
            one.initial_cluster(&scene, 1),
            "lab1=http://10.77.0.11:2380,lab2=http://10.77.0.12:2380,lab4=http://10.77.0.14:2380"
        );
        assert_eq!(one.records(&scene, 0).len(), 2);
    }

    #[test]
    fn a_name_or_an_address_of_another_member_is_refused_at_its_field() {
        let scene = sample::scene(3, &[]);
        let member =
            |name: &str, address: &str| InstallMember { host: host(4).id, name: name.into(), address: address.into() };
        let fields = |m: InstallMember| match names_are_free(&scene, &[m], &[]) {
            Err(PlanError::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect(),
            _ => Vec::new(),
        };
        assert_eq!(fields(member("lab2", "10.77.0.14")), ["members.0.name"]);
        assert_eq!(fields(member("lab4", "10.77.0.13")), ["members.0.address"]);
        assert!(fields(member("lab4", "10.77.0.14")).is_empty());
    }
}
