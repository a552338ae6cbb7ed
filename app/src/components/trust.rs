//! A host's keys before they are trusted. Invariant: the fingerprints that a person saw are the ones sent back; a
//! key that came in between is refused by the server.

use super::{
    button::{Button, Look},
    icon::Icon,
    problem::ProblemBox,
    task::Task,
};
use crate::data::Boxed;
use crate::{components::toast::Toasts, rpc, session::Session};
use leptos::prelude::*;
use quorate_domain::{
    Action, HostId,
    host::{Contact, HostKey, HostSummary, Trust},
};

/// Whether a person has to decide about this host's keys.
pub(crate) fn waits(host: &HostSummary) -> bool {
    !matches!(host.trust, Trust::Trusted { .. })
}

/// The card; an empty view when the keys are trusted. `done` runs after a press that worked.
pub(crate) fn trust_card(host: &HostSummary, done: Callback<()>) -> AnyView {
    match &host.trust {
        Trust::Trusted { .. } => ().into_any(),
        Trust::Waiting { offered } | Trust::Changed { offered, .. } if offered.is_empty() => unreached(host, done),
        Trust::Waiting { offered } => ask(host, offered, &[], done),
        Trust::Changed { pinned, offered } => ask(host, offered, pinned, done),
    }
}

fn unreached(host: &HostSummary, done: Callback<()>) -> AnyView {
    let (tried, reason) = match &host.contact {
        Contact::Failed { reason, .. } => (true, reason.clone()),
        _ => (false, "Its key is being fetched…".to_owned()),
    };
    let task = Task::new();
    let may = Session::get().may(Action::ManageHosts);
    let again = fetch(task, host.id.clone(), done);
    view! {
        <section class=if tried { "note tone-bad" } else { "note tone-busy" }>
            {if tried { Icon::Bad } else { Icon::Busy }.view()}
            <div>
                <p class="note-title">{host.name.clone()}" · "<code>{host.target()}</code></p>
                <p>{reason}</p>
                {(tried && may).then(|| view! { <Button label="Try again" busy=task.busy on_press=again/> })}
                <ProblemBox problem=task.problem/>
            </div>
        </section>
    }
    .boxed()
}

/// Asks the host for its keys again.
fn fetch(task: Task, id: HostId, done: Callback<()>) -> Callback<()> {
    Callback::new(move |()| {
        let id = id.clone();
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::hosts::fetch_host_keys(id).await?;
                done.try_run(());
                Ok(())
            }
        });
    })
}

fn ask(host: &HostSummary, offered: &[HostKey], pinned: &[HostKey], done: Callback<()>) -> AnyView {
    let changed = !pinned.is_empty();
    let task = Task::new();
    let toasts = Toasts::get();
    let (id, name) = (host.id.clone(), host.name.clone());
    let fingerprints: Vec<String> = offered.iter().map(|key| key.fingerprint.clone()).collect();
    let trust = Callback::new(move |()| {
        let (id, name, fingerprints) = (id.clone(), name.clone(), fingerprints.clone());
        task.run(move || {
            let (id, name, fingerprints) = (id.clone(), name.clone(), fingerprints.clone());
            async move {
                rpc::hosts::trust_host(id, fingerprints).await?;
                toasts.say(format!("{name} is trusted; its facts are being gathered"));
                done.try_run(());
                Ok(())
            }
        });
    });
    let fetch = fetch(task, host.id.clone(), done);
    let label = format!("{} {}", if changed { "Trust the new key of" } else { "Trust" }, host.name);
    let (tone, icon) = if changed { ("note tone-bad", Icon::Bad) } else { ("note tone-risk", Icon::Risk) };
    let look = if changed { Look::Danger } else { Look::Primary };
    view! {
        <section class=tone>
            {icon.view()}
            <div>
                <p class="note-title">{host.name.clone()}" · "<code>{host.target()}</code></p>
                <p>
                    {if changed {
                        "The host offers another key than the trusted one. It was reinstalled, or somebody is in between. Nothing is sent to it until you decide."
                    } else {
                        "Compare with what the host itself prints, then trust it."
                    }}
                </p>
                <ul class="fingerprints">{offered.iter().map(|k| fingerprint("offers", k)).collect_view()}</ul>
                {changed.then(|| view! { <ul class="fingerprints">{pinned.iter().map(|k| fingerprint("trusted", k)).collect_view()}</ul> })}
                <p class="muted">"On the host: "<code>"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"</code></p>
                {Session::get().may(Action::ManageHosts).then(|| view! {
                    <div class="form-actions">
                        <Button label=label look=look busy=task.busy on_press=trust/>
                        <Button label="Fetch its keys again" look=Look::Bare busy=task.busy on_press=fetch/>
                    </div>
                })}
                <ProblemBox problem=task.problem/>
            </div>
        </section>
    }
    .boxed()
}

fn fingerprint(word: &'static str, key: &HostKey) -> AnyView {
    view! { <li><span class="muted">{word}" "{key.algorithm.clone()}</span>" "<code>{key.fingerprint.clone()}</code></li> }
        .boxed()
}
