//! The audit trail. Invariant: rows are only ever added (the database itself refuses to change or delete one), and
//! kept for ever. What is written when lives in `core::audit`.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::Db,
};
use quorate_domain::{
    Timestamp,
    audit::{AuditEvent, AuditOutcome},
};
use sqlx::sqlite::SqliteRow;

/// An audit event before it has its number; the fields are those of [`AuditEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Where from.
    pub source: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// About what.
    pub object: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// More for a reader; never a secret.
    pub detail: String,
}

fn event(row: &SqliteRow) -> Result<AuditEvent> {
    Ok(AuditEvent {
        seq: row.cell("seq")?,
        at: row.at("at")?,
        actor: row.cell("actor")?,
        source: row.cell("source")?,
        action: row.cell("action")?,
        object: row.cell("object")?,
        outcome: row.word("outcome")?,
        detail: row.cell("detail")?,
    })
}

impl Store {
    /// Events before `before` (or from the end), newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn audit_page(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEvent>> {
        let query = sqlx::query(
            "SELECT seq, at, actor, source, action, object, outcome, detail FROM audit
             WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        );
        let query = query.bind(before.unwrap_or(i64::MAX)).bind(limit);
        self.reader().all(query, "reading the audit trail").await?.iter().map(event).collect()
    }
}

impl Tx {
    /// Adds an event; answers its number.
    ///
    /// # Errors
    /// The database failed; the change must not be committed then.
    pub async fn insert_audit(&mut self, new: &NewAudit) -> Result<i64> {
        let query = sqlx::query(
            "INSERT INTO audit (at, actor, source, action, object, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
             RETURNING seq",
        )
        .bind(new.at.0)
        .bind(new.actor.as_str())
        .bind(new.source.as_str())
        .bind(new.action.as_str())
        .bind(new.object.as_str())
        .bind(cells::word("outcome", &new.outcome)?)
        .bind(new.detail.as_str());
        let row = self.optional(query, "writing the audit trail").await?;
        row.ok_or_else(|| StoreError::Corrupt { what: "an audit row got no number".into() })?.cell("seq")
    }
}
