//! API tokens of the own account. Invariant: a token is shown once, in a dialog, and is nowhere else on the page.

use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        copy::CopyBox,
        dialog::Dialog,
        empty::empty_state,
        field::{CheckBox, Field, Select},
        load::load,
        problem::ProblemBox,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, Data},
    pages::{page_head, settings, users::role_options},
    rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{Role, users::TokenSummary};

const COLUMNS: [Column; 6] = [
    Column::text("Name"),
    Column::text("Role"),
    Column::text("Scope"),
    Column::text("Made"),
    Column::text("Last used"),
    Column::actions(),
];

fn row(token: &TokenSummary) -> Row {
    let scope = if token.destructive {
        Cell::Badge { tone: Tone::Risk, text: "destructive".into() }
    } else {
        Cell::Muted("no destructive operations".into())
    };
    Row {
        key: token.id.to_string(),
        cells: vec![
            Cell::Text(token.name.clone()),
            Cell::Text(token.role.to_string()),
            scope,
            Cell::Ago(token.created_at),
            token.last_used.map_or(Cell::Text("never".into()), Cell::Ago),
            Cell::Actions(vec![RowAction { id: "revoke", label: "Revoke" }]),
        ],
    }
}

/// The page.
#[component]
pub(crate) fn Tokens() -> AnyView {
    let data = Data::new(rpc::tokens::tokens);
    let again = Callback::new(move |()| data.refetch());
    view! {
        {page_head("Settings", ().into_any())}
        {settings::tabs()}
        {load(data, move |tokens| list(tokens, again))}
        <section class="panel panel-narrow" aria-label="Make a token">
            <h2>"Make a token"</h2>
            <MakeForm again=again/>
        </section>
    }
    .boxed()
}

fn list(tokens: Vec<TokenSummary>, again: Callback<()>) -> AnyView {
    if tokens.is_empty() {
        return empty_state("No tokens", "Scripts use a token with the API; it dies with your account.", ().into_any());
    }
    let rows: Vec<Row> = tokens.iter().map(row).collect();
    let task = Task::new();
    let toasts = Toasts::get();
    let revoke = Callback::new(move |(key, _): (String, &'static str)| {
        let Some(id) = tokens.iter().find(|t| t.id.as_str() == key).map(|t| t.id.clone()) else { return };
        task.run(move || {
            let id = id.clone();
            async move {
                rpc::tokens::revoke_token(id).await?;
                toasts.say("The token is dead");
                again.try_run(());
                Ok(())
            }
        });
    });
    view! {
        <ProblemBox problem=task.problem/>
        <DataTable caption="API tokens" columns=&COLUMNS rows=rows filter=true on_action=revoke/>
    }
    .boxed()
}

#[component]
fn MakeForm(again: Callback<()>) -> AnyView {
    let most = Session::get().role().unwrap_or(Role::Viewer);
    let (name, role) = (RwSignal::new(String::new()), RwSignal::new(Role::Viewer.to_string()));
    let destructive = RwSignal::new(false);
    let task = Task::new();
    let (made, open) = (RwSignal::new(None::<String>), RwSignal::new(false));
    let make = move || {
        task.run(move || async move {
            let wanted: Role = role.get_untracked().parse().unwrap_or(Role::Viewer);
            let new = rpc::tokens::create_token(name.get_untracked(), wanted, destructive.get_untracked()).await?;
            made.set(Some(new.token));
            open.set(true);
            name.set(String::new());
            again.try_run(());
            Ok(())
        });
    };
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                make();
            }
        >
            <Field label="Name" name="token_name" value=name error=task.field("name") hint="What uses it, such as ci"/>
            <Select label="Role" name="token_role" value=role options=role_options(most)/>
            <CheckBox label="May start destructive operations" name="destructive" value=destructive/>
            <ProblemBox problem=task.general()/>
            <div class="form-actions"><Button label="Make a token" look=Look::Primary submit=true busy=task.busy/></div>
        </form>
        <Dialog open=open title="The token">
            <p>"Copy it now; it is not shown again."</p>
            {move || made.get().map(|token| view! { <CopyBox text=token what="Token"/> })}
            <div class="form-actions">
                <Button label="Done" look=Look::Primary on_press=Callback::new(move |()| {
                    made.set(None);
                    open.set(false);
                })/>
            </div>
        </Dialog>
    }
    .boxed()
}
