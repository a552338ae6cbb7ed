//! Vaults: where snapshots are kept, how full they are, and whether they can be used. Making and changing one is in `vault_form`.
//! Invariant: what a vault holds is said beside it: every secret of the clusters it keeps snapshots of.

use super::vault_form::{self, Editing};
use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        dialog::open_while,
        icon::Icon,
        problem::ProblemBox,
        sure::Sure,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    format,
    live::Live,
    rpc,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action,
    live::LiveMessage,
    snapshots::{SnapshotState, Vault, VaultPlace},
};

const COLUMNS: [Column; 7] = [
    Column::text("Name"),
    Column::text("Place"),
    Column::text("State"),
    Column::number("Snapshots"),
    Column::number("Used"),
    Column::text("Encryption"),
    Column::actions(),
];

/// Where a vault is, as a person would say it.
pub(crate) fn place_words(place: &VaultPlace) -> String {
    match place {
        VaultPlace::Local { directory } => directory.clone(),
        VaultPlace::S3 { endpoint, bucket, prefix, .. } => {
            let endpoint = if endpoint.is_empty() { "AWS" } else { endpoint };
            let slash = if prefix.is_empty() { "" } else { "/" };
            format!("{bucket}{slash}{prefix} at {endpoint}")
        }
    }
}

fn used_cell(vault: &Vault) -> Cell {
    let used = vault.used.0;
    match vault.budget {
        Some(budget) => {
            let text = format!("{} of {}", format::bytes(used), format::bytes(budget.0));
            Cell::Meter { value: used, max: budget.0, text }
        }
        None => Cell::Number { value: used, text: format::bytes(used) },
    }
}

fn encryption(vault: &Vault) -> Cell {
    match (&vault.recipient, vault.has_identity) {
        (None, _) => Cell::Muted("none".into()),
        (Some(_), true) => Cell::Text("age; the console can open them".into()),
        (Some(_), false) => {
            let text = "age, without the identity: drills, opening and restores are off".into();
            Cell::Badge { tone: Tone::Risk, text }
        }
    }
}

fn row(vault: &Vault, manage: bool) -> Row {
    let state = if vault.problem.is_empty() {
        Cell::Badge { tone: Tone::Ok, text: "usable".into() }
    } else {
        Cell::Badge { tone: Tone::Bad, text: vault.problem.clone() }
    };
    let button = |id, label| RowAction { id, label };
    let buttons = if manage {
        Cell::Actions(vec![button("try", "Try"), button("change", "Change…"), button("delete", "Delete…")])
    } else {
        Cell::Empty
    };
    Row {
        key: vault.id.to_string(),
        cells: vec![
            Cell::Text(vault.name.clone()),
            Cell::Mono(place_words(&vault.place)),
            state,
            Cell::count(vault.snapshots.into()),
            used_cell(vault),
            encryption(vault),
            buttons,
        ],
    }
}

/// Reads all vaults anew.
fn reread(vaults: RwSignal<Vec<Vault>>) {
    spawn_local(async move {
        if let Ok(all) = rpc::vaults::vaults().await {
            let _ = vaults.try_set(all);
        }
    });
}

/// Keeps what vaults hold right while snapshots come and go.
pub(super) fn follow(vaults: RwSignal<Vec<Vault>>) {
    Live::get().listen(Callback::new(move |message| match message {
        LiveMessage::Snapshot { snapshot } if snapshot.state != SnapshotState::Taking => reread(vaults),
        LiveMessage::SnapshotGone { .. } | LiveMessage::Hello { .. } => reread(vaults),
        _ => {}
    }));
}

/// The panel.
pub(super) fn panel(vaults: RwSignal<Vec<Vault>>) -> AnyView {
    let manage = Session::get().may(Action::ManageSnapshots);
    let (editing, deleting) = (RwSignal::new(None::<Editing>), RwSignal::new(None::<Vault>));
    let (task, toasts) = (Task::new(), Toasts::get());
    let rows = memo(move || vaults.with(|all| all.iter().map(|vault| row(vault, manage)).collect::<Vec<_>>()));
    let again = Callback::new(move |()| reread(vaults));
    let attempt = move |vault: Vault| {
        task.run(move || {
            let vault = vault.clone();
            async move {
                let tried = rpc::vaults::try_vault(vault.id).await?;
                toasts.say(if tried.problem.is_empty() {
                    format!("{} works: a probe was written, read and deleted", tried.name)
                } else {
                    format!("{} cannot be used now; its row says why", tried.name)
                });
                again.try_run(());
                Ok(())
            }
        });
    };
    let on_action = Callback::new(move |(key, action): (String, &'static str)| {
        let vault = vaults.with_untracked(|all| all.iter().find(|vault| vault.id.as_str() == key).cloned());
        let Some(vault) = vault else { return };
        match action {
            "try" => attempt(vault),
            "change" => editing.set(Some(Editing(Some(vault)))),
            _ => deleting.set(Some(vault)),
        }
    });
    let add = manage.then(|| {
        let press = Callback::new(move |()| editing.set(Some(Editing(None))));
        view! { <Button label="Add a vault" on_press=press/> }.into_any()
    });
    view! {
        <section class="panel" aria-label="Vaults">
            <div class="panel-head"><h2>"Vaults"</h2><div class="page-actions">{add}</div></div>
            <div class="note tone-info">
                {Icon::Info.view()}
                <p>"A snapshot holds every key, password and certificate of its cluster. Whoever reads a vault has them all: keep it as closed as the clusters, or encrypt it."</p>
            </div>
            <ProblemBox problem=task.problem/>
            <DataTable caption="Vaults" columns=&COLUMNS rows=rows on_action=on_action/>
        </section>
        {vault_form::dialog(editing, again)}
        {sure(deleting, again)}
    }
    .boxed()
}

fn sure(deleting: RwSignal<Option<Vault>>, again: Callback<()>) -> AnyView {
    let (open, task, toasts) = (open_while(deleting), Task::new(), Toasts::get());
    let title =
        Signal::derive(move || deleting.with(|v| v.as_ref().map_or(String::new(), |v| format!("Forget {}?", v.name))));
    let forget = Callback::new(move |()| {
        let Some(id) = deleting.with_untracked(|v| v.as_ref().map(|v| v.id.clone())) else { return };
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::vaults::delete_vault(id).await?;
                toasts.say("The vault was forgotten; what lies in it stays there");
                let _ = deleting.try_set(None);
                again.try_run(());
                Ok(())
            }
        });
    });
    view! {
        <Sure open=open title=title yes="Forget" task=task on_yes=forget look=Look::Danger>
            <p>"The console forgets where it is and the secrets it keeps for it. It must hold no snapshots and serve no schedule."</p>
        </Sure>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_vault_says_where_it_is_how_full_and_whether_it_can_be_opened() {
        let mut vault = sample::vault();
        let shown = |vault: &Vault| row(vault, true).cells.iter().map(Cell::search_text).collect::<Vec<_>>();
        assert_eq!(shown(&vault).len(), COLUMNS.len());
        assert_eq!(shown(&vault)[1..5], ["/srv/vault", "usable", "1", "8 KiB of 10 GiB"]);
        assert!(shown(&vault)[5].contains("without the identity"));
        vault.problem = "The disk is full".into();
        (vault.recipient, vault.budget) = (None, None);
        vault.place = VaultPlace::S3 {
            endpoint: String::new(),
            region: String::new(),
            bucket: "backups".into(),
            prefix: "etcd".into(),
            access_key_id: "key".into(),
        };
        assert_eq!(shown(&vault)[1..6], ["backups/etcd at AWS", "The disk is full", "1", "8 KiB", "none"]);
    }

    #[test]
    fn who_may_not_manage_has_no_buttons() {
        assert_eq!(row(&sample::vault(), false).cells.last(), Some(&Cell::Empty));
    }
}
