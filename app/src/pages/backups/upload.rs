//! The dialog that takes in a database that somebody brings. Invariant: it is good only when all of it came and it is a whole database;
//! one that broke off, or was cancelled, leaves nothing.

use super::list::List;
use crate::{
    components::{
        button::Button,
        dialog::Dialog,
        field::{Field, Select},
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
        upload::Upload,
    },
    data::{Boxed, memo},
    routes,
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId,
    snapshots::{Snapshot, Vault},
};

/// Whose database it may be.
#[derive(Clone)]
pub(crate) enum Of {
    /// Of this cluster.
    One(ClusterId),
    /// Of one of these, by their names, or of none of them.
    Any(Vec<(ClusterId, String)>),
}

/// The dialog; what was taken in is put into `list`.
pub(super) fn dialog(open: RwSignal<bool>, of: Of, vaults: RwSignal<Vec<Vault>>, list: List) -> AnyView {
    let of = StoredValue::new(of);
    view! {
        <Dialog open=open title="Upload a database">{move || content(open, of.get_value(), vaults, list)}</Dialog>
    }
    .boxed()
}

/// Vaults to choose from.
pub(super) fn vault_options(vaults: &[Vault]) -> Vec<(String, String)> {
    vaults.iter().map(|vault| (vault.id.to_string(), vault.name.clone())).collect()
}

fn content(open: RwSignal<bool>, of: Of, vaults: RwSignal<Vec<Vault>>, list: List) -> AnyView {
    let (upload, task, toasts) = (Upload::new(), Task::new(), Toasts::get());
    let vaults = vaults.with_untracked(|all| vault_options(all));
    let vault = RwSignal::new(vaults.first().map(|(id, _)| id.clone()).unwrap_or_default());
    let name = RwSignal::new(String::new());
    let cluster = RwSignal::new(match &of {
        Of::One(cluster) => cluster.to_string(),
        Of::Any(_) => String::new(),
    });
    let taken = Callback::new(move |()| {
        task.run(move || async move {
            let called = if name.with_untracked(|name| name.trim().is_empty()) {
                upload.chosen().map(|(file, _)| stem(&file).to_owned()).unwrap_or_default()
            } else {
                name.get_untracked()
            };
            let path = routes::upload_snapshot(&cluster.get_untracked(), &called, &vault.get_untracked());
            if let Some(snapshot) = upload.send::<Snapshot>(&path).await? {
                toasts.say(format!("{} is whole and kept", snapshot.name));
                list.put(snapshot);
                let _ = open.try_set(false);
            }
            Ok(())
        });
    });
    let known = match of {
        Of::One(_) => ().into_any(),
        Of::Any(clusters) => {
            let mut options = vec![(String::new(), "None that is here".to_owned())];
            options.extend(clusters.into_iter().map(|(id, name)| (id.to_string(), name)));
            let nameless = memo(move || cluster.with(String::is_empty));
            let named = move || {
                nameless.get().then(|| {
                    view! { <Field label="Name" name="upload_name" value=name hint="What it is called; the file's own name if empty"/> }
                })
            };
            view! {
                <Select label="It is of the cluster" name="upload_cluster" value=cluster options=options/>
                {move || named()}
            }
            .into_any()
        }
    };
    let wrong = task.field("file");
    let close = Callback::new(move |()| open.set(false));
    view! {
        <p class="muted">
            "A snapshot as etcdctl saves it, or a copy of a member's "<code>"member/snap/db"</code>". It is checked to its end before it counts as good."
        </p>
        {known}
        <Select label="Into the vault" name="upload_vault" value=vault options=vaults/>
        {upload.view(taken, "the console checks it to its end")}
        <p class="field-error" role="alert">{move || wrong.get()}</p>
        <ProblemBox problem=task.general()/>
        <div class="form-actions"><Button label="Close" on_press=close/></div>
    }
    .into_any()
}

/// A file's name without what comes after its first point.
fn stem(file: &str) -> &str {
    file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lends_its_name() {
        assert_eq!((stem("orders.db"), stem("orders"), stem(".db")), ("orders", "orders", ".db"));
    }
}
