//! Operations. Invariant: one unfinished operation a cluster (by id and by name) and one a host: unique indexes hold
//! it, whoever comes second learns who was first. The log is written in `operations::log`, output in
//! `operations::output`; lists are read in `operations::lists`. What a plan means is known to `quorate-operations` only.

mod lists;
mod log;
pub(crate) mod output;

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{
    ClusterId, HostId, OperationId, Timestamp,
    operation::{OperationState, Progress},
    plan::OperationClass,
};
use sqlx::sqlite::SqliteRow;

/// An operation that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperation {
    /// Id.
    pub id: OperationId,
    /// Kind.
    pub kind: String,
    /// Version of the kind that made the plan.
    pub kind_version: u32,
    /// How it can harm.
    pub class: OperationClass,
    /// Title of the plan.
    pub title: String,
    /// The cluster it is about or will make.
    pub cluster: Option<ClusterId>,
    /// Its name; empty when it is about none.
    pub cluster_name: String,
    /// Who started it.
    pub actor: String,
    /// The plan as the engine reads it.
    pub plan_json: String,
    /// The plan as it was reviewed: JSON of `PlanView`.
    pub view_json: String,
    /// Number of steps.
    pub step_count: u32,
    /// The hosts it claims; each must be registered.
    pub hosts: Vec<HostId>,
    /// When.
    pub started_at: Timestamp,
}

/// An operation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRow {
    /// Rising number, the paging cursor.
    pub seq: i64,
    /// Id.
    pub id: OperationId,
    /// Kind.
    pub kind: String,
    /// Version of the kind that made the plan.
    pub kind_version: u32,
    /// How it can harm.
    pub class: OperationClass,
    /// Title of the plan.
    pub title: String,
    /// The cluster it is about.
    pub cluster: Option<ClusterId>,
    /// Its name; empty when it is about none.
    pub cluster_name: String,
    /// Who started it.
    pub actor: String,
    /// The plan as the engine reads it.
    pub plan_json: String,
    /// The plan as it was reviewed: JSON of `PlanView`.
    pub view_json: String,
    /// Number of steps.
    pub step_count: u32,
    /// State that the log leads to.
    pub state: OperationState,
    /// Why it is stuck; empty otherwise.
    pub reason: String,
    /// Steps done or skipped.
    pub steps_done: u32,
    /// The step it is at.
    pub at_step: u32,
    /// Whether the result held after `done`; none before that is known.
    pub soaked: Option<bool>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When the log last grew.
    pub updated_at: Timestamp,
}

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT seq, id, kind, kind_version, class, title, cluster, cluster_name, actor, plan_json, view_json,
                 step_count, state, reason, steps_done, at_step, soaked, started_at, updated_at FROM operations ",
            $tail
        ))
    };
}
use select;

const READING: &str = "reading operations";

fn state(row: &SqliteRow) -> Result<OperationState> {
    let word: String = row.cell("state")?;
    OperationState::parse(&word).ok_or_else(|| StoreError::Corrupt { what: format!("state of an operation: {word}") })
}

fn operation(row: &SqliteRow) -> Result<OperationRow> {
    Ok(OperationRow {
        seq: row.cell("seq")?,
        id: row.parsed("id")?,
        kind: row.cell("kind")?,
        kind_version: row.count("kind_version")?,
        class: row.word("class")?,
        title: row.cell("title")?,
        cluster: row.parsed_opt("cluster")?,
        cluster_name: row.cell("cluster_name")?,
        actor: row.cell("actor")?,
        plan_json: row.cell("plan_json")?,
        view_json: row.cell("view_json")?,
        step_count: row.count("step_count")?,
        state: state(row)?,
        reason: row.cell("reason")?,
        steps_done: row.count("steps_done")?,
        at_step: row.count("at_step")?,
        soaked: row.cell("soaked")?,
        started_at: row.at("started_at")?,
        updated_at: row.at("updated_at")?,
    })
}

async fn one(db: &mut impl Db, id: &OperationId) -> Result<Option<OperationRow>> {
    db.optional(select!("WHERE id = ?").bind(id.as_str()), READING).await?.as_ref().map(operation).transpose()
}

impl Store {
    /// The operation of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operation(&self, id: &OperationId) -> Result<Option<OperationRow>> {
        one(&mut self.reader(), id).await
    }
}

impl Tx {
    /// The operation of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn operation(&mut self, id: &OperationId) -> Result<Option<OperationRow>> {
        one(self, id).await
    }

    /// The unfinished operation that works on a cluster, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unfinished_operation_on(&mut self, cluster: &ClusterId) -> Result<Option<OperationRow>> {
        match self.claim_of_cluster(Some(cluster), "").await? {
            Some(id) => self.operation(&id).await,
            None => Ok(None),
        }
    }

    /// An unfinished operation whose plan names this word (the id of something that it needs), as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn unfinished_operation_with(&mut self, word: &str) -> Result<Option<OperationId>> {
        let query = sqlx::query(
            "SELECT id FROM operations WHERE state NOT IN ('done', 'unwound', 'handed_over') AND instr(plan_json, ?) > 0
             LIMIT 1",
        );
        let row = self.optional(query.bind(word.to_owned()), READING).await?;
        row.map(|row| row.parsed("id")).transpose()
    }

    /// Accepts an operation: it is `running`, and claims its cluster (by id and by name) and its hosts.
    ///
    /// # Errors
    /// `Claimed` by another unfinished operation; `NotFound` for a host that is not registered. Nothing was written.
    pub async fn insert_operation(&mut self, new: &NewOperation) -> Result<()> {
        self.check_claims(new).await?;
        self.part().await?;
        let result = self.insert_operation_parts(new).await;
        self.end_part(result).await
    }

    async fn check_claims(&mut self, new: &NewOperation) -> Result<()> {
        if let Some(by) = self.claim_of_cluster(new.cluster.as_ref(), &new.cluster_name).await? {
            return Err(StoreError::Claimed { by, what: format!("cluster {}", new.cluster_name) });
        }
        for id in &new.hosts {
            let host = self.host(id).await?.ok_or_else(|| StoreError::not_found("host", id))?;
            if let Some(by) = host.operation {
                return Err(StoreError::Claimed { by, what: format!("host {}", host.name) });
            }
        }
        Ok(())
    }

    /// The unfinished operation on a cluster, found by its id or its name.
    pub(crate) async fn claim_of_cluster(&mut self, id: Option<&ClusterId>, name: &str) -> Result<Option<OperationId>> {
        let query = sqlx::query(
            "SELECT id FROM operations WHERE state NOT IN ('done', 'unwound', 'handed_over')
                 AND (cluster = ? OR (cluster_name <> '' AND cluster_name = ?)) LIMIT 1",
        )
        .bind(id.map(ClusterId::as_str))
        .bind(name);
        self.optional(query, READING).await?.map(|row| row.parsed("id")).transpose()
    }

    async fn insert_operation_parts(&mut self, new: &NewOperation) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO operations (id, kind, kind_version, class, title, cluster, cluster_name, actor, plan_json,
                 view_json, step_count, state, started_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(new.kind.as_str())
        .bind(new.kind_version)
        .bind(cells::word("class", &new.class)?)
        .bind(new.title.as_str())
        .bind(new.cluster.as_ref().map(ClusterId::as_str))
        .bind(new.cluster_name.as_str())
        .bind(new.actor.as_str())
        .bind(new.plan_json.as_str())
        .bind(new.view_json.as_str())
        .bind(new.step_count)
        .bind(OperationState::Running.as_str())
        .bind(new.started_at.0)
        .bind(new.started_at.0);
        self.execute(query, "accepting an operation").await?;
        for host in &new.hosts {
            let query = sqlx::query("INSERT INTO operation_hosts (operation, host) VALUES (?, ?)");
            let query = query.bind(new.id.as_str()).bind(host.as_str());
            self.execute(query, "claiming a host").await?;
        }
        Ok(())
    }

    /// Notes whether the result held for its 30 s after `done`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_soaked(&mut self, id: &OperationId, held: bool) -> Result<()> {
        let query = sqlx::query("UPDATE operations SET soaked = ? WHERE id = ?").bind(held);
        self.change_operation(id, query).await
    }

    /// Ties an operation to the cluster it made.
    ///
    /// # Errors
    /// `NotFound`; `Claimed` when another unfinished operation works on that cluster.
    pub async fn set_operation_cluster(&mut self, id: &OperationId, cluster: &ClusterId) -> Result<()> {
        let row = self.operation(id).await?.ok_or_else(|| StoreError::not_found("operation", id))?;
        let holder = self.claim_of_cluster(Some(cluster), "").await?;
        if let Some(by) = holder.filter(|by| by != id && row.state.unfinished()) {
            return Err(StoreError::Claimed { by, what: format!("cluster {}", row.cluster_name) });
        }
        let query = sqlx::query("UPDATE operations SET cluster = ? WHERE id = ?").bind(cluster.as_str());
        self.change_operation(id, query).await
    }

    /// Writes the cache of the log. Ending frees the claims of hosts by a trigger, that of the cluster by its index.
    async fn set_progress(
        &mut self,
        id: &OperationId,
        progress: &Progress,
        reason: &str,
        steps: (u32, u32),
        at: Timestamp,
    ) -> Result<()> {
        let query = sqlx::query(
            "UPDATE operations SET state = ?, reason = ?, steps_done = ?, at_step = ?, updated_at = ? WHERE id = ?",
        )
        .bind(progress.state.as_str())
        .bind(reason)
        .bind(steps.0)
        .bind(steps.1)
        .bind(at.0);
        self.change_operation(id, query).await
    }

    /// Binds the id last.
    async fn change_operation(&mut self, id: &OperationId, query: Query) -> Result<()> {
        let query = query.bind(id.as_str());
        self.change(query, "changing an operation", || StoreError::not_found("operation", id)).await
    }
}
