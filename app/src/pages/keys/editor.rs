//! Changing a value. Invariant: what is saved is what was typed, and only if the key is still as it was when the typing began;
//! text is edited as text only where all of the value is text, everything else as base64, so that no byte is lost.

use super::{detail::Opened, merge};
use crate::{
    components::{
        button::{Button, Look},
        field::{Field, Select, TextArea},
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    format, rpc,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    LeaseId, Problem, ProblemKind,
    keys::{
        EditAnswer, EditOutcome, Encoding, Form, Key, LeaseChoice, PutKey, Syntax, VALUE_MAX, ValueQuery, ValueView,
    },
    wide::Wide,
};

/// A value that is being changed.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    /// The value as it was when the typing began.
    pub(super) base: StoredValue<String>,
    /// The revision of the base: what a save must still find.
    pub(super) seen: RwSignal<Wide>,
    pub(super) text: RwSignal<String>,
    pub(super) encoding: Encoding,
    syntax: RwSignal<String>,
    lease: RwSignal<String>,
    lease_id: RwSignal<String>,
    /// What somebody else wrote meanwhile.
    pub(super) lost: RwSignal<Option<Lost>>,
}

/// A race that was lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lost {
    /// What is there now, in the encoding of the draft; none when the key is gone.
    pub(super) theirs: Option<String>,
    /// The revision that the next try must find; 0 when the key is gone.
    pub(super) revision: Wide,
}

impl Draft {
    fn new(view: &ValueView, encoding: Encoding) -> Self {
        let base = match encoding {
            Encoding::Text => view.text.clone(),
            Encoding::Base64 => view.text.split_whitespace().collect(),
        };
        Self {
            text: RwSignal::new(base.clone()),
            base: StoredValue::new(base),
            seen: RwSignal::new(view.meta.mod_revision),
            encoding,
            syntax: RwSignal::new(syntax_of(view, encoding).to_owned()),
            lease: RwSignal::new("keep".to_owned()),
            lease_id: RwSignal::new(String::new()),
            lost: RwSignal::new(None),
        }
    }

    /// Whether something was typed.
    pub(super) fn differs(&self) -> bool {
        self.base.with_value(|base| self.text.with(|text| text != base)) || self.lease.with(|lease| lease != "keep")
    }

    fn put(self, key: Key, syntax: Syntax) -> Result<PutKey, Problem> {
        let choice = lease_choice(&self.lease.get_untracked());
        let lease_id = match choice {
            LeaseChoice::Set => Some(parse_lease(&self.lease_id.get_untracked())?),
            _ => None,
        };
        let value = self.text.get_untracked();
        Ok(PutKey {
            key,
            seen: self.seen.get_untracked(),
            value,
            encoding: self.encoding,
            syntax,
            lease: choice,
            lease_id,
        })
    }
}

/// What a new value is checked for at first: what the old one was.
fn syntax_of(view: &ValueView, encoding: Encoding) -> &'static str {
    match (encoding, view.detected) {
        (Encoding::Text, Form::Json | Form::Tree) => "json",
        (Encoding::Text, Form::Yaml) => "yaml",
        _ => "any",
    }
}

pub(super) fn syntax_named(name: &str) -> Syntax {
    match name {
        "json" => Syntax::Json,
        "yaml" => Syntax::Yaml,
        _ => Syntax::Any,
    }
}

fn lease_choice(name: &str) -> LeaseChoice {
    match name {
        "drop" => LeaseChoice::Drop,
        "set" => LeaseChoice::Set,
        _ => LeaseChoice::Keep,
    }
}

/// A lease's id as it was typed.
pub(super) fn parse_lease(text: &str) -> Result<LeaseId, Problem> {
    let wrong = || Problem::field("lease_id", "Give the lease's id in hexadecimal digits, as in 694d77aa9e38260f");
    text.trim().parse::<LeaseId>().ok().filter(|lease| lease.0 != 0).ok_or_else(wrong)
}

/// Bytes that a text will be.
fn size_of(text: &str, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Text => text.len(),
        Encoding::Base64 => {
            let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count();
            digits * 3 / 4
        }
    }
}

/// `12 B of at most 1.4 MiB`, and whether that is too much.
pub(super) fn size_words(text: &str, encoding: Encoding) -> (String, bool) {
    let size = size_of(text, encoding);
    let words = format!("{} of at most {}", format::bytes(size as u64), format::bytes(VALUE_MAX as u64));
    if size > VALUE_MAX {
        return (format!("{words}: too large. etcd refuses requests of more than 1.5 MiB, so it is not sent."), true);
    }
    (words, false)
}

/// Reads the whole value and opens the editor.
pub(super) fn begin(opened: Opened, task: Task) {
    task.run(move || async move {
        let is_text = opened.view.with_untracked(|view| view.as_ref().is_some_and(|view| view.is_text));
        let encoding = if is_text { Encoding::Text } else { Encoding::Base64 };
        let whole = whole(opened, encoding).await?;
        if whole.cut {
            let problem = Problem::new(ProblemKind::Invalid, "This value is too large to be edited here")
                .with_detail("Download it, change it, and write it with etcdctl.");
            return Err(problem.into());
        }
        let draft = Draft::new(&whole, encoding);
        let _ = opened.draft.try_set(Some(draft));
        Ok(())
    });
}

/// The whole value as it is now, in the form that is edited.
pub(super) async fn whole(opened: Opened, encoding: Encoding) -> Result<ValueView, crate::error::AppError> {
    let form = match encoding {
        Encoding::Text => Form::Text,
        Encoding::Base64 => Form::Base64,
    };
    let reveal = opened.reveal.try_get_untracked().unwrap_or_default();
    let query = ValueQuery { key: opened.name(), revision: None, form: Some(form), all: true, reveal };
    rpc::keys::value(opened.browser.cluster(), query).await
}

/// Sends the draft; a race that is lost leads to the merge.
pub(super) fn save(opened: Opened, draft: Draft, task: Task, syntax: Syntax) {
    if task.busy.get_untracked() || size_words(&draft.text.read_untracked(), draft.encoding).1 {
        return;
    }
    let put = match draft.put(opened.name(), syntax) {
        Ok(put) => put,
        Err(problem) => return task.problem.set(Some(problem)),
    };
    task.run(move || {
        let put = put.clone();
        async move {
            let answer = rpc::keys::put_key(opened.browser.cluster(), put).await?;
            match answer.outcome {
                EditOutcome::Done => {
                    opened
                        .done(format!("Saved {} at rev {}.", opened.name(), format::count(answer.revision.0)), &answer);
                }
                EditOutcome::Lost => lost(opened, draft, &answer).await?,
            }
            Ok(())
        }
    });
}

async fn lost(opened: Opened, draft: Draft, answer: &EditAnswer) -> Result<(), crate::error::AppError> {
    let lost = match &answer.theirs {
        None => Lost { theirs: None, revision: Wide(0) },
        Some(_) => {
            let theirs = whole(opened, draft.encoding).await?;
            let text = match draft.encoding {
                Encoding::Text => theirs.text,
                Encoding::Base64 => theirs.text.split_whitespace().collect(),
            };
            Lost { theirs: Some(text), revision: theirs.meta.mod_revision }
        }
    };
    let _ = draft.lost.try_set(Some(lost));
    Ok(())
}

/// The editor.
pub(super) fn editor(opened: Opened) -> AnyView {
    let Some(draft) = opened.draft.get_untracked() else { return ().into_any() };
    let task = Task::new();
    let raced = memo(move || draft.lost.get());
    view! {
        {move || match raced.get() {
            Some(lost) => merge::merge(opened, draft, lost, task),
            None => form(opened, draft, task),
        }}
    }
    .into_any()
}

fn form(opened: Opened, draft: Draft, task: Task) -> AnyView {
    let syntax = move || syntax_named(&draft.syntax.read_untracked());
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        save(opened, draft, task, syntax());
    };
    let keydown = move |event: ev::KeyboardEvent| {
        if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("s") {
            event.prevent_default();
            save(opened, draft, task, syntax());
        }
    };
    let size = memo(move || draft.text.with(|text| size_words(text, draft.encoding)));
    let too_large = Signal::derive(move || size.with(|(_, too_large)| *too_large));
    let wrong = task.field("value");
    let anyway = Callback::new(move |()| save(opened, draft, task, Syntax::Any));
    let anyway = move || {
        (wrong.with(Option::is_some) && syntax() != Syntax::Any && !too_large.get())
            .then(|| view! { <Button label="Save anyway" on_press=anyway/> })
    };
    let cancel = Callback::new(move |()| opened.draft.set(None));
    let checks = [("any", "Nothing"), ("json", "JSON"), ("yaml", "YAML")];
    let checks = checks.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
    let text = draft.encoding == Encoding::Text;
    let label = if text { "Value" } else { "Value, in base64" };
    view! {
        <form class="form key-form" on:submit=submit on:keydown=keydown>
            <TextArea label=label name="value" value=draft.text rows=16 error=wrong/>
            <p class="muted" class:tone-bad=move || too_large.get() role="status">{move || size.with(|(words, _)| words.clone())}</p>
            <div class="form-grid">
                {text.then(|| view! { <Select label="Check that it is" name="syntax" value=draft.syntax options=checks/> })}
                {lease_fields(draft.lease, draft.lease_id, task)}
            </div>
            <ProblemBox problem=task.general()/>
            <div class="form-actions key-actions">
                <Button label="Save" look=Look::Primary submit=true busy=task.busy disabled=too_large/>
                {move || anyway()}
                <Button label="Cancel" on_press=cancel/>
                <span class="muted"><kbd>"Ctrl S"</kbd>{move || format!(" saved only if still at rev {}", format::count(draft.seen.get().0))}</span>
            </div>
        </form>
    }
    .boxed()
}

fn lease_fields(lease: RwSignal<String>, id: RwSignal<String>, task: Task) -> AnyView {
    let choices = [("keep", "As it is"), ("drop", "None: it stays for ever"), ("set", "Another one…")];
    let choices = choices.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
    let set = memo(move || lease.with(|lease| lease == "set"));
    view! {
        <Select label="Lease" name="lease" value=lease options=choices/>
        {move || set.get().then(|| view! { <Field label="Id of the lease" name="lease_id" value=id mono=true error=task.field("lease_id")/> })}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_size_is_that_of_the_bytes_and_too_much_is_said_before_it_is_sent() {
        assert_eq!(size_of("ключ", Encoding::Text), 8);
        assert_eq!(size_of("AAE=\n", Encoding::Base64), 2);
        assert_eq!(size_of("AAEC", Encoding::Base64), 3);
        assert!(!size_words(&"x".repeat(VALUE_MAX), Encoding::Text).1);
        let (words, too_large) = size_words(&"x".repeat(VALUE_MAX + 1), Encoding::Text);
        assert!(too_large && words.contains("not sent"), "{words}");
    }

    #[test]
    fn a_value_is_checked_for_what_it_was() {
        let mut view = sample::key_value("/a", "{}");
        view.detected = Form::Json;
        assert_eq!(syntax_of(&view, Encoding::Text), "json");
        assert_eq!(syntax_of(&view, Encoding::Base64), "any");
        assert_eq!(syntax_named("yaml"), Syntax::Yaml);
    }

    #[test]
    fn a_lease_is_given_in_hex_and_never_zero() {
        assert_eq!(parse_lease(" 694d "), Ok(LeaseId(0x694d)));
        for wrong in ["", "0", "lease", "-1"] {
            assert_eq!(parse_lease(wrong).expect_err("wrong").fields[0].field, "lease_id", "{wrong:?}");
        }
        assert_eq!((lease_choice("drop"), lease_choice("")), (LeaseChoice::Drop, LeaseChoice::Keep));
    }
}
