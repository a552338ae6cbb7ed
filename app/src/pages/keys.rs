//! Keys of a cluster: where is one, what is in it, who changed it? Invariant: the page is whole HTML with the first level of
//! keys; values come only when a key is chosen, one at a time. What can be wrong in it (rows, links, windows, merging) are plain
//! structs beside the views.

mod browser;
mod compare;
mod compare_snapshot;
mod detail;
mod editor;
mod everywhere;
mod export;
mod follow;
mod head;
mod history;
mod kept_files;
mod leases;
mod location;
mod many;
mod merge;
mod move_key;
mod new_key;
mod opened;
mod rows;
mod search;
mod settings;
mod sizes;
mod take;
mod tree;
mod undos;
mod value;

pub(crate) use compare::CompareKeys;
pub(crate) use compare_snapshot::CompareSnapshot;
pub(crate) use kept_files::size_words;
pub(crate) use leases::Leases;
pub(crate) use new_key::{KEY_HINT, typed_prefix};
pub(crate) use opened::SnapshotKeys;

use crate::{
    components::{
        button::{Button, Look},
        dialog::open_while,
        empty::empty_state,
        icon::Icon,
        load::load,
        problem::ProblemBox,
        sure::Sure,
        task::Task,
    },
    data::{Boxed, Data},
    error::AppError,
    live::Live,
    pages::{
        cluster::{gone, head as cluster_head, seeded},
        no_such, path_id,
    },
    rpc,
};
use browser::Browser;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use location::Place;
use many::Many;
use quorate_domain::{
    ClusterId,
    keys::{EditAnswer, EditOutcome, Key},
    live::LiveMessage,
};
use std::sync::Arc;
use tree::{Move, Row, Step, Tree, What};

/// The page.
#[component]
pub(crate) fn Keys() -> AnyView {
    let place = use_location().search.with_untracked(|query| Place::read(query.trim_start_matches('?')));
    let asked = place.clone();
    let data = Data::keyed(path_id(), move |id| {
        let query = browser::query(Key::default(), &asked, None);
        async move {
            let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
            let page = rpc::clusters::cluster(id.clone()).await?;
            // A cluster that does not answer has a page all the same.
            Ok((page, rpc::keys::keys_page(id, query).await))
        }
    });
    load(data, move |(page, first)| {
        let id = page.view.id.clone();
        let Some(view) = seeded(page) else { return gone() };
        let browser = Browser::new(id, place.clone(), first.map_err(|AppError(problem)| problem));
        view! {
            {cluster_head(view)}
            {keys(browser)}
        }
        .boxed()
    })
}

fn keys(browser: Browser) -> AnyView {
    Live::get().listen(Callback::new(move |message| {
        if matches!(message, LiveMessage::Hello { .. }) {
            // The tab was hidden or the console away: the list may be of yesterday.
            browser.restart();
        }
    }));
    let (search, many) = (search::Search::new(browser), Many::new(browser));
    let shown = move || browser.chosen.get().map(|key| detail::detail(browser, key));
    let left = move || if search.active() { search.results() } else { tree_view(browser) };
    let none = move || browser.chosen.with(Option::is_none).then(|| nothing_chosen(many));
    view! {
        {head::head(browser, search, many)}
        <div class="keys" class:keys-one=move || browser.chosen.with(Option::is_some)>
            <section class="panel keys-list" aria-label="List of keys">
                <ProblemBox problem=browser.problem/>
                {move || left()}
            </section>
            <section class="panel keys-detail" aria-label="Chosen key">
                {move || none()}
                {move || shown()}
            </section>
        </div>
        {leaving(browser)}
        {done_bar(browser)}
        {browser.snapshot().map(|opened| take::dialog(browser.taking, opened))}
    }
    .boxed()
}

fn nothing_chosen(many: Many) -> AnyView {
    view! {
        <p class="muted">"Choose a key to see what is in it. Arrows walk the list, Enter opens."</p>
        {many.folder()}
    }
    .boxed()
}

fn tree_view(browser: Browser) -> AnyView {
    let tree = browser.tree;
    let empty = move || {
        let nothing = tree.with(|tree| tree.len() == 0) && browser.problem.with(Option::is_none);
        nothing.then(|| empty_state("No keys", "There are none that you may see.", ().into_any()))
    };
    let some = crate::data::memo(move || tree.with(|tree| tree.len() > 0));
    let source = rows::Source {
        count: Signal::derive(move || tree.with(Tree::len)),
        rows: Arc::new(move |range| tree.with(|tree| tree.rows(range))),
        chosen: browser.chosen.into(),
    };
    let heard = rows::Heard {
        press: Callback::new(move |index| {
            browser.active.set(index);
            if let Some(row) = tree.with_untracked(|tree| tree.row(index)) {
                press(browser, &row);
            }
        }),
        step: Callback::new(move |(at, wanted): (usize, Move)| {
            match tree.with_untracked(|tree| tree.step(at, wanted)) {
                Step::To(at) => browser.active.set(at),
                Step::Open(folder) => browser.open(&folder),
                Step::Close(folder) => browser.close(&folder),
                Step::Choose(key) => browser.choose(Some(key)),
                Step::Stay => {}
            }
        }),
        seen: Callback::new(move |rows: Vec<Row>| {
            rows.iter().filter(|row| row.what == What::More).for_each(|row| browser.more(&row.name));
        }),
    };
    view! {
        {move || empty()}
        {move || some.get().then(|| rows::list("Keys", source.clone(), browser.active, heard))}
        {sizes::scan(browser)}
    }
    .boxed()
}

fn press(browser: Browser, row: &Row) {
    match &row.what {
        What::Folder(true) => browser.close(&row.name),
        What::Folder(false) => browser.open(&row.name),
        What::Key => browser.choose(Some(row.name.clone())),
        What::More => browser.more(&row.name),
        What::Failed(_) => browser.again(&row.name),
        What::Busy | What::Nothing => {}
    }
}

/// Asks before what was typed is lost.
fn leaving(browser: Browser) -> AnyView {
    let open = open_while(browser.leaving);
    let go = Callback::new(move |()| {
        if let Some(to) = browser.leaving.get_untracked() {
            browser.go(to);
        }
    });
    view! {
        <Sure open=open title="Unsaved changes" yes="Discard the changes" no="Stay here" on_yes=go>
            <p>"What you typed is not saved. It is lost when another key is shown."</p>
        </Sure>
    }
    .boxed()
}

/// What was done last, and the way back. It stays until the next change: nobody has to be quick.
fn done_bar(browser: Browser) -> AnyView {
    let task = Task::new();
    let undo = Callback::new(move |()| {
        let Some(done) = browser.done.get_untracked() else { return };
        let Some(id) = done.undo else { return };
        let key = done.key;
        task.run(move || {
            let (id, key) = (id.clone(), key.clone());
            async move {
                let answer = rpc::keys::undo_edit(browser.cluster(), id).await?;
                undone(browser, &key, &answer);
                Ok(())
            }
        });
    });
    let close = Callback::new(move |()| browser.done.set(None));
    let bar = move || {
        browser.done.get().map(|done| {
            let undo = done.undo.is_some().then(|| view! { <Button label="Undo" busy=task.busy on_press=undo/> });
            view! {
                <div class="keys-done">
                    {Icon::Ok.view()}
                    <p>{done.words}</p>
                    {undo}
                    <Button label="Close" look=Look::Bare on_press=close/>
                    <ProblemBox problem=task.problem/>
                </div>
            }
            .boxed()
        })
    };
    view! { <div role="status" class="keys-done-slot">{move || bar()}</div> }.boxed()
}

/// After a change was taken back, or not.
fn undone(browser: Browser, key: &Key, answer: &EditAnswer) {
    browser.changed(key);
    let words = match answer.outcome {
        EditOutcome::Done => format!("{key} is as it was before. {}", answer.note),
        EditOutcome::Lost => format!("{key} was changed by somebody else since: nothing was put back. {}", answer.note),
    };
    let undo = answer.undo.clone();
    browser.done.set(Some(browser::Done { words: words.trim().to_owned(), undo, key: key.clone() }));
    if answer.outcome == EditOutcome::Done && browser.chosen.get_untracked().is_none() {
        browser.choose(Some(key.clone()));
    }
}
