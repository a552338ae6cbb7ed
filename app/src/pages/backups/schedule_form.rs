//! The dialog that makes a schedule or changes one. Invariant: the next runs that it shows are reckoned by the console, so that what
//! is shown is what will be; numbers that nobody touched are saved as they were.

use super::cron;
use crate::{
    components::{
        button::{Button, Look},
        dialog::{Dialog, open_while},
        field::{CheckBox, Field, Select},
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    error::AppError,
    rpc,
};
use leptos::{ev, prelude::*, task::spawn_local};
use quorate_domain::{
    ClusterId, Problem, ScheduleId,
    problem::FieldError,
    snapshots::{NewSchedule, Retention, Schedule, Vault},
};
use std::time::Duration;

/// What the dialog is about: a schedule, or none for a new one.
#[derive(Clone, PartialEq)]
pub(super) struct Editing(pub(super) Option<Schedule>);

/// How long somebody may go on typing before the next runs are asked for.
const PAUSE: Duration = Duration::from_millis(300);
/// The choice of a line of one's own.
const OWN: &str = "own";

/// The dialog; `saved` hears what the console keeps.
pub(super) fn dialog(
    cluster: StoredValue<ClusterId>,
    vaults: RwSignal<Vec<Vault>>,
    editing: RwSignal<Option<Editing>>,
    saved: Callback<Schedule>,
) -> AnyView {
    let open = open_while(editing);
    let title = Signal::derive(move || {
        let new = editing.with(|editing| matches!(editing, Some(Editing(None)) | None));
        if new { "Add a schedule".to_owned() } else { "Change the schedule".to_owned() }
    });
    view! {
        <Dialog open=open title=title>
            {move || editing.get().map(|of| Form::new(cluster, vaults, of.0).view(vaults, editing, saved))}
        </Dialog>
    }
    .boxed()
}

/// What was typed where a number is wanted, field by field as the API names them.
const NUMBERS: [(&str, &str); 7] = [
    ("last", "Newest"),
    ("hourly", "Hourly"),
    ("daily", "Daily"),
    ("weekly", "Weekly"),
    ("monthly", "Monthly"),
    ("max_age_days", "None older than days"),
    ("jitter_seconds", "Begin up to so many seconds later"),
];

/// The numbers of a schedule as text, in the order of `NUMBERS`.
fn numbers(retention: Retention, jitter_seconds: u32) -> [String; 7] {
    let Retention { last, hourly, daily, weekly, monthly, max_age_days } = retention;
    let age = max_age_days.map_or_else(String::new, |days| days.to_string());
    let [last, hourly, daily, weekly, monthly] = [last, hourly, daily, weekly, monthly].map(|n| n.to_string());
    [last, hourly, daily, weekly, monthly, age, jitter_seconds.to_string()]
}

/// Retention and jitter, or all that is wrong with what was typed.
fn read_numbers(typed: &[String; 7]) -> Result<(Retention, u32), Vec<FieldError>> {
    let mut wrong = Vec::new();
    let mut number = |at: usize| {
        let text = typed[at].trim();
        let read = if text.is_empty() { Ok(0) } else { text.parse::<u32>() };
        read.unwrap_or_else(|_| {
            wrong.push(FieldError { field: NUMBERS[at].0.into(), message: "Give a whole number".into() });
            0
        })
    };
    let [last, hourly, daily, weekly, monthly, age, jitter] = [0, 1, 2, 3, 4, 5, 6].map(&mut number);
    let max_age_days = Some(age).filter(|_| !typed[5].trim().is_empty());
    let retention = Retention { last, hourly, daily, weekly, monthly, max_age_days };
    if wrong.is_empty() { Ok((retention, jitter)) } else { Err(wrong) }
}

/// The browser's time zone.
fn own_time_zone() -> String {
    let options = js_sys::Intl::DateTimeFormat::default().resolved_options();
    let zone = js_sys::Reflect::get(&options, &"timeZone".into()).ok().and_then(|zone| zone.as_string());
    zone.unwrap_or_else(|| "UTC".to_owned())
}

/// The dialog's state.
#[derive(Clone, Copy)]
struct Form {
    cluster: StoredValue<ClusterId>,
    id: StoredValue<Option<ScheduleId>>,
    vault: RwSignal<String>,
    cron: RwSignal<String>,
    time_zone: RwSignal<String>,
    drill_cron: RwSignal<String>,
    numbers: [RwSignal<String>; 7],
    enabled: RwSignal<bool>,
    task: Task,
    toasts: Toasts,
}

impl Form {
    fn new(cluster: StoredValue<ClusterId>, vaults: RwSignal<Vec<Vault>>, of: Option<Schedule>) -> Self {
        let text = RwSignal::new;
        let (id, given) = of.map_or((None, None), |schedule| (Some(schedule.id), Some(schedule.given)));
        let first = vaults.with_untracked(|all| all.first().map(|vault| vault.id.to_string()).unwrap_or_default());
        Self {
            cluster,
            id: StoredValue::new(id),
            vault: text(given.as_ref().map_or(first, |given| given.vault.to_string())),
            cron: text(given.as_ref().map_or("0 */6 * * *".to_owned(), |given| given.cron.clone())),
            time_zone: text(given.as_ref().map_or_else(own_time_zone, |given| given.time_zone.clone())),
            drill_cron: text(given.as_ref().map_or("0 4 * * 0".to_owned(), |given| given.drill_cron.clone())),
            enabled: RwSignal::new(given.as_ref().is_none_or(|given| given.enabled)),
            numbers: given.map_or_else(
                || numbers(Retention::default(), 0).map(text),
                |given| numbers(given.retention, given.jitter_seconds).map(text),
            ),
            task: Task::new(),
            toasts: Toasts::get(),
        }
    }

    fn given(self) -> Result<NewSchedule, Problem> {
        let text = |signal: RwSignal<String>| signal.read_untracked().trim().to_owned();
        let (retention, jitter_seconds) = read_numbers(&self.numbers.map(text)).map_err(Problem::invalid)?;
        let Ok(vault) = text(self.vault).parse() else { return Err(Problem::field("vault", "Choose a vault")) };
        Ok(NewSchedule {
            vault,
            cron: text(self.cron),
            time_zone: text(self.time_zone),
            jitter_seconds,
            retention,
            drill_cron: text(self.drill_cron),
            enabled: self.enabled.get_untracked(),
        })
    }

    fn view(
        self,
        vaults: RwSignal<Vec<Vault>>,
        editing: RwSignal<Option<Editing>>,
        saved: Callback<Schedule>,
    ) -> AnyView {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.task.run(move || async move {
                let given = self.given().map_err(AppError)?;
                let now = rpc::snapshots::save_schedule(self.cluster.get_value(), self.id.get_value(), given).await?;
                self.toasts.say("The schedule was saved");
                let _ = editing.try_set(None);
                saved.try_run(now);
                Ok(())
            });
        };
        let vaults = vaults.with_untracked(|all| {
            all.iter().map(|vault| (vault.id.to_string(), vault.name.clone())).collect::<Vec<_>>()
        });
        let [keep @ .., jitter] = self.numbers;
        let keep = keep.into_iter().zip(NUMBERS).map(|(value, (name, label))| {
            view! { <Field label=label name=format!("schedule_{name}") kind="number" value=value error=self.task.field(name)/> }
                .into_any()
        });
        view! {
            <form class="form" on:submit=submit>
                {line("Snapshots", "schedule", &cron::SNAPSHOTS, self.cron, self.task.field("cron"))}
                <Field label="Time zone" name="schedule_time_zone" value=self.time_zone hint="By its name, as Europe/Berlin or UTC" error=self.task.field("time_zone")/>
                {self.next_runs()}
                <Field
                    label=NUMBERS[6].1
                    name="schedule_jitter_seconds"
                    kind="number"
                    value=jitter
                    hint="So that not all clusters begin in one moment"
                    error=self.task.field("jitter_seconds")
                />
                <Select label="Vault" name="schedule_vault" value=self.vault options=vaults error=self.task.field("vault")/>
                <fieldset class="backup-keeps">
                    <legend>"What is kept of its snapshots"</legend>
                    <p class="muted">"Of each hour, day, week and month the newest, as many as said. The newest good one and protected ones always stay."</p>
                    <div class="backup-numbers">{keep.collect_view()}</div>
                </fieldset>
                {line("Restore drills", "drill", &cron::DRILLS, self.drill_cron, self.task.field("drill_cron"))}
                <p class="field-hint">"A drill restores the newest snapshot into a throw-away etcd and compares keys and digest."</p>
                <CheckBox label="It is on" name="schedule_enabled" value=self.enabled/>
                <ProblemBox problem=self.task.general()/>
                <div class="form-actions">
                    <Button label="Save" look=Look::Primary submit=true busy=self.task.busy/>
                    <Button label="Cancel" on_press=Callback::new(move |()| editing.set(None))/>
                </div>
            </form>
        }
        .boxed()
    }

    /// When the line comes true next, a moment after somebody stopped typing.
    fn next_runs(self) -> AnyView {
        let (told, asked) = (RwSignal::new(Vec::<String>::new()), StoredValue::new(0_u32));
        Effect::new(move |_| {
            let (line, zone) = (self.cron.get(), self.time_zone.get());
            asked.update_value(|n| *n += 1);
            let this = asked.get_value();
            let ask = move || {
                // Typed on meanwhile, or the dialog is closed.
                if asked.try_get_value() != Some(this) {
                    return;
                }
                let (line, zone) = (line.clone(), zone.clone());
                spawn_local(async move {
                    let runs = rpc::snapshots::schedule_runs(line, zone).await.unwrap_or_default();
                    if asked.try_get_value() == Some(this) {
                        let _ = told.try_set(runs.into_iter().map(|run| run.local).collect());
                    }
                });
            };
            set_timeout(ask, PAUSE);
        });
        let words = memo(move || {
            told.with(|told| match told.as_slice() {
                [] => "No next runs: the line or the time zone is not right yet.".to_owned(),
                told => format!("Next: {}", told.join(" · ")),
            })
        });
        view! { <p class="backup-next" role="status">{move || words.get()}</p> }.boxed()
    }
}

/// A choice of lines, and the line itself where it is one's own.
fn line(
    label: &'static str,
    name: &'static str,
    presets: &'static [(&'static str, &'static str)],
    value: RwSignal<String>,
    error: Signal<Option<String>>,
) -> AnyView {
    let known = |line: &str| presets.iter().any(|(preset, _)| *preset == line.trim());
    let choice = RwSignal::new(value.with_untracked(|line| if known(line) { line.trim() } else { OWN }.to_owned()));
    let mut options: Vec<(String, String)> =
        presets.iter().map(|(line, words)| ((*line).to_owned(), (*words).to_owned())).collect();
    options.push((OWN.to_owned(), "By a cron line of your own".to_owned()));
    Effect::new(move |before: Option<String>| {
        let chosen = choice.get();
        if before.is_some_and(|before| before != chosen) && chosen != OWN {
            value.set(chosen.clone());
        }
        chosen
    });
    let of_choice = Signal::derive(move || error.get().filter(|_| choice.with(|choice| choice != OWN)));
    let own = move || {
        choice.with(|choice| choice == OWN).then(|| {
            let hint = "Minute, hour, day of month, month, day of week: 0 */6 * * *";
            view! { <Field label="Cron line" name=format!("{name}_cron") value=value mono=true hint=hint error=error/> }
        })
    };
    view! {
        <Select label=label name=format!("{name}_preset") value=choice options=options error=of_choice/>
        {move || own()}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn numbers_that_nobody_touched_are_saved_as_they_were() {
        let mut given = sample::schedule().given;
        assert_eq!(
            read_numbers(&numbers(given.retention, given.jitter_seconds)),
            Ok((given.retention, given.jitter_seconds))
        );
        (given.retention.max_age_days, given.retention.last) = (Some(0), 0);
        assert_eq!(
            read_numbers(&numbers(given.retention, given.jitter_seconds)),
            Ok((given.retention, given.jitter_seconds))
        );
    }

    #[test]
    fn what_is_no_number_is_told_at_its_field_and_nothing_is_none() {
        let mut typed = numbers(Retention::default(), 60);
        typed[1] = String::new();
        typed[5] = " ".into();
        let (retention, _) = read_numbers(&typed).expect("numbers");
        assert_eq!((retention.hourly, retention.max_age_days), (0, None));
        (typed[2], typed[6]) = ("x".into(), "-1".into());
        let wrong = read_numbers(&typed).expect_err("wrong");
        assert_eq!(wrong.iter().map(|w| w.field.as_str()).collect::<Vec<_>>(), ["daily", "jitter_seconds"]);
    }
}
