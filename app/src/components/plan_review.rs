//! The review that every wizard ends in: what will happen, what was found, how far back there is. Invariant: the
//! digest that is sent is the one of the plan on screen.

use super::{
    badge::{Tone, badge},
    button::{Button, Look},
    checks,
    copy::copy_text,
    field::Field,
    icon::Icon,
    problem::ProblemBox,
    steps::step_list,
    task::Task,
    toast::Toasts,
};
use crate::data::Boxed;
use crate::{format, navigate::Navigator, routes, rpc};
use leptos::prelude::*;
use quorate_domain::{
    OperationId,
    plan::{PlanView, StartRequest, Verdict},
};

/// `can be undone until step 5`, as the heading says it.
fn way_back(plan: &PlanView) -> String {
    match plan.point_of_no_return {
        None => "can be undone at every step".into(),
        Some(0) => "cannot be undone".into(),
        Some(step) => format!("can be undone until step {step}"),
    }
}

/// The request that starts `plan` as it stands on screen.
fn start_request(plan: &PlanView, typed: &str) -> StartRequest {
    StartRequest {
        kind: plan.kind.clone(),
        params: plan.params.clone(),
        digest: plan.digest.clone(),
        confirm: plan.confirm.as_ref().map(|_| typed.to_owned()),
    }
}

/// The review. `run_label` is the word on the button ("Install"), `back` goes to the form.
#[component]
pub(crate) fn PlanReview(plan: PlanView, run_label: &'static str, back: Callback<()>) -> AnyView {
    let plan = RwSignal::new(plan);
    let changed = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    let task = Task::new();
    let navigator = Navigator::get();
    let started = Callback::new(move |id: OperationId| {
        navigator.go(routes::operation(&id));
    });
    let start = Callback::new(move |()| {
        let request = plan.with_untracked(|plan| start_request(plan, &typed.get_untracked()));
        task.run(move || {
            let request = request.clone();
            async move {
                let answer = rpc::operations::start(request).await?;
                if let Some(operation) = answer.operation {
                    started.try_run(operation);
                }
                if let Some(new) = answer.changed {
                    changed.set(true);
                    plan.set(new);
                }
                Ok(())
            }
        });
    });
    let confirm = move || plan.with(|p| p.confirm.clone()).map(|name| confirm_field(&name, typed, task));
    let may = Signal::derive(move || {
        plan.with(|p| p.startable() && p.confirm.as_ref().is_none_or(|name| *name == typed.read().trim()))
    });
    let toasts = Toasts::get();
    let runbook = Callback::new(move |()| copy_text(plan.with_untracked(|p| p.runbook.clone()), toasts, "Runbook"));
    view! {
        <section class="review" aria-label="Plan">
            <div role="status">{move || changed.get().then(changed_note)}</div>
            {move || plan.with(review_body)}
            <div class="review-run">
                {move || confirm()}
                <ProblemBox problem=task.general()/>
                <div class="form-actions">
                    <Button label=run_label look=Look::Primary busy=task.busy disabled=Signal::derive(move || !may.get()) on_press=start/>
                    <Button label="Back" on_press=back/>
                    <Button label="Copy as shell runbook" look=Look::Bare on_press=runbook/>
                </div>
                <p class="muted" role="status">
                    {move || plan.with(|p| !p.startable()).then_some("It cannot start while a check says “to fix”.")}
                </p>
            </div>
        </section>
    }
    .boxed()
}

fn changed_note() -> AnyView {
    view! {
        <div class="note tone-risk">
            {Icon::Risk.view()}
            <p>"The facts moved since you looked: nothing was started. This is the plan as it is now; review it again."</p>
        </div>
    }
    .boxed()
}

fn confirm_field(name: &str, typed: RwSignal<String>, task: Task) -> AnyView {
    let name = name.to_owned();
    view! {
        <p>"To go on, type "<strong>{name}</strong>"."</p>
        <Field label="Name" name="confirm" value=typed error=task.field("confirm")/>
    }
    .boxed()
}

fn review_body(plan: &PlanView) -> AnyView {
    let worst = checks::worst(&plan.checks);
    let warnings = plan
        .warnings
        .iter()
        .map(|text| view! { <li class="note tone-risk">{Icon::Risk.view()}<p>{text.clone()}</p></li> }.boxed())
        .collect_view();
    view! {
        <header class="review-head">
            <h2>{plan.title.clone()}</h2>
            <p class="muted">
                "plan "<code>{format::short_id(&plan.digest)}</code>" · about "
                {format::duration(u64::from(plan.expected_seconds) * 1000)}" · "{way_back(plan)}
            </p>
        </header>
        <ul class="review-warnings">{warnings}</ul>
        <section class="panel" aria-label="Checks">
            <h3>"Checks "{badge(verdict_tone(worst), checks::tally(&plan.checks))}</h3>
            {checks::check_list(&plan.checks, true)}
        </section>
        <section class="panel" aria-label="What will happen">
            <h3>{format::plural(plan.steps.len(), "step")}</h3>
            {step_list(plan, None)}
        </section>
    }
    .boxed()
}

fn verdict_tone(verdict: Verdict) -> Tone {
    verdict.into()
}
