//! One operation: what happened so far, and what can be pressed? Invariant: the list of steps is the reviewed one,
//! filling in; a failure shows its reason in words, then the raw output, then the choices.

use crate::{
    clock::Clock,
    components::{
        badge::{Tone, badge},
        button::{Button, Look, link_button},
        copy::copy_text,
        icon::Icon,
        load::load,
        problem::ProblemBox,
        steps::{Run, RunSignals, state_words, step_list},
        sure::Sure,
        task::Task,
        time,
        toast::Toasts,
    },
    data::{Boxed, Data, memo},
    format,
    live::{Live, Watched},
    pages::{no_such, path_id, tab_title},
    routes, rpc,
    session::Session,
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, ClusterId, OperationId, Role,
    live::LiveMessage,
    operation::{Choice, OperationDetail, OperationState},
    plan::PlanView,
};

/// The page.
#[component]
pub(crate) fn Operation() -> AnyView {
    let id = path_id();
    let data =
        Data::keyed(
            id,
            |id| async move { rpc::operations::operation(id.parse().map_err(|_| no_such("operation"))?).await },
        );
    load(data, move |detail| operation(detail, Callback::new(move |()| data.refetch())))
}

fn operation(detail: OperationDetail, refetch: Callback<()>) -> AnyView {
    let live = Live::get();
    let id = detail.summary.id.clone();
    let role = Session::get().role().unwrap_or(Role::Viewer);
    let run = Run::new(detail, role);
    live.watch(Watched::Output(id.clone(), run.last_line()));
    let signals = RunSignals::new(run);
    let listening = signals.clone();
    let again = id.clone();
    live.listen(Callback::new(move |message| match message {
        LiveMessage::Hello { .. } => read_again(signals.run, again.clone(), role),
        message => listening.apply(&message),
    }));
    let run = signals.run;
    let title = move || run.with(|r| r.detail.summary.title.clone());
    let steps = run.with_untracked(|r| step_list(&r.detail.plan, Some(&signals)));
    view! {
        {tab_title(title)}
        <header class="page-head">
            <h1>{move || title()}</h1>
            <div class="page-actions"><Runbook run=run/></div>
        </header>
        {status(run)}
        {outcome(run)}
        <Choices run=run id=id refetch=refetch/>
        <section class="panel" aria-label="Steps">{steps}</section>
    }
    .boxed()
}

/// Reads the operation anew: some of its entries may have come while there was no stream. The page stays; it would open
/// another stream otherwise.
fn read_again(run: RwSignal<Run>, id: OperationId, role: Role) {
    spawn_local(async move {
        if let Ok(detail) = rpc::operations::operation(id).await {
            let _ = run.try_set(Run::new(detail, role));
        }
    });
}

#[component]
fn Runbook(run: RwSignal<Run>) -> AnyView {
    let toasts = Toasts::get();
    let copy = Callback::new(move |()| {
        copy_text(run.with_untracked(|r| r.detail.plan.runbook.clone()), toasts, "Runbook");
    });
    view! { <Button label="Copy as shell runbook" look=Look::Bare on_press=copy/> }.boxed()
}

/// State, time, progress, who.
fn status(run: RwSignal<Run>) -> AnyView {
    let clock = Clock::get();
    let state = memo(move || run.with(|r| r.detail.summary.state));
    let current = memo(move || run.with(|r| r.detail.summary.current.clone()));
    let done = memo(move || run.with(|r| (r.detail.summary.steps_done, r.detail.summary.steps_total)));
    let span = memo(move || run.with(|r| (r.detail.summary.started_at, r.detail.summary.updated_at)));
    let (actor, started) = run.with_untracked(|r| (r.detail.summary.actor.clone(), r.detail.summary.started_at));
    let took = move || {
        let (from, to) = span.get();
        format::duration(if state.get().active() { clock.now().since(from) } else { to.since(from) })
    };
    let words = move || {
        let state = state.get();
        let at = if state.active() && !current.with(String::is_empty) {
            format!(": {}", current.get())
        } else {
            String::new()
        };
        badge(Tone::from(state), format!("{}{at}", state_words(state)))
    };
    view! {
        <div class="run-status">
            <div role="status" aria-live="polite">{move || words()}</div>
            <progress
                aria-label="Steps done"
                max=move || done.get().1.to_string()
                value=move || done.get().0.to_string()
            ></progress>
            <p class="muted">
                {move || format!("{} of {} steps · ", done.get().0, done.get().1)}{move || took()}" · started by "{actor}" "{time::ago(started)}
            </p>
        </div>
    }
    .boxed()
}

/// What it came to: a link to the cluster, or why it rests.
fn outcome(run: RwSignal<Run>) -> AnyView {
    let of_keys = run.with_untracked(|r| is_of_keys(&r.detail.plan.kind));
    let restored = run.with_untracked(|r| restored_token(&r.detail.plan));
    let told = memo(move || {
        run.with(|r| {
            let s = &r.detail.summary;
            (s.state, s.reason.clone(), s.cluster.clone(), r.detail.soaked)
        })
    });
    let view = move || {
        let (state, reason, cluster, soaked) = told.get();
        match state {
            OperationState::Waiting => Some(view! {
                <div class="note tone-risk" role="alert">
                    {Icon::Risk.view()}
                    <div><p class="note-title">"It waits for a person"</p><p>{reason}</p></div>
                </div>
            }.boxed()),
            OperationState::Stuck => Some(view! {
                <div class="note tone-bad" role="alert">
                    {Icon::Bad.view()}
                    <div>
                        <p class="note-title">{if reason.is_empty() { "It was stopped".to_owned() } else { reason }}</p>
                        <p>"The output of the step is below. Nothing more happens until somebody chooses."</p>
                    </div>
                </div>
            }.boxed()),
            OperationState::Done if of_keys => {
                let to = cluster.map(|id| link_button(Look::Primary, routes::cluster_keys(&id), "To the keys"));
                Some(view! {
                    <div class="note tone-ok">
                        {Icon::Ok.view()}
                        <div>
                            <p class="note-title">"Done"</p>
                            <p>"The last line of each step's output says how many keys that were. What was there before is among the cluster's kept files for 7 days."</p>
                            {to}
                        </div>
                    </div>
                }.boxed())
            }
            OperationState::Done => {
                let back = restored.as_ref().zip(cluster.as_ref()).map(|(token, id)| way_back(id, token));
                let to = cluster.map(|id| link_button(Look::Primary, routes::cluster(&id), "To the cluster"));
                let soak = match soaked {
                    Some(true) => "It held for 30 s after that.",
                    Some(false) => "It did not hold for 30 s: look at the cluster.",
                    None => "All members answered, one leads, and a test key was read back through each.",
                };
                Some(view! {
                    <div class=if soaked == Some(false) { "note tone-risk" } else { "note tone-ok" }>
                        {if soaked == Some(false) { Icon::Risk } else { Icon::Ok }.view()}
                        <div><p class="note-title">"Done and verified"</p><p>{soak}</p>{to}{back}</div>
                    </div>
                }.boxed())
            }
            _ => None,
        }
    };
    view! { <div aria-live="polite">{move || view()}</div> }.boxed()
}

/// The token of a restore in place, by which what it set aside is found again.
fn restored_token(plan: &PlanView) -> Option<String> {
    let token = plan.params.get("token")?.as_str()?;
    (plan.kind == "restore_in_place").then(|| token.to_owned())
}

/// Clients are in, and there is still a way back; its review says what it would lose.
fn way_back(cluster: &ClusterId, token: &str) -> AnyView {
    if !Session::get().may(Action::RunDangerous) {
        return ().into_any();
    }
    let path = routes::return_from_restore(cluster, token);
    view! {
        <p>"What was there before lies aside on each host. It can still come back; what was written since the restore would be lost then, and the review says how much that is."</p>
        {link_button(Look::Plain, path, "Bring back what was there before…")}
    }
    .into_any()
}

/// Whether a kind works on keys and leaves members alone.
fn is_of_keys(kind: &str) -> bool {
    ["delete_keys", "import_keys", "copy_keys"].contains(&kind)
}

/// Words of a choice: (button, question, what it does).
fn choice_words(choice: Choice) -> (&'static str, &'static str, &'static str) {
    match choice {
        Choice::Proceed => ("Go on", "Go on?", "The next step begins."),
        Choice::Retry => ("Retry", "", "Goes on with the step that failed or was stopped."),
        Choice::Cancel => (
            "Cancel",
            "",
            "Stops after the step that runs, or within it where it works on many keys; what to do then is asked.",
        ),
        Choice::Skip => ("Skip this step", "Skip the failed step?", "It is left out; the checks after it still run."),
        Choice::Undo => (
            "Undo everything",
            "Undo everything?",
            "All steps that were begun are taken back, last first, to what was there before.",
        ),
        Choice::HandOver => (
            "Hand over",
            "Hand the rest over?",
            "The operation ends here and frees its hosts. The rest is yours, as a shell runbook.",
        ),
    }
}

#[component]
fn Choices(run: RwSignal<Run>, id: OperationId, refetch: Callback<()>) -> AnyView {
    let choices = memo(move || run.with(|r| r.detail.choices.clone()));
    let task = Task::new();
    let live = Live::get();
    let asked = RwSignal::new(None::<Choice>);
    let open = RwSignal::new(false);
    let steer = Callback::new(move |choice: Choice| {
        let id = id.clone();
        open.set(false);
        task.run(move || {
            let id = id.clone();
            async move {
                let summary = rpc::operations::steer(id, choice).await?;
                // The stream tells as well; without one this page is right all the same.
                if !summary.state.active() || live.quiet() {
                    refetch.try_run(());
                }
                Ok(())
            }
        });
    });
    let press = move |choice: Choice| {
        Callback::new(move |()| {
            if choice_words(choice).1.is_empty() {
                steer.try_run(choice);
            } else {
                asked.set(Some(choice));
                open.set(true);
            }
        })
    };
    // What goes on is said by the step that waits.
    let label = move |choice: Choice| {
        let asked = || run.with(|r| r.question().map(|question| question.label.clone()));
        let own = if choice == Choice::Proceed { asked() } else { None };
        own.unwrap_or_else(|| choice_words(choice).0.to_owned())
    };
    let button = move |choice: Choice| {
        let look = if matches!(choice, Choice::Retry | Choice::Proceed) { Look::Primary } else { Look::Plain };
        view! { <Button label=Signal::derive(move || label(choice)) look=look busy=task.busy on_press=press(choice)/> }
            .boxed()
    };
    let title = Signal::derive(move || match asked.get() {
        Some(Choice::Proceed) => format!("{}?", label(Choice::Proceed)),
        other => other.map_or("", |choice| choice_words(choice).1).to_owned(),
    });
    let said = move || match asked.get() {
        Some(Choice::Proceed) => run.with(|r| r.question().map(|q| q.sentence.clone())).unwrap_or_default(),
        other => other.map_or("", |choice| choice_words(choice).2).to_owned(),
    };
    let yes = Signal::derive(move || asked.get().map_or_else(String::new, label));
    let go = Callback::new(move |()| {
        if let Some(choice) = asked.get_untracked() {
            steer.try_run(choice);
        }
    });
    view! {
        <div class="form-actions run-choices" role="group" aria-label="Choices">
            {move || choices.get().into_iter().map(button).collect_view()}
        </div>
        <ProblemBox problem=task.problem/>
        <Sure open=open title=title yes=yes no="Not now" on_yes=go>
            <p>{move || said()}</p>
        </Sure>
    }
    .boxed()
}
