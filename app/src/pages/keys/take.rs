//! The dialog that brings keys of an opened snapshot to a cluster. Invariant: nothing is written here: the keys become a kept file of
//! the cluster, and the import's own pages say what it would change before anything is.

use crate::{
    components::{
        button::{Button, Look, link_button},
        dialog::{Dialog, open_while},
        field::Select,
        problem::ProblemBox,
        task::Task,
    },
    data::Boxed,
    format,
    navigate::Navigator,
    routes, rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, Problem,
    keys::Key,
    problem::FieldError,
    snapshots::{OpenedSnapshot, TakeKeys},
};

/// The dialog; open while `taking` says which keys: those that start so, or the one that is called so.
pub(super) fn dialog(taking: RwSignal<Option<(Key, bool)>>, opened: OpenedSnapshot) -> AnyView {
    let (open, opened) = (open_while(taking), StoredValue::new(opened));
    let content = move || taking.get().map(|(key, exact)| content(&opened.get_value(), key, exact, open));
    view! { <Dialog open=open title="Restore to a cluster">{move || content()}</Dialog> }.boxed()
}

/// Which keys, in words.
fn what(key: &Key, exact: bool) -> String {
    match (exact, key.is_empty()) {
        (true, _) => format!("The key {key}"),
        (false, true) => "All keys of the snapshot".to_owned(),
        (false, false) => format!("All keys that start with {key}"),
    }
}

/// The cluster that the snapshot is of, where its keys may be written; otherwise the first one.
fn proposed(of: Option<&ClusterId>, targets: &[(ClusterId, String)]) -> String {
    let own = targets.iter().find(|(id, _)| Some(id) == of).or_else(|| targets.first());
    own.map(|(id, _)| id.to_string()).unwrap_or_default()
}

fn content(opened: &OpenedSnapshot, key: Key, exact: bool, open: RwSignal<bool>) -> AnyView {
    let (to, targets) = (RwSignal::new(String::new()), RwSignal::new(None::<Vec<(ClusterId, String)>>));
    let (reading, task, navigator) = (Task::new(), Task::new(), Navigator::get());
    let own = opened.cluster.clone();
    reading.run(move || {
        let own = own.clone();
        async move {
            let all = rpc::keys::copy_targets().await?;
            let _ = to.try_set(proposed(own.as_ref(), &all));
            let _ = targets.try_set(Some(all));
            Ok(())
        }
    });
    let words = format!(
        "{}, as they were at revision {} of {}. The next page shows what that changes there; nothing is written before you start it.",
        what(&key, exact),
        format::count(opened.revision.unwrap_or_default().0),
        opened.name
    );
    let id = opened.id.clone();
    let go = Callback::new(move |()| {
        let (id, key) = (id.clone(), key.clone());
        task.run(move || {
            let (id, prefix) = (id.clone(), key.clone());
            async move {
                let wrong = || FieldError { field: "cluster".into(), message: "Choose a cluster".into() };
                let cluster: ClusterId = to.get_untracked().parse().map_err(|_| Problem::invalid(vec![wrong()]))?;
                let file =
                    rpc::opened::keys_from_snapshot(id, TakeKeys { cluster: cluster.clone(), prefix, exact }).await?;
                let _ = open.try_set(false);
                navigator.go(routes::import_kept(&cluster, &file.id));
                Ok(())
            }
        });
    });
    let choice = move || match targets.get() {
        None => reading.busy.get().then(|| view! { <p class="muted" aria-busy="true">"Reading…"</p> }.boxed()),
        Some(all) if all.is_empty() => Some(nowhere()),
        Some(all) => {
            let options = all.into_iter().map(|(id, name)| (id.to_string(), name)).collect::<Vec<_>>();
            Some(view! { <Select label="Cluster" name="cluster" value=to options=options error=task.field("cluster") hint="Clusters whose keys you may write."/> }.into_any())
        }
    };
    let none = Signal::derive(move || to.with(String::is_empty));
    let close = Callback::new(move |()| open.set(false));
    view! {
        <p>{words}</p>
        {move || choice()}
        <ProblemBox problem=reading.problem/>
        <ProblemBox problem=task.general()/>
        <div class="form-actions">
            <Button label="Go on to the import" look=Look::Primary busy=task.busy disabled=none on_press=go/>
            <Button label="Not now" on_press=close/>
        </div>
    }
    .into_any()
}

fn nowhere() -> AnyView {
    view! {
        <p>"There is no cluster whose keys you may write."</p>
        {link_button(Look::Plain, routes::FLEET, "To the clusters")}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brought_is_said_and_its_own_cluster_is_proposed() {
        assert_eq!(what(&Key::raw("/a"), true), "The key /a");
        assert_eq!(what(&Key::raw("/a/"), false), "All keys that start with /a/");
        assert_eq!(what(&Key::default(), false), "All keys of the snapshot");
        let id = |n| ClusterId::from_random([n; 10]);
        let targets = [(id(1), "a".to_owned()), (id(2), "b".to_owned())];
        assert_eq!(proposed(Some(&id(2)), &targets), id(2).to_string());
        assert_eq!(proposed(Some(&id(9)), &targets), id(1).to_string(), "its own is gone");
        assert_eq!(proposed(None, &[]), "");
    }
}
