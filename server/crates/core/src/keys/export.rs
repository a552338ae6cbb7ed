//! Keys as files. Invariant: a file shows one revision, the one that its answer names; values of masked keys are in it only when
//! that was asked for; an audit row stands before the first byte leaves. What files look like is `quorate_keys::files`'.

use super::{browse::outside, client::key_problem};
use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{Action, ClusterId, Problem, Scope, keys::Key, wide::Wide};
use quorate_etcd::{Range, RangeEnd, RangeReply};
use quorate_keys::{
    KeyRange, Reader, Visible,
    files::{EtcdctlHeader, ExportError, FileFormat, Record, Writer},
};
use std::{io, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How long etcd may take for one page of an export, or a count.
const ANSWER: Duration = Duration::from_secs(20);
/// Parts that are made before somebody takes them; each is about a page of etcd's.
const AHEAD: usize = 2;

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportQuery {
    /// Keys that start so.
    pub prefix: Key,
    /// Only the key that is called so, and none that starts so.
    pub exact: bool,
    /// As they were at this revision; now, if none.
    pub revision: Option<Wide>,
    /// How the file is written.
    pub format: FileFormat,
    /// With the values of masked keys; leaves its mark in the audit row.
    pub reveal: bool,
}

/// A file on its way out.
pub struct Export {
    /// The revision that it shows.
    pub revision: Wide,
    /// Keys in it.
    pub keys: Wide,
    /// Keys that are not in it because their values are masked.
    pub left_out: Wide,
    /// Its parts in order. After an error the file is not whole.
    pub parts: ReceiverStream<io::Result<Vec<u8>>>,
}

impl Console {
    /// Begins to write the keys below the permit's prefix into a file; the rest is written as it is taken.
    ///
    /// # Errors
    /// `Invalid` at `format` for one that cannot hold every key; `Conflict` for a compacted revision; `Unreachable`.
    pub async fn export_keys(
        &self,
        permit: &Permit<act::ReadValues>,
        query: &ExportQuery,
    ) -> Result<Export, CoreError> {
        let cluster = prefix_of(permit, &query.prefix)?;
        if query.format == FileFormat::EtcdctlSimple {
            let why = "Lines of etcdctl-simple cannot hold every key and value: choose another format";
            return Err(Problem::field("format", why).into());
        }
        let masked = self.key_settings_of(cluster).await?.masked;
        let mut readable = self.visible(permit.actor(), cluster, Action::ReadValues).await?;
        if query.exact {
            readable = readable.intersect(&Visible::of_ranges([(query.prefix.0.clone(), RangeEnd::Single)]));
        }
        let open = readable.intersect(&Visible::of_ranges(outside(&masked)));
        let chosen = if query.reveal { &readable } else { &open };
        let prefix = query.prefix.as_bytes();
        let ranges = chosen.below(prefix);
        let mut reader = Reader::new(ranges.clone(), query.revision.map(|revision| revision.0), false);
        let first = self.ask_for_keys(cluster, async |client| reader.ask(&client, ANSWER).await).await?;
        reader.took(&first);
        let revision = reader.revision();
        let keys = self.count(cluster, &ranges, revision).await?;
        let everything = self.count(cluster, &readable.below(prefix), revision).await?;
        let header = self.header(cluster, query.format, revision).await?;
        let draft = AuditDraft::by(permit.actor(), "key.export", &self.key_object(cluster, &query.prefix).await?);
        let with = if query.reveal && chosen != &open { ", with masked values" } else { "" };
        let detail = format!("{keys} keys at revision {revision}, {}{with}", query.format.as_str());
        self.record(draft.detail(&detail)).await?;
        let (parts, taken) = mpsc::channel(AHEAD);
        let (console, from, format) = (self.clone(), cluster.clone(), query.format);
        let stop = self.runtime()?.stop.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            if let Err(error) = console.write_parts(&from, format, header, (reader, first), &parts).await {
                // Whoever takes the file may be gone; nobody else needs to know.
                let _ = parts.send(Err(error)).await;
            }
        }));
        let left_out = Wide(everything.saturating_sub(keys));
        Ok(Export { revision: Wide(revision), keys: Wide(keys), left_out, parts: ReceiverStream::new(taken) })
    }

    async fn write_parts(
        &self,
        cluster: &ClusterId,
        format: FileFormat,
        header: EtcdctlHeader,
        (mut reader, first): (Reader, RangeReply),
        parts: &mpsc::Sender<io::Result<Vec<u8>>>,
    ) -> io::Result<()> {
        let mut writer = Writer::new(Vec::new(), format, header).map_err(broken)?;
        let mut page = first;
        loop {
            for pair in page.pairs {
                writer.record(&Record::from(pair)).map_err(broken)?;
            }
            if parts.send(Ok(std::mem::take(writer.out()))).await.is_err() {
                return Ok(());
            }
            if reader.is_done() {
                let rest = writer.finish().map_err(broken)?;
                let _ = parts.send(Ok(rest)).await;
                return Ok(());
            }
            let asked = self.ask_for_keys(cluster, async |client| reader.ask(&client, ANSWER).await).await;
            page = asked.map_err(io::Error::other)?;
            reader.took(&page);
        }
    }

    /// How many keys there are in ranges at a revision.
    pub(super) async fn count(
        &self,
        cluster: &ClusterId,
        ranges: &[KeyRange],
        revision: u64,
    ) -> Result<u64, CoreError> {
        let mut counted = 0;
        for (from, end) in ranges {
            let range = Range {
                from: from.clone(),
                end: end.clone().map_or(RangeEnd::Last, RangeEnd::Before),
                revision: i64::try_from(revision).unwrap_or_default(),
                count_only: true,
                ..Range::default()
            };
            counted += self.ask_for_keys(cluster, async |client| client.range(&range, ANSWER).await).await?.count;
        }
        Ok(counted)
    }

    async fn header(&self, cluster: &ClusterId, format: FileFormat, revision: u64) -> Result<EtcdctlHeader, CoreError> {
        if format != FileFormat::Etcdctl {
            return Ok(EtcdctlHeader::default());
        }
        let client = self.key_client(cluster).await?;
        let status = client.member().status(ANSWER).await.map_err(key_problem)?;
        let (member_id, raft_term) = (status.member_id.0, status.status.raft_term.0);
        Ok(EtcdctlHeader { cluster_id: status.cluster_id, member_id, revision, raft_term })
    }
}

fn broken(error: ExportError) -> io::Error {
    match error {
        ExportError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// The cluster of a permit, which must be for all keys below the prefix that was asked for.
pub(super) fn prefix_of<'a>(permit: &'a Permit<act::ReadValues>, asked: &Key) -> Result<&'a ClusterId, CoreError> {
    match permit.scope() {
        Scope::Keys(cluster, prefix) if *prefix == asked.0 => Ok(cluster),
        _ => Err(CoreError::internal("a permit for a prefix was asked for another one")),
    }
}
