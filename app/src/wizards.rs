//! Wizards: one file a kind of operation, named as the kind. Invariant: each gathers parameters and ends in the one
//! shared plan review. Kinds that ask for nothing but a member share `change_member`.

pub(crate) mod add_member;
pub(crate) mod change_member;
pub(crate) mod edit_settings;
pub(crate) mod install_cluster;
pub(crate) mod replace_member;

use crate::{
    components::{plan_review::PlanReview, task::Task},
    data::{Boxed, memo},
    error::AppError,
    rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    Problem,
    install::BinarySource,
    plan::{PlanRequest, PlanView},
    problem::FieldError,
};
use serde::Serialize;

/// A value of a choice and its words.
fn option(value: &str, words: &str) -> (String, String) {
    (value.to_owned(), words.to_owned())
}

/// Where binaries may come from.
fn source_options() -> Vec<(String, String)> {
    vec![
        option("download", "Each host downloads them"),
        option("push", "The console downloads, verifies and pushes them (hosts without internet)"),
        option("installed", "They are in /usr/bin already"),
    ]
}

/// A choice of `source_options`.
fn source(value: &str) -> BinarySource {
    match value {
        "push" => BinarySource::Push,
        "installed" => BinarySource::Installed,
        _ => BinarySource::Download,
    }
}

/// The request for a plan of `kind`.
///
/// # Errors
/// Parameters that cannot be written as JSON (they always can).
fn request(kind: &str, params: &impl Serialize) -> Result<PlanRequest, Vec<FieldError>> {
    let params =
        serde_json::to_value(params).map_err(|e| vec![FieldError { field: String::new(), message: e.to_string() }])?;
    Ok(PlanRequest { kind: kind.into(), params })
}

/// Asks for the plan; problems land at the fields of `task`'s form.
fn ask(task: Task, request: Result<PlanRequest, Vec<FieldError>>, plan: RwSignal<Option<PlanView>>) {
    task.run(move || {
        let request = request.clone();
        async move {
            let request = request.map_err(|fields| AppError(Problem::invalid(fields)))?;
            let answer = rpc::operations::plan(request).await?;
            // The page may be gone by now.
            let _ = plan.try_set(Some(answer));
            Ok(())
        }
    });
}

/// The three stages with the form until there is a plan, and its review then.
fn stages(
    plan: RwSignal<Option<PlanView>>,
    run_label: &'static str,
    form: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    let back = Callback::new(move |()| plan.set(None));
    let stage = memo(move || plan.with(Option::is_some));
    view! {
        <ol class="setup-steps" aria-label="Progress">
            <li aria-current=move || (!stage.get()).then_some("step")>"Choose"</li>
            <li aria-current=move || stage.get().then_some("step")>"Review the plan"</li>
            <li>"Watch it run"</li>
        </ol>
        {move || match plan.get() {
            Some(plan) => view! { <PlanReview plan=plan run_label=run_label back=back/> }.boxed(),
            None => form(),
        }}
    }
    .boxed()
}
