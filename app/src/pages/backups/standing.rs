//! How the backups of a cluster stand, in words: the same ones in the fleet, in a cluster's head and on the pages of backups.
//! Invariant: pure; the domain says what is an alarm, here is only how it is told.

use crate::{
    components::{badge::Tone, table::Cell},
    format,
};
use quorate_domain::{Timestamp, snapshots::BackupHealth};

/// What a person has to look at, worst first; empty when all is as it should be.
pub(crate) fn alarms(health: &BackupHealth, now: Timestamp) -> Vec<(Tone, String)> {
    let mut all = Vec::new();
    if let Some(due) = health.overdue_since {
        let last = match health.last_good {
            Some(at) => format!("the last good one is of {}", format::ago(now.since(at))),
            None => "there is no good one".to_owned(),
        };
        all.push((Tone::Bad, format!("Snapshot overdue: due {}, {last}", format::ago(now.since(due)))));
    }
    if !health.problem.is_empty() {
        all.push((Tone::Bad, format!("The newest snapshot failed: {}", health.problem)));
    }
    if !health.drill_problem.is_empty() {
        all.push((Tone::Bad, format!("The newest restore drill failed: {}", health.drill_problem)));
    }
    if let Some(due) = health.drill_overdue_since {
        all.push((Tone::Risk, format!("Restore drill overdue: due {}", format::ago(now.since(due)))));
    }
    all
}

/// All that is worth saying: alarms first.
pub(crate) fn words(health: &BackupHealth, now: Timestamp) -> Vec<(Tone, String)> {
    let mut all = alarms(health, now);
    all.push(match health.last_good {
        Some(at) => {
            let tone = if health.overdue_since.is_some() { Tone::Quiet } else { Tone::Ok };
            (tone, format!("Last good snapshot {}", format::ago(now.since(at))))
        }
        None => (Tone::Risk, "No good snapshot yet".to_owned()),
    });
    if let Some(at) = health.last_drill {
        all.push((Tone::Ok, format!("Last drill that came back right {}", format::ago(now.since(at)))));
    } else if health.last_good.is_some() && health.drill_problem.is_empty() {
        all.push((Tone::Quiet, "Never tried out by a restore drill".to_owned()));
    }
    if !health.scheduled {
        all.push((Tone::Risk, "No schedule is on: snapshots are taken by hand only".to_owned()));
    }
    all
}

/// `backup 2 h ago`, for a cluster's head.
pub(crate) fn fact(health: &BackupHealth, now: Timestamp) -> String {
    health.last_good.map_or_else(|| "no backup yet".to_owned(), |at| format!("backup {}", format::ago(now.since(at))))
}

/// The same for a column; an alarm says what it is.
pub(crate) fn cell(health: Option<&BackupHealth>, now: Timestamp) -> Cell {
    let Some(health) = health else { return Cell::Empty };
    let age = health.last_good.map_or_else(|| "none".to_owned(), |at| format::ago(now.since(at)));
    let badge = |tone, what: &str| Cell::Badge { tone, text: format!("{age}, {what}") };
    if health.overdue_since.is_some() {
        badge(Tone::Bad, "overdue")
    } else if !health.problem.is_empty() {
        badge(Tone::Bad, "newest failed")
    } else if !health.drill_problem.is_empty() {
        badge(Tone::Bad, "drill failed")
    } else if health.drill_overdue_since.is_some() {
        badge(Tone::Risk, "drill overdue")
    } else {
        health.last_good.map_or(Cell::Muted("none yet".into()), Cell::Ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const NOW: Timestamp = Timestamp(100 * HOUR);

    fn good() -> BackupHealth {
        BackupHealth { last_good: Some(Timestamp(98 * HOUR)), scheduled: true, ..BackupHealth::default() }
    }

    #[test]
    fn what_is_well_is_said_without_an_alarm() {
        let health = good();
        assert_eq!(alarms(&health, NOW), []);
        assert_eq!(fact(&health, NOW), "backup 2 h ago");
        assert_eq!(cell(Some(&health), NOW), Cell::Ago(Timestamp(98 * HOUR)));
        let said = words(&health, NOW);
        assert_eq!(said[0], (Tone::Ok, "Last good snapshot 2 h ago".to_owned()));
        assert_eq!(said[1].1, "Never tried out by a restore drill");
    }

    #[test]
    fn what_is_overdue_says_since_when_and_what_there_is() {
        let health = BackupHealth { overdue_since: Some(Timestamp(99 * HOUR)), ..good() };
        assert_eq!(
            alarms(&health, NOW),
            [(Tone::Bad, "Snapshot overdue: due 1 h ago, the last good one is of 2 h ago".to_owned())]
        );
        assert_eq!(cell(Some(&health), NOW), Cell::Badge { tone: Tone::Bad, text: "2 h ago, overdue".into() });
        let never = BackupHealth { last_good: None, ..health };
        assert!(alarms(&never, NOW)[0].1.ends_with("there is no good one"));
        assert_eq!(fact(&never, NOW), "no backup yet");
    }

    #[test]
    fn failures_are_told_with_their_reason_and_a_cluster_by_hand_is_named_so() {
        let health = BackupHealth {
            problem: "the disk is full".into(),
            drill_problem: "It came back with 1 keys, and had 2 when it was taken".into(),
            scheduled: false,
            ..good()
        };
        let said: Vec<String> = words(&health, NOW).into_iter().map(|(_, text)| text).collect();
        assert_eq!(said[0], "The newest snapshot failed: the disk is full");
        assert!(said[1].starts_with("The newest restore drill failed: It came back"));
        assert_eq!(said.last().map(String::as_str), Some("No schedule is on: snapshots are taken by hand only"));
        assert_eq!(cell(Some(&BackupHealth::default()), NOW), Cell::Muted("none yet".into()));
        assert_eq!(cell(None, NOW), Cell::Empty);
    }
}
