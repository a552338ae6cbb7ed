//! A live picture for tests of who is asked: three voters, of whom the first leads.

use quorate_domain::{
    ClusterId, MemberId, Timestamp,
    cluster::{ClusterView, MemberRole, MemberStatus, MemberView, Reach, Reachability, Scheme},
    quorum::Tolerance,
    wide::Wide,
};

/// A voter that answers and has applied so many of 10,000 entries.
pub(crate) fn member(id: u64, applied: u64) -> MemberView {
    let status = MemberStatus {
        version: "3.5.16".into(),
        db_size: Wide(4096),
        db_size_in_use: Wide(4096),
        leader: Some(MemberId(1)),
        raft_term: Wide(2),
        raft_index: Wide(10_000),
        raft_applied: Wide(applied),
        revision: Wide(5),
        errors: Vec::new(),
        answer_micros: 1,
    };
    MemberView {
        id: MemberId(id),
        name: format!("m{id}"),
        role: MemberRole::Voter,
        peer_urls: Vec::new(),
        client_urls: vec![format!("http://10.0.0.{id}:2379")],
        host: None,
        reachability: Reachability::Answering,
        status: Some(status),
        last_seen: Some(Timestamp(1)),
        unit: None,
    }
}

/// A cluster of these.
pub(crate) fn view(members: Vec<MemberView>) -> ClusterView {
    ClusterView {
        id: ClusterId::from_random([1; 10]),
        name: "demo".into(),
        seq: Wide(1),
        taken_at: Timestamp(1),
        scheme: Scheme::Http,
        reach: Reach::Direct,
        cluster_id_hex: None,
        members,
        leader: Some(MemberId(1)),
        tolerance: Tolerance { voters: 3, healthy: 3, quorum: 2 },
        alarms: Vec::new(),
        quota: None,
        no_quorum_since: None,
        operation: None,
        tick_millis: 1000,
    }
}
