//! The dialog that asks for the password again before something destructive. Invariant: one a page; whatever was
//! refused goes on by itself afterwards, with what was reviewed.

use super::{
    button::{Button, Look},
    dialog::Dialog,
    field::Field,
    problem::ProblemBox,
};
use crate::{
    data::Boxed,
    rpc,
    session::{SecretInput, Session},
};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::Problem;

/// What waits for the password.
#[derive(Clone, Copy)]
pub(crate) struct Reauth {
    open: RwSignal<bool>,
    then: StoredValue<Option<Callback<()>>>,
}

impl Reauth {
    /// Makes it for the page.
    pub(crate) fn provide() -> Self {
        let reauth = Self { open: RwSignal::new(false), then: StoredValue::new(None) };
        provide_context(reauth);
        reauth
    }

    /// Asks for the password, then runs `then`.
    pub(crate) fn ask(self, then: Callback<()>) {
        self.then.set_value(Some(then));
        self.open.set(true);
    }
}

/// The dialog.
#[component]
pub(crate) fn ReauthDialog(reauth: Reauth) -> AnyView {
    let session = Session::get();
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<Problem>);
    let submit = move || {
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            let result = rpc::access::reauthenticate(SecretInput::new(password.get_untracked())).await;
            busy.set(false);
            password.set(String::new());
            match result {
                Ok(()) => {
                    reauth.open.set(false);
                    if let Some(then) = reauth.then.get_value() {
                        then.try_run(());
                    }
                }
                Err(error) => problem.set(Some(error.0)),
            }
        });
    };
    view! {
        <Dialog open=reauth.open title="Your password again">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    submit();
                }
            >
                <p>"This can do harm, so the console asks who you are. It counts for five minutes."</p>
                <input type="hidden" name="username" autocomplete="username" value=session.name()/>
                <Field label="Password" name="reauth_password" kind="password" autocomplete="current-password" value=password/>
                <ProblemBox problem=problem/>
                <div class="form-actions">
                    <Button label="Go on" look=Look::Primary submit=true busy=busy/>
                    <Button label="Not now" on_press=Callback::new(move |()| reauth.open.set(false))/>
                </div>
            </form>
        </Dialog>
    }
    .boxed()
}
