//! Lists of operations and of what they claim. Invariant: newest first unless said otherwise; lists for people are made
//! without reading plans, which are large.

use super::{OperationRow, READING, operation, select, state};
use crate::{
    Result, Store,
    cells::Cells,
    tx::{Db, Query},
};
use quorate_domain::{
    ClusterId, HostId, OperationId,
    operation::{LogEntry, OperationSummary},
};
use sqlx::sqlite::SqliteRow;

macro_rules! summaries {
    ($tail:literal) => {
        summaries!("", $tail)
    };
    ($more:literal, $tail:literal) => {
        sqlx::query(concat!(
            "SELECT ",
            $more,
            "seq, id, kind, title, state, cluster, actor, started_at, updated_at, steps_done, step_count,
                 reason, soaked,
                 CASE WHEN state IN ('done', 'unwound', 'handed_over') THEN ''
                     ELSE coalesce(json_extract(view_json, '$.steps[' || at_step || '].title'), '') END AS current
             FROM operations ",
            $tail
        ))
    };
}

fn summary(row: &SqliteRow) -> Result<OperationSummary> {
    Ok(OperationSummary {
        id: row.parsed("id")?,
        kind: row.cell("kind")?,
        title: row.cell("title")?,
        state: state(row)?,
        cluster: row.parsed_opt("cluster")?,
        actor: row.cell("actor")?,
        started_at: row.at("started_at")?,
        updated_at: row.at("updated_at")?,
        steps_done: row.count("steps_done")?,
        steps_total: row.count("step_count")?,
        current: row.cell("current")?,
        reason: row.cell("reason")?,
        soaked: row.cell("soaked")?,
    })
}

fn page(query: Query, limit: u32, before: Option<i64>, cluster: Option<&ClusterId>) -> Query {
    query.bind(before.unwrap_or(i64::MAX)).bind(cluster.map(ClusterId::as_str)).bind(limit)
}

impl Store {
    /// Operations before `before` (an `OperationRow::seq`, or from the end), of one cluster or of all, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operations(
        &self,
        limit: u32,
        before: Option<i64>,
        cluster: Option<&ClusterId>,
    ) -> Result<Vec<OperationRow>> {
        let query = select!("WHERE seq < ?1 AND (?2 IS NULL OR cluster = ?2) ORDER BY seq DESC LIMIT ?3");
        let rows = self.reader().all(page(query, limit, before, cluster), READING).await?;
        rows.iter().map(operation).collect()
    }

    /// The same as rows of a list for people, with the title of the step each is at.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operation_summaries(
        &self,
        limit: u32,
        before: Option<i64>,
        cluster: Option<&ClusterId>,
    ) -> Result<Vec<OperationSummary>> {
        let query = summaries!("WHERE seq < ?1 AND (?2 IS NULL OR cluster = ?2) ORDER BY seq DESC LIMIT ?3");
        let rows = self.reader().all(page(query, limit, before, cluster), READING).await?;
        rows.iter().map(summary).collect()
    }

    /// One row of the list for people.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operation_summary(&self, id: &OperationId) -> Result<Option<OperationSummary>> {
        let row = self.reader().optional(summaries!("WHERE id = ?").bind(id.as_str()), READING).await?;
        row.as_ref().map(summary).transpose()
    }

    /// The same with the log, both of one moment: what a person may choose follows from the log, and must fit the state
    /// that is shown beside it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operation_with_log(&self, id: &OperationId) -> Result<Option<(OperationSummary, Vec<LogEntry>)>> {
        let query = summaries!(
            "(SELECT json_group_array(json_object('seq', l.seq, 'at', l.at, 'step', l.step, 'kind', l.kind,
                      'detail', l.detail) ORDER BY l.seq)
                  FROM operation_log l WHERE l.operation = operations.id) AS log, ",
            "WHERE id = ?"
        );
        let row = self.reader().optional(query.bind(id.as_str()), READING).await?;
        row.as_ref().map(|row| Ok((summary(row)?, row.json("log")?))).transpose()
    }

    /// Operations that hold claims, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unfinished_operations(&self) -> Result<Vec<OperationRow>> {
        let query = select!("WHERE state NOT IN ('done', 'unwound', 'handed_over') ORDER BY seq");
        self.reader().all(query, READING).await?.iter().map(operation).collect()
    }

    /// Which host is claimed by which unfinished operation.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claims_of_hosts(&self) -> Result<Vec<(HostId, OperationId)>> {
        let query = sqlx::query("SELECT host, operation FROM operation_hosts WHERE held = 1 ORDER BY host");
        let rows = self.reader().all(query, READING).await?;
        rows.iter().map(|row| Ok((row.parsed("host")?, row.parsed("operation")?))).collect()
    }

    /// Whether any operation of this console ever claimed `host`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn worked_on(&self, host: &HostId) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM operation_hosts WHERE host = ? LIMIT 1").bind(host.as_str());
        Ok(self.reader().optional(query, READING).await?.is_some())
    }

    /// Which cluster is claimed by which unfinished operation.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claims_of_clusters(&self) -> Result<Vec<(ClusterId, OperationId)>> {
        let query = sqlx::query(
            "SELECT cluster, id FROM operations
             WHERE cluster IS NOT NULL AND state NOT IN ('done', 'unwound', 'handed_over') ORDER BY cluster",
        );
        let rows = self.reader().all(query, READING).await?;
        rows.iter().map(|row| Ok((row.parsed("cluster")?, row.parsed("id")?))).collect()
    }
}
