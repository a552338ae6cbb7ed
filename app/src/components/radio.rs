//! One of a few, each with its words: for choices that need more than a line of a list. Invariant: what cannot be chosen says why, and is
//! never the chosen one by a press.

use crate::data::Boxed;
use leptos::prelude::*;

/// A line to choose.
pub(crate) struct Radio {
    /// What the value becomes.
    pub(crate) value: String,
    /// Its name.
    pub(crate) name: AnyView,
    /// What it means.
    pub(crate) note: AnyView,
    /// It cannot be chosen; the note says why.
    pub(crate) refused: bool,
}

/// The lines; `legend` names them for those who cannot see them.
pub(crate) fn radios(
    legend: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    lines: Vec<Radio>,
    error: Signal<Option<String>>,
) -> AnyView {
    let line = |line: Radio| {
        let (own, set) = (line.value.clone(), line.value.clone());
        let chosen = move || value.with(|value| *value == own);
        view! {
            <div class="choice" class:choice-refused=line.refused>
                <label class="check-box">
                    <input
                        type="radio"
                        name=name
                        value=line.value
                        disabled=line.refused
                        prop:checked={move || chosen()}
                        on:change=move |_| value.set(set.clone())
                    />
                    <span class="choice-name">{line.name}</span>
                </label>
                <div class="choice-note">{line.note}</div>
            </div>
        }
        .boxed()
    };
    let lines = lines.into_iter().map(line).collect_view();
    view! {
        <fieldset class="choice-list">
            <legend class="sr-only">{legend}</legend>
            {lines}
        </fieldset>
        <p class="field-error" aria-live="polite">{move || error.get()}</p>
    }
    .boxed()
}
