//! What is thrown away. Invariant: status events, marks of revisions and rows of snapshots that came to nothing after 90 days, output of ended operations after 30, whatever has
//! expired at once, and the oldest of kept values where there are too many; audit rows, operations and their logs never. Deletes go in small transactions, so that nobody who
//! writes waits long.

use crate::{DENSE_MARK_DAYS, MARK_DAYS, Result, Store, StoreError, key_undo::ROOM, tx::Query};
use quorate_domain::Timestamp;
use sqlx::{Executor, Row};

/// Days that status events are kept.
pub const EVENT_DAYS: i64 = 90;
/// Days that output of ended operations is kept.
pub const OUTPUT_DAYS: i64 = 30;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
const ROWS_AT_ONCE: i64 = 2000;
/// Pages given back to the file system at once; 4 KiB each.
const PAGES_AT_ONCE: &str = "PRAGMA incremental_vacuum(2000)";

/// How many rows went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Status events of clusters.
    pub events: u64,
    /// Lines of output.
    pub output_lines: u64,
    /// Sessions.
    pub sessions: u64,
    /// One-time codes.
    pub codes: u64,
    /// Accesses to clusters that no cluster needs.
    pub accesses: u64,
    /// Values that were kept so that changes of keys could be taken back.
    pub key_undos: u64,
    /// Files of keys.
    pub key_files: u64,
    /// Marks of revisions: too old ones, and of older hours all but the last.
    pub revision_marks: u64,
    /// Snapshots that came to nothing.
    pub failed_snapshots: u64,
}

impl Store {
    /// Throws away what is old at `now` and gives its space back to the file system. Cancelling it between two
    /// transactions does no harm; the next call goes on.
    ///
    /// # Errors
    /// The database failed; what was deleted before stays deleted.
    pub async fn prune(&self, now: Timestamp) -> Result<Pruned> {
        let before = |days: i64| now.0.saturating_sub(days * DAY_MILLIS);
        let events = self
            .delete_old(before(EVENT_DAYS), || {
                sqlx::query(
                    "DELETE FROM cluster_events WHERE seq IN (SELECT seq FROM cluster_events WHERE at < ? LIMIT ?)",
                )
            })
            .await?;
        let output_lines = self
            .delete_old(before(OUTPUT_DAYS), || {
                sqlx::query(
                    "DELETE FROM operation_output WHERE rowid IN (
                         SELECT o.rowid FROM operation_output o JOIN operations ON operations.id = o.operation
                         WHERE o.at < ? AND operations.state IN ('done', 'unwound', 'handed_over') LIMIT ?)",
                )
            })
            .await?;
        let sessions = self
            .delete_old(now.0, || {
                sqlx::query(
                    "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions WHERE expires_at <= ? LIMIT ?)",
                )
            })
            .await?;
        let codes = self
            .delete_old(now.0, || {
                sqlx::query("DELETE FROM codes WHERE rowid IN (SELECT rowid FROM codes WHERE expires_at <= ? LIMIT ?)")
            })
            .await?;
        let accesses = self
            .delete_old(now.0.saturating_sub(DAY_MILLIS), || {
                // An unfinished operation may bring a cluster back with the access that it had.
                sqlx::query(
                    "DELETE FROM secrets WHERE id IN (SELECT s.id FROM secrets s
                         WHERE s.purpose = 'access to a cluster' AND s.updated_at < ?
                         AND NOT EXISTS (SELECT 1 FROM clusters WHERE access = s.id)
                         AND NOT EXISTS (SELECT 1 FROM operations WHERE state NOT IN ('done', 'unwound', 'handed_over')
                             AND instr(plan_json, s.id) > 0)
                         LIMIT ?)",
                )
            })
            .await?;
        let key_undos = self
            .delete_old(now.0, || {
                sqlx::query("DELETE FROM key_undo WHERE rowid IN (SELECT rowid FROM key_undo WHERE until <= ? LIMIT ?)")
            })
            .await?;
        let oldest = self
            .delete_old(ROOM, || {
                sqlx::query(
                    "DELETE FROM key_undo WHERE rowid IN (SELECT id FROM (
                         SELECT rowid AS id,
                             SUM(LENGTH(sealed)) OVER (PARTITION BY cluster ORDER BY at DESC, rowid DESC) AS kept
                         FROM key_undo) WHERE kept > ? ORDER BY kept DESC LIMIT ?)",
                )
            })
            .await?;
        let key_undos = key_undos + oldest;
        // One by one: a file can be a quarter of a gigabyte.
        let key_files = self
            .delete_old(now.0, || {
                sqlx::query("DELETE FROM key_files WHERE rowid IN (SELECT rowid FROM key_files WHERE until <= ? LIMIT min(?, 1))")
            })
            .await?;
        let old_marks = self
            .delete_old(before(MARK_DAYS), || {
                sqlx::query(
                    "DELETE FROM revision_marks WHERE rowid IN (SELECT rowid FROM revision_marks WHERE at < ? LIMIT ?)",
                )
            })
            .await?;
        let dense_marks = self
            .delete_old(before(DENSE_MARK_DAYS), || {
                sqlx::query(
                    "DELETE FROM revision_marks WHERE rowid IN (SELECT m.rowid FROM revision_marks m WHERE m.at < ?
                         AND EXISTS (SELECT 1 FROM revision_marks l WHERE l.cluster = m.cluster AND l.at > m.at
                             AND l.at / 3600000 = m.at / 3600000) LIMIT ?)",
                )
            })
            .await?;
        let revision_marks = old_marks + dense_marks;
        // One that was good once has a digest, and perhaps bytes in its vault: a person deletes it.
        let failed_snapshots = self
            .delete_old(before(EVENT_DAYS), || {
                sqlx::query(
                    "DELETE FROM snapshots WHERE rowid IN (SELECT rowid FROM snapshots
                         WHERE state = 'failed' AND sha256 = '' AND at < ? LIMIT ?)",
                )
            })
            .await?;
        self.shrink().await?;
        Ok(Pruned {
            events,
            output_lines,
            sessions,
            codes,
            accesses,
            key_undos,
            key_files,
            revision_marks,
            failed_snapshots,
        })
    }

    /// Gives free pages back, some at a time, so that others write in between.
    async fn shrink(&self) -> Result<()> {
        const DOING: &str = "shrinking the database";
        let driver = |error| StoreError::driver(DOING, error);
        let mut free = i64::MAX;
        loop {
            let mut conn = self.writer().acquire().await.map_err(driver)?;
            conn.execute(PAGES_AT_ONCE).await.map_err(driver)?;
            let row = sqlx::query("PRAGMA freelist_count").fetch_one(&mut *conn).await.map_err(driver)?;
            let left: i64 = row.try_get(0).map_err(driver)?;
            if left == 0 || left >= free {
                // The file itself shrinks when its WAL is taken over; passive, because nobody should wait for that.
                conn.execute("PRAGMA wal_checkpoint(PASSIVE)").await.map_err(driver)?;
                return Ok(());
            }
            free = left;
        }
    }

    async fn delete_old(&self, before: i64, query: impl Fn() -> Query) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let mut tx = self.begin().await?;
            let rows = tx.execute(query().bind(before).bind(ROWS_AT_ONCE), "pruning").await?;
            tx.commit().await?;
            deleted += rows;
            if rows == 0 {
                return Ok(deleted);
            }
        }
    }
}
