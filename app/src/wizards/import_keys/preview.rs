//! What an import would do, before there is a plan: counts, problems by line, and the keys that differ. Invariant: it is of the file
//! and the mode that are chosen now; an answer to another question is dropped.

use super::Importing;
use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        empty::empty_state,
        icon::Icon,
        key_difference::{asking, difference},
        keyed::keyed,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    format, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action, KeyFileId,
    keys::{ImportChange, ImportMode, ImportPreview, ImportWhat},
    wide::Wide,
};

/// A preview as it is being read.
#[derive(Clone, Copy)]
pub(super) struct Preview {
    told: RwSignal<Option<ImportPreview>>,
    task: Task,
    /// Names more keys. It is another task: a choice that is made meanwhile is asked about at once.
    naming: Task,
}

/// What is previewed.
type Wanted = (KeyFileId, ImportMode);

impl Preview {
    /// Nothing was asked.
    pub(super) fn new() -> Self {
        Self { told: RwSignal::new(None), task: Task::new(), naming: Task::new() }
    }

    /// Asks about what `importing` has chosen; and on and on, as long as something else is chosen meanwhile.
    pub(super) fn ask(self, importing: Importing) {
        self.told.set(None);
        self.task.run(move || async move {
            while let Some(wanted) = importing.wanted() {
                let (file, mode) = wanted.clone();
                let told = rpc::keys::preview_import(importing.cluster.get_value(), file, mode, None).await;
                if importing.wanted() == Some(wanted) {
                    let _ = self.told.try_set(Some(told?));
                    break;
                }
            }
            Ok(())
        });
    }

    /// Names the next keys that differ.
    fn more(self, importing: Importing, (file, mode): Wanted, from: Wide) {
        self.naming.run(move || {
            let file = file.clone();
            async move {
                let wanted = (file.clone(), mode);
                let next = rpc::keys::preview_import(importing.cluster.get_value(), file, mode, Some(from)).await?;
                if importing.wanted() == Some(wanted) {
                    let _ = self.told.try_update(|told| {
                        if let Some(told) = told {
                            extend(told, next);
                        }
                    });
                }
                Ok(())
            }
        });
    }

    /// The panel.
    pub(super) fn view(self, importing: Importing) -> AnyView {
        let busy = move || self.task.busy.get().then_some("Looking through the file and the cluster…");
        let counts = memo(move || self.told.with(|told| told.as_ref().map(words)));
        let idle = memo(move || self.told.with(|told| told.as_ref().is_some_and(idle)));
        let idle = move || {
            idle.get().then(|| {
                empty_state(
                    "Nothing would change",
                    "No key would be made or replaced. Another mode may do more.",
                    ().into_any(),
                )
            })
        };
        let problems =
            memo(move || self.told.with(|told| told.as_ref().map_or_else(Vec::new, |told| told.problems.clone())));
        let wrong = move || problems.with(|problems| (!problems.is_empty()).then(|| problem_list(problems)));
        let items = move || self.told.with(|told| told.as_ref().map_or_else(Vec::new, |told| told.sample.clone()));
        let next = memo(move || self.told.with(|told| told.as_ref().and_then(|told| told.next)));
        let more = Callback::new(move |()| {
            if let (Some(wanted), Some(from)) = (importing.wanted(), next.get_untracked()) {
                self.more(importing, wanted, from);
            }
        });
        let more = move || {
            next.get().map(|_| view! { <Button label="More" look=Look::Bare busy=self.naming.busy on_press=more/> })
        };
        let values = Session::get().may(Action::ReadValues);
        view! {
            <section class="panel" aria-label="What it would do now">
                <h2>"What it would do now"</h2>
                <p class="muted" role="status">{move || busy()}</p>
                <ProblemBox problem=self.task.problem/>
                <p>{move || counts.get()}</p>
                {move || wrong()}
                {move || idle()}
                <ul class="differences">
                    {keyed(
                        items,
                        |change: &ImportChange| format!("{} {}", change.what.as_str(), change.key),
                        move |change| line(importing, change, values),
                    )}
                </ul>
                <ProblemBox problem=self.naming.problem/>
                {move || more()}
            </section>
        }
        .boxed()
    }
}

/// Adds the next keys; what the whole file comes to is known already.
fn extend(told: &mut ImportPreview, next: ImportPreview) {
    told.sample.extend(next.sample);
    told.next = next.next;
}

fn line(importing: Importing, change: &ImportChange, values: bool) -> AnyView {
    let (tone, words) = match change.what {
        ImportWhat::Add => (Tone::Ok, "is made"),
        ImportWhat::Change => (Tone::Risk, "is replaced"),
        ImportWhat::Same => (Tone::Quiet, "is the same"),
        ImportWhat::Skip => (Tone::Quiet, "stays"),
    };
    let file = importing.wanted().map(|(file, _)| file).filter(|_| values);
    let ask =
        file.map(|file| asking(move |key| rpc::keys::import_diff(importing.cluster.get_value(), file.clone(), key)));
    difference(&change.key, (tone, words), format!("line {}", format::count(change.line.0)), ask)
}

fn problem_list(problems: &[(Wide, String)]) -> AnyView {
    let lines = problems
        .iter()
        .map(|(line, why)| view! { <li>{format!("Line {}: {why}", line.0)}</li> }.boxed())
        .collect_view();
    view! {
        <div class="note tone-bad" role="group" aria-label="Problems">
            {Icon::Bad.view()}
            <div>
                <p class="note-title">"These lines cannot be written. Take them out of the file, or mend them, and bring it again."</p>
                <ul class="import-problems">{lines}</ul>
            </div>
        </div>
    }
    .boxed()
}

/// `3 are made · 2 are replaced · 10 have their value already · 1 stays`.
fn words(told: &ImportPreview) -> String {
    let counts = [
        (told.adds, "would be made"),
        (told.changes, "would be replaced"),
        (told.skipped, "would stay as they are"),
        (told.same, "have their value already"),
    ];
    counts.map(|(count, words)| format!("{} {words}", format::count(count.0))).join(" · ")
}

/// Nothing is wrong, and nothing would be done.
fn idle(told: &ImportPreview) -> bool {
    told.adds.0 + told.changes.0 == 0 && told.problems.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::keys::Key;

    #[test]
    fn the_counts_of_the_whole_file_stay_when_more_is_shown() {
        let change = |name| ImportChange { key: Key::raw(name), what: ImportWhat::Add, line: Wide(1) };
        let mut told =
            ImportPreview { adds: Wide(2), sample: vec![change("a")], next: Some(Wide(2)), ..ImportPreview::default() };
        let next = ImportPreview { adds: Wide(1), sample: vec![change("b")], ..ImportPreview::default() };
        extend(&mut told, next);
        assert_eq!((told.sample.len(), told.next, told.adds), (2, None, Wide(2)));
        assert_eq!(
            words(&told),
            "2 would be made · 0 would be replaced · 0 would stay as they are · 0 have their value already"
        );
    }

    #[test]
    fn a_file_that_changes_nothing_is_told_from_one_that_is_wrong() {
        let mut told = ImportPreview { skipped: Wide(3), ..ImportPreview::default() };
        assert!(idle(&told));
        told.problems.push((Wide(17), "the key is empty".into()));
        assert!(!idle(&told));
    }
}
