//! A list of rows of which only those in sight are in the page. Invariant: all rows have one height, so that what is above and
//! below is two empty boxes; their heights are attributes of an image, because the content security policy forbids styles in
//! HTML. The focus stays on the list (`aria-activedescendant`): the row that is meant may not be in the page.

use super::tree::{Move, Row, What};
use crate::{
    components::{icon::Icon, keyed::keyed},
    data::{Boxed, memo},
    format,
};
use leptos::{attr::custom::custom_attribute, ev, html, prelude::*};
use std::{ops::Range, sync::Arc};

/// Height of a row in CSS pixels; `_keys.scss` has it, too.
const ROW: usize = 28;
/// Rows in the page beyond those in sight, on each side.
const MARGIN: usize = 16;
/// The window moves by so many rows, so that a small movement of the wheel renders nothing.
const BLOCK: usize = 8;
/// Height that is assumed until the browser says.
const FIRST_HEIGHT: usize = 640;
/// Characters that stay in sight at the end of a name that is cut.
const TAIL: usize = 14;

/// Which of `count` rows are in the page, when `scroll` pixels are above a view of `height`.
fn window_of(scroll: usize, height: usize, count: usize) -> Range<usize> {
    let first = (scroll / ROW).saturating_sub(MARGIN) / BLOCK * BLOCK;
    let last = (scroll + height).div_ceil(ROW) + MARGIN;
    let end = last.div_ceil(BLOCK) * BLOCK;
    first.min(count)..end.min(count)
}

/// Where a view of `height` must be so that row `at` is whole in sight; none if it is.
fn scroll_to(at: usize, scroll: usize, height: usize) -> Option<usize> {
    let top = at * ROW;
    if top < scroll {
        Some(top)
    } else if top + ROW > scroll + height {
        Some((top + ROW).saturating_sub(height))
    } else {
        None
    }
}

/// A name in two parts; the first one is cut where there is no room.
fn halves(label: &str) -> (String, String) {
    let count = label.chars().count();
    if count <= TAIL * 2 {
        return (label.to_owned(), String::new());
    }
    (label.chars().take(count - TAIL).collect(), label.chars().skip(count - TAIL).collect())
}

/// What fills the list.
#[derive(Clone)]
pub(super) struct Source {
    /// How many rows there are.
    pub(super) count: Signal<usize>,
    /// Some of them; may read signals.
    pub(super) rows: Arc<dyn Fn(Range<usize>) -> Vec<Row> + Send + Sync>,
    /// Name of the key that is shown beside.
    pub(super) chosen: Signal<Option<quorate_domain::keys::Key>>,
}

/// What the list tells.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    /// A row was pressed.
    pub(super) press: Callback<usize>,
    /// The keyboard wants this, at the row that is meant.
    pub(super) step: Callback<(usize, Move)>,
    /// These rows are in the page now.
    pub(super) seen: Callback<Vec<Row>>,
}

/// The list. `active` is the row that the keyboard is at.
pub(super) fn list(label: &'static str, source: Source, active: RwSignal<usize>, heard: Heard) -> AnyView {
    let element = NodeRef::<html::Div>::new();
    let (scroll, height) = (RwSignal::new(0_usize), RwSignal::new(FIRST_HEIGHT));
    let measure = move || {
        if let Some(element) = element.get_untracked() {
            scroll.set(usize::try_from(element.scroll_top()).unwrap_or_default());
            height.set(usize::try_from(element.client_height()).unwrap_or(FIRST_HEIGHT).max(ROW));
        }
    };
    let count = source.count;
    // No row is ever looked at for its size, and nothing is read of the page right after it was changed: that would lay it out at
    // once, in the middle of the work. A list that becomes shorter than the place in it tells by a scroll event.
    let window = memo(move || {
        let range = window_of(scroll.get(), height.get(), count.get());
        (range.start, range.end)
    });
    let read = Arc::clone(&source.rows);
    let shown = memo(move || {
        let (start, end) = window.get();
        read(start..end)
    });
    Effect::new(move |_| {
        element.track();
        measure();
    });
    Effect::new(move |_| {
        heard.seen.try_run(shown.get());
    });
    Effect::new(move |first: Option<()>| {
        let at = active.get();
        let wanted = scroll_to(at, scroll.get_untracked(), height.get_untracked());
        if let (Some(_), Some(top), Some(element)) = (first, wanted, element.get_untracked()) {
            element.set_scroll_top(i32::try_from(top).unwrap_or(i32::MAX));
        }
    });
    let keydown = move |event: ev::KeyboardEvent| {
        let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
        if let Some(wanted) = Move::of(&event.key()).filter(|_| plain) {
            event.prevent_default();
            heard.step.try_run((active.get_untracked(), wanted));
        }
    };
    let meant = move || {
        let (start, end) = window.get();
        let at = active.get();
        (start..end).contains(&at).then(|| row_id(label, at))
    };
    let full = memo(move || {
        let at = active.get();
        shown.with(|rows| rows.iter().find(|row| row.index == at && row.is_entry()).map(|row| row.name.to_string()))
    });
    let above = move || (window.get().0 * ROW).to_string();
    let below = move || (count.get().saturating_sub(window.get().1) * ROW).to_string();
    let chosen = source.chosen;
    let drawn = move || {
        let (at, chosen) = (active.get(), chosen.get());
        let drawn = |row: Row| Drawn {
            active: row.index == at,
            selected: row.what == What::Key && chosen.as_ref() == Some(&row.name),
            row,
        };
        shown.get().into_iter().map(drawn).collect::<Vec<_>>()
    };
    view! {
        <div
            node_ref=element
            class="key-list"
            role="tree"
            aria-label=label
            tabindex="0"
            aria-activedescendant=meant
            on:scroll=move |_| measure()
            on:keydown=keydown
        >
            {gap(above)}
            {keyed(drawn, identity, move |drawn| row_view(label, drawn, heard.press))}
            {gap(below)}
        </div>
        <p class="key-full"><bdi>{move || full.get()}</bdi></p>
    }
    .boxed()
}

/// Room for rows that are not in the page.
fn gap(height: impl Fn() -> String + Send + Sync + 'static) -> AnyView {
    view! { <svg class="key-gap" width="1" height={move || height()} aria-hidden="true" focusable="false"></svg> }
        .boxed()
}

fn row_id(list: &str, index: usize) -> String {
    let word = list.split(' ').next().unwrap_or_default().to_lowercase();
    format!("{word}-row-{index}")
}

/// A row as it is drawn. Nothing in it is reactive: a screen of rows comes and goes with every turn of the wheel.
struct Drawn {
    row: Row,
    active: bool,
    selected: bool,
}

/// Changes when anything of a row does: rows are made anew, not patched.
fn identity(drawn: &Drawn) -> String {
    let Drawn { row, active, selected } = drawn;
    let Row { index, what, name, depth, keys, size, note, position, .. } = row;
    format!("{index} {active} {selected} {what:?} {depth} {keys:?} {size:?} {position:?} {note} {name}")
}

fn row_view(list: &'static str, drawn: &Drawn, press: Callback<usize>) -> AnyView {
    let Drawn { row, active, selected } = drawn;
    let index = row.index;
    let expanded = match row.what {
        What::Folder(open) => Some(open.to_string()),
        _ => None,
    };
    let (position, of) = row.position;
    let size = of.map_or_else(|| "-1".to_owned(), |of| of.to_string());
    let at = if *active { " key-active" } else { "" };
    let class = format!("key-row key-depth-{}{at}", row.depth.min(16));
    view! {
        <div
            class=class
            id=row_id(list, index)
            role="treeitem"
            // leptos has no word for this one.
            {..custom_attribute("aria-level", row.depth.to_string())}
            aria-posinset=position.to_string()
            aria-setsize=size
            aria-expanded=expanded
            aria-selected=selected.to_string()
            on:click=move |_| { press.try_run(index); }
        >
            <span class="key-twist"></span>
            {content(row)}
        </div>
    }
    .boxed()
}

fn content(row: &Row) -> AnyView {
    match &row.what {
        What::More => view! { <span class="muted">"More…"</span> }.boxed(),
        What::Busy => view! { <span class="muted">"Reading…"</span> }.boxed(),
        What::Nothing => view! { <span class="muted">"No keys"</span> }.boxed(),
        What::Failed(why) => {
            let words = format!("{why}. Press to try again");
            view! { <span class="key-failed tone-bad">{Icon::Bad.view()}<span>{words}</span></span> }.boxed()
        }
        What::Folder(_) | What::Key => entry(row),
    }
}

fn entry(row: &Row) -> AnyView {
    let (head, tail) = halves(&row.label);
    let tail = (!tail.is_empty()).then(|| view! { <span class="key-tail">{tail}</span> }.boxed());
    let number = match (&row.what, row.keys, row.size) {
        (What::Folder(_), Some(keys), _) => format::count(keys),
        (What::Folder(_), None, _) => String::new(),
        (_, _, Some(size)) => format::bytes(size),
        (_, _, None) => "–".to_owned(),
    };
    let note = (!row.note.is_empty()).then(|| view! { <span class="key-note">{row.note.clone()}</span> }.boxed());
    view! {
        <bdi class="key-name" title=row.name.to_string()>
            <span class="key-head">{head}</span>
            {tail}
        </bdi>
        {note}
        <span class="key-number">{number}</span>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_what_is_in_sight_and_some_more() {
        assert_eq!(window_of(0, 280, 100_000), 0..32);
        assert_eq!(window_of(28 * 1000, 280, 100_000), 984..1032);
        assert_eq!(window_of(28 * 99_990, 280, 100_000), 99_968..100_000);
        assert_eq!(window_of(0, 280, 3), 0..3);
        assert_eq!(window_of(28 * 500, 280, 3), 3..3, "the list became shorter than the place in it");
        assert_eq!(window_of(28 * 1001, 280, 100_000), window_of(28 * 1000, 280, 100_000), "a notch renders nothing");
    }

    #[test]
    fn a_row_that_the_keyboard_goes_to_comes_into_sight() {
        assert_eq!(scroll_to(3, 0, 280), None);
        assert_eq!(scroll_to(10, 0, 280), Some(28));
        assert_eq!(scroll_to(10, 28 * 50, 280), Some(280));
    }

    #[test]
    fn a_long_name_keeps_its_end_whatever_its_letters_are() {
        assert_eq!(halves("short"), ("short".into(), String::new()));
        let (head, tail) = halves(&"ключ/🔑".repeat(10));
        assert_eq!(tail.chars().count(), TAIL);
        assert_eq!(head + &tail, "ключ/🔑".repeat(10));
    }
}
