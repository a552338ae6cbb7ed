//! What happened to a cluster, newest first. Invariant: words and exact times; the mark is decoration.

use super::{badge::Tone, keyed::keyed, time};
use crate::data::Boxed;
use leptos::prelude::*;
use quorate_domain::cluster::{ClusterEvent, ClusterEventKind};

/// How much an event weighs.
pub(crate) fn tone(kind: ClusterEventKind) -> Tone {
    use ClusterEventKind as K;
    match kind {
        K::QuorumLost | K::LeaderLost => Tone::Bad,
        K::MemberLost | K::AlarmRaised => Tone::Risk,
        K::MemberBack | K::AlarmCleared | K::QuorumBack => Tone::Ok,
        K::LeaderChanged | K::MemberAdded | K::MemberRemoved | K::MemberPromoted => Tone::Info,
    }
}

/// Puts `new` into `events` (newest first) unless it is there; keeps at most `cap`.
pub(crate) fn merge(events: &mut Vec<ClusterEvent>, new: ClusterEvent, cap: usize) {
    if events.iter().any(|known| known.seq == new.seq) {
        return;
    }
    let at = events.iter().position(|known| known.seq < new.seq).unwrap_or(events.len());
    events.insert(at, new);
    events.truncate(cap);
}

/// The list.
#[component]
pub(crate) fn Timeline(#[prop(into)] events: Signal<Vec<ClusterEvent>>) -> AnyView {
    let none = move || events.with(Vec::is_empty).then_some("Nothing happened since the console looks.");
    view! {
        <ol class="timeline" tabindex="0" aria-label="Events, newest first">
            {keyed(move || events.get(), |event| event.seq.to_string(), line)}
        </ol>
        <p class="muted">{move || none()}</p>
    }
    .boxed()
}

fn line(event: &ClusterEvent) -> AnyView {
    let tone = tone(event.kind);
    view! {
        <li class="timeline-event">
            <span class=tone.class()>{tone.icon().view()}</span>
            <span class="timeline-text">{event.text.clone()}</span>
            <span class="timeline-at">{time::ago(event.at)}</span>
        </li>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{ClusterId, Timestamp};

    fn event(seq: i64) -> ClusterEvent {
        let cluster = ClusterId::from_random([1; 10]);
        ClusterEvent { seq, cluster, at: Timestamp(seq), kind: ClusterEventKind::MemberLost, text: String::new() }
    }

    #[test]
    fn a_replayed_event_is_not_shown_twice_and_a_late_one_finds_its_place() {
        let mut events = vec![event(5), event(3)];
        for seq in [5, 4, 9] {
            merge(&mut events, event(seq), 3);
        }
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [9, 5, 4]);
    }
}
