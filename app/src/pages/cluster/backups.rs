//! The tab of a cluster's backups, below its head. What is shown there is in `pages::backups`.

use super::{gone, head, seeded};
use crate::{
    components::load::load,
    data::{Boxed, Data},
    pages::{backups::of_cluster, no_such, path_id},
    rpc,
};
use leptos::prelude::*;
use quorate_domain::ClusterId;

/// The page.
#[component]
pub(crate) fn Backups() -> AnyView {
    let data = Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id.clone()).await?;
        let backups = rpc::snapshots::backups(id.clone()).await?;
        Ok((page, backups, rpc::opened::drills(Some(id)).await?))
    });
    load(data, |(page, backups, drills)| {
        let id = page.view.id.clone();
        let Some(view) = seeded(page) else { return gone() };
        view! {
            {head(view)}
            {of_cluster(&id, backups, drills)}
        }
        .boxed()
    })
}
