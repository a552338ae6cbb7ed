//! Where snapshots are kept. Invariant: a row never holds a secret, only the ids of sealed ones; a vault with snapshots or
//! schedules stays. What is in a vault is the crate `vault`'s, what its rows are for `core::vaults`'.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::Db,
};
use quorate_domain::{SecretId, ids::VaultId, snapshots::Vault, wide::Wide};
use sqlx::sqlite::SqliteRow;

/// What the secret half of a vault's access key is sealed for.
pub const VAULT_SECRET: &str = "access key of a vault";
/// What an identity that decrypts snapshots is sealed for.
pub const VAULT_IDENTITY: &str = "identity of a vault";

/// A vault with the ids of its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultRow {
    /// What is shown of it; `used` and `snapshots` follow from the snapshots, `has_identity` from `identity`.
    pub vault: Vault,
    /// The secret half of its access key.
    pub secret: Option<SecretId>,
    /// What decrypts its snapshots.
    pub identity: Option<SecretId>,
}

const READING: &str = "reading vaults";

// What is being taken counts by what it is expected to become, so that two at once do not fill one budget.
macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT v.id, v.name, v.place, v.budget, v.recipient, v.secret, v.identity, v.at, v.problem,
                 (SELECT COALESCE(SUM(CASE s.state WHEN 'taking' THEN MAX(s.bytes, s.expected) ELSE s.bytes END), 0)
                     FROM snapshots s WHERE s.vault = v.id AND s.state <> 'failed') AS used,
                 (SELECT COUNT(*) FROM snapshots s WHERE s.vault = v.id AND s.state <> 'failed') AS snapshots
             FROM vaults v ",
            $tail
        ))
    };
}

fn row(row: &SqliteRow) -> Result<VaultRow> {
    let wide = |number: i64| Wide(u64::try_from(number).unwrap_or_default());
    let identity: Option<SecretId> = row.parsed_opt("identity")?;
    let vault = Vault {
        id: row.parsed("id")?,
        name: row.cell("name")?,
        place: row.json("place")?,
        budget: row.cell::<Option<i64>>("budget")?.map(wide),
        used: wide(row.cell("used")?),
        snapshots: row.count("snapshots")?,
        recipient: row.cell("recipient")?,
        has_identity: identity.is_some(),
        at: row.at("at")?,
        problem: row.cell("problem")?,
    };
    Ok(VaultRow { vault, secret: row.parsed_opt("secret")?, identity })
}

fn budget(vault: &Vault) -> Option<i64> {
    vault.budget.map(|budget| i64::try_from(budget.0).unwrap_or(i64::MAX))
}

async fn one(db: &mut impl Db, id: &VaultId) -> Result<Option<VaultRow>> {
    db.optional(select!("WHERE v.id = ?").bind(id.as_str()), READING).await?.as_ref().map(row).transpose()
}

impl Store {
    /// All vaults, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn vaults(&self) -> Result<Vec<VaultRow>> {
        self.reader().all(select!("ORDER BY v.at, v.rowid"), READING).await?.iter().map(row).collect()
    }

    /// The vault of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn vault(&self, id: &VaultId) -> Result<Option<VaultRow>> {
        one(&mut self.reader(), id).await
    }
}

impl Tx {
    /// The vault of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn vault(&mut self, id: &VaultId) -> Result<Option<VaultRow>> {
        one(self, id).await
    }

    /// Keeps a new vault.
    ///
    /// # Errors
    /// `Conflict` at `name`.
    pub async fn insert_vault(&mut self, new: &VaultRow) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO vaults (id, name, place, budget, recipient, secret, identity, at, problem)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.vault.id.as_str())
        .bind(new.vault.name.clone())
        .bind(cells::json("place", &new.vault.place)?)
        .bind(budget(&new.vault))
        .bind(new.vault.recipient.clone())
        .bind(new.secret.as_ref().map(SecretId::as_str))
        .bind(new.identity.as_ref().map(SecretId::as_str))
        .bind(new.vault.at.0)
        .bind(new.vault.problem.clone());
        self.execute(query, "keeping a vault").await?;
        Ok(())
    }

    /// Replaces what a vault is made of; when it was made stays.
    ///
    /// # Errors
    /// `Conflict` at `name`; `NotFound`.
    pub async fn update_vault(&mut self, new: &VaultRow) -> Result<()> {
        let query = sqlx::query(
            "UPDATE vaults SET name = ?, place = ?, budget = ?, recipient = ?, secret = ?, identity = ?, problem = ?
             WHERE id = ?",
        )
        .bind(new.vault.name.clone())
        .bind(cells::json("place", &new.vault.place)?)
        .bind(budget(&new.vault))
        .bind(new.vault.recipient.clone())
        .bind(new.secret.as_ref().map(SecretId::as_str))
        .bind(new.identity.as_ref().map(SecretId::as_str))
        .bind(new.vault.problem.clone())
        .bind(new.vault.id.as_str());
        self.change(query, "changing a vault", || StoreError::not_found("vault", &new.vault.id)).await
    }

    /// Notes why a vault could not be used; empty: it could.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_vault_problem(&mut self, id: &VaultId, problem: &str) -> Result<()> {
        let query =
            sqlx::query("UPDATE vaults SET problem = ? WHERE id = ?").bind(problem.to_owned()).bind(id.as_str());
        self.change(query, "noting a problem of a vault", || StoreError::not_found("vault", id)).await
    }

    /// Forgets a vault with the rows of snapshots that failed in it, and its secrets. What lies in it stays there.
    ///
    /// # Errors
    /// `Conflict` while it has snapshots or schedules; `NotFound`.
    pub async fn delete_vault(&mut self, id: &VaultId) -> Result<()> {
        let row = self.vault(id).await?.ok_or_else(|| StoreError::not_found("vault", id))?;
        if row.vault.snapshots > 0 {
            let what = format!("the vault {} still has {} snapshots", row.vault.name, row.vault.snapshots);
            return Err(StoreError::Conflict { field: "", what });
        }
        let query = sqlx::query("SELECT 1 FROM snapshot_schedules WHERE vault = ? LIMIT 1").bind(id.as_str());
        if self.optional(query, READING).await?.is_some() {
            let what = format!("a schedule puts its snapshots into the vault {}", row.vault.name);
            return Err(StoreError::Conflict { field: "", what });
        }
        let query = sqlx::query("DELETE FROM snapshots WHERE vault = ?").bind(id.as_str());
        self.execute(query, "forgetting failed snapshots").await?;
        self.execute(sqlx::query("DELETE FROM vaults WHERE id = ?").bind(id.as_str()), "forgetting a vault").await?;
        for secret in [row.secret, row.identity].into_iter().flatten() {
            self.delete_secret(&secret).await?;
        }
        Ok(())
    }
}
