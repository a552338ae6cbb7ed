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
use form::Form;
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
    let plan = RwSignal::new(None);
    let form = Form::new(hosts);
    super::stages(plan, "Install", move || form::view(form, plan))
}
