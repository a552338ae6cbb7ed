//! Lists of snapshots: of a cluster, or of all. Invariant: newest first, read in pages, and kept right by the stream; what a
//! snapshot is worth stands in words.

use super::actions::{self, Actions};
use crate::{
    components::{
        badge::Tone,
        button::{Button, Look},
        empty::empty_state,
        problem::ProblemBox,
        table::{Cell, Column, DataTable, Row, RowAction},
        task::Task,
    },
    data::{Boxed, memo},
    format,
    live::Live,
    routes, rpc,
    session::Session,
};
use leptos::prelude::*;
use quorate_domain::{
    Action, ClusterId, SnapshotId,
    live::LiveMessage,
    snapshots::{Origin, Snapshot, SnapshotState, Vault},
};

const OF_ONE: [Column; 9] = [
    Column::text("Name"),
    Column::text("Taken"),
    Column::text("State"),
    Column::number("Revision"),
    Column::number("Keys"),
    Column::number("Size"),
    Column::text("Origin"),
    Column::text("Protected"),
    Column::actions(),
];

/// The same with the cluster and the vault.
const OF_ALL: [Column; 11] = [
    Column::text("Name"),
    Column::text("Cluster"),
    Column::text("Taken"),
    Column::text("State"),
    Column::number("Revision"),
    Column::number("Keys"),
    Column::number("Size"),
    Column::text("Origin"),
    Column::text("Vault"),
    Column::text("Protected"),
    Column::actions(),
];

/// What a snapshot is worth.
pub(crate) fn state_cell(snapshot: &Snapshot) -> Cell {
    let badge = |tone, text: String| Cell::Badge { tone, text };
    match snapshot.state {
        SnapshotState::Taking => {
            let (value, max) = (snapshot.bytes.0, snapshot.expected.0);
            let share = value.min(max).saturating_mul(100).checked_div(max);
            let text = share.map_or_else(|| "being taken".into(), |percent| format!("being taken, {percent} %"));
            Cell::Meter { value, max: max.max(1), text }
        }
        SnapshotState::Failed => badge(Tone::Bad, format!("Failed: {}", snapshot.problem)),
        SnapshotState::Good if !snapshot.problem.is_empty() => badge(Tone::Risk, format!("Good: {}", snapshot.problem)),
        SnapshotState::Good if snapshot.content.is_some() => {
            badge(Tone::Ok, "Proven: gone through, all digests right".into())
        }
        SnapshotState::Good if snapshot.sealed_by_etcd == Some(true) => {
            badge(Tone::Ok, "Good: digests right, not gone through yet".into())
        }
        SnapshotState::Good => badge(Tone::Quiet, "Good, without etcd's own digest; not gone through yet".into()),
    }
}

/// Why there is a snapshot, and by whom.
pub(crate) fn origin_cell(snapshot: &Snapshot) -> Cell {
    match &snapshot.origin {
        Origin::Asked => Cell::Text(format!("asked for by {}", snapshot.actor)),
        Origin::Schedule { .. } => Cell::Text("schedule".into()),
        Origin::Operation { operation } => {
            Cell::Link { href: routes::operation(operation), text: "an operation".into() }
        }
        Origin::Upload => Cell::Text(format!("uploaded by {}", snapshot.actor)),
    }
}

/// What can be pressed in a row.
fn buttons(snapshot: &Snapshot, may_cancel: bool, any: bool) -> Cell {
    let taking = snapshot.state == SnapshotState::Taking;
    let button = if taking && may_cancel && snapshot.origin != Origin::Upload {
        Some(RowAction { id: "cancel", label: "Cancel" })
    } else if !taking && any {
        Some(RowAction { id: "choose", label: "Actions…" })
    } else {
        None
    };
    button.map_or(Cell::Empty, |button| Cell::Actions(vec![button]))
}

fn row(snapshot: &Snapshot, vaults: Option<&[Vault]>, buttons: Cell) -> Row {
    let note = if snapshot.member.is_empty() { String::new() } else { format!("from {}", snapshot.member) };
    let number = |value: Option<u64>| value.map_or(Cell::Empty, Cell::count);
    let size = Cell::Number { value: snapshot.bytes.0, text: format::bytes(snapshot.bytes.0) };
    let mut cells = vec![
        Cell::LinkNote { href: routes::snapshot(&snapshot.id), text: snapshot.name.clone(), note },
        Cell::Ago(snapshot.at),
        state_cell(snapshot),
        number(snapshot.revision.map(|revision| revision.0)),
        number(snapshot.content.as_ref().map(|content| content.keys.0)),
        size,
        origin_cell(snapshot),
    ];
    if let Some(vaults) = vaults {
        let name = snapshot.cluster_name.clone();
        cells.insert(
            1,
            match &snapshot.cluster {
                Some(cluster) => Cell::Link { href: routes::cluster_backups(cluster), text: name },
                None => Cell::Muted(name),
            },
        );
        let vault = vaults.iter().find(|vault| vault.id == snapshot.vault);
        cells.push(vault.map_or(Cell::Empty, |vault| Cell::Text(vault.name.clone())));
    }
    cells.push(if snapshot.protected { Cell::Text("protected".into()) } else { Cell::Empty });
    cells.push(buttons);
    Row { key: snapshot.id.to_string(), cells }
}

/// Which snapshots are wanted: words of ids and states; empty for all.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    cluster: String,
    state: String,
}

impl Wanted {
    fn fits(&self, snapshot: &Snapshot) -> bool {
        let cluster = snapshot.cluster.as_ref().map_or("", ClusterId::as_str);
        (self.cluster.is_empty() || self.cluster == cluster)
            && (self.state.is_empty() || self.state == snapshot.state.as_str())
    }
}

/// Puts a snapshot as it is now where it belongs. Unless the list is `whole`, what belongs behind its end is left to be read later.
fn merge(all: &mut Vec<Snapshot>, snapshot: Snapshot, wanted: &Wanted, whole: bool) {
    let known = all.iter().position(|known| known.id == snapshot.id);
    let ended = |at: usize| all.get(at).is_some_and(|known| known.state != SnapshotState::Taking);
    if snapshot.state == SnapshotState::Taking && known.is_some_and(ended) {
        // The answer to whoever began it, overtaken by the news of its end: a small one is taken in no time.
        return;
    }
    match (known, wanted.fits(&snapshot)) {
        (Some(at), true) => all[at] = snapshot,
        (Some(at), false) => {
            all.remove(at);
        }
        (None, true) => {
            let at = all.iter().position(|known| known.at <= snapshot.at);
            if let Some(at) = at.or(whole.then_some(all.len())) {
                all.insert(at, snapshot);
            }
        }
        (None, false) => {}
    }
}

/// A list, with its filters.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub(super) all: RwSignal<Vec<Snapshot>>,
    pub(super) cluster: RwSignal<String>,
    pub(super) state: RwSignal<String>,
    /// There may be older ones.
    more: RwSignal<bool>,
    task: Task,
}

impl List {
    /// A list that begins with its first page: of one cluster, or of all.
    pub(super) fn new(first: Vec<Snapshot>, cluster: Option<&ClusterId>) -> Self {
        let list = Self {
            more: RwSignal::new(is_full(&first)),
            all: RwSignal::new(first),
            cluster: RwSignal::new(cluster.map_or_else(String::new, ToString::to_string)),
            state: RwSignal::new(String::new()),
            task: Task::new(),
        };
        Live::get().listen(Callback::new(move |message| match message {
            LiveMessage::Snapshot { snapshot } => list.put(*snapshot),
            LiveMessage::SnapshotGone { snapshot } => {
                let _ = list.all.try_update(|all| all.retain(|known| known.id != snapshot));
            }
            LiveMessage::Hello { .. } => list.read(),
            _ => {}
        }));
        Effect::new(move |before: Option<Wanted>| {
            let wanted = Wanted { cluster: list.cluster.get(), state: list.state.get() };
            if before.is_some_and(|before| before != wanted) {
                list.read();
            }
            wanted
        });
        list
    }

    fn wanted(self) -> Wanted {
        let word = |signal: RwSignal<String>| signal.try_get_untracked().unwrap_or_default();
        Wanted { cluster: word(self.cluster), state: word(self.state) }
    }

    /// Shows a snapshot as it is now.
    pub(super) fn put(self, snapshot: Snapshot) {
        let (wanted, more) = (self.wanted(), self.more.try_get_untracked() == Some(true));
        let _ = self.all.try_update(|all| merge(all, snapshot, &wanted, !more));
    }

    /// Reads the newest ones anew.
    fn read(self) {
        self.ask(None);
    }

    fn ask(self, after: Option<SnapshotId>) {
        self.task.run(move || {
            let mut after = after.clone();
            async move {
                loop {
                    let wanted = self.wanted();
                    let (cluster, state) = (wanted.cluster.parse().ok(), SnapshotState::parse(&wanted.state));
                    let page = rpc::snapshots::list_snapshots(cluster, state, after.clone()).await?;
                    if wanted != self.wanted() {
                        // Something else was chosen meanwhile.
                        after = None;
                        continue;
                    }
                    let _ = self.more.try_set(is_full(&page));
                    let _ = self.all.try_update(|all| {
                        if after.is_none() {
                            all.clear();
                        }
                        page.into_iter().for_each(|snapshot| merge(all, snapshot, &wanted, true));
                    });
                    return Ok(());
                }
            }
        });
    }

    /// The table; with `everywhere`, of all clusters.
    pub(super) fn view(self, vaults: RwSignal<Vec<Vault>>, everywhere: bool) -> AnyView {
        let actions = Actions::new(self.all, vaults);
        let may_cancel = Session::get().may(Action::TakeSnapshots);
        let rows = memo(move || {
            let of = |snapshot: &Snapshot| {
                let buttons = buttons(snapshot, may_cancel, actions::any(snapshot));
                vaults.with(|vaults| row(snapshot, everywhere.then_some(vaults.as_slice()), buttons))
            };
            self.all.with(|all| all.iter().map(of).collect::<Vec<_>>())
        });
        let on_action = Callback::new(move |(key, action): (String, &'static str)| {
            let Ok(id) = key.parse::<SnapshotId>() else { return };
            if action == "cancel" { actions.cancel(id) } else { actions.chosen.set(Some(id)) }
        });
        let older = Callback::new(move |()| self.ask(self.all.with_untracked(|all| all.last().map(|s| s.id.clone()))));
        let none = memo(move || self.all.with(Vec::is_empty));
        let columns: &'static [Column] = if everywhere { &OF_ALL } else { &OF_ONE };
        let table = move || {
            if none.get() {
                let filtered = self.state.with(|state| !state.is_empty());
                nothing(filtered || (everywhere && self.cluster.with(|cluster| !cluster.is_empty())))
            } else {
                view! { <DataTable caption="Snapshots" columns=columns rows=rows filter=true on_action=on_action/> }
                    .into_any()
            }
        };
        let more = move || {
            self.more
                .get()
                .then(|| view! { <Button label="Older" look=Look::Bare busy=self.task.busy on_press=older/> })
        };
        view! {
            <ProblemBox problem=self.task.problem/>
            {move || table()}
            {move || more()}
            {actions.view()}
        }
        .boxed()
    }
}

fn is_full(page: &[Snapshot]) -> bool {
    page.len() >= rpc::snapshots::PAGE as usize
}

fn nothing(filtered: bool) -> AnyView {
    if filtered {
        empty_state("No such snapshots", "None of that cluster and state. Choose others above.", ().into_any())
    } else {
        empty_state("No snapshots yet", "Take one, let a schedule take them, or upload a database.", ().into_any())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{Timestamp, wide::Wide};

    fn at(number: u8, at: i64) -> Snapshot {
        Snapshot { id: SnapshotId::from_random([number; 10]), at: Timestamp(at), ..sample::snapshot() }
    }

    #[test]
    fn every_row_has_every_column() {
        let (snapshot, vaults) = (sample::snapshot(), [sample::vault()]);
        assert_eq!(row(&snapshot, None, Cell::Empty).cells.len(), OF_ONE.len());
        let of_all = row(&snapshot, Some(&vaults), Cell::Empty);
        assert_eq!(of_all.cells.len(), OF_ALL.len());
        assert_eq!(of_all.cells[8], Cell::Text("local".into()));
        assert_eq!(of_all.cells[1].search_text(), "demo");
    }

    #[test]
    fn a_snapshot_stands_where_its_time_is_and_moves_on_in_place() {
        let all_wanted = Wanted::default();
        let mut all = vec![at(3, 30), at(1, 10)];
        merge(&mut all, at(2, 20), &all_wanted, true);
        merge(&mut all, at(4, 40), &all_wanted, true);
        let times = |all: &[Snapshot]| all.iter().map(|s| s.at.0).collect::<Vec<_>>();
        assert_eq!(times(&all), [40, 30, 20, 10]);
        merge(&mut all, Snapshot { protected: false, ..at(2, 20) }, &all_wanted, true);
        assert_eq!((times(&all), all[2].protected), (vec![40, 30, 20, 10], false));
        merge(&mut all, at(5, 5), &all_wanted, false);
        assert_eq!(times(&all).len(), 4, "others may stand between it and the end of what was read");
    }

    #[test]
    fn what_does_not_fit_the_filter_comes_not_and_goes() {
        let mut all = vec![at(1, 10)];
        let failed = Wanted { state: "failed".into(), ..Wanted::default() };
        merge(&mut all, at(2, 20), &failed, true);
        merge(&mut all, at(1, 10), &failed, true);
        assert!(all.is_empty());
        let elsewhere = Wanted { cluster: "c-other".into(), ..Wanted::default() };
        assert!(!elsewhere.fits(&at(1, 10)));
        assert!(!elsewhere.fits(&Snapshot { cluster: None, ..at(1, 10) }), "one of no cluster is of none");
    }

    #[test]
    fn what_a_snapshot_is_worth_is_said_in_words() {
        let mut snapshot = sample::snapshot();
        let words = |snapshot: &Snapshot| state_cell(snapshot).search_text();
        assert!(words(&snapshot).starts_with("Proven"));
        snapshot.content = None;
        assert_eq!(words(&snapshot), "Good: digests right, not gone through yet");
        snapshot.sealed_by_etcd = None;
        assert!(words(&snapshot).contains("without etcd's own digest"));
        snapshot.problem = "no identity".into();
        assert_eq!(words(&snapshot), "Good: no identity");
        snapshot.state = SnapshotState::Taking;
        (snapshot.bytes, snapshot.expected) = (Wide(25), Wide(100));
        assert_eq!(words(&snapshot), "being taken, 25 %");
        snapshot.expected = Wide(0);
        assert_eq!(words(&snapshot), "being taken");
    }

    #[test]
    fn one_on_its_way_can_be_cancelled_unless_somebody_else_sends_it() {
        let mut snapshot = sample::snapshot();
        let button = |snapshot: &Snapshot, may| match buttons(snapshot, may, true) {
            Cell::Actions(all) => all[0].id,
            _ => "none",
        };
        assert_eq!(button(&snapshot, true), "choose");
        snapshot.state = SnapshotState::Taking;
        assert_eq!((button(&snapshot, true), button(&snapshot, false)), ("cancel", "none"));
        snapshot.origin = Origin::Upload;
        assert_eq!(button(&snapshot, true), "none");
    }
}
