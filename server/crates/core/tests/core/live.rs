//! Live status over real etcd processes. Invariant: nothing here asserts how long a thing took, only that views and
//! events become right, and stay whole on the way.

use crate::orders;
use async_trait::async_trait;
use quorate_core::{
    clock::SystemClock,
    live::{DirectEndpoints, Endpoints, EventSink, Live, LiveSubscription, MemberAddress, NewEvent},
};
use quorate_domain::{
    ClusterId, HostId, MemberId, OperationId, Timestamp,
    cluster::{
        ClusterEvent, ClusterEventKind as Kind, ClusterRecord, ClusterView, HealthLevel, MemberRole, MemberView,
        Reachability, UnitState,
    },
    live::LiveMessage,
};
use quorate_etcd::MemberEndpoint;
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE, VERSION},
    until::{until, until_some},
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use tokio_util::sync::CancellationToken;

/// Keeps events in memory, after refusing as often as it is told to.
#[derive(Default)]
struct Memory {
    events: Mutex<Vec<ClusterEvent>>,
    refusals: AtomicU32,
}

#[async_trait]
impl EventSink for Memory {
    async fn keep(&self, cluster: &ClusterId, at: Timestamp, events: &[NewEvent]) -> Result<Vec<ClusterEvent>, String> {
        let less = |n: u32| n.checked_sub(1);
        if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            return Err("busy".into());
        }
        let mut kept = self.events.lock().expect("lock");
        let first = kept.len();
        for (seq, event) in (1..).skip(first).zip(events) {
            kept.push(ClusterEvent { seq, cluster: cluster.clone(), at, kind: event.kind, text: event.text.clone() });
        }
        Ok(kept[first..].to_vec())
    }
}

/// A real cluster and a console half that watches it.
struct Theatre {
    etcd: EtcdCluster,
    live: Live,
    memory: Arc<Memory>,
    id: ClusterId,
}

impl Theatre {
    async fn open(size: usize) -> Self {
        let etcd = EtcdCluster::start(size).await;
        let memory = Arc::new(Memory::default());
        let live = Live::new("1.2.3", Arc::new(SystemClock), Arc::new(DirectEndpoints), memory.clone());
        let record = record(&etcd);
        let id = record.id.clone();
        live.add(record);
        let theatre = Self { etcd, live, memory, id };
        theatre.view("everybody is seen", |v| v.cluster_id_hex.is_some() && well(v, size)).await;
        theatre
    }

    fn now(&self) -> Arc<ClusterView> {
        self.live.view(&self.id).expect("a view")
    }

    async fn view(&self, what: &str, right: impl Fn(&ClusterView) -> bool) -> Arc<ClusterView> {
        until_some(PATIENCE, what, async || Some(self.now()).filter(|v| right(v))).await
    }

    fn events(&self, kind: Kind) -> Vec<ClusterEvent> {
        self.memory.events.lock().expect("lock").iter().filter(|e| e.kind == kind).cloned().collect()
    }

    async fn event(&self, kind: Kind) -> ClusterEvent {
        until_some(PATIENCE, &format!("{kind:?}"), async || self.events(kind).pop()).await
    }

    fn name(&self, i: usize) -> &str {
        self.etcd.member(i).name()
    }
}

/// As an install records it: with hosts.
fn record(etcd: &EtcdCluster) -> ClusterRecord {
    let mut record = ClusterRecord { adopted: false, ..orders::record(etcd) };
    record.members.iter_mut().enumerate().for_each(|(i, member)| member.host = Some(host(i)));
    record
}

fn host(i: usize) -> HostId {
    HostId::from_random([u8::try_from(i).expect("small"); 10])
}

fn well(view: &ClusterView, voters: usize) -> bool {
    view.health().level == HealthLevel::Healthy && view.tolerance.voters == voters
}

fn find<'a>(view: &'a ClusterView, name: &str) -> &'a MemberView {
    view.members.iter().find(|m| m.name == name).expect("a member of that name")
}

fn answers(view: &ClusterView, name: &str) -> bool {
    find(view, name).reachability == Reachability::Answering
}

async fn next_view(tab: &mut LiveSubscription) -> ClusterView {
    loop {
        match tab.next().await.expect("the stream goes on") {
            LiveMessage::Cluster { view } => return *view,
            _ => continue,
        }
    }
}

#[tokio::test]
async fn a_well_cluster_is_seen_whole_and_without_events() {
    let theatre = Theatre::open(3).await;
    let view = theatre.now();
    assert_eq!(view.health().text, "Healthy: 3 of 3 voters, can lose 1");
    assert_eq!(view.members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["m0", "m1", "m2"]);
    for (i, member) in view.members.iter().enumerate() {
        assert_eq!((member.id, member.host.clone()), (theatre.etcd.id(i).await, Some(host(i))));
        assert!(member.status.as_ref().is_some_and(|s| s.version == VERSION && s.revision.0 > 0));
    }
    assert_eq!(view.leader, theatre.etcd.status(0).await.expect("status").status.leader);
    assert_eq!(view.tick_millis, 5000, "nobody looks");
    assert_eq!(*theatre.memory.events.lock().expect("lock"), []);
    theatre.live.close().await;
}

#[tokio::test]
async fn a_killed_leader_is_replaced_in_the_views_and_told_once() {
    let mut theatre = Theatre::open(3).await;
    theatre.memory.refusals.store(1, Ordering::SeqCst);
    let old = theatre.etcd.leader_among(&[0, 1, 2]).await;
    let old_id = theatre.etcd.id(old).await;
    let (first, name) = (theatre.now(), theatre.name(old).to_owned());
    theatre.etcd.member_mut(old).kill();
    theatre.live.refresh(&theatre.id);

    let view = theatre.view("another leads", |v| v.leader.is_some_and(|id| id != old_id)).await;
    assert!(view.seq > first.seq && view.taken_at >= first.taken_at);
    assert_eq!(view.health().text, "At risk: 2 of 3 voters, the next loss stops writes");
    let lost = find(&view, &name);
    assert!(
        matches!(&lost.reachability, Reachability::Unreachable { reason, .. } if reason.contains("connection")),
        "{:?}",
        lost.reachability
    );
    assert!(lost.status.is_some() && lost.last_seen.is_some(), "what it said last is kept");
    assert_eq!(view.tick_millis, 250);

    theatre.etcd.member_mut(old).run();
    theatre.view("it is back", |v| well(v, 3)).await;
    theatre.event(Kind::MemberBack).await;
    let new = view.leader_member().expect("a leader").name.clone();
    let changed = theatre.events(Kind::LeaderChanged);
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].text.starts_with(&format!("{new} leads")), "{changed:?}");
    assert_eq!((theatre.events(Kind::MemberLost).len(), theatre.events(Kind::MemberBack).len()), (1, 1));
    assert_eq!((theatre.events(Kind::QuorumLost), theatre.events(Kind::MemberRemoved)), (vec![], vec![]));
}

#[tokio::test]
async fn an_isolated_leader_answers_and_does_not_win() {
    let theatre = Theatre::open(3).await;
    let old = theatre.etcd.leader_among(&[0, 1, 2]).await;
    let (old_id, name) = (theatre.etcd.id(old).await, theatre.name(old).to_owned());
    theatre.etcd.isolate(old).await;
    theatre.live.refresh(&theatre.id);
    let subscription = theatre.live.subscribe(CancellationToken::new());
    let view = theatre
        .view("the others chose another, and the old leader knows that it leads nobody", |v| {
            v.leader.is_some_and(|id| id != old_id)
                && answers(v, &name)
                && find(v, &name).status.as_ref().is_some_and(|s| s.leader.is_none())
        })
        .await;
    assert_eq!((view.tolerance.healthy, view.tolerance.has_quorum()), (2, true));
    theatre.etcd.heal(old);
    theatre.view("all follow one leader again", |v| v.tolerance.healthy == 3).await;
    drop(subscription);
}

#[tokio::test]
async fn a_frozen_member_does_not_hold_up_the_others() {
    let theatre = Theatre::open(3).await;
    let leader = theatre.etcd.leader_among(&[0, 1, 2]).await;
    let frozen = (leader + 1) % 3;
    let name = theatre.name(frozen).to_owned();
    let mut tab = theatre.live.subscribe(CancellationToken::new());
    theatre.etcd.member(frozen).pause();
    let mut last = 0;
    // Every view on the way is whole, newer than the one before, and keeps the leader.
    let view = loop {
        let view = next_view(&mut tab).await;
        assert!(view.seq.0 > last && view.members.len() == 3 && view.leader.is_some());
        last = view.seq.0;
        if !answers(&view, &name) {
            break view;
        }
    };
    let Reachability::Unreachable { reason, since } = &find(&view, &name).reachability else { panic!("answers") };
    assert_eq!(reason, "no answer within 1 s");
    assert!(*since <= view.taken_at);
    let later = theatre.view("views go on", |v| v.seq.0 > last + 3).await;
    assert!(
        matches!(&find(&later, &name).reachability, Reachability::Unreachable { since: s, .. } if s == since),
        "silent since the first missed tick"
    );
    theatre.etcd.member(frozen).resume();
    theatre.view("it answers again", |v| well(v, 3)).await;
    theatre.event(Kind::MemberBack).await;
}

#[tokio::test]
async fn a_lost_quorum_is_told_and_so_is_its_return() {
    let mut theatre = Theatre::open(3).await;
    theatre.etcd.member_mut(0).kill();
    theatre.etcd.member_mut(1).kill();
    theatre.live.refresh(&theatre.id);
    let view = theatre.view("no quorum", |v| v.health().level == HealthLevel::NoQuorum).await;
    assert!(view.no_quorum_since.is_some());
    theatre.view("the one left follows nobody", |v| v.leader.is_none() && answers(v, "m2")).await;
    theatre.event(Kind::QuorumLost).await;
    theatre.event(Kind::LeaderLost).await;
    theatre.etcd.member_mut(0).run();
    let view = theatre.view("quorum again", |v| v.tolerance.has_quorum() && v.leader.is_some()).await;
    assert_eq!(view.no_quorum_since, None);
    theatre.event(Kind::QuorumBack).await;
    theatre.event(Kind::LeaderChanged).await;
}

#[tokio::test]
async fn a_changed_member_list_is_adopted() {
    let mut theatre = Theatre::open(3).await;
    let _watching = theatre.live.subscribe(CancellationToken::new());
    let learner = theatre.etcd.add_learner(0).await;
    let view = theatre.view("the learner is listed", |v| v.members.len() == 4 && well(v, 3)).await;
    let (name, id) = (theatre.name(learner).to_owned(), theatre.etcd.id(learner).await);
    assert_eq!((find(&view, &name).role, find(&view, &name).id), (MemberRole::Learner, id));
    assert_eq!(theatre.events(Kind::MemberAdded).len(), 1);

    let remove = async |etcd: quorate_etcd::etcd_client::Client| Ok(etcd.cluster_client().member_remove(id.0).await?);
    theatre.etcd.client(0).call(CALL, remove).await.expect("remove");
    theatre.live.refresh(&theatre.id);
    theatre.view("it is gone", |v| v.members.len() == 3).await;
    let removed = theatre.event(Kind::MemberRemoved).await;
    assert_eq!(removed.text, format!("{name} was removed"));
}

#[tokio::test]
async fn a_wrong_record_is_corrected_by_the_members() {
    let etcd = EtcdCluster::start(3).await;
    let memory = Arc::new(Memory::default());
    let live = Live::new("1.2.3", Arc::new(SystemClock), Arc::new(DirectEndpoints), memory.clone());
    // An adopted cluster: the token is not known, so neither are the ids.
    let mut wrong = record(&etcd);
    wrong.token = "another".into();
    let id = wrong.id.clone();
    live.add(wrong);
    let first = live.view(&id).expect("a view at once");
    assert_eq!((first.members.len(), first.health().text.as_str()), (3, "Not seen yet"));
    until(PATIENCE, "the members tell who they are", async || live.view(&id).is_some_and(|v| well(&v, 3))).await;
    let mut expected: Vec<MemberId> = Vec::new();
    for i in 0..3 {
        expected.push(etcd.id(i).await);
    }
    assert_eq!(live.view(&id).expect("view").members.iter().map(|m| m.id).collect::<Vec<_>>(), expected);
    assert_eq!(*memory.events.lock().expect("lock"), [], "correcting a record is no event");
}

#[tokio::test]
async fn a_subscription_gets_the_whole_picture_first_and_again_after_lag() {
    let theatre = Theatre::open(1).await;
    let end = CancellationToken::new();
    let mut tab = theatre.live.subscribe(end.clone());
    assert!(matches!(tab.next().await, Some(LiveMessage::Hello { version }) if version == "1.2.3"));
    let first = next_view(&mut tab).await;
    theatre.view("somebody looks", |v| v.tick_millis == 1000).await;
    for _ in 0..1000 {
        theatre.live.tell(LiveMessage::HostChanged { host: host(9) });
    }
    let whole = next_view(&mut tab).await;
    assert!(whole.seq > first.seq && whole.seq <= theatre.now().seq);

    let operation = OperationId::from_random([1; 10]);
    let unit = UnitState { active: "active".into(), enabled: true, taken_at: Timestamp(1) };
    theatre.live.set_operation(&theatre.id, Some(operation.clone()));
    theatre.live.set_units(&theatre.id, [(host(0), unit.clone())]);
    loop {
        let view = next_view(&mut tab).await;
        if view.operation.as_ref() == Some(&operation) && view.members[0].unit.as_ref() == Some(&unit) {
            break;
        }
    }
    theatre.live.forget(&theatre.id);
    while !matches!(tab.next().await, Some(LiveMessage::ClusterGone { cluster }) if cluster == theatre.id) {}
    assert!(theatre.live.view(&theatre.id).is_none() && theatre.live.views().is_empty());
    end.cancel();
    assert!(tab.next().await.is_none());
    drop(tab);
    theatre.live.close().await;
}

#[tokio::test]
async fn starting_anew_keeps_the_last_view_and_its_number() {
    let theatre = Theatre::open(1).await;
    let before = theatre.now();
    theatre.live.add(record(&theatre.etcd));
    assert!(theatre.now().seq > before.seq);
    assert!(theatre.now().members[0].status.is_some());
    theatre.view("it goes on", |v| v.seq.0 > before.seq.0 + 1 && well(v, 1)).await;
}

/// A way that takes as long as the test wants, like a tunnel to a slow host.
struct SlowWay {
    open: tokio::sync::Semaphore,
    asked: AtomicU32,
}

#[async_trait]
impl Endpoints for SlowWay {
    async fn endpoint(&self, cluster: &ClusterRecord, member: &MemberAddress) -> Result<MemberEndpoint, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _permit = self.open.acquire().await.map_err(|e| e.to_string())?;
        DirectEndpoints.endpoint(cluster, member).await
    }
}

#[tokio::test]
async fn a_way_that_opens_slowly_is_waited_for_and_not_begun_anew() {
    let etcd = EtcdCluster::start(1).await;
    let way = Arc::new(SlowWay { open: tokio::sync::Semaphore::new(0), asked: AtomicU32::new(0) });
    let live = Live::new("1.2.3", Arc::new(SystemClock), way.clone(), Arc::new(Memory::default()));
    let record = record(&etcd);
    let id = record.id.clone();
    live.add(record);
    until(PATIENCE, "the reason is told", async || {
        let view = live.view(&id).expect("a view");
        matches!(&view.members[0].reachability,
            Reachability::Unreachable { reason, .. } if reason == "the way to it is still being opened")
    })
    .await;
    assert_eq!(way.asked.load(Ordering::SeqCst), 1);
    way.open.add_permits(1);
    until(PATIENCE, "it answers", async || live.view(&id).is_some_and(|v| well(&v, 1))).await;
    assert_eq!(way.asked.load(Ordering::SeqCst), 1, "the first opening was enough");
}
