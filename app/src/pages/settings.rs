//! Settings: the own account and the console's SSH key; users and tokens are beside it.

use crate::{
    components::{
        button::{Button, Look},
        field::Field,
        load::load,
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, Data},
    pages::{add_hosts::key_box, page_head},
    routes, rpc,
    session::{SecretInput, Session},
};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use quorate_domain::Action;

/// The tabs of the settings.
pub(crate) fn tabs() -> AnyView {
    let path = use_location().pathname;
    let tab = move |href: &'static str, label: &'static str| {
        let here = move || path.with(|path| path == href).then_some("page");
        view! { <li><a class="tab" href=href aria-current=here>{label}</a></li> }.boxed()
    };
    view! {
        <nav aria-label="Settings"><ul class="tabs">
            {tab(routes::SETTINGS, "Account")}
            {Session::get().may(Action::ViewUsers).then(|| tab(routes::USERS, "Users"))}
            {tab(routes::TOKENS, "API tokens")}
            {tab(routes::SSH_KEY, "SSH key")}
        </ul></nav>
    }
    .boxed()
}

/// The own password.
#[component]
pub(crate) fn Account() -> AnyView {
    let session = Session::get();
    let (current, new) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let task = Task::new();
    let toasts = Toasts::get();
    let save = move || {
        let (old, next) = (SecretInput::new(current.get_untracked()), SecretInput::new(new.get_untracked()));
        task.run(move || {
            let (old, next) = (old.clone(), next.clone());
            async move {
                rpc::access::change_password(old, next).await?;
                current.set(String::new());
                new.set(String::new());
                toasts.say("Your password was changed; your other sessions ended");
                Ok(())
            }
        });
    };
    view! {
        {page_head("Settings", ().into_any())}
        {tabs()}
        <section class="panel panel-narrow" aria-label="Own password">
            <h2>"Own password"</h2>
            <p class="muted">"You are "{session.name()}", "{session.role().map(|r| r.to_string())}"."</p>
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    save();
                }
            >
                <input type="hidden" name="username" autocomplete="username" value=session.name()/>
                <Field label="Current password" name="current" kind="password" autocomplete="current-password" value=current error=task.field("current")/>
                <Field label="New password" name="new" kind="password" autocomplete="new-password" value=new error=task.field("password") hint="At least 12 characters."/>
                <ProblemBox problem=task.general()/>
                <div class="form-actions"><Button label="Change password" look=Look::Primary submit=true busy=task.busy/></div>
            </form>
        </section>
    }
    .boxed()
}

/// The console's public key.
#[component]
pub(crate) fn SshKey() -> AnyView {
    let key = Data::new(rpc::hosts::public_key);
    view! {
        {page_head("Settings", ().into_any())}
        {tabs()}
        <section class="panel" aria-label="SSH key">
            <h2>"The console's SSH key"</h2>
            <p>"Run this on each host, as the login that the console will use:"</p>
            {load(key, key_box)}
        </section>
    }
    .boxed()
}
