//! Operations, newest first: what is going on, what waits for a person?

use crate::{
    components::{
        badge::Tone,
        empty::empty_state,
        load::load,
        steps::state_words,
        table::{Cell, Column, DataTable, Row},
    },
    data::{Boxed, Data, memo},
    format,
    live::Live,
    pages::page_head,
    routes, rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    live::LiveMessage,
    operation::{OperationState, OperationSummary},
};

const COLUMNS: [Column; 6] = [
    Column::text("Operation"),
    Column::text("State"),
    Column::number("Steps"),
    Column::text("By"),
    Column::text("Started"),
    Column::number("Took"),
];

fn row(operation: &OperationSummary) -> Row {
    let state = operation.state;
    let mut words = state_words(state).to_owned();
    if state == OperationState::Stuck && !operation.reason.is_empty() {
        words = format!("Stuck: {}", operation.reason);
    } else if state.active() && !operation.current.is_empty() {
        words = format!("{words}: {}", operation.current);
    }
    let took = operation.updated_at.since(operation.started_at);
    Row {
        key: operation.id.to_string(),
        cells: vec![
            Cell::LinkNote {
                href: routes::operation(&operation.id),
                text: operation.title.clone(),
                note: format::words(&operation.kind),
            },
            Cell::Badge { tone: Tone::from(state), text: words },
            Cell::Number {
                value: operation.steps_done.into(),
                text: format!("{} of {}", operation.steps_done, operation.steps_total),
            },
            Cell::Text(operation.actor.clone()),
            Cell::Ago(operation.started_at),
            if state.unfinished() { Cell::Empty } else { Cell::Number { value: took, text: format::duration(took) } },
        ],
    }
}

/// Unfinished ones first, then the newest.
fn order(operations: &mut Vec<OperationSummary>) {
    crate::order::sort_by_key(operations, |o| (!o.state.unfinished(), std::cmp::Reverse(o.started_at)));
}

/// Puts a newer row in; whether the list changed.
fn take_over(operations: &mut Vec<OperationSummary>, new: &OperationSummary) -> bool {
    match operations.iter_mut().find(|known| known.id == new.id) {
        Some(known) if known.updated_at <= new.updated_at && known != new => *known = new.clone(),
        Some(_) => return false,
        None => operations.push(new.clone()),
    }
    order(operations);
    true
}

/// The page.
#[component]
pub(crate) fn Operations() -> AnyView {
    let data = Data::new(|| rpc::operations::operations(None));
    view! {
        {page_head("Operations", ().into_any())}
        {load(data, operation_rows)}
    }
    .boxed()
}

/// The table, live.
pub(crate) fn operation_rows(mut operations: Vec<OperationSummary>) -> AnyView {
    order(&mut operations);
    // A list of one cluster does not take in the operations of others.
    let only = operations
        .first()
        .and_then(|o| o.cluster.clone())
        .filter(|id| operations.iter().all(|o| o.cluster.as_ref() == Some(id)));
    let all = RwSignal::new(operations);
    Live::get().listen(Callback::new(move |message| {
        if let LiveMessage::Operation { summary, .. } = message {
            let known = all.with_untracked(|all| all.iter().any(|o| o.id == summary.id));
            if known || only.is_none() || only == summary.cluster {
                all.maybe_update(|all| take_over(all, &summary));
            }
        }
    }));
    let rows = memo(move || all.with(|all| all.iter().map(row).collect::<Vec<_>>()));
    let none = memo(move || all.with(Vec::is_empty));
    view! {
        {move || if none.get() {
            empty_state("No operations yet", "Every change to a cluster is planned, reviewed and kept here.", ().into_any())
        } else {
            view! { <DataTable caption="Operations" columns=&COLUMNS rows=rows filter=true/> }.boxed()
        }}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{OperationId, Timestamp};

    fn operation(n: u8, state: OperationState, started: i64) -> OperationSummary {
        OperationSummary {
            id: OperationId::from_random([n; 10]),
            kind: "install_cluster".into(),
            title: "Install demo".into(),
            state,
            cluster: None,
            actor: "anna".into(),
            started_at: Timestamp(started),
            updated_at: Timestamp(started + 500),
            steps_done: 1,
            steps_total: 9,
            current: "start etcd".into(),
            reason: "lab2 does not answer".into(),
            soaked: None,
        }
    }

    #[test]
    fn unfinished_operations_stay_on_top() {
        let mut all = vec![
            operation(1, OperationState::Done, 300),
            operation(2, OperationState::Stuck, 100),
            operation(3, OperationState::Running, 200),
        ];
        order(&mut all);
        assert_eq!(all.iter().map(|o| o.started_at.0).collect::<Vec<_>>(), [200, 100, 300]);
    }

    #[test]
    fn a_row_is_replaced_by_a_newer_one_only() {
        let mut all = vec![operation(1, OperationState::Running, 100)];
        let mut old = all[0].clone();
        old.updated_at = Timestamp(1);
        assert!(!take_over(&mut all, &old));
        let mut new = all[0].clone();
        (new.state, new.updated_at) = (OperationState::Done, Timestamp(900));
        assert!(take_over(&mut all, &new));
        assert_eq!(all, [new]);
    }

    #[test]
    fn the_state_says_where_it_is_or_why_it_rests() {
        let words = |state| row(&operation(1, state, 0)).cells[1].search_text();
        assert_eq!(words(OperationState::Running), "Running: start etcd");
        assert_eq!(words(OperationState::Stuck), "Stuck: lab2 does not answer");
        assert_eq!(words(OperationState::Done), "Done");
    }
}
