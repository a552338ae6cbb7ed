//! What is left of a cluster without quorum, as a table. Invariant: the order is the console's ranking; what was not read says why.

use crate::{
    components::{
        badge::Tone,
        table::{Cell, Column, DataTable, Row},
    },
    data::Boxed,
    format, routes,
};
use leptos::prelude::*;
use quorate_domain::{
    snapshots::{LogEnd, Presence, Remains, Survivor},
    wide::Wide,
};

const COLUMNS: [Column; 7] = [
    Column::text("Member"),
    Column::text("State"),
    Column::text("Last log entry"),
    Column::number("Confirmed up to"),
    Column::number("Database up to"),
    Column::number("Revision"),
    Column::number("Size"),
];

/// The table; the one that knows most comes first.
pub(super) fn survivors_table(members: &[Survivor]) -> AnyView {
    let rows: Vec<Row> = members.iter().map(row).collect();
    view! { <DataTable caption="Survivors" columns=&COLUMNS rows=Signal::stored(rows)/> }.boxed()
}

/// Those whose hosts are not reached.
pub(super) fn away(members: &[Survivor]) -> impl Iterator<Item = &Survivor> {
    members.iter().filter(|member| matches!(member.presence, Presence::Silent | Presence::Unknown))
}

fn row(member: &Survivor) -> Row {
    let name = match &member.host {
        Some(host) if member.host_name != member.member => {
            Cell::LinkNote { href: routes::host(host), text: member.member.clone(), note: member.host_name.clone() }
        }
        Some(host) => Cell::Link { href: routes::host(host), text: member.member.clone() },
        None => Cell::Text(member.member.clone()),
    };
    let (tone, text) = state(member);
    let remains = member.remains.as_ref();
    let number = |value: Option<Wide>| value.map_or(Cell::Empty, |value| Cell::count(value.0));
    Row {
        key: member.member.clone(),
        cells: vec![
            name,
            Cell::Badge { tone, text },
            remains.map_or(Cell::Empty, |remains| Cell::text_or_dash(last(remains))),
            number(remains.and_then(|remains| remains.commit)),
            number(remains.and_then(|remains| remains.consistent_index)),
            number(remains.and_then(|remains| remains.revision)),
            remains.map_or(Cell::Empty, |r| Cell::Number { value: r.bytes.0, text: format::bytes(r.bytes.0) }),
        ],
    }
}

/// How a member is, and what is wrong with what it has.
fn state(member: &Survivor) -> (Tone, String) {
    let (tone, words) = match member.presence {
        Presence::Runs => (Tone::Ok, "Runs, waits for others"),
        Presence::Stopped => (Tone::Risk, "Stopped: can be started"),
        Presence::Fails => (Tone::Bad, "Ended by itself"),
        Presence::Absent => (Tone::Bad, "Host has no etcd unit"),
        Presence::Silent => (Tone::Bad, "Host not reached"),
        Presence::Unknown => (Tone::Bad, "Host not known"),
    };
    let remains = member.remains.as_ref();
    let parts = [
        member.problem.as_str(),
        remains.map_or("", |remains| remains.log_problem.as_str()),
        remains.map_or("", |remains| remains.db_problem.as_str()),
    ];
    let wrong: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    match wrong.is_empty() {
        true => (tone, words.to_owned()),
        false => (tone.max(Tone::Risk), format!("{words}: {}", wrong.join("; "))),
    }
}

/// `term 5, index 300`, and how the log ends if not well.
fn last(remains: &Remains) -> String {
    let at = remains.last.map_or_else(
        || "nothing".to_owned(),
        |last| format!("term {}, index {}", format::count(last.term.0), format::count(last.index.0)),
    );
    match remains.log_end {
        LogEnd::Whole => at,
        LogEnd::Cut => format!("{at}; cut off after it"),
        LogEnd::Damaged => format!("{at}; damaged"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use quorate_domain::{HostId, snapshots::LogPosition};

    /// A member whose data was read, if its host is reached.
    pub(in crate::wizards::rescue_cluster) fn survivor(n: u8, presence: Presence) -> Survivor {
        let remains = (presence != Presence::Silent).then(|| Remains {
            last: Some(LogPosition { term: Wide(5), index: Wide(1300) }),
            commit: Some(Wide(1290)),
            log_end: LogEnd::Whole,
            log_problem: String::new(),
            consistent_index: Some(Wide(1280)),
            revision: Some(Wide(700)),
            db_problem: String::new(),
            db_bytes: Wide(1),
            bytes: Wide(2048),
        });
        Survivor {
            member: format!("lab{n}"),
            host: Some(HostId::from_random([n; 10])),
            host_name: format!("lab{n}"),
            presence,
            remains,
            problem: String::new(),
        }
    }

    #[test]
    fn a_member_says_how_it_is_and_what_is_wrong_with_its_data() {
        let mut member = survivor(1, Presence::Runs);
        assert_eq!(state(&member), (Tone::Ok, "Runs, waits for others".to_owned()));
        let remains = member.remains.as_mut().expect("read");
        assert_eq!(last(remains).replace('\u{202f}', " "), "term 5, index 1 300");
        (remains.log_end, remains.log_problem) = (LogEnd::Damaged, "a checksum is wrong".into());
        assert!(last(remains).ends_with("damaged"));
        assert_eq!(state(&member), (Tone::Risk, "Runs, waits for others: a checksum is wrong".to_owned()));
    }

    #[test]
    fn those_that_are_not_reached_are_away() {
        let members = [survivor(1, Presence::Runs), survivor(2, Presence::Silent), survivor(3, Presence::Fails)];
        assert_eq!(away(&members).map(|member| member.member.as_str()).collect::<Vec<_>>(), ["lab2"]);
    }
}
