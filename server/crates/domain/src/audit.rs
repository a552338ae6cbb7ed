//! Audit events as pages and the API show them. Invariant: no secret and no value of a key is ever in one;
//! who writes them lives in `core::audit`.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How an audited request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done, or accepted to be done.
    Ok,
    /// Role, scope or re-authentication refused it.
    Denied,
    /// It was tried and failed.
    Failed,
}

/// One row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    /// Rising number, the paging cursor.
    pub seq: i64,
    /// When, by the console's clock.
    pub at: Timestamp,
    /// Who: a user name, `token:<name> (<user>)`, `cli`, or `console`.
    pub actor: String,
    /// Where from: the client's address, or empty.
    pub source: String,
    /// What, as `noun.verb` (`host.trust`, `operation.start`).
    pub action: String,
    /// About what, in words (`lab1`, `demo`).
    pub object: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// More for a reader: old and new role, plan digest, reason of a denial.
    pub detail: String,
}

/// One page of audit events, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// Give this as `before` to get the next page; none at the end.
    pub next: Option<i64>,
}
