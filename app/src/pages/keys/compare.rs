//! Two clusters side by side, or two revisions of one. Invariant: both sides stay at the revisions of the first answer until all
//! was compared; what is counted is whole even where the list is cut; values are read one key at a time.

mod found;

use super::{new_key::KEY_HINT, take};
use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        empty::empty_state,
        field::{Field, Select},
        key_difference::{Ask, asking, difference},
        keyed::keyed,
        load::load,
        opening::until_open,
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
use found::{Found, note, query};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Action, ClusterId, Problem, SnapshotId,
    keys::{CompareQuery, CompareValueQuery, DifferenceKind, Key, KeyDifference},
    snapshots::OpenedSnapshot,
};

/// Differences that are in the page at first, and more of them with each press.
const SHOWN: usize = 100;

/// Whose keys are compared with others.
#[derive(Clone)]
pub(super) enum Here {
    /// A cluster: its id and name.
    Cluster(ClusterId, String),
    /// A snapshot that is open.
    Snapshot(OpenedSnapshot),
}

impl Here {
    fn id(&self) -> &ClusterId {
        match self {
            Self::Cluster(id, _) => id,
            Self::Snapshot(opened) => &opened.id,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Cluster(_, name) => name,
            Self::Snapshot(opened) => &opened.name,
        }
    }

    fn keys(&self) -> String {
        match self {
            Self::Cluster(id, _) => routes::cluster_keys(id),
            Self::Snapshot(opened) => routes::snapshot_keys(&opened.snapshot),
        }
    }
}

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
        {load(data, move |(here, all)| {
            let first = all.iter().find(|(id, _)| *id != here.id).map_or(&here.id, |(id, _)| id).to_string();
            let others = all.into_iter().map(|(id, name)| {
                let words = if id == here.id { format!("{name} (this cluster, at another revision)") } else { name };
                (id.to_string(), words)
            });
            Comparing::new(Here::Cluster(here.id.clone(), here.name), prefix, first, others.collect()).view()
        })}
    }
    .boxed()
}

/// The page's state.
#[derive(Clone, Copy)]
pub(super) struct Comparing {
    here: StoredValue<Here>,
    /// What can be chosen: a cluster or a snapshot by its id, and its words.
    others: StoredValue<Vec<(String, String)>>,
    there: RwSignal<String>,
    prefix: RwSignal<String>,
    revision: RwSignal<String>,
    other_revision: RwSignal<String>,
    found: RwSignal<Option<Found>>,
    stopped: RwSignal<bool>,
    shown: RwSignal<usize>,
    write: bool,
    task: Task,
    /// Another snapshot is opened first.
    opening: Task,
    told: RwSignal<Option<OpenedSnapshot>>,
    /// Keys of the snapshot that are to be brought to a cluster.
    taking: RwSignal<Option<(Key, bool)>>,
}

impl Comparing {
    /// Nothing is asked yet; `there` is chosen of `others` at first.
    pub(super) fn new(here: Here, prefix: RwSignal<String>, there: String, others: Vec<(String, String)>) -> Self {
        Self {
            here: StoredValue::new(here),
            others: StoredValue::new(others),
            there: RwSignal::new(there),
            prefix,
            revision: RwSignal::new(String::new()),
            other_revision: RwSignal::new(String::new()),
            found: RwSignal::new(None),
            stopped: RwSignal::new(false),
            shown: RwSignal::new(SHOWN),
            write: Session::get().may(Action::WriteKeys),
            task: Task::new(),
            opening: Task::new(),
            told: RwSignal::new(None),
            taking: RwSignal::new(None),
        }
    }

    fn id(self) -> ClusterId {
        self.here.with_value(|here| here.id().clone())
    }

    fn start(self) {
        let there = self.there.get_untracked();
        let Ok(snapshot) = there.parse::<SnapshotId>() else { return self.compare(&there) };
        self.opening.run(move || {
            let snapshot = snapshot.clone();
            async move {
                if let Some(opened) = until_open(snapshot, self.told).await? {
                    self.compare(opened.id.as_str());
                }
                Ok(())
            }
        });
    }

    fn compare(self, there: &str) {
        let revisions = (self.revision.get_untracked(), self.other_revision.get_untracked());
        match query(&self.id(), there, &self.prefix.read_untracked(), (&revisions.0, &revisions.1)) {
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
                let page = rpc::keys::compare_keys(self.id(), query).await?;
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

    /// The form, and what was found.
    pub(super) fn view(self) -> AnyView {
        let t = self.task;
        let options = self.others.get_value();
        let (name, keys) = self.here.with_value(|here| (here.name().to_owned(), here.keys()));
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.start();
        };
        let result = memo(move || self.found.with(Option::is_some));
        let result = move || result.get().then(|| self.result());
        let busy = Signal::derive(move || t.busy.get() || self.opening.busy.get());
        let opening = move || self.opening.busy.get().then_some("The other snapshot is being opened…");
        let snapshot = self.here.with_value(|here| match here {
            Here::Snapshot(opened) => Some(take::dialog(self.taking, opened.clone())),
            Here::Cluster(..) => None,
        });
        view! {
            <form class="form wizard" on:submit=submit>
                <section class="panel" aria-label="What is compared">
                    <h2>"Compare the keys of "<bdi>{name}</bdi></h2>
                    <Field label="Keys that start with (empty: all)" name="prefix" value=self.prefix mono=true hint=KEY_HINT error=t.field("prefix")/>
                    <Select label="With those of" name="other" value=self.there options=options/>
                    <div class="form-grid">
                        <Field label="Revision here (empty: now)" name="revision" value=self.revision error=t.field("revision")/>
                        <Field label="Revision there (empty: now)" name="other_revision" value=self.other_revision error=t.field("other_revision")/>
                    </div>
                    <ProblemBox problem=t.general()/>
                    <ProblemBox problem=self.opening.problem/>
                    <p class="muted" role="status">{move || opening()}</p>
                    <div class="form-actions">
                        <Button label="Compare" look=Look::Primary submit=true busy=busy/>
                        <a class=Look::Plain.class() href=keys>"Back to the keys"</a>
                    </div>
                </section>
            </form>
            {move || result()}
            {snapshot}
        }
        .boxed()
    }

    fn result(self) -> AnyView {
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
        let copies = move || (!self.task.busy.get()).then(|| self.copies());
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
            rpc::keys::compare_values(self.id(), query)
        })
    }

    /// Where keys can be copied or restored once it is known how they differ.
    fn copies(self) -> AnyView {
        let found = self.found.get_untracked().filter(|found| found.differences() > 0);
        let other = found.and_then(|found| Some((found.query.other?, found.query.prefix)));
        let Some((other, prefix)) = other.filter(|_| self.write) else {
            return ().into_any();
        };
        let known = |id: &ClusterId| {
            self.others
                .with_value(|all| all.iter().find(|(known, _)| known == id.as_str()).map(|(_, name)| name.clone()))
        };
        // Another snapshot is none of the others by this id, and takes nothing in.
        let Some(there) = known(&other) else { return ().into_any() };
        let (here, name) = match self.here.get_value() {
            Here::Cluster(id, name) => (id, name),
            Here::Snapshot(_) => {
                let take = Callback::new(move |()| self.taking.set(Some((prefix.clone(), false))));
                return view! { <div class="form-actions"><Button label="Restore these keys to a cluster…" on_press=take/></div> }
                    .into_any();
            }
        };
        let link = |(from, of): (&ClusterId, &str), (to, into): (&ClusterId, &str)| {
            let words = format!("Copy these from {of} to {into}…");
            view! { <a class=Look::Plain.class() href=routes::copy_keys_to(from, to, &prefix)>{words}</a> }.boxed()
        };
        let (here, there) = ((&here, name.as_str()), (&other, there.as_str()));
        view! { <div class="form-actions">{link(here, there)}{link(there, here)}</div> }.boxed()
    }
}
