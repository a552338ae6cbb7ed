//! The dialog that renames or copies a key. Invariant: the new name must not be there yet, and a rename is one transaction.

use super::{
    detail::Opened,
    new_key::{KEY_HINT, typed_key},
};
use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{CheckBox, Field},
        problem::ProblemBox,
        task::Task,
    },
    data::Boxed,
    rpc,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Problem, ProblemKind,
    keys::{EditOutcome, MoveKey},
};

/// The dialog.
pub(super) fn dialog(opened: Opened, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="Rename or copy">{move || form(opened, open)}</Dialog> }.boxed()
}

fn form(opened: Opened, open: RwSignal<bool>) -> AnyView {
    let from = opened.name();
    let shown = from.to_string();
    let name = RwSignal::new(shown.clone());
    // Whoever may not delete can copy only.
    let delete = opened.browser.rights.delete;
    let keep = RwSignal::new(!delete);
    let task = Task::new();
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        match typed_key("to", &name.get_untracked()) {
            Ok(to) => {
                let asked = MoveKey { from: opened.name(), seen: opened.seen(), to, keep: keep.get_untracked() };
                go(opened, asked, open, task);
            }
            Err(problem) => task.problem.set(Some(problem)),
        }
    };
    let label = Signal::derive(move || if keep.get() { "Copy" } else { "Rename" }.to_owned());
    let cancel = Callback::new(move |()| open.set(false));
    view! {
        <form class="form" on:submit=submit>
            <p>"From "<bdi><code>{shown}</code></bdi>". The lease goes along."</p>
            <Field label="New name" name="to" value=name mono=true hint=KEY_HINT error=task.field("to")/>
            <CheckBox label="Keep the old one, too" name="keep" value=keep disabled=Signal::stored(!delete)/>
            <ProblemBox problem=task.general()/>
            <div class="form-actions">
                <Button label=label look=Look::Primary submit=true busy=task.busy/>
                <Button label="Cancel" on_press=cancel/>
            </div>
        </form>
    }
    .boxed()
}

fn go(opened: Opened, asked: MoveKey, open: RwSignal<bool>, task: Task) {
    task.run(move || {
        let asked = asked.clone();
        async move {
            let (from, to, keep) = (asked.from.clone(), asked.to.clone(), asked.keep);
            let answer = rpc::keys::move_key(opened.browser.cluster(), asked).await?;
            if answer.outcome == EditOutcome::Lost {
                let problem =
                    Problem::new(ProblemKind::Conflict, "The new name is taken, or the key was changed meanwhile");
                return Err(problem
                    .with_detail("Nothing was written. Read the key again, or give another name.")
                    .into());
            }
            let browser = opened.browser;
            let done = if keep { "copied to" } else { "renamed to" };
            let _ = open.try_set(false);
            browser.go(Some(to.clone()));
            opened.done(format!("{from} was {done} {to}."), &answer);
            browser.changed(&to);
            Ok(())
        }
    });
}
