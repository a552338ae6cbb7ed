//! Clusters under management and where their members are expected. Invariant: names are unique whatever their case; a
//! host carries at most one member. What is true right now comes from `core::live`, not from here.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{
    ClusterId, HostId, SecretId,
    cluster::{ClusterMemberRecord, ClusterRecord},
    version::Version,
    wide::Wide,
};
use sqlx::sqlite::SqliteRow;

// The members come in the same statement, so that a cluster is never read in two states.
macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, name, scheme, reach, version, token, quota, created_at, adopted, access,
                 (SELECT json_group_array(json_object('name', m.name, 'host', m.host, 'client_url', m.client_url,
                         'peer_url', m.peer_url, 'data_dir', m.data_dir, 'layout', json(m.layout)) ORDER BY m.position)
                     FROM cluster_members m WHERE m.cluster = clusters.id) AS members
             FROM clusters ",
            $tail
        ))
    };
}

const READING: &str = "reading clusters";

fn cluster(row: &SqliteRow) -> Result<ClusterRecord> {
    Ok(ClusterRecord {
        id: row.parsed("id")?,
        name: row.cell("name")?,
        scheme: row.word("scheme")?,
        reach: row.word("reach")?,
        version: row.parsed("version")?,
        token: row.cell("token")?,
        quota: Wide(row.parsed("quota")?),
        members: row.json("members")?,
        created_at: row.at("created_at")?,
        adopted: row.cell("adopted")?,
        access: row.parsed_opt("access")?,
    })
}

async fn many(db: &mut impl Db) -> Result<Vec<ClusterRecord>> {
    db.all(select!("ORDER BY name"), READING).await?.iter().map(cluster).collect()
}

async fn one(db: &mut impl Db, query: Query) -> Result<Option<ClusterRecord>> {
    db.optional(query, READING).await?.as_ref().map(cluster).transpose()
}

fn by_id(id: &ClusterId) -> Query {
    select!("WHERE id = ?").bind(id.as_str())
}

fn by_name(name: &str) -> Query {
    select!("WHERE name = ?").bind(name)
}

impl Store {
    /// All clusters by name, with their members in the order of their install.
    ///
    /// # Errors
    /// The database failed.
    pub async fn clusters(&self) -> Result<Vec<ClusterRecord>> {
        many(&mut self.reader()).await
    }

    /// The cluster of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cluster(&self, id: &ClusterId) -> Result<Option<ClusterRecord>> {
        one(&mut self.reader(), by_id(id)).await
    }

    /// The cluster of this name, whatever its case.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cluster_by_name(&self, name: &str) -> Result<Option<ClusterRecord>> {
        one(&mut self.reader(), by_name(name)).await
    }
}

impl Tx {
    /// All clusters, as this change sees them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn clusters(&mut self) -> Result<Vec<ClusterRecord>> {
        many(self).await
    }

    /// The cluster of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cluster(&mut self, id: &ClusterId) -> Result<Option<ClusterRecord>> {
        one(self, by_id(id)).await
    }

    /// The cluster of this name, whatever its case, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn cluster_by_name(&mut self, name: &str) -> Result<Option<ClusterRecord>> {
        one(self, by_name(name)).await
    }

    /// Takes a cluster under management; false when one of this id is there already, which stays as it is.
    ///
    /// # Errors
    /// `Conflict` at `name`, `host` or `members`; `NotFound` when a host is not registered.
    pub async fn insert_cluster(&mut self, new: &ClusterRecord) -> Result<bool> {
        if self.optional(by_id(&new.id), READING).await?.is_some() {
            return Ok(false);
        }
        self.part().await?;
        let result = self.insert_cluster_parts(new).await;
        self.end_part(result).await?;
        Ok(true)
    }

    async fn insert_cluster_parts(&mut self, new: &ClusterRecord) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO clusters (id, name, scheme, reach, version, token, quota, created_at, adopted, access)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(new.name.as_str())
        .bind(cells::word("scheme", &new.scheme)?)
        .bind(cells::word("reach", &new.reach)?)
        .bind(new.version.to_string())
        .bind(new.token.as_str())
        .bind(new.quota.to_string())
        .bind(new.created_at.0)
        .bind(new.adopted)
        .bind(new.access.as_ref().map(SecretId::as_str));
        self.execute(query, "adding a cluster").await?;
        self.insert_members(&new.id, &new.members).await
    }

    async fn insert_members(&mut self, id: &ClusterId, members: &[ClusterMemberRecord]) -> Result<()> {
        for (position, member) in (0i64..).zip(members) {
            let query = sqlx::query(
                "INSERT INTO cluster_members (cluster, position, name, host, client_url, peer_url, data_dir, layout)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id.as_str())
            .bind(position)
            .bind(member.name.as_str())
            .bind(member.host.as_ref().map(HostId::as_str))
            .bind(member.client_url.as_str())
            .bind(member.peer_url.as_str())
            .bind(member.data_dir.as_str())
            .bind(cells::json("layout", &member.layout)?);
            self.execute(query, "adding a member").await?;
            // What an earlier member left there is this one's now.
            if let Some(host) = &member.host {
                self.void_host_tasks(host).await?;
            }
        }
        Ok(())
    }

    /// Replaces the expected members.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` at `host` or `members`.
    pub async fn set_cluster_members(&mut self, id: &ClusterId, members: &[ClusterMemberRecord]) -> Result<()> {
        if self.optional(by_id(id), READING).await?.is_none() {
            return Err(StoreError::not_found("cluster", id));
        }
        self.part().await?;
        let result = async {
            let query = sqlx::query("DELETE FROM cluster_members WHERE cluster = ?").bind(id.as_str());
            self.execute(query, "replacing members").await?;
            self.insert_members(id, members).await
        }
        .await;
        self.end_part(result).await
    }

    /// Notes the quota of the cluster's members, in bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_cluster_quota(&mut self, id: &ClusterId, quota: Wide) -> Result<()> {
        let query = sqlx::query("UPDATE clusters SET quota = ? WHERE id = ?");
        let query = query.bind(quota.to_string()).bind(id.as_str());
        self.change(query, "changing a cluster", || StoreError::not_found("cluster", id)).await
    }

    /// Notes the cluster's `initial-cluster-token`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_cluster_token(&mut self, id: &ClusterId, token: &str) -> Result<()> {
        let query = sqlx::query("UPDATE clusters SET token = ? WHERE id = ?").bind(token).bind(id.as_str());
        self.change(query, "changing a cluster", || StoreError::not_found("cluster", id)).await
    }

    /// Notes the version the cluster runs now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_cluster_version(&mut self, id: &ClusterId, version: Version) -> Result<()> {
        let query = sqlx::query("UPDATE clusters SET version = ? WHERE id = ?");
        let query = query.bind(version.to_string()).bind(id.as_str());
        self.change(query, "changing a cluster", || StoreError::not_found("cluster", id)).await
    }

    /// Takes back what an operation registered, which claims the cluster itself; one that is not there is fine. An operation
    /// that is undone may bring it back under its id, so whoever was narrowed there stays so.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take_back_cluster(&mut self, id: &ClusterId) -> Result<()> {
        if self.cluster(id).await?.is_none() {
            return Ok(());
        }
        let query = sqlx::query("DELETE FROM clusters WHERE id = ?").bind(id.as_str());
        self.change(query, "taking a cluster back", || StoreError::not_found("cluster", id)).await
    }

    /// Forgets a cluster with its members, its events and the rules for its keys: it never comes back under its id. Its operations
    /// and audit rows stay; nothing happens on hosts.
    ///
    /// # Errors
    /// `NotFound`; `Claimed` by an unfinished operation.
    pub async fn delete_cluster(&mut self, id: &ClusterId) -> Result<()> {
        let record = self.cluster(id).await?.ok_or_else(|| StoreError::not_found("cluster", id))?;
        if let Some(by) = self.claim_of_cluster(Some(id), &record.name).await? {
            return Err(StoreError::Claimed { by, what: format!("cluster {}", record.name) });
        }
        self.part().await?;
        let result = async {
            self.delete_key_rules_of(id).await?;
            let query = sqlx::query("DELETE FROM clusters WHERE id = ?").bind(id.as_str());
            self.change(query, "forgetting a cluster", || StoreError::not_found("cluster", id)).await
        }
        .await;
        self.end_part(result).await
    }
}
