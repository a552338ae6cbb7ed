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
    cluster,
    entry::{Invite, Login, Setup},
    fleet::Fleet,
    host::Host,
    hosts::Hosts,
    operation::Operation,
    operations::Operations,
    settings::{Account, SshKey},
    tokens::Tokens,
    users::Users,
};
use wizards::install_cluster::InstallCluster;

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
                    <Route path=path!("/") view=Fleet ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/install") view=InstallCluster ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id") view=cluster::Overview ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:id/operations") view=cluster::Operations ssr=SsrMode::Async/>
                    <Route path=path!("/hosts") view=Hosts ssr=SsrMode::Async/>
                    <Route path=path!("/hosts/add") view=AddHosts ssr=SsrMode::Async/>
                    <Route path=path!("/hosts/:id") view=Host ssr=SsrMode::Async/>
                    <Route path=path!("/operations") view=Operations ssr=SsrMode::Async/>
                    <Route path=path!("/operations/:id") view=Operation ssr=SsrMode::Async/>
                    <Route path=path!("/audit") view=Audit ssr=SsrMode::Async/>
                    <Route path=path!("/settings") view=Account ssr=SsrMode::Async/>
                    <Route path=path!("/settings/users") view=Users ssr=SsrMode::Async/>
                    <Route path=path!("/settings/tokens") view=Tokens ssr=SsrMode::Async/>
                    <Route path=path!("/settings/ssh-key") view=SshKey ssr=SsrMode::Async/>
                    <Route path=path!("/login") view=Login ssr=SsrMode::Async/>
                    <Route path=path!("/setup") view=Setup ssr=SsrMode::Async/>
                    <Route path=path!("/invite") view=Invite ssr=SsrMode::Async/>
                </FlatRoutes>
            </Frame>
        </Router>
    }
}
