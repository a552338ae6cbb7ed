//! Rules of users for keys, and how the keys of clusters are handled. Invariant: a user's rules are replaced whole, and
//! cannot be read without their order; they go with their user, and those for a cluster when it is forgotten. What they
//! allow is decided in `quorate_domain::access`.

use crate::{
    Result, Store, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{
    ClusterId, UserId,
    keys::{Key, KeyRule, KeySettings},
};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading rules for keys";
const CHANGING: &str = "changing rules for keys";

fn rule(row: &SqliteRow) -> Result<KeyRule> {
    Ok(KeyRule {
        cluster: row.parsed_opt("cluster")?,
        prefix: Key(row.cell("prefix")?),
        read: row.cell("can_read")?,
        write: row.cell("can_write")?,
        delete: row.cell("can_delete")?,
    })
}

async fn rules(db: &mut impl Db, user: &UserId) -> Result<Vec<KeyRule>> {
    let query = sqlx::query(
        "SELECT cluster, prefix, can_read, can_write, can_delete FROM key_rules WHERE user = ? ORDER BY position",
    );
    db.all(query.bind(user.as_str()), READING).await?.iter().map(rule).collect()
}

fn select_settings(cluster: &ClusterId) -> Query {
    sqlx::query("SELECT settings FROM key_settings WHERE cluster = ?").bind(cluster.as_str())
}

impl Store {
    /// The rules of a user, in the order in which they were given; none for a user without, or that is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_rules(&self, user: &UserId) -> Result<Vec<KeyRule>> {
        rules(&mut self.reader(), user).await
    }

    /// How the keys of a cluster are handled; none when nobody ever said.
    ///
    /// # Errors
    /// `Corrupt` when they have another shape.
    pub async fn key_settings(&self, cluster: &ClusterId) -> Result<Option<KeySettings>> {
        let row = self.reader().optional(select_settings(cluster), "reading settings of keys").await?;
        row.map(|row| row.json("settings")).transpose()
    }
}

impl Tx {
    /// The rules of a user as this change sees them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn key_rules(&mut self, user: &UserId) -> Result<Vec<KeyRule>> {
        rules(self, user).await
    }

    /// Replaces the rules of a user.
    ///
    /// # Errors
    /// `NotFound` when there is no such user and there are rules.
    pub async fn set_key_rules(&mut self, user: &UserId, rules: &[KeyRule]) -> Result<()> {
        self.part().await?;
        let result = self.set_key_rules_parts(user, rules).await;
        self.end_part(result).await
    }

    async fn set_key_rules_parts(&mut self, user: &UserId, rules: &[KeyRule]) -> Result<()> {
        let delete = sqlx::query("DELETE FROM key_rules WHERE user = ?").bind(user.as_str());
        self.execute(delete, CHANGING).await?;
        for (position, rule) in (0_i64..).zip(rules) {
            let query = sqlx::query(
                "INSERT INTO key_rules (user, position, cluster, prefix, can_read, can_write, can_delete)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(user.as_str())
            .bind(position)
            .bind(rule.cluster.as_ref().map(|cluster| cluster.as_str().to_owned()))
            .bind(rule.prefix.0.clone())
            .bind(rule.read)
            .bind(rule.write)
            .bind(rule.delete);
            self.execute(query, CHANGING).await?;
        }
        Ok(())
    }

    /// Drops what all users' rules say of one cluster. Rules for every cluster stay, and the others keep their order.
    pub(crate) async fn delete_key_rules_of(&mut self, cluster: &ClusterId) -> Result<()> {
        let query = sqlx::query("DELETE FROM key_rules WHERE cluster = ?").bind(cluster.as_str());
        self.execute(query, CHANGING).await?;
        Ok(())
    }

    /// Says how the keys of a cluster are handled from now on.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_key_settings(&mut self, cluster: &ClusterId, settings: &KeySettings) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO key_settings (cluster, settings) VALUES (?, ?)
             ON CONFLICT (cluster) DO UPDATE SET settings = excluded.settings",
        );
        let query = query.bind(cluster.as_str()).bind(cells::json("settings", settings)?);
        self.execute(query, "changing settings of keys").await?;
        Ok(())
    }
}
