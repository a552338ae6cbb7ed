//! The backups of one cluster: how they stand, the button that takes a snapshot, schedules, snapshots and drills. Invariant: a snapshot
//! that is being taken is in sight with its progress, whoever began it, and can be cancelled.

use super::{
    drills,
    list::List,
    schedules,
    upload::{self, Of, vault_options},
    vaults, words,
};
use crate::{
    clock::Clock,
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::Select,
        icon::Icon,
        keyed::keyed,
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    format,
    live::Live,
    rpc,
    rpc::snapshots::BackupPage,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, ClusterId, SnapshotId, VaultId,
    live::LiveMessage,
    snapshots::{Drill, Origin, Snapshot, SnapshotState, Vault},
};

/// Everything below the cluster's head.
pub(crate) fn of_cluster(cluster: &ClusterId, page: BackupPage, drilled: Vec<Drill>) -> AnyView {
    let live = Live::get();
    live.backups().seed(vec![(cluster.clone(), page.health)]);
    let (vaults, schedules) = (RwSignal::new(page.vaults), RwSignal::new(page.schedules));
    let drilled = RwSignal::new(drilled);
    let list = List::new(page.snapshots, Some(cluster));
    vaults::follow(vaults);
    follow_drills(cluster.clone(), drilled);
    let again = Callback::new(move |()| live.backups().read_again());
    let uploading = RwSignal::new(false);
    let upload = Session::get().may(Action::ManageSnapshots).then(|| {
        let press = Callback::new(move |()| uploading.set(true));
        view! { <Button label="Upload…" on_press=press/> }.into_any()
    });
    view! {
        {standing(cluster, list, vaults)}
        {schedules::panel(cluster, schedules, vaults, again)}
        <section class="panel" aria-label="Snapshots">
            <div class="panel-head"><h2>"Snapshots"</h2><div class="page-actions">{upload}</div></div>
            {list.view(vaults, false)}
        </section>
        {upload::dialog(uploading, Of::One(cluster.clone()), vaults, list)}
        {drills::panel(drilled)}
    }
    .boxed()
}

/// Reads drills again when a snapshot of the cluster changed.
fn follow_drills(cluster: ClusterId, drilled: RwSignal<Vec<Drill>>) {
    Live::get().listen(Callback::new(move |message| {
        let again = match &message {
            LiveMessage::Snapshot { snapshot } => {
                snapshot.state != SnapshotState::Taking && snapshot.cluster.as_ref() == Some(&cluster)
            }
            LiveMessage::Hello { .. } => true,
            _ => false,
        };
        if again {
            let cluster = cluster.clone();
            spawn_local(async move {
                if let Ok(all) = rpc::opened::drills(Some(cluster)).await {
                    let _ = drilled.try_set(all);
                }
            });
        }
    }));
}

/// How they stand, what is on its way, and the button.
fn standing(cluster: &ClusterId, list: List, vaults: RwSignal<Vec<Vault>>) -> AnyView {
    let (live, clock) = (Live::get(), Clock::get());
    let id = StoredValue::new(cluster.clone());
    let health = memo(move || id.with_value(|id| live.backups().of(id)));
    let said = memo(move || health.with(|h| h.as_ref().map(|h| super::standing::words(h, clock.now()))));
    let taking = memo(move || {
        let on_the_way = |snapshot: &&Snapshot| snapshot.state == SnapshotState::Taking;
        list.all.with(|all| all.iter().filter(on_the_way).cloned().collect::<Vec<_>>())
    });
    let cancelling = Task::new();
    let may = Session::get().may(Action::TakeSnapshots);
    view! {
        <section class="panel" aria-label="Backups">
            <div class="panel-head">
                <h2>"Backups"</h2>
                <div class="page-actions">{may.then(|| take(id, list, vaults))}</div>
            </div>
            {move || said.with(|said| said.as_ref().map(|said| words(said)))}
            <ProblemBox problem=cancelling.problem/>
            {keyed(
                move || taking.get(),
                |snapshot: &Snapshot| snapshot.id.to_string(),
                move |snapshot| progress(snapshot, taking, may.then_some(cancelling)),
            )}
        </section>
    }
    .boxed()
}

/// How far a snapshot is: its bytes of all bytes.
fn far(snapshot: &Snapshot) -> String {
    let (now, all) = (snapshot.bytes.0, snapshot.expected.0);
    let from = if snapshot.member.is_empty() { String::new() } else { format!(" from {}", snapshot.member) };
    if all == 0 {
        return format!("{} came{from}", format::bytes(now));
    }
    format!("{} of {}{from}", format::bytes(now), format::bytes(all))
}

fn progress(snapshot: &Snapshot, taking: Memo<Vec<Snapshot>>, cancelling: Option<Task>) -> AnyView {
    let id = snapshot.id.clone();
    let now = memo(move || {
        taking.with(|all| all.iter().find(|s| s.id == id).map(|s| (far(s), s.bytes.0, s.expected.0.max(1))))
    });
    let bar = move || {
        now.get().map(|(words, value, max)| {
            view! {
                <span role="status">{words}</span>
                <progress aria-label="Snapshot" value=value.min(max).to_string() max=max.to_string()></progress>
            }
        })
    };
    let id = snapshot.id.clone();
    let cancel = cancelling.filter(|_| snapshot.origin != Origin::Upload).map(|task| {
        let press = Callback::new(move |()| cancel(task, id.clone()));
        view! { <Button label="Cancel" busy=task.busy on_press=press/> }.into_any()
    });
    view! {
        <div class="backup-taking">
            <code class="backup-name">{snapshot.name.clone()}</code>
            {move || bar()}
            {cancel}
        </div>
    }
    .boxed()
}

fn cancel(task: Task, id: SnapshotId) {
    task.run(move || {
        let id = id.clone();
        async move { rpc::snapshots::cancel_snapshot(id).await }
    });
}

/// The button that takes a snapshot; it asks for the vault where there is more than one.
fn take(cluster: StoredValue<ClusterId>, list: List, vaults: RwSignal<Vec<Vault>>) -> AnyView {
    let (asking, task, toasts) = (RwSignal::new(false), Task::new(), Toasts::get());
    let vault = RwSignal::new(String::new());
    let begin = Callback::new(move |()| {
        task.run(move || async move {
            let vault = vault.with_untracked(|vault| vault.parse::<VaultId>().ok());
            let snapshot = rpc::snapshots::take_snapshot(cluster.get_value(), vault).await?;
            toasts.say("The snapshot began");
            list.put(snapshot);
            let _ = asking.try_set(false);
            Ok(())
        });
    });
    let many = memo(move || vaults.with(|all| all.len() > 1));
    let press = Callback::new(move |()| {
        if many.get_untracked() {
            vault.set(vaults.with_untracked(|all| all.first().map(|v| v.id.to_string()).unwrap_or_default()));
            asking.set(true);
        } else {
            begin.try_run(());
        }
    });
    let label = Signal::derive(move || if many.get() { "Take snapshot…" } else { "Take snapshot" }.to_owned());
    let outside = Signal::derive(move || task.problem.get().filter(|_| !asking.get()));
    view! {
        <ProblemBox problem=outside/>
        <Button label=label look=Look::Primary busy=task.busy on_press=press/>
        <Dialog open=asking title="Take a snapshot">
            <p class="muted">{Icon::Info.view()}" It comes from a follower that is caught up, or else from the leader, and holds every secret of the cluster."</p>
            <Select label="Into the vault" name="take_vault" value=vault options=vaults.with_untracked(|all| vault_options(all))/>
            <ProblemBox problem=task.problem/>
            <div class="form-actions">
                <Button label="Take it" look=Look::Primary busy=task.busy on_press=begin/>
                <Button label="Cancel" on_press=Callback::new(move |()| asking.set(false))/>
            </div>
        </Dialog>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::wide::Wide;

    #[test]
    fn a_snapshot_on_its_way_says_how_far_it_is_and_from_where() {
        let mut snapshot = sample::snapshot();
        (snapshot.bytes, snapshot.expected) = (Wide(1 << 20), Wide(3 << 20));
        assert_eq!(far(&snapshot), "1 MiB of 3 MiB from lab2");
        (snapshot.expected, snapshot.member) = (Wide(0), String::new());
        assert_eq!(far(&snapshot), "1 MiB came");
    }
}
