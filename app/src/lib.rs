//! Quorate's pages: rendered on the server, live in the browser. This file is the whole site on one screen.
//!
//! Invariant: every page is complete HTML before wasm comes (`SsrMode::Async`); the only way to data is `rpc`, which
//! calls `quorate_core::Console`. HTTP, cookies and headers live in the server crate.

#![recursion_limit = "256"]

mod clock;
mod components;
mod data;
pub mod error;
pub mod format;
mod json;
mod live;
mod navigate;
mod order;
mod pages;
mod routes;
mod rpc;
#[cfg(test)]
mod sample;
pub mod session;
mod wizards;

use components::{shell::Frame, toast::Toasts};
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};
use pages::{
    NotFound,
    add_hosts::AddHosts,
    audit::Audit,
    backups::{Backups, SnapshotPage},
    cluster,
    entry::{Invite, Login, Setup},
    fleet::Fleet,
    host::Host,
    hosts::Hosts,
    keys::{CompareKeys, CompareSnapshot, Keys, Leases, SnapshotKeys},
    operation::Operation,
    operations::Operations,
    settings::{Account, SshKey},
    tokens::Tokens,
    users::Users,
};
use wizards::{
    add_member::AddMember, adopt_cluster::AdoptCluster, change_member::ChangeMember, copy_keys::CopyKeys,
    delete_keys::DeleteKeys, edit_settings::EditSettings, import_keys::ImportKeys, install_cluster::InstallCluster,
    replace_member::ReplaceMember, rescue_cluster::RescueCluster, restore_in_place::RestoreInPlace,
    restore_new::RestoreNew, shrink_cluster::ShrinkCluster, update_member_urls::UpdateMemberUrls,
};

/// The HTML around every page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href="/pkg/quorate.css"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body><App/></body>
        </html>
    }
}

/// A page as a plain function pointer: the router's machinery is then compiled once and not once a page.
fn page(page: fn() -> AnyView) -> fn() -> AnyView {
    page
}

/// The site: what every page shares, and the route table.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let session = session::Session::provide();
    let clock = clock::Clock::provide();
    live::Live::provide(clock, session);
    Toasts::provide();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Quorate".into() } else { format!("{title} · Quorate") }/>
        <Router>
            <Frame>
                <FlatRoutes fallback=NotFound>
                    <Route path=path!("/") view=page(Fleet) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/adopt") view=page(AdoptCluster) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/install") view=page(InstallCluster) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id") view=page(cluster::Overview) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/add-member") view=page(AddMember) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/replace/:member") view=page(ReplaceMember) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/addresses/:member") view=page(UpdateMemberUrls) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/change/:kind/:member") view=page(ChangeMember) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/shrink") view=page(ShrinkCluster) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/restore") view=page(RestoreInPlace) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/rescue") view=page(RescueCluster) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/settings") view=page(EditSettings) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/config") view=page(cluster::Config) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/logs") view=page(cluster::Logs) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/keys") view=page(Keys) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/copy-keys") view=page(CopyKeys) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/delete-keys") view=page(DeleteKeys) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/import-keys") view=page(ImportKeys) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/compare-keys") view=page(CompareKeys) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/leases") view=page(Leases) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/backups") view=page(cluster::Backups) ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/operations") view=page(cluster::Operations) ssr=SsrMode::Async/>
                    <Route path=path!("/hosts") view=page(Hosts) ssr=SsrMode::Async/>
                    <Route path=path!("/hosts/add") view=page(AddHosts) ssr=SsrMode::Async/>
                    <Route path=path!("/hosts/:id") view=page(Host) ssr=SsrMode::Async/>
                    <Route path=path!("/hosts/:id/change/:kind/:member") view=page(ChangeMember) ssr=SsrMode::Async/>
                    <Route path=path!("/operations") view=page(Operations) ssr=SsrMode::Async/>
                    <Route path=path!("/operations/:id") view=page(Operation) ssr=SsrMode::Async/>
                    <Route path=path!("/backups") view=page(Backups) ssr=SsrMode::Async/>
                    <Route path=path!("/snapshots/:id") view=page(SnapshotPage) ssr=SsrMode::Async/>
                    <Route path=path!("/snapshots/:id/keys") view=page(SnapshotKeys) ssr=SsrMode::Async/>
                    <Route path=path!("/snapshots/:id/compare") view=page(CompareSnapshot) ssr=SsrMode::Async/>
                    <Route path=path!("/snapshots/:id/restore-new") view=page(RestoreNew) ssr=SsrMode::Async/>
                    <Route path=path!("/audit") view=page(Audit) ssr=SsrMode::Async/>
                    <Route path=path!("/settings") view=page(Account) ssr=SsrMode::Async/>
                    <Route path=path!("/settings/users") view=page(Users) ssr=SsrMode::Async/>
                    <Route path=path!("/settings/tokens") view=page(Tokens) ssr=SsrMode::Async/>
                    <Route path=path!("/settings/ssh-key") view=page(SshKey) ssr=SsrMode::Async/>
                    <Route path=path!("/login") view=page(Login) ssr=SsrMode::Async/>
                    <Route path=path!("/setup") view=page(Setup) ssr=SsrMode::Async/>
                    <Route path=path!("/invite") view=page(Invite) ssr=SsrMode::Async/>
                </FlatRoutes>
            </Frame>
        </Router>
    }
}
