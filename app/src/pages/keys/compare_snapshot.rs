//! A snapshot side by side with a cluster or with another snapshot: it is opened first, and then compared like a cluster.

use super::compare::{Comparing, Here};
use crate::{
    components::{load::load, opening::Opening},
    data::{Boxed, Data},
    pages::{no_such, page_head, path_id},
    rpc,
    wizards::asked_prefix,
};
use leptos::prelude::*;
use quorate_domain::{
    ClusterId, SnapshotId,
    snapshots::{OpenedSnapshot, Snapshot, SnapshotState},
};

/// The page.
#[component]
pub(crate) fn CompareSnapshot() -> AnyView {
    let prefix = asked_prefix();
    let data = Data::keyed(path_id(), |id| async move {
        let id: SnapshotId = id.parse().map_err(|_| no_such("snapshot"))?;
        let snapshot = rpc::snapshots::snapshot(id).await?;
        let clusters = rpc::clusters::fleet().await?.into_iter().map(|view| (view.id, view.name)).collect::<Vec<_>>();
        let others = rpc::snapshots::list_snapshots(snapshot.cluster.clone(), Some(SnapshotState::Good), None).await?;
        Ok((snapshot, clusters, others))
    });
    view! {
        {page_head("Compare keys", ().into_any())}
        {load(data, move |(snapshot, clusters, others)| page(&snapshot, prefix, choices(&snapshot, clusters, &others)))}
    }
    .boxed()
}

/// The live cluster it is of, then other clusters, then other snapshots, newest first.
fn choices(of: &Snapshot, clusters: Vec<(ClusterId, String)>, snapshots: &[Snapshot]) -> Vec<(String, String)> {
    let (own, rest): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|(id, _)| Some(id) == of.cluster.as_ref());
    let own = own.into_iter().map(|(id, name)| (id.to_string(), format!("{name}, as it is now")));
    let rest = rest.into_iter().map(|(id, name)| (id.to_string(), name));
    let snapshots = snapshots.iter().filter(|snapshot| snapshot.is_good() && snapshot.id != of.id);
    let snapshots = snapshots.map(|snapshot| (snapshot.id.to_string(), snapshot.name.clone()));
    own.chain(rest).chain(snapshots).collect()
}

fn page(snapshot: &Snapshot, prefix: RwSignal<String>, choices: Vec<(String, String)>) -> AnyView {
    let (opening, shown) = (Opening::new(snapshot.id.clone()), RwSignal::new(None::<OpenedSnapshot>));
    let then = Callback::new(move |opened: OpenedSnapshot| {
        opening.keep(opened.clone(), Callback::new(move |()| _ = shown.try_set(None)));
        let _ = shown.try_set(Some(opened));
    });
    opening.begin(then);
    let content = move || match shown.get() {
        None => opening.view(then),
        Some(opened) => {
            let first = choices.first().map(|(id, _)| id.clone()).unwrap_or_default();
            Comparing::new(Here::Snapshot(opened), prefix, first, choices.clone()).view()
        }
    };
    view! { {move || content()} }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_live_cluster_comes_first_and_what_cannot_be_opened_not_at_all() {
        let of = sample::snapshot();
        let id = |n| SnapshotId::from_random([n; 10]);
        let good = Snapshot { id: id(7), name: "older.db".into(), ..of.clone() };
        let failed = Snapshot { id: id(8), state: SnapshotState::Failed, ..of.clone() };
        let clusters = vec![
            (ClusterId::from_random([9; 10]), "other".to_owned()),
            (ClusterId::from_random([1; 10]), "demo".to_owned()),
        ];
        let all = choices(&of, clusters, &[of.clone(), good, failed]);
        let words: Vec<&str> = all.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(words, ["demo, as it is now", "other", "older.db"]);
    }
}
