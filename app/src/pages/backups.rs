//! Backups: how every cluster stands, all snapshots, and where they are kept. Invariant: alarms first, and in words; the same words
//! stand in the fleet and on each cluster's page (`standing`). A cluster's own page of backups is `pages::cluster::backups`.

mod actions;
mod cron;
mod drills;
mod list;
mod of_cluster;
mod schedule_form;
mod schedules;
mod snapshot;
pub(crate) mod standing;
mod upload;
mod vault_form;
mod vaults;

pub(crate) use of_cluster::of_cluster;
pub(crate) use snapshot::SnapshotPage;

use crate::{
    clock::Clock,
    components::{
        badge::{Tone, badge},
        button::Button,
        empty::empty_state,
        field::Select,
        load::load,
        table::{Cell, Column, DataTable, Row},
    },
    data::{Boxed, Data, memo},
    live::Live,
    pages::page_head,
    routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use list::List;
use quorate_domain::{
    Action, ClusterId, Timestamp,
    cluster::ClusterView,
    snapshots::{BackupHealth, Snapshot, SnapshotState, Vault},
};
use serde::{Deserialize, Serialize};
use upload::Of;

const COLUMNS: [Column; 5] = [
    Column::text("Cluster"),
    Column::text("State"),
    Column::text("Last good"),
    Column::text("Last drill"),
    Column::text("Schedule"),
];

/// What the page begins with.
#[derive(Clone, Serialize, Deserialize)]
struct Page {
    clusters: Vec<ClusterView>,
    healths: Vec<(ClusterId, BackupHealth)>,
    snapshots: Vec<Snapshot>,
    vaults: Vec<Vault>,
}

/// The page.
#[component]
pub(crate) fn Backups() -> AnyView {
    let data = Data::new(|| async {
        Ok(Page {
            clusters: rpc::clusters::fleet().await?,
            healths: rpc::snapshots::backup_healths().await?,
            snapshots: rpc::snapshots::list_snapshots(None, None, None).await?,
            vaults: rpc::vaults::vaults().await?,
        })
    });
    view! {
        {page_head("Backups", ().into_any())}
        {load(data, content)}
    }
    .boxed()
}

fn content(page: Page) -> AnyView {
    let live = Live::get();
    let clusters: Vec<_> = page.clusters.iter().map(|view| (view.id.clone(), view.name.clone())).collect();
    live.seed(page.clusters, true);
    live.backups().seed(page.healths);
    let vaults = RwSignal::new(page.vaults);
    vaults::follow(vaults);
    let list = List::new(page.snapshots, None);
    let uploading = RwSignal::new(false);
    let upload = Session::get().may(Action::ManageSnapshots).then(|| {
        let press = Callback::new(move |()| uploading.set(true));
        view! { <Button label="Upload…" on_press=press/> }.into_any()
    });
    let mut of = vec![(String::new(), "All clusters".to_owned())];
    of.extend(clusters.iter().map(|(id, name)| (id.to_string(), name.clone())));
    view! {
        {standings()}
        <section class="panel" aria-label="Snapshots">
            <div class="panel-head"><h2>"Snapshots"</h2><div class="page-actions">{upload}</div></div>
            <div class="backup-filters">
                <Select label="Cluster" name="filter_cluster" value=list.cluster options=of/>
                <Select label="State" name="filter_state" value=list.state options=states()/>
            </div>
            {list.view(vaults, true)}
        </section>
        {upload::dialog(uploading, Of::Any(clusters), vaults, list)}
        {vaults::panel(vaults)}
    }
    .boxed()
}

fn states() -> Vec<(String, String)> {
    let all = [SnapshotState::Good, SnapshotState::Taking, SnapshotState::Failed];
    let words = |state| match state {
        SnapshotState::Taking => "being taken",
        SnapshotState::Good => "good",
        SnapshotState::Failed => "failed",
    };
    let of = all.map(|state| (state.as_str().to_owned(), words(state).to_owned()));
    [(String::new(), "All states".to_owned())].into_iter().chain(of).collect()
}

/// How every cluster stands, the worst first.
fn standings() -> AnyView {
    let (live, clock) = (Live::get(), Clock::get());
    let rows = memo(move || {
        let now = clock.now();
        let mut clusters = live.clusters();
        crate::order::sort_by_key(&mut clusters, |view| view.name.clone());
        let known = clusters.into_iter().filter_map(|view| Some((live.backups().of(&view.id)?, view)));
        let mut all: Vec<(ClusterView, BackupHealth)> = known.map(|(health, view)| (view, health)).collect();
        crate::order::sort_by_key(&mut all, |(_, health)| !health.alarms());
        all.iter().map(|(view, health)| row(view, health, now)).collect::<Vec<_>>()
    });
    let none = memo(move || rows.with(Vec::is_empty));
    let table = move || {
        if none.get() {
            empty_state("No clusters yet", "Install or adopt one; its backups are looked after here.", ().into_any())
        } else {
            view! { <DataTable caption="Clusters and their backups" columns=&COLUMNS rows=rows/> }.into_any()
        }
    };
    view! {
        <section class="panel" aria-label="How clusters stand">
            <h2>"How clusters stand"</h2>
            {move || table()}
        </section>
    }
    .boxed()
}

fn row(view: &ClusterView, health: &BackupHealth, now: Timestamp) -> Row {
    // There is always something to say: that there is a good one, or that there is none.
    let state = standing::words(health, now).into_iter().next();
    let ago = |at: Option<Timestamp>, none: &str| at.map_or_else(|| Cell::Muted(none.to_owned()), Cell::Ago);
    Row {
        key: view.id.to_string(),
        cells: vec![
            Cell::Link { href: routes::cluster_backups(&view.id), text: view.name.clone() },
            state.map_or(Cell::Empty, |(tone, text)| Cell::Badge { tone, text }),
            ago(health.last_good, "none"),
            ago(health.last_drill, "never"),
            Cell::Text(if health.scheduled { "on" } else { "none is on" }.into()),
        ],
    }
}

/// Sentences, each with its weight.
fn words(said: &[(Tone, String)]) -> AnyView {
    let lines = said.iter().map(|(tone, text)| view! { <li>{badge(*tone, text.clone())}</li> }.boxed());
    view! { <ul class="backup-words">{lines.collect_view()}</ul> }.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_cluster_stands_as_its_worst_news() {
        let health = BackupHealth { problem: "the disk is full".into(), ..BackupHealth::default() };
        let row = row(&sample::view("demo", 3, 3), &health, Timestamp(0));
        assert_eq!(row.cells.len(), COLUMNS.len());
        assert_eq!(row.cells[1].search_text(), "The newest snapshot failed: the disk is full");
        assert_eq!(row.cells[4], Cell::Text("none is on".into()));
    }
}
