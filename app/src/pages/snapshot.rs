//! One snapshot: what it is, how that is proven, what lies beside it, and every way back from it. Invariant: what is known is said with how
//! it is known; the page follows the stream, and leaves when the snapshot is gone.

mod beside;
mod drills;
mod facts;

use crate::{
    components::{
        button::Button,
        load::load,
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
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
    load(data, |(snapshot, vaults, drills)| page(snapshot, vaults, drills))
}

fn page(snapshot: Snapshot, vaults: Vec<Vault>, drills: Vec<Drill>) -> AnyView {
    let id = snapshot.id.clone();
    let own = drills.into_iter().filter(|drill| drill.snapshot == id).collect();
    let (snapshot, drills) = (RwSignal::new(snapshot), RwSignal::<Vec<Drill>>::new(own));
    follow(snapshot, drills);
    let vault = StoredValue::new(vaults.into_iter().find(|vault| snapshot.with_untracked(|s| s.vault == vault.id)));
    let (title, name) = snapshot.with_untracked(|s| (s.name.clone(), s.name.clone()));
    let state = memo(move || snapshot.with(facts::state));
    let taking = memo(move || snapshot.with(|s| s.state == SnapshotState::Taking));
    let good = memo(move || snapshot.with(Snapshot::is_good));
    let read = Session::get().may(Action::ReadSnapshots);
    view! {
        {tab_title(move || title.clone())}
        <header class="page-head">
            <h1 class="snapshot-name"><bdi>{name}</bdi></h1>
            <div class="cluster-health" role="status" aria-live="polite">{move || state.get().view()}</div>
        </header>
        {move || taking.get().then(|| progress(snapshot))}
        {ways::ways(snapshot, vault, drills)}
        <div class="columns">
            <section class="panel" aria-label="About">
                <h2>"About"</h2>
                {move || snapshot.with(|s| vault.with_value(|vault| facts::about(s, vault.as_ref())))}
            </section>
            <section class="panel" aria-label="Proof">
                <h2>"How it is proven"</h2>
                {move || snapshot.with(facts::proof)}
            </section>
        </div>
        {drills::panel(drills)}
        {move || (read && good.get()).then(|| beside::panel(id.clone()))}
    }
    .boxed()
}

/// Keeps both right: a drill ends with news of its snapshot.
fn follow(snapshot: RwSignal<Snapshot>, drills: RwSignal<Vec<Drill>>) {
    let id = snapshot.with_untracked(|s| s.id.clone());
    let (navigator, toasts) = (Navigator::get(), Toasts::get());
    Live::get().listen(Callback::new(move |message| match message {
        LiveMessage::Snapshot { snapshot: now } if now.id == id => {
            snapshot.set(*now);
            drills::reread(snapshot, drills);
        }
        LiveMessage::SnapshotGone { snapshot } if snapshot == id => {
            toasts.say("This snapshot was deleted");
            navigator.go(routes::BACKUPS);
        }
        LiveMessage::Hello { .. } => {
            let id = id.clone();
            spawn_local(async move {
                if let Ok(now) = rpc::snapshots::snapshot(id).await {
                    let _ = snapshot.try_set(now);
                    drills::reread(snapshot, drills);
                }
            });
        }
        _ => {}
    }));
}

/// How far one that is being taken is.
fn progress(snapshot: RwSignal<Snapshot>) -> AnyView {
    let (task, toasts) = (Task::new(), Toasts::get());
    let cancel = Callback::new(move |()| {
        task.run(move || async move {
            rpc::snapshots::cancel_snapshot(snapshot.with_untracked(|s| s.id.clone())).await?;
            toasts.say("The snapshot is being cancelled; nothing of it stays");
            Ok(())
        });
    });
    let words = move || snapshot.with(facts::progress_words);
    let (now, of) = (
        move || snapshot.with(|s| s.bytes.0.min(s.expected.0)).to_string(),
        move || snapshot.with(|s| s.expected.0.max(1)).to_string(),
    );
    let cancel = Session::get().may(Action::TakeSnapshots).then(|| view! { <Button label="Cancel" busy=task.busy on_press=cancel/> });
    view! {
        <div class="opening">
            <p role="status">{move || words()}</p>
            <progress aria-label="Bytes taken" value=now max=of></progress>
            {cancel}
            <ProblemBox problem=task.problem/>
        </div>
    }
    .boxed()
}
