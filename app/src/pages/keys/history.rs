//! What a key was. Invariant: it is said where history ends, because etcd forgets what is older than its last compaction; putting
//! a version back is a change like any other, only if the key is still as it is shown.

use super::detail::{Opened, too_late};
use crate::{
    components::{
        button::{Button, Look},
        dialog::open_while,
        diff::diff_view,
        key_difference::diff_words,
        problem::ProblemBox,
        sure::Sure,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
    },
    data::{Boxed, memo},
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    keys::{DiffQuery, EditOutcome, HistoryPage, HistoryQuery, KeyChange, RestoreKey, ValueDiff},
    wide::Wide,
};

/// Changes that one question asks for.
const PAGE: u32 = 50;

static COLUMNS: [Column; 5] = [
    Column::number("Revision"),
    Column::text("What"),
    Column::number("Size"),
    Column::text("Begins with"),
    Column::actions(),
];

/// The tab.
pub(super) fn tab(opened: Opened) -> AnyView {
    let history = RwSignal::new(None::<HistoryPage>);
    let task = Task::new();
    let ask = move |before: Option<Wide>| {
        task.run(move || async move {
            let query = HistoryQuery { key: opened.name(), before, limit: PAGE };
            let page = rpc::keys::key_history(opened.browser.cluster(), query).await?;
            let _ = history.try_update(|known| match known {
                Some(known) if before.is_some() => extend(known, page),
                known => *known = Some(page),
            });
            Ok(())
        });
    };
    Effect::new(move |_| {
        opened.browser.changes.track();
        ask(None);
    });
    let (compared, restoring) = (RwSignal::new(None::<Wide>), RwSignal::new(None::<Wide>));
    let restore = Task::new();
    let write = opened.browser.rights.write;
    let rows = memo(move || {
        history.with(|page| {
            page.as_ref().map_or_else(Vec::new, |page| page.changes.iter().map(|c| row(c, write)).collect())
        })
    });
    let act = Callback::new(move |(revision, action): (String, &'static str)| {
        let revision = revision.parse().ok().map(Wide);
        match action {
            "restore" => restoring.set(revision),
            _ => compared.set(revision),
        }
    });
    let older = memo(move || history.with(|page| page.as_ref().and_then(|page| page.next)));
    let more = Callback::new(move |()| ask(older.get_untracked()));
    let ends = memo(move || history.with(|page| page.as_ref().and_then(end_words)));
    view! {
        <ProblemBox problem=task.problem/>
        <ProblemBox problem=restore.problem/>
        {confirm(opened, restoring, restore)}
        {move || compared.get().map(|revision| compare(opened, revision, compared))}
        <DataTable caption="History" columns=&COLUMNS rows=rows on_action=act/>
        <p class="muted">{move || ends.get()}</p>
        {move || older.get().is_some().then(|| view! { <Button label="Older" look=Look::Bare busy=task.busy on_press=more/> })}
    }
    .into_any()
}

fn extend(known: &mut HistoryPage, older: HistoryPage) {
    known.changes.extend(older.changes);
    known.next = older.next;
    known.compacted = older.compacted;
}

/// Where history ends, once all of it is there.
fn end_words(page: &HistoryPage) -> Option<String> {
    let compacted = page.compacted.0;
    (page.next.is_none() && compacted > 0)
        .then(|| format!("Older changes may be gone: etcd was compacted at rev {}.", format::count(compacted)))
}

fn row(change: &KeyChange, write: bool) -> Row {
    let what =
        if change.deleted { "deleted".to_owned() } else { format!("version {}", format::count(change.meta.version.0)) };
    let mut actions = Vec::new();
    if !change.deleted {
        actions.push(RowAction { id: "compare", label: "Compare" });
        actions.extend(write.then_some(RowAction { id: "restore", label: "Restore…" }));
    }
    let size = change.meta.size.filter(|_| !change.deleted);
    Row {
        key: change.revision.to_string(),
        cells: vec![
            Cell::count(change.revision.0),
            Cell::Text(what),
            size.map_or(Cell::Empty, |size| Cell::Number { value: size.0, text: format::bytes(size.0) }),
            if change.deleted { Cell::Empty } else { beginning(&change.text) },
            Cell::Actions(actions),
        ],
    }
}

/// Some of a value, on one line.
pub(super) fn first_words(text: &str) -> String {
    let line: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() { format!("{line}…") } else { line }
}

fn beginning(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Mono(first_words(text)) }
}

fn compare(opened: Opened, revision: Wide, open: RwSignal<Option<Wide>>) -> AnyView {
    let diff = RwSignal::new(None::<ValueDiff>);
    let task = Task::new();
    task.run(move || async move {
        let query = DiffQuery { key: opened.name(), from: revision, to: None };
        let difference = rpc::keys::value_diff(opened.browser.cluster(), query).await?;
        let _ = diff.try_set(Some(difference));
        Ok(())
    });
    let close = Callback::new(move |()| open.set(None));
    let shown = move || {
        diff.with(|diff| {
            let diff = diff.as_ref()?;
            Some(view! { <p class="muted">{diff_words(diff)}</p> {diff_view(&diff.lines)} })
        })
    };
    view! {
        <section class="key-compare" aria-label="Comparison">
            <div class="panel-head">
                <h3>{format!("From rev {} to now", format::count(revision.0))}</h3>
                <Button label="Close" look=Look::Bare on_press=close/>
            </div>
            <ProblemBox problem=task.problem/>
            {move || shown()}
        </section>
    }
    .boxed()
}

fn confirm(opened: Opened, restoring: RwSignal<Option<Wide>>, task: Task) -> AnyView {
    let open = open_while(restoring);
    let go = Callback::new(move |()| {
        let Some(revision) = restoring.get_untracked() else { return };
        let restore = RestoreKey { key: opened.name(), revision, seen: opened.seen() };
        task.run(move || {
            let restore = restore.clone();
            async move {
                let answer = rpc::keys::restore_key(opened.browser.cluster(), restore).await?;
                let _ = open.try_set(false);
                match answer.outcome {
                    EditOutcome::Done => {
                        let words =
                            format!("{} is again as it was at rev {}.", opened.name(), format::count(revision.0));
                        opened.done(words, &answer);
                        Ok(())
                    }
                    EditOutcome::Lost => {
                        opened.browser.changed(&opened.name());
                        Err(too_late("nothing was restored", "Look at the list again."))
                    }
                }
            }
        });
    });
    let title = Signal::derive(move || {
        let revision = restoring.get().map(|revision| format::count(revision.0));
        format!("Write what it was at rev {}?", revision.unwrap_or_default())
    });
    view! {
        <Sure open=open title=title yes="Restore it" no="Leave it" look=Look::Primary task=task on_yes=go>
            <p>"What is there now is kept for a while and can be put back."</p>
        </Sure>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_deletion_is_in_the_list_and_cannot_be_restored() {
        let mut change = sample::key_change("/a", 7);
        let actions = |change: &KeyChange, write| match row(change, write).cells.pop() {
            Some(Cell::Actions(actions)) => actions.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!((actions(&change, true), actions(&change, false)), (2, 1));
        change.deleted = true;
        assert_eq!(actions(&change, true), 0);
        assert_eq!(row(&change, true).cells[1], Cell::Text("deleted".into()));
    }

    #[test]
    fn the_end_of_history_is_told_once_all_is_there() {
        let mut page = HistoryPage { changes: Vec::new(), next: None, compacted: Wide(100) };
        assert!(end_words(&page).is_some_and(|words| words.contains("rev 100")));
        page.next = Some(Wide(120));
        assert_eq!(end_words(&page), None);
        (page.next, page.compacted) = (None, Wide(0));
        assert_eq!(end_words(&page), None);
    }

    #[test]
    fn a_beginning_is_one_line() {
        assert_eq!(first_words("a\nb"), "a b");
    }
}
