//! How the keys of a cluster are handled. Invariant: settings that nobody ever made are the defaults; a change of them is an
//! audit row. What a rule is about is `rules`.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{
    Action, ClusterId, Problem,
    keys::{self, Key, KeySettings},
};

impl Console {
    /// How the keys of the permit's cluster are handled. Whoever may not see all keys is told only of masks that lie over some of
    /// those that may be seen.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn key_settings(&self, permit: &Permit<act::ViewKeys>) -> Result<KeySettings, CoreError> {
        let cluster = permit.cluster()?;
        self.keys_of(cluster).await?;
        let mut settings = self.key_settings_of(cluster).await?;
        let actor = permit.actor();
        if let Some(mine) = keys::prefixes(actor.role, &actor.key_rules, Action::ViewKeys, cluster) {
            settings.masked.retain(|mask| mine.iter().any(|prefix| overlap(prefix, mask)));
        }
        Ok(settings)
    }

    /// Says how the keys of the permit's cluster are handled from now on. What is kept of earlier changes stays for as long as
    /// it was to stay.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` at `masked` or `undo_hours`.
    pub async fn set_key_settings(
        &self,
        permit: &Permit<act::ManageKeys>,
        settings: &KeySettings,
    ) -> Result<(), CoreError> {
        let cluster = permit.cluster()?;
        let record = self.record_of(cluster).await?;
        if let Some((field, why)) = settings.problem() {
            return Err(Problem::field(field, why).into());
        }
        let mut tx = self.0.store.begin().await?;
        tx.set_key_settings(cluster, settings).await?;
        let draft = AuditDraft::by(permit.actor(), "key.settings", &record.name).detail(&words(settings));
        draft.write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn key_settings_of(&self, cluster: &ClusterId) -> Result<KeySettings, CoreError> {
        // A snapshot's keys are handled as those of its cluster.
        let cluster = match self.opened_source(cluster) {
            Some((_, of)) => of,
            None => Some(cluster.clone()),
        };
        let Some(cluster) = cluster else { return Ok(KeySettings::default()) };
        Ok(self.0.store.key_settings(&cluster).await?.unwrap_or_default())
    }
}

/// Whether keys could start with both.
fn overlap(one: &Key, other: &Key) -> bool {
    one.is_prefix_of(other.as_bytes()) || other.is_prefix_of(one.as_bytes())
}

/// What the audit trail says of settings; prefixes come last, where a long row is cut.
fn words(settings: &KeySettings) -> String {
    let keys = if settings.hash_in_audit { "hashes" } else { "names" };
    let masked: Vec<String> = settings.masked.iter().map(ToString::to_string).collect();
    let masked = if masked.is_empty() { "nothing".to_owned() } else { masked.join(", ") };
    format!("undo for {} h; {keys} of keys in this trail; masked: {masked}", settings.undo_hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_as_a_person_would_say_them() {
        assert_eq!(
            words(&KeySettings::default()),
            "undo for 72 h; names of keys in this trail; masked: /registry/secrets/"
        );
        let other = KeySettings { masked: vec![Key(vec![0xff])], hash_in_audit: true, undo_hours: 1 };
        assert_eq!(words(&other), "undo for 1 h; hashes of keys in this trail; masked: \\xff");
    }
}
