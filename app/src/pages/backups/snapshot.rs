//! One snapshot: what it is, how that is proven, what lies beside it, and every way back from it. Invariant: what is known is said with how
//! it is known; the page follows the stream, and leaves when the snapshot is gone.

mod beside;
mod facts;

use super::{
    actions::{self, Actions},
    drills,
    list::state_cell,
};
use crate::{
    components::{
        button::{Button, Look, link_button},
        load::load,
    },
    data::{Boxed, Data, memo},
    live::Live,
    navigate::Navigator,
    pages::{no_such, path_id, tab_title},
    routes, rpc,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, SnapshotId,
    keys::Key,
    live::LiveMessage,
    snapshots::{Drill, Snapshot, SnapshotState, Vault},
};

/// The page.
#[component]
pub(crate) fn SnapshotPage() -> AnyView {
    let data = Data::keyed(path_id(), |id| async move {
        let id: SnapshotId = id.parse().map_err(|_| no_such("snapshot"))?;
        let snapshot = rpc::snapshots::snapshot(id).await?;
        let drills = rpc::opened::drills(snapshot.cluster.clone()).await?;
        Ok((snapshot, rpc::vaults::vaults().await?, drills))
    });
    load(data, |(snapshot, vaults, drills)| page(&snapshot, vaults, drills))
}

/// The page's state: a list of one snapshot, so that what can be done with those of lists can be done here.
#[derive(Clone, Copy)]
struct One {
    id: StoredValue<SnapshotId>,
    all: RwSignal<Vec<Snapshot>>,
    drills: RwSignal<Vec<Drill>>,
}

impl One {
    fn with<T>(self, look: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        self.all.with(|all| all.first().map(look))
    }

    /// Takes in the newest of it, and its drills: a drill ends with news of its snapshot.
    fn took(self, now: Snapshot) {
        let (id, cluster) = (now.id.clone(), now.cluster.clone());
        if self.all.try_set(vec![now]).is_some() {
            return;
        }
        spawn_local(async move {
            if let Ok(all) = rpc::opened::drills(cluster).await {
                let _ = self.drills.try_set(of(all, &id));
            }
        });
    }

    fn follow(self) {
        let id = self.id.get_value();
        let navigator = Navigator::get();
        Live::get().listen(Callback::new(move |message| match message {
            LiveMessage::Snapshot { snapshot } if snapshot.id == id => self.took(*snapshot),
            LiveMessage::SnapshotGone { snapshot } if snapshot == id => navigator.go(routes::BACKUPS),
            LiveMessage::Hello { .. } => {
                let id = id.clone();
                spawn_local(async move {
                    if let Ok(now) = rpc::snapshots::snapshot(id).await {
                        self.took(now);
                    }
                });
            }
            _ => {}
        }));
    }
}

/// Those of one snapshot.
fn of(drills: Vec<Drill>, id: &SnapshotId) -> Vec<Drill> {
    drills.into_iter().filter(|drill| drill.snapshot == *id).collect()
}

fn page(snapshot: &Snapshot, vaults: Vec<Vault>, drills: Vec<Drill>) -> AnyView {
    let id = snapshot.id.clone();
    let one = One {
        id: StoredValue::new(id.clone()),
        all: RwSignal::new(vec![snapshot.clone()]),
        drills: RwSignal::new(of(drills, &id)),
    };
    one.follow();
    let vaults = RwSignal::new(vaults);
    let actions = Actions::new(one.all, vaults);
    let (title, name) = (snapshot.name.clone(), snapshot.name.clone());
    let state = memo(move || one.with(state_cell));
    let taking = memo(move || one.with(|s| s.state == SnapshotState::Taking) == Some(true));
    let good = memo(move || one.with(Snapshot::is_good) == Some(true));
    let read = Session::get().may(Action::ReadSnapshots);
    let compare = routes::compare_snapshot(&id, &Key::default());
    let compare = move || (read && good.get()).then(|| link_button(Look::Plain, compare.clone(), "Compare…"));
    let about = move || one.with(|s| vaults.with(|all| facts::about(s, all.iter().find(|vault| vault.id == s.vault))));
    let gone = move || one.all.with(Vec::is_empty).then(|| view! { <p role="status">"This snapshot was deleted."</p> });
    view! {
        {tab_title(move || title.clone())}
        <header class="page-head">
            <h1 class="snapshot-name"><bdi>{name}</bdi></h1>
            <div class="cluster-health" role="status" aria-live="polite">{move || state.get().map(|state| state.view())}</div>
            <div class="page-actions">{move || compare()}</div>
        </header>
        {move || gone()}
        {move || taking.get().then(|| progress(one, actions))}
        {can_be_done(one, actions)}
        <div class="columns">
            <section class="panel" aria-label="About">
                <h2>"About"</h2>
                {move || about()}
            </section>
            <section class="panel" aria-label="Proof">
                <h2>"How it is proven"</h2>
                {move || one.with(facts::proof)}
            </section>
        </div>
        {drills::panel(one.drills)}
        {move || (read && good.get()).then(|| beside::panel(one.id.get_value()))}
        {actions.view()}
    }
    .boxed()
}

/// All that this user can do with it, each with its words.
fn can_be_done(one: One, actions: Actions) -> AnyView {
    let panel = move || {
        let snapshot = one.all.with(|all| all.first().cloned()).filter(actions::any)?;
        Some(
            view! {
                <section class="panel" aria-label="What can be done with it">
                    <h2>"What can be done with it"</h2>
                    {actions.list(&snapshot)}
                </section>
            }
            .boxed(),
        )
    };
    view! { {move || panel()} }.into_any()
}

/// How far one that is being taken is.
fn progress(one: One, actions: Actions) -> AnyView {
    let words = move || one.with(facts::progress_words);
    let now = move || one.with(|s| s.bytes.0.min(s.expected.0)).unwrap_or_default().to_string();
    let of = move || one.with(|s| s.expected.0.max(1)).unwrap_or(1).to_string();
    let cancel = Callback::new(move |()| actions.cancel(one.id.get_value()));
    let cancel = Session::get().may(Action::TakeSnapshots).then(|| view! { <Button label="Cancel" on_press=cancel/> });
    view! {
        <div class="opening">
            <p role="status">{move || words()}</p>
            <progress aria-label="Bytes so far" value=now max=of></progress>
            {cancel}
        </div>
    }
    .boxed()
}
