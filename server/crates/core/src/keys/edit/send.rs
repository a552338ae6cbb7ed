//! How a change of keys is sent. Invariant: what it overwrites is kept, sealed, and its audit row stands before etcd hears of
//! it; a change is never sent again when its answer was lost: the keys are read instead, and what they say is told. Which
//! change it is says `edit`.

use super::read::{ANSWER, Unread, meta_of, wide};
use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::{CoreError, chain},
    keys::client::{ELECTING, key_problem},
};
use quorate_domain::{
    ClusterId, Problem, ProblemKind,
    audit::AuditOutcome,
    ids::KeyUndoId,
    keys::{EditAnswer, EditOutcome, Key, KeyUndo},
};
use quorate_etcd::{Change, Changed, EtcdError, Pair, Write};
use quorate_store::StoreError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long it is tried to learn what became of a change whose answer was lost.
const LEARN: Duration = Duration::from_secs(10);
/// How soon the keys are read again. Longer than an election, after which a change that was under way is there or lost.
const AGAIN: Duration = Duration::from_millis(1500);
/// How many members are tried while nothing was sent.
const TRIES: usize = 3;
const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// A change that is about to be sent.
pub(in crate::keys) struct Edit {
    pub actor: Actor,
    pub cluster: ClusterId,
    /// As the audit trail says it, `key.put`.
    pub action: &'static str,
    /// The key that it is about.
    pub key: Key,
    /// What else the audit rows say.
    pub detail: String,
    /// What is there now.
    pub before: Option<Pair>,
    /// Whether that is overwritten or goes, and so is kept.
    pub keep: bool,
    pub change: Change,
    /// The kept change that is used up once this one is done.
    pub takes_back: Option<KeyUndoId>,
    /// What the answer says when all went well.
    pub note: String,
}

/// How the sending ended.
enum Sent {
    Done {
        revision: i64,
        note: String,
    },
    /// Not done, because the keys were not as seen.
    Lost {
        revision: i64,
        note: String,
    },
    /// Not done: etcd, or nobody who could be asked.
    Refused(CoreError),
    /// Perhaps done, or still to be.
    Unknown(CoreError),
}

impl Console {
    /// Logs a change, sends it, and says what became of it. Goes on to its end when whoever asked is gone, so that what became
    /// of it is noted.
    pub(in crate::keys) async fn send_edit(&self, edit: Edit) -> Result<EditAnswer, CoreError> {
        let console = self.clone();
        let sending = tokio::spawn(async move { console.log_and_send(&edit).await });
        sending.await.map_err(|e| CoreError::caused("a change of a key broke off", e))?
    }

    async fn log_and_send(&self, edit: &Edit) -> Result<EditAnswer, CoreError> {
        let object = self.key_object(&edit.cluster, &edit.key).await?;
        let undo = self.log_edit(edit, &object).await?;
        let row = |outcome, said: &str| edit.row(&object, outcome, said);
        match self.send(edit).await {
            Sent::Done { revision, note } => {
                let mut note = format!("{note} {}", edit.note);
                let draft = row(AuditOutcome::Ok, &format!("revision {revision}"));
                if let Err(error) = self.note_done(edit, undo.as_ref(), revision, draft).await {
                    tracing::error!(cluster = %edit.cluster, error = chain(&error), "a change that was made is not noted");
                    note += " The change was made, but the console could not note that: the audit trail has only its \
                             beginning, and it cannot be taken back here.";
                }
                self.await_index(&edit.cluster, wide(revision)).await;
                let note = note.trim().to_owned();
                Ok(EditAnswer { outcome: EditOutcome::Done, revision: wide(revision), undo, theirs: None, note })
            }
            Sent::Lost { revision, note } => {
                let said = format!("somebody else was faster. {note}");
                self.drop_kept(undo.as_ref(), row(AuditOutcome::Failed, said.trim_end_matches(". "))).await?;
                self.lost(&edit.actor, &edit.cluster, &edit.key, revision, note).await
            }
            Sent::Refused(error) => {
                self.drop_kept(undo.as_ref(), row(AuditOutcome::Failed, &error.to_string())).await?;
                Err(error)
            }
            Sent::Unknown(error) => {
                self.record(row(AuditOutcome::Failed, &error.to_string())).await?;
                Err(error)
            }
        }
    }

    /// Writes down that a change was made.
    async fn note_done(
        &self,
        edit: &Edit,
        undo: Option<&KeyUndoId>,
        revision: i64,
        row: AuditDraft,
    ) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        if let Some(id) = undo {
            match tx.set_key_undo_revision(id, wide(revision)).await {
                // There is no room for it any more, or its time is over.
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(id) = &edit.takes_back {
            tx.delete_key_undo(id).await?;
        }
        row.write(&mut tx, self.0.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// The answer of a change that was not done because the key is not as it was seen.
    pub(in crate::keys) async fn lost(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        key: &Key,
        revision: i64,
        note: String,
    ) -> Result<EditAnswer, CoreError> {
        let (there, now) = self.read_key(cluster, key.as_bytes(), 0).await?;
        let theirs = match there {
            Some(pair) => Some(Box::new(self.value_view(actor, cluster, key, pair, now).await?)),
            None => None,
        };
        Ok(EditAnswer { outcome: EditOutcome::Lost, revision: wide(revision.max(now)), undo: None, theirs, note })
    }

    /// Keeps what is there and writes the first audit row, before anything is sent.
    async fn log_edit(&self, edit: &Edit, object: &str) -> Result<Option<KeyUndoId>, CoreError> {
        let hours = self.key_settings_of(&edit.cluster).await?.undo_hours;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        let kept = edit.before.as_ref().filter(|_| edit.keep && hours > 0);
        let id = match kept {
            None => None,
            Some(pair) => {
                let takes_away = |w: &Write| matches!(w, Write::Delete { key } if *key == pair.key);
                let undo = KeyUndo {
                    id: KeyUndoId::from_random(self.random()),
                    at: now,
                    actor: edit.actor.label(),
                    key: edit.key.clone(),
                    deleted: edit.change.writes.iter().any(takes_away),
                    revision: wide(0),
                    before: meta_of(pair),
                    until: now.plus_millis(i64::from(hours) * HOUR_MILLIS),
                };
                tx.insert_key_undo(&edit.cluster, &undo, &pair.value).await?;
                Some(undo.id)
            }
        };
        let seen = edit.before.as_ref().map_or(0, |pair| pair.mod_revision);
        let detail = match seen {
            0 => "begun, a new key".to_owned(),
            seen => format!("begun, over revision {seen}"),
        };
        edit.row(object, AuditOutcome::Ok, &detail).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn drop_kept(&self, undo: Option<&KeyUndoId>, row: AuditDraft) -> Result<(), CoreError> {
        let mut tx = self.0.store.begin().await?;
        if let Some(id) = undo {
            tx.delete_key_undo(id).await?;
        }
        row.write(&mut tx, self.0.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    async fn send(&self, edit: &Edit) -> Sent {
        let mut tries = 1;
        loop {
            let client = match self.key_client(&edit.cluster).await {
                Ok(client) => client,
                Err(error) => return Sent::Refused(error),
            };
            let error = match client.member().change(&edit.change, ANSWER).await {
                Ok(Changed { done: true, revision, .. }) => return Sent::Done { revision, note: String::new() },
                Ok(Changed { done: false, revision, .. }) => return Sent::Lost { revision, note: String::new() },
                Err(error) => error,
            };
            let silent = error.is_silence();
            if silent || matches!(error, EtcdError::NoLeader) {
                client.silent();
            }
            if error.may_have_happened() {
                return self.learn(edit, &error).await;
            }
            if tries == TRIES || !(silent || matches!(error, EtcdError::NoLeader)) {
                return Sent::Refused(refusal(edit.action, error));
            }
            if !silent {
                sleep(ELECTING).await;
            }
            tries += 1;
        }
    }

    /// Reads what became of a change whose answer was lost.
    async fn learn(&self, edit: &Edit, lost: &EtcdError) -> Sent {
        let end = Instant::now() + LEARN;
        let mut untouched = false;
        loop {
            match self.look(edit).await {
                Ok(Look::Done(revision)) => {
                    let note = format!(
                        "etcd's answer was lost ({lost}); the cluster was asked again, and the change is there."
                    );
                    return Sent::Done { revision, note };
                }
                Ok(Look::Other { revision, between }) => {
                    let between = if between { " Yours may have been there in between: see its history." } else { "" };
                    let note = format!("etcd's answer was lost; somebody else changed the key meanwhile.{between}");
                    return Sent::Lost { revision, note };
                }
                // A change on its way can still arrive: what is not there now is looked for once more after a pause.
                Ok(Look::Untouched) if untouched => return Sent::Unknown(not_there(lost)),
                Ok(Look::Untouched) => untouched = true,
                Err(error) => {
                    let error = CoreError::from(error);
                    tracing::warn!(cluster = %edit.cluster, error = chain(&error), "a change's outcome cannot be read yet");
                }
            }
            if Instant::now() >= end {
                return Sent::Unknown(nobody_knows(lost));
            }
            sleep(AGAIN).await;
        }
    }

    async fn look(&self, edit: &Edit) -> Result<Look, Unread> {
        let (mut untouched, mut as_written, mut at, mut between) = (true, true, 0, false);
        for (key, seen) in &edit.change.seen {
            let (there, revision) = self.read_key(&edit.cluster, key, 0).await?;
            let now = there.as_ref().map_or(0, |pair| pair.mod_revision);
            untouched &= now == *seen;
            as_written &= written(&edit.change, key, *seen, there.as_ref());
            at = at.max(if now > *seen { now } else { revision });
            between |= *key == edit.key.0 && now != *seen && !changed_once(edit.before.as_ref(), there.as_ref());
        }
        Ok(match (untouched, as_written) {
            (true, _) => Look::Untouched,
            (false, true) => Look::Done(at),
            (false, false) => Look::Other { revision: at, between },
        })
    }
}

impl Edit {
    fn row(&self, object: &str, outcome: AuditOutcome, said: &str) -> AuditDraft {
        let detail = match self.detail.as_str() {
            "" => said.to_owned(),
            // The last, where a long row is cut.
            more => format!("{said}; {more}"),
        };
        AuditDraft::by(&self.actor, self.action, object).outcome(outcome).detail(&detail)
    }
}

/// Whether one single change lies between the two.
fn changed_once(before: Option<&Pair>, now: Option<&Pair>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => now.create_revision == before.create_revision && now.version == before.version + 1,
        (None, Some(now)) => now.version == 1,
        (_, None) => false,
    }
}

/// What the keys of a change say.
enum Look {
    Done(i64),
    /// All are as they were seen.
    Untouched,
    /// `between`: they were changed more than once, so that one of the changes may have been this one.
    Other {
        revision: i64,
        between: bool,
    },
}

/// Whether `there` is what `change` makes of `key`.
fn written(change: &Change, key: &[u8], seen: i64, there: Option<&Pair>) -> bool {
    let write = change.writes.iter().find(|write| match write {
        Write::Put { key: of, .. } | Write::Delete { key: of } => of == key,
    });
    match (write, there) {
        (Some(Write::Put { value, .. }), Some(pair)) => pair.mod_revision > seen && pair.value == *value,
        (Some(Write::Put { .. }), None) => false,
        (Some(Write::Delete { .. }), there) => there.is_none(),
        // Only guarded: it stays as it is.
        (None, there) => there.map_or(0, |pair| pair.mod_revision) == seen,
    }
}

/// What etcd's refusal means to whoever sent a change: only a form with a value and a lease has these fields.
fn refusal(action: &str, error: EtcdError) -> CoreError {
    let field = match action {
        "key.put" if error.is_lease_gone() => "lease_id",
        "key.put" if error.is_too_large() => "value",
        _ => return key_problem(error),
    };
    let title = Problem::from(key_problem(error)).title;
    Problem::field(field, title).into()
}

fn not_there(lost: &EtcdError) -> CoreError {
    Problem::new(ProblemKind::Unreachable, "The cluster did not say whether it took the change")
        .with_detail(format!(
            "{lost}. The key was read again, twice, and nothing was changed so far; the change may still arrive. Look \
             at the key before you save again: as long as it is as you saw it, saving again cannot do it twice."
        ))
        .into()
}

fn nobody_knows(lost: &EtcdError) -> CoreError {
    Problem::new(ProblemKind::Unreachable, "It is not known whether the change was made")
        .with_detail(format!(
            "{lost}, and no member could be read since. What the change overwrites is kept: once the cluster answers, \
             look at the key, and take the change back or save again."
        ))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_etcd::PutLease;
    use tonic::{Code, Status};

    fn put(key: &[u8], value: &[u8]) -> Write {
        Write::Put { key: key.to_vec(), value: value.to_vec(), lease: PutLease::None }
    }

    fn pair(value: &[u8], mod_revision: i64) -> Pair {
        Pair { key: b"a".to_vec(), value: value.to_vec(), mod_revision, ..Pair::default() }
    }

    #[test]
    fn a_change_is_there_only_if_its_own_bytes_are() {
        let change = Change { seen: vec![(b"a".to_vec(), 5)], writes: vec![put(b"a", b"new")] };
        assert!(written(&change, b"a", 5, Some(&pair(b"new", 6))));
        assert!(!written(&change, b"a", 5, Some(&pair(b"new", 5))), "the same bytes as before");
        assert!(!written(&change, b"a", 5, Some(&pair(b"other", 6))));
        assert!(!written(&change, b"a", 5, None));
        let delete = Change { seen: vec![(b"a".to_vec(), 5)], writes: vec![Write::Delete { key: b"a".to_vec() }] };
        assert!(written(&delete, b"a", 5, None) && !written(&delete, b"a", 5, Some(&pair(b"x", 6))));
        let copy = Change { seen: vec![(b"a".to_vec(), 5), (b"b".to_vec(), 0)], writes: vec![put(b"b", b"x")] };
        assert!(written(&copy, b"a", 5, Some(&pair(b"x", 5))) && !written(&copy, b"a", 5, None));
    }

    #[test]
    fn a_refusal_is_said_at_a_field_only_where_there_is_one() {
        let refused =
            |action, message: &str| Problem::from(refusal(action, Status::new(Code::InvalidArgument, message).into()));
        let (large, gone) = ("etcdserver: request is too large", "etcdserver: requested lease not found");
        assert!(refused("key.put", large).message_for("value").is_some());
        assert!(refused("key.put", gone).message_for("lease_id").is_some());
        for message in [large, gone] {
            let told = refused("key.move", message);
            assert!(told.fields.is_empty() && !told.detail.is_empty(), "{told:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_said_without_a_value() {
        let lost = EtcdError::Deadline { deadline: Duration::from_secs(5) };
        for error in [not_there(&lost), nobody_knows(&lost)] {
            let CoreError::Problem(problem) = error else { panic!("a problem") };
            assert_eq!(problem.kind, ProblemKind::Unreachable);
            assert!(problem.detail.starts_with("no answer within 5 s"), "{}", problem.detail);
        }
    }
}
