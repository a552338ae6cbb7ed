//! The undo bin: what was overwritten or deleted and can be put back. Invariant: it is read when it is opened; nothing is put
//! back over a change that came after.

use super::{browser::Browser, undone};
use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        keyed::keyed,
        problem::ProblemBox,
        task::Task,
        time,
    },
    data::Boxed,
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::keys::KeyUndo;

/// The dialog.
pub(super) fn dialog(browser: Browser, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="Undo bin">{move || content(browser, open)}</Dialog> }.boxed()
}

fn content(browser: Browser, open: RwSignal<bool>) -> AnyView {
    let undos = RwSignal::new(None::<Vec<KeyUndo>>);
    let (reading, task) = (Task::new(), Task::new());
    reading.run(move || async move {
        let all = rpc::keys::key_undos(browser.cluster()).await?;
        let _ = undos.try_set(Some(all));
        Ok(())
    });
    let words = move || {
        undos.with(|undos| match undos {
            None => "Reading…",
            Some(undos) if undos.is_empty() => "Nothing was overwritten or deleted through this console lately.",
            Some(_) => "What was overwritten or deleted through this console, newest first.",
        })
    };
    let back = Callback::new(move |undo: KeyUndo| {
        task.run(move || {
            let undo = undo.clone();
            async move {
                let answer = rpc::keys::undo_edit(browser.cluster(), undo.id).await?;
                let _ = open.try_set(false);
                undone(browser, &undo.key, &answer);
                Ok(())
            }
        });
    });
    let close = Callback::new(move |()| open.set(false));
    view! {
        <p class="muted">{move || words()}</p>
        <ProblemBox problem=reading.problem/>
        <ProblemBox problem=task.problem/>
        <ul class="undos">
            {keyed(
                move || undos.get().unwrap_or_default(),
                |undo: &KeyUndo| undo.id.to_string(),
                move |undo| line(undo, task, back),
            )}
        </ul>
        <div class="form-actions"><Button label="Close" on_press=close/></div>
    }
    .into_any()
}

fn line(undo: &KeyUndo, task: Task, back: Callback<KeyUndo>) -> AnyView {
    let words = undo_words(undo);
    let (at, until, key) = (undo.at, undo.until, undo.key.to_string());
    let taken = undo.clone();
    let press = Callback::new(move |()| {
        back.try_run(taken.clone());
    });
    view! {
        <li class="undo">
            <div>
                <p><bdi><code>{key}</code></bdi></p>
                <p class="muted">{words}" "{time::ago(at)}<span class="sr-only">", kept until "{until.to_utc_text()}</span></p>
            </div>
            <Button label="Put back" look=Look::Bare busy=task.busy on_press=press/>
        </li>
    }
    .boxed()
}

/// `deleted by ann, 12 B`.
fn undo_words(undo: &KeyUndo) -> String {
    let what = if undo.deleted { "deleted" } else { "overwritten" };
    let size = undo.before.size.map_or_else(String::new, |size| format!(", {}", format::bytes(size.0)));
    format!("{what} by {}{size}", undo.actor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{KeyUndoId, Timestamp, keys::Key, wide::Wide};

    #[test]
    fn an_undo_says_what_was_done_and_by_whom() {
        let mut undo = KeyUndo {
            id: KeyUndoId::from_random([1; 10]),
            at: Timestamp(0),
            actor: "ann".into(),
            key: Key::raw("/a"),
            deleted: true,
            revision: Wide(7),
            before: sample::key_meta(),
            until: Timestamp(1),
        };
        assert_eq!(undo_words(&undo), "deleted by ann, 10 B");
        (undo.deleted, undo.before.size) = (false, None);
        assert_eq!(undo_words(&undo), "overwritten by ann");
    }
}
