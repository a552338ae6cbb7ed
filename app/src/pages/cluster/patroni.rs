//! Patroni in sight: which PostgreSQL clusters keep their state here. Invariant: asked by the browser once the page stands, so
//! that the page itself never waits for etcd; nothing is shown where nothing is known.

use crate::{
    components::table::{Cell, Column, DataTable, Row},
    data::{Boxed, memo},
    rpc,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{ClusterId, patroni::PatroniScope};

const COLUMNS: [Column; 5] = [
    Column::text("Scope"),
    Column::text("Primary"),
    Column::text("TTL"),
    Column::text("Retries for"),
    Column::text("Failsafe mode"),
];

/// The panel, where there are scopes.
pub(super) fn panel(id: ClusterId) -> AnyView {
    let found = RwSignal::new(Vec::<PatroniScope>::new());
    Effect::new(move |_| {
        let id = id.clone();
        spawn_local(async move {
            if let Ok(scopes) = rpc::clusters::patroni(id).await {
                let _ = found.try_set(scopes);
            }
        });
    });
    let rows = memo(move || found.with(|scopes| scopes.iter().map(row).collect::<Vec<_>>()));
    let some = memo(move || found.with(|scopes| !scopes.is_empty()));
    let view = move || {
        some.get().then(|| {
            view! {
                <section class="panel" aria-label="Patroni">
                    <h2>"Patroni"</h2>
                    <p class="muted">"These PostgreSQL clusters keep their leader here. Plans say when a gap in writes is longer than they wait."</p>
                    <DataTable caption="Patroni scopes" columns=&COLUMNS rows=rows/>
                </section>
            }
            .boxed()
        })
    };
    view! { {move || view()} }.into_any()
}

fn row(scope: &PatroniScope) -> Row {
    let seconds = |n: u32| Cell::Number { value: n.into(), text: format!("{n} s") };
    let none = if scope.initialized { "no leader key" } else { "not initialized" };
    Row {
        key: scope.scope.clone(),
        cells: vec![
            Cell::Text(scope.scope.clone()),
            scope.leader.clone().map_or(Cell::Muted(none.into()), Cell::Text),
            seconds(scope.ttl),
            seconds(scope.retry_timeout),
            Cell::Text(if scope.failsafe_mode { "on" } else { "off" }.into()),
        ],
    }
}
