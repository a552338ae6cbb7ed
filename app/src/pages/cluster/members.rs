//! The members table: every column of `etcdctl member list` and `endpoint status`, and what the console adds.

use crate::{
    components::{
        badge::Tone,
        table::{Cell, Column, Row, RowAction},
    },
    format, routes,
};
use quorate_domain::cluster::{ClusterView, MemberRole, MemberView, Reachability};

pub(super) const COLUMNS: [Column; 13] = [
    Column::text("Name"),
    Column::text("State"),
    Column::text("Role"),
    Column::text("ID"),
    Column::text("Peer and client URL"),
    Column::text("Version"),
    Column::number("DB / in use"),
    Column::number("Term"),
    Column::number("Index / applied"),
    Column::number("Behind"),
    Column::number("Answer"),
    Column::text("Unit"),
    Column::number("Seen"),
];

/// The same with a button for what can be done with a member.
pub(super) const WITH_CHANGE: [Column; 14] = {
    let mut all = [Column::actions(); 14];
    let mut i = 0;
    while i < COLUMNS.len() {
        all[i] = COLUMNS[i];
        i += 1;
    }
    all
};

/// One row a member, in the view's order; with a button for those who may change members.
pub(super) fn rows(view: &ClusterView, may_change: bool) -> Vec<Row> {
    let with_button = |member| {
        let mut row = row(view, member);
        if may_change {
            row.cells.push(Cell::Actions(vec![RowAction { id: "change", label: "Change…" }]));
        }
        row
    };
    view.members.iter().map(with_button).collect()
}

fn row(view: &ClusterView, member: &MemberView) -> Row {
    let status = member.status.as_ref();
    let number = |value: Option<u64>| value.map_or(Cell::Empty, Cell::count);
    // Two numbers of one kind share a column, sorted by the first, so that the table fits a laptop's width.
    let pair = |first: u64, text: String| Cell::Number { value: first, text };
    let urls: Vec<&str> = member.peer_urls.iter().chain(&member.client_urls).map(String::as_str).collect();
    Row {
        key: member.id.to_string(),
        cells: vec![
            name(view, member),
            state(view, member),
            Cell::Text(match member.role {
                MemberRole::Voter => "voter".into(),
                MemberRole::Learner => "learner".into(),
            }),
            Cell::Id(member.id.to_string()),
            if urls.is_empty() { Cell::Empty } else { Cell::Mono(urls.join("\n")) },
            status.map_or(Cell::Empty, |s| Cell::text_or_dash(s.version.clone())),
            status.map_or(Cell::Empty, |s| {
                pair(s.db_size.0, format!("{} / {}", format::bytes(s.db_size.0), format::bytes(s.db_size_in_use.0)))
            }),
            number(status.map(|s| s.raft_term.0)),
            status.map_or(Cell::Empty, |s| pair(s.raft_index.0, format!("{} / {}", s.raft_index, s.raft_applied))),
            number(view.lag(member)),
            answer(member),
            unit(member),
            member.last_seen.map_or(Cell::Empty, Cell::Age),
        ],
    }
}

fn name(view: &ClusterView, member: &MemberView) -> Cell {
    let name = if member.name.is_empty() { "(never started)".to_owned() } else { member.name.clone() };
    if view.leader == Some(member.id) {
        return Cell::Leader(name);
    }
    match &member.host {
        Some(host) => Cell::Link { href: routes::host(host), text: name },
        None => Cell::Text(name),
    }
}

/// How long the last answer took; of a silent member, why there is none.
fn answer(member: &MemberView) -> Cell {
    match (&member.reachability, &member.status) {
        (Reachability::Unreachable { reason, .. }, _) => Cell::Muted(reason.clone()),
        (_, Some(s)) => Cell::Number { value: s.answer_micros.into(), text: format::millis(s.answer_micros) },
        _ => Cell::Empty,
    }
}

fn state(view: &ClusterView, member: &MemberView) -> Cell {
    let badge = |tone, text: String| Cell::Badge { tone, text };
    let status = member.status.as_ref();
    match &member.reachability {
        Reachability::Unreachable { since, .. } => {
            let (since, now) = (since.to_utc_text(), view.taken_at.to_utc_text());
            // The day only where it is another one.
            let shown = if since[..10] == now[..10] { &since[11..] } else { &since };
            badge(Tone::Bad, format!("Unreachable since {shown}"))
        }
        Reachability::Answering => match status {
            Some(s) if s.leader.is_none() => badge(Tone::Risk, "Answers, knows no leader".into()),
            Some(s) if !s.errors.is_empty() => badge(Tone::Risk, s.errors.join(", ")),
            _ => badge(Tone::Ok, "Answers".into()),
        },
    }
}

fn unit(member: &MemberView) -> Cell {
    let Some(unit) = &member.unit else { return Cell::Empty };
    // What systemd said before the member went silent is no news of it: never green.
    if matches!(&member.reachability, Reachability::Unreachable { since, .. } if unit.taken_at <= *since) {
        return Cell::Muted(format!("was {}", unit.active));
    }
    let tone = match unit.active.as_str() {
        "active" => Tone::Ok,
        "activating" | "reloading" | "deactivating" => Tone::Busy,
        _ => Tone::Bad,
    };
    let boot = if unit.enabled { "" } else { ", not enabled" };
    Cell::Badge { tone: if unit.enabled { tone } else { tone.max(Tone::Risk) }, text: format!("{}{boot}", unit.active) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{Timestamp, cluster::UnitState};

    #[test]
    fn every_row_has_every_column() {
        for (may_change, columns) in [(false, COLUMNS.len()), (true, WITH_CHANGE.len())] {
            for row in rows(&sample::view("demo", 3, 2), may_change) {
                assert_eq!(row.cells.len(), columns);
            }
        }
    }

    #[test]
    fn a_silent_member_keeps_its_last_numbers_and_says_since_when() {
        let rows = rows(&sample::view("demo", 3, 2), false);
        let Cell::Badge { tone, text } = &rows[2].cells[1] else { panic!("a badge") };
        assert_eq!(*tone, Tone::Bad);
        assert_eq!(text, "Unreachable since 22:13:20 UTC");
        assert_eq!(rows[2].cells[10], Cell::Muted("no answer in 1 s".into()));
        assert!(matches!(rows[2].cells[6], Cell::Number { value: 18_874_368, .. }), "db size of its last answer");
        assert_eq!(rows[2].cells[9], Cell::Empty, "no lag of a silent member");
    }

    #[test]
    fn a_unit_that_was_seen_before_the_member_went_silent_is_not_green() {
        let mut member = sample::view("demo", 3, 2).members.remove(2);
        let Reachability::Unreachable { since, .. } = member.reachability.clone() else { panic!("a silent member") };
        let active = |taken_at| Some(UnitState { active: "active".into(), enabled: true, taken_at });
        member.unit = active(since);
        assert_eq!(unit(&member), Cell::Muted("was active".into()));
        member.unit = active(since.plus_millis(1));
        assert_eq!(unit(&member), Cell::Badge { tone: Tone::Ok, text: "active".into() }, "asked since: etcd hangs");
    }

    #[test]
    fn a_unit_that_will_not_start_at_boot_is_a_risk() {
        let mut member = sample::view("demo", 3, 3).members.remove(0);
        member.unit = Some(UnitState { active: "active".into(), enabled: false, taken_at: Timestamp(0) });
        assert_eq!(unit(&member), Cell::Badge { tone: Tone::Risk, text: "active, not enabled".into() });
    }
}
