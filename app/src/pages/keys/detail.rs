//! The chosen key: its name, what is known of it, and four ways to look at it. Invariant: whoever may not read values sees name
//! and numbers, and who may instead; a tab asks when it is opened and not before.

use super::{
    browser::{Browser, Done},
    editor::{self, Draft},
    everywhere, follow, history, move_key, value,
};
use crate::{
    clock::Clock,
    components::{
        badge::{Tone, badge},
        button::{Button, Look},
        copy::copy_text,
        icon::Icon,
        problem::ProblemBox,
        sure::Sure,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    error::AppError,
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::{
    Problem, ProblemKind, Timestamp,
    keys::{DeleteKey, EditAnswer, EditOutcome, Form, Key, KeyMeta, ValueQuery, ValueView},
    wide::Wide,
};

/// What is shown of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Value,
    History,
    Watch,
    Everywhere,
}

impl Tab {
    const ALL: [(Tab, &'static str); 4] =
        [(Tab::Value, "Value"), (Tab::History, "History"), (Tab::Watch, "Watch"), (Tab::Everywhere, "On every member")];

    /// Whether it says anything of a snapshot, which never changes and has no members.
    fn of_snapshots(self) -> bool {
        matches!(self, Self::Value | Self::History)
    }
}

/// A key that is open.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) browser: Browser,
    pub(super) key: StoredValue<Key>,
    /// Its value as it was read last.
    pub(super) view: RwSignal<Option<ValueView>>,
    /// When that was.
    read_at: RwSignal<Timestamp>,
    pub(super) form: RwSignal<Option<Form>>,
    pub(super) all: RwSignal<bool>,
    pub(super) reveal: RwSignal<bool>,
    pub(super) task: Task,
    /// What is typed over it.
    pub(super) draft: RwSignal<Option<Draft>>,
    clock: Clock,
}

impl Opened {
    /// The key.
    pub(super) fn name(self) -> Key {
        self.key.get_value()
    }

    /// Reads the value as it is to be shown now.
    pub(super) fn read(self) {
        let query = ValueQuery {
            key: self.name(),
            revision: None,
            form: self.form.get_untracked(),
            all: self.all.get_untracked(),
            reveal: self.reveal.get_untracked(),
        };
        self.task.run(move || {
            let query = query.clone();
            async move {
                let view = rpc::keys::value(self.browser.cluster(), query).await?;
                // The page may show another key by now.
                let now = self.clock;
                if self.read_at.try_set(untrack(move || now.now())).is_none() {
                    let _ = self.view.try_set(Some(view));
                }
                Ok(())
            }
        });
    }

    /// What is known of it: from its value, or from the list.
    pub(super) fn meta(self) -> Option<KeyMeta> {
        let seen = self.view.with(|view| view.as_ref().map(|view| view.meta.clone()));
        let listed = || self.browser.tree.with(|tree| self.key.with_value(|key| tree.entry(key)?.meta.clone()));
        seen.or_else(listed)
    }

    /// The revision that a change must still find.
    pub(super) fn seen(self) -> Wide {
        self.view.with_untracked(|view| view.as_ref().map_or(Wide(0), |view| view.meta.mod_revision))
    }

    /// After a change that was done: reads it again, everywhere.
    pub(super) fn done(self, words: String, answer: &EditAnswer) {
        let words = if answer.note.is_empty() { words } else { format!("{words} {}", answer.note) };
        let browser = self.browser;
        browser.done.set(Some(Done { words, undo: answer.undo.clone(), key: self.name() }));
        browser.unsaved.set(false);
        let _ = self.draft.try_set(None);
        browser.changed(&self.name());
    }

    /// Seconds until the lease ends, now.
    fn ttl(self) -> Option<i64> {
        let left = self.view.with(|view| view.as_ref()?.ttl)?;
        let passed = self.clock.now().since(self.read_at.get()) / 1000;
        Some((left - i64::try_from(passed).unwrap_or(i64::MAX)).max(0))
    }
}

/// The chosen key.
pub(super) fn detail(browser: Browser, key: Key) -> AnyView {
    let opened = Opened {
        browser,
        key: StoredValue::new(key.clone()),
        view: RwSignal::new(None),
        read_at: RwSignal::new(Timestamp(0)),
        form: RwSignal::new(None),
        all: RwSignal::new(false),
        reveal: RwSignal::new(false),
        task: Task::new(),
        draft: RwSignal::new(None),
        clock: Clock::get(),
    };
    if browser.rights.values {
        Effect::new(move |_| {
            browser.changes.track();
            // What was deleted or renamed here is shown no more, and not asked for.
            if browser.chosen.with_untracked(|chosen| opened.key.with_value(|key| chosen.as_ref() == Some(key))) {
                opened.read();
            }
        });
    }
    Effect::new(move |_| browser.unsaved.set(opened.draft.with(|draft| draft.as_ref().is_some_and(Draft::differs))));
    let tab = RwSignal::new(Tab::Value);
    let body = move || match tab.get() {
        _ if !browser.rights.values => names_only(),
        Tab::Value => value_tab(opened),
        Tab::History => history::tab(opened),
        Tab::Watch => follow::tab(opened),
        Tab::Everywhere => everywhere::tab(opened),
    };
    let back = Callback::new(move |()| browser.choose(None));
    view! {
        <div class="key-back"><Button label="← All keys" look=Look::Bare on_press=back/></div>
        {title(key)}
        {facts(opened)}
        {browser.rights.values.then(|| tabs(tab, browser))}
        <div class="key-body">{move || body()}</div>
    }
    .boxed()
}

fn title(key: Key) -> AnyView {
    let toasts = Toasts::get();
    let shown = key.to_string();
    let copied = shown.clone();
    view! {
        <div class="key-title">
            <h2><bdi><code>{shown}</code></bdi></h2>
            <button type="button" class="button button-bare" on:click=move |_| copy_text(copied.clone(), toasts, "Key")>
                {Icon::Copy.view()}
                <span>"Copy"</span>
                <span class="sr-only">"the key"</span>
            </button>
        </div>
    }
    .boxed()
}

/// `mod rev 19 201 · create 12 · version 88 · 1.2 KiB · lease 694d… 27 s`.
fn facts(opened: Opened) -> AnyView {
    let words = memo(move || opened.meta().map(|meta| meta_words(&meta, opened.ttl())));
    let badges = memo(move || opened.view.with(|view| view.as_ref().map(|v| (v.gzip, kubernetes_words(v)))));
    let badges = move || {
        let (gzip, object) = badges.get()?;
        let gzip = gzip.then(|| badge(Tone::Info, "gzip, shown unpacked".into()));
        let object = object.map(|object| badge(Tone::Info, object));
        Some(view! { <p class="key-badges">{gzip}{object}</p> }.boxed())
    };
    view! {
        <p class="key-facts muted">{move || words.get()}</p>
        {move || badges()}
    }
    .boxed()
}

/// What is known of a key, in one line.
fn meta_words(meta: &KeyMeta, ttl: Option<i64>) -> String {
    let mut words = vec![
        format!("mod rev {}", format::count(meta.mod_revision.0)),
        format!("create {}", format::count(meta.create_revision.0)),
        format!("version {}", format::count(meta.version.0)),
    ];
    words.extend(meta.size.map(|size| format::bytes(size.0)));
    words.extend(meta.lease.map(|lease| {
        let left = ttl.map_or_else(String::new, |left| match left {
            0 => " ends now".to_owned(),
            left => format!(" ends in {}", ttl_words(left)),
        });
        format!("lease {lease}{left}")
    }));
    words.join(" · ")
}

/// `27 s`, `4 min 10 s`, `2 h 3 min`.
pub(super) fn ttl_words(seconds: i64) -> String {
    match u64::try_from(seconds).unwrap_or_default() {
        seconds @ 0..=59 => format!("{seconds} s"),
        seconds => format::duration(seconds.saturating_mul(1000)),
    }
}

fn kubernetes_words(view: &ValueView) -> Option<String> {
    let object = view.kubernetes.as_ref()?;
    let place =
        if object.namespace.is_empty() { object.name.clone() } else { format!("{}/{}", object.namespace, object.name) };
    let named = format!("Kubernetes {} {} {place}", object.api_version, object.kind);
    let named = named.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(format!("{named} ({})", object.encoding))
}

fn names_only() -> AnyView {
    view! {
        <div class="note tone-info">
            {Icon::Info.view()}
            <p>"Your role sees names of keys and not what is in them. Operators and admins read values, unless a rule for this key says otherwise; ask an admin."</p>
        </div>
    }
    .boxed()
}

fn tabs(tab: RwSignal<Tab>, browser: Browser) -> AnyView {
    let button = move |(this, label): (Tab, &'static str)| {
        let here = move || tab.get() == this;
        // Leaving the value does not lose what was typed there: the draft belongs to the key.
        view! {
            <button
                type="button"
                class="tab"
                aria-current=move || here().then_some("true")
                on:click=move |_| tab.set(this)
            >
                {label}
            </button>
        }
        .boxed()
    };
    let snapshot = browser.snapshot().is_some();
    let unsaved = move || browser.unsaved.get().then(|| badge(Tone::Risk, "not saved".into()));
    view! {
        <div class="tabs key-tabs" role="group" aria-label="What to show of the key">
            {Tab::ALL.into_iter().filter(|(tab, _)| !snapshot || tab.of_snapshots()).map(button).collect_view()}
            <span>{move || unsaved()}</span>
        </div>
    }
    .boxed()
}

fn value_tab(opened: Opened) -> AnyView {
    let there = memo(move || opened.view.with(Option::is_some));
    let editing = memo(move || opened.draft.with(Option::is_some));
    let shown = move || match (there.get(), editing.get()) {
        (true, true) => editor::editor(opened),
        (true, false) => view! { {value::value(opened)} {actions(opened)} }.into_any(),
        (false, _) if opened.task.problem.with(Option::is_some) => ().into_any(),
        (false, _) => view! { <p class="muted" aria-busy="true">"Reading…"</p> }.boxed(),
    };
    view! {
        <ProblemBox problem=opened.task.problem/>
        {move || shown()}
    }
    .boxed()
}

/// Edit, rename or copy, delete.
fn actions(opened: Opened) -> AnyView {
    let rights = opened.browser.rights;
    let masked = memo(move || opened.view.with(|view| view.as_ref().is_some_and(|view| view.masked)));
    let deleting = RwSignal::new(false);
    let moving = RwSignal::new(false);
    let task = Task::new();
    let edit = Callback::new(move |()| editor::begin(opened, task));
    let again = Callback::new(move |()| opened.read());
    let write = rights.write.then(|| {
        view! {
            <Button label="Edit" look=Look::Primary busy=task.busy disabled=masked on_press=edit/>
            <Button label="Rename or copy" on_press=Callback::new(move |()| moving.set(true))/>
        }
        .into_any()
    });
    let delete = rights.delete.then(|| {
        view! { <Button label="Delete" look=Look::Danger on_press=Callback::new(move |()| deleting.set(true))/> }
    });
    let take = opened.browser.snapshot().map(|_| {
        let take = Callback::new(move |()| opened.browser.taking.set(Some((opened.name(), true))));
        view! { <Button label="Restore this key…" look=Look::Primary on_press=take/> }
    });
    view! {
        <div class="form-actions key-actions">
            {take}
            {write}
            {delete}
            <Button label="Read again" look=Look::Bare busy=opened.task.busy on_press=again/>
        </div>
        <ProblemBox problem=task.problem/>
        {confirm_delete(opened, deleting, task)}
        {move_key::dialog(opened, moving)}
    }
    .boxed()
}

fn confirm_delete(opened: Opened, open: RwSignal<bool>, task: Task) -> AnyView {
    let delete = Callback::new(move |()| {
        let delete = DeleteKey { key: opened.name(), seen: opened.seen() };
        task.run(move || {
            let delete = delete.clone();
            async move {
                let answer = rpc::keys::delete_key(opened.browser.cluster(), delete.clone()).await?;
                let _ = open.try_set(false);
                match answer.outcome {
                    EditOutcome::Done => {
                        opened.browser.go(None);
                        opened.done(format!("Deleted {}.", delete.key), &answer);
                        Ok(())
                    }
                    EditOutcome::Lost => {
                        opened.read();
                        Err(too_late("it was not deleted", "Look at what is there now before you delete it."))
                    }
                }
            }
        });
    });
    view! {
        <Sure open=open title="Delete this key?" yes="Delete it" task=task on_yes=delete>
            <p>"The console keeps what is in it for a while, so that it can be put back."</p>
        </Sure>
    }
    .into_any()
}

/// Somebody else was faster.
pub(super) fn too_late(what: &str, next: &str) -> AppError {
    let title = format!("Somebody changed it meanwhile: {what}");
    AppError(Problem::new(ProblemKind::Conflict, title).with_detail(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{LeaseId, keys::KubernetesObject};

    #[test]
    fn what_is_known_of_a_key_is_one_line() {
        let mut meta = sample::key_meta();
        assert_eq!(meta_words(&meta, None), "mod rev 5 · create 5 · version 1 · 10 B");
        meta.lease = Some(LeaseId(0x694d));
        meta.size = None;
        assert_eq!(meta_words(&meta, Some(27)), "mod rev 5 · create 5 · version 1 · lease 694d ends in 27 s");
        assert!(meta_words(&meta, Some(0)).ends_with("ends now"));
        assert_eq!(ttl_words(250), "4 min 10 s");
    }

    #[test]
    fn a_kubernetes_object_is_named_as_far_as_it_says() {
        let mut view = sample::key_value("/registry/x", "");
        assert_eq!(kubernetes_words(&view), None);
        let mut object = KubernetesObject {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: "prod".into(),
            name: "db".into(),
            encoding: "protobuf".into(),
        };
        view.kubernetes = Some(object.clone());
        assert_eq!(kubernetes_words(&view).as_deref(), Some("Kubernetes v1 Secret prod/db (protobuf)"));
        object = KubernetesObject { api_version: String::new(), namespace: String::new(), ..object };
        view.kubernetes = Some(object);
        assert_eq!(kubernetes_words(&view).as_deref(), Some("Kubernetes Secret db (protobuf)"));
    }
}
