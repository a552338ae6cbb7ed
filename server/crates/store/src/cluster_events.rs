//! What happened to clusters. Invariant: numbers rise within the console and are never given twice; events go with
//! their cluster and after 90 days (`prune`). What counts as an event is decided in `core::live`.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::Db,
};
use quorate_domain::{
    ClusterId, Timestamp,
    cluster::{ClusterEvent, ClusterEventKind},
};
use sqlx::sqlite::SqliteRow;

/// An event before it has its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClusterEvent {
    /// The cluster.
    pub cluster: ClusterId,
    /// When the console noticed.
    pub at: Timestamp,
    /// What.
    pub kind: ClusterEventKind,
    /// In words.
    pub text: String,
}

fn event(row: &SqliteRow) -> Result<ClusterEvent> {
    Ok(ClusterEvent {
        seq: row.cell("seq")?,
        cluster: row.parsed("cluster")?,
        at: row.at("at")?,
        kind: row.word("kind")?,
        text: row.cell("text")?,
    })
}

impl Store {
    /// Events of a cluster before `before` (or from the end), newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cluster_events(
        &self,
        cluster: &ClusterId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ClusterEvent>> {
        let query = sqlx::query(
            "SELECT seq, cluster, at, kind, text FROM cluster_events WHERE cluster = ? AND seq < ?
             ORDER BY seq DESC LIMIT ?",
        )
        .bind(cluster.as_str())
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit);
        self.reader().all(query, "reading events").await?.iter().map(event).collect()
    }

    /// Keeps events in a transaction of their own. Those of a cluster that was forgotten meanwhile are left out.
    ///
    /// # Errors
    /// The database failed; none was kept then.
    pub async fn append_cluster_events(&self, new: &[NewClusterEvent]) -> Result<Vec<ClusterEvent>> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let mut kept = Vec::with_capacity(new.len());
        for event in new {
            match tx.insert_cluster_event(event).await {
                Ok(event) => kept.push(event),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok(kept)
    }
}

impl Tx {
    /// Keeps an event.
    ///
    /// # Errors
    /// `NotFound` when the cluster is not under management.
    pub async fn insert_cluster_event(&mut self, new: &NewClusterEvent) -> Result<ClusterEvent> {
        let query = sqlx::query(
            "INSERT INTO cluster_events (cluster, at, kind, text) VALUES (?, ?, ?, ?)
             RETURNING seq, cluster, at, kind, text",
        )
        .bind(new.cluster.as_str())
        .bind(new.at.0)
        .bind(cells::word("kind", &new.kind)?)
        .bind(new.text.as_str());
        let row = self.optional(query, "keeping an event").await?;
        event(&row.ok_or_else(|| StoreError::not_found("cluster", &new.cluster))?)
    }
}
