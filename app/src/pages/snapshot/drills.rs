//! Whether this snapshot came back when it was tried out, and how long that took.

use crate::{
    components::{
        badge::Tone,
        table::{Cell, Column, DataTable, Row},
    },
    data::{Boxed, memo},
    format, rpc,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::snapshots::{Drill, Snapshot};

const COLUMNS: [Column; 4] =
    [Column::text("Began"), Column::text("Result"), Column::number("Time to recover"), Column::text("By")];

/// Reads them again.
pub(super) fn reread(snapshot: RwSignal<Snapshot>, drills: RwSignal<Vec<Drill>>) {
    let Some((id, cluster)) = snapshot.try_with_untracked(|s| (s.id.clone(), s.cluster.clone())) else { return };
    spawn_local(async move {
        if let Ok(all) = rpc::opened::drills(cluster).await {
            let _ = drills.try_set(all.into_iter().filter(|drill| drill.snapshot == id).collect());
        }
    });
}

/// What became of a drill.
fn result_cell(drill: &Drill) -> Cell {
    let badge = |tone, text: String| Cell::Badge { tone, text };
    match (drill.ended_at, drill.problem.is_empty()) {
        (None, _) => badge(Tone::Busy, "running".into()),
        (Some(_), false) => badge(Tone::Bad, format!("Failed: {}", drill.problem)),
        (Some(_), true) => {
            let keys = drill.content.as_ref().map_or(0, |content| content.keys.0);
            badge(Tone::Ok, format!("Came back right, {} keys", format::count(keys)))
        }
    }
}

fn row(drill: &Drill) -> Row {
    let millis = drill.recovered_millis.map(|millis| millis.0);
    Row {
        key: drill.id.to_string(),
        cells: vec![
            Cell::Ago(drill.at),
            result_cell(drill),
            millis.map_or(Cell::Empty, |value| Cell::Number { value, text: format::duration(value) }),
            Cell::Text(drill.actor.clone()),
        ],
    }
}

/// The panel.
pub(super) fn panel(drills: RwSignal<Vec<Drill>>) -> AnyView {
    let rows = memo(move || drills.with(|all| all.iter().map(row).collect::<Vec<_>>()));
    let none = memo(move || drills.with(Vec::is_empty));
    let table = move || {
        if none.get() {
            view! { <p class="muted">"Nobody tried it out yet. A drill restores it into a throw-away etcd and compares every key."</p> }.into_any()
        } else {
            view! { <DataTable caption="Drills" columns=&COLUMNS rows=rows/> }.into_any()
        }
    };
    view! {
        <section class="panel" aria-label="Drills">
            <h2>"Drills"</h2>
            {move || table()}
        </section>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{SnapshotId, Timestamp, ids::DrillId, snapshots::Content, wide::Wide};

    #[test]
    fn a_drill_says_how_it_ended() {
        let mut drill = Drill {
            id: DrillId::from_random([7; 10]),
            snapshot: SnapshotId::from_random([4; 10]),
            snapshot_name: "x.db".into(),
            cluster: None,
            at: Timestamp(0),
            ended_at: None,
            recovered_millis: None,
            content: None,
            problem: String::new(),
            actor: "anna".into(),
        };
        assert_eq!(result_cell(&drill).search_text(), "running");
        (drill.ended_at, drill.recovered_millis) = (Some(Timestamp(9)), Some(Wide(1500)));
        drill.content = Some(Content { keys: Wide(3), digest: String::new() });
        assert_eq!(row(&drill).cells[1].search_text(), "Came back right, 3 keys");
        assert_eq!(row(&drill).cells[2].search_text(), "1.5 s");
        drill.problem = "a key is missing".into();
        assert!(result_cell(&drill).search_text().ends_with("a key is missing"));
    }
}
