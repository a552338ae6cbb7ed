//! Which keys somebody gets to see, and the rules that say so. Invariant: what may be done is asked of `domain::access`, with
//! the rules that the actor came with; what etcd itself does not let the console's user read is never asked for.

use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, Problem, Role, UserId,
    keys::{self, KeyRule, RULES_MAX},
    problem::FieldError,
};
use quorate_keys::Visible;
use quorate_store::Tx;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// For how long etcd's answer about permissions holds.
const FRESH: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(5);

/// What etcd lets the console's user read of each cluster, and since when that is known.
#[derive(Default)]
pub(super) struct Granted(Mutex<BTreeMap<ClusterId, (Visible, Instant)>>);

impl Granted {
    pub(super) fn forget(&self, cluster: &ClusterId) {
        self.known().remove(cluster);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ClusterId, (Visible, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Console {
    /// The keys with which `actor` may do `action`, as far as etcd lets the console's own user read them.
    ///
    /// # Errors
    /// `NotFound`; `Unreachable` when etcd was never asked what the console may see and does not answer.
    pub(crate) async fn visible(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        action: Action,
    ) -> Result<Visible, CoreError> {
        let own = match keys::prefixes(actor.role, &actor.key_rules, action, cluster) {
            None => Visible::all(),
            Some(prefixes) => Visible::of_prefixes(prefixes),
        };
        Ok(own.intersect(&self.granted(cluster).await?))
    }

    /// The keys whose names `actor` may see.
    ///
    /// # Errors
    /// As [`Console::visible`].
    pub(crate) async fn visible_to(&self, actor: &Actor, cluster: &ClusterId) -> Result<Visible, CoreError> {
        self.visible(actor, cluster, Action::ViewKeys).await
    }

    async fn granted(&self, cluster: &ClusterId) -> Result<Visible, CoreError> {
        // A throw-away etcd is asked with the login that opened it; what that may not read was said when it was opened.
        let opened = self.opened_source(cluster).is_some();
        if opened || self.record_of(cluster).await?.access.is_none() {
            return Ok(Visible::all());
        }
        let parts = &self.runtime()?.keys;
        let last = parts.granted.known().get(cluster).cloned();
        if let Some((visible, at)) = &last
            && at.elapsed() < FRESH
        {
            return Ok(visible.clone());
        }
        match self.ask_for_keys(cluster, async |client| client.granted(ANSWER).await).await {
            Ok(granted) => {
                let visible = match granted {
                    None => Visible::all(),
                    Some(ranges) => Visible::of_ranges(
                        ranges.into_iter().filter(|range| range.read).map(|range| (range.from, range.end)),
                    ),
                };
                parts.granted.known().insert(cluster.clone(), (visible.clone(), Instant::now()));
                Ok(visible)
            }
            // An index that is behind can still be read; what etcd said last is the best there is.
            Err(error) => last.map(|(visible, _)| visible).ok_or(error),
        }
    }

    /// The rules of a user.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn key_rules(&self, _permit: &Permit<act::ManageKeys>, user: &UserId) -> Result<Vec<KeyRule>, CoreError> {
        self.0.store.user(user).await?.ok_or_else(|| CoreError::not_found("user", user))?;
        Ok(self.0.store.key_rules(user).await?)
    }

    /// Replaces the rules of a user. Where that changes what the user may, all sessions of the user end.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` at `rules` or at one's `cluster` or `prefix`; `Forbidden` for a token that the command line did not
    /// make: whose rights are whose is a matter of accounts.
    pub async fn set_key_rules(
        &self,
        permit: &Permit<act::ManageKeys>,
        user: &UserId,
        rules: &[KeyRule],
    ) -> Result<(), CoreError> {
        let row = self.0.store.user(user).await?.ok_or_else(|| CoreError::not_found("user", user))?;
        self.check_accounts(permit.actor(), "user.key_rules", &row.name).await?;
        let mut tx = self.0.store.begin().await?;
        if let Err(problem) = check_rules(&mut tx, rules).await? {
            tx.rollback().await?;
            return Err(problem.into());
        }
        if tx.key_rules(user).await? == rules {
            tx.rollback().await?;
            return Ok(());
        }
        tx.set_key_rules(user, rules).await?;
        if row.role != Role::Admin {
            // Raises the epoch, as a change of the role itself does: open streams tell keys by the old rules.
            tx.set_user_role(user, row.role).await?;
            tx.delete_sessions_of(user).await?;
        }
        let draft = AuditDraft::by(permit.actor(), "user.key_rules", &row.name).detail(&words(rules));
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What is wrong with rules, all of it. Asked within the change, so that no cluster is forgotten between.
async fn check_rules(tx: &mut Tx, rules: &[KeyRule]) -> Result<Result<(), Problem>, CoreError> {
    if rules.len() > RULES_MAX {
        return Ok(Err(Problem::field("rules", format!("A user has at most {RULES_MAX} rules"))));
    }
    let mut wrong = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        if let Some(message) = rule.problem() {
            wrong.push(FieldError { field: format!("rules.{at}.prefix"), message });
        }
        if let Some(cluster) = &rule.cluster
            && tx.cluster(cluster).await?.is_none()
        {
            let message =
                format!("The cluster {cluster} is not in this console: choose another for this rule, or remove it");
            wrong.push(FieldError { field: format!("rules.{at}.cluster"), message });
        }
    }
    Ok(if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(wrong)) })
}

/// Whether `actor` may do `action` with `key`.
pub(super) fn may(actor: &Actor, action: Action, cluster: &ClusterId, key: &[u8]) -> bool {
    keys::may(actor.role, &actor.key_rules, action, cluster, key)
}

/// Rules in words: `/app/ read, write; /tmp/ (c-…) see`.
fn words(rules: &[KeyRule]) -> String {
    if rules.is_empty() {
        return "none: the role decides".to_owned();
    }
    let one = |rule: &KeyRule| {
        let rights = [("read", rule.read), ("write", rule.write), ("delete", rule.delete)];
        let rights: Vec<&str> = rights.into_iter().filter(|(_, may)| *may).map(|(what, _)| what).collect();
        let prefix = if rule.prefix.is_empty() { "all keys".to_owned() } else { rule.prefix.to_string() };
        let place = rule.cluster.as_ref().map_or_else(String::new, |cluster| format!(" ({cluster})"));
        format!("{prefix}{place} {}", if rights.is_empty() { "see".to_owned() } else { rights.join(", ") })
    };
    rules.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::keys::Key;

    #[test]
    fn rules_read_as_a_person_would_say_them() {
        let rule =
            |prefix: &str, read, write| KeyRule { cluster: None, prefix: Key::raw(prefix), read, write, delete: false };
        assert_eq!(words(&[]), "none: the role decides");
        assert_eq!(words(&[rule("/app/", true, true), rule("", false, false)]), "/app/ read, write; all keys see");
    }
}
