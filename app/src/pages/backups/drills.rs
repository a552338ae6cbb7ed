//! Restores that were tried out: whether they came back right, and how long that takes. Invariant: read again whenever a snapshot of
//! the cluster changed, because a drill ends with one.

use crate::{
    components::{
        badge::Tone,
        table::{Cell, Column, DataTable, Row},
    },
    data::{Boxed, memo},
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::snapshots::Drill;

const COLUMNS: [Column; 5] = [
    Column::text("Began"),
    Column::text("Snapshot"),
    Column::text("Result"),
    Column::number("Time to recover"),
    Column::text("By"),
];

/// What became of a drill.
fn result_cell(drill: &Drill) -> Cell {
    let badge = |tone, text: String| Cell::Badge { tone, text };
    if drill.ended_at.is_none() {
        return badge(Tone::Busy, "running".into());
    }
    if !drill.problem.is_empty() {
        return badge(Tone::Bad, format!("Failed: {}", drill.problem));
    }
    let keys = drill.content.as_ref().map_or(0, |content| content.keys.0);
    badge(Tone::Ok, format!("Came back right, {} keys", format::count(keys)))
}

fn row(drill: &Drill) -> Row {
    let millis = drill.recovered_millis.map(|millis| millis.0);
    Row {
        key: drill.id.to_string(),
        cells: vec![
            Cell::Ago(drill.at),
            Cell::Link { href: routes::snapshot(&drill.snapshot), text: drill.snapshot_name.clone() },
            result_cell(drill),
            millis.map_or(Cell::Empty, |value| Cell::Number { value, text: format::duration(value) }),
            Cell::Text(drill.actor.clone()),
        ],
    }
}

/// The panel; nothing while there are none.
pub(super) fn panel(drills: RwSignal<Vec<Drill>>) -> AnyView {
    let rows = memo(move || drills.with(|all| all.iter().map(row).collect::<Vec<_>>()));
    let some = memo(move || drills.with(|all| !all.is_empty()));
    let table = move || {
        some.get().then(|| {
            view! {
                <section class="panel" aria-label="Restore drills">
                    <h2>"Restore drills"</h2>
                    <DataTable caption="Restore drills" columns=&COLUMNS rows=rows/>
                </section>
            }
            .boxed()
        })
    };
    view! { {move || table()} }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{SnapshotId, Timestamp, ids::DrillId, snapshots::Content, wide::Wide};

    #[test]
    fn a_drill_says_how_it_ended_and_how_long_it_took() {
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
            actor: "console".into(),
        };
        assert_eq!(result_cell(&drill).search_text(), "running");
        drill.ended_at = Some(Timestamp(9000));
        drill.recovered_millis = Some(Wide(1500));
        drill.content = Some(Content { keys: Wide(12), digest: String::new() });
        assert_eq!(row(&drill).cells.len(), COLUMNS.len());
        assert_eq!(row(&drill).cells[3].search_text(), "1.5 s");
        assert_eq!(result_cell(&drill).search_text(), "Came back right, 12 keys");
        drill.problem = "It came back with 1 keys".into();
        assert_eq!(result_cell(&drill).search_text(), "Failed: It came back with 1 keys");
    }
}
