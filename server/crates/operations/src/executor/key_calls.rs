//! Work on many keys. Invariant: a change is one transaction of a batch, guarded by what was read right before; after an answer
//! that was lost the keys are read again and nothing is sent blindly; what is so already is passed over, so that a step that
//! was cut off, by a crash or by a person, ends the same when it is done again. Values go from etcd to sealed files and back, never into output.

mod batch;
mod file;
mod send;
mod tally;

use super::Executor;
use crate::{
    effect::{ClusterTarget, FileOf, KeysCall, Place},
    error::OperationError,
};
use batch::{How, Putting};
use file::{Cursor, NewFile};
use quorate_domain::{
    KeyFileId,
    keys::{ImportMode, Key},
    operation::thousands,
};
use quorate_etcd::{Change, MemberClient, Write};
use quorate_keys::{Reader, bulk, files::Record};
use std::{collections::BTreeMap, time::Duration};
use tally::Tally;

/// How long etcd may take for a page or a batch.
const ANSWER: Duration = Duration::from_secs(20);

/// Why work on keys ends before it is done.
enum Halt {
    /// It cannot be done; in words.
    Failed(String),
    /// Somebody asked for it.
    Cancelled,
}

impl From<String> for Halt {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<Halt> for OperationError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Failed(why) => Self::Verify(why),
            Halt::Cancelled => Self::Cancelled,
        }
    }
}

/// One step's work on the keys of a cluster.
struct Work<'a> {
    executor: &'a Executor,
    place: &'a Place,
    cluster: &'a ClusterTarget,
    client: Option<MemberClient>,
    tally: Tally,
}

impl Executor {
    /// Does a piece of work, or finds that it is done.
    ///
    /// # Errors
    /// A file is not kept any more, etcd refuses, or no member answers for long; `Cancelled` between two batches.
    pub(super) async fn keys_call(
        &self,
        place: &Place,
        cluster: &ClusterTarget,
        call: &KeysCall,
    ) -> Result<(), OperationError> {
        let mut work = Work { executor: self, place, cluster, client: None, tally: Tally::default() };
        match call {
            KeysCall::Take { prefix, renamed, revision, into, why } => {
                work.take(prefix, renamed.as_ref(), revision.0, into, why).await
            }
            KeysCall::Keep { file, why } => work.keep(file, why).await,
            KeysCall::Put { file, mode, revision } => {
                let revision = revision.map(|revision| revision.0);
                work.put(file, Putting { mode: *mode, revision, leases: false }).await
            }
            KeysCall::Restore => {
                work.put(&FileOf::Before, Putting { mode: ImportMode::Skip, revision: None, leases: true }).await
            }
            KeysCall::PutBack { file } => work.put_back(file).await,
            KeysCall::Delete { .. } => work.delete().await,
        }
        .map_err(OperationError::from)
    }
}

impl Work<'_> {
    fn id(&self, file: &FileOf) -> Result<KeyFileId, String> {
        file.id(&self.executor.task.operation)
    }

    async fn take(
        &mut self,
        prefix: &Key,
        renamed: Option<&Key>,
        revision: u64,
        into: &FileOf,
        why: &str,
    ) -> Result<(), Halt> {
        let Some(mut file) = self.begin(into, why).await? else { return Ok(()) };
        let mut reader = Reader::new(vec![(prefix.0.clone(), prefix.end().map(|end| end.0))], Some(revision), false);
        while !reader.is_done() {
            self.go_on().await?;
            let page = self.page(&reader).await?;
            reader.took(&page);
            self.tally.of = self.tally.of.max(page.count);
            for pair in page.pairs {
                file.record(bulk::renamed(pair, prefix, renamed)).await?;
                self.tally.done += 1;
            }
            self.progress("kept");
        }
        Ok(self.end(file).await?)
    }

    async fn keep(&mut self, of: &FileOf, why: &str) -> Result<(), Halt> {
        let Some(mut file) = self.begin(&FileOf::Before, why).await? else { return Ok(()) };
        let mut records = self.cursor(of).await?;
        while let Some(batch) = records.batch().await? {
            self.go_on().await?;
            let there = self.found(&batch).await?;
            for record in &batch {
                if let Some(pair) = there.get(record.key.as_bytes()) {
                    file.record(Record::from(pair.clone())).await?;
                }
            }
            self.tally.done += batch.len() as u64;
            self.progress("looked at");
        }
        Ok(self.end(file).await?)
    }

    async fn put(&mut self, of: &FileOf, how: Putting) -> Result<(), Halt> {
        let mut records = self.cursor(of).await?;
        let how = How::Put(how);
        while let Some(batch) = records.batch().await? {
            self.go_on().await?;
            self.change(&batch, &how).await?;
            self.progress("put");
        }
        self.say_end("put", "had their value already", "stay as they are");
        Ok(())
    }

    async fn put_back(&mut self, of: &FileOf) -> Result<(), Halt> {
        let mut records = self.cursor(of).await?;
        // Nothing was put before all of this was kept.
        let Some(mut before) = self.cursor_of(&FileOf::Before).await? else { return Ok(()) };
        while let Some(batch) = records.batch().await? {
            self.go_on().await?;
            let mut then = Vec::with_capacity(batch.len());
            for record in &batch {
                then.push(before.take(&record.key).await?);
            }
            self.change(&batch, &How::Back(&then)).await?;
            self.progress("put back");
        }
        self.say_end("put back", "were as before", "were changed since, and stay");
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Halt> {
        let mut records = self.cursor(&FileOf::Before).await?;
        while let Some(batch) = records.batch().await? {
            self.go_on().await?;
            // What is there is asked only once the guards did not hold: then the answer says it.
            let mut wanted: Vec<(Vec<u8>, i64)> = batch.iter().map(seen).collect();
            let mut tried = 0;
            while !wanted.is_empty() {
                let writes = wanted.iter().map(|(key, _)| Write::Delete { key: key.clone() }).collect();
                let change = Change { seen: wanted.clone(), writes };
                tried += 1;
                match self.try_change(&change, tried).await? {
                    Some(changed) if changed.done => {
                        self.tally.done += wanted.len() as u64;
                        break;
                    }
                    Some(changed) => {
                        let found: BTreeMap<&[u8], i64> =
                            changed.found.iter().map(|pair| (pair.key.as_slice(), pair.mod_revision)).collect();
                        wanted.retain(|(key, seen)| match found.get(key.as_slice()) {
                            None => {
                                self.tally.already += 1;
                                false
                            }
                            Some(now) if now != seen => {
                                self.tally.left += 1;
                                false
                            }
                            Some(_) => true,
                        });
                    }
                    None => {}
                }
            }
            self.progress("deleted");
        }
        self.say_end("deleted", "were gone already", "were changed since, and stay");
        Ok(())
    }

    async fn cursor_of(&mut self, file: &FileOf) -> Result<Option<Cursor>, String> {
        let id = self.id(file)?;
        Cursor::open(&self.executor.planner.inventory, &id).await
    }

    async fn cursor(&mut self, file: &FileOf) -> Result<Cursor, String> {
        let cursor = self.cursor_of(file).await?;
        let cursor = cursor.ok_or_else(|| format!("{} is not kept any more; make a new plan", file.words()))?;
        self.tally.of = cursor.keys();
        Ok(cursor)
    }

    /// A new file; none when an earlier try kept it whole.
    async fn begin(&mut self, file: &FileOf, why: &str) -> Result<Option<NewFile>, String> {
        let (id, task) = (self.id(file)?, &self.executor.task);
        let inventory = &self.executor.planner.inventory;
        if inventory.key_file(&id).await?.is_some() {
            self.executor.say(self.place, format!("already kept as {id}"));
            return Ok(None);
        }
        let cluster = task.cluster.as_ref().ok_or("no cluster id")?;
        inventory.begin_key_file(&id, cluster, &task.operation, &format!("{why} {}", task.operation)).await?;
        NewFile::new(inventory, id).map(Some)
    }

    async fn end(&mut self, file: NewFile) -> Result<(), String> {
        let (id, keys) = file.end().await?;
        self.executor.say(self.place, format!("{} keys are kept as {id}", thousands(keys)));
        Ok(())
    }
}

fn seen(record: &Record) -> (Vec<u8>, i64) {
    let seen = record.mod_revision.and_then(|revision| i64::try_from(revision.0).ok()).unwrap_or(-1);
    (record.key.0.clone(), seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::wide::Wide;

    #[test]
    fn a_record_without_revision_is_never_taken_for_the_key_that_is_there() {
        let record = |mod_revision| Record { key: Key::raw("a"), mod_revision, ..Record::default() };
        assert_eq!(seen(&record(None)).1, -1);
        assert_eq!(seen(&record(Some(Wide(7)))).1, 7);
    }
}
