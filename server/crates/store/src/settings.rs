//! The console's settings, plain (JSON) and sealed. Invariant: a secret is never a plain setting; a sealed one is bound
//! to its name. Which settings there are is known to their users in `core`.

use crate::{
    Result, Store, Tx,
    cells::{self, Cells},
    seal::Place,
    secrets::sealed,
    tx::{Db, Query},
};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};

const READING: &str = "reading a setting";

fn place(name: &str) -> Place<'_> {
    Place { table: "sealed_settings", row: name, purpose: "setting" }
}

fn select_sealed(name: &str) -> Query {
    sqlx::query("SELECT key_id, sealed FROM sealed_settings WHERE name = ?").bind(name)
}

async fn plain<T: DeserializeOwned>(db: &mut impl Db, name: &str) -> Result<Option<T>> {
    let row = db.optional(sqlx::query("SELECT value FROM settings WHERE name = ?").bind(name), READING).await?;
    row.map(|row| row.json("value")).transpose()
}

impl Store {
    /// A setting; none when it was never set.
    ///
    /// # Errors
    /// `Corrupt` when it has another shape.
    pub async fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        plain(&mut self.reader(), name).await
    }

    /// A sealed setting; none when it was never set.
    ///
    /// # Errors
    /// `Unseal`, `KeyWrong`.
    pub async fn sealed_setting(&self, name: &str) -> Result<Option<SecretString>> {
        match self.reader().optional(select_sealed(name), READING).await? {
            Some(row) => self.unseal(place(name), &sealed(&row)?).map(Some),
            None => Ok(None),
        }
    }
}

impl Tx {
    /// A setting as this change sees it.
    ///
    /// # Errors
    /// `Corrupt` when it has another shape.
    pub async fn setting<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        plain(self, name).await
    }

    /// Sets a setting. Never a secret.
    ///
    /// # Errors
    /// `Corrupt` when the value cannot be JSON.
    pub async fn set_setting<T: Serialize + Sync>(&mut self, name: &str, value: &T) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        self.execute(query.bind(name).bind(cells::json(name, value)?), "setting a setting").await?;
        Ok(())
    }

    /// Takes a setting away, plain and sealed; false when there was none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_setting(&mut self, name: &str) -> Result<bool> {
        const DOING: &str = "deleting a setting";
        let plain = self.execute(sqlx::query("DELETE FROM settings WHERE name = ?").bind(name), DOING).await?;
        let sealed = self.execute(sqlx::query("DELETE FROM sealed_settings WHERE name = ?").bind(name), DOING).await?;
        Ok(plain + sealed > 0)
    }

    /// A sealed setting as this change sees it: look before setting, and two processes that start at once agree.
    ///
    /// # Errors
    /// `Unseal`, `KeyWrong`.
    pub async fn sealed_setting(&mut self, name: &str) -> Result<Option<SecretString>> {
        match self.optional(select_sealed(name), READING).await? {
            Some(row) => self.unseal(place(name), &sealed(&row)?).map(Some),
            None => Ok(None),
        }
    }

    /// Seals and sets a setting.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_sealed_setting(&mut self, name: &str, secret: &SecretString) -> Result<()> {
        let sealed = self.seal(place(name), secret)?;
        let query = sqlx::query(
            "INSERT INTO sealed_settings (name, key_id, sealed) VALUES (?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
        )
        .bind(name)
        .bind(sealed.key_id)
        .bind(sealed.bytes);
        self.execute(query, "setting a setting").await?;
        Ok(())
    }
}
