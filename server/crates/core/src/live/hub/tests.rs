//! Subscriptions: the whole picture first, after lag again, never an older view.

use super::*;
use crate::live::assemble::tests::{LATE, Stage};
use quorate_domain::{
    Timestamp,
    operation::{OperationState, OperationSummary},
    wide::Wide,
};

struct Views {
    hub: Arc<Hub>,
    view: ClusterView,
}

impl Views {
    fn new() -> Self {
        let view = Stage::new(1).step(0, &[LATE]);
        let hub = Arc::new(Hub::new("1.2.3"));
        hub.open(&view.id);
        Self { hub, view }
    }

    fn publish(&self, seq: u64) {
        self.hub.publish(Arc::new(ClusterView { seq: Wide(seq), ..self.view.clone() }));
    }

    fn subscribe(&self, end: &CancellationToken) -> LiveSubscription {
        LiveSubscription::new(self.hub.clone(), end.clone())
    }
}

fn seq(message: Option<LiveMessage>) -> u64 {
    match message {
        Some(LiveMessage::Cluster { view }) => view.seq.0,
        other => panic!("not a view: {other:?}"),
    }
}

fn operation(n: u8, state: OperationState) -> LiveMessage {
    let summary = OperationSummary {
        id: OperationId::from_random([n; 10]),
        kind: "install_cluster".into(),
        title: String::new(),
        state,
        cluster: None,
        actor: String::new(),
        started_at: Timestamp(0),
        updated_at: Timestamp(0),
        steps_done: 0,
        steps_total: 0,
        current: String::new(),
        reason: String::new(),
        soaked: None,
    };
    LiveMessage::Operation { summary, steps: Vec::new(), entry: None }
}

#[tokio::test]
async fn the_whole_picture_comes_first_then_changes() {
    let views = Views::new();
    views.publish(1);
    views.hub.tell(operation(1, OperationState::Running));
    let mut tab = views.subscribe(&CancellationToken::new());
    assert!(matches!(tab.next().await, Some(LiveMessage::Hello { version }) if version == "1.2.3"));
    assert_eq!(seq(tab.next().await), 1);
    assert!(matches!(tab.next().await, Some(LiveMessage::Operation { .. })));
    views.publish(2);
    views.publish(1);
    views.publish(3);
    assert_eq!((seq(tab.next().await), seq(tab.next().await)), (2, 3));
    views.hub.close(&views.view.id);
    assert!(matches!(tab.next().await, Some(LiveMessage::ClusterGone { .. })));
    assert!(views.hub.view(&views.view.id).is_none());
}

#[tokio::test]
async fn after_lag_the_whole_picture_comes_again_and_views_never_go_back() {
    let views = Views::new();
    views.publish(1);
    let mut tab = views.subscribe(&CancellationToken::new());
    assert!(matches!(tab.next().await, Some(LiveMessage::Hello { .. })));
    assert_eq!(seq(tab.next().await), 1);
    views.hub.tell(LiveMessage::HostChanged { host: HostId::from_random([1; 10]) });
    let last = 2 * BACKLOG as u64;
    (2..=last).for_each(|n| views.publish(n));
    assert!(matches!(tab.next().await, Some(LiveMessage::HostChanged { .. })), "missed, so told again");
    assert_eq!(seq(tab.next().await), last);
    views.publish(last + 1);
    assert_eq!(seq(tab.next().await), last + 1, "what was behind the picture is left out");
}

#[tokio::test]
async fn watchers_are_counted_and_the_end_is_for_ever() {
    let views = Views::new();
    let end = CancellationToken::new();
    let watchers = views.hub.watchers();
    let mut tab = views.subscribe(&end);
    let other = views.subscribe(&end);
    assert_eq!(*watchers.borrow(), 2);
    drop(other);
    assert_eq!(*watchers.borrow(), 1);
    end.cancel();
    assert!(tab.next().await.is_none());
    views.publish(1);
    assert!(tab.next().await.is_none());
    drop(tab);
    assert_eq!(*watchers.borrow(), 0);
}

struct Printed(Vec<OutputLine>);

#[async_trait]
impl OutputSource for Printed {
    async fn output_after(&self, _: &OperationId, after: i64) -> Result<Vec<OutputLine>, String> {
        Ok(self.0.iter().filter(|l| l.seq > after).take(2).cloned().collect())
    }
}

fn line(seq: i64) -> OutputLine {
    OutputLine { seq, at: Timestamp(0), step: 0, host: String::new(), text: format!("line {seq}") }
}

#[tokio::test]
async fn output_is_replayed_once_and_only_for_who_looks() {
    let views = Views::new();
    let id = OperationId::from_random([1; 10]);
    let mut tab = views.subscribe(&CancellationToken::new());
    assert!(matches!(tab.next().await, Some(LiveMessage::Hello { .. })));
    let output = |seqs: &[i64], n: u8| LiveMessage::Output {
        operation: OperationId::from_random([n; 10]),
        lines: seqs.iter().map(|&s| line(s)).collect(),
    };
    views.hub.tell(output(&[3], 1));
    tab.watch_output(id.clone(), 1, Arc::new(Printed((1..=5).map(line).collect())));
    views.hub.tell(output(&[4, 5, 6], 1));
    views.hub.tell(output(&[99], 2));
    views.hub.tell(output(&[7], 1));
    let mut got = Vec::new();
    while got.len() < 6 {
        match tab.next().await {
            Some(LiveMessage::Output { operation, lines }) if operation == id => {
                got.extend(lines.into_iter().map(|l| l.seq));
            }
            other => panic!("not output: {other:?}"),
        }
    }
    assert_eq!(got, [2, 3, 4, 5, 6, 7]);
}

#[test]
fn the_last_word_of_ended_operations_is_kept_for_a_while() {
    let mut picture = Picture::default();
    picture.remember(&operation(0, OperationState::Running));
    for n in 1..=u8::try_from(ENDED_KEPT + 5).expect("small") {
        picture.remember(&operation(n, OperationState::Running));
        picture.remember(&operation(n, OperationState::Done));
    }
    assert_eq!(picture.operations.len(), ENDED_KEPT + 1);
    assert!(picture.operations.contains_key(&OperationId::from_random([0; 10])), "unfinished ones stay");
}
