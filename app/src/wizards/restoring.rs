//! What the wizards of restores and rescues share: which snapshot, how revisions go on, and what is lost. Invariant: each choice says what
//! it costs before a plan is made; what cannot be typed as it should be is told at its field.

use crate::{
    components::{
        button::{Look, link_button},
        empty::empty_state,
        field::Field,
        radio::{Radio, radios},
        task::Task,
        time,
    },
    data::{Boxed, memo},
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::{
    SnapshotId,
    problem::FieldError,
    snapshots::{Bump, Snapshot},
    wide::Wide,
};

/// Snapshots to choose from, at most.
const SHOWN: usize = 20;

/// How revisions go on.
#[derive(Clone, Copy)]
pub(super) struct BumpFields {
    way: RwSignal<String>,
    number: RwSignal<String>,
}

impl BumpFields {
    /// `way` is chosen: `reckoned`, `revisions` or `not`.
    pub(super) fn new(way: &str) -> Self {
        Self { way: RwSignal::new(way.to_owned()), number: RwSignal::new(String::new()) }
    }

    /// What was chosen.
    ///
    /// # Errors
    /// The number is none that can be taken, at the field `bump`.
    pub(super) fn bump(self) -> Result<Bump, FieldError> {
        bump(&self.way.read_untracked(), &self.number.read_untracked())
    }

    /// The choice with its reasons.
    pub(super) fn view(self, task: Task) -> AnyView {
        let line = |value: &str, name: &'static str, note: &'static str| Radio {
            value: value.to_owned(),
            name: name.into_any(),
            note: view! { <p class="muted">{note}</p> }.boxed(),
            refused: false,
        };
        let lines = vec![
            line(
                "reckoned",
                "Raise them by what can have been written since",
                "The console noted how far the cluster’s revision had come, and adds slack. No watch or cache then takes an old revision for a new one; everything before counts as compacted, so what watches reads anew. The plan says the number.",
            ),
            line(
                "revisions",
                "Raise them by a number of your own",
                "Where you know better how much was written: it must be more than that.",
            ),
            line(
                "not",
                "Do not raise them",
                "They go on at the snapshot’s. Whatever watches keys (Kubernetes, Patroni, caches) must be restarted, or it misses changes without a word. Right where nobody watches, and for etcd before 3.5.10, which cannot raise them.",
            ),
        ];
        let typed = memo(move || self.way.with(|way| way == "revisions"));
        let none = Signal::stored(None);
        let error = task.field("bump");
        let field = move || {
            typed.get().then(|| {
                view! { <Field label="Revisions to add" name="bump" value=self.number error=error hint="A whole number, for example 1000000."/> }
            })
        };
        let said = move || if typed.get() { None } else { error.get() };
        view! {
            <section class="panel" aria-label="Revisions">
                <h2>"How revisions go on"</h2>
                {radios("How revisions go on", "bump_way", self.way, lines, none)}
                {move || field()}
                <p class="field-error" aria-live="polite">{move || said()}</p>
            </section>
        }
        .boxed()
    }
}

fn bump(way: &str, number: &str) -> Result<Bump, FieldError> {
    let wrong = |message: &str| FieldError { field: "bump".into(), message: message.into() };
    match way {
        "revisions" => {
            let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
            let number = digits.parse().map_err(|_| wrong("Give a whole number from 1"))?;
            let bump = Bump::Revisions { number: Wide(number) };
            bump.refused().map_or(Ok(bump), |why| Err(wrong(&why)))
        }
        "not" => Ok(Bump::Not),
        _ => Ok(Bump::Reckoned),
    }
}

/// Which snapshot: the good ones, newest first, and the one that the link asks for whatever it is.
#[derive(Clone, Copy)]
pub(super) struct SnapshotChoice {
    all: StoredValue<Vec<Snapshot>>,
    pub(super) chosen: RwSignal<String>,
}

impl SnapshotChoice {
    /// The one that is asked for is chosen, otherwise the newest.
    pub(super) fn new(all: Vec<Snapshot>, asked: Option<Snapshot>) -> Self {
        let all = offered(all, asked.as_ref());
        let first = asked.or_else(|| all.first().cloned());
        let chosen = first.map(|snapshot| snapshot.id.to_string()).unwrap_or_default();
        Self { all: StoredValue::new(all), chosen: RwSignal::new(chosen) }
    }

    /// Whether there is none.
    pub(super) fn none(self) -> bool {
        self.all.with_value(Vec::is_empty)
    }

    /// The chosen one; readers are told when it changes.
    pub(super) fn snapshot(self) -> Option<Snapshot> {
        self.chosen.with(|chosen| self.all.with_value(|all| all.iter().find(|s| s.id.as_str() == chosen).cloned()))
    }

    /// Its id.
    ///
    /// # Errors
    /// None is chosen, at the field `snapshot`.
    pub(super) fn id(self) -> Result<SnapshotId, FieldError> {
        let none = |_| FieldError { field: "snapshot".into(), message: "Choose a snapshot".into() };
        self.chosen.get_untracked().parse().map_err(none)
    }

    /// The list.
    pub(super) fn view(self, task: Task) -> AnyView {
        let lines = self.all.with_value(|all| all.iter().map(line).collect());
        radios("Snapshot", "snapshot", self.chosen, lines, task.field("snapshot"))
    }
}

/// Good ones, newest first; the asked one is among them, however old.
fn offered(all: Vec<Snapshot>, asked: Option<&Snapshot>) -> Vec<Snapshot> {
    let mut offered: Vec<Snapshot> = all.into_iter().filter(Snapshot::is_good).take(SHOWN).collect();
    if let Some(asked) = asked.filter(|asked| offered.iter().all(|known| known.id != asked.id)) {
        offered.insert(0, asked.clone());
    }
    offered
}

fn line(snapshot: &Snapshot) -> Radio {
    let name = view! { <bdi class="snapshot-name">{snapshot.name.clone()}</bdi> }.boxed();
    let note = view! { <p class="muted">{time::ago(snapshot.at)}" · "{known(snapshot)}</p> }.boxed();
    Radio { value: snapshot.id.to_string(), name, note, refused: !snapshot.is_good() }
}

/// `rev 19 204 · 120 keys · 18 MiB · etcd 3.5.16`, and what a person has to know.
fn known(snapshot: &Snapshot) -> String {
    let mut words = Vec::new();
    words.extend(snapshot.revision.map(|revision| format!("rev {}", format::count(revision.0))));
    words.push(match &snapshot.content {
        Some(content) => format!("{} keys", format::count(content.keys.0)),
        None => "content not gone through yet".to_owned(),
    });
    words.push(format::bytes(snapshot.bytes.0));
    words.extend(snapshot.version.map(|version| format!("etcd {version}")));
    if snapshot.sealed_by_etcd.is_none() {
        words.push("without etcd’s own digest".to_owned());
    }
    words.join(" · ")
}

/// What everybody loses who wrote after the snapshot. `live` is the newest revision of the cluster that it goes to, if it is the
/// snapshot's own and answers.
pub(super) fn loss(snapshot: &Snapshot, live: Option<u64>) -> String {
    let at = snapshot.at.to_utc_text();
    match (snapshot.revision, live) {
        (Some(taken), Some(live)) if live > taken.0 => {
            format!("Everything written after {at} is lost: {} revisions.", format::count(live - taken.0))
        }
        (Some(taken), Some(live)) if live == taken.0 => "Nothing was written since: no revision is lost.".to_owned(),
        _ => format!("Everything written after {at} is lost. How much that is cannot be said from here."),
    }
}

/// Instead of a form, where no snapshot can be restored.
pub(super) fn no_snapshot(cluster: Option<&quorate_domain::ClusterId>) -> AnyView {
    let path = cluster.map_or_else(|| routes::BACKUPS.to_owned(), routes::cluster_backups);
    let action = link_button(Look::Primary, path, "To the backups");
    empty_state("No snapshot to restore", "There is no good snapshot of it. Take one, or bring one as a file.", action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::snapshots::SnapshotState;

    #[test]
    fn a_number_is_wanted_only_where_it_is_chosen() {
        assert_eq!(bump("reckoned", "x").ok(), Some(Bump::Reckoned));
        assert_eq!(bump("not", "").ok(), Some(Bump::Not));
        assert_eq!(bump("revisions", " 1 000 000 ").ok(), Some(Bump::Revisions { number: Wide(1_000_000) }));
        for wrong in ["", "0", "-1", "many", "99999999999999999999"] {
            assert_eq!(bump("revisions", wrong).expect_err(wrong).field, "bump");
        }
    }

    #[test]
    fn good_ones_are_offered_and_the_one_that_is_asked_for_first() {
        let id = |n| SnapshotId::from_random([n; 10]);
        let of = |n, state| Snapshot { id: id(n), state, ..sample::snapshot() };
        let all = vec![of(1, SnapshotState::Failed), of(2, SnapshotState::Good), of(3, SnapshotState::Good)];
        let ids = |all: &[Snapshot]| all.iter().map(|s| s.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&offered(all.clone(), None)), [id(2), id(3)]);
        assert_eq!(ids(&offered(all.clone(), Some(&of(3, SnapshotState::Good)))), [id(2), id(3)]);
        assert_eq!(ids(&offered(all, Some(&of(9, SnapshotState::Good)))), [id(9), id(2), id(3)]);
    }

    #[test]
    fn what_is_lost_is_counted_where_that_is_known() {
        let snapshot = Snapshot { revision: Some(Wide(1000)), ..sample::snapshot() };
        assert!(loss(&snapshot, Some(1500)).ends_with("is lost: 500 revisions."));
        assert!(loss(&snapshot, Some(1000)).starts_with("Nothing"));
        assert!(loss(&snapshot, None).ends_with("cannot be said from here."));
        assert!(loss(&snapshot, Some(900)).contains("cannot be said"), "another history");
    }

    #[test]
    fn a_snapshot_says_what_is_known_of_it() {
        let snapshot = Snapshot { revision: Some(Wide(7)), ..sample::snapshot() };
        assert_eq!(known(&snapshot), "rev 7 · 3 keys · 8 KiB · etcd 3.5.16");
        let foreign = Snapshot { content: None, version: None, sealed_by_etcd: None, ..snapshot };
        assert_eq!(known(&foreign), "rev 7 · content not gone through yet · 8 KiB · without etcd’s own digest");
    }
}
