//! What the key browser knows and asks. Invariant: one state for the whole page, copied as a handle; answers to questions that
//! nobody has any more (another separator, a page that is gone) are dropped.

use super::{
    location::{self, Place},
    tree::{Row, Tree},
};
use crate::{routes, rpc, session::Session};
use leptos::{prelude::*, task::spawn_local};
use quorate_domain::{
    Action, ClusterId, KeyUndoId, Problem,
    keys::{IndexPhase, IndexState, Key, KeyPage, KeyQuery, Source},
    snapshots::OpenedSnapshot,
    wide::Wide,
};
use std::time::Duration;

/// Entries that one question asks for.
const PAGE: u32 = 500;
/// How often the state of a finished index is asked for, in seconds: it also tells the console that somebody looks.
const LOOK_EVERY: u32 = 10;

/// The question for a page.
pub(super) fn query(prefix: Key, place: &Place, after: Option<(Key, Option<Wide>)>) -> KeyQuery {
    let (after, revision) = after.map_or((None, None), |(after, revision)| (Some(after), revision));
    let separator = place.asked_separator();
    KeyQuery { prefix, separator, after, revision, limit: PAGE, descending: place.descending }
}

/// What somebody may do here, by their role; the server asks again, for each key.
#[derive(Clone, Copy)]
pub(super) struct Rights {
    pub(super) values: bool,
    pub(super) write: bool,
    pub(super) delete: bool,
    pub(super) manage: bool,
}

/// Something that was done and can be taken back.
#[derive(Clone)]
pub(super) struct Done {
    pub(super) words: String,
    pub(super) undo: Option<KeyUndoId>,
    pub(super) key: Key,
}

/// The state of the page.
#[derive(Clone, Copy)]
pub(super) struct Browser {
    cluster: StoredValue<ClusterId>,
    /// The snapshot that is open here like a cluster; none where it is a cluster.
    snapshot: StoredValue<Option<OpenedSnapshot>>,
    /// Keys of it that are to be brought to a cluster, and whether only the one that is called so.
    pub(super) taking: RwSignal<Option<(Key, bool)>>,
    pub(super) tree: RwSignal<Tree>,
    pub(super) place: RwSignal<Place>,
    pub(super) chosen: Memo<Option<Key>>,
    pub(super) index: RwSignal<IndexState>,
    pub(super) source: RwSignal<Option<Source>>,
    pub(super) note: RwSignal<String>,
    /// Why the outermost level could not be read.
    pub(super) problem: RwSignal<Option<Problem>>,
    /// The row that the keyboard is at.
    pub(super) active: RwSignal<usize>,
    /// Something was typed that is not saved.
    pub(super) unsaved: RwSignal<bool>,
    /// Where somebody wants to go although something is not saved.
    pub(super) leaving: RwSignal<Option<Option<Key>>>,
    /// The last change.
    pub(super) done: RwSignal<Option<Done>>,
    /// Counts changes made here, so that what shows the chosen key reads it again.
    pub(super) changes: RwSignal<u32>,
    pub(super) rights: Rights,
}

impl Browser {
    /// Keys of a cluster, beginning with what the page was rendered with.
    pub(super) fn new(cluster: ClusterId, place: Place, first: Result<KeyPage, Problem>) -> Self {
        let session = Session::get();
        let rights = Rights {
            values: session.may(Action::ReadValues),
            write: session.may(Action::WriteKeys),
            delete: session.may(Action::DeleteKeys),
            manage: session.may(Action::ManageKeys),
        };
        Self::of((cluster, None), rights, place, first)
    }

    /// Keys of an opened snapshot, which nobody can change.
    pub(super) fn opened(opened: OpenedSnapshot, place: Place, first: Result<KeyPage, Problem>) -> Self {
        let rights = Rights { values: true, write: false, delete: false, manage: false };
        Self::of((opened.id.clone(), Some(opened)), rights, place, first)
    }

    fn of(
        (cluster, snapshot): (ClusterId, Option<OpenedSnapshot>),
        rights: Rights,
        place: Place,
        first: Result<KeyPage, Problem>,
    ) -> Self {
        let place = RwSignal::new(place);
        let browser = Self {
            cluster: StoredValue::new(cluster),
            snapshot: StoredValue::new(snapshot),
            taking: RwSignal::new(None),
            tree: RwSignal::new(Tree::default()),
            chosen: crate::data::memo(move || place.with(|place| place.key.clone())),
            place,
            index: RwSignal::new(IndexState::default()),
            source: RwSignal::new(None),
            note: RwSignal::new(String::new()),
            problem: RwSignal::new(None),
            active: RwSignal::new(0),
            unsaved: RwSignal::new(false),
            leaving: RwSignal::new(None),
            done: RwSignal::new(None),
            changes: RwSignal::new(0),
            rights,
        };
        match first {
            Ok(page) => {
                browser.hear(&page);
                browser.tree.set(Tree::of(page));
            }
            Err(problem) => browser.problem.set(Some(problem)),
        }
        browser.begin();
        browser
    }

    /// The cluster; what an opened snapshot is known by, too.
    pub(super) fn cluster(self) -> ClusterId {
        self.cluster.get_value()
    }

    /// The snapshot that is open here, if it is one.
    pub(super) fn snapshot(self) -> Option<OpenedSnapshot> {
        self.snapshot.get_value()
    }

    /// The page's path.
    fn path(self) -> String {
        self.snapshot.with_value(|snapshot| match snapshot {
            Some(opened) => routes::snapshot_keys(&opened.snapshot),
            None => routes::cluster_keys(&self.cluster()),
        })
    }

    /// In the browser: goes where the link or the tab's memory says, and follows the index.
    fn begin(self) {
        Effect::new(move |first: Option<()>| {
            if first.is_some() {
                return;
            }
            let linked = self.place.get_untracked();
            let place = match location::remembered(&self.path()) {
                Some(kept) if linked == Place::default() => kept,
                _ => linked.clone(),
            };
            let mut open = place.open.clone();
            open.extend(place.key.iter().flat_map(|key| folders_above(key, &place.asked_separator())));
            let other = place.asked_separator() != linked.asked_separator() || place.descending != linked.descending;
            self.place.set(place);
            if other {
                self.restart();
            } else {
                open.iter().for_each(|folder| self.open(folder));
            }
            self.follow_index();
        });
        Effect::new(move |first: Option<()>| {
            let place = self.place.get();
            if first.is_some() {
                location::remember(&self.path(), &place);
            }
        });
    }

    fn follow_index(self) {
        let seconds = StoredValue::new(0_u32);
        let ask = move || {
            let Some(index) = self.index.try_get_untracked() else { return };
            let _ = seconds.try_update_value(|n| *n += 1);
            let busy = matches!(index.phase, IndexPhase::Building | IndexPhase::Behind);
            if busy || seconds.try_get_value().is_some_and(|n| n % LOOK_EVERY == 1) {
                spawn_local(async move { self.hear_index(rpc::keys::key_index(self.cluster()).await.ok()) });
            }
        };
        if let Ok(handle) = set_interval_with_handle(ask, Duration::from_secs(1)) {
            on_cleanup(move || handle.clear());
        }
    }

    fn hear_index(self, state: Option<IndexState>) {
        let (Some(state), Some(before)) = (state, self.index.try_get_untracked()) else { return };
        let ready = before.phase == IndexPhase::Building && state.phase == IndexPhase::Live;
        self.index.set(state);
        if ready {
            // Counts of folders are known from now on.
            self.restart();
        }
    }

    fn hear(self, page: &KeyPage) {
        self.index.set(page.index.clone());
        self.source.set(Some(page.source));
        self.note.set(page.note.clone());
    }

    /// Reads all anew: the order or the separator changed, or something was missed.
    pub(super) fn restart(self) {
        self.tree.update(Tree::restart);
        self.problem.set(None);
        self.active.set(0);
        let folders = self.place.with_untracked(|place| place.open.clone());
        self.open(&Key::default());
        folders.iter().for_each(|folder| self.open(folder));
    }

    /// Changes how keys are listed.
    pub(super) fn arrange(self, change: impl FnOnce(&mut Place)) {
        self.place.update(|place| {
            change(place);
            // Folders of another separator are none.
            place.open.clear();
        });
        self.restart();
    }

    /// Opens a folder and reads it, the first time.
    pub(super) fn open(self, prefix: &Key) {
        let fresh = self.tree.try_update(|tree| tree.open(prefix)) == Some(true);
        self.note_open();
        if fresh {
            self.ask(prefix.clone(), None);
        }
    }

    /// Closes a folder.
    pub(super) fn close(self, prefix: &Key) {
        self.tree.update(|tree| tree.close(prefix));
        self.note_open();
    }

    fn note_open(self) {
        let open = self.tree.with_untracked(Tree::opened);
        if self.place.with_untracked(|place| place.open != open) {
            self.place.update(|place| place.open = open);
        }
    }

    /// Reads on in a level.
    pub(super) fn more(self, prefix: &Key) {
        if let Some(Some(after)) = self.tree.try_update(|tree| tree.ask_more(prefix)) {
            self.ask(prefix.clone(), Some(after));
        }
    }

    /// Reads again what lies around a key that was changed here.
    pub(super) fn changed(self, key: &Key) {
        for prefix in self.tree.with_untracked(|tree| tree.around(key)) {
            self.ask(prefix, None);
        }
        self.changes.update(|n| *n += 1);
    }

    /// Reads a level again that failed.
    pub(super) fn again(self, prefix: &Key) {
        let more = self.tree.try_update(|tree| tree.ask_more(prefix)).flatten();
        self.ask(prefix.clone(), more);
    }

    fn ask(self, prefix: Key, after: Option<(Key, Option<Wide>)>) {
        let more = after.is_some();
        let generation = self.tree.with_untracked(Tree::generation);
        let query = self.place.with_untracked(|place| query(prefix.clone(), place, after));
        let cluster = self.cluster();
        spawn_local(async move {
            let answer = rpc::keys::keys_page(cluster, query).await;
            if self.tree.try_with_untracked(Tree::generation) != Some(generation) {
                return;
            }
            match answer {
                Ok(page) => {
                    self.hear(&page);
                    self.tree.update(|tree| tree.put(&prefix, page, more));
                    self.problem.set(None);
                }
                Err(error) => {
                    self.tree.update(|tree| tree.fail(&prefix, &error.0));
                    if prefix.is_empty() && !more {
                        self.problem.set(Some(error.0));
                    }
                }
            }
        });
    }

    /// Shows a key, or none; asks first when something is not saved.
    pub(super) fn choose(self, key: Option<Key>) {
        if self.place.with_untracked(|place| place.key == key) {
            return;
        }
        if self.unsaved.get_untracked() {
            self.leaving.set(Some(key));
        } else {
            self.go(key);
        }
    }

    /// Shows a key, or none, whatever is not saved.
    pub(super) fn go(self, key: Option<Key>) {
        self.unsaved.set(false);
        self.leaving.set(None);
        let separator = self.place.with_untracked(Place::asked_separator);
        let above = key.iter().flat_map(|key| folders_above(key, &separator)).collect::<Vec<_>>();
        self.place.update(|place| place.key = key);
        // It may come from a search or a link: the list shows where it is.
        above.iter().for_each(|folder| self.open(folder));
    }

    /// The folder at hand, in which a new key would lie: that of the chosen one, or the one that the keyboard is at.
    pub(super) fn here(self) -> Key {
        let separator = self.place.with(|place| place.separator.clone());
        match (self.chosen.get(), self.row()) {
            (Some(key), _) => folder_of(&key, &separator),
            (None, Some(row)) if row.what == super::tree::What::Key => folder_of(&row.name, &separator),
            (None, Some(row)) => row.name,
            (None, None) => Key::default(),
        }
    }

    /// How many keys lie in the folder that the keyboard is at, where that is known.
    pub(super) fn keys_here(self) -> Option<u64> {
        self.row()?.keys
    }

    fn row(self) -> Option<Row> {
        let at = self.active.get();
        self.tree.with(|tree| tree.row(at))
    }
}

/// The folders that a key lies in, outermost first; none in a flat list. A separator at the very beginning ends no name.
fn folders_above(key: &Key, separator: &Key) -> Vec<Key> {
    let (bytes, separator) = (key.as_bytes(), separator.as_bytes());
    let ends = |end: &usize| bytes.get(..*end).is_some_and(|begin| begin.ends_with(separator));
    let all = (separator.len() + 1..=bytes.len()).filter(ends).filter_map(|end| bytes.get(..end));
    if separator.is_empty() { Vec::new() } else { all.map(|begin| Key(begin.to_vec())).collect() }
}

/// What a key starts with up to its last separator; the whole space when it has none.
pub(super) fn folder_of(key: &Key, separator: &Key) -> Key {
    let (bytes, separator) = (key.as_bytes(), separator.as_bytes());
    let ends =
        (separator.len()..bytes.len()).rev().find(|end| bytes.get(..*end).is_some_and(|b| b.ends_with(separator)));
    Key(ends.filter(|_| !separator.is_empty()).and_then(|end| bytes.get(..end)).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_in_the_folder_of_its_last_separator() {
        let folder = |key, separator| folder_of(&Key::raw(key), &Key::raw(separator)).to_string();
        assert_eq!(folder("/service/pg/leader", "/"), "/service/pg/");
        assert_eq!(folder("/service//", "/"), "/service/", "the key that ends with a separator lies in the one before");
        assert_eq!(folder("a::b::c", "::"), "a::b::");
        assert_eq!(folder("lonely", "/"), "");
        assert_eq!(folder("a/b", ""), "");
    }

    #[test]
    fn the_folders_above_a_key_are_those_that_the_list_has() {
        let above = |key, separator| -> Vec<String> {
            folders_above(&Key::raw(key), &Key::raw(separator)).iter().map(Key::to_string).collect()
        };
        assert_eq!(above("/service/pg/leader", "/"), ["/service/", "/service/pg/"]);
        assert_eq!(above("//double", "/"), ["//"]);
        assert_eq!(above("/a/", "/"), ["/a/"], "a key that is spelt like a folder lies in it");
        assert_eq!(above("/", "/"), Vec::<String>::new());
        assert_eq!(above("a::b::c", "::"), ["a::", "a::b::"]);
        assert_eq!(above("a/b", ""), Vec::<String>::new());
    }

    #[test]
    fn a_flat_list_has_no_separator_and_a_next_page_its_revision() {
        let place = Place { flat: true, ..Place::default() };
        assert!(query(Key::default(), &place, None).separator.is_empty());
        let next = query(Key::raw("/a/"), &Place::default(), Some((Key::raw("/a/b"), Some(Wide(7)))));
        assert_eq!((next.after, next.revision, next.limit), (Some(Key::raw("/a/b")), Some(Wide(7)), PAGE));
    }
}
