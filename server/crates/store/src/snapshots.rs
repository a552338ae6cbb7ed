//! Rows of snapshots. Invariant: one of a cluster is taken at a time (`claim_of_snapshot`); a row that is `taking` moves once, to
//! `good` or to `failed`; a protected one, and one that is being taken, is not deleted. The bytes are the crate `vault`'s.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{
    ClusterId,
    ids::{OperationId, ScheduleId, SnapshotId, VaultId},
    snapshots::{Content, Snapshot, SnapshotState},
    wide::Wide,
};
use sqlx::sqlite::SqliteRow;

/// Which snapshots are listed; all without anything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SnapshotFilter {
    /// Of this cluster.
    pub cluster: Option<ClusterId>,
    /// In this vault.
    pub vault: Option<VaultId>,
    /// In this state.
    pub state: Option<SnapshotState>,
    /// After this one, in the order of the list.
    pub after: Option<SnapshotId>,
}

const READING: &str = "reading snapshots";

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, vault, cluster, cluster_name, name, state, at, actor, origin, member, etcd_cluster, version, revision,
                 bytes, expected, sha256, sealed_by_etcd, content, encrypted, protected, problem FROM snapshots ",
            $tail
        ))
    };
}

fn snapshot(row: &SqliteRow) -> Result<Snapshot> {
    let wide = |number: i64| Wide(u64::try_from(number).unwrap_or_default());
    let state: String = row.cell("state")?;
    let content: Option<String> = row.cell("content")?;
    Ok(Snapshot {
        id: row.parsed("id")?,
        vault: row.parsed("vault")?,
        cluster: row.parsed_opt("cluster")?,
        cluster_name: row.cell("cluster_name")?,
        name: row.cell("name")?,
        state: SnapshotState::parse(&state).ok_or_else(|| StoreError::Corrupt { what: format!("state: {state}") })?,
        at: row.at("at")?,
        actor: row.cell("actor")?,
        origin: row.json("origin")?,
        member: row.cell("member")?,
        etcd_cluster: row.cell("etcd_cluster")?,
        version: row.parsed_opt("version")?,
        revision: row.cell::<Option<i64>>("revision")?.map(wide),
        bytes: wide(row.cell("bytes")?),
        expected: wide(row.cell("expected")?),
        sha256: row.cell("sha256")?,
        sealed_by_etcd: row.cell("sealed_by_etcd")?,
        content: content.map(|text| cells::from_json("content", &text)).transpose()?,
        encrypted: row.cell("encrypted")?,
        protected: row.cell("protected")?,
        problem: row.cell("problem")?,
    })
}

fn number(wide: Wide) -> i64 {
    i64::try_from(wide.0).unwrap_or(i64::MAX)
}

async fn one(db: &mut impl Db, query: Query) -> Result<Option<Snapshot>> {
    db.optional(query, READING).await?.as_ref().map(snapshot).transpose()
}

async fn many(db: &mut impl Db, query: Query) -> Result<Vec<Snapshot>> {
    db.all(query, READING).await?.iter().map(snapshot).collect()
}

impl Store {
    /// At most `limit` snapshots, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshots(&self, filter: &SnapshotFilter, limit: u32) -> Result<Vec<Snapshot>> {
        let query = select!(
            "WHERE (?1 IS NULL OR cluster = ?1) AND (?2 IS NULL OR vault = ?2) AND (?3 IS NULL OR state = ?3)
                 AND (?4 IS NULL OR (at, rowid) < (SELECT at, rowid FROM snapshots WHERE id = ?4))
             ORDER BY at DESC, rowid DESC LIMIT ?5"
        )
        .bind(filter.cluster.as_ref().map(|id| id.as_str().to_owned()))
        .bind(filter.vault.as_ref().map(|id| id.as_str().to_owned()))
        .bind(filter.state.map(SnapshotState::as_str))
        .bind(filter.after.as_ref().map(|id| id.as_str().to_owned()))
        .bind(limit);
        many(&mut self.reader(), query).await
    }

    /// The snapshot of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>> {
        one(&mut self.reader(), select!("WHERE id = ?").bind(id.as_str())).await
    }

    /// The snapshot that has, or had, this name in a vault.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot_named(&self, vault: &VaultId, name: &str) -> Result<Option<Snapshot>> {
        let query = select!("WHERE vault = ? AND name = ?").bind(vault.as_str()).bind(name.to_owned());
        one(&mut self.reader(), query).await
    }

    /// All that are being taken: at boot, those that an ended console left.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshots_taking(&self) -> Result<Vec<Snapshot>> {
        many(&mut self.reader(), select!("WHERE state = 'taking' ORDER BY at, rowid")).await
    }

    /// The newest snapshot of a cluster that a running console took (uploads are none), in this state or in any.
    ///
    /// # Errors
    /// The database failed.
    pub async fn newest_snapshot(&self, cluster: &ClusterId, state: Option<SnapshotState>) -> Result<Option<Snapshot>> {
        let query = select!(
            "WHERE cluster = ?1 AND (?2 IS NULL OR state = ?2) AND json_extract(origin, '$.from') <> 'upload'
             ORDER BY at DESC, rowid DESC LIMIT 1"
        );
        one(&mut self.reader(), query.bind(cluster.as_str()).bind(state.map(SnapshotState::as_str))).await
    }

    /// The good snapshots of a schedule, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn good_snapshots_of(&self, schedule: &ScheduleId) -> Result<Vec<Snapshot>> {
        let query =
            select!("WHERE state = 'good' AND json_extract(origin, '$.schedule') = ? ORDER BY at DESC, rowid DESC");
        many(&mut self.reader(), query.bind(schedule.as_str())).await
    }

    /// What an operation took of a member, unless it failed; the newest.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot_by_operation(&self, operation: &OperationId, member: &str) -> Result<Option<Snapshot>> {
        let query = select!(
            "WHERE json_extract(origin, '$.operation') = ? AND member = ? AND state <> 'failed'
             ORDER BY at DESC, rowid DESC LIMIT 1"
        );
        one(&mut self.reader(), query.bind(operation.as_str()).bind(member.to_owned())).await
    }
}

impl Tx {
    /// The snapshot of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot(&mut self, id: &SnapshotId) -> Result<Option<Snapshot>> {
        one(self, select!("WHERE id = ?").bind(id.as_str())).await
    }

    /// Begins a snapshot.
    ///
    /// # Errors
    /// `Conflict` while another one of its cluster is being taken, or at `name` when the vault has one of this name;
    /// `NotFound` when the vault or the cluster is not there any more.
    pub async fn insert_snapshot(&mut self, new: &Snapshot) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO snapshots (id, vault, cluster, cluster_name, name, state, at, actor, origin, member, etcd_cluster,
                 version, revision, bytes, expected, sha256, sealed_by_etcd, content, encrypted, protected, problem)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(new.vault.as_str())
        .bind(new.cluster.as_ref().map(ClusterId::as_str))
        .bind(new.cluster_name.clone())
        .bind(new.name.clone())
        .bind(new.state.as_str())
        .bind(new.at.0)
        .bind(new.actor.clone())
        .bind(cells::json("origin", &new.origin)?)
        .bind(new.member.clone())
        .bind(new.etcd_cluster.clone())
        .bind(new.version.map(|version| version.to_string()))
        .bind(new.revision.map(number))
        .bind(number(new.bytes))
        .bind(number(new.expected))
        .bind(new.sha256.clone())
        .bind(new.sealed_by_etcd)
        .bind(content(new.content.as_ref())?)
        .bind(new.encrypted)
        .bind(new.protected)
        .bind(new.problem.clone());
        self.execute(query, "beginning a snapshot").await?;
        Ok(())
    }

    /// Notes how far one is that is being taken, from whom, and how much it will be.
    ///
    /// # Errors
    /// `NotFound` when it is not being taken any more.
    pub async fn note_snapshot(&mut self, now: &Snapshot) -> Result<()> {
        let query = sqlx::query(
            "UPDATE snapshots SET member = ?, etcd_cluster = ?, version = ?, bytes = ?, expected = ?
             WHERE id = ? AND state = 'taking'",
        )
        .bind(now.member.clone())
        .bind(now.etcd_cluster.clone())
        .bind(now.version.map(|version| version.to_string()))
        .bind(number(now.bytes))
        .bind(number(now.expected))
        .bind(now.id.as_str());
        self.change_snapshot(query, &now.id).await
    }

    /// One that was taken is whole: it is good from now on, with what was learnt of it.
    ///
    /// # Errors
    /// `NotFound` when it is not being taken any more.
    pub async fn end_snapshot(&mut self, good: &Snapshot) -> Result<()> {
        let query = sqlx::query(
            "UPDATE snapshots SET state = 'good', revision = ?, bytes = ?, sha256 = ?, sealed_by_etcd = ?, encrypted = ?,
                 problem = ? WHERE id = ? AND state = 'taking'",
        )
        .bind(good.revision.map(number))
        .bind(number(good.bytes))
        .bind(good.sha256.clone())
        .bind(good.sealed_by_etcd)
        .bind(good.encrypted)
        .bind(good.problem.clone())
        .bind(good.id.as_str());
        self.change_snapshot(query, &good.id).await
    }

    /// It did not come to its end, or what the vault has of it is not what it was: it is not good any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn fail_snapshot(&mut self, id: &SnapshotId, problem: &str) -> Result<()> {
        let query = sqlx::query("UPDATE snapshots SET state = 'failed', problem = ? WHERE id = ?")
            .bind(problem.to_owned())
            .bind(id.as_str());
        self.change_snapshot(query, id).await
    }

    /// What is in a good one, once that was gone through, with the revision it shows; or why it could not be.
    ///
    /// # Errors
    /// `NotFound` when it is not good any more.
    pub async fn set_snapshot_content(
        &mut self,
        id: &SnapshotId,
        revision: Option<Wide>,
        found: Option<&Content>,
        problem: &str,
    ) -> Result<()> {
        let query = sqlx::query(
            "UPDATE snapshots SET revision = COALESCE(?, revision), content = COALESCE(?, content), problem = ?
             WHERE id = ? AND state = 'good'",
        )
        .bind(revision.map(number))
        .bind(content(found)?)
        .bind(problem.to_owned())
        .bind(id.as_str());
        self.change_snapshot(query, id).await
    }

    /// It is of this cluster from now on: one that was uploaded claims none while it comes.
    ///
    /// # Errors
    /// `NotFound`, also when the cluster is not registered.
    pub async fn assign_snapshot(&mut self, id: &SnapshotId, cluster: &ClusterId) -> Result<()> {
        let query =
            sqlx::query("UPDATE snapshots SET cluster = ? WHERE id = ?").bind(cluster.as_str()).bind(id.as_str());
        self.change_snapshot(query, id).await
    }

    /// Retention leaves it alone from now on, or not any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn protect_snapshot(&mut self, id: &SnapshotId, protected: bool) -> Result<()> {
        let query = sqlx::query("UPDATE snapshots SET protected = ? WHERE id = ?").bind(protected).bind(id.as_str());
        self.change_snapshot(query, id).await
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// `Conflict` when it is protected or being taken; `NotFound`.
    pub async fn delete_snapshot(&mut self, id: &SnapshotId) -> Result<()> {
        let row = self.snapshot(id).await?.ok_or_else(|| StoreError::not_found("snapshot", id))?;
        if row.protected || row.state == SnapshotState::Taking {
            let why = if row.protected { "is protected" } else { "is being taken" };
            return Err(StoreError::Conflict { field: "", what: format!("{} {why}", row.name) });
        }
        let query = sqlx::query("DELETE FROM snapshots WHERE id = ?").bind(id.as_str());
        self.change_snapshot(query, id).await
    }

    async fn change_snapshot(&mut self, query: Query, id: &SnapshotId) -> Result<()> {
        self.change(query, "changing a snapshot", || StoreError::not_found("snapshot", id)).await
    }
}

fn content(content: Option<&Content>) -> Result<Option<String>> {
    content.map(|content| cells::json("content", content)).transpose()
}
