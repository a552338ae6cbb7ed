//! Snapshots gone through: what is in one, once it is good, and whether it still comes back, by button and by schedule. Invariant: a
//! snapshot is restored into a throw-away etcd as a restore would do it, never guessed at; one is gone through at a time; a
//! drill that was begun ends in its row, also when the console was ended in the middle. How one is brought to life is
//! `throwaways`'.

use crate::{
    audit::{AuditDraft, CONSOLE},
    console::Console,
    error::{CoreError, chain},
    permit::{Permit, act},
    snapshots::next_drill,
    vaults::vault_problem,
};
use quorate_domain::{
    ClusterId,
    ids::{DrillId, SnapshotId},
    snapshots::{Content, Drill, Manifest, Snapshot, SnapshotState},
    wide::Wide,
};
use quorate_etcd::{ContentAt, content};
use quorate_store::SnapshotFilter;
use quorate_vault::names;
use std::time::Duration;
use tokio::time::Instant;

/// How many drills are listed.
const LISTED: u32 = 200;
/// How often it is looked for drills that are due.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A snapshot that was gone through.
struct Found {
    at: ContentAt,
    /// From its bytes in the vault to an etcd that answered.
    recovered: Duration,
}

impl Console {
    /// Begins to try out whether a snapshot comes back; the row says what became of it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is not good.
    pub async fn drill(&self, permit: &Permit<act::TakeSnapshots>, id: &SnapshotId) -> Result<Drill, CoreError> {
        let snapshot = self.good_snapshot(id).await?;
        let row = AuditDraft::by(permit.actor(), "snapshot.drill", &snapshot.name);
        self.begin_drill(snapshot, permit.actor().label(), row).await
    }

    /// The newest drills, of a cluster or of all, newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn drills(
        &self,
        _permit: &Permit<act::ViewSnapshots>,
        cluster: Option<&ClusterId>,
    ) -> Result<Vec<Drill>, CoreError> {
        Ok(self.0.store.drills(cluster, LISTED).await?)
    }

    /// One drill.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn drill_of(&self, _permit: &Permit<act::ViewSnapshots>, id: &DrillId) -> Result<Drill, CoreError> {
        self.0.store.drill(id).await?.ok_or_else(|| CoreError::not_found("drill", id))
    }

    /// Goes through a snapshot that has become good, some time soon, and notes what is in it.
    pub(crate) fn check_content_soon(&self, id: &SnapshotId) {
        let Ok(runtime) = self.runtime() else { return };
        let (console, id, stop) = (self.clone(), id.clone(), runtime.stop.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            if let Err(error) = console.check_content(&id).await {
                tracing::warn!(snapshot = %id, error = chain(&error), "what is in a snapshot was not noted");
            }
        }));
    }

    async fn check_content(&self, id: &SnapshotId) -> Result<(), CoreError> {
        let snapshot = self.good_snapshot(id).await?;
        let found = self.go_through(&snapshot).await;
        self.note_content(&snapshot, found.as_ref().map(|found| &found.at)).await?;
        // An older one stayed for as long as nobody knew what is in this one.
        self.make_room_after(&snapshot).await;
        Ok(())
    }

    /// Writes down what was found in a snapshot, or why it could not be gone through; what lies beside it in its vault says the same.
    async fn note_content(&self, snapshot: &Snapshot, found: Result<&ContentAt, &String>) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        match found {
            Ok(at) => tx.set_snapshot_content(&snapshot.id, Some(at.revision), Some(&at.content), "").await?,
            Err(problem) => {
                let problem = format!("What is in it could not be gone through: {problem}");
                tx.set_snapshot_content(&snapshot.id, None, None, &problem).await?;
            }
        }
        tx.commit().await?;
        let snapshot = self.tell_snapshot(&snapshot.id).await?;
        let place = self.place(&self.vault_row(&snapshot.vault).await?).await?;
        let name = names::manifest(&snapshot.name);
        let known: Option<Manifest> = place.get_json(&name).await.map_err(vault_problem)?;
        let configurations = known.and_then(|manifest| manifest.configurations);
        let manifest = Manifest { snapshot, configurations };
        place.put_json(&name, &manifest).await.map_err(vault_problem)?;
        if self.0.store.snapshot(&manifest.snapshot.id).await?.is_none() {
            // It was deleted meanwhile, with all that lay beside it.
            place.delete(&name).await.map_err(vault_problem)?;
        }
        Ok(())
    }

    /// Brings a snapshot to life and reads all of it, when it is its turn.
    async fn go_through(&self, snapshot: &Snapshot) -> Result<Found, String> {
        let turn = self.runtime().map_err(|error| chain(&error))?.throwaways.turn.clone();
        let _turn = turn.acquire_owned().await.map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let etcd = self.bring_to_life(snapshot, &|_| {}).await?;
        let recovered = begun.elapsed();
        let read = content(etcd.client(), Some(etcd.revision())).await;
        // Gone before the next one needs its room.
        if let Err(error) = etcd.end().await {
            tracing::warn!(error = %error, "a throw-away etcd was not removed");
        }
        let at = read.map_err(|error| format!("it was restored, but could not be read: {error}"))?;
        Ok(Found { at, recovered })
    }

    async fn begin_drill(&self, snapshot: Snapshot, actor: String, row: AuditDraft) -> Result<Drill, CoreError> {
        let now = self.now();
        let drill = Drill {
            id: DrillId::from_random(self.random()),
            snapshot: snapshot.id.clone(),
            snapshot_name: snapshot.name.clone(),
            cluster: snapshot.cluster.clone(),
            at: now,
            ended_at: None,
            recovered_millis: None,
            content: None,
            problem: String::new(),
            actor,
        };
        let stop = self.runtime()?.stop.clone();
        let mut tx = self.0.store.begin().await?;
        tx.insert_drill(&drill).await?;
        row.detail(&snapshot.cluster_name).write(&mut tx, now).await?;
        tx.commit().await?;
        let (console, begun) = (self.clone(), drill.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            if let Err(error) = console.run_drill(begun, &snapshot).await {
                tracing::error!(error = chain(&error), "the end of a drill was not written down");
            }
        }));
        Ok(drill)
    }

    async fn run_drill(&self, mut drill: Drill, snapshot: &Snapshot) -> Result<(), CoreError> {
        match self.go_through(snapshot).await {
            Err(problem) => drill.problem = problem,
            Ok(found) => {
                let millis = u64::try_from(found.recovered.as_millis()).unwrap_or(u64::MAX);
                drill.recovered_millis = Some(Wide(millis));
                drill.problem = self.judge(snapshot, &found.at).await.unwrap_or_else(|error| chain(&error));
                drill.content = Some(found.at.content);
            }
        }
        let mut tx = self.0.store.begin().await?;
        tx.end_drill(&drill, self.now()).await?;
        tx.commit().await?;
        // Tabs read again how backups stand; the snapshot may be gone by now.
        let _ = self.tell_snapshot(&snapshot.id).await;
        Ok(())
    }

    /// What is wrong with what came back; empty if nothing is.
    async fn judge(&self, snapshot: &Snapshot, found: &ContentAt) -> Result<String, CoreError> {
        // What was noted meanwhile counts: a drill may begin before the snapshot was gone through for the first time.
        let known = self.0.store.snapshot(&snapshot.id).await?.and_then(|snapshot| snapshot.content);
        let Some(known) = known else {
            if let Err(error) = self.note_content(snapshot, Ok(found)).await {
                tracing::warn!(snapshot = snapshot.name, error = chain(&error), "what is in a snapshot was not noted");
            }
            return Ok(String::new());
        };
        Ok(difference(&known, &found.content))
    }

    /// Ends the drills that an ended console left.
    pub(crate) async fn end_left_drills(&self) -> Result<(), CoreError> {
        for mut drill in self.0.store.drills_running().await? {
            drill.problem = "The console was ended in the middle of it; begin it again".to_owned();
            let mut tx = self.0.store.begin().await?;
            tx.end_drill(&drill, self.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Begins drills that are due, for as long as the console runs.
    pub(crate) async fn keep_drills(&self) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            if let Err(error) = self.begin_due_drills().await {
                tracing::warn!(error = chain(&error), "drills that are due were not begun");
            }
        }
    }

    async fn begin_due_drills(&self) -> Result<(), CoreError> {
        let now = self.now();
        for schedule in self.0.store.schedules().await? {
            if !schedule.given.enabled || schedule.next_drill_at.is_none_or(|due| now < due) {
                continue;
            }
            // Without a snapshot it stays due, and becomes overdue, which is an alarm.
            let Some(snapshot) = self.newest_good(&schedule.cluster).await? else { continue };
            let mut tx = self.0.store.begin().await?;
            tx.set_next_drill(&schedule.id, next_drill(&schedule.given, now)).await?;
            tx.commit().await?;
            let row = AuditDraft::by_console("snapshot.drill", &snapshot.name);
            self.begin_drill(snapshot, CONSOLE.to_owned(), row).await?;
        }
        Ok(())
    }

    async fn newest_good(&self, cluster: &ClusterId) -> Result<Option<Snapshot>, CoreError> {
        let state = Some(SnapshotState::Good);
        let filter = SnapshotFilter { cluster: Some(cluster.clone()), state, ..SnapshotFilter::default() };
        Ok(self.0.store.snapshots(&filter, 1).await?.into_iter().next())
    }
}

/// What is wrong with what came back; empty if it is what there was.
fn difference(known: &Content, found: &Content) -> String {
    if known == found {
        return String::new();
    }
    if known.keys != found.keys {
        return format!("It came back with {} keys, and had {} when it was taken", found.keys, known.keys);
    }
    format!(
        "It came back with other values or revisions than it had when it was taken: their digest is {}, and was {}",
        found.digest, known.digest
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_otherwise_is_told() {
        let content = |keys, digest: &str| Content { keys: Wide(keys), digest: digest.into() };
        assert_eq!(difference(&content(2, "a"), &content(2, "a")), "");
        assert!(difference(&content(2, "a"), &content(1, "b")).contains("1 keys, and had 2"));
        assert!(difference(&content(2, "a"), &content(2, "b")).contains("digest is b, and was a"));
    }
}
