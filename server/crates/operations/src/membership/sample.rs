//! Clusters as plans of tests find them.

use super::{Scene, Seat};
use crate::{
    effect::{ClusterTarget, MemberTarget},
    kinds::install_cluster::tests::host,
    observe::Observed,
    steps::accounts,
};
use quorate_domain::{
    ClusterId, MemberId, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord, Layout, MemberRole, MemberStatus, Reach, Scheme},
    quorum::{Roster, Standing},
    version::Version,
    wide::Wide,
};
use quorate_etcd::{ListedMember, MemberList, StatusReply};
use std::collections::BTreeMap;

/// `lab1` … `labN`, all voters, of which `down` neither answer nor have a host that does; the first that is up leads.
pub(crate) fn scene(size: u8, down: &[u8]) -> Scene {
    let seats: Vec<Seat> = (1..=size).map(|n| seat(n, !down.contains(&n))).collect();
    let leader = seats.iter().find(|seat| seat.standing.healthy).map(|seat| seat.listed.id);
    let standing = seats.iter().map(|seat| seat.standing.clone()).collect();
    let roster = Roster { members: standing, leader, adds_need_all: true };
    let list = MemberList { cluster_id: 7, members: seats.iter().map(|seat| seat.listed.clone()).collect() };
    let seen = Observed {
        list,
        answers: BTreeMap::new(),
        roster: roster.clone(),
        silent: BTreeMap::new(),
        places: BTreeMap::new(),
    };
    let record = ClusterRecord {
        id: ClusterId::from_random([9; 10]),
        name: "demo".into(),
        scheme: Scheme::Http,
        reach: Reach::Direct,
        version: Version::new(3, 5, 16),
        token: "demo-1".into(),
        quota: (2 << 30).into(),
        members: seats.iter().filter_map(|seat| seat.record.clone()).collect(),
        created_at: Timestamp(0),
        adopted: false,
        access: None,
    };
    Scene { record, seats, roster, seen: Ok(seen), gone: Vec::new() }
}

/// The same with all up, of which the last is a learner; all say that they run this version.
pub(crate) fn learner(size: u8, version: &str) -> Scene {
    let mut scene = scene(size, &[]);
    if let Some(seat) = scene.seats.last_mut() {
        (seat.listed.is_learner, seat.standing.role) = (true, MemberRole::Learner);
    }
    scene.roster.members = scene.seats.iter().map(|seat| seat.standing.clone()).collect();
    if let Ok(seen) = &mut scene.seen {
        seen.list.members = scene.seats.iter().map(|seat| seat.listed.clone()).collect();
        seen.roster = scene.roster.clone();
        let answer = |m: &ListedMember| (m.id, status(m, scene.roster.leader, version));
        seen.answers = seen.list.members.iter().map(answer).collect();
    }
    scene
}

fn status(member: &ListedMember, leader: Option<MemberId>, version: &str) -> StatusReply {
    let status = MemberStatus {
        version: version.into(),
        db_size: Wide(0),
        db_size_in_use: Wide(0),
        leader,
        raft_term: Wide(1),
        raft_index: Wide(1),
        raft_applied: Wide(1),
        revision: Wide(1),
        errors: Vec::new(),
        answer_micros: 1,
    };
    StatusReply { member_id: member.id, cluster_id: 7, is_learner: member.is_learner, status, quota: None }
}

fn seat(n: u8, up: bool) -> Seat {
    let (name, url) = (format!("lab{n}"), |port: u16| format!("http://10.77.0.1{n}:{port}"));
    let conf = "name: 'x'\ninitial-cluster-state: 'existing'\ninitial-cluster: 'lab1=http://10.77.0.11:2380'\n";
    Seat {
        listed: ListedMember {
            id: MemberId(n.into()),
            name: name.clone(),
            peer_urls: vec![url(2380)],
            client_urls: vec![url(2379)],
            is_learner: false,
        },
        standing: Standing { id: MemberId(n.into()), name: name.clone(), role: MemberRole::Voter, healthy: up },
        record: Some(ClusterMemberRecord {
            name,
            host: Some(host(n).id),
            client_url: url(2379),
            peer_url: url(2380),
            data_dir: "/var/lib/etcd".into(),
            layout: Layout::default(),
        }),
        host: Some(host(n)),
        reached: if up { Ok(()) } else { Err("no route to the host".into()) },
        connection: None,
        conf: up.then(|| conf.to_owned()),
        conf_ownership: accounts::own(0o644),
    }
}

/// Names of the members of a target.
pub(crate) fn names(target: &ClusterTarget) -> Vec<&str> {
    target.members.iter().map(|m: &MemberTarget| m.name.as_str()).collect()
}
