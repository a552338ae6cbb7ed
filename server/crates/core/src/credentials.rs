//! What clusters want from their clients: certificates and logins, sealed. Invariant: they are checked before they are kept,
//! come back as an id only, and go by themselves when no cluster and no unfinished operation has needed them for a day.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    permit::{Permit, act},
};
use quorate_domain::{Problem, SecretId};
use quorate_etcd::{Access, Material};
use quorate_store::CLUSTER_ACCESS;

impl Console {
    /// Seals an access to a cluster that is about to be adopted, and returns its id for the plan.
    ///
    /// # Errors
    /// `Invalid` at `ca`, `certificate`, `key`, `user` or `password`: it does not fit together.
    pub async fn keep_access(
        &self,
        permit: &Permit<act::RunDangerous>,
        material: &Material,
    ) -> Result<SecretId, CoreError> {
        if material.is_empty() {
            return Err(Problem::field("ca", "Give certificates, or a user with a password").into());
        }
        material.access().map_err(|bad| Problem::field(bad.field, bad.message))?;
        let (id, now) = (SecretId::from_random(self.random()), self.0.clock.now());
        let given = [("certificates", !material.ca.trim().is_empty()), ("login", !material.user.trim().is_empty())];
        let given: Vec<&str> = given.into_iter().filter(|(_, there)| *there).map(|(what, _)| what).collect();
        let mut tx = self.0.store.begin().await?;
        tx.put_secret(&id, CLUSTER_ACCESS, &material.to_text(), now).await?;
        let row = AuditDraft::by(permit.actor(), "credentials.keep", id.as_str()).detail(&given.join(", "));
        row.write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// A kept access, unsealed.
    pub(crate) async fn access(&self, id: &SecretId) -> Result<Access, String> {
        let text = self.0.store.secret(id, CLUSTER_ACCESS).await.map_err(|error| crate::error::chain(&error))?;
        let text = text.ok_or("its certificates and login are not kept any more: adopt it again")?;
        Material::read(&text)?.access().map_err(|bad| bad.message)
    }
}
