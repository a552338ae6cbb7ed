//! Set-up, login and invite: one card, the product's name. Invariant: these are real forms that work without wasm;
//! a code comes in the URL's fragment (which no server sees) or is typed, and leaves the address bar at once.

use crate::{
    components::{
        button::{Button, Look},
        field::Field,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    error::AppError,
    pages::leave_to,
    routes, rpc,
    session::SecretInput,
};
use leptos::{
    prelude::*,
    server::ServerActionError,
    server_fn::{ServerFn, error::ServerFnUrlError},
};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use quorate_domain::Problem;

/// Logging in.
#[component]
pub(crate) fn Login() -> AnyView {
    let (name, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let task = form_task(rpc::access::LogIn::PATH);
    let query = use_query_map();
    let next = memo(move || query.with(|q| routes::safe_next(q.get_str("next").unwrap_or_default()).to_owned()));
    let submit = move || {
        let (name, next) = (name.get_untracked(), next.get_untracked());
        let password = SecretInput::new(password.get_untracked());
        task.run(move || {
            let (name, password, next) = (name.clone(), password.clone(), next.clone());
            async move {
                rpc::access::log_in(name, password, next.clone()).await?;
                leave_to(&next);
                Ok(())
            }
        });
    };
    card("Log in", rpc::access::LogIn::PATH, submit, view! {
        <Field label="Name" name="name" autocomplete="username" value=name error=task.field("name")/>
        <Field label="Password" name="password" kind="password" autocomplete="current-password" value=password error=task.field("password")/>
        <input type="hidden" name="next" value=move || next.get()/>
        <ProblemBox problem=task.general()/>
        <Button label="Log in" look=Look::Primary submit=true busy=task.busy/>
    }.boxed())
}

/// Making the first admin.
#[component]
pub(crate) fn Setup() -> AnyView {
    let (code, name, password) = (code_signal(), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let task = form_task(rpc::access::RedeemSetup::PATH);
    let submit = move || {
        let name = name.get_untracked();
        let (code, password) = (SecretInput::new(code.get_untracked()), SecretInput::new(password.get_untracked()));
        task.run(move || {
            let (code, name, password) = (code.clone(), name.clone(), password.clone());
            async move {
                rpc::access::redeem_setup(code, name, password).await?;
                leave_to(&format!("{}?first=1", routes::ADD_HOSTS));
                Ok(())
            }
        });
    };
    card("Set up this console", rpc::access::RedeemSetup::PATH, submit, view! {
        {progress(0)}
        <Field label="One-time code" name="code" mono=true value=code error=task.field("code") hint="From the terminal, or the file it names. It ends after 30 minutes."/>
        <Field label="Name" name="name" autocomplete="username" value=name error=task.field("name") hint="Your login name; this is the first admin."/>
        <Field label="Password" name="password" kind="password" autocomplete="new-password" value=password error=task.field("password") hint="At least 12 characters; a few words are good."/>
        <ProblemBox problem=task.general()/>
        <Button label="Create the first admin" look=Look::Primary submit=true busy=task.busy/>
    }.boxed())
}

/// Setting a password with an invite (or after a reset).
#[component]
pub(crate) fn Invite() -> AnyView {
    let (code, password) = (code_signal(), RwSignal::new(String::new()));
    let task = form_task(rpc::access::RedeemInvite::PATH);
    let submit = move || {
        let (code, password) = (SecretInput::new(code.get_untracked()), SecretInput::new(password.get_untracked()));
        task.run(move || {
            let (code, password) = (code.clone(), password.clone());
            async move {
                rpc::access::redeem_invite(code, password).await?;
                leave_to(routes::FLEET);
                Ok(())
            }
        });
    };
    card("Choose your password", rpc::access::RedeemInvite::PATH, submit, view! {
        <Field label="One-time code" name="code" mono=true value=code error=task.field("code") hint="From the admin who invited you."/>
        <Field label="Password" name="password" kind="password" autocomplete="new-password" value=password error=task.field("password") hint="At least 12 characters; a few words are good."/>
        <ProblemBox problem=task.general()/>
        <Button label="Set the password and log in" look=Look::Primary submit=true busy=task.busy/>
    }.boxed())
}

/// The three steps of a set-up, with `now` marked.
pub(crate) fn progress(now: usize) -> AnyView {
    let steps = ["You", "The console's SSH key", "The first hosts"];
    let items = steps
        .into_iter()
        .enumerate()
        .map(|(i, words)| view! { <li aria-current=(i == now).then_some("step")>{words}</li> }.boxed())
        .collect_view();
    view! { <ol class="setup-steps" aria-label="Set-up">{items}</ol> }.boxed()
}

fn card(title: &'static str, action: &'static str, submit: impl Fn() + 'static, fields: AnyView) -> AnyView {
    view! {
        <Title text=title/>
        <div class="entry">
            <p class="entry-name">"Quorate"</p>
            <div class="card">
                <h1>{title}</h1>
                <form
                    class="form"
                    method="post"
                    action=action
                    on:submit=move |event| {
                        event.prevent_default();
                        submit();
                    }
                >
                    {fields}
                </form>
            </div>
        </div>
    }
    .boxed()
}

/// A task that begins with what a form posted without wasm came back with.
fn form_task(path: &'static str) -> Task {
    let task = Task::new();
    let failed = use_context::<ServerActionError>().filter(|error| error.path() == path);
    if let Some(error) = failed {
        let AppError(problem) = ServerFnUrlError::<AppError>::decode_err(error.err());
        task.problem.set(Some::<Problem>(problem));
    }
    task
}

/// The code of the URL's fragment, taken out of the address bar and the history.
fn code_signal() -> RwSignal<String> {
    let code = RwSignal::new(String::new());
    Effect::new(move |_| {
        let hash = window().location().hash().unwrap_or_default();
        let typed = hash.trim_start_matches('#');
        if !typed.is_empty() {
            code.set(typed.to_owned());
            let path = window().location().pathname().unwrap_or_default();
            if let Ok(history) = window().history() {
                let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&path));
            }
        }
    });
    code
}
