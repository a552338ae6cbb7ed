//! The numbered list of steps: the same in a review and while it runs.

use super::{RunSignals, counted, step_words, times};
use crate::{
    clock::Clock,
    components::{badge::badge, effects::effects_fold, keyed::keyed},
    data::{Boxed, memo},
    format,
};
use leptos::prelude::*;
use quorate_domain::{
    operation::{OutputLine, StepState},
    plan::{PlanStep, PlanView},
};

/// The list; with `run`, each step shows its state, time and output.
pub(crate) fn step_list(plan: &PlanView, run: Option<&RunSignals>) -> AnyView {
    let steps = plan
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| step_row(step, i, plan.point_of_no_return == Some(step.index), run))
        .collect_view();
    view! { <ol class="steps" aria-label="Steps">{steps}</ol> }.boxed()
}

fn step_row(step: &PlanStep, index: usize, no_return: bool, run: Option<&RunSignals>) -> AnyView {
    let progress = run.map(|run| progress(run, index));
    let far = run.and_then(|run| Some(how_far(*run.output.get(index)?, run.clone(), index)));
    let output = run.and_then(|run| Some(output_box(*run.output.get(index)?, run.clone(), index)));
    let undo = if run.is_none() { effects_fold("Undo", &step.undo) } else { ().into_any() };
    let no_return =
        no_return.then(|| view! { <p class="no-return">"Point of no return: from here on undo is not offered"</p> });
    let waits = step.waits.as_ref().map(|question| {
        let words = format!("It waits here until a person presses “{}”", question.label);
        view! { <li class="steps-mark"><p class="steps-wait">{words}</p></li> }.boxed()
    });
    view! {
        {no_return.map(|text| view! { <li class="steps-mark">{text}</li> })}
        {waits}
        <li class="step" id=format!("step-{}", step.index + 1)>
            <span class="step-number" aria-hidden="true">{(step.index + 1).to_string()}</span>
            <div class="step-body">
                <div class="step-head">
                    <span class="step-title">{step.title.clone()}</span>
                    <span class="step-targets">{step.targets.join(", ")}</span>
                    {progress}
                </div>
                {far}
                {effects_fold("What runs", &step.effects)}
                {undo}
                {output}
            </div>
        </li>
    }
    .boxed()
}

fn progress(run: &RunSignals, index: usize) -> AnyView {
    let clock = Clock::get();
    let run = run.run;
    let state = memo(move || run.with(|r| r.detail.steps.get(index).copied().unwrap_or_default()));
    let span = memo(move || run.with(|r| times(&r.detail.log, u32::try_from(index).unwrap_or(u32::MAX))));
    let took = move || {
        span.get().map(|(from, to)| match to {
            Some(to) => format::duration(to.since(from)),
            None => format::duration(clock.now().since(from)),
        })
    };
    let shown = move || {
        let (tone, word) = step_words(state.get());
        badge(tone, word.to_owned())
    };
    view! { <span class="step-state">{move || shown()}</span> <span class="step-time">{move || took()}</span> }.boxed()
}

/// A bar for a step that says how far it is.
fn how_far(lines: RwSignal<Vec<OutputLine>>, run: RunSignals, index: usize) -> AnyView {
    let run = run.run;
    let counted = memo(move || {
        let state = run.with(|r| r.detail.steps.get(index).copied().unwrap_or_default());
        let runs = matches!(state, StepState::Running | StepState::Undoing);
        if runs { lines.with(|lines| counted(lines)) } else { None }
    });
    let bar = move || {
        counted.get().map(|counted| {
            view! {
                <div class="step-far">
                    <progress value=counted.done.to_string() max=counted.of.to_string() aria-label="How far the step is"></progress>
                    <span>{counted.to_string()}</span>
                </div>
            }
            .boxed()
        })
    };
    view! { {move || bar()} }.into_any()
}

fn output_box(lines: RwSignal<Vec<OutputLine>>, run: RunSignals, index: usize) -> AnyView {
    let run = run.run;
    // Open by itself where a person looks: at the step that runs or failed.
    let lively = memo(move || {
        run.with(|r| {
            matches!(
                r.detail.steps.get(index),
                Some(StepState::Running | StepState::Failed | StepState::Undoing | StepState::UndoFailed)
            )
        })
    });
    let count = memo(move || lines.with(Vec::len));
    view! {
        <details class="output" class:output-empty=move || count.get() == 0 open=move || lively.get()>
            <summary>"Output"<span class="muted">{move || format::plural(count.get(), "line")}</span></summary>
            <div class="output-lines" role="log" tabindex="0" aria-label="Output">
                {keyed(move || lines.get(), |line| line.seq.to_string(), output_line)}
            </div>
        </details>
    }
    .boxed()
}

fn output_line(line: &OutputLine) -> AnyView {
    view! { <p class="output-line"><span class="output-host">{line.host.clone()}</span><span>{line.text.clone()}</span></p> }.boxed()
}
