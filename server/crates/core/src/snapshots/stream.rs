//! From a member into a vault. Invariant: bytes are handed on as they come and nothing is kept of them; whoever cancels, a member that
//! falls silent and a vault that is full all end in words, and nothing of it stays visible in the vault.

use crate::{
    console::Console,
    live::{Endpoints, MemberAddress},
};
use quorate_domain::{
    cluster::{ClusterRecord, MemberView},
    snapshots::Snapshot,
    version::Version,
    wide::Wide,
};
use quorate_etcd::{MemberClient, SnapshotChunk, SnapshotStream};
use quorate_vault::{Shape, Vault as Place, Writer, Written};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// For the way to a member, its status, and its first word.
const BEGIN: Duration = Duration::from_secs(15);
/// How long the next bytes may be on their way: a member that is busy with its disk sends none for a while.
const CHUNK: Duration = Duration::from_secs(30);
/// How often tabs and the row are told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// A member that has begun to send.
pub(super) struct Source {
    stream: SnapshotStream,
    first: SnapshotChunk,
    member: String,
    etcd_cluster: String,
    version: Option<Version>,
}

impl Source {
    /// Bytes of the whole.
    pub(super) fn bytes(&self) -> u64 {
        self.first.remaining.saturating_add(self.first.bytes.len() as u64)
    }

    /// What it says about the snapshot.
    pub(super) fn tell(&self, snapshot: &mut Snapshot) {
        snapshot.member.clone_from(&self.member);
        snapshot.etcd_cluster.clone_from(&self.etcd_cluster);
        snapshot.version = self.version;
        snapshot.expected = Wide(self.bytes());
    }
}

/// Why nothing came of it.
pub(super) enum Broken {
    /// Somebody cancelled it, or the console stops.
    Cancelled,
    /// In words.
    Because(String),
}

impl Console {
    /// The first of these members that begins to send; nothing was written before.
    pub(super) async fn first_to_send(
        &self,
        record: &ClusterRecord,
        members: &[MemberView],
        cancel: &CancellationToken,
    ) -> Result<Source, Broken> {
        let mut problems = Vec::new();
        for member in members {
            match cancel.run_until_cancelled(self.begin_at(record, member)).await {
                None => return Err(Broken::Cancelled),
                Some(Ok(source)) => return Ok(source),
                Some(Err(why)) => problems.push(format!("{}: {why}", member.name)),
            }
        }
        Err(Broken::Because(format!("No member sent a snapshot ({}). Try again", problems.join("; "))))
    }

    /// A connection of its own: much goes through it, and what else is asked of the member does not wait behind it.
    async fn begin_at(&self, record: &ClusterRecord, member: &MemberView) -> Result<Source, String> {
        let (name, host) = (member.name.clone(), member.host.clone());
        let address = MemberAddress { name, host, client_urls: member.client_urls.clone() };
        let way = tokio::time::timeout(BEGIN, self.endpoint(record, &address)).await;
        let endpoint = way.map_err(|_| "there was no way to it in time".to_owned())??;
        let client = MemberClient::connect(&endpoint).map_err(|error| error.to_string())?;
        let status = client.status(BEGIN).await.map_err(|error| error.to_string())?;
        if status.is_learner {
            return Err("it only learns".into());
        }
        let mut stream = client.snapshot(BEGIN).await.map_err(|error| error.to_string())?;
        let first = stream.next(CHUNK).await.map_err(|error| error.to_string())?;
        let first = first.ok_or("it sent nothing")?;
        Ok(Source {
            stream,
            first,
            member: member.name.clone(),
            etcd_cluster: format!("{:x}", status.cluster_id),
            version: status.status.version.parse().ok(),
        })
    }

    /// Everything that `source` sends, whole and verified in the vault under the snapshot's name.
    pub(super) async fn pour(
        &self,
        source: Source,
        place: &Place,
        snapshot: &mut Snapshot,
        cancel: &CancellationToken,
    ) -> Result<Written, Broken> {
        let writer = place.writer(&snapshot.name, Shape::Snapshot, Some(source.bytes())).await;
        let mut writer = writer.map_err(|error| Broken::Because(error.to_string()))?;
        let poured = cancel.run_until_cancelled(self.pour_all(source, &mut writer, snapshot)).await;
        match poured.unwrap_or(Err(Broken::Cancelled)) {
            Ok(()) => {}
            Err(broken) => {
                writer.abandon().await;
                return Err(broken);
            }
        }
        writer.finish().await.map_err(|error| Broken::Because(error.to_string()))
    }

    async fn pour_all(&self, source: Source, writer: &mut Writer, snapshot: &mut Snapshot) -> Result<(), Broken> {
        let Source { mut stream, first, member, .. } = source;
        let mut next = Some(first);
        let mut told = Instant::now();
        while let Some(chunk) = next {
            writer.write(chunk.bytes).await.map_err(|error| Broken::Because(error.to_string()))?;
            snapshot.bytes = Wide(writer.bytes());
            if told.elapsed() >= TOLD_EVERY {
                self.note_progress(snapshot).await.map_err(|error| Broken::Because(error.to_string()))?;
                told = Instant::now();
            }
            next = stream.next(CHUNK).await.map_err(|error| {
                let (have, all) = (snapshot.bytes.0 >> 20, snapshot.expected.0 >> 20);
                Broken::Because(format!("{member} broke off after {have} of {all} MiB: {error}. Take it again"))
            })?;
        }
        Ok(())
    }
}
