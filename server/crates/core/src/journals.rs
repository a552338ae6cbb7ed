//! The journals of a cluster's members: read once, or followed by a tab. Invariant: a follower asks for the next lines
//! only after it has handed on those it has, so a slow tab makes it slow and nobody's memory grows; it ends with the tab.
//! What a line means lives in `etcd`, how journald is read in `remote`.

use crate::{
    console::Console,
    error::CoreError,
    live::LiveSubscription,
    permit::{Permit, act},
};
use futures::future::join_all;
use quorate_domain::{
    ClusterId, Problem, Timestamp,
    cluster::{ClusterMemberRecord, ClusterRecord},
    journal::{JournalLine, MemberJournal},
    live::LiveMessage,
};
use quorate_etcd::LogLine;
use quorate_remote::{JournalEntry, JournalFrom};
use std::time::Duration;
use tokio::{sync::mpsc, time::sleep};

/// What a follower shows of the time before it came.
const BEFORE: u32 = 200;
/// The most lines of one member that one request gets.
const MOST: u32 = 5000;
/// How often the next lines are asked for.
const EVERY: Duration = Duration::from_secs(1);
/// How soon a host that could not be read is asked again.
const AGAIN: Duration = Duration::from_secs(5);
/// Readings that wait for a slow tab.
const WAITING: usize = 4;

impl Console {
    /// The last `lines` (at most 5000) of each member of the permit's cluster, or of `member` alone; with `after`, a cursor of
    /// an earlier answer for that member, what came since then instead. A host that cannot be read says why in its part.
    ///
    /// # Errors
    /// `NotFound` for the cluster, `Invalid` for a member it does not have or a cursor without a member.
    pub async fn journals(
        &self,
        permit: &Permit<act::CheckHosts>,
        member: Option<&str>,
        after: Option<String>,
        lines: u32,
    ) -> Result<Vec<MemberJournal>, CoreError> {
        let record = self.journal_record(permit).await?;
        let wanted: Vec<ClusterMemberRecord> =
            record.members.into_iter().filter(|m| member.is_none_or(|name| m.name == name)).collect();
        if wanted.is_empty() {
            return Err(Problem::field("member", format!("{} has no member of this name", record.name)).into());
        }
        let from = match after {
            Some(_) if member.is_none() => {
                return Err(Problem::field("after", "A cursor belongs to one member: name it").into());
            }
            Some(cursor) => JournalFrom::After(cursor),
            None => JournalFrom::Last(lines.clamp(1, MOST)),
        };
        Ok(join_all(wanted.iter().map(|member| self.journal(member, &from))).await)
    }

    /// Follows the journals of the permit's cluster on a tab's stream, in place of those it followed before.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn follow_journals(
        &self,
        permit: &Permit<act::CheckHosts>,
        stream: &mut LiveSubscription,
    ) -> Result<(), CoreError> {
        let record = self.journal_record(permit).await?;
        let (news, heard) = mpsc::channel(WAITING);
        for member in record.members {
            tokio::spawn(self.clone().follow(record.id.clone(), member, news.clone()));
        }
        stream.read_along(heard);
        Ok(())
    }

    async fn journal_record(&self, permit: &Permit<act::CheckHosts>) -> Result<ClusterRecord, CoreError> {
        let id = permit.cluster()?;
        self.0.store.cluster(id).await?.ok_or_else(|| CoreError::not_found("cluster", id))
    }

    async fn follow(self, cluster: ClusterId, member: ClusterMemberRecord, news: mpsc::Sender<LiveMessage>) {
        let mut from = JournalFrom::Last(BEFORE);
        let mut told = None;
        loop {
            let journal = self.journal(&member, &from).await;
            if let Some(cursor) = &journal.cursor {
                from = JournalFrom::After(cursor.clone());
            }
            let failed = journal.problem.is_some();
            let changed = told.as_ref() != Some(&journal.problem);
            told = Some(journal.problem.clone());
            if (changed || !journal.lines.is_empty())
                && news.send(LiveMessage::Journal { cluster: cluster.clone(), journal }).await.is_err()
            {
                return;
            }
            tokio::select! {
                () = news.closed() => return,
                () = sleep(if failed { AGAIN } else { EVERY }) => {}
            }
        }
    }

    async fn journal(&self, member: &ClusterMemberRecord, from: &JournalFrom) -> MemberJournal {
        let read = async {
            let host = member.host.as_ref().ok_or("the console does not know its host")?;
            member.layout.steerable()?;
            let host = self.connected(host).await?;
            let entries = host.journal(&member.layout.unit, from).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(entries)
        };
        let (entries, problem) = match read.await {
            Ok(entries) => (entries, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        MemberJournal {
            member: member.name.clone(),
            host: member.host.clone(),
            cursor: entries.last().map(|entry| entry.cursor.clone()),
            lines: entries.into_iter().map(line).collect(),
            problem,
        }
    }
}

fn line(entry: JournalEntry) -> JournalLine {
    let LogLine { level, text, fields, explanation } = LogLine::read(&entry.message, entry.priority);
    let at = Timestamp(i64::try_from(entry.micros / 1000).unwrap_or(i64::MAX));
    JournalLine { at, level, text, fields, explanation }
}
