//! The audit trail.

#[cfg(feature = "ssr")]
use super::prelude::*;
use super::wire::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use quorate_domain::audit::AuditPage;

/// One page, newest first.
#[server(prefix = "/rpc", endpoint = "audit", protocol = Wire)]
pub(crate) async fn audit(before: Option<i64>) -> Result<AuditPage, AppError> {
    let (console, permit) = permitted::<act::ViewAudit>().await?;
    Ok(console.audit_page(&permit, before, 100).await?)
}
