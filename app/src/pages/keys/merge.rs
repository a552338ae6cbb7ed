//! After a lost race: mine, theirs, and what both began with. Invariant: nobody's change is lost by itself: what is written over
//! the other one is a text that a person has looked at, and only if nobody was faster again. The merging itself is done by the
//! console (`quorate_keys::merge`), not in the browser.

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
use quorate_domain::keys::{DiffQuery, Encoding, MergeQuery, Merged, Syntax, ValueDiff};

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
    let theirs = lost.theirs.unwrap_or_default();
    // Bytes have no lines that could be merged, and with what is gone there is nothing to merge.
    let both = (!gone && draft.encoding == Encoding::Text)
        .then(|| both(opened, draft, MergeQuery { base: base.clone(), mine: mine.clone(), theirs: theirs.clone() }));
    let next_base = StoredValue::new(theirs.clone());
    let over = Callback::new(move |()| {
        draft.seen.set(revision);
        // Whoever is faster now began with theirs.
        draft.base.set_value(next_base.get_value());
        save(opened, draft, task, Syntax::Any);
    });
    let take = Callback::new(move |()| {
        opened.draft.set(None);
        opened.browser.changed(&opened.name());
    });
    let take = (!gone).then(|| view! { <Button label="Take theirs" on_press=take/> });
    let too_large = memo(move || draft.text.with(|text| size_words(text, draft.encoding).1));
    let label = if gone { "Make it again".to_owned() } else { format!("Save over rev {}", format::count(revision.0)) };
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
            {both}
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

/// Asks for both changes in one text, fills it in where nothing was typed meanwhile, and says what is left to do.
fn both(opened: Opened, draft: Draft, query: MergeQuery) -> AnyView {
    let mine = StoredValue::new(query.mine.clone());
    let merged = RwSignal::new(None::<Merged>);
    let filled = RwSignal::new(false);
    let asking = Task::new();
    asking.run(move || {
        let query = query.clone();
        async move {
            let answer = rpc::keys::merge_values(opened.browser.cluster(), query).await?;
            let text = answer.text.clone();
            if merged.try_set(Some(answer)).is_some() {
                // The race was lost once more meanwhile: another merge is on the page.
                return Ok(());
            }
            let untouched = draft.text.try_with_untracked(|text| mine.with_value(|mine| text == mine));
            if untouched == Some(true) {
                draft.text.set(text);
                filled.set(true);
            }
            Ok(())
        }
    });
    let left = memo(move || draft.text.with(|text| conflicts_left(text)));
    let words = memo(move || {
        let conflicts = merged.with(|merged| merged.as_ref().map(|merged| merged.conflicts))?;
        Some(merged_words(filled.get().then_some((conflicts, left.get()))))
    });
    let fill = move |with_both: bool| {
        let text = match with_both {
            true => merged.with_untracked(|merged| merged.as_ref().map(|merged| merged.text.clone())),
            false => mine.try_get_value(),
        };
        if let Some(text) = text {
            draft.text.set(text);
            filled.set(with_both);
        }
    };
    let (with_both, with_mine) = (Callback::new(move |()| fill(true)), Callback::new(move |()| fill(false)));
    let asked = memo(move || merged.with(Option::is_some));
    let buttons = move || {
        asked.get().then(|| {
            view! {
                <div class="form-actions">
                    <Button label="Fill in both changes" look=Look::Bare on_press=with_both/>
                    <Button label="Fill in mine only" look=Look::Bare on_press=with_mine/>
                </div>
            }
            .boxed()
        })
    };
    view! {
        <ProblemBox problem=asking.problem/>
        <p role="status">{move || words.get()}</p>
        {move || buttons()}
    }
    .into_any()
}

/// Places of a text where it still says both, by the markers that are left in it.
fn conflicts_left(text: &str) -> usize {
    let (begins, ends) = text.lines().fold((0, 0), |(begins, ends), line| {
        (begins + usize::from(line == Merged::BEGIN), ends + usize::from(line == Merged::END))
    });
    begins.max(ends)
}

/// What was filled in: both changes, with the conflicts that there were and those that are left, or mine only.
fn merged_words(both: Option<(u32, usize)>) -> String {
    match both {
        None => "Below is your text; their change is not in it.".to_owned(),
        Some((0, _)) => "Below are both changes; they are not in conflict. Read it before you save it.".to_owned(),
        Some((_, 0)) => "Below are both changes; no conflict is left.".to_owned(),
        Some((_, left)) => {
            let count = if left == 1 { "1 conflict is".to_owned() } else { format!("{left} conflicts are") };
            let (begin, end) = (Merged::BEGIN, Merged::END);
            format!(
                "Below are both changes; {count} left. Keep what is right between “{begin}” and “{end}”, and delete the markers."
            )
        }
    }
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

    #[test]
    fn conflicts_are_left_until_their_last_marker_is_gone() {
        let place = "<<<<<<< mine\n2\n=======\n3\n>>>>>>> theirs\n";
        assert_eq!(conflicts_left(&format!("a\n{place}b\n{place}")), 2);
        assert_eq!(conflicts_left("2\n=======\n3\n>>>>>>> theirs\n"), 1, "half a place is one");
        assert_eq!(conflicts_left("2\nsaid <<<<<<< mine\n=======\n"), 0);
    }

    #[test]
    fn what_was_filled_in_is_said_with_what_is_left_to_do() {
        assert!(merged_words(None).contains("not in it"));
        assert!(merged_words(Some((0, 0))).contains("not in conflict"));
        assert!(merged_words(Some((2, 1))).contains("1 conflict is left"));
        assert!(merged_words(Some((2, 2))).contains("2 conflicts are left"));
        assert!(merged_words(Some((2, 0))).contains("no conflict is left"));
    }
}
