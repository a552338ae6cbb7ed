//! A key that differs, and how its values do when somebody wants to know. Invariant: values are asked for one key at a time, and only
//! when it is opened; what is masked is refused by the console and said here.

use super::{
    badge::{Tone, badge},
    diff::{diff_view, summary},
    problem::ProblemBox,
    task::Task,
};
use crate::{data::Boxed, error::AppError};
use leptos::prelude::*;
use quorate_domain::keys::{Key, ValueDiff};
use std::{future::Future, pin::Pin, sync::Arc};

type Asking = Pin<Box<dyn Future<Output = Result<ValueDiff, AppError>>>>;

/// Asks how the values of a key differ.
pub(crate) type Ask = Arc<dyn Fn(Key) -> Asking + Send + Sync>;

/// A question for the values of a key.
pub(crate) fn asking<F>(ask: impl Fn(Key) -> F + Send + Sync + 'static) -> Ask
where
    F: Future<Output = Result<ValueDiff, AppError>> + 'static,
{
    Arc::new(move |key| Box::pin(ask(key)))
}

/// The item of a list: a key, how it differs, what else is to be said of it, and its values on demand.
pub(crate) fn difference(key: &Key, (tone, words): (Tone, &'static str), note: String, ask: Option<Ask>) -> AnyView {
    let values = ask.map(|ask| values(key.clone(), ask));
    view! {
        <li class="difference">
            {badge(tone, words.to_owned())}
            <bdi class="difference-key"><code>{key.to_string()}</code></bdi>
            <span class="muted">{note}</span>
            {values}
        </li>
    }
    .boxed()
}

fn values(key: Key, ask: Ask) -> AnyView {
    let (open, task) = (RwSignal::new(false), Task::new());
    let diff = RwSignal::new(None::<ValueDiff>);
    let press = move |_| {
        open.update(|open| *open = !*open);
        if !open.get_untracked() || diff.with_untracked(Option::is_some) {
            return;
        }
        let (key, ask) = (key.clone(), Arc::clone(&ask));
        task.run(move || {
            let asked = ask(key.clone());
            async move {
                let answer = asked.await?;
                let _ = diff.try_set(Some(answer));
                Ok(())
            }
        });
    };
    let shown = move || diff.with(|diff| diff.as_ref().map(lines));
    let opened = move || {
        open.get().then(|| {
            view! {
                <div class="difference-values">
                    <p class="muted" role="status">{move || task.busy.get().then_some("Reading…")}</p>
                    <ProblemBox problem=task.problem/>
                    {move || shown()}
                </div>
            }
            .boxed()
        })
    };
    view! {
        <button type="button" class="button button-bare" aria-expanded=move || open.get().to_string() on:click=press>
            "Values"
        </button>
        {move || opened()}
    }
    .into_any()
}

fn lines(diff: &ValueDiff) -> AnyView {
    view! { <p class="muted">{diff_words(diff)}</p> {diff_view(&diff.lines)} }.into_any()
}

/// How two values differ, in words.
pub(crate) fn diff_words(diff: &ValueDiff) -> String {
    let words = match (diff.same, diff.same_json) {
        (true, _) => "the same bytes".to_owned(),
        (_, true) => "other bytes, but the JSON says the same".to_owned(),
        _ => summary(&diff.lines),
    };
    if diff.cut { format!("{words}; only the beginnings were compared") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_what_they_say() {
        let mut diff = ValueDiff { lines: Vec::new(), same: false, same_json: true, cut: true };
        assert!(diff_words(&diff).contains("JSON says the same; only the beginnings"));
        (diff.same, diff.cut) = (true, false);
        assert_eq!(diff_words(&diff), "the same bytes");
    }
}
