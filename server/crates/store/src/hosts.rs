//! Hosts. Invariant: name and address:port are unique; a host that carries a member or is claimed by an unfinished
//! operation stays; its sudo password is sealed for this very host. Trust and facts are judged elsewhere.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{
    HostId, SecretId, Timestamp,
    host::{Contact, Elevation, HostFacts, HostSummary, Trust},
};
use secrecy::SecretString;
use sqlx::sqlite::SqliteRow;

/// Where a host is and how it is entered: what a person may edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// Name in the console.
    pub name: String,
    /// Host name or IP address.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login.
    pub user: String,
    /// How root is reached.
    pub elevation: Elevation,
}

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, name, address, port, login, elevation, sudo_secret, trust, contact, facts, created_at,
                 (SELECT cluster FROM cluster_members WHERE host = hosts.id) AS cluster,
                 (SELECT operation FROM operation_hosts WHERE host = hosts.id AND held = 1) AS operation
             FROM hosts ",
            $tail
        ))
    };
}

const READING: &str = "reading hosts";

fn host(row: &SqliteRow) -> Result<HostSummary> {
    let port = row.count("port")?;
    Ok(HostSummary {
        id: row.parsed("id")?,
        name: row.cell("name")?,
        address: row.cell("address")?,
        port: u16::try_from(port).map_err(|_| StoreError::Corrupt { what: format!("port is {port}") })?,
        user: row.cell("login")?,
        elevation: row.word("elevation")?,
        has_password: row.cell::<Option<String>>("sudo_secret")?.is_some(),
        trust: row.json("trust")?,
        contact: row.json("contact")?,
        facts: row.cell::<Option<String>>("facts")?.map(|text| cells::from_json("facts", &text)).transpose()?,
        cluster: row.parsed_opt("cluster")?,
        operation: row.parsed_opt("operation")?,
        created_at: row.at("created_at")?,
    })
}

async fn many(db: &mut impl Db) -> Result<Vec<HostSummary>> {
    db.all(select!("ORDER BY name"), READING).await?.iter().map(host).collect()
}

async fn one(db: &mut impl Db, id: &HostId) -> Result<Option<HostSummary>> {
    db.optional(select!("WHERE id = ?").bind(id.as_str()), READING).await?.as_ref().map(host).transpose()
}

/// What a sudo password is sealed for: moving it to another host's row makes it unreadable.
fn purpose(host: &HostId) -> String {
    format!("sudo password of {host}")
}

impl Store {
    /// All hosts by name.
    ///
    /// # Errors
    /// `Corrupt` when a later release wrote facts this one cannot read.
    pub async fn hosts(&self) -> Result<Vec<HostSummary>> {
        many(&mut self.reader()).await
    }

    /// The host of this id.
    ///
    /// # Errors
    /// `Corrupt`.
    pub async fn host(&self, id: &HostId) -> Result<Option<HostSummary>> {
        one(&mut self.reader(), id).await
    }

    /// The host's sudo password, unsealed; none when none is kept.
    ///
    /// # Errors
    /// `Unseal`, `KeyWrong`.
    pub async fn host_password(&self, id: &HostId) -> Result<Option<SecretString>> {
        let query = sqlx::query("SELECT sudo_secret FROM hosts WHERE id = ? AND sudo_secret IS NOT NULL");
        match self.reader().optional(query.bind(id.as_str()), READING).await? {
            Some(row) => self.secret(&row.parsed("sudo_secret")?, &purpose(id)).await,
            None => Ok(None),
        }
    }
}

impl Tx {
    /// All hosts by name, as this change sees them.
    ///
    /// # Errors
    /// `Corrupt`.
    pub async fn hosts(&mut self) -> Result<Vec<HostSummary>> {
        many(self).await
    }

    /// The host of this id, as this change sees it.
    ///
    /// # Errors
    /// `Corrupt`.
    pub async fn host(&mut self, id: &HostId) -> Result<Option<HostSummary>> {
        one(self, id).await
    }

    /// Adds a host. `has_password`, `cluster` and `operation` are ignored: they follow from other rows.
    ///
    /// # Errors
    /// `Conflict` at `name` or `target`.
    pub async fn insert_host(&mut self, host: &HostSummary) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO hosts (id, name, address, port, login, elevation, trust, contact, facts, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(host.id.as_str())
        .bind(host.name.as_str())
        .bind(host.address.as_str())
        .bind(i64::from(host.port))
        .bind(host.user.as_str())
        .bind(cells::word("elevation", &host.elevation)?)
        .bind(cells::json("trust", &host.trust)?)
        .bind(cells::json("contact", &host.contact)?)
        .bind(host.facts.as_ref().map(|facts| cells::json("facts", facts)).transpose()?)
        .bind(host.created_at.0);
        self.execute(query, "adding a host").await?;
        Ok(())
    }

    /// Changes where a host is and how it is entered. Trust stays as it is: the caller decides about it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` at `name` or `target`.
    pub async fn edit_host(&mut self, id: &HostId, to: &HostAddress) -> Result<()> {
        let query =
            sqlx::query("UPDATE hosts SET name = ?, address = ?, port = ?, login = ?, elevation = ? WHERE id = ?")
                .bind(to.name.as_str())
                .bind(to.address.as_str())
                .bind(i64::from(to.port))
                .bind(to.user.as_str())
                .bind(cells::word("elevation", &to.elevation)?);
        self.change_host(id, query).await
    }

    /// Sets the trusted and offered keys.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_host_trust(&mut self, id: &HostId, trust: &Trust) -> Result<()> {
        let query = sqlx::query("UPDATE hosts SET trust = ? WHERE id = ?").bind(cells::json("trust", trust)?);
        self.change_host(id, query).await
    }

    /// Sets what the last contact came to.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_host_contact(&mut self, id: &HostId, contact: &Contact) -> Result<()> {
        let query = sqlx::query("UPDATE hosts SET contact = ? WHERE id = ?").bind(cells::json("contact", contact)?);
        self.change_host(id, query).await
    }

    /// Sets the facts of the last check.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_host_facts(&mut self, id: &HostId, facts: Option<&HostFacts>) -> Result<()> {
        let facts = facts.map(|facts| cells::json("facts", facts)).transpose()?;
        self.change_host(id, sqlx::query("UPDATE hosts SET facts = ? WHERE id = ?").bind(facts)).await
    }

    /// Seals and keeps a sudo password under a fresh id, or takes it away. The one before is deleted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_host_password(
        &mut self,
        id: &HostId,
        password: Option<(SecretId, &SecretString)>,
        now: Timestamp,
    ) -> Result<()> {
        self.part().await?;
        let result = self.replace_password(id, password, now).await;
        self.end_part(result).await
    }

    async fn replace_password(
        &mut self,
        id: &HostId,
        password: Option<(SecretId, &SecretString)>,
        now: Timestamp,
    ) -> Result<()> {
        self.delete_password(id).await?;
        let secret = match password {
            Some((secret, value)) => {
                self.put_secret(&secret, &purpose(id), value, now).await?;
                Some(secret)
            }
            None => None,
        };
        let query = sqlx::query("UPDATE hosts SET sudo_secret = ? WHERE id = ?");
        self.change_host(id, query.bind(secret.as_ref().map(SecretId::as_str))).await
    }

    /// Forgets a host and its sudo password. Nothing happens on the host itself.
    ///
    /// # Errors
    /// `NotFound`; `Claimed` by an unfinished operation; `Conflict` while it carries a member.
    pub async fn delete_host(&mut self, id: &HostId) -> Result<()> {
        let host = self.host(id).await?.ok_or_else(|| StoreError::not_found("host", id))?;
        if let Some(by) = host.operation {
            return Err(StoreError::Claimed { by, what: format!("host {}", host.name) });
        }
        if host.cluster.is_some() {
            let what =
                format!("{} carries a member of a cluster; remove the member or forget the cluster first", host.name);
            return Err(StoreError::Conflict { field: "", what });
        }
        self.part().await?;
        let result = async {
            self.delete_password(id).await?;
            self.change_host(id, sqlx::query("DELETE FROM hosts WHERE id = ?")).await
        }
        .await;
        self.end_part(result).await
    }

    async fn delete_password(&mut self, id: &HostId) -> Result<()> {
        let query = sqlx::query("DELETE FROM secrets WHERE id = (SELECT sudo_secret FROM hosts WHERE id = ?)");
        self.execute(query.bind(id.as_str()), "deleting a sudo password").await?;
        Ok(())
    }

    /// Binds the id last.
    async fn change_host(&mut self, id: &HostId, query: Query) -> Result<()> {
        self.change(query.bind(id.as_str()), "changing a host", || StoreError::not_found("host", id)).await
    }
}
