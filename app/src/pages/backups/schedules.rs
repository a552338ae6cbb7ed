//! The schedules of a cluster. Invariant: what a schedule does stands in words, with when it does it next; who may not manage
//! snapshots sees them all the same. Making and changing one is in `schedule_form`.

use super::{
    cron,
    schedule_form::{self, Editing},
};
use crate::{
    components::{
        badge::Tone,
        button::Button,
        dialog::open_while,
        empty::empty_state,
        sure::Sure,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action, ClusterId,
    snapshots::{Retention, Schedule, Vault},
};

const COLUMNS: [Column; 8] = [
    Column::text("When"),
    Column::text("State"),
    Column::text("Next"),
    Column::text("Last"),
    Column::text("Keeps"),
    Column::text("Vault"),
    Column::text("Drills"),
    Column::actions(),
];

/// `the newest 5, 24 hourly, 7 daily`.
pub(super) fn keeps(retention: &Retention) -> String {
    let Retention { last, hourly, daily, weekly, monthly, max_age_days } = *retention;
    let mut parts: Vec<String> = [(hourly, "hourly"), (daily, "daily"), (weekly, "weekly"), (monthly, "monthly")]
        .into_iter()
        .filter(|(many, _)| *many > 0)
        .map(|(many, of)| format!("{many} {of}"))
        .collect();
    parts.insert(0, if last > 1 { format!("the newest {last}") } else { "the newest".to_owned() });
    let age = max_age_days.map_or_else(String::new, |days| format!("; none older than {days} d"));
    format!("{}{age}", parts.join(", "))
}

fn row(schedule: &Schedule, vaults: &[Vault], manage: bool) -> Row {
    let given = &schedule.given;
    let state = if given.enabled {
        Cell::Badge { tone: Tone::Ok, text: "on".into() }
    } else {
        Cell::Badge { tone: Tone::Quiet, text: "off".into() }
    };
    let drills = match (given.drill_cron.trim(), schedule.next_drill_at) {
        ("", _) => Cell::Muted("never".into()),
        (line, _) => Cell::Text(cron::words(line)),
    };
    let button = |id, label| RowAction { id, label };
    let buttons = if manage {
        Cell::Actions(vec![button("change", "Change…"), button("drop", "Drop…")])
    } else {
        Cell::Empty
    };
    let vault = vaults.iter().find(|vault| vault.id == given.vault);
    Row {
        key: schedule.id.to_string(),
        cells: vec![
            Cell::Text(format!("{} ({})", cron::words(&given.cron), given.time_zone)),
            state,
            schedule.next_at.map_or(Cell::Empty, Cell::Until),
            schedule.last_at.map_or(Cell::Muted("never".into()), Cell::Ago),
            Cell::Text(keeps(&given.retention)),
            vault.map_or(Cell::Empty, |vault| Cell::Text(vault.name.clone())),
            drills,
            buttons,
        ],
    }
}

/// The panel.
pub(crate) fn panel(
    cluster: &ClusterId,
    schedules: RwSignal<Vec<Schedule>>,
    vaults: RwSignal<Vec<Vault>>,
    changed: Callback<()>,
) -> AnyView {
    let manage = Session::get().may(Action::ManageSnapshots);
    let cluster = StoredValue::new(cluster.clone());
    let (editing, dropping) = (RwSignal::new(None::<Editing>), RwSignal::new(None::<Schedule>));
    let rows = memo(move || {
        vaults.with(|vaults| schedules.with(|all| all.iter().map(|s| row(s, vaults, manage)).collect::<Vec<_>>()))
    });
    let on_action = Callback::new(move |(key, action): (String, &'static str)| {
        let schedule = schedules.with_untracked(|all| all.iter().find(|s| s.id.as_str() == key).cloned());
        let Some(schedule) = schedule else { return };
        if action == "change" { editing.set(Some(Editing(Some(schedule)))) } else { dropping.set(Some(schedule)) }
    });
    let add = manage.then(|| {
        let press = Callback::new(move |()| editing.set(Some(Editing(None))));
        view! { <Button label="Add a schedule" on_press=press/> }.into_any()
    });
    let none = memo(move || schedules.with(Vec::is_empty));
    let table = move || {
        if none.get() {
            let words = "Without one, snapshots are taken by hand only, and nobody notices that there are none.";
            empty_state("No schedules", words, ().into_any())
        } else {
            view! { <DataTable caption="Schedules" columns=&COLUMNS rows=rows on_action=on_action/> }.into_any()
        }
    };
    let saved = Callback::new(move |now: Schedule| {
        let _ = schedules.try_update(|all| match all.iter_mut().find(|known| known.id == now.id) {
            Some(known) => *known = now,
            None => all.push(now),
        });
        changed.try_run(());
    });
    view! {
        <section class="panel" aria-label="Schedules">
            <div class="panel-head"><h2>"Schedules"</h2><div class="page-actions">{add}</div></div>
            {move || table()}
        </section>
        {schedule_form::dialog(cluster, vaults, editing, saved)}
        {sure(cluster, dropping, schedules, changed)}
    }
    .boxed()
}

fn sure(
    cluster: StoredValue<ClusterId>,
    dropping: RwSignal<Option<Schedule>>,
    schedules: RwSignal<Vec<Schedule>>,
    changed: Callback<()>,
) -> AnyView {
    let (open, task, toasts) = (open_while(dropping), Task::new(), Toasts::get());
    let drop = Callback::new(move |()| {
        let Some(id) = dropping.with_untracked(|s| s.as_ref().map(|s| s.id.clone())) else { return };
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::snapshots::delete_schedule(cluster.get_value(), id.clone()).await?;
                let _ = schedules.try_update(|all| all.retain(|known| known.id != id));
                toasts.say("The schedule was dropped; its snapshots stay");
                let _ = dropping.try_set(None);
                changed.try_run(());
                Ok(())
            }
        });
    });
    view! {
        <Sure open=open title="Drop this schedule?" yes="Drop" task=task on_yes=drop>
            <p>"It takes no snapshots any more. Those that it took stay, and nothing drops them from then on."</p>
        </Sure>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::Timestamp;

    #[test]
    fn a_schedule_says_what_it_does_and_when() {
        let mut schedule = sample::schedule();
        let shown = |schedule: &Schedule| {
            let row = row(schedule, &[sample::vault()], true);
            row.cells.iter().map(Cell::search_text).collect::<Vec<_>>()
        };
        let cells = shown(&schedule);
        assert_eq!(cells.len(), COLUMNS.len());
        assert_eq!(cells[..2], ["Every 6 hours (Europe/Berlin)", "on"]);
        assert_eq!(cells[3..7], ["never", "the newest 5, 24 hourly, 7 daily, 4 weekly, 6 monthly", "local", "never"]);
        schedule.given.enabled = false;
        schedule.given.drill_cron = "0 4 * * 0".into();
        schedule.last_at = Some(Timestamp(0));
        let cells = shown(&schedule);
        assert_eq!((cells[1].as_str(), cells[6].as_str()), ("off", "Every Sunday at 04:00"));
        assert!(cells[3].starts_with("1970-01-01"));
    }

    #[test]
    fn retention_is_said_in_words() {
        let none = Retention { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, max_age_days: None };
        assert_eq!(keeps(&none), "the newest", "it stays whatever the rules say");
        assert_eq!(keeps(&Retention { last: 3, max_age_days: Some(30), ..none }), "the newest 3; none older than 30 d");
    }
}
