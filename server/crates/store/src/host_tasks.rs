//! What is still to be done on hosts. Invariant: one task a host and data directory; it goes with its host, and is void as
//! soon as the host carries a member again (`clusters` asks for that in the same transaction). Whether one may be done now
//! is decided in `core::host_tasks`.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::Db,
};
use quorate_domain::{ClusterId, HostId, HostTaskId, host_task::HostTask};
use sqlx::sqlite::SqliteRow;

// Who left a task and who set about it is seen in the operations themselves: there is no second place that could say something else.
macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT t.id, t.host, hosts.name AS host_name, t.cluster, t.cluster_name, t.member, t.peer_url, t.data_dir, t.layout,
                 t.cluster_token,
                 t.token, t.left_by, t.problem, t.created_at,
                 EXISTS (SELECT 1 FROM operations o WHERE o.id = t.left_by AND o.kind = 'rescue_cluster') AS rescued,
                 (SELECT o.id FROM operations o WHERE o.kind = 'finish_removal'
                     AND json_extract(o.view_json, '$.params.task') = t.id ORDER BY o.seq DESC LIMIT 1) AS attempt
             FROM host_tasks t JOIN hosts ON hosts.id = t.host ",
            $tail
        ))
    };
}

const READING: &str = "reading tasks of hosts";

fn task(row: &SqliteRow) -> Result<HostTask> {
    Ok(HostTask {
        id: row.parsed("id")?,
        host: row.parsed("host")?,
        host_name: row.cell("host_name")?,
        cluster: row.parsed("cluster")?,
        cluster_name: row.cell("cluster_name")?,
        member: row.cell("member")?,
        peer_url: row.cell("peer_url")?,
        data_dir: row.cell("data_dir")?,
        layout: row.json("layout")?,
        cluster_token: row.cell("cluster_token")?,
        token: row.cell("token")?,
        left_by: row.parsed("left_by")?,
        rescued: row.cell("rescued")?,
        attempt: row.parsed_opt("attempt")?,
        problem: row.cell("problem")?,
        created_at: row.at("created_at")?,
    })
}

async fn one(db: &mut impl Db, id: &HostTaskId) -> Result<Option<HostTask>> {
    db.optional(select!("WHERE t.id = ?").bind(id.as_str()), READING).await?.as_ref().map(task).transpose()
}

impl Store {
    /// All tasks, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn host_tasks(&self) -> Result<Vec<HostTask>> {
        self.reader().all(select!("ORDER BY t.created_at, t.id"), READING).await?.iter().map(task).collect()
    }

    /// Those of one host, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn host_tasks_of(&self, host: &HostId) -> Result<Vec<HostTask>> {
        let query = select!("WHERE t.host = ? ORDER BY t.created_at, t.id").bind(host.as_str());
        self.reader().all(query, READING).await?.iter().map(task).collect()
    }

    /// Those that removals from one cluster left, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn host_tasks_left_by(&self, cluster: &ClusterId) -> Result<Vec<HostTask>> {
        let query = select!("WHERE t.cluster = ? ORDER BY t.created_at, t.id").bind(cluster.as_str());
        self.reader().all(query, READING).await?.iter().map(task).collect()
    }

    /// The task of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn host_task(&self, id: &HostTaskId) -> Result<Option<HostTask>> {
        one(&mut self.reader(), id).await
    }
}

impl Tx {
    /// The task of this id, as this change sees it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn host_task(&mut self, id: &HostTaskId) -> Result<Option<HostTask>> {
        one(self, id).await
    }

    /// Leaves a task. The same one (by host, data directory and token) stays as it is; one of an earlier removal gives
    /// way. `host_name`, `rescued` and `attempt` are ignored: they follow from other rows.
    ///
    /// # Errors
    /// `NotFound` when the host is not registered.
    pub async fn leave_host_task(&mut self, new: &HostTask) -> Result<()> {
        self.part().await?;
        let result = self.leave_host_task_parts(new).await;
        self.end_part(result).await
    }

    async fn leave_host_task_parts(&mut self, new: &HostTask) -> Result<()> {
        let query = sqlx::query("DELETE FROM host_tasks WHERE host = ? AND data_dir = ? AND token <> ?")
            .bind(new.host.as_str())
            .bind(new.data_dir.as_str())
            .bind(new.token.as_str());
        self.execute(query, "replacing a task of a host").await?;
        let query = sqlx::query(
            "INSERT INTO host_tasks (id, host, cluster, cluster_name, member, peer_url, data_dir, layout, cluster_token, token,
                 left_by, problem, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (host, data_dir) DO NOTHING",
        )
        .bind(new.id.as_str())
        .bind(new.host.as_str())
        .bind(new.cluster.as_str())
        .bind(new.cluster_name.as_str())
        .bind(new.member.as_str())
        .bind(new.peer_url.as_str())
        .bind(new.data_dir.as_str())
        .bind(cells::json("layout", &new.layout)?)
        .bind(new.cluster_token.as_str())
        .bind(new.token.as_str())
        .bind(new.left_by.as_str())
        .bind(new.problem.as_str())
        .bind(new.created_at.0);
        self.execute(query, "leaving a task on a host").await?;
        Ok(())
    }

    /// Closes the task of one removal; one that is not there is fine.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close_host_task(&mut self, host: &HostId, data_dir: &str, token: &str) -> Result<()> {
        let query = sqlx::query("DELETE FROM host_tasks WHERE host = ? AND data_dir = ? AND token = ?")
            .bind(host.as_str())
            .bind(data_dir)
            .bind(token);
        self.execute(query, "closing a task of a host").await?;
        Ok(())
    }

    /// Drops a task that nobody will do.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_host_task(&mut self, id: &HostTaskId) -> Result<()> {
        let query = sqlx::query("DELETE FROM host_tasks WHERE id = ?").bind(id.as_str());
        self.change(query, "dropping a task of a host", || StoreError::not_found("task", id)).await
    }

    /// Notes why a task is left alone; empty: nothing is wrong any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_host_task_problem(&mut self, id: &HostTaskId, problem: &str) -> Result<()> {
        let query = sqlx::query("UPDATE host_tasks SET problem = ? WHERE id = ?").bind(problem).bind(id.as_str());
        self.change(query, "noting a problem of a host", || StoreError::not_found("task", id)).await
    }

    /// Drops the tasks of a host that carries a member again.
    pub(crate) async fn void_host_tasks(&mut self, host: &HostId) -> Result<()> {
        let query = sqlx::query("DELETE FROM host_tasks WHERE host = ?").bind(host.as_str());
        self.execute(query, "dropping tasks of a host").await?;
        Ok(())
    }
}
