//! The files of keys that the console keeps for a cluster: uploaded ones, and what operations kept before they changed keys. Invariant:
//! they are read when the dialog is opened; dropping one is asked twice, because it may be the only way back.

use super::browser::Browser;
use crate::{
    components::{
        button::{Button, Look, link_button},
        dialog::Dialog,
        field::CheckBox,
        keyed::keyed,
        problem::ProblemBox,
        task::Task,
        time,
        toast::Toasts,
    },
    data::Boxed,
    format, routes, rpc,
};
use leptos::prelude::*;
use quorate_domain::{KeyFileId, OperationId, keys::KeyFile};

/// The dialog.
pub(super) fn dialog(browser: Browser, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="Kept files of keys">{move || content(browser, open)}</Dialog> }.boxed()
}

/// The dialog's state.
#[derive(Clone, Copy)]
struct Kept {
    browser: Browser,
    files: RwSignal<Option<Vec<KeyFile>>>,
    reveal: RwSignal<bool>,
    /// The one that is about to be dropped.
    dropping: RwSignal<Option<KeyFileId>>,
    task: Task,
    toasts: Toasts,
}

fn content(browser: Browser, open: RwSignal<bool>) -> AnyView {
    let kept = Kept {
        browser,
        files: RwSignal::new(None),
        reveal: RwSignal::new(false),
        dropping: RwSignal::new(None),
        task: Task::new(),
        toasts: Toasts::get(),
    };
    let reading = Task::new();
    reading.run(move || async move {
        let all = rpc::keys::key_files(browser.cluster()).await?;
        let _ = kept.files.try_set(Some(all));
        Ok(())
    });
    let words = move || kept.files.with(|files| list_words(files.as_deref(), reading.busy.get()));
    let reveal = browser.rights.values.then(|| {
        let label = "Download with the values of masked keys; the audit trail notes it";
        view! { <CheckBox label=label name="kept_reveal" value=kept.reveal/> }
    });
    let close = Callback::new(move |()| open.set(false));
    view! {
        <p class="muted" role="status">{move || words()}</p>
        <ProblemBox problem=reading.problem/>
        <ProblemBox problem=kept.task.problem/>
        <ul class="kept-files">
            {keyed(
                move || kept.files.get().unwrap_or_default(),
                |file: &KeyFile| file.id.to_string(),
                move |file| kept.line(file),
            )}
        </ul>
        {reveal}
        <div class="form-actions"><Button label="Close" on_press=close/></div>
    }
    .into_any()
}

impl Kept {
    fn line(self, file: &KeyFile) -> AnyView {
        let cluster = self.browser.cluster();
        let import = link_button(Look::Bare, routes::import_kept(&cluster, &file.id), "Use for import");
        let id = StoredValue::new(file.id.clone());
        let link = move || id.with_value(|id| routes::key_file(&cluster, id, self.reveal.get()));
        let values = self.browser.rights.values;
        let download =
            values.then(|| view! { <a class=Look::Bare.class() href={move || link()} download="">"Download"</a> });
        let ask = Callback::new(move |()| self.dropping.set(Some(id.get_value())));
        let mine = move || self.dropping.with(|dropping| id.with_value(|id| dropping.as_ref() == Some(id)));
        view! {
            <li class="kept-file">
                <p class="kept-file-name"><bdi>{file.name.clone()}</bdi></p>
                <p class="muted">{size_words(file)}</p>
                <p class="muted">
                    {why(file)}" · by "{by(file)}" "{time::ago(file.at)}" · kept until "{file.until.to_utc_text()}
                </p>
                <div class="form-actions">
                    {download}
                    {import}
                    <Button label="Drop…" look=Look::Bare on_press=ask/>
                </div>
                {move || mine().then(|| self.confirm(id.get_value()))}
            </li>
        }
        .boxed()
    }

    fn confirm(self, id: KeyFileId) -> AnyView {
        let go = Callback::new(move |()| {
            let id = id.clone();
            self.task.run(move || {
                let id = id.clone();
                async move {
                    rpc::keys::drop_key_file(self.browser.cluster(), id.clone()).await?;
                    self.toasts.say("The file was dropped");
                    let _ = self.dropping.try_set(None);
                    let _ = self.files.try_update(|files| {
                        if let Some(files) = files {
                            files.retain(|file| file.id != id);
                        }
                    });
                    Ok(())
                }
            });
        });
        let leave = Callback::new(move |()| self.dropping.set(None));
        view! {
            <div class="note tone-risk" role="group" aria-label="Drop">
                <div>
                    <p>"Drop it now? What it holds cannot be put back from here any more."</p>
                    <div class="form-actions">
                        <Button label="Drop it" look=Look::Danger busy=self.task.busy on_press=go/>
                        <Button label="Keep it" on_press=leave/>
                    </div>
                </div>
            </div>
        }
        .boxed()
    }
}

fn list_words(files: Option<&[KeyFile]>, busy: bool) -> &'static str {
    match files {
        None if busy => "Reading…",
        None => "",
        Some([]) => "There are none. What you upload, and what is kept before keys are changed, stays here for 7 days.",
        Some(_) => "Sealed, for this cluster alone, newest first. Uploaded ones make room for new ones, oldest first.",
    }
}

/// `1 204 keys, 3 MiB`.
pub(crate) fn size_words(file: &KeyFile) -> String {
    let keys = if file.keys.0 == 1 { "1 key".to_owned() } else { format!("{} keys", format::count(file.keys.0)) };
    format!("{keys}, {}", format::bytes(file.bytes.0))
}

/// What a file was kept for, and by which operation.
fn operation_of(file: &KeyFile) -> Option<(String, OperationId)> {
    let (what, operation) = file.why.rsplit_once(' ')?;
    Some((format::words(what), operation.parse().ok()?))
}

fn why(file: &KeyFile) -> AnyView {
    match operation_of(file) {
        Some((what, operation)) => view! { <a href=routes::operation(&operation)>{what}</a> }.into_any(),
        None => file.why.clone().into_any(),
    }
}

/// The name of an operation says nothing that the link to it does not.
fn by(file: &KeyFile) -> String {
    if operation_of(file).is_some() { "the operation".to_owned() } else { file.actor.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_file_says_what_it_was_kept_for() {
        let operation = OperationId::from_random([2; 10]);
        let mut file = sample::key_file();
        assert_eq!((operation_of(&file), by(&file)), (None, "anna".to_owned()));
        file.why = format!("before delete_keys {operation}");
        assert_eq!(operation_of(&file), Some(("before delete keys".to_owned(), operation)));
        assert_eq!(by(&file), "the operation");
        assert_eq!(size_words(&file), "3 keys, 2 KiB");
    }

    #[test]
    fn an_empty_list_says_what_would_be_in_it() {
        assert!(list_words(Some(&[]), false).starts_with("There are none."));
        assert_eq!((list_words(None, true), list_words(None, false)), ("Reading…", ""));
    }
}
