//! A value as it is shown. Invariant: forms come from the server, ready to be shown as text; a masked value is not in the page
//! before it is asked for, and that is noted.

use super::detail::Opened;
use crate::{
    components::{
        button::{Button, Look},
        icon::Icon,
        keyed::keyed,
    },
    data::{Boxed, memo},
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::keys::{Form, TreeLine, ValueView};

/// Lines of a tree on the screen at once; more are closed folders away.
const LINES: usize = 2000;

fn form_words(form: Form) -> &'static str {
    match form {
        Form::Text => "Text",
        Form::Json => "JSON",
        Form::Tree => "Tree",
        Form::Yaml => "YAML",
        Form::Hex => "Hex",
        Form::Base64 => "Base64",
    }
}

/// The value.
pub(super) fn value(opened: Opened) -> AnyView {
    let masked = memo(move || opened.view.with(|view| view.as_ref().is_some_and(|view| view.masked)));
    view! { {move || if masked.get() { mask(opened) } else { bare(opened) }} }.into_any()
}

fn mask(opened: Opened) -> AnyView {
    let reveal = Callback::new(move |()| {
        opened.reveal.set(true);
        opened.read();
    });
    view! {
        <div class="note tone-info">
            {Icon::Info.view()}
            <div>
                <p class="note-title">"Masked: secrets lie here"</p>
                <p>"Nothing of it is shown before you ask. Revealing it is noted in the audit trail, with your name and the key."</p>
                <Button label="Reveal" busy=opened.task.busy on_press=reveal/>
            </div>
        </div>
    }
    .boxed()
}

fn bare(opened: Opened) -> AnyView {
    let forms = memo(move || opened.view.with(|view| view.as_ref().map(|v| (v.forms.clone(), v.form))));
    let buttons = move || {
        let (forms, now) = forms.get()?;
        Some(forms.into_iter().map(|form| form_button(opened, form, form == now)).collect_view())
    };
    let cut = memo(move || opened.view.with(|view| view.as_ref().and_then(cut_words)));
    let cut = move || cut.get().map(|words| cut_note(opened, words));
    let file = routes::value_file(&opened.browser.cluster(), &opened.name(), opened.reveal.get_untracked());
    view! {
        <div class="value-head">
            <div class="value-forms" role="group" aria-label="Shown as">{move || buttons()}</div>
            <a class=Look::Bare.class() href=file download="">"Download"</a>
        </div>
        {move || cut()}
        {move || opened.view.with(|view| view.as_ref().map(content))}
    }
    .boxed()
}

fn form_button(opened: Opened, form: Form, now: bool) -> AnyView {
    let press = move |_| {
        opened.form.set(Some(form));
        opened.read();
    };
    view! {
        <button type="button" class="button button-bare" aria-pressed=now.to_string() on:click=press>
            {form_words(form)}
        </button>
    }
    .boxed()
}

/// Why not all of it is there; none when it is.
fn cut_words(view: &ValueView) -> Option<String> {
    let size = view.meta.size.map_or(0, |size| size.0);
    view.cut.then(|| format!("Only the beginning of {} is shown.", format::bytes(size)))
}

fn cut_note(opened: Opened, words: String) -> AnyView {
    let load = Callback::new(move |()| {
        opened.all.set(true);
        opened.read();
    });
    let more = (!opened.all.get()).then(|| view! { <Button label="Load all" busy=opened.task.busy on_press=load/> });
    let rest = opened.all.get().then_some(" The rest is in the download.");
    view! {
        <div class="note tone-info">
            {Icon::Info.view()}
            <div><p>{words}{rest}</p>{more}</div>
        </div>
    }
    .boxed()
}

fn content(view: &ValueView) -> AnyView {
    let size = view.meta.size.map_or(0, |size| size.0);
    if size == 0 && view.text.is_empty() && view.tree.is_empty() {
        return view! { <p class="muted">"Empty: the key is there, with no bytes in it."</p> }.boxed();
    }
    match view.form {
        Form::Tree => tree(view.tree.clone()),
        _ => view! { <pre class="value" tabindex="0" aria-label="Value">{view.text.clone()}</pre> }.boxed(),
    }
}

/// The places of lines to show: those below no closed one.
fn open_lines(lines: &[TreeLine], closed: &[usize]) -> Vec<usize> {
    let mut shown = Vec::new();
    let mut hidden_below = None;
    for (at, line) in lines.iter().enumerate() {
        if hidden_below.is_some_and(|depth| line.depth > depth) {
            continue;
        }
        hidden_below = (line.opens && closed.contains(&at)).then_some(line.depth);
        shown.push(at);
    }
    shown
}

fn tree(lines: Vec<TreeLine>) -> AnyView {
    let lines = StoredValue::new(lines);
    let closed = RwSignal::new(Vec::<usize>::new());
    let shown = memo(move || lines.with_value(|lines| closed.with(|closed| open_lines(lines, closed))));
    let line = move |at: &usize| {
        let at = *at;
        lines.with_value(|lines| lines.get(at).map_or_else(|| ().into_any(), |line| line_view(line, at, closed)))
    };
    let cut = move || {
        let more = shown.with(Vec::len).saturating_sub(LINES);
        (more > 0).then(|| format!("{} more: close branches, or choose JSON.", format::plural(more, "line")))
    };
    view! {
        <ul class="value json-tree" aria-label="Value">
            {keyed(move || shown.with(|all| all.iter().take(LINES).copied().collect()), usize::to_string, line)}
        </ul>
        <p class="muted">{move || cut()}</p>
    }
    .boxed()
}

fn line_view(line: &TreeLine, at: usize, closed: RwSignal<Vec<usize>>) -> AnyView {
    let class = format!("json-line key-depth-{}", (line.depth + 1).min(16));
    let toggle = move |_| {
        closed.update(|closed| match closed.iter().position(|known| *known == at) {
            Some(place) => _ = closed.swap_remove(place),
            None => closed.push(at),
        });
    };
    let open = move || closed.with(|closed| !closed.contains(&at)).to_string();
    let sign = move || if closed.with(|closed| closed.contains(&at)) { "▸" } else { "▾" };
    let name = line.name.clone();
    let name = if line.opens {
        view! {
            <button type="button" class="json-name" aria-expanded=open on:click=toggle>
                <span aria-hidden="true">{move || sign()}</span>
                {name}
            </button>
        }
        .boxed()
    } else {
        view! { <span class="json-name">{name}</span> }.boxed()
    };
    view! { <li class=class>{name}<code>{line.value.clone()}</code></li> }.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::wide::Wide;

    #[test]
    fn a_closed_branch_hides_all_that_is_below_it_and_nothing_else() {
        let line = |depth, opens| TreeLine { depth, name: "x".into(), value: "1".into(), opens };
        let lines = [line(0, true), line(1, true), line(2, false), line(1, false), line(0, false)];
        assert_eq!(open_lines(&lines, &[]), [0, 1, 2, 3, 4]);
        assert_eq!(open_lines(&lines, &[1]), [0, 1, 3, 4]);
        assert_eq!(open_lines(&lines, &[0, 1]), [0, 4]);
        assert_eq!(open_lines(&lines, &[4]), [0, 1, 2, 3, 4], "what holds nothing hides nothing");
    }

    #[test]
    fn a_value_that_is_cut_says_how_much_there_is() {
        let mut view = sample::key_value("/a", "x");
        assert_eq!(cut_words(&view), None);
        (view.cut, view.meta.size) = (true, Some(Wide(1 << 20)));
        assert_eq!(cut_words(&view).as_deref(), Some("Only the beginning of 1 MiB is shown."));
    }
}
