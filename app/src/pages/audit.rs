//! The audit trail: who did what, from where, how did it end?

use crate::{
    components::{
        badge::Tone,
        button::Button,
        empty::empty_state,
        load::load,
        problem::ProblemBox,
        table::{Cell, Column, DataTable, Row},
        task::Task,
    },
    data::{Boxed, Data, memo},
    pages::page_head,
    rpc,
};
use leptos::prelude::*;
use quorate_domain::audit::{AuditEvent, AuditOutcome, AuditPage};

const COLUMNS: [Column; 7] = [
    Column::text("When"),
    Column::text("Who"),
    Column::text("What"),
    Column::text("About"),
    Column::text("Outcome"),
    Column::text("Detail"),
    Column::text("From"),
];

fn row(event: &AuditEvent) -> Row {
    let (tone, word) = match event.outcome {
        AuditOutcome::Ok => (Tone::Ok, "ok"),
        AuditOutcome::Denied => (Tone::Risk, "denied"),
        AuditOutcome::Failed => (Tone::Bad, "failed"),
    };
    Row {
        key: event.seq.to_string(),
        cells: vec![
            Cell::Ago(event.at),
            Cell::Text(event.actor.clone()),
            Cell::Mono(event.action.clone()),
            Cell::text_or_dash(event.object.clone()),
            Cell::Badge { tone, text: word.into() },
            Cell::text_or_dash(event.detail.clone()),
            Cell::text_or_dash(event.source.clone()),
        ],
    }
}

/// The page.
#[component]
pub(crate) fn Audit() -> AnyView {
    let data = Data::new(|| rpc::audit::audit(None));
    view! {
        {page_head("Audit", ().into_any())}
        {load(data, trail)}
    }
    .boxed()
}

fn trail(page: AuditPage) -> AnyView {
    if page.events.is_empty() {
        return empty_state("Nothing yet", "Every login, change and refusal is kept here, for ever.", ().into_any());
    }
    let events = RwSignal::new(page.events);
    let next = RwSignal::new(page.next);
    let task = Task::new();
    let more = Callback::new(move |()| {
        task.run(move || async move {
            let older = rpc::audit::audit(next.get_untracked()).await?;
            events.update(|all| all.extend(older.events));
            next.set(older.next);
            Ok(())
        });
    });
    let rows = memo(move || events.with(|all| all.iter().map(row).collect::<Vec<_>>()));
    view! {
        <DataTable caption="Audit trail" columns=&COLUMNS rows=rows filter=true/>
        {move || next.get().map(|_| view! { <Button label="Older" busy=task.busy on_press=more/> })}
        <ProblemBox problem=task.problem/>
    }
    .boxed()
}
