//! Who is in a cluster and how they are, asked right now. Invariant: a list counts only when a majority confirmed it and
//! every member that could confirm one says the same; who is healthy is seen, never remembered. What may be done then is
//! `domain::quorum`'s to say. Both plans and every step that changes members look through here.

use crate::{
    context::Planner,
    effect::{ClusterTarget, MemberRef, MemberTarget},
    error::OperationError,
};
use futures::future::join_all;
use quorate_domain::{
    HostId, MemberId,
    cluster::{ClusterMemberRecord, MemberRole, Reach},
    host::HostSummary,
    names::split_url,
    quorum::{Roster, Standing},
    version::Version,
};
use quorate_etcd::{Access, Consistency, ListedMember, MemberClient, MemberEndpoint, MemberList, StatusReply, Via};
use quorate_store::StoreError;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// What one member may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// What the way to it may take: a host that is gone must not hold up what the others say.
const WAY: Duration = Duration::from_secs(5);

/// Where a member listens that is not open to clients.
pub(crate) const LOOPBACK: &str = "127.0.0.1";

/// A cluster as its members say it is at one moment.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The confirmed members.
    pub list: MemberList,
    /// What each that answered said of itself.
    pub answers: BTreeMap<MemberId, StatusReply>,
    /// Votes, health, leader.
    pub roster: Roster,
    /// Why the others did not answer.
    pub silent: BTreeMap<MemberId, String>,
    /// Where each that answered was asked.
    pub places: BTreeMap<MemberId, MemberTarget>,
}

impl Observed {
    /// The listed member that `who` means.
    pub fn find(&self, who: &MemberRef) -> Option<&ListedMember> {
        self.list.members.iter().find(|listed| match who.id {
            Some(id) => listed.id == id,
            None => listed.peer_urls.contains(&who.peer_url),
        })
    }

    /// The leader's own answer.
    pub fn leader(&self) -> Option<&StatusReply> {
        self.answers.get(&self.roster.leader?)
    }

    /// Whether a learner stays one when its peer URL is updated: every member does the update for itself, so all versions
    /// count, and one that is not known counts as bad.
    pub fn updates_learners_safely(&self) -> bool {
        let safe = |s: &StatusReply| s.status.version.parse::<Version>().is_ok_and(Version::updates_learners_safely);
        self.list.members.iter().all(|m| self.answers.get(&m.id).is_some_and(safe))
    }

    /// Raft entries that `id` has not applied and the leader has; none when either is silent.
    pub fn lag(&self, id: MemberId) -> Option<(u64, u64)> {
        let leader = self.leader()?.status.raft_index.0;
        let own = self.answers.get(&id)?.status.raft_applied.0;
        Some((leader.saturating_sub(own), leader))
    }
}

/// One configured member's answers.
struct Answer {
    status: Result<StatusReply, String>,
    list: Result<MemberList, String>,
}

impl Planner {
    /// The client of one member, over the cluster's way to it.
    ///
    /// # Errors
    /// In words: no way to its host, or a URL that is none.
    pub async fn client(&self, cluster: &ClusterTarget, member: &MemberTarget) -> Result<MemberClient, String> {
        let via = match (cluster.reach, &member.host) {
            (Reach::Direct, _) if !member.loopback => Via::Direct,
            (_, None) => return Err("the console knows no host for it to go through".into()),
            (_, Some(host)) => {
                let host = self.connect(host, &member.name).await.map_err(|e| e.to_string())?;
                let (address, port) = split_url(&member.client_url)?;
                let address = if member.loopback { LOOPBACK.to_owned() } else { address };
                Via::Unix(host.tunnel(&address, port).await.map_err(|e| e.to_string())?)
            }
        };
        let access = match &cluster.access {
            Some(id) => self.inventory.access(id).await?,
            None => Access::default(),
        };
        let endpoint = MemberEndpoint { url: member.client_url.clone(), via, access };
        MemberClient::connect(&endpoint).map_err(|e| e.to_string())
    }

    /// The row of a member's host; none when the console does not know it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn host_of(&self, member: &ClusterMemberRecord) -> Result<Option<HostSummary>, StoreError> {
        match &member.host {
            Some(host) => self.inventory.host(host).await,
            None => Ok(None),
        }
    }

    /// Connects to a host, and notes a host key that has changed.
    ///
    /// # Errors
    /// Why it cannot be worked on.
    pub async fn connect(
        &self,
        id: &HostId,
        name: &str,
    ) -> Result<std::sync::Arc<quorate_remote::Host>, OperationError> {
        let target = self.inventory.target(id).await;
        let target = target.map_err(|why| OperationError::Inventory { host: name.to_owned(), why })?;
        self.hosts.host(&target).await.map_err(|source| {
            if matches!(source, quorate_remote::RemoteError::HostKeyChanged { .. }) {
                self.inventory.key_changed(id);
            }
            OperationError::Host { host: name.to_owned(), source }
        })
    }

    /// Asks every member of `cluster` for its state and for a list that a majority confirms.
    ///
    /// # Errors
    /// In words: nobody confirms a list (no quorum, or nobody is reached), or the lists differ.
    pub async fn observe(&self, cluster: &ClusterTarget) -> Result<Observed, String> {
        let answers = join_all(cluster.members.iter().map(|member| self.ask(cluster, member))).await;
        let list = agreed(cluster, &answers)?;
        let mut known = by_member(cluster, &list, answers);
        let (mut seen, mut places) = (Vec::new(), BTreeMap::new());
        for listed in &list.members {
            let (place, answer) = match known.remove(&listed.id) {
                Some(found) => found,
                None => (stranger(listed), self.ask_stranger(cluster, listed).await),
            };
            if answer.status.is_ok() {
                places.insert(listed.id, place);
            }
            seen.push((listed.clone(), answer));
        }
        Ok(Observed { places, ..observed(list, seen) })
    }

    async fn ask(&self, cluster: &ClusterTarget, member: &MemberTarget) -> Answer {
        let way = timeout(WAY, self.client(cluster, member)).await;
        let client = match way.unwrap_or_else(|_| Err(format!("no way to its host within {} s", WAY.as_secs()))) {
            Ok(client) => client,
            Err(why) => return Answer { status: Err(why.clone()), list: Err(why) },
        };
        let (status, list) = tokio::join!(client.status(DEADLINE), client.members(Consistency::Linearizable, DEADLINE));
        Answer { status: status.map_err(|e| e.to_string()), list: list.map_err(|e| e.to_string()) }
    }

    /// A member that somebody else added: it is asked at what it advertises, where that can be reached.
    async fn ask_stranger(&self, cluster: &ClusterTarget, listed: &ListedMember) -> Answer {
        let why = match (cluster.reach, listed.client_urls.first()) {
            (Reach::Direct, Some(_)) => return self.ask(cluster, &stranger(listed)).await,
            (_, None) => "it has not started yet",
            (Reach::Ssh, _) => "the console knows no host for it to go through",
        };
        Answer { status: Err(why.into()), list: Err(why.into()) }
    }
}

/// Whose answers these are. A member says so itself; one that is silent is the one that is expected there by its peer URL. A
/// member that moves can be expected in two places: where it answers counts.
fn by_member(
    cluster: &ClusterTarget,
    list: &MemberList,
    answers: Vec<Answer>,
) -> BTreeMap<MemberId, (MemberTarget, Answer)> {
    let mut known = BTreeMap::new();
    for (member, answer) in cluster.members.iter().zip(answers) {
        let said = answer.status.as_ref().ok().map(|status| status.member_id);
        let listed = list.members.iter().find(|m| Some(m.id) == said);
        let listed = listed.or_else(|| list.members.iter().find(|m| m.peer_urls.contains(&member.peer_url)));
        let Some(listed) = listed else { continue };
        if answer.status.is_ok() || !known.contains_key(&listed.id) {
            known.insert(listed.id, (member.clone(), answer));
        }
    }
    known
}

/// A member whose host the console does not know, where it says by itself; of use only where it is reached directly.
pub(crate) fn stranger(listed: &ListedMember) -> MemberTarget {
    MemberTarget {
        name: listed.name.clone(),
        host: None,
        client_url: listed.client_urls.first().cloned().unwrap_or_default(),
        peer_url: listed.peer_urls.first().cloned().unwrap_or_default(),
        loopback: false,
    }
}

/// The list that every member which could confirm one agrees on.
fn agreed(cluster: &ClusterTarget, answers: &[Answer]) -> Result<MemberList, String> {
    let mut lists = cluster.members.iter().zip(answers).filter_map(|(m, a)| Some((m, a.list.as_ref().ok()?)));
    let Some((first, list)) = lists.next() else {
        let why = cluster.members.iter().zip(answers).filter_map(|(m, a)| Some((m, a.list.as_ref().err()?)));
        let why: Vec<String> = why.map(|(m, why)| format!("{}: {why}", m.name)).collect();
        return Err(format!("No member confirms who is in the cluster, so nothing is changed ({})", why.join("; ")));
    };
    match lists.find(|(_, other)| !list.same_membership(other)) {
        None => Ok(list.clone()),
        Some((other, _)) => Err(format!(
            "{} and {} do not agree on who is in the cluster; wait until they do, and look at their clocks and logs if they do not",
            first.name, other.name
        )),
    }
}

fn observed(list: MemberList, seen: Vec<(ListedMember, Answer)>) -> Observed {
    // The leader in the newest term that a member names.
    let newest = seen.iter().filter_map(|(_, a)| a.status.as_ref().ok());
    let leader = newest
        .filter(|s| s.cluster_id == list.cluster_id)
        .filter_map(|s| Some((s.status.raft_term.0, s.status.leader?)))
        .max()
        .map(|(_, leader)| leader);
    let mut roster = Roster { members: Vec::new(), leader, adds_need_all: false };
    let (mut answers, mut silent) = (BTreeMap::new(), BTreeMap::new());
    for (listed, answer) in seen {
        let role = if listed.is_learner { MemberRole::Learner } else { MemberRole::Voter };
        // A learner answers no list; a voter that cannot confirm one is cut off from the majority.
        let confirms = answer.list.is_ok() || listed.is_learner;
        let healthy = confirms
            && answer.status.as_ref().is_ok_and(|s| {
                s.cluster_id == list.cluster_id
                    && s.member_id == listed.id
                    && leader.is_some()
                    && s.status.leader == leader
            });
        roster.members.push(Standing { id: listed.id, name: listed.name, role, healthy });
        match answer.status {
            Ok(status) => {
                let old = status.status.version.parse::<Version>().is_ok_and(Version::adds_need_all_voters);
                roster.adds_need_all |= old;
                answers.insert(listed.id, status);
            }
            Err(why) => {
                silent.insert(listed.id, why);
            }
        }
    }
    Observed { list, answers, roster, silent, places: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{cluster::MemberStatus, wide::Wide};

    fn listed(id: u64, learner: bool) -> ListedMember {
        ListedMember {
            id: MemberId(id),
            name: format!("m{id}"),
            peer_urls: vec![format!("http://10.0.0.{id}:2380")],
            client_urls: Vec::new(),
            is_learner: learner,
        }
    }

    fn status(id: u64, leader: u64, term: u64, applied: u64) -> StatusReply {
        StatusReply {
            member_id: MemberId(id),
            cluster_id: 7,
            is_learner: false,
            status: MemberStatus {
                version: "3.5.16".into(),
                db_size: Wide(0),
                db_size_in_use: Wide(0),
                leader: Some(MemberId(leader)),
                raft_term: Wide(term),
                raft_index: Wide(applied),
                raft_applied: Wide(applied),
                revision: Wide(1),
                errors: Vec::new(),
                answer_micros: 1,
            },
            quota: None,
        }
    }

    fn list(members: Vec<ListedMember>) -> MemberList {
        MemberList { cluster_id: 7, members }
    }

    #[test]
    fn health_is_an_answer_a_confirmed_list_and_the_same_leader() {
        let whole = list(vec![listed(1, false), listed(2, false), listed(3, false), listed(4, true)]);
        let answer = |status, confirms: bool| Answer {
            status: Ok(status),
            list: if confirms { Ok(whole.clone()) } else { Err("no answer within 2 s".into()) },
        };
        let seen = vec![
            (listed(1, false), answer(status(1, 1, 5, 900), true)),
            (listed(2, false), answer(status(2, 1, 5, 900), true)),
            // Cut off from the others: it answers with an old term, and confirms nothing.
            (listed(3, false), answer(status(3, 3, 4, 200), false)),
            (listed(4, true), answer(status(4, 1, 5, 700), false)),
        ];
        let seen = observed(whole, seen);
        let healthy: Vec<bool> = seen.roster.members.iter().map(|m| m.healthy).collect();
        assert_eq!(healthy, [true, true, false, true]);
        assert_eq!((seen.roster.leader, seen.roster.adds_need_all), (Some(MemberId(1)), true));
        assert_eq!(seen.lag(MemberId(4)), Some((200, 900)));
        let by = |id, url: &str| MemberRef { name: String::new(), id, peer_url: url.into(), client_url: String::new() };
        assert_eq!(seen.find(&by(None, "http://10.0.0.4:2380")).map(|m| m.id), Some(MemberId(4)));
        assert_eq!(seen.find(&by(Some(MemberId(9)), "http://10.0.0.4:2380")), None, "the id counts before the URL");
    }

    #[test]
    fn lists_that_differ_are_no_list_and_neither_is_silence() {
        let member = |n: u8| MemberTarget {
            name: format!("m{n}"),
            host: Some(HostId::from_random([n; 10])),
            client_url: String::new(),
            peer_url: format!("http://10.0.0.{n}:2380"),
            loopback: false,
        };
        let cluster = ClusterTarget {
            name: "demo".into(),
            reach: Reach::Direct,
            access: None,
            members: vec![member(1), member(2)],
        };
        let with =
            |list: Result<MemberList, &str>| Answer { status: Err(String::new()), list: list.map_err(str::to_owned) };
        let two = list(vec![listed(1, false), listed(2, false)]);
        let differ = [with(Ok(two.clone())), with(Ok(list(vec![listed(1, false)])))];
        assert!(agreed(&cluster, &differ).expect_err("differ").contains("m1 and m2 do not agree"));
        let one = [with(Err("no route to the host")), with(Ok(two.clone()))];
        assert_eq!(agreed(&cluster, &one).as_ref(), Ok(&two));
        let none = [with(Err("a")), with(Err("b"))];
        assert!(agreed(&cluster, &none).expect_err("silent").contains("m1: a; m2: b"));
    }

    #[test]
    fn a_member_that_moves_is_the_one_that_answers_and_silence_is_of_whom_is_expected() {
        let member = |peer: &str, client: &str| MemberTarget {
            name: "m1".into(),
            host: Some(HostId::from_random([1; 10])),
            client_url: client.into(),
            peer_url: peer.into(),
            loopback: false,
        };
        let (old, new) = (member("http://10.0.0.1:2380", "old"), member("http://10.0.0.1:2390", "new"));
        let cluster = |members: [&MemberTarget; 2]| ClusterTarget {
            name: "demo".into(),
            reach: Reach::Ssh,
            access: None,
            members: members.into_iter().cloned().collect(),
        };
        let list = list(vec![listed(1, false), listed(2, false)]);
        let up = || Answer { status: Ok(status(1, 1, 5, 9)), list: Ok(list.clone()) };
        let down = || Answer { status: Err("refused".into()), list: Err("refused".into()) };
        let at = |members: [&MemberTarget; 2], answers: [Answer; 2]| -> Option<(String, bool)> {
            let found = by_member(&cluster(members), &list, answers.into_iter().collect());
            assert!(!found.contains_key(&MemberId(2)));
            found.get(&MemberId(1)).map(|(place, answer)| (place.client_url.clone(), answer.status.is_ok()))
        };
        assert_eq!(at([&old, &new], [up(), down()]), Some(("old".into(), true)));
        assert_eq!(at([&old, &new], [down(), up()]), Some(("new".into(), true)), "found by its id");
        assert_eq!(at([&new, &old], [up(), down()]), Some(("new".into(), true)));
        assert_eq!(at([&old, &new], [down(), down()]), Some(("old".into(), false)));
        assert_eq!(at([&new, &new], [down(), down()]), None);
    }
}
