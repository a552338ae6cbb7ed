//! The dialog that makes a key. Invariant: a key that is there already is never written over.

use super::{
    browser::{Browser, Done},
    editor::{parse_lease, size_words, syntax_named},
};
use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{Field, Select, TextArea},
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    rpc,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Problem, ProblemKind,
    keys::{EditOutcome, Encoding, KEY_MAX, Key, LeaseChoice, PutKey, Syntax},
    wide::Wide,
};

/// What a person has to know to type a key.
pub(crate) const KEY_HINT: &str =
    "Text as it is. A backslash is written \\\\, a line end \\n, any other byte as \\x and two hexadecimal digits.";

/// A key as it was typed, or what is wrong with it.
pub(super) fn typed_key(field: &'static str, text: &str) -> Result<Key, Problem> {
    let key = typed_prefix(field, text)?;
    if key.is_empty() { Err(Problem::field(field, "Give the key a name")) } else { Ok(key) }
}

/// What keys start with, as it was typed; may be empty.
pub(crate) fn typed_prefix(field: &'static str, text: &str) -> Result<Key, Problem> {
    let key: Key = text.parse().map_err(|error| Problem::field(field, format!("This is no key: {error}")))?;
    match key.as_bytes().len() {
        length if length > KEY_MAX => Err(Problem::field(
            field,
            format!("{length} bytes are too long: the console writes keys of up to {KEY_MAX}"),
        )),
        _ => Ok(key),
    }
}

/// The dialog.
pub(super) fn dialog(browser: Browser, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="New key">{move || form(browser, open)}</Dialog> }.boxed()
}

fn form(browser: Browser, open: RwSignal<bool>) -> AnyView {
    let text = |text: String| RwSignal::new(text);
    let name = text(untrack(move || browser.here()).to_string());
    let (value, lease, syntax) = (text(String::new()), text(String::new()), text("any".to_owned()));
    let task = Task::new();
    let make = move |syntax: Syntax| {
        let put = (|| {
            let lease_id = match lease.get_untracked().trim() {
                "" => None,
                typed => Some(parse_lease(typed)?),
            };
            Ok(PutKey {
                key: typed_key("key", &name.get_untracked())?,
                seen: Wide(0),
                value: value.get_untracked(),
                encoding: Encoding::Text,
                syntax,
                lease: if lease_id.is_some() { LeaseChoice::Set } else { LeaseChoice::Drop },
                lease_id,
            })
        })();
        match put {
            Ok(put) => create(browser, put, open, task),
            Err(problem) => task.problem.set(Some(problem)),
        }
    };
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        make(syntax_named(&syntax.get_untracked()));
    };
    let anyway = Callback::new(move |()| make(Syntax::Any));
    let wrong = task.field("value");
    let anyway = move || {
        (wrong.with(Option::is_some) && syntax.with(|syntax| syntax != "any"))
            .then(|| view! { <Button label="Save anyway" busy=task.busy on_press=anyway/> })
    };
    let size = memo(move || value.with(|value| size_words(value, Encoding::Text)));
    let too_large = Signal::derive(move || size.with(|(_, too_large)| *too_large));
    let checks = [("any", "Nothing"), ("json", "JSON"), ("yaml", "YAML")];
    let checks = checks.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
    let cancel = Callback::new(move |()| open.set(false));
    view! {
        <form class="form" on:submit=submit>
            <Field label="Key" name="new_key" value=name mono=true hint=KEY_HINT error=task.field("key")/>
            <TextArea label="Value" name="new_value" value=value error=wrong/>
            <p class="muted">{move || size.with(|(words, _)| words.clone())}</p>
            <Select label="Check that it is" name="new_syntax" value=syntax options=checks/>
            <Field label="Lease (may stay empty)" name="new_lease" value=lease mono=true error=task.field("lease_id")/>
            <ProblemBox problem=task.general()/>
            <div class="form-actions">
                <Button label="Create" look=Look::Primary submit=true busy=task.busy disabled=too_large/>
                {move || anyway()}
                <Button label="Cancel" on_press=cancel/>
            </div>
        </form>
    }
    .boxed()
}

fn create(browser: Browser, put: PutKey, open: RwSignal<bool>, task: Task) {
    task.run(move || {
        let put = put.clone();
        async move {
            let key = put.key.clone();
            let answer = rpc::keys::put_key(browser.cluster(), put).await?;
            if answer.outcome == EditOutcome::Lost {
                let problem = Problem::new(ProblemKind::Conflict, "There is such a key already");
                return Err(problem
                    .with_detail("Nothing was written. Open it to change it, or give another name.")
                    .into());
            }
            let words = format!("Created {key}. {}", answer.note).trim().to_owned();
            browser.done.set(Some(Done { words, undo: answer.undo, key: key.clone() }));
            browser.changed(&key);
            let _ = open.try_set(false);
            browser.choose(Some(key));
            Ok(())
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_shown_and_said_why_not() {
        assert_eq!(typed_key("key", "a\\x00\\n"), Ok(Key(b"a\0\n".to_vec())));
        let wrong = |text: &str| typed_key("to", text).expect_err("wrong").fields[0].clone();
        assert_eq!(wrong("").field, "to");
        assert!(wrong("a\\q").message.contains("backslash after 1 bytes"));
        assert!(wrong(&"x".repeat(KEY_MAX + 1)).message.contains("too long"));
        assert!(typed_key("key", &"x".repeat(KEY_MAX)).is_ok());
    }
}
