//! The wizard of the kind `install_cluster`. Invariant: the form keeps what was typed while the plan is reviewed;
//! what it sends is made by `draft::Draft::params`, which is tested without a browser.

mod choose;
mod draft;
mod form;
mod offer;

use crate::{
    components::{load::load, plan_review::PlanReview},
    data::{Boxed, Data, memo},
    pages::page_head,
    rpc,
};
use form::Form;
use leptos::prelude::*;
use quorate_domain::{host::HostSummary, plan::PlanView};

/// The page.
#[component]
pub(crate) fn InstallCluster() -> AnyView {
    let hosts = Data::new(rpc::hosts::hosts);
    view! {
        {page_head("Install a cluster", ().into_any())}
        {load(hosts, wizard)}
    }
    .boxed()
}

fn wizard(hosts: Vec<HostSummary>) -> AnyView {
    let plan = RwSignal::new(None::<PlanView>);
    let form = Form::new(hosts);
    let back = Callback::new(move |()| plan.set(None));
    let stage = memo(move || plan.with(Option::is_some));
    view! {
        <ol class="setup-steps" aria-label="Progress">
            <li aria-current=move || (!stage.get()).then_some("step")>"Choose"</li>
            <li aria-current=move || stage.get().then_some("step")>"Review the plan"</li>
            <li>"Watch it run"</li>
        </ol>
        {move || match plan.get() {
            Some(plan) => view! { <PlanReview plan=plan run_label="Install" back=back/> }.boxed(),
            None => form::view(form, plan),
        }}
    }
    .boxed()
}
