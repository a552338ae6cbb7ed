//! Users. Invariant: names are unique whatever their case; every change of password, role or state raises
//! `auth_epoch` in the same statement, so that no session outlives it. Who may change what lives in `core::users`.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{Role, Timestamp, UserId, users::UserState};
use sqlx::sqlite::SqliteRow;

/// A user with what is needed to check a login.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Id.
    pub id: UserId,
    /// Login name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether the account may log in.
    pub state: UserState,
    /// Argon2 in PHC form; none until a password was chosen.
    pub password_hash: Option<String>,
    /// Sessions made under another epoch are dead.
    pub auth_epoch: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last successful login.
    pub last_login: Option<Timestamp>,
}

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, name, role, state, password_hash, auth_epoch, created_at, last_login FROM users ",
            $tail
        ))
    };
}

const READING: &str = "reading users";

fn user(row: &SqliteRow) -> Result<UserRow> {
    Ok(UserRow {
        id: row.parsed("id")?,
        name: row.cell("name")?,
        role: row.parsed("role")?,
        state: row.word("state")?,
        password_hash: row.cell("password_hash")?,
        auth_epoch: row.cell("auth_epoch")?,
        created_at: row.at("created_at")?,
        last_login: row.at_opt("last_login")?,
    })
}

async fn many(db: &mut impl Db) -> Result<Vec<UserRow>> {
    db.all(select!("ORDER BY name"), READING).await?.iter().map(user).collect()
}

async fn one(db: &mut impl Db, query: Query) -> Result<Option<UserRow>> {
    db.optional(query, READING).await?.as_ref().map(user).transpose()
}

fn by_id(id: &UserId) -> Query {
    select!("WHERE id = ?").bind(id.as_str())
}

fn by_name(name: &str) -> Query {
    select!("WHERE name = ?").bind(name)
}

impl Store {
    /// All users by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn users(&self) -> Result<Vec<UserRow>> {
        many(&mut self.reader()).await
    }

    /// The user of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn user(&self, id: &UserId) -> Result<Option<UserRow>> {
        one(&mut self.reader(), by_id(id)).await
    }

    /// The user of this name, whatever its case.
    ///
    /// # Errors
    /// The database failed.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>> {
        one(&mut self.reader(), by_name(name)).await
    }
}

impl Tx {
    /// All users by name, as this change sees them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn users(&mut self) -> Result<Vec<UserRow>> {
        many(self).await
    }

    /// The user of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn user(&mut self, id: &UserId) -> Result<Option<UserRow>> {
        one(self, by_id(id)).await
    }

    /// The user of this name, whatever its case, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn user_by_name(&mut self, name: &str) -> Result<Option<UserRow>> {
        one(self, by_name(name)).await
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `Conflict` at `name` when the name is taken in any case.
    pub async fn insert_user(&mut self, user: &UserRow) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO users (id, name, role, state, password_hash, auth_epoch, created_at, last_login)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(user.id.as_str())
        .bind(user.name.as_str())
        .bind(user.role.as_str())
        .bind(cells::word("state", &user.state)?)
        .bind(user.password_hash.as_deref())
        .bind(user.auth_epoch)
        .bind(user.created_at.0)
        .bind(user.last_login.map(|at| at.0));
        self.execute(query, "adding a user").await?;
        Ok(())
    }

    /// Sets or takes away the password hash; answers the new epoch.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_user_password(&mut self, id: &UserId, hash: Option<&str>) -> Result<i64> {
        let query = sqlx::query(
            "UPDATE users SET password_hash = ?, auth_epoch = auth_epoch + 1 WHERE id = ? RETURNING auth_epoch",
        );
        self.new_epoch(id, query.bind(hash)).await
    }

    /// Sets the role; answers the new epoch.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_user_role(&mut self, id: &UserId, role: Role) -> Result<i64> {
        let query =
            sqlx::query("UPDATE users SET role = ?, auth_epoch = auth_epoch + 1 WHERE id = ? RETURNING auth_epoch");
        self.new_epoch(id, query.bind(role.as_str())).await
    }

    /// Sets whether the user may log in; answers the new epoch.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_user_state(&mut self, id: &UserId, state: UserState) -> Result<i64> {
        let query =
            sqlx::query("UPDATE users SET state = ?, auth_epoch = auth_epoch + 1 WHERE id = ? RETURNING auth_epoch");
        self.new_epoch(id, query.bind(cells::word("state", &state)?)).await
    }

    async fn new_epoch(&mut self, id: &UserId, query: Query) -> Result<i64> {
        let row = self.optional(query.bind(id.as_str()), "changing a user").await?;
        row.ok_or_else(|| StoreError::not_found("user", id))?.cell("auth_epoch")
    }

    /// Notes a successful login; the epoch stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_last_login(&mut self, id: &UserId, at: Timestamp) -> Result<()> {
        let query = sqlx::query("UPDATE users SET last_login = ? WHERE id = ?").bind(at.0).bind(id.as_str());
        self.change(query, "noting a login", || StoreError::not_found("user", id)).await
    }

    /// Deletes a user with all sessions, codes and tokens.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_user(&mut self, id: &UserId) -> Result<()> {
        let query = sqlx::query("DELETE FROM users WHERE id = ?").bind(id.as_str());
        self.change(query, "deleting a user", || StoreError::not_found("user", id)).await
    }
}
