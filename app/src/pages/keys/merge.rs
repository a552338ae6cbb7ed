//! After a lost race: mine, theirs, and what both began with. Invariant: nobody's change is lost by itself: what is written over
//! the other one is a text that a person has looked at, and only if nobody was faster again.

use super::{
    detail::Opened,
    editor::{Draft, Lost, save, size_words},
};
use crate::{
    components::{
        button::{Button, Look},
        diff::diff_view,
        field::TextArea,
        icon::Icon,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::keys::{DiffQuery, Syntax, ValueDiff};

/// The three texts and the one that is to be.
pub(super) fn merge(opened: Opened, draft: Draft, lost: Lost, task: Task) -> AnyView {
    let base = draft.base.get_value();
    let mine = draft.text.get_untracked();
    let revision = lost.revision;
    let gone = lost.theirs.is_none();
    let diff = RwSignal::new(None::<ValueDiff>);
    let asking = Task::new();
    if !gone {
        let query = DiffQuery { key: opened.name(), from: draft.seen.get_untracked(), to: Some(revision) };
        asking.run(move || {
            let query = query.clone();
            async move {
                let difference = rpc::keys::value_diff(opened.browser.cluster(), query).await?;
                let _ = diff.try_set(Some(difference));
                Ok(())
            }
        });
    }
    let over = Callback::new(move |()| {
        draft.seen.set(revision);
        save(opened, draft, task, Syntax::Any);
    });
    let take = Callback::new(move |()| {
        opened.draft.set(None);
        opened.browser.changed(&opened.name());
    });
    let take = (!gone).then(|| view! { <Button label="Take theirs" on_press=take/> });
    let too_large = memo(move || draft.text.with(|text| size_words(text, draft.encoding).1));
    let label = if gone { "Make it again".to_owned() } else { format!("Save over rev {}", format::count(revision.0)) };
    let theirs = lost.theirs.unwrap_or_default();
    view! {
        <div class="note tone-risk" role="alert">
            {Icon::Risk.view()}
            <div>
                <p class="note-title">{lost_words(gone)}</p>
                <p>"Nothing of yours was written. Put together below what is to be there, then save it."</p>
            </div>
        </div>
        <div class="merge">
            {pane("Mine", mine)}
            {pane("Theirs", theirs)}
            {pane("Both began with", base)}
        </div>
        <ProblemBox problem=asking.problem/>
        {move || diff.get().map(|diff| view! {
            <details class="merge-diff">
                <summary>"What they changed"</summary>
                {diff_view(&diff.lines)}
            </details>
        })}
        <div class="form">
            <TextArea label="Merged" name="merged" value=draft.text rows=12 error=task.field("value")/>
            <ProblemBox problem=task.general()/>
            <div class="form-actions key-actions">
                <Button label=label look=Look::Primary busy=task.busy disabled=too_large on_press=over/>
                {take}
            </div>
        </div>
    }
    .into_any()
}

fn lost_words(gone: bool) -> &'static str {
    if gone {
        "Somebody deleted this key while you were editing it"
    } else {
        "Somebody else saved this key while you were editing it"
    }
}

fn pane(title: &'static str, text: String) -> AnyView {
    let text = if text.is_empty() { "(nothing)".to_owned() } else { text };
    view! {
        <section aria-label=title>
            <h3>{title}</h3>
            <pre class="value" tabindex="0">{text}</pre>
        </section>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_gone_is_not_called_changed() {
        assert!(lost_words(true).contains("deleted"));
        assert!(lost_words(false).contains("saved"));
    }
}
