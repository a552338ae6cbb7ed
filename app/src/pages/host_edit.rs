//! Where and how a host is reached, changed in a dialog. Invariant: a kept sudo password is never shown, only
//! replaced; an empty field keeps it.

use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{Field, Select},
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    rpc,
    session::SecretInput,
};
use leptos::prelude::*;
use quorate_domain::host::{Elevation, HostSummary};

/// Ways to root, as (value, words).
pub(crate) fn elevation_options() -> Vec<(String, String)> {
    [("root", "The login is root"), ("sudo", "sudo without a password"), ("sudo_password", "sudo with a password")]
        .map(|(value, words)| (value.to_owned(), words.to_owned()))
        .into()
}

/// The value of an option.
pub(crate) fn elevation_word(elevation: Elevation) -> &'static str {
    match elevation {
        Elevation::Root => "root",
        Elevation::Sudo => "sudo",
        Elevation::SudoPassword => "sudo_password",
    }
}

/// The elevation of an option; none for "guess".
pub(crate) fn elevation_of(word: &str) -> Option<Elevation> {
    [Elevation::Root, Elevation::Sudo, Elevation::SudoPassword].into_iter().find(|e| elevation_word(*e) == word)
}

/// The dialog.
#[component]
pub(crate) fn EditDialog(open: RwSignal<bool>, host: Memo<HostSummary>, done: Callback<()>) -> AnyView {
    let (name, target, elevation) = host.with_untracked(|h| {
        let elevation = elevation_word(h.elevation).to_owned();
        (RwSignal::new(h.name.clone()), RwSignal::new(h.target()), RwSignal::new(elevation))
    });
    let password = RwSignal::new(String::new());
    let id = host.with_untracked(|h| h.id.clone());
    let task = Task::new();
    let save = Callback::new(move |()| {
        let (id, name, target) = (id.clone(), name.get_untracked(), target.get_untracked());
        let elevation = elevation_of(&elevation.get_untracked()).unwrap_or_default();
        let typed = password.get_untracked();
        let secret = (elevation == Elevation::SudoPassword && !typed.is_empty()).then(|| SecretInput::new(typed));
        task.run(move || {
            let (id, name, target, secret) = (id.clone(), name.clone(), target.clone(), secret.clone());
            async move {
                rpc::hosts::edit_host(id, name, target, elevation, secret).await?;
                password.set(String::new());
                open.set(false);
                done.try_run(());
                Ok(())
            }
        });
    });
    let asks = memo(move || elevation.with(|e| e == "sudo_password"));
    view! {
        <Dialog open=open title="Edit host">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    save.try_run(());
                }
            >
                <Field label="Name" name="host_name" value=name error=task.field("name")/>
                <Field label="SSH target" name="target" mono=true value=target error=task.field("target") hint="user@host:port; another address means its key is asked about again."/>
                <Select label="Root by" name="elevation" value=elevation options=elevation_options()/>
                {move || asks.get().then(|| view! {
                    <Field label="sudo password" name="sudo_password" kind="password" autocomplete="new-password" value=password hint="Kept sealed. Empty keeps the one there is."/>
                })}
                <ProblemBox problem=task.general()/>
                <div class="form-actions">
                    <Button label="Save" look=Look::Primary submit=true busy=task.busy/>
                    <Button label="Not now" on_press=Callback::new(move |()| open.set(false))/>
                </div>
            </form>
        </Dialog>
    }
    .boxed()
}
