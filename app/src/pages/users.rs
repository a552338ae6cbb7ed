//! Users: who may log in, and as what. Invariant: a one-time code is shown once, in a dialog, and is nowhere else.

mod key_rules;

use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        copy::CopyBox,
        dialog::Dialog,
        field::{Field, Select},
        load::load,
        problem::ProblemBox,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, Data},
    pages::{page_head, settings},
    routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Role, Timestamp,
    users::{OneTimeCode, UserState, UserSummary},
};

const COLUMNS: [Column; 5] =
    [Column::text("Name"), Column::text("Role"), Column::text("State"), Column::text("Last login"), Column::actions()];

fn row(user: &UserSummary) -> Row {
    let (tone, word) = match user.state {
        UserState::Active => (Tone::Ok, "active"),
        UserState::Invited => (Tone::Info, "invited"),
        UserState::Disabled => (Tone::Quiet, "disabled"),
    };
    Row {
        key: user.id.to_string(),
        cells: vec![
            Cell::Text(user.name.clone()),
            Cell::Text(user.role.to_string()),
            Cell::Badge { tone, text: word.into() },
            user.last_login.map_or(Cell::Text("never".into()), Cell::Ago),
            Cell::Actions(vec![RowAction { id: "change", label: "Change" }, RowAction { id: "keys", label: "Keys…" }]),
        ],
    }
}

/// Roles as options.
pub(crate) fn role_options(most: Role) -> Vec<(String, String)> {
    let words = |role| match role {
        Role::Viewer => "viewer: sees status",
        Role::Operator => "operator: guarded changes",
        Role::Admin => "admin: everything",
    };
    Role::ALL.into_iter().filter(|r| *r <= most).map(|r| (r.to_string(), words(r).to_owned())).collect()
}

/// A code to hand over, with where to use it.
#[derive(Clone, PartialEq)]
struct Shown {
    link: String,
    until: Timestamp,
}

/// The page.
#[component]
pub(crate) fn Users() -> AnyView {
    let data = Data::new(rpc::users::users);
    let again = Callback::new(move |()| data.refetch());
    let shown = RwSignal::new(None::<Shown>);
    view! {
        {page_head("Settings", ().into_any())}
        {settings::tabs()}
        {load(data, move |users| list(users, again, shown))}
        <section class="panel panel-narrow" aria-label="Invite a user">
            <h2>"Invite a user"</h2>
            <InviteForm again=again shown=shown/>
        </section>
        <CodeDialog shown=shown/>
    }
    .boxed()
}

fn show(shown: RwSignal<Option<Shown>>, code: OneTimeCode) {
    let origin = window().location().origin().unwrap_or_default();
    let link = format!("{origin}{}#{}", routes::INVITE, code.code);
    shown.set(Some(Shown { link, until: code.expires_at }));
}

fn list(users: Vec<UserSummary>, again: Callback<()>, shown: RwSignal<Option<Shown>>) -> AnyView {
    let rows: Vec<Row> = users.iter().map(row).collect();
    let chosen = RwSignal::new(None::<UserSummary>);
    let (open, keys) = (RwSignal::new(false), RwSignal::new(false));
    let on_action = Callback::new(move |(key, action): (String, &'static str)| {
        chosen.set(users.iter().find(|u| u.id.as_str() == key).cloned());
        if action == "keys" { keys.set(true) } else { open.set(true) }
    });
    let title =
        Signal::derive(move || chosen.with(|u| u.as_ref().map_or(String::new(), |u| format!("Change {}", u.name))));
    view! {
        <DataTable caption="Users" columns=&COLUMNS rows=rows filter=true on_action=on_action/>
        <Dialog open=open title=title>
            {move || chosen.get().map(|user| view! { <Change user=user again=again shown=shown open=open/> })}
        </Dialog>
        {key_rules::dialog(chosen, keys)}
    }
    .boxed()
}

#[component]
fn Change(user: UserSummary, again: Callback<()>, shown: RwSignal<Option<Shown>>, open: RwSignal<bool>) -> AnyView {
    let task = Task::new();
    let toasts = Toasts::get();
    let role = RwSignal::new(user.role.to_string());
    let disabled = user.state == UserState::Disabled;
    let id = StoredValue::new(user.id.clone());
    let own = Session::get().name() == user.name;
    let done = move |words: &'static str| {
        toasts.say(words);
        open.set(false);
        again.try_run(());
    };
    let save = Callback::new(move |()| {
        task.run(move || async move {
            let wanted: Role = role.get_untracked().parse().unwrap_or(Role::Viewer);
            rpc::users::set_role(id.get_value(), wanted).await?;
            done("The role was changed; the user's sessions ended");
            Ok(())
        });
    });
    let toggle = Callback::new(move |()| {
        task.run(move || async move {
            rpc::users::set_disabled(id.get_value(), !disabled).await?;
            done(if disabled {
                "The user can log in again"
            } else {
                "The user is disabled; sessions and tokens are dead"
            });
            Ok(())
        });
    });
    let reset = Callback::new(move |()| {
        task.run(move || async move {
            let code = rpc::users::reset_password(id.get_value()).await?;
            done("The old password is worth nothing now");
            show(shown, code);
            Ok(())
        });
    });
    view! {
        <div class="form">
            {own.then(|| view! { <p class="muted">"This is you: role and state are changed by another admin."</p> })}
            <Select label="Role" name="role" value=role options=role_options(Role::Admin)/>
            <ProblemBox problem=task.problem/>
            <div class="form-actions">
                <Button label="Save role" look=Look::Primary busy=task.busy disabled=own on_press=save/>
                <Button label=if disabled { "Enable" } else { "Disable" } look=Look::Danger busy=task.busy disabled=own on_press=toggle/>
                <Button label="Reset password" busy=task.busy disabled=own on_press=reset/>
            </div>
        </div>
    }
    .boxed()
}

#[component]
fn InviteForm(again: Callback<()>, shown: RwSignal<Option<Shown>>) -> AnyView {
    let (name, role) = (RwSignal::new(String::new()), RwSignal::new(Role::Viewer.to_string()));
    let task = Task::new();
    let invite = move || {
        task.run(move || async move {
            let wanted: Role = role.get_untracked().parse().unwrap_or(Role::Viewer);
            let code = rpc::users::invite_user(name.get_untracked(), wanted).await?;
            name.set(String::new());
            again.try_run(());
            show(shown, code);
            Ok(())
        });
    };
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                invite();
            }
        >
            <Field label="Name" name="name" value=name error=task.field("name")/>
            <Select label="Role" name="invite_role" value=role options=role_options(Role::Admin)/>
            <ProblemBox problem=task.general()/>
            <div class="form-actions"><Button label="Invite" look=Look::Primary submit=true busy=task.busy/></div>
        </form>
    }
    .boxed()
}

#[component]
fn CodeDialog(shown: RwSignal<Option<Shown>>) -> AnyView {
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if shown.with(Option::is_some) {
            open.set(true);
        }
    });
    let body = move || {
        shown.get().map(|code| {
            view! {
                <CopyBox text=code.link what="Link"/>
                <p class="muted">"It works once, until "{code.until.to_utc_text()}"."</p>
            }
        })
    };
    view! {
        <Dialog open=open title="One-time link">
            <p>"Give this to the user; it is not shown again."</p>
            {move || body()}
            <div class="form-actions">
                <Button label="Done" look=Look::Primary on_press=Callback::new(move |()| {
                    shown.set(None);
                    open.set(false);
                })/>
            </div>
        </Dialog>
    }
    .boxed()
}
