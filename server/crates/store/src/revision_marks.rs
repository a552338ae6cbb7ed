//! How far clusters' revisions had come, at most a mark a minute. Invariant: what is kept is a cluster's revision at a time that
//! it was seen; marks go with their cluster and with time (`prune`). What they are good for is `domain::snapshots::reckon_bump`.

use crate::{Result, Store, Tx, cells::Cells, tx::Db};
use quorate_domain::{ClusterId, Timestamp, wide::Wide};

/// Days that marks are kept.
pub const MARK_DAYS: i64 = 90;
/// After so many days one an hour is left: the last.
pub const DENSE_MARK_DAYS: i64 = 2;

impl Store {
    /// All marks of a cluster, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn revision_marks(&self, cluster: &ClusterId) -> Result<Vec<(Timestamp, Wide)>> {
        let query = sqlx::query("SELECT at, revision FROM revision_marks WHERE cluster = ? ORDER BY at");
        let rows = self.reader().all(query.bind(cluster.as_str()), "reading marks of revisions").await?;
        let mark = |row: &sqlx::sqlite::SqliteRow| {
            let revision: i64 = row.cell("revision")?;
            Ok((row.at("at")?, Wide(u64::try_from(revision).unwrap_or_default())))
        };
        rows.iter().map(mark).collect()
    }
}

impl Tx {
    /// Notes how far a cluster's revision has come; a second mark of the same moment replaces the first.
    ///
    /// # Errors
    /// `NotFound` when the cluster is not registered any more.
    pub async fn mark_revision(&mut self, cluster: &ClusterId, at: Timestamp, revision: Wide) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO revision_marks (cluster, at, revision) VALUES (?, ?, ?)
             ON CONFLICT (cluster, at) DO UPDATE SET revision = excluded.revision",
        )
        .bind(cluster.as_str())
        .bind(at.0)
        .bind(i64::try_from(revision.0).unwrap_or(i64::MAX));
        self.execute(query, "noting a revision").await?;
        Ok(())
    }
}
