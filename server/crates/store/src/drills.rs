//! Restores that were tried out. Invariant: a drill outlives its snapshot and its cluster; one that runs has no end, and one that
//! ended has one for ever. What a drill does is `core::drills`'.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{ClusterId, Timestamp, ids::DrillId, snapshots::Drill, wide::Wide};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading drills";

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, snapshot, snapshot_name, cluster, at, ended_at, recovered_millis, content, problem, actor FROM drills ",
            $tail
        ))
    };
}

fn drill(row: &SqliteRow) -> Result<Drill> {
    let millis: Option<i64> = row.cell("recovered_millis")?;
    let content: Option<String> = row.cell("content")?;
    Ok(Drill {
        id: row.parsed("id")?,
        snapshot: row.parsed("snapshot")?,
        snapshot_name: row.cell("snapshot_name")?,
        cluster: row.parsed_opt("cluster")?,
        at: row.at("at")?,
        ended_at: row.at_opt("ended_at")?,
        recovered_millis: millis.map(|millis| Wide(u64::try_from(millis).unwrap_or_default())),
        content: content.map(|text| cells::from_json("content", &text)).transpose()?,
        problem: row.cell("problem")?,
        actor: row.cell("actor")?,
    })
}

async fn one(db: &mut impl Db, query: Query) -> Result<Option<Drill>> {
    db.optional(query, READING).await?.as_ref().map(drill).transpose()
}

impl Store {
    /// At most `limit` drills of a cluster, or of all, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn drills(&self, cluster: Option<&ClusterId>, limit: u32) -> Result<Vec<Drill>> {
        let query = select!("WHERE (?1 IS NULL OR cluster = ?1) ORDER BY at DESC, rowid DESC LIMIT ?2");
        let query = query.bind(cluster.map(|id| id.as_str().to_owned())).bind(limit);
        self.reader().all(query, READING).await?.iter().map(drill).collect()
    }

    /// The drill of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn drill(&self, id: &DrillId) -> Result<Option<Drill>> {
        one(&mut self.reader(), select!("WHERE id = ?").bind(id.as_str())).await
    }

    /// All that run: at boot, those that an ended console left.
    ///
    /// # Errors
    /// The database failed.
    pub async fn drills_running(&self) -> Result<Vec<Drill>> {
        let query = select!("WHERE ended_at IS NULL ORDER BY at, rowid");
        self.reader().all(query, READING).await?.iter().map(drill).collect()
    }

    /// The newest drill of a cluster that ended; `well`: and found nothing wrong.
    ///
    /// # Errors
    /// The database failed.
    pub async fn newest_drill(&self, cluster: &ClusterId, well: bool) -> Result<Option<Drill>> {
        let query = select!(
            "WHERE cluster = ? AND ended_at IS NOT NULL AND (NOT ? OR problem = '') ORDER BY at DESC, rowid DESC LIMIT 1"
        );
        one(&mut self.reader(), query.bind(cluster.as_str()).bind(well)).await
    }
}

impl Tx {
    /// Begins a drill.
    ///
    /// # Errors
    /// The database failed.
    pub async fn insert_drill(&mut self, new: &Drill) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO drills (id, snapshot, snapshot_name, cluster, at, ended_at, recovered_millis, content, problem, actor)
             VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, '', ?)",
        )
        .bind(new.id.as_str())
        .bind(new.snapshot.as_str())
        .bind(new.snapshot_name.clone())
        .bind(new.cluster.as_ref().map(ClusterId::as_str))
        .bind(new.at.0)
        .bind(new.actor.clone());
        self.execute(query, "beginning a drill").await?;
        Ok(())
    }

    /// Ends a drill at `ended_at` with what it found.
    ///
    /// # Errors
    /// `NotFound` when it has ended already.
    pub async fn end_drill(&mut self, ended: &Drill, ended_at: Timestamp) -> Result<()> {
        let millis = ended.recovered_millis.map(|millis| i64::try_from(millis.0).unwrap_or(i64::MAX));
        let content = ended.content.as_ref().map(|content| cells::json("content", content)).transpose()?;
        let query = sqlx::query(
            "UPDATE drills SET ended_at = ?, recovered_millis = ?, content = ?, problem = ?
             WHERE id = ? AND ended_at IS NULL",
        )
        .bind(ended_at.0)
        .bind(millis)
        .bind(content)
        .bind(ended.problem.clone())
        .bind(ended.id.as_str());
        self.change(query, "ending a drill", || StoreError::not_found("running drill", &ended.id)).await
    }
}
