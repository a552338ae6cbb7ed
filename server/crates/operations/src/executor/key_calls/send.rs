//! Asking and changing through one member at a time. Invariant: a request that changed nothing for sure may be tried again; one
//! whose answer was lost is planned anew from what is there then.

use super::{ANSWER, Work, batch::How};
use quorate_etcd::{Change, Changed, EtcdError, MemberClient, Pair, RangeReply};
use quorate_keys::{Reader, bulk, files::Record};
use std::{collections::BTreeMap, time::Duration};

/// How long a member has to prove that it is there.
const PROBE: Duration = Duration::from_secs(2);
/// How often a page or a batch is tried; an election takes a few of them.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_millis(500);

impl Work<'_> {
    /// Plans a batch and sends it, again from the beginning while others are faster or answers are lost.
    pub(super) async fn change(&mut self, batch: &[Record], how: &How<'_>) -> Result<(), String> {
        let mut tried = 0;
        loop {
            tried += 1;
            let client = self.member().await?;
            let planned = match how.plan(&client, batch).await {
                Ok(planned) => planned,
                Err(error) => {
                    self.failed(&error, tried).await?;
                    continue;
                }
            };
            let sent = planned.change.writes.len() as u64;
            let done = sent == 0 || self.try_change(&planned.change, tried).await?.is_some_and(|changed| changed.done);
            if done {
                self.tally.done += sent;
                self.tally.already += planned.already;
                self.tally.left += planned.left;
                return Ok(());
            }
        }
    }

    /// Sends a change; none when it has to be looked at again what became of it.
    pub(super) async fn try_change(&mut self, change: &Change, tried: u32) -> Result<Option<Changed>, String> {
        let client = self.member().await?;
        match client.change(change, ANSWER).await {
            Ok(changed) if !changed.done && tried >= TRIES => {
                Err("keys change faster than they are written here; retry when they rest".into())
            }
            Ok(changed) => Ok(Some(changed)),
            Err(error) => self.failed(&error, tried).await.map(|()| None),
        }
    }

    /// The next page of a reading, of another member when one is silent.
    pub(super) async fn page(&mut self, reader: &Reader) -> Result<RangeReply, String> {
        let mut tried = 0;
        loop {
            tried += 1;
            match reader.ask(&self.member().await?, ANSWER).await {
                Ok(page) => return Ok(page),
                Err(error) => self.failed(&error, tried).await?,
            }
        }
    }

    /// What there is under the keys of a batch.
    pub(super) async fn found(&mut self, batch: &[Record]) -> Result<BTreeMap<Vec<u8>, Pair>, String> {
        let mut tried = 0;
        loop {
            tried += 1;
            match bulk::found(&self.member().await?, batch, ANSWER).await {
                Ok(found) => return Ok(found),
                Err(error) => self.failed(&error, tried).await?,
            }
        }
    }

    /// Waits before the next try, unless trying again is of no use.
    async fn failed(&mut self, error: &EtcdError, tried: u32) -> Result<(), String> {
        if tried >= TRIES || !(error.passes() || error.may_have_happened() || error.is_lease_gone()) {
            return Err(told(error));
        }
        if error.is_silence() {
            self.client = None;
        }
        self.executor.say(self.place, format!("{error}; looking again"));
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// A member that answers.
    async fn member(&mut self) -> Result<MemberClient, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = self.executor.planner.any_member(self.cluster, PROBE).await?;
        self.client = Some(client.clone());
        Ok(client)
    }
}

/// What a person can do about a refusal.
fn told(error: &EtcdError) -> String {
    if error.is_compacted() {
        return "etcd has compacted the reviewed revision away: undo, and make a new plan".into();
    }
    if error.is_out_of_space() {
        return "the database is full: make space and clear the alarm NOSPACE, then retry".into();
    }
    if error.is_denied() {
        return "etcd does not let the console's user do this with all of these keys".into();
    }
    if error.is_too_large() {
        return "etcd refuses a request of this size: raise --max-request-bytes, then retry".into();
    }
    error.to_string()
}
