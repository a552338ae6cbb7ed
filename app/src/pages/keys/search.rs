//! The search. Invariant: an answer is asked for on the one before, so that hits come as they are found and nothing goes on
//! after Stop; the answers of an older search are dropped. What the question is lives in `typed`, what was found in `found`.

mod found;
mod typed;

use super::{browser::Browser, rows, tree::Move};
use crate::{
    clock::Clock,
    components::{
        button::{Button, Look},
        field::{CheckBox, Field, Select},
        icon::Icon,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, memo},
    rpc,
};
use found::Found;
use leptos::{ev, html, prelude::*};
use quorate_domain::{
    Problem,
    keys::{IndexPhase, Key, KeySearch, Match},
};
use std::{sync::Arc, time::Duration};
use typed::Typed;

/// Hits after which a search waits to be told to go on.
const PAUSE: usize = 5000;
/// A search begins by itself so long after the last letter, where it costs etcd nothing.
const QUIET: Duration = Duration::from_millis(250);

/// The state of the search.
#[derive(Clone, Copy)]
pub(super) struct Search {
    browser: Browser,
    clock: Clock,
    pattern: RwSignal<String>,
    how: RwSignal<String>,
    ignore_case: RwSignal<bool>,
    in_values: RwSignal<bool>,
    changed: RwSignal<String>,
    lease: RwSignal<String>,
    least: RwSignal<String>,
    most: RwSignal<String>,
    found: RwSignal<Option<Found>>,
    /// The number of the search that runs; answers of another are dropped.
    number: RwSignal<u32>,
    active: RwSignal<usize>,
    busy: RwSignal<bool>,
    problem: RwSignal<Option<Problem>>,
    /// Whose fields show what is wrong with them.
    task: Task,
}

impl Search {
    /// Nothing is searched for.
    pub(super) fn new(browser: Browser) -> Self {
        let text = || RwSignal::new(String::new());
        let task = Task::new();
        Self {
            browser,
            clock: Clock::get(),
            pattern: text(),
            how: RwSignal::new(Match::Substring.as_str().to_owned()),
            ignore_case: RwSignal::new(false),
            in_values: RwSignal::new(false),
            changed: text(),
            lease: text(),
            least: text(),
            most: text(),
            found: RwSignal::new(None),
            number: RwSignal::new(0),
            active: RwSignal::new(0),
            busy: task.busy,
            problem: task.problem,
            task,
        }
    }

    /// Whether results are shown instead of the tree.
    pub(super) fn active(self) -> bool {
        self.found.with(Option::is_some)
    }

    fn typed(self) -> Typed {
        let how = self.how.get_untracked();
        Typed {
            pattern: self.pattern.get_untracked(),
            how: Match::ALL.into_iter().find(|m| m.as_str() == how).unwrap_or_default(),
            ignore_case: self.ignore_case.get_untracked(),
            in_values: self.in_values.get_untracked(),
            changed: self.changed.get_untracked(),
            lease: self.lease.get_untracked(),
            least: self.least.get_untracked(),
            most: self.most.get_untracked(),
        }
    }

    /// Back to the tree.
    fn end(self) {
        self.number.update(|n| *n += 1);
        self.busy.set(false);
        self.problem.set(None);
        self.pattern.set(String::new());
        self.found.set(None);
    }

    fn stop(self) {
        self.number.update(|n| *n += 1);
        self.busy.set(false);
    }

    fn begin(self) {
        let typed = self.typed();
        if typed.is_empty() {
            return self.end();
        }
        // The clock ticks for those who show it; here the moment is enough.
        match typed.search(untrack(move || self.clock.now())) {
            Ok(search) => {
                self.active.set(0);
                self.found.set(Some(Found::default()));
                self.go_on(search, None);
            }
            Err(problem) => self.problem.set(Some(problem)),
        }
    }

    /// Asks until there is no more, or somebody stops it, or there is enough to look at.
    fn go_on(self, search: KeySearch, after: Option<Key>) {
        self.number.update(|n| *n += 1);
        let number = self.number.get_untracked();
        self.problem.set(None);
        self.busy.set(true);
        let enough = self.found.with_untracked(|found| found.as_ref().map_or(0, |f| f.hits.len())) + PAUSE;
        leptos::task::spawn_local(async move {
            let mut asked = KeySearch { after, ..search };
            loop {
                let answer = rpc::keys::search_keys(self.browser.cluster(), asked.clone()).await;
                if self.number.try_get_untracked() != Some(number) {
                    return;
                }
                let page = match answer {
                    Ok(page) => page,
                    Err(error) => {
                        self.problem.set(Some(error.0));
                        break;
                    }
                };
                asked.after = page.next.clone();
                let mut count = 0;
                self.found.update(|found| {
                    let found = found.get_or_insert_default();
                    found.hits.extend(page.hits);
                    found.looked += page.looked.0;
                    found.read += page.read.0;
                    found.of = page.of.map(|of| of.0).or(found.of);
                    found.note = page.note;
                    found.next = page.next;
                    count = found.hits.len();
                });
                if asked.after.is_none() || count >= enough {
                    break;
                }
            }
            self.busy.set(false);
        });
    }

    /// A letter was typed: where the index answers, results follow by themselves.
    fn typed_on(self) {
        let number = self.number.try_update(|n| {
            *n += 1;
            *n
        });
        let live = self.browser.index.with_untracked(|index| index.phase == IndexPhase::Live);
        let cheap =
            live && !self.in_values.get_untracked() && self.how.with_untracked(|how| how != Match::Regex.as_str());
        if self.pattern.with_untracked(String::is_empty) {
            return self.end();
        }
        self.busy.set(false);
        if cheap {
            set_timeout(
                move || {
                    if self.number.try_get_untracked() == number {
                        self.begin();
                    }
                },
                QUIET,
            );
        }
    }

    /// The box, the choices and the filters.
    pub(super) fn form(self) -> AnyView {
        let input = NodeRef::<html::Input>::new();
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.begin();
            // The button that was pressed is busy and hears no keys; Esc is to lead back.
            if let Some(input) = input.get_untracked() {
                let _ = input.focus();
            }
        };
        let escape = move |event: ev::KeyboardEvent| {
            if event.key() == "Escape" {
                event.prevent_default();
                self.end();
            }
        };
        let ways = Match::ALL
            .map(|way| view! { <option value=way.as_str() selected=way == Match::Substring>{way.as_str()}</option> })
            .collect_view();
        let values = self.browser.rights.values.then(|| {
            view! { <CheckBox label="In values" name="in_values" value=self.in_values/> }
        });
        let wrong = self.task.field("pattern");
        view! {
            <form class="keys-search" role="search" aria-label="Keys" on:submit=submit on:keydown=escape>
                <div class="keys-search-line">
                    {Icon::Search.view()}
                    <input
                        node_ref=input
                        type="search"
                        name="pattern"
                        placeholder="Search keys…"
                        aria-label="Search keys"
                        autocomplete="off"
                        spellcheck="false"
                        prop:value=move || self.pattern.get()
                        aria-invalid=move || wrong.with(Option::is_some).to_string()
                        aria-describedby="keys-search-error"
                        on:input=move |event| {
                            self.pattern.set(event_target_value(&event));
                            self.typed_on();
                        }
                    />
                    <select name="how" aria-label="How the pattern is meant" on:change=move |event| self.how.set(event_target_value(&event))>
                        {ways}
                    </select>
                    <Button label="Search" submit=true busy=self.busy/>
                </div>
                <p class="field-error" id="keys-search-error" aria-live="polite">{move || wrong.get()}</p>
                <div class="keys-search-more">
                    {values}
                    <CheckBox label="Ignore case" name="ignore_case" value=self.ignore_case/>
                    {self.filters()}
                </div>
            </form>
        }
        .boxed()
    }

    fn filters(self) -> AnyView {
        let ages =
            [("", "At any time"), ("5", "In the last 5 min"), ("60", "In the last hour"), ("1440", "In the last 24 h")];
        let ages = ages.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
        view! {
            <details class="keys-filters">
                <summary>"Filters"</summary>
                <div class="form-grid">
                    <Select label="Changed" name="changed" value=self.changed options=ages/>
                    <Field label="Of the lease" name="search_lease" value=self.lease mono=true error=self.task.field("lease")/>
                    <Field label="Values of at least, in bytes" name="min_size" value=self.least error=self.task.field("min_size") hint="Where sizes were scanned"/>
                    <Field label="Values of at most, in bytes" name="max_size" value=self.most error=self.task.field("max_size")/>
                </div>
            </details>
        }
        .boxed()
    }

    /// The results.
    pub(super) fn results(self) -> AnyView {
        let found = self.found;
        let with = move |range| found.with(|found| found.as_ref().map_or_else(Vec::new, |found| found.rows(range)));
        let count = memo(move || found.with(|found| found.as_ref().map_or(0, |found| found.hits.len())));
        let words = memo(move || found.with(|found| found.as_ref().map(|found| found.words(self.busy.get()))));
        let note = memo(move || found.with(|found| found.as_ref().map(|found| found.note.clone())));
        let rest = memo(move || found.with(|found| found.as_ref().and_then(|found| found.next.clone())));
        let source = rows::Source { count: count.into(), rows: Arc::new(with), chosen: self.browser.chosen.into() };
        let choose = move |at: usize| {
            let row = found.with_untracked(|found| found.as_ref()?.rows(at..at + 1).into_iter().next());
            if let Some(row) = row {
                self.browser.choose(Some(row.name));
            }
        };
        let heard = rows::Heard {
            press: Callback::new(move |at| {
                self.active.set(at);
                choose(at);
            }),
            step: Callback::new(move |(at, wanted): (usize, Move)| {
                let last = count.get_untracked().saturating_sub(1);
                match wanted {
                    Move::Up => self.active.set(at.saturating_sub(1)),
                    Move::Down => self.active.set((at + 1).min(last)),
                    Move::PageUp => self.active.set(at.saturating_sub(12)),
                    Move::PageDown => self.active.set((at + 12).min(last)),
                    Move::First => self.active.set(0),
                    Move::Last => self.active.set(last),
                    Move::Enter | Move::In => choose(at),
                    Move::Out => {}
                }
            }),
            seen: Callback::new(|_| {}),
        };
        let stop = Callback::new(move |()| self.stop());
        let end = Callback::new(move |()| self.end());
        let more = Callback::new(move |()| {
            if let (Ok(search), after) = (self.typed().search(untrack(move || self.clock.now())), rest.get_untracked())
            {
                self.go_on(search, after);
            }
        });
        let button = move || match (self.busy.get(), rest.with(Option::is_some)) {
            (true, _) => view! { <Button label="Stop" look=Look::Bare on_press=stop/> }.into_any(),
            (false, true) => view! { <Button label="Go on" look=Look::Bare on_press=more/> }.into_any(),
            (false, false) => ().into_any(),
        };
        let some = memo(move || count.get() > 0);
        let escape = move |event: ev::KeyboardEvent| {
            if event.key() == "Escape" {
                self.end();
            }
        };
        view! {
            <div class="keys-results" on:keydown=escape>
                <div class="keys-sizes">
                    <span role="status">{move || words.get()}</span>
                    {move || button()}
                    <Button label="Back to all keys" look=Look::Bare on_press=end/>
                </div>
                <ProblemBox problem=self.task.general()/>
                <p class="muted">{move || note.get()}</p>
                {move || some.get().then(|| rows::list("Results", source.clone(), self.active, heard))}
            </div>
        }
        .boxed()
    }
}
