//! The keys of a snapshot that is open like a cluster: the same browser, and above it what is shown and for how long. Invariant: nothing
//! can be changed here, and the page says of which moment it is.

use super::{browser, browser::Browser, keys, location::Place};
use crate::{
    components::{
        button::{Button, Look, link_button},
        icon::Icon,
        load::load,
        opening::Opening,
        problem::ProblemBox,
        task::Task,
        time,
    },
    data::{Boxed, Data},
    error::AppError,
    format,
    navigate::Navigator,
    pages::{no_such, path_id, tab_title},
    routes, rpc,
};
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;
use quorate_domain::{
    Problem, SnapshotId,
    keys::{Key, KeyPage},
    snapshots::{OpenedSnapshot, Snapshot},
};

/// What is shown once it is open: itself, and its first keys.
type Open = (OpenedSnapshot, Result<KeyPage, Problem>);

/// The page.
#[component]
pub(crate) fn SnapshotKeys() -> AnyView {
    let place = use_location().search.with_untracked(|query| Place::read(query.trim_start_matches('?')));
    let data = Data::keyed(path_id(), |id| async move {
        let id: SnapshotId = id.parse().map_err(|_| no_such("snapshot"))?;
        rpc::snapshots::snapshot(id).await
    });
    load(data, move |snapshot| page(&snapshot, place.clone()))
}

fn page(snapshot: &Snapshot, place: Place) -> AnyView {
    let (opening, shown) = (Opening::new(snapshot.id.clone()), RwSignal::new(None::<Open>));
    let closed = RwSignal::new(false);
    let asked = StoredValue::new(place);
    let then = Callback::new(move |opened: OpenedSnapshot| {
        spawn_local(async move {
            let Some(query) = asked.try_with_value(|place| browser::query(Key::default(), place, None)) else { return };
            let first = rpc::keys::keys_page(opened.id.clone(), query).await.map_err(|AppError(problem)| problem);
            let _ = closed.try_set(false);
            opening.keep(opened.clone(), Callback::new(move |()| _ = closed.try_set(true)));
            let _ = shown.try_set(Some((opened, first)));
        });
    });
    opening.begin(then);
    let again = Callback::new(move |()| {
        shown.set(None);
        opening.open(then);
    });
    let content = move || match shown.get() {
        None => opening.view(then),
        Some((opened, first)) => {
            let (banner, place) = (banner(&opened, closed, again), asked.get_value());
            view! {
                {banner}
                {keys(Browser::opened(opened, place, first))}
            }
            .into_any()
        }
    };
    let (title, name) = (format!("Keys of {}", snapshot.name), snapshot.name.clone());
    let back = link_button(Look::Plain, routes::snapshot(&snapshot.id), "About this snapshot");
    view! {
        {tab_title(move || title.clone())}
        <header class="page-head">
            <h1 class="snapshot-name">"Keys of "<bdi>{name}</bdi></h1>
            <div class="page-actions">{back}</div>
        </header>
        {about(snapshot)}
        {move || content()}
    }
    .boxed()
}

/// `of demo · taken 2 h ago · rev 19 204`.
fn about(snapshot: &Snapshot) -> AnyView {
    let of = match &snapshot.cluster {
        Some(id) => view! { <a href=routes::cluster(id)>{snapshot.cluster_name.clone()}</a> }.into_any(),
        None => snapshot.cluster_name.clone().into_any(),
    };
    let revision = snapshot.revision.map(|revision| format!(" · rev {}", format::count(revision.0)));
    view! { <p class="muted snapshot-of">"of "{of}" · taken "{time::ago(snapshot.at)}{revision}</p> }.boxed()
}

/// What is shown and until when, or that it is not there any more.
fn banner(opened: &OpenedSnapshot, closed: RwSignal<bool>, again: Callback<()>) -> AnyView {
    let (id, snapshot) = (opened.id.clone(), opened.snapshot.clone());
    let (task, navigator) = (Task::new(), Navigator::get());
    let close = Callback::new(move |()| {
        let (id, snapshot) = (id.clone(), snapshot.clone());
        task.run(move || {
            let (id, snapshot) = (id.clone(), snapshot.clone());
            async move {
                rpc::opened::close_snapshot(id).await?;
                navigator.go(routes::snapshot(&snapshot));
                Ok(())
            }
        });
    });
    let content = move || {
        if closed.get() {
            view! {
                <div class="note tone-risk">
                    {Icon::Risk.view()}
                    <div>
                        <p class="note-title">"It was closed"</p>
                        <p>"Somebody closed it, or the console was started anew. What you see below is not read any more."</p>
                        <Button label="Open it again" on_press=again/>
                    </div>
                </div>
            }
            .boxed()
        } else {
            view! {
                <div class="note tone-info">
                    {Icon::Info.view()}
                    <div>
                        <p class="note-title">"You look into a snapshot, not into the cluster"</p>
                        <p>"Its keys are as they were then, and nobody can change them. It stays open while this page is, and ten minutes more."</p>
                        <Button label="Close it now" busy=task.busy on_press=close/>
                        <ProblemBox problem=task.problem/>
                    </div>
                </div>
            }
            .boxed()
        }
    };
    view! { <div role="status">{move || content()}</div> }.boxed()
}
