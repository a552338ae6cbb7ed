//! Values for unit tests of this crate. Invariant: compiled for tests only.

use quorate_domain::{
    ClusterId, HostId, HostTaskId, MemberId, OperationId, SnapshotId, Timestamp, VaultId,
    cluster::{ClusterView, MemberRole, MemberStatus, MemberView, Reach, Reachability, Scheme},
    host::{Contact, Elevation, HostSummary, Trust},
    host_task::HostTask,
    journal::{JournalLine, LineLevel, MemberJournal},
    keys::{Form, IndexState, Key, KeyChange, KeyEntry, KeyMeta, KeyPage, Source, ValueView},
    operation::{OperationState, OperationSummary},
    plan::{Check, DiffChange, DiffLine, EffectView, OperationClass, PlanStep, PlanView, Verdict},
    quorum::Tolerance,
    snapshots::{Content, Origin, Snapshot, SnapshotState},
    version::Version,
    wide::Wide,
};

/// A good snapshot of the cluster `demo`.
pub(crate) fn snapshot() -> Snapshot {
    Snapshot {
        id: SnapshotId::from_random([4; 10]),
        vault: VaultId::from_random([5; 10]),
        cluster: Some(ClusterId::from_random([1; 10])),
        cluster_name: "demo".into(),
        name: "20261123-181702-demo-etcd-backup.db".into(),
        state: SnapshotState::Good,
        at: Timestamp(5),
        actor: "anna".into(),
        origin: Origin::Operation { operation: OperationId::from_random([2; 10]) },
        member: "lab2".into(),
        etcd_cluster: "cafe".into(),
        version: Some(Version::new(3, 5, 16)),
        revision: Some(Wide(u64::MAX)),
        bytes: Wide(8224),
        expected: Wide(8224),
        sha256: "ab".repeat(32),
        sealed_by_etcd: Some(true),
        content: Some(Content { keys: Wide(3), digest: "cd".repeat(32) }),
        encrypted: false,
        protected: true,
        problem: String::new(),
    }
}

/// What is known of a key that was written once, at revision 5.
pub(crate) fn key_meta() -> KeyMeta {
    let once = Wide(5);
    KeyMeta {
        create_revision: once,
        mod_revision: once,
        version: Wide(1),
        lease: None,
        size: Some(Wide(10)),
        changed_at: None,
    }
}

/// A key in a list.
pub(crate) fn key_entry(name: &str) -> KeyEntry {
    KeyEntry { name: Key::raw(name), meta: Some(key_meta()), keys: None }
}

/// A folder in a list.
pub(crate) fn key_folder(name: &str, keys: u64) -> KeyEntry {
    KeyEntry { name: Key::raw(name), meta: None, keys: Some(Wide(keys)) }
}

/// A page of keys at revision 9.
pub(crate) fn key_page(entries: Vec<KeyEntry>, next: Option<&str>) -> KeyPage {
    KeyPage {
        source: Source::Index,
        revision: Wide(9),
        keys: Some(Wide(entries.len() as u64)),
        entries,
        next: next.map(Key::raw),
        note: String::new(),
        index: IndexState::default(),
    }
}

/// A value as text.
pub(crate) fn key_value(name: &str, text: &str) -> ValueView {
    ValueView {
        key: Key::raw(name),
        meta: key_meta(),
        revision: Wide(9),
        ttl: None,
        detected: Form::Text,
        forms: vec![Form::Text, Form::Hex, Form::Base64],
        form: Form::Text,
        text: text.into(),
        tree: Vec::new(),
        cut: false,
        masked: false,
        gzip: false,
        is_text: true,
        kubernetes: None,
    }
}

/// A change of a key.
pub(crate) fn key_change(name: &str, revision: u64) -> KeyChange {
    KeyChange {
        key: Key::raw(name),
        revision: Wide(revision),
        deleted: false,
        meta: key_meta(),
        text: format!("value {revision}"),
        before: None,
    }
}

/// A cluster of `voters`, of which the first `healthy` answer.
pub(crate) fn view(name: &str, voters: u8, healthy: u8) -> ClusterView {
    ClusterView {
        id: ClusterId::from_random([name.len() as u8; 10]),
        name: name.into(),
        seq: 7.into(),
        taken_at: Timestamp(1_700_000_000_000),
        scheme: Scheme::Http,
        reach: Reach::Direct,
        cluster_id_hex: None,
        members: (1..=voters).map(|n| member(n, n <= healthy)).collect(),
        leader: (healthy * 2 > voters).then_some(MemberId(1)),
        tolerance: Tolerance::of(voters.into(), healthy.into()),
        alarms: Vec::new(),
        quota: Some((2 << 30).into()),
        no_quorum_since: None,
        operation: None,
        tick_millis: 1000,
    }
}

/// What the removal of the third of three left on its host.
pub(crate) fn host_task() -> HostTask {
    HostTask {
        id: HostTaskId::from_random([1; 10]),
        host: HostId::from_random([3; 10]),
        host_name: "lab3".into(),
        cluster: ClusterId::from_random([4; 10]),
        cluster_name: "demo".into(),
        member: "lab3".into(),
        peer_url: "http://10.77.0.13:2380".into(),
        data_dir: "/var/lib/etcd".into(),
        layout: Default::default(),
        cluster_token: String::new(),
        token: "tok".into(),
        left_by: OperationId::from_random([5; 10]),
        attempt: None,
        problem: String::new(),
        created_at: Timestamp(1_700_000_000_000),
    }
}

fn member(n: u8, answers: bool) -> MemberView {
    let since = Timestamp(1_700_000_000_000);
    MemberView {
        id: MemberId(n.into()),
        name: format!("lab{n}"),
        role: MemberRole::Voter,
        peer_urls: vec![format!("http://10.77.0.1{n}:2380")],
        client_urls: vec![format!("http://10.77.0.1{n}:2379")],
        host: None,
        reachability: if answers {
            Reachability::Answering
        } else {
            Reachability::Unreachable { since, reason: "no answer in 1 s".into() }
        },
        status: Some(MemberStatus {
            version: "3.5.16".into(),
            db_size: (18 << 20).into(),
            db_size_in_use: (9 << 20).into(),
            leader: Some(MemberId(1)),
            raft_term: 19.into(),
            raft_index: 1923.into(),
            raft_applied: 1923.into(),
            revision: 19_204.into(),
            errors: Vec::new(),
            answer_micros: 2500,
        }),
        last_seen: Some(since),
        unit: None,
    }
}

/// What `member` logged at these moments.
pub(crate) fn journal(member: &str, at: &[i64]) -> MemberJournal {
    let line = |at: &i64| JournalLine {
        at: Timestamp(*at),
        level: LineLevel::Warn,
        text: format!("{member} at {at}"),
        fields: "took=1.2s".into(),
        explanation: None,
    };
    MemberJournal {
        member: member.into(),
        host: Some(HostId::from_random([3; 10])),
        lines: at.iter().map(line).collect(),
        cursor: None,
        problem: None,
    }
}

/// A host that was trusted, without facts.
pub(crate) fn host(n: u8) -> HostSummary {
    HostSummary {
        id: HostId::from_random([n; 10]),
        name: format!("lab{n}"),
        address: format!("10.77.0.1{n}"),
        port: 22,
        user: "root".into(),
        elevation: Elevation::Root,
        has_password: false,
        trust: Trust::Trusted { keys: Vec::new() },
        contact: Contact::Ok { at: Timestamp(0) },
        facts: None,
        cluster: None,
        operation: None,
        created_at: Timestamp(0),
    }
}

/// A running install.
pub(crate) fn operation(n: u8) -> OperationSummary {
    OperationSummary {
        id: OperationId::from_random([n; 10]),
        kind: "install_cluster".into(),
        title: "Install demo".into(),
        state: OperationState::Running,
        cluster: None,
        actor: "anna".into(),
        started_at: Timestamp(0),
        updated_at: Timestamp(10),
        steps_done: 1,
        steps_total: 9,
        current: "start etcd".into(),
        reason: "lab2 does not answer".into(),
        soaked: None,
    }
}

/// A plan of two steps, the second of which may be skipped.
pub(crate) fn plan() -> PlanView {
    let step = |index, skippable| PlanStep {
        index,
        key: format!("s{index}"),
        title: "Write files".into(),
        targets: vec!["lab1".into()],
        effects: vec![
            EffectView::Run { host: "lab1".into(), command: "true".into(), unless: String::new() },
            EffectView::PutFile {
                host: "lab1".into(),
                path: "/etc/x".into(),
                ownership: "root:root 0644".into(),
                diff: vec![DiffLine { change: DiffChange::Added, text: "x".into() }],
            },
        ],
        undo: Vec::new(),
        skippable,
    };
    let check = Check {
        name: "arch".into(),
        subject: "lab1".into(),
        verdict: Verdict::Warn,
        answer: "x86_64".into(),
        advice: "Look".into(),
    };
    PlanView {
        kind: "install_cluster".into(),
        title: "Install demo".into(),
        digest: "7f3a".into(),
        params: serde_json::json!({"name": "demo", "members": [{"host": "h-1"}]}),
        steps: vec![step(0, false), step(1, true)],
        checks: vec![check],
        warnings: vec!["Plain http".into()],
        point_of_no_return: Some(1),
        expected_seconds: 6,
        runbook: "#!/bin/bash\n".into(),
        class: OperationClass::Dangerous,
        confirm: None,
    }
}
