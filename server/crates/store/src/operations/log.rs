//! The append-only log. Invariant: an entry is written only if `domain::operation::Progress` accepts it after all that
//! came before; the row's state is computed from the log in the same transaction, and the database refuses to change
//! or delete an entry.

use super::READING;
use crate::{Result, Store, StoreError, Tx, cells::Cells, tx::Db};
use quorate_domain::{
    OperationId, Timestamp,
    operation::{LogEntry, LogKind, OperationState, Progress, StepState},
};
use sqlx::sqlite::SqliteRow;

/// A detail is for people; the whole text of a failure is in the output.
const DETAIL_MAX: usize = 8 * 1024;

fn entry(row: &SqliteRow) -> Result<LogEntry> {
    let word: String = row.cell("kind")?;
    Ok(LogEntry {
        seq: row.count("seq")?,
        at: row.at("at")?,
        step: row.count("step")?,
        kind: LogKind::parse(&word).ok_or_else(|| StoreError::Corrupt { what: format!("entry of a log: {word}") })?,
        detail: row.cell("detail")?,
    })
}

async fn entries(db: &mut impl Db, id: &OperationId) -> Result<Vec<LogEntry>> {
    let query = sqlx::query("SELECT seq, at, step, kind, detail FROM operation_log WHERE operation = ? ORDER BY seq");
    db.all(query.bind(id.as_str()), "reading a log").await?.iter().map(entry).collect()
}

impl Store {
    /// The whole log of an operation, oldest first; empty for an unknown one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log(&self, id: &OperationId) -> Result<Vec<LogEntry>> {
        entries(&mut self.reader(), id).await
    }
}

impl Tx {
    /// The whole log of an operation, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn log(&mut self, id: &OperationId) -> Result<Vec<LogEntry>> {
        entries(self, id).await
    }

    /// Adds an entry and brings the operation's row up to it; one that ends the operation frees its claims.
    ///
    /// # Errors
    /// `NotFound`; `IllegalOrder` when the entry may not follow (nothing was written).
    pub async fn append_log(
        &mut self,
        id: &OperationId,
        step: u32,
        kind: LogKind,
        detail: &str,
        at: Timestamp,
    ) -> Result<(LogEntry, Progress)> {
        let query = sqlx::query("SELECT step_count FROM operations WHERE id = ?").bind(id.as_str());
        let row = self.optional(query, READING).await?.ok_or_else(|| StoreError::not_found("operation", id))?;
        let log = self.log(id).await?;
        let mut progress = Progress::replay(row.count("step_count")? as usize, &log)
            .map_err(|why| StoreError::Corrupt { what: format!("log of {id}: {why}") })?;
        progress.apply(step as usize, kind).map_err(|why| StoreError::IllegalOrder { operation: id.clone(), why })?;
        let seq = log.last().map_or(1, |last| last.seq + 1);
        let detail = detail[..detail.floor_char_boundary(DETAIL_MAX)].to_owned();
        let entry = LogEntry { seq, at, step, kind, detail };
        self.part().await?;
        let result = self.append_log_parts(id, &entry, &progress).await;
        self.end_part(result).await?;
        Ok((entry, progress))
    }

    async fn append_log_parts(&mut self, id: &OperationId, entry: &LogEntry, progress: &Progress) -> Result<()> {
        let query =
            sqlx::query("INSERT INTO operation_log (operation, seq, at, step, kind, detail) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(id.as_str())
                .bind(entry.seq)
                .bind(entry.at.0)
                .bind(entry.step)
                .bind(entry.kind.as_str())
                .bind(entry.detail.as_str());
        self.execute(query, "writing a log").await?;
        let told = matches!(progress.state, OperationState::Stuck | OperationState::Waiting);
        let reason = if told { entry.detail.as_str() } else { "" };
        self.set_progress(id, progress, reason, (steps_done(progress), at_step(progress)), entry.at).await
    }
}

fn steps_done(progress: &Progress) -> u32 {
    let done = progress.steps.iter().filter(|step| matches!(step, StepState::Done | StepState::Skipped)).count();
    u32::try_from(done).unwrap_or(u32::MAX)
}

/// The step a person looks at: the one being taken back while undoing, else the first that is not done.
fn at_step(progress: &Progress) -> u32 {
    let back = progress.state == OperationState::Undoing || progress.steps.contains(&StepState::UndoFailed);
    let step = if back { progress.next_undo() } else { progress.next_step() };
    let step = step.unwrap_or(progress.steps.len().saturating_sub(1));
    u32::try_from(step).unwrap_or(u32::MAX)
}
