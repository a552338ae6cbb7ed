//! The one table: sortable, filterable, keyboard reachable, stacked cards on narrow screens.
//!
//! Invariant: rows are plain data (`Row`, `Cell`), so that order and filter are tested without a browser, all tables
//! share one compiled component, and each cell is a memo: a live update touches only the cells that changed.

mod cell;

pub(crate) use cell::{Cell, RowAction};

use super::{icon::Icon, keyed::keyed};
use crate::data::{Boxed, memo};
use leptos::prelude::*;
use std::cmp::Ordering;

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    class: &'static str,
    sortable: bool,
}

impl Column {
    /// Left-aligned words.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, class: "", sortable: true }
    }

    /// Right-aligned numbers.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, class: "cell-number", sortable: true }
    }

    /// Buttons, without a visible title.
    pub(crate) const fn actions() -> Self {
        Self { title: "Actions", class: "cell-actions", sortable: false }
    }
}

/// One row; `key` is stable over updates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    fn matches(&self, words: &[String]) -> bool {
        let text = self.cells.iter().map(Cell::search_text).collect::<Vec<_>>().join(" ").to_lowercase();
        words.iter().all(|word| text.contains(word))
    }
}

/// A column and whether it goes down.
type Sort = Option<(usize, bool)>;

/// The keys of the rows to show, in order. Rows that compare equal keep the order they were given in.
fn arrange(rows: &[Row], sort: Sort, filter: &str) -> Vec<String> {
    let words: Vec<String> = filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut shown: Vec<&Row> = rows.iter().filter(|row| row.matches(&words)).collect();
    if let Some((column, down)) = sort {
        crate::order::sort_by(&mut shown, |a, b| {
            let order = match (a.cells.get(column), b.cells.get(column)) {
                (Some(a), Some(b)) => a.compare(b),
                _ => Ordering::Equal,
            };
            if down { order.reverse() } else { order }
        });
    }
    shown.into_iter().map(|row| row.key.clone()).collect()
}

/// What a press on the header of `column` makes of `sort`: up, down, as given.
fn next_sort(sort: Sort, column: usize) -> Sort {
    match sort {
        Some((now, false)) if now == column => Some((column, true)),
        Some((now, true)) if now == column => None,
        _ => Some((column, false)),
    }
}

/// The table. `on_action` hears (row key, action id).
#[component]
pub(crate) fn DataTable(
    caption: &'static str,
    columns: &'static [Column],
    #[prop(into)] rows: Signal<Vec<Row>>,
    #[prop(optional)] filter: bool,
    #[prop(optional)] on_action: Option<Callback<(String, &'static str)>>,
) -> AnyView {
    let sort = RwSignal::new(None::<(usize, bool)>);
    let wanted = RwSignal::new(String::new());
    let keys = memo(move || rows.with(|rows| arrange(rows, sort.get(), &wanted.read())));
    let heads = columns.iter().enumerate().map(|(i, column)| head(i, *column, sort)).collect_view();
    let none = move || keys.with(Vec::is_empty) && !wanted.with(String::is_empty);
    view! {
        <div class="table-box">
            {filter.then(|| filter_field(caption, wanted))}
            <div class="table-scroll" role="region" aria-label=format!("{caption}, table") tabindex="0">
                <table class="table" role="table">
                    <caption class="sr-only">{caption}</caption>
                    <thead role="rowgroup"><tr role="row">{heads}</tr></thead>
                    <tbody role="rowgroup">
                        {keyed(move || keys.get(), String::clone, move |key| body_row(key, columns, rows, on_action))}
                    </tbody>
                </table>
            </div>
            <p class="table-none" role="status">{move || none().then_some("Nothing matches the filter.")}</p>
        </div>
    }
    .boxed()
}

fn filter_field(caption: &'static str, wanted: RwSignal<String>) -> AnyView {
    view! {
        <div class="table-filter">
            {Icon::Search.view()}
            <input
                type="search"
                placeholder="Filter"
                aria-label=format!("Filter {}", caption.to_lowercase())
                prop:value=move || wanted.get()
                on:input=move |event| wanted.set(event_target_value(&event))
            />
        </div>
    }
    .boxed()
}

fn head(index: usize, column: Column, sort: RwSignal<Sort>) -> AnyView {
    let mine = move || sort.get().filter(|(now, _)| *now == index).map(|(_, down)| down);
    let aria = move || match mine() {
        Some(true) => "descending",
        Some(false) => "ascending",
        None => "none",
    };
    let icon = move || match mine() {
        Some(true) => Some(Icon::Down.view()),
        Some(false) => Some(Icon::Up.view()),
        None => None,
    };
    if !column.sortable {
        return view! { <th role="columnheader" scope="col" class=column.class><span class="sr-only">{column.title}</span></th> }
            .boxed();
    }
    view! {
        <th role="columnheader" scope="col" class=column.class aria-sort=aria>
            <button type="button" class="sort" on:click=move |_| sort.update(|s| *s = next_sort(*s, index))>
                {column.title}
                {move || icon()}
            </button>
        </th>
    }
    .boxed()
}

fn body_row(
    key: &str,
    columns: &'static [Column],
    rows: Signal<Vec<Row>>,
    on_action: Option<Callback<(String, &'static str)>>,
) -> AnyView {
    let wanted = key.to_owned();
    let row = memo(move || rows.with(|rows| rows.iter().find(|row| row.key == wanted).cloned()));
    let cells = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let key = key.to_owned();
            let cell = memo(move || {
                row.with(|row| row.as_ref().and_then(|row| row.cells.get(i).cloned()).unwrap_or(Cell::Empty))
            });
            let content = move || cell.get().view_with(on_action.map(|on_action| (on_action, key.clone())));
            let class = column.class;
            if i == 0 {
                view! { <th role="rowheader" scope="row" class=class data-label=column.title>{move || content()}</th> }
                    .boxed()
            } else {
                view! { <td role="cell" class=class data-label=column.title>{move || content()}</td> }.boxed()
            }
        })
        .collect_view();
    view! { <tr role="row">{cells}</tr> }.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::badge::Tone;

    fn row(name: &str, size: u64, tone: Tone) -> Row {
        let number = Cell::Number { value: size, text: crate::format::bytes(size) };
        let badge = Cell::Badge { tone, text: format!("{tone:?}") };
        Row { key: name.into(), cells: vec![Cell::Text(name.into()), number, badge] }
    }

    fn rows() -> Vec<Row> {
        vec![row("lab10", 2048, Tone::Ok), row("lab2", 900, Tone::Bad), row("pg", 900, Tone::Risk)]
    }

    #[test]
    fn numbers_sort_by_value_and_equal_ones_stay_in_order() {
        assert_eq!(arrange(&rows(), Some((1, false)), ""), ["lab2", "pg", "lab10"]);
        assert_eq!(arrange(&rows(), Some((1, true)), ""), ["lab10", "lab2", "pg"]);
        assert_eq!(arrange(&rows(), None, ""), ["lab10", "lab2", "pg"]);
    }

    #[test]
    fn names_sort_as_people_count_and_states_by_weight() {
        assert_eq!(arrange(&rows(), Some((0, false)), ""), ["lab2", "lab10", "pg"]);
        assert_eq!(arrange(&rows(), Some((2, true)), ""), ["lab2", "pg", "lab10"]);
    }

    #[test]
    fn a_filter_wants_all_its_words_anywhere_in_the_row() {
        assert_eq!(arrange(&rows(), None, "LAB bad"), ["lab2"]);
        assert_eq!(arrange(&rows(), None, "900 b"), ["lab2", "pg"]);
        assert!(arrange(&rows(), None, "nowhere").is_empty());
    }

    #[test]
    fn a_header_goes_up_down_and_back() {
        let up = next_sort(None, 1);
        let down = next_sort(up, 1);
        assert_eq!((up, down, next_sort(down, 1)), (Some((1, false)), Some((1, true)), None));
        assert_eq!(next_sort(down, 2), Some((2, false)));
    }
}
