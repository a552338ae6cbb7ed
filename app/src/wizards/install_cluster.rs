//! The wizard of the kind `install_cluster`. Invariant: the form keeps what was typed while the plan is reviewed;
//! what it sends is made by `draft::Draft::params`, which is tested without a browser.

mod choose;
mod draft;
mod form;
mod offer;

use crate::{
    components::load::load,
    data::{Boxed, Data},
    pages::page_head,
    rpc,
};
pub(super) use form::{Form, view};
use leptos::prelude::*;
use quorate_domain::host::HostSummary;

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
    let (plan, form) = (RwSignal::new(None), Form::new(hosts));
    let submit = Callback::new(move |()| super::ask(form.task, form.draft().request(), plan));
    super::stages(plan, "Install", move || view(form, ().into_any(), submit))
}
