//! Writing and reading the audit trail. Invariant: a row of a change lands in the same transaction as the change; a
//! detail never holds a secret, a value of a key, or a line break (one row is one line in every export).

use crate::{
    actor::Actor,
    console::Console,
    error::CoreError,
    permit::{Permit, act, action_name},
};
use quorate_domain::{
    Action, Role, Timestamp,
    audit::{AuditEvent, AuditOutcome, AuditPage},
    keys::about_keys,
};
use quorate_store::{NewAudit, Tx};

/// The most rows one page carries.
pub const PAGE_MAX: u32 = 200;
/// Text a client chose is cut to this many characters, so that a row stays a row.
const TEXT_MAX: usize = 400;

/// Who did what the console does by itself.
pub(crate) const CONSOLE: &str = "console";

/// One row before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDraft {
    actor: String,
    source: String,
    action: String,
    object: String,
    outcome: AuditOutcome,
    detail: String,
}

impl AuditDraft {
    /// `actor` did `action` (as `noun.verb`) to `object`; the outcome is `Ok` unless said otherwise.
    pub fn by(actor: &Actor, action: &str, object: &str) -> Self {
        Self::of(&actor.label(), &actor.source, action, object)
    }

    /// The console did it by itself.
    pub fn by_console(action: &str, object: &str) -> Self {
        Self::of(CONSOLE, "", action, object)
    }

    /// Somebody who is not an actor (yet): a login that is being tried, a code that is being redeemed.
    pub fn of(actor: &str, source: &str, action: &str, object: &str) -> Self {
        Self {
            actor: tidy(actor),
            source: tidy(source),
            action: action.to_owned(),
            object: tidy(object),
            outcome: AuditOutcome::Ok,
            detail: String::new(),
        }
    }

    /// Another row of the same actor.
    pub(crate) fn same_actor(&self, action: &str, object: &str) -> Self {
        Self::of(&self.actor, &self.source, action, object)
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(mut self, outcome: AuditOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// More for a reader. Never a secret.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = tidy(detail);
        self
    }

    /// Writes it within a change's transaction.
    ///
    /// # Errors
    /// The storage failed; the caller must not commit.
    pub async fn write(self, tx: &mut Tx, at: Timestamp) -> Result<(), CoreError> {
        let Self { actor, source, action, object, outcome, detail } = self;
        tx.insert_audit(&NewAudit { at, actor, source, action, object, outcome, detail }).await?;
        Ok(())
    }
}

fn tidy(text: &str) -> String {
    text.chars().take(TEXT_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Console {
    /// Writes one row in a transaction of its own: for denials, failed tries and other things without a change.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn record(&self, draft: AuditDraft) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One page of the trail, newest first; `before` is the cursor of the page before. For somebody whose rules narrow which
    /// keys there are to see, rows about keys do not say which.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn audit_page(
        &self,
        permit: &Permit<act::ViewAudit>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<AuditPage, CoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let mut events: Vec<AuditEvent> = self.0.store.audit_page(before, limit).await?;
        let next = events.last().map(|event| event.seq).filter(|_| events.len() == limit as usize);
        let actor = permit.actor();
        if actor.role != Role::Admin && !actor.key_rules.is_empty() {
            events.iter_mut().filter(|event| names_keys(&event.action)).for_each(hide_keys);
        }
        Ok(AuditPage { events, next })
    }
}

/// Whether rows of this action say names or prefixes of keys.
fn names_keys(action: &str) -> bool {
    let denial = |of: &Action| about_keys(*of) && action_name(*of) == action;
    action.starts_with("key.")
        || action.starts_with("lease.")
        || action == "user.key_rules"
        || Action::ALL.iter().any(denial)
}

fn hide_keys(event: &mut AuditEvent) {
    event.object.clear();
    event.detail = "About keys: your rules narrow which ones you see".to_owned();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_about_keys_are_told_from_all_others() {
        for action in ["key.put", "key.settings", "lease.revoke", "permit.read_values", "user.key_rules"] {
            assert!(names_keys(action), "{action}");
        }
        for action in ["host.trust", "permit.view_hosts", "login.failed", "user.role", "operation.start"] {
            assert!(!names_keys(action), "{action}");
        }
    }

    #[test]
    fn a_row_stays_one_line_and_short() {
        let draft = AuditDraft::of("anna\nadmin ok", "10.0.0.1", "login.failed", &"x".repeat(5000));
        assert_eq!(draft.actor, "anna\u{fffd}admin ok");
        assert_eq!(draft.object.len(), TEXT_MAX);
    }
}
