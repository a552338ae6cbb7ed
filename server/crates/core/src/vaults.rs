//! Vaults: where snapshots are kept. Invariant: a place is tried before it is kept; secrets are sealed at once, in the transaction of
//! their vault, and never come out; the place of snapshots that are there does not move. What a place is, is the crate `vault`'s.

use crate::{
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
};
use quorate_domain::{
    Problem, ProblemKind, SecretId, VaultId,
    snapshots::{NewVault, Vault, VaultPlace},
    wide::Wide,
};
use quorate_store::{Tx, VAULT_IDENTITY, VAULT_SECRET, VaultRow};
use quorate_vault::{Vault as Place, VaultError, VaultSecrets};
use secrecy::{ExposeSecret, SecretString};

/// The name of the vault that every console begins with.
const FIRST: &str = "local";

/// Secrets that come with a vault. What is none stays as it is; an empty one is forgotten.
#[derive(Clone, Default)]
pub struct NewVaultSecrets {
    /// The secret half of its access key.
    pub secret_access_key: Option<SecretString>,
    /// An age identity that decrypts its snapshots.
    pub identity: Option<SecretString>,
}

impl Console {
    /// All vaults, oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn vaults(&self, _permit: &Permit<act::ViewSnapshots>) -> Result<Vec<Vault>, CoreError> {
        Ok(self.0.store.vaults().await?.into_iter().map(|row| row.vault).collect())
    }

    /// One vault.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn vault(&self, _permit: &Permit<act::ViewSnapshots>, id: &VaultId) -> Result<Vault, CoreError> {
        Ok(self.vault_row(id).await?.vault)
    }

    /// Makes a vault, after its place was tried.
    ///
    /// # Errors
    /// `Invalid` at a field; `Conflict` for a taken name; `Unreachable` when the place cannot be used.
    pub async fn create_vault(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        new: NewVault,
        secrets: NewVaultSecrets,
    ) -> Result<Vault, CoreError> {
        let row = VaultRow { vault: self.blank(new)?, secret: None, identity: None };
        self.try_place(&row, &opened(&secrets, &VaultSecrets::default())).await?;
        let (row, now) = (self.with_ids(row, &secrets), self.0.clock.now());
        let mut tx = self.0.store.begin().await?;
        self.seal(&mut tx, &row, &secrets).await?;
        tx.insert_vault(&row).await?;
        let draft = AuditDraft::by(permit.actor(), "vault.create", &row.vault.name);
        draft.detail(&place_words(&row.vault.place)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(self.vault_row(&row.vault.id).await?.vault)
    }

    /// Changes a vault, after its place was tried with what is new.
    ///
    /// # Errors
    /// As [`Console::create_vault`]; `Conflict` when snapshots would be looked for in another place than where they are.
    pub async fn edit_vault(
        &self,
        permit: &Permit<act::ManageSnapshots>,
        id: &VaultId,
        new: NewVault,
        secrets: NewVaultSecrets,
    ) -> Result<Vault, CoreError> {
        let old = self.vault_row(id).await?;
        let vault = Vault { id: old.vault.id.clone(), at: old.vault.at, ..self.blank(new)? };
        if old.vault.snapshots > 0 && !same_place(&old.vault.place, &vault.place) {
            let title = format!(
                "{} holds {} snapshots, which would be looked for elsewhere",
                old.vault.name, old.vault.snapshots
            );
            return Err(Problem::new(ProblemKind::Conflict, title)
                .with_detail("Make another vault for the new place, and delete this one once it is empty.")
                .into());
        }
        let row = VaultRow { vault, secret: old.secret.clone(), identity: old.identity.clone() };
        self.try_place(&row, &opened(&secrets, &self.vault_secrets(&old).await?)).await?;
        let row = self.with_ids(row, &secrets);
        let mut tx = self.0.store.begin().await?;
        self.seal(&mut tx, &row, &secrets).await?;
        tx.update_vault(&row).await?;
        for gone in [(&old.secret, &row.secret), (&old.identity, &row.identity)] {
            if let (Some(secret), None) = gone {
                tx.delete_secret(secret).await?;
            }
        }
        let draft = AuditDraft::by(permit.actor(), "vault.edit", &row.vault.name);
        draft.detail(&place_words(&row.vault.place)).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(self.vault_row(id).await?.vault)
    }

    /// Forgets a vault and its secrets. What lies in it stays there.
    ///
    /// # Errors
    /// `Conflict` while it has snapshots or schedules; `NotFound`.
    pub async fn delete_vault(&self, permit: &Permit<act::ManageSnapshots>, id: &VaultId) -> Result<(), CoreError> {
        let row = self.vault_row(id).await?;
        let mut tx = self.0.store.begin().await?;
        tx.delete_vault(id).await?;
        let draft = AuditDraft::by(permit.actor(), "vault.delete", &row.vault.name);
        draft.detail(&place_words(&row.vault.place)).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Tries a vault out: writes, reads and deletes a probe. What is wrong stands in its `problem` from then on.
    ///
    /// # Errors
    /// `NotFound`; the storage failed.
    pub async fn try_vault(&self, _permit: &Permit<act::ManageSnapshots>, id: &VaultId) -> Result<Vault, CoreError> {
        let row = self.vault_row(id).await?;
        let tried = match self.place(&row).await {
            Ok(place) => place.try_out().await.map_err(|error| error.to_string()),
            Err(error) => Err(chain(&error)),
        };
        self.note_vault(id, tried.err().as_deref().unwrap_or_default()).await?;
        Ok(self.vault_row(id).await?.vault)
    }

    /// Notes how a vault was found to be.
    pub(crate) async fn note_vault(&self, id: &VaultId, problem: &str) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        tx.set_vault_problem(id, problem).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A console without any vault gets one on its own disk.
    pub(crate) async fn have_a_vault(&self) -> Result<(), CoreError> {
        if !self.0.store.vaults().await?.is_empty() {
            return Ok(());
        }
        let directory = self.0.config.data_dir.join("vault").display().to_string();
        let place = VaultPlace::Local { directory };
        let new = NewVault { name: FIRST.into(), place, budget: None, recipient: None };
        let mut vault = match self.blank(new) {
            Ok(vault) => vault,
            // A data directory with a path that no vault can have: a person makes one elsewhere.
            Err(error) => {
                tracing::warn!(error = chain(&error), "no vault was made");
                return Ok(());
            }
        };
        let row = |vault| VaultRow { vault, secret: None, identity: None };
        if let Err(error) = self.try_place(&row(vault.clone()), &VaultSecrets::default()).await {
            vault.problem = chain(&error);
        }
        let mut tx = self.0.store.begin().await?;
        tx.insert_vault(&row(vault)).await?;
        AuditDraft::by_console("vault.create", FIRST).write(&mut tx, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The vault that is used where nobody names one: the oldest.
    pub(crate) async fn default_vault(&self) -> Result<VaultRow, CoreError> {
        self.0.store.vaults().await?.into_iter().next().ok_or_else(|| {
            Problem::field("vault", "There is no vault yet: make one first, then take snapshots into it").into()
        })
    }

    pub(crate) async fn vault_row(&self, id: &VaultId) -> Result<VaultRow, CoreError> {
        self.0.store.vault(id).await?.ok_or_else(|| CoreError::not_found("vault", id))
    }

    /// A vault with its secrets unsealed, as long as the handle lives.
    pub(crate) async fn place(&self, row: &VaultRow) -> Result<Place, CoreError> {
        let secrets = self.vault_secrets(row).await?;
        Place::open(&row.vault.place, row.vault.recipient.as_deref(), &secrets).map_err(vault_problem)
    }

    async fn vault_secrets(&self, row: &VaultRow) -> Result<VaultSecrets, CoreError> {
        let secret_access_key = self.unsealed(row.secret.as_ref(), VAULT_SECRET).await?;
        let identity = self.unsealed(row.identity.as_ref(), VAULT_IDENTITY).await?;
        Ok(VaultSecrets { secret_access_key, identity })
    }

    async fn unsealed(&self, id: Option<&SecretId>, purpose: &str) -> Result<Option<SecretString>, CoreError> {
        match id {
            Some(id) => Ok(self.0.store.secret(id, purpose).await?),
            None => Ok(None),
        }
    }

    async fn try_place(&self, row: &VaultRow, secrets: &VaultSecrets) -> Result<(), CoreError> {
        let place = Place::open(&row.vault.place, row.vault.recipient.as_deref(), secrets).map_err(vault_problem)?;
        place.try_out().await.map_err(vault_problem)
    }

    fn blank(&self, new: NewVault) -> Result<Vault, CoreError> {
        let wrong = new.validate();
        if !wrong.is_empty() {
            return Err(Problem::invalid(wrong).into());
        }
        let NewVault { name, place, budget, recipient } = new;
        Ok(Vault {
            id: VaultId::from_random(self.random()),
            name: name.trim().to_owned(),
            place,
            budget,
            used: Wide(0),
            snapshots: 0,
            recipient,
            has_identity: false,
            at: self.0.clock.now(),
            problem: String::new(),
        })
    }

    /// Ids for secrets that are new; none for those that are forgotten.
    fn with_ids(&self, row: VaultRow, secrets: &NewVaultSecrets) -> VaultRow {
        let id = |old: Option<SecretId>, new: &Option<SecretString>| match new {
            None => old,
            Some(new) if new.expose_secret().is_empty() => None,
            Some(_) => Some(old.unwrap_or_else(|| SecretId::from_random(self.random()))),
        };
        let secret = id(row.secret, &secrets.secret_access_key);
        VaultRow { secret, identity: id(row.identity, &secrets.identity), vault: row.vault }
    }

    async fn seal(&self, tx: &mut Tx, row: &VaultRow, secrets: &NewVaultSecrets) -> Result<(), CoreError> {
        let given = [
            (&row.secret, &secrets.secret_access_key, VAULT_SECRET),
            (&row.identity, &secrets.identity, VAULT_IDENTITY),
        ];
        for (id, secret, purpose) in given {
            if let (Some(id), Some(secret)) = (id, secret) {
                tx.put_secret(id, purpose, secret, self.0.clock.now()).await?;
            }
        }
        Ok(())
    }
}

/// What a vault is opened with: what is new before what is kept.
fn opened(new: &NewVaultSecrets, kept: &VaultSecrets) -> VaultSecrets {
    let either = |new: &Option<SecretString>, kept: &Option<SecretString>| match new {
        None => kept.clone(),
        Some(new) => Some(new.clone()).filter(|secret| !secret.expose_secret().is_empty()),
    };
    VaultSecrets {
        secret_access_key: either(&new.secret_access_key, &kept.secret_access_key),
        identity: either(&new.identity, &kept.identity),
    }
}

/// Whether files of one are found in the other; how a store is reached may change.
fn same_place(old: &VaultPlace, new: &VaultPlace) -> bool {
    match (old, new) {
        (VaultPlace::Local { directory: old }, VaultPlace::Local { directory: new }) => old == new,
        (VaultPlace::S3 { bucket: b, prefix: p, .. }, VaultPlace::S3 { bucket, prefix, .. }) => {
            b == bucket && p == prefix
        }
        _ => false,
    }
}

fn place_words(place: &VaultPlace) -> String {
    match place {
        VaultPlace::Local { directory } => directory.clone(),
        VaultPlace::S3 { endpoint, bucket, prefix, .. } => format!("{bucket}/{prefix} at {endpoint}"),
    }
}

/// What a person is told when a vault did not do.
pub(crate) fn vault_problem(error: VaultError) -> CoreError {
    let said = error.to_string();
    if let Some(field) = error.field() {
        return Problem::field(field, said).into();
    }
    let kind = match &error {
        VaultError::NotThere { .. } => ProblemKind::NotFound,
        VaultError::Unreachable { .. } | VaultError::Remote { .. } => ProblemKind::Unreachable,
        VaultError::Source { .. } => ProblemKind::Invalid,
        _ => ProblemKind::Conflict,
    };
    Problem::new(kind, said).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_store_is_reached_may_change_and_where_it_keeps_files_may_not() {
        let s3 = |endpoint: &str, bucket: &str, prefix: &str| VaultPlace::S3 {
            endpoint: endpoint.into(),
            region: String::new(),
            bucket: bucket.into(),
            prefix: prefix.into(),
            access_key_id: "key".into(),
        };
        let local = |directory: &str| VaultPlace::Local { directory: directory.into() };
        assert!(same_place(&s3("http://a", "b", "p"), &s3("https://c", "b", "p")));
        assert!(!same_place(&s3("http://a", "b", "p"), &s3("http://a", "b", "q")));
        assert!(same_place(&local("/a"), &local("/a")) && !same_place(&local("/a"), &local("/b")));
        assert!(!same_place(&local("/a"), &s3("http://a", "b", "p")));
    }

    #[test]
    fn a_secret_that_is_not_given_stays_and_an_empty_one_is_forgotten() {
        let kept = VaultSecrets { secret_access_key: Some("old".into()), identity: Some("mine".into()) };
        let new = NewVaultSecrets { secret_access_key: None, identity: Some("".into()) };
        let opened = opened(&new, &kept);
        assert_eq!(opened.secret_access_key.expect("kept").expose_secret(), "old");
        assert!(opened.identity.is_none());
    }
}
