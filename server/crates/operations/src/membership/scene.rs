//! Looking at a cluster and its hosts before a plan. Invariant: a host that is not reached, or a cluster that confirms no
//! members, becomes a check with its reason, never an error of the whole.

use crate::{
    context::Planner,
    effect::{ClusterTarget, MemberRef, MemberTarget, Place},
    error::PlanError,
    observe::Observed,
    plan::Plan,
    provision::login,
    steps::{accounts, files::Ownership},
};
use futures::future::join_all;
use quorate_domain::{
    ClusterId, HostId, MemberId,
    cluster::{ClusterMemberRecord, ClusterRecord, Layout, MemberRole},
    host::HostSummary,
    names::split_url,
    plan::{Check, Verdict},
    quorum::{Change, Roster, Standing},
    version::Version,
};
use quorate_etcd::{ListedMember, MemberList};
use quorate_remote::{Command, Host};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

const DEADLINE: Duration = Duration::from_secs(10);
/// A configuration is a page; what is longer is not one.
const CONF_MAX: usize = 64 << 10;

/// The oldest version whose members are changed (design: 3.4 is adopted, saved and upgraded only).
const OLDEST: Version = Version::new(3, 5, 0);

/// A cluster as it is found when a plan is made.
pub(crate) struct Scene {
    /// What the console keeps.
    pub record: ClusterRecord,
    /// The confirmed members, with what is known of each.
    pub seats: Vec<Seat>,
    /// Votes, health, leader.
    pub roster: Roster,
    /// What the cluster says, or why it says nothing.
    pub seen: Result<Observed, String>,
    /// Members that the console expected and that are in the cluster no more.
    pub(super) gone: Vec<String>,
}

/// One confirmed member.
pub(crate) struct Seat {
    /// As listed.
    pub listed: ListedMember,
    /// Its vote and health.
    pub standing: Standing,
    /// Where the console expects it.
    pub record: Option<ClusterMemberRecord>,
    /// Its host.
    pub host: Option<HostSummary>,
    /// Whether its host was reached, or why not.
    pub reached: Result<(), String>,
    /// The connection to its host.
    pub connection: Option<Arc<Host>>,
    /// Its etcd.conf; none when there is none at its place.
    pub conf: Option<String>,
    /// Who owns that file, and its mode.
    pub conf_ownership: Ownership,
}

impl Seat {
    /// Its name; the recorded one while it has not started.
    pub fn name(&self) -> String {
        match (&self.record, self.listed.name.as_str()) {
            (Some(record), "") => record.name.clone(),
            (None, "") => self.listed.id.to_string(),
            (_, name) => name.to_owned(),
        }
    }

    /// As plans name it.
    pub fn member(&self) -> MemberRef {
        MemberRef {
            name: self.name(),
            id: Some(self.listed.id),
            peer_url: self.listed.peer_urls.first().cloned().unwrap_or_default(),
            client_url: self.client_url(),
        }
    }

    /// How etcd lies on its host.
    pub fn layout(&self) -> Layout {
        self.record.as_ref().map_or_else(Layout::default, |r| r.layout.clone())
    }

    fn client_url(&self) -> String {
        let recorded = self.record.as_ref().map(|r| r.client_url.clone());
        self.listed.client_urls.first().cloned().or(recorded).unwrap_or_default()
    }

    fn target(&self) -> Option<MemberTarget> {
        let MemberRef { name, peer_url, client_url, .. } = self.member();
        Some(MemberTarget { name, host: self.record.as_ref()?.host.clone(), client_url, peer_url, loopback: false })
    }

    /// Where work on its host is done, if it can be.
    pub fn place(&self) -> Option<Place> {
        self.reached.as_ref().ok()?;
        self.host.as_ref().map(Place::of)
    }
}

impl Scene {
    /// Looks at the cluster and the hosts of its members.
    ///
    /// # Errors
    /// No such cluster, or the store failed.
    pub async fn look(planner: &Planner, id: &ClusterId) -> Result<Self, PlanError> {
        let record = record(planner, id).await?;
        let expected = ClusterTarget::from(&record);
        let seen = planner.observe(&expected).await;
        let list = seen.as_ref().map_or(MemberList { cluster_id: 0, members: Vec::new() }, |seen| seen.list.clone());
        let roster = seen.as_ref().map_or_else(
            |_| Roster { members: Vec::new(), leader: None, adds_need_all: false },
            |seen| seen.roster.clone(),
        );
        let seats = join_all(list.members.iter().zip(&roster.members).map(|(listed, standing)| {
            let record = record_of(&record, listed).cloned();
            seat(planner, listed.clone(), standing.clone(), record)
        }));
        let seats = seats.await.into_iter().collect::<Result<Vec<_>, PlanError>>()?;
        let found = |m: &ClusterMemberRecord| seats.iter().any(|s| s.record.as_ref().is_some_and(|r| r == m));
        let gone = record.members.iter().filter(|m| seen.is_ok() && !found(m)).map(|m| m.name.clone()).collect();
        Ok(Self { record, seats, roster, seen, gone })
    }

    /// The members but those of `without`.
    pub fn staying(&self, without: &[MemberId]) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(move |seat| !without.contains(&seat.listed.id))
    }

    /// Some members in the order in which they are restarted: the leader last, so that it hands over once.
    pub fn leader_last(&self, chosen: impl Fn(&Seat) -> bool) -> Vec<&Seat> {
        let mut seats: Vec<&Seat> = self.seats.iter().filter(|seat| chosen(seat)).collect();
        seats.sort_by_key(|seat| (Some(seat.listed.id) == self.roster.leader, seat.name()));
        seats
    }

    /// The members that the console can get to.
    pub fn target(&self) -> ClusterTarget {
        self.target_without(&[])
    }

    /// The same but those of `without`.
    pub fn target_without(&self, without: &[MemberId]) -> ClusterTarget {
        let members = self.staying(without).filter_map(Seat::target).collect();
        ClusterTarget { members, ..ClusterTarget::from(&self.record) }
    }

    /// The members as the console expects them once `without` have left; those that are gone already are not among them.
    pub fn records_without(&self, without: &[MemberId]) -> Vec<ClusterMemberRecord> {
        let known = self.staying(without).filter_map(|seat| {
            let (MemberTarget { name, client_url, peer_url, .. }, record) = (seat.target()?, seat.record.clone()?);
            let place = self.record.members.iter().position(|m| *m == record);
            Some((place, ClusterMemberRecord { name, client_url, peer_url, ..record }))
        });
        let mut records: Vec<(Option<usize>, ClusterMemberRecord)> = known.collect();
        // In the order that people know.
        records.sort_by_key(|(place, _)| *place);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// The seat of a member.
    ///
    /// # Errors
    /// It is not in the cluster; at `field`. None when the cluster confirms no members at all, which a check says.
    pub fn seat(&self, field: &str, id: MemberId) -> Result<Option<&Seat>, PlanError> {
        if self.seen.is_err() {
            return Ok(None);
        }
        let found = self.seats.iter().find(|seat| seat.listed.id == id);
        found
            .map(Some)
            .ok_or_else(|| PlanError::field(field, format!("There is no member {id} in {} any more", self.record.name)))
    }

    /// How many vote.
    pub fn voters(&self) -> usize {
        self.roster.members.iter().filter(|m| m.role == MemberRole::Voter).count()
    }

    /// Names of the members that are not healthy.
    pub fn down(&self) -> Vec<String> {
        self.seats.iter().filter(|seat| !seat.standing.healthy).map(Seat::name).collect()
    }

    /// Names of the learners.
    pub fn learners(&self) -> Vec<String> {
        let learner = |seat: &&Seat| seat.standing.role == MemberRole::Learner;
        self.seats.iter().filter(learner).map(Seat::name).collect()
    }

    /// The version that the cluster runs: the leader's.
    pub fn version(&self) -> Version {
        let running = self.seen.as_ref().ok().and_then(Observed::leader);
        running.and_then(|s| s.status.version.parse().ok()).unwrap_or(self.record.version)
    }

    /// The ports that most of its members use: client, peer.
    pub fn ports(&self) -> (u16, u16) {
        let common = |url: fn(&ClusterMemberRecord) -> &String, usual: u16| {
            let members = self.record.members.iter();
            let ports: Vec<u16> = members.filter_map(|m| Some(split_url(url(m)).ok()?.1)).collect();
            let count = |port: u16| ports.iter().filter(|p| **p == port).count();
            // Of two that are as common the first one's.
            ports.iter().rev().max_by_key(|port| count(**port)).copied().unwrap_or(usual)
        };
        (common(|m| &m.client_url, 2379), common(|m| &m.peer_url, 2380))
    }

    /// What must hold before any change: the members are confirmed and agree, and no alarm is raised.
    pub fn checks(&self) -> Vec<Check> {
        let check = |name: &str, verdict, answer: String, advice: &str| Check::new(name, "", verdict, answer, advice);
        let seen = match &self.seen {
            Ok(seen) => seen,
            Err(why) => {
                let advice = "Without quorum etcd takes no change: bring members back first";
                return vec![check("members_confirmed", Verdict::Fail, why.clone(), advice)];
            }
        };
        let t = self.roster.tolerance();
        let names: Vec<String> = self.seats.iter().map(Seat::name).collect();
        let mut checks = vec![check(
            "members_confirmed",
            Verdict::Pass,
            format!("a majority confirms {}; {} of {} voters alive", names.join(", "), t.healthy, t.voters),
            "",
        )];
        let mut alarms: Vec<String> =
            seen.answers.values().flat_map(|a| a.alarms()).map(|a| format!("{} on {}", a.name, a.member)).collect();
        alarms.sort();
        alarms.dedup();
        let (verdict, answer) = match alarms.is_empty() {
            true => (Verdict::Pass, "none".to_owned()),
            false => (Verdict::Fail, alarms.join(", ")),
        };
        checks.push(check(
            "alarms",
            verdict,
            answer,
            "Clear the alarm first; a change of members does not mend its cause",
        ));
        let version = self.version();
        if version < OLDEST {
            let answer = format!("etcd {version}: members are changed from {OLDEST} on only");
            checks.push(check("version", Verdict::Fail, answer, "Upgrade the cluster first; until then it is watched"));
        }
        if !self.gone.is_empty() {
            let answer = format!("{} left the cluster without the console", self.gone.join(", "));
            checks.push(check("expected_members", Verdict::Warn, answer, "The console follows the cluster's own list"));
        }
        let strangers: Vec<String> = self.seats.iter().filter(|s| s.record.is_none()).map(Seat::name).collect();
        if !strangers.is_empty() {
            let answer = format!("{} joined the cluster without the console", strangers.join(", "));
            let advice = "Its host is not known here, so its etcd.conf is not changed";
            checks.push(check("expected_members", Verdict::Warn, answer, advice));
        }
        checks
    }

    /// What the rules say to a change of the members as they are, as a check.
    pub fn ruling(&self, subject: &str, change: &Change, advice: &str) -> Check {
        ruling(&self.roster, subject, change, advice)
    }

    /// A plan about this cluster with no steps yet.
    pub fn plan(&self, kind: &dyn crate::kinds::Kind, title: String, params: Value) -> Plan {
        Plan {
            kind: kind.name().into(),
            kind_version: kind.version(),
            title,
            params,
            cluster: Some(self.record.id.clone()),
            cluster_name: self.record.name.clone(),
            hosts: Vec::new(),
            steps: Vec::new(),
            checks: self.checks(),
            warnings: Vec::new(),
            point_of_no_return: None,
            expected_seconds: 5,
            class: kind.class(),
            confirm: None,
            logins: self.logins(),
        }
    }

    /// How a person's ssh gets to the members' hosts; those that are up first, because etcdctl runs on the first.
    fn logins(&self) -> Vec<(HostId, crate::plan::Login)> {
        let mut seats: Vec<&Seat> = self.seats.iter().filter(|seat| seat.host.is_some()).collect();
        seats.sort_by_key(|seat| !(seat.standing.healthy && seat.reached.is_ok()));
        seats.iter().filter_map(|seat| seat.host.as_ref()).map(login).collect()
    }
}

/// What the rules say to a change of `roster`, as a check.
pub(crate) fn ruling(roster: &Roster, subject: &str, change: &Change, advice: &str) -> Check {
    let ruling = roster.judge(change);
    let (verdict, advice) = match (&ruling.refused, ruling.costs_the_spare()) {
        (Some(_), _) => (Verdict::Fail, advice),
        (None, true) => (Verdict::Warn, "After it the next loss stops writes: add a member soon, or before"),
        (None, false) => (Verdict::Pass, ""),
    };
    let words = ruling.words();
    Check::new("quorum", subject, verdict, ruling.refused.unwrap_or(words), advice)
}

/// What the console keeps of a cluster.
///
/// # Errors
/// No such cluster, at the field `cluster`; or the store failed.
pub(crate) async fn record(planner: &Planner, id: &ClusterId) -> Result<ClusterRecord, PlanError> {
    let record = planner.inventory.cluster(id).await?;
    record.ok_or_else(|| PlanError::field("cluster", format!("There is no cluster {id}")))
}

/// Where the console expects a listed member: by its peer URL, or else by its name.
fn record_of<'r>(record: &'r ClusterRecord, listed: &ListedMember) -> Option<&'r ClusterMemberRecord> {
    let by_url = record.members.iter().find(|m| listed.peer_urls.contains(&m.peer_url));
    by_url.or_else(|| record.members.iter().find(|m| m.name == listed.name))
}

async fn seat(
    planner: &Planner,
    listed: ListedMember,
    standing: Standing,
    record: Option<ClusterMemberRecord>,
) -> Result<Seat, PlanError> {
    let host = match &record {
        Some(record) => planner.host_of(record).await?,
        None => None,
    };
    let conf_ownership = accounts::own(0o644);
    let mut seat =
        Seat { listed, standing, record, host, reached: Ok(()), connection: None, conf: None, conf_ownership };
    let layout = seat.layout();
    let found = match &seat.host {
        Some(host) => match planner.connect(&host.id, &host.name).await {
            Ok(connection) => conf_of(&connection, &layout.conf).await.map(|conf| (connection, conf)),
            Err(error) => Err(error.to_string()),
        },
        None => Err("the console does not know its host".into()),
    };
    match found {
        Ok((connection, conf)) => {
            seat.connection = Some(connection);
            if let Some((text, ownership)) = conf {
                (seat.conf, seat.conf_ownership) = (Some(text), ownership);
            }
            seat.reached = layout.steerable();
        }
        Err(why) => seat.reached = Err(why),
    }
    Ok(seat)
}

/// The configuration at `path` with its owner; none when there is none.
pub(crate) async fn conf_of(host: &Host, path: &str) -> Result<Option<(String, Ownership)>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let ask = async |argv: &[&str]| {
        let command = Command::new(argv.iter().copied()).root().deadline(DEADLINE).cap(CONF_MAX);
        host.run(command).await.map_err(|error| error.to_string())
    };
    let text = ask(&["cat", "--", path]).await?;
    let owner = ask(&["stat", "--format=%U %G %a", "--", path]).await?;
    let found = (text.status == 0 && owner.status == 0).then(|| (text.text().into_owned(), owned(&owner.text())));
    Ok(found)
}

/// Reads `owner group mode`.
fn owned(text: &str) -> Ownership {
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or(accounts::USER).to_owned();
    let (owner, group) = (word(), word());
    let mode = u32::from_str_radix(&word(), 8).unwrap_or(0o644);
    Ownership { owner, group, mode }
}
