//! One key on every member: the guide's check of replication. Invariant: each member is asked by itself and answers from its own
//! store; who is merely behind is asked again, at the revision of the one that was furthest, before it is said that they do
//! not agree.

use super::edit::about;
use crate::{
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use futures::future::join_all;
use quorate_domain::{
    Scope,
    cluster::{ClusterRecord, MemberView},
    keys::{EveryMember, Key, MemberReading},
    wide::Wide,
};
use quorate_etcd::{EtcdError, Range};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a member has, the way there included.
const DEADLINE: Duration = Duration::from_secs(2);
/// How often those that are behind are asked again, and how soon.
const AGAIN: usize = 3;
const PAUSE: Duration = Duration::from_millis(300);

impl Console {
    /// What every member, learners too, says of the permit's key, and whether they agree.
    ///
    /// # Errors
    /// `NotFound` for a cluster that is none; a member that does not answer is no error, it is named.
    pub async fn every_member(&self, permit: &Permit<act::ReadValues>) -> Result<EveryMember, CoreError> {
        let asked = match permit.scope() {
            Scope::Keys(_, key) => Key(key.clone()),
            _ => Key::default(),
        };
        let (cluster, key) = about(permit, &asked)?;
        let (view, record) = (self.view_of(cluster)?, self.record_of(cluster).await?);
        let at = self.0.clock.now();
        // With a salt that nobody learns, the digest of a masked value says whether members agree and not what it is.
        let masked = self.key_settings_of(cluster).await?.masks(key.as_bytes());
        let salt = if masked { [self.random(), self.random()].concat() } else { Vec::new() };
        let salt = salt.as_slice();
        let ask = |member, revision| self.reading(&record, member, key, revision, salt);
        let mut readings: Vec<MemberReading> = join_all(view.members.iter().map(|member| ask(member, 0))).await;
        for _ in 0..AGAIN {
            let furthest = furthest(&readings);
            let behind = behind(&readings);
            if behind.is_empty() {
                break;
            }
            sleep(PAUSE).await;
            let again = join_all(behind.iter().map(|&i| ask(&view.members[i], furthest))).await;
            for (i, reading) in behind.into_iter().zip(again) {
                // Who does not have this revision yet says nothing new.
                if reading.problem.is_empty() {
                    readings[i] = reading;
                }
            }
        }
        let (agree, words) = verdict(&readings);
        Ok(EveryMember { members: readings, agree, words, at })
    }

    /// What one member says of `key`, as it knows it, at a revision (0 for its own).
    async fn reading(
        &self,
        record: &ClusterRecord,
        member: &MemberView,
        key: &Key,
        revision: i64,
        salt: &[u8],
    ) -> MemberReading {
        let range = Range { revision, serializable: true, ..Range::of(key.0.clone()) };
        let answer = timeout(DEADLINE, async {
            let client = self.key_line(record, member).await?;
            client.member().range(&range, DEADLINE).await.map_err(|error| {
                if error.is_silence() {
                    client.silent();
                }
                words_of(&error)
            })
        });
        let answer = answer.await.unwrap_or_else(|_| Err(EtcdError::Deadline { deadline: DEADLINE }.to_string()));
        let mut reading = MemberReading {
            member: member.id,
            name: member.name.clone(),
            revision: Wide(0),
            mod_revision: None,
            size: None,
            digest: String::new(),
            problem: String::new(),
        };
        match answer {
            Err(problem) => reading.problem = problem,
            Ok(reply) => {
                // An answer for an earlier revision says nothing of a later one.
                let shown = if revision > 0 { revision } else { reply.revision };
                reading.revision = Wide(u64::try_from(shown).unwrap_or_default());
                if let Some(pair) = reply.pairs.first() {
                    reading.mod_revision = Some(Wide(u64::try_from(pair.mod_revision).unwrap_or_default()));
                    reading.size = Some(Wide(pair.value.len() as u64));
                    reading.digest = digest(salt, &pair.value);
                }
            }
        }
        reading
    }
}

/// The first 16 digits of the SHA-256 of a value, after `salt`.
fn digest(salt: &[u8], value: &[u8]) -> String {
    hex::encode(&Sha256::new().chain_update(salt).chain_update(value).finalize()[..8])
}

fn words_of(error: &EtcdError) -> String {
    match error.is_ahead() {
        true => "it is behind".to_owned(),
        false => error.to_string(),
    }
}

/// What a reading says of the key.
fn said(reading: &MemberReading) -> (Option<Wide>, &str) {
    (reading.mod_revision, reading.digest.as_str())
}

fn answered(readings: &[MemberReading]) -> impl Iterator<Item = (usize, &MemberReading)> {
    readings.iter().enumerate().filter(|(_, reading)| reading.problem.is_empty())
}

/// The revision of the member that was furthest.
fn furthest(readings: &[MemberReading]) -> i64 {
    let furthest = answered(readings).map(|(_, reading)| reading.revision.0).max().unwrap_or_default();
    i64::try_from(furthest).unwrap_or(i64::MAX)
}

/// Who may say something else only because it has not come as far as the furthest one; nobody while all say the same.
fn behind(readings: &[MemberReading]) -> Vec<usize> {
    let furthest = furthest(readings);
    let first = answered(readings).next().map(|(_, reading)| said(reading));
    if answered(readings).all(|(_, reading)| Some(said(reading)) == first) {
        return Vec::new();
    }
    let short = |reading: &MemberReading| i64::try_from(reading.revision.0).is_ok_and(|revision| revision < furthest);
    answered(readings).filter(|(_, reading)| short(reading)).map(|(i, _)| i).collect()
}

/// Whether all that answered say the same, and that in words.
fn verdict(readings: &[MemberReading]) -> (Option<bool>, String) {
    let names = |of: Vec<&MemberReading>| of.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
    let silent: Vec<&MemberReading> = readings.iter().filter(|reading| !reading.problem.is_empty()).collect();
    let silent = if silent.is_empty() { String::new() } else { format!(" No answer from {}.", names(silent)) };
    let heard: Vec<&MemberReading> = answered(readings).map(|(_, reading)| reading).collect();
    let Some(first) = heard.first().filter(|_| heard.len() > 1) else {
        return (None, format!("Fewer than two members answered, so there is nothing to compare.{silent}"));
    };
    let mut groups: Vec<Vec<&MemberReading>> = Vec::new();
    for reading in &heard {
        match groups.iter_mut().find(|group| said(group[0]) == said(reading)) {
            Some(group) => group.push(reading),
            None => groups.push(vec![reading]),
        }
    }
    if groups.len() == 1 {
        let what = match first.mod_revision {
            Some(revision) => format!("have the same value, written at revision {}", revision.0),
            None => "say that there is no such key".to_owned(),
        };
        return (Some(true), format!("All {} members that answered {what}.{silent}", heard.len()));
    }
    let told = |group: Vec<&MemberReading>| match group[0].mod_revision {
        Some(revision) => format!("revision {} on {}", revision.0, names(group)),
        None => format!("no such key on {}", names(group)),
    };
    let groups: Vec<String> = groups.into_iter().map(told).collect();
    let late = behind(readings).into_iter().map(|i| &readings[i]).collect::<Vec<_>>();
    let late = if late.is_empty() {
        String::new()
    } else {
        format!(" {} stayed behind, although asked {} times.", names(late), AGAIN + 1)
    };
    (Some(false), format!("The members do not agree: {}.{late}{silent}", groups.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::MemberId;

    fn reading(name: &str, revision: u64, at: Option<u64>, digest: &str) -> MemberReading {
        MemberReading {
            member: MemberId(1),
            name: name.into(),
            revision: Wide(revision),
            mod_revision: at.map(Wide),
            size: at.map(Wide),
            digest: digest.into(),
            problem: String::new(),
        }
    }

    fn silent(name: &str) -> MemberReading {
        MemberReading { problem: "connection refused".into(), ..reading(name, 0, None, "") }
    }

    #[test]
    fn members_that_say_the_same_agree_whatever_their_revisions() {
        let all = [reading("a", 9, Some(4), "x"), reading("b", 7, Some(4), "x"), silent("c")];
        assert!(behind(&all).is_empty());
        let (agree, words) = verdict(&all);
        assert_eq!(agree, Some(true));
        assert_eq!(words, "All 2 members that answered have the same value, written at revision 4. No answer from c.");
    }

    #[test]
    fn whoever_is_behind_is_asked_again_and_nobody_else() {
        let all =
            [reading("a", 9, Some(8), "y"), reading("b", 7, Some(4), "x"), reading("c", 9, Some(8), "y"), silent("d")];
        assert_eq!((behind(&all), furthest(&all)), (vec![1], 9));
        let (agree, words) = verdict(&all);
        assert_eq!(agree, Some(false));
        assert!(words.contains("revision 8 on a, c; revision 4 on b") && words.contains("b stayed behind"), "{words}");
    }

    #[test]
    fn the_same_revision_with_other_bytes_is_told_and_not_asked_again() {
        let all = [reading("a", 9, Some(4), "x"), reading("b", 9, Some(4), "y"), reading("c", 9, None, "")];
        assert!(behind(&all).is_empty());
        let (agree, words) = verdict(&all);
        assert!(agree == Some(false) && words.contains("no such key on c"), "{words}");
    }

    #[test]
    fn one_answer_is_nothing_to_compare() {
        let (agree, words) = verdict(&[reading("a", 9, Some(4), "x"), silent("b")]);
        assert!(agree.is_none() && words.ends_with("No answer from b."), "{words}");
    }
}
