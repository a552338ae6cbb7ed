//! When snapshots are taken by themselves. Invariant: a schedule goes with its cluster; whether and when it begins next stands in
//! its row, so that a run that was missed is seen after any pause. What a cron line means is reckoned in `core`.

use crate::{
    Result, Store, StoreError, Tx,
    cells::{self, Cells},
    tx::{Db, Query},
};
use quorate_domain::{ClusterId, Timestamp, ids::ScheduleId, snapshots::Schedule};
use sqlx::sqlite::SqliteRow;

const READING: &str = "reading schedules";

macro_rules! select {
    ($tail:literal) => {
        sqlx::query(concat!(
            "SELECT id, cluster, given, at, next_at, last_at, next_drill_at FROM snapshot_schedules ",
            $tail
        ))
    };
}

fn schedule(row: &SqliteRow) -> Result<Schedule> {
    Ok(Schedule {
        id: row.parsed("id")?,
        cluster: row.parsed("cluster")?,
        given: row.json("given")?,
        at: row.at("at")?,
        next_at: row.at_opt("next_at")?,
        last_at: row.at_opt("last_at")?,
        next_drill_at: row.at_opt("next_drill_at")?,
    })
}

async fn many(db: &mut impl Db, query: Query) -> Result<Vec<Schedule>> {
    db.all(query, READING).await?.iter().map(schedule).collect()
}

impl Store {
    /// All schedules, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn schedules(&self) -> Result<Vec<Schedule>> {
        many(&mut self.reader(), select!("ORDER BY at, rowid")).await
    }

    /// Those of a cluster, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn schedules_of(&self, cluster: &ClusterId) -> Result<Vec<Schedule>> {
        many(&mut self.reader(), select!("WHERE cluster = ? ORDER BY at, rowid").bind(cluster.as_str())).await
    }

    /// The schedule of this id.
    ///
    /// # Errors
    /// The database failed.
    pub async fn schedule(&self, id: &ScheduleId) -> Result<Option<Schedule>> {
        let query = select!("WHERE id = ?").bind(id.as_str());
        self.reader().optional(query, READING).await?.as_ref().map(schedule).transpose()
    }
}

impl Tx {
    /// Keeps a new schedule.
    ///
    /// # Errors
    /// `NotFound` when its cluster or its vault is not there.
    pub async fn insert_schedule(&mut self, new: &Schedule) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO snapshot_schedules (id, cluster, vault, given, at, next_at, last_at, next_drill_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.as_str())
        .bind(new.cluster.as_str())
        .bind(new.given.vault.as_str())
        .bind(cells::json("given", &new.given)?)
        .bind(new.at.0)
        .bind(new.next_at.map(|at| at.0))
        .bind(new.last_at.map(|at| at.0))
        .bind(new.next_drill_at.map(|at| at.0));
        self.execute(query, "keeping a schedule").await?;
        Ok(())
    }

    /// Replaces what a schedule was given and when it begins next; its cluster and when it last began stay.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_schedule(&mut self, new: &Schedule) -> Result<()> {
        let query = sqlx::query(
            "UPDATE snapshot_schedules SET vault = ?, given = ?, next_at = ?, next_drill_at = ? WHERE id = ?",
        )
        .bind(new.given.vault.as_str())
        .bind(cells::json("given", &new.given)?)
        .bind(new.next_at.map(|at| at.0))
        .bind(new.next_drill_at.map(|at| at.0));
        self.change_schedule(query, &new.id).await
    }

    /// It began at `last_at`, and begins next at `next_at`; only where it was still to begin at `due`, so that one run is one.
    ///
    /// # Errors
    /// `NotFound` when somebody else began it, or changed it, meanwhile.
    pub async fn begin_schedule(
        &mut self,
        id: &ScheduleId,
        due: Timestamp,
        last_at: Timestamp,
        next_at: Option<Timestamp>,
    ) -> Result<()> {
        let query =
            sqlx::query("UPDATE snapshot_schedules SET last_at = ?2, next_at = ?3 WHERE next_at = ?1 AND id = ?4")
                .bind(due.0)
                .bind(last_at.0)
                .bind(next_at.map(|at| at.0));
        self.change_schedule(query, id).await
    }

    /// When its next drill begins; none: no drills.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_next_drill(&mut self, id: &ScheduleId, next_at: Option<Timestamp>) -> Result<()> {
        let query = sqlx::query("UPDATE snapshot_schedules SET next_drill_at = ? WHERE id = ?");
        self.change_schedule(query.bind(next_at.map(|at| at.0)), id).await
    }

    /// Drops a schedule; its snapshots stay.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_schedule(&mut self, id: &ScheduleId) -> Result<()> {
        self.change_schedule(sqlx::query("DELETE FROM snapshot_schedules WHERE id = ?"), id).await
    }

    /// Binds the id last.
    async fn change_schedule(&mut self, query: Query, id: &ScheduleId) -> Result<()> {
        let query = query.bind(id.as_str());
        self.change(query, "changing a schedule", || StoreError::not_found("schedule", id)).await
    }
}
