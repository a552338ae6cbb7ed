//! What is left of a cluster that lost its quorum, which of it knows most, and what each way out would lose. Invariant: pure; a log
//! that etcd itself would refuse is never a way out, and what nobody can know is said instead of being reckoned.

use super::{RescueWay, Snapshot};
use crate::{
    ids::{ClusterId, HostId},
    quorum::quorum,
    time::Timestamp,
    wide::Wide,
};
use serde::{Deserialize, Serialize};

/// How a member is while its cluster has no quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Its etcd runs, and waits for others.
    Runs,
    /// Its host is up, its etcd is not: it can be started.
    Stopped,
    /// Its etcd was started and ended by itself.
    Fails,
    /// Its host is up and has no such unit.
    Absent,
    /// Its host is not reached.
    Silent,
    /// The console does not know its host.
    Unknown,
}

/// A place in a raft log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogPosition {
    /// Term. Compared first: a later leader's shorter log is the newer one.
    pub term: Wide,
    /// Index.
    pub index: Wide,
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogEnd {
    /// After a whole record.
    Whole,
    /// In the middle of a record that was never confirmed, as after a power cut; etcd mends that itself.
    Cut,
    /// At something that is not what was written: etcd refuses it.
    Damaged,
}

/// What a data directory knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Remains {
    /// The last entry of its log, or the snapshot that the log begins with.
    pub last: Option<LogPosition>,
    /// The index up to which it knows the log to be confirmed by a majority.
    pub commit: Option<Wide>,
    /// How the log ends.
    pub log_end: LogEnd,
    /// What is wrong with the log, in words; empty if nothing is.
    pub log_problem: String,
    /// The index up to which its database has the log; none where the database was not read.
    pub consistent_index: Option<Wide>,
    /// The newest revision in its database.
    pub revision: Option<Wide>,
    /// Why the database was not read, in words; empty if it was.
    pub db_problem: String,
    /// Bytes of the database's file.
    pub db_bytes: Wide,
    /// Bytes of everything: database, snapshots and log.
    pub bytes: Wide,
}

impl Remains {
    /// Whether an etcd can open it, log and all.
    pub fn opens(&self) -> bool {
        self.log_end != LogEnd::Damaged && self.last.is_some() && self.db_problem.is_empty()
    }
}

/// A member of a cluster without quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Survivor {
    /// The member's name.
    pub member: String,
    /// Its host, where the console knows it.
    pub host: Option<HostId>,
    /// That host's name; the member's where it is not known.
    pub host_name: String,
    /// How it is.
    pub presence: Presence,
    /// What its data directory knows; none where that was not read.
    pub remains: Option<Remains>,
    /// Why the host or its data was not looked at, in words; empty if it was.
    pub problem: String,
}

impl Survivor {
    /// Whether its etcd could take part again without anybody's rescue: it runs, or has only to be started.
    pub fn can_come_back(&self) -> bool {
        matches!(self.presence, Presence::Runs | Presence::Stopped) && self.remains.as_ref().is_some_and(Remains::opens)
    }
}

/// A way out, and what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayOut {
    /// The way.
    pub way: RescueWay,
    /// Name of the member or snapshot.
    pub from: String,
    /// What is lost, in words.
    pub loses: String,
    /// Why it is not open, in words; empty if it is.
    pub refused: String,
}

/// A cluster without quorum, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Survivors {
    /// The cluster.
    pub cluster: ClusterId,
    /// All its members, the one that knows most first.
    pub members: Vec<Survivor>,
    /// A majority can come back without a rescue: what to do for it, in words.
    pub comes_back: Option<String>,
    /// Ways out, the one that loses least first.
    pub ways: Vec<WayOut>,
}

/// Puts the one that knows most first: by the last entry of its log, then by what its database has of it.
pub fn rank(members: &mut [Survivor]) {
    let knows = |member: &Survivor| {
        let remains = member.remains.as_ref();
        let opens = remains.is_some_and(Remains::opens);
        (opens, remains.and_then(|r| r.last), remains.and_then(|r| r.consistent_index))
    };
    members.sort_by(|a, b| knows(b).cmp(&knows(a)).then_with(|| a.member.cmp(&b.member)));
}

/// What brings a majority back, in words; none if nothing that is reached does.
pub fn comes_back(members: &[Survivor]) -> Option<String> {
    let able: Vec<&Survivor> = members.iter().filter(|member| member.can_come_back()).collect();
    if able.len() < quorum(members.len()) {
        return None;
    }
    let stopped = able.iter().filter(|member| member.presence == Presence::Stopped);
    let names: Vec<&str> = stopped.map(|member| member.host_name.as_str()).collect();
    Some(match names.as_slice() {
        [] => format!(
            "{} of {} members run with their data: they elect a leader once they reach each other. Look at their peer ports \
             and their logs",
            able.len(),
            members.len()
        ),
        names => format!(
            "Start etcd on {}: {} of {} members have their data, which is a majority. Nothing is lost that way",
            names.join(" and "),
            able.len(),
            members.len()
        ),
    })
}

/// The highest index that any of them knows to be confirmed.
fn confirmed(members: &[Survivor]) -> u64 {
    members.iter().filter_map(|m| m.remains.as_ref()?.commit).map(|commit| commit.0).max().unwrap_or_default()
}

fn entries(n: u64) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") }
}

/// What nobody who is left can know.
const UNSEEN: &str = "Writes that only the members which are gone had confirmed cannot be seen from here.";

/// What is lost if the cluster begins again from a survivor's data and log.
pub fn lost_with_log(members: &[Survivor], remains: &Remains) -> String {
    let best = confirmed(members);
    let own = remains.commit.map_or(0, |commit| commit.0);
    let last = remains.last.map_or(0, |last| last.index.0);
    let missing = best.saturating_sub(own);
    let mut words = match missing {
        0 => "Nothing that is known to be confirmed is lost.".to_owned(),
        n => format!("{} that others know to be confirmed are lost.", entries(n)),
    };
    if last > own {
        // etcd leaves out what it does not know to be confirmed when it begins a cluster of one.
        words.push_str(&format!(
            " Its log has {} more that it does not know to be confirmed; etcd leaves them out.",
            entries(last - own)
        ));
    }
    format!("{words} {UNSEEN}")
}

/// What is lost if the cluster begins again from a survivor's database, without its log.
pub fn lost_with_database(members: &[Survivor], remains: &Remains) -> String {
    let missing = remains.consistent_index.map(|index| confirmed(members).saturating_sub(index.0));
    let words = match missing {
        None => "How far the database is behind the log is not known.".to_owned(),
        Some(0) => "The database has everything that is known to be confirmed.".to_owned(),
        Some(n) => {
            format!("{} of the log that are known to be confirmed are not in the database, and are lost.", entries(n))
        }
    };
    format!("{words} {UNSEEN}")
}

/// What is lost if the cluster begins again from a snapshot. `marks` are the revisions the console saw, oldest first.
pub fn lost_with_snapshot(
    members: &[Survivor],
    snapshot: &Snapshot,
    marks: &[(Timestamp, Wide)],
    now: Timestamp,
) -> String {
    let seen = members.iter().filter_map(|m| m.remains.as_ref()?.revision);
    let newest = seen.chain(marks.last().map(|(_, revision)| *revision)).max();
    let age = age_words(now.since(snapshot.at));
    match (snapshot.revision, newest) {
        (Some(taken), Some(newest)) if newest > taken => format!(
            "Everything written in the {age} since {} is lost: at least {} revisions.",
            snapshot.at.to_utc_text(),
            newest.0 - taken.0
        ),
        _ => format!("Everything written in the {age} since {} is lost.", snapshot.at.to_utc_text()),
    }
}

fn age_words(millis: u64) -> String {
    let minutes = millis / 60_000;
    match minutes {
        0..=1 => "minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        120..=2879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// All ways out: a survivor's log, a survivor's database, the newest good snapshot. The one that loses least first.
pub fn ways_out(
    members: &[Survivor],
    snapshot: Option<&Snapshot>,
    marks: &[(Timestamp, Wide)],
    now: Timestamp,
) -> Vec<WayOut> {
    let mut ways = Vec::new();
    // etcd keeps only what a member itself knows to be confirmed: a shorter log that knows more of itself loses less.
    let mut with_log: Vec<&Survivor> = members.iter().filter(|m| m.remains.is_some()).collect();
    with_log.sort_by_key(|m| std::cmp::Reverse(m.remains.as_ref().and_then(|r| r.commit)));
    for member in with_log {
        let (Some(host), Some(remains)) = (&member.host, &member.remains) else { continue };
        let refused = match remains.log_end {
            LogEnd::Damaged => remains.log_problem.clone(),
            _ if remains.last.is_none() => "there is nothing in its log".into(),
            _ => remains.db_problem.clone(),
        };
        let (way, from) = (RescueWay::Survivor { host: host.clone() }, member.member.clone());
        ways.push(WayOut { way, from, loses: lost_with_log(members, remains), refused });
    }
    let mut with_database: Vec<&Survivor> = members.iter().filter(|m| m.remains.is_some()).collect();
    with_database.sort_by_key(|m| std::cmp::Reverse(m.remains.as_ref().and_then(|r| r.consistent_index)));
    for member in with_database {
        let (Some(host), Some(remains)) = (&member.host, &member.remains) else { continue };
        let (way, from) = (RescueWay::Database { host: host.clone() }, member.member.clone());
        let loses = lost_with_database(members, remains);
        ways.push(WayOut { way, from, loses, refused: remains.db_problem.clone() });
    }
    ways.extend(snapshot.map(|snapshot| WayOut {
        way: RescueWay::Snapshot { snapshot: snapshot.id.clone() },
        from: snapshot.name.clone(),
        loses: lost_with_snapshot(members, snapshot, marks, now),
        refused: if snapshot.is_good() { String::new() } else { "it is not whole".into() },
    }));
    ways.sort_by_key(|way| !way.refused.is_empty());
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u8, presence: Presence, at: Option<(u64, u64, u64, u64)>) -> Survivor {
        let remains = at.map(|(term, index, commit, consistent)| Remains {
            last: Some(LogPosition { term: Wide(term), index: Wide(index) }),
            commit: Some(Wide(commit)),
            log_end: LogEnd::Whole,
            log_problem: String::new(),
            consistent_index: Some(Wide(consistent)),
            revision: Some(Wide(700)),
            db_problem: String::new(),
            db_bytes: Wide(1),
            bytes: Wide(2),
        });
        Survivor {
            member: format!("m{n}"),
            host: Some(HostId::from_random([n; 10])),
            host_name: format!("lab{n}"),
            presence,
            remains,
            problem: String::new(),
        }
    }

    #[test]
    fn a_later_term_counts_before_a_longer_log_and_the_database_last() {
        let mut members = vec![
            member(1, Presence::Silent, None),
            member(2, Presence::Runs, Some((4, 900, 890, 880))),
            member(3, Presence::Runs, Some((5, 300, 290, 280))),
            member(4, Presence::Runs, Some((5, 300, 290, 285))),
        ];
        rank(&mut members);
        let names: Vec<&str> = members.iter().map(|m| m.member.as_str()).collect();
        assert_eq!(names, ["m4", "m3", "m2", "m1"]);
        members[0].remains.as_mut().expect("read").log_end = LogEnd::Damaged;
        rank(&mut members);
        assert_eq!(members[0].member, "m3", "what etcd refuses comes after what it opens");
    }

    #[test]
    fn a_majority_that_only_has_to_be_started_is_named() {
        let at = Some((1, 5, 5, 5));
        let of = |a, b| [member(1, Presence::Runs, at), member(2, a, at), member(3, b, None)];
        let advice = comes_back(&of(Presence::Stopped, Presence::Silent)).expect("advice");
        assert!(advice.starts_with("Start etcd on lab2: 2 of 3"), "{advice}");
        assert!(comes_back(&of(Presence::Fails, Presence::Silent)).is_none(), "it was tried");
        assert!(comes_back(&of(Presence::Silent, Presence::Silent)).is_none());
        assert!(comes_back(&of(Presence::Runs, Presence::Silent)).expect("advice").contains("peer ports"));
        let empty =
            [member(1, Presence::Runs, at), member(2, Presence::Stopped, None), member(3, Presence::Stopped, None)];
        assert!(comes_back(&empty).is_none(), "without data they bring nothing back");
    }

    #[test]
    fn what_is_lost_is_counted_where_it_can_be() {
        let members =
            [member(1, Presence::Runs, Some((5, 300, 290, 280))), member(2, Presence::Runs, Some((5, 299, 295, 295)))];
        let remains = |i: usize| members[i].remains.as_ref().expect("read");
        assert!(lost_with_log(&members, remains(0)).starts_with("5 entries that others"));
        assert!(lost_with_log(&members, remains(0)).contains("10 entries more"));
        assert!(lost_with_log(&members, remains(1)).starts_with("Nothing"));
        assert!(lost_with_database(&members, remains(0)).starts_with("15 entries of the log"));
        assert!(lost_with_database(&members, remains(1)).starts_with("The database has everything"));
        assert_eq!(age_words(30_000), "minute");
        assert_eq!(age_words(7_200_000), "2 hours");
    }

    #[test]
    fn the_first_way_is_the_log_that_loses_least_though_another_is_longer() {
        let mut members =
            [member(1, Presence::Runs, Some((5, 300, 290, 280))), member(2, Presence::Runs, Some((5, 299, 295, 295)))];
        rank(&mut members);
        assert_eq!(members[0].member, "m1");
        let ways = ways_out(&members, None, &[], Timestamp(0));
        assert_eq!(ways.iter().map(|way| way.from.as_str()).collect::<Vec<_>>(), ["m2", "m1", "m2", "m1"]);
    }

    #[test]
    fn ways_that_are_not_open_come_last_with_their_reason() {
        let mut broken = member(1, Presence::Fails, Some((5, 300, 290, 280)));
        let remains = broken.remains.as_mut().expect("read");
        (remains.log_end, remains.log_problem) = (LogEnd::Damaged, "a checksum is wrong".into());
        let ways = ways_out(&[broken], None, &[], Timestamp(0));
        assert!(matches!(ways[0].way, RescueWay::Database { .. }) && ways[0].refused.is_empty());
        assert_eq!(ways[1].refused, "a checksum is wrong");
    }
}
