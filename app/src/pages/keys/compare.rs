//! Two clusters side by side, or two revisions of one. Invariant: both sides stay at the revisions of the first answer until all
//! was compared; what is counted is whole even where the list is cut; values are read one key at a time.

use super::{
    export::typed_revision,
    new_key::{KEY_HINT, typed_prefix},
};
use crate::{
    components::{
        badge::Tone,
        button::{Button, Look, link_button},
        empty::empty_state,
        field::{Field, Select},
        key_difference::{Ask, asking, difference},
        keyed::keyed,
        load::load,
        problem::ProblemBox,
        task::Task,
    },
    data::{Boxed, Data, memo},
    format,
    pages::{no_such, page_head, path_id},
    routes, rpc,
    session::Session,
    wizards::asked_prefix,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Action, ClusterId, Problem,
    cluster::ClusterView,
    keys::{ComparePage, CompareQuery, CompareValueQuery, DifferenceKind, Key, KeyDifference},
    problem::FieldError,
    wide::Wide,
};

/// Differences that are in the page at first, and more of them with each press.
const SHOWN: usize = 100;
/// Differences that the page remembers; more are only counted.
const REMEMBERED: usize = 5000;

/// The page.
#[component]
pub(crate) fn CompareKeys() -> AnyView {
    let prefix = asked_prefix();
    let data = Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id).await?;
        let all = rpc::clusters::fleet().await?;
        Ok((page.view, all.into_iter().map(|view| (view.id, view.name)).collect::<Vec<_>>()))
    });
    view! {
        {page_head("Compare keys", ().into_any())}
        {load(data, move |(here, all)| Comparing::new(&here, prefix, &all).view(&here, &all))}
    }
    .boxed()
}

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    only_here: u64,
    only_there: u64,
    differ: u64,
    same: u64,
    list: Vec<KeyDifference>,
    /// What was compared; its revisions are known once there was an answer.
    query: CompareQuery,
    /// Nothing was left out at the end.
    whole: bool,
}

impl Found {
    fn take(&mut self, page: ComparePage) {
        for found in page.differences {
            let counted = match found.kind {
                DifferenceKind::OnlyHere => &mut self.only_here,
                DifferenceKind::OnlyThere => &mut self.only_there,
                DifferenceKind::Differs => &mut self.differ,
            };
            *counted += 1;
            if self.list.len() < REMEMBERED {
                self.list.push(found);
            }
        }
        self.same += page.same.0;
        self.query.revision = Some(page.revision);
        self.query.other_revision = Some(page.other_revision);
        self.whole = page.next.is_none();
        self.query.after = page.next;
    }

    fn differences(&self) -> u64 {
        self.only_here + self.only_there + self.differ
    }

    fn compared(&self) -> u64 {
        self.differences() + self.same
    }

    /// `3 only here · 1 only there · 2 differ · 900 the same`.
    fn words(&self) -> String {
        let counts = [
            (self.only_here, "only here"),
            (self.only_there, "only there"),
            (self.differ, "differ"),
            (self.same, "the same"),
        ];
        counts.map(|(count, words)| format!("{} {words}", format::count(count))).join(" · ")
    }

    /// At which revisions.
    fn at(&self) -> String {
        let revision = |revision: Option<Wide>| format::count(revision.unwrap_or_default().0);
        format!("here at rev {}, there at rev {}", revision(self.query.revision), revision(self.query.other_revision))
    }
}

/// What was typed, or all that is wrong with it. `there` is the cluster itself for two revisions of it.
fn query(
    here: &ClusterId,
    there: &str,
    prefix: &str,
    revisions: (&str, &str),
) -> Result<CompareQuery, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let prefix = typed_prefix("prefix", prefix).map_err(|problem| wrong.extend(problem.fields)).unwrap_or_default();
    let mut at = |field: &str, text: &str| match typed_revision(text) {
        Ok(revision) => revision.map(Wide),
        Err(message) => {
            wrong.push(FieldError { field: field.into(), message });
            None
        }
    };
    let (revision, other_revision) = (at("revision", revisions.0), at("other_revision", revisions.1));
    let other = there.parse::<ClusterId>().ok().filter(|there| there != here);
    if wrong.is_empty() && other.is_none() && revision == other_revision {
        let message = "These are the same keys at the same time: give another revision, or choose another cluster";
        wrong.push(FieldError { field: "other_revision".into(), message: message.into() });
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(CompareQuery { prefix, revision, other, other_revision, ..CompareQuery::default() })
}

/// The page's state.
#[derive(Clone, Copy)]
struct Comparing {
    here: StoredValue<ClusterId>,
    there: RwSignal<String>,
    prefix: RwSignal<String>,
    revision: RwSignal<String>,
    other_revision: RwSignal<String>,
    found: RwSignal<Option<Found>>,
    stopped: RwSignal<bool>,
    shown: RwSignal<usize>,
    write: bool,
    task: Task,
}

impl Comparing {
    fn new(here: &ClusterView, prefix: RwSignal<String>, all: &[(ClusterId, String)]) -> Self {
        let other = all.iter().find(|(id, _)| *id != here.id).map_or(&here.id, |(id, _)| id);
        Self {
            here: StoredValue::new(here.id.clone()),
            there: RwSignal::new(other.to_string()),
            prefix,
            revision: RwSignal::new(String::new()),
            other_revision: RwSignal::new(String::new()),
            found: RwSignal::new(None),
            stopped: RwSignal::new(false),
            shown: RwSignal::new(SHOWN),
            write: Session::get().may(Action::WriteKeys),
            task: Task::new(),
        }
    }

    fn start(self) {
        let revisions = (self.revision.get_untracked(), self.other_revision.get_untracked());
        let query = self.here.with_value(|here| {
            query(here, &self.there.read_untracked(), &self.prefix.read_untracked(), (&revisions.0, &revisions.1))
        });
        match query {
            Ok(query) => {
                self.found.set(Some(Found { query, ..Found::default() }));
                self.shown.set(SHOWN);
                self.go_on();
            }
            Err(fields) => self.task.problem.set(Some(Problem::invalid(fields))),
        }
    }

    /// Compares on from where it is, until all is done or somebody stops it.
    fn go_on(self) {
        self.stopped.set(false);
        self.task.run(move || async move {
            // The page may be gone at any answer.
            while let Some(Some(query)) = self.found.try_with_untracked(|found| found.as_ref().map(|f| f.query.clone()))
            {
                let page = rpc::keys::compare_keys(self.here.get_value(), query).await?;
                let more = page.next.is_some();
                let _ = self.found.try_update(|found| {
                    if let Some(found) = found {
                        found.take(page);
                    }
                });
                if !more || self.stopped.try_get_untracked() != Some(false) {
                    break;
                }
            }
            Ok(())
        });
    }

    fn view(self, here: &ClusterView, all: &[(ClusterId, String)]) -> AnyView {
        let t = self.task;
        let option = |(id, name): &(ClusterId, String)| {
            (
                id.to_string(),
                if *id == here.id { format!("{name} (this cluster, at another revision)") } else { name.clone() },
            )
        };
        let options = all.iter().map(option).collect::<Vec<_>>();
        let name = here.name.clone();
        let keys = routes::cluster_keys(&here.id);
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.start();
        };
        let names = all.to_vec();
        let result = memo(move || self.found.with(Option::is_some));
        let result = move || result.get().then(|| self.result(&names));
        view! {
            <form class="form wizard" on:submit=submit>
                <section class="panel" aria-label="What is compared">
                    <h2>{format!("Compare the keys of {name}")}</h2>
                    <Field label="Keys that start with (empty: all)" name="prefix" value=self.prefix mono=true hint=KEY_HINT error=t.field("prefix")/>
                    <Select label="With those of" name="other" value=self.there options=options/>
                    <div class="form-grid">
                        <Field label="Revision here (empty: now)" name="revision" value=self.revision error=t.field("revision")/>
                        <Field label="Revision there (empty: now)" name="other_revision" value=self.other_revision error=t.field("other_revision")/>
                    </div>
                    <ProblemBox problem=t.general()/>
                    <div class="form-actions">
                        <Button label="Compare" look=Look::Primary submit=true busy=t.busy/>
                        {link_button(Look::Plain, keys, "Back to the keys")}
                    </div>
                </section>
            </form>
            {move || result()}
        }
        .boxed()
    }

    fn result(self, names: &[(ClusterId, String)]) -> AnyView {
        let words = memo(move || self.found.with(|found| found.as_ref().map(Found::words)));
        let at = memo(move || {
            self.found.with(|found| found.as_ref().filter(|found| found.compared() > 0 || found.whole).map(Found::at))
        });
        let same = memo(move || {
            self.found.with(|found| found.as_ref().is_some_and(|found| found.whole && found.differences() == 0))
        });
        let same = move || {
            same.get().then(|| {
                empty_state("The same", "Every key that you may read has the same value on both sides.", ().into_any())
            })
        };
        let stop = Callback::new(move |()| self.stopped.set(true));
        let go_on = Callback::new(move |()| self.go_on());
        let rest = memo(move || self.found.with(|found| found.as_ref().is_some_and(|found| !found.whole)));
        let running = move || match (self.task.busy.get(), rest.get()) {
            (true, _) => view! {
                <progress aria-label="Comparing"></progress>
                <Button label="Stop" on_press=stop/>
            }
            .into_any(),
            (false, true) => view! {
                <p class="muted">"Not all was compared yet."</p>
                <Button label="Go on" on_press=go_on/>
            }
            .into_any(),
            (false, false) => ().into_any(),
        };
        let names = names.to_vec();
        let copies = move || (!self.task.busy.get()).then(|| self.copies(&names));
        view! {
            <section class="panel" aria-label="Differences">
                <h2>"Differences"</h2>
                <p role="status">{move || words.get()}</p>
                <p class="muted">{move || at.get()}</p>
                <div class="compare-run">{move || running()}</div>
                {move || same()}
                {move || copies()}
                {self.list()}
            </section>
        }
        .boxed()
    }

    fn list(self) -> AnyView {
        let items = move || {
            self.found.with(|found| {
                found
                    .as_ref()
                    .map_or_else(Vec::new, |found| found.list.iter().take(self.shown.get()).cloned().collect())
            })
        };
        let hidden = memo(move || {
            self.found.with(|found| {
                found.as_ref().map_or((0, 0), |found| {
                    let listed = found.list.len() as u64;
                    (listed.saturating_sub(self.shown.get() as u64), found.differences() - listed)
                })
            })
        });
        let more = Callback::new(move |()| self.shown.update(|shown| *shown += SHOWN));
        let more = move || {
            let (hidden, _) = hidden.get();
            (hidden > 0).then(|| {
                let label = format!("More ({} left)", format::count(hidden));
                view! { <Button label=label look=Look::Bare on_press=more/> }
            })
        };
        let cut = move || {
            let (_, cut) = hidden.get();
            (cut > 0).then(|| {
                format!("{} more differ and are only counted. Compare a smaller part to see them.", format::count(cut))
            })
        };
        view! {
            <ul class="differences">
                {keyed(items, |found: &KeyDifference| found.key.to_string(), move |found| self.line(found))}
            </ul>
            {move || more()}
            <p class="muted">{move || cut()}</p>
        }
        .into_any()
    }

    fn line(self, found: &KeyDifference) -> AnyView {
        let query = self.found.with_untracked(|found| found.as_ref().map(|f| f.query.clone())).unwrap_or_default();
        let key = Key([query.prefix.as_bytes(), found.key.as_bytes()].concat());
        let (tone, words) = match found.kind {
            DifferenceKind::OnlyHere => (Tone::Info, "only here"),
            DifferenceKind::OnlyThere => (Tone::Quiet, "only there"),
            DifferenceKind::Differs => (Tone::Risk, "differs"),
        };
        difference(&key, (tone, words), note(found), Some(self.ask(query)))
    }

    /// The values of one key, as they were at the revisions that were compared.
    fn ask(self, query: CompareQuery) -> Ask {
        let CompareQuery { revision, other, other_revision, .. } = query;
        asking(move |key| {
            let query = CompareValueQuery { key, revision, other: other.clone(), other_key: None, other_revision };
            rpc::keys::compare_values(self.here.get_value(), query)
        })
    }

    /// Where keys can be copied once it is known how they differ.
    fn copies(self, names: &[(ClusterId, String)]) -> AnyView {
        let found = self.found.get_untracked().filter(|found| found.differences() > 0);
        let other =
            found.as_ref().and_then(|found| found.query.other.as_ref().map(|other| (other, &found.query.prefix)));
        let Some((other, prefix)) = other.filter(|_| self.write) else {
            return ().into_any();
        };
        let here = self.here.get_value();
        let name = |id: &ClusterId| {
            names.iter().find(|(known, _)| known == id).map_or("?", |(_, name)| name.as_str()).to_owned()
        };
        let link = |from: &ClusterId, to: &ClusterId| {
            let words = format!("Copy these from {} to {}…", name(from), name(to));
            view! { <a class=Look::Plain.class() href=routes::copy_keys_to(from, to, prefix)>{words}</a> }.boxed()
        };
        view! { <div class="form-actions">{link(&here, other)}{link(other, &here)}</div> }.boxed()
    }
}

/// Sizes and revisions of both sides, as far as there are any.
fn note(found: &KeyDifference) -> String {
    let sides = [("here", &found.here), ("there", &found.there)];
    let said = sides.into_iter().filter_map(|(place, meta)| {
        let meta = meta.as_ref()?;
        let size = meta.size.map_or_else(String::new, |size| format!("{}, ", format::bytes(size.0)));
        Some(format!("{place} {size}rev {}", format::count(meta.mod_revision.0)))
    });
    said.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn id(n: u8) -> ClusterId {
        ClusterId::from_random([n; 10])
    }

    fn differs(kind: DifferenceKind) -> KeyDifference {
        KeyDifference { key: Key::raw("a"), kind, here: Some(sample::key_meta()), there: None }
    }

    #[test]
    fn the_same_keys_at_the_same_time_are_not_compared() {
        let fields = |result: Result<CompareQuery, Vec<FieldError>>| {
            result.expect_err("wrong").into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        let this = id(1).to_string();
        assert_eq!(fields(query(&id(1), &this, "/a/", ("", ""))), ["other_revision"]);
        assert_eq!(fields(query(&id(1), &this, "\\q", ("x", "-1"))), ["prefix", "revision", "other_revision"]);
        let two = query(&id(1), &this, "/a/", ("", "7")).expect("two revisions");
        assert_eq!((two.other, two.revision, two.other_revision), (None, None, Some(Wide(7))));
        let other = query(&id(1), &id(2).to_string(), "", ("", "")).expect("two clusters");
        assert_eq!((other.other, other.prefix), (Some(id(2)), Key::default()));
    }

    #[test]
    fn all_is_counted_and_so_many_are_remembered() {
        let mut found = Found::default();
        let page = |next: Option<Key>| ComparePage {
            differences: vec![differs(DifferenceKind::OnlyHere); 3000],
            same: Wide(2),
            next,
            revision: Wide(9),
            other_revision: Wide(8),
        };
        found.take(page(Some(Key::raw("m"))));
        assert!(!found.whole && found.query.after == Some(Key::raw("m")));
        assert_eq!(
            (found.query.revision, found.query.other_revision),
            (Some(Wide(9)), Some(Wide(8))),
            "both stay there"
        );
        found.take(page(None));
        assert_eq!((found.list.len(), found.only_here, found.compared(), found.whole), (REMEMBERED, 6000, 6004, true));
        let words = found.words().replace('\u{202f}', " ");
        assert_eq!(words, "6 000 only here · 0 only there · 0 differ · 4 the same");
    }

    #[test]
    fn a_difference_says_what_is_known_of_each_side() {
        assert_eq!(note(&differs(DifferenceKind::OnlyHere)), "here 10 B, rev 5");
    }
}
