//! Taking changes of keys back. Invariant: the kept bytes are put back only where the key is still as the change left it, by
//! the same compare-and-swap as every change, and what they replace is kept in turn. What is kept, and for how long, is
//! written by `edit::send`; the rows live in `store`.

use super::edit::{
    read::{ANSWER, meta_of},
    send::Edit,
};
use crate::{
    console::Console,
    error::CoreError,
    keys::client::key_problem,
    permit::{Permit, act},
};
use quorate_domain::{
    ClusterId, Problem, ProblemKind, Scope,
    ids::KeyUndoId,
    keys::{EditAnswer, KeyMeta, KeyUndo},
};
use quorate_etcd::{Pair, PutLease};
use quorate_store::KeptChange;

/// The most changes that one answer lists.
const LISTED: usize = 200;
/// How many are looked through for those that somebody may see.
const LOOKED_AT: u32 = 5000;
/// For how long a change may be under way, in milliseconds: longer than it is sent and asked for at most.
const UNDER_WAY: u64 = 60_000;

impl Console {
    /// What can be taken back of the permit's cluster: the newest 200 changes of keys that the actor may see. A revision of 0
    /// means that it is not known whether the change was made.
    ///
    /// # Errors
    /// The storage failed; the cluster cannot be asked what the console may see.
    pub async fn key_undos(&self, permit: &Permit<act::WriteKeys>) -> Result<Vec<KeyUndo>, CoreError> {
        let cluster = permit.cluster()?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let mut undos = self.0.store.key_undos(cluster, self.0.clock.now(), LOOKED_AT).await?;
        undos.retain(|undo| visible.shows(undo.key.as_bytes()));
        undos.truncate(LISTED);
        Ok(undos)
    }

    /// Takes a change back, if the key is still as the change left it. What is there instead is kept in turn.
    ///
    /// # Errors
    /// `NotFound` for a change of another cluster or one that is not kept any more; `Forbidden` when the actor may not write
    /// its key; `Conflict` when there is nothing to take back; as [`Console::put_key`].
    pub async fn undo_edit(&self, permit: &Permit<act::WriteKeys>, id: &KeyUndoId) -> Result<EditAnswer, CoreError> {
        let cluster = permit.cluster()?;
        let kept = self.0.store.key_undo(id, self.0.clock.now()).await?.filter(|kept| kept.cluster == *cluster);
        let kept = kept.ok_or_else(|| CoreError::not_found("kept change", id))?;
        let key = &kept.undo.key;
        if !self.visible_to(permit.actor(), cluster).await?.shows(key.as_bytes()) {
            return Err(CoreError::not_found("kept change", id));
        }
        let mine: Permit<act::WriteKeys> =
            self.permit(permit.actor(), Scope::Keys(cluster.clone(), key.0.clone())).await?;
        let (there, revision) = self.read_key(cluster, key.as_bytes(), 0).await?;
        match standing(&kept.undo, there.as_ref().map(meta_of).as_ref()) {
            Standing::AsLeft => {}
            Standing::NeverMade if self.0.clock.now().since(kept.undo.at) < UNDER_WAY => {
                return Err(Problem::new(ProblemKind::Conflict, "There is nothing to take back yet")
                    .with_detail("This change may still be on its way; try again in a minute.")
                    .into());
            }
            Standing::NeverMade => return Err(self.never_made(id).await),
            Standing::Changed => {
                let note = if kept.undo.revision.0 == 0 {
                    "The console never heard whether its change was made, and the key is not as it was before: it may be \
                     that change, or somebody else's. See the key's history; nothing was changed now."
                } else {
                    "The key was changed since; nothing was taken back."
                };
                return self.lost(mine.actor(), cluster, key, revision, note.to_owned()).await;
            }
        }
        let edit = self.undoing(&mine, cluster, &kept, there).await?;
        self.send_edit(edit).await
    }

    async fn undoing(
        &self,
        permit: &Permit<act::WriteKeys>,
        cluster: &ClusterId,
        kept: &KeptChange,
        before: Option<Pair>,
    ) -> Result<Edit, CoreError> {
        let (lease, note) = self.lease_again(cluster, &kept.undo.before, before.as_ref()).await?;
        let what = (kept.value.as_bytes().to_vec(), lease);
        let mut edit = Self::put_of(permit.actor(), cluster, "key.restore", &kept.undo.key, before, what);
        edit.detail = match kept.undo.revision.0 {
            0 => format!("takes back a change of {}", kept.undo.actor),
            revision => format!("takes back revision {revision} by {}", kept.undo.actor),
        };
        edit.takes_back = Some(kept.undo.id.clone());
        edit.note = note.to_owned();
        Ok(edit)
    }

    /// The lease that the key had, if that still lives.
    async fn lease_again(
        &self,
        cluster: &ClusterId,
        then: &KeyMeta,
        now: Option<&Pair>,
    ) -> Result<(PutLease, &'static str), CoreError> {
        let Some(lease) = then.lease.map(|id| id.0.cast_signed()) else { return Ok((PutLease::None, "")) };
        if now.is_some_and(|pair| pair.lease == lease) {
            return Ok((PutLease::Keep, ""));
        }
        let client = self.key_client(cluster).await?;
        Ok(match client.member().lease(lease, false, ANSWER).await {
            Ok(lives) if lives.ttl > 0 => (PutLease::Of(lease), ""),
            Ok(_) => (PutLease::None, "The lease that the key had has ended, so it has none now."),
            // It has keys that are not the console's user's.
            Err(error) if error.is_denied() => (
                PutLease::None,
                "etcd does not let the console's user use the lease that the key had, so it has none now.",
            ),
            Err(error) => return Err(key_problem(error)),
        })
    }

    /// Drops a kept change that never came to be.
    async fn never_made(&self, id: &KeyUndoId) -> CoreError {
        let dropped = async {
            let mut tx = self.0.store.begin().await?;
            tx.delete_key_undo(id).await?;
            tx.commit().await
        };
        match dropped.await {
            Ok(()) => Problem::new(ProblemKind::Conflict, "There is nothing to take back: the change was never made")
                .with_detail("The key is still what it was before.")
                .into(),
            Err(error) => error.into(),
        }
    }
}

/// How a key stands to a change that shall be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// As the change left it.
    AsLeft,
    /// As it was before the change.
    NeverMade,
    /// Neither.
    Changed,
}

fn standing(undo: &KeyUndo, now: Option<&KeyMeta>) -> Standing {
    match now {
        Some(now) if now.mod_revision == undo.before.mod_revision => Standing::NeverMade,
        None if undo.deleted => Standing::AsLeft,
        Some(now) if !undo.deleted && undo.revision.0 != 0 && now.mod_revision == undo.revision => Standing::AsLeft,
        _ => Standing::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{Timestamp, keys::Key, wide::Wide};

    fn meta(mod_revision: u64) -> KeyMeta {
        let (create_revision, version) = (Wide(2), Wide(1));
        KeyMeta {
            create_revision,
            mod_revision: Wide(mod_revision),
            version,
            lease: None,
            size: None,
            changed_at: None,
        }
    }

    fn undo(deleted: bool, revision: u64) -> KeyUndo {
        KeyUndo {
            id: KeyUndoId::from_random([1; 10]),
            at: Timestamp(1),
            actor: "anna".into(),
            key: Key::raw("a"),
            deleted,
            revision: Wide(revision),
            before: meta(5),
            until: Timestamp(2),
        }
    }

    #[test]
    fn only_what_is_as_the_change_left_it_is_taken_back() {
        assert_eq!(standing(&undo(false, 9), Some(&meta(9))), Standing::AsLeft);
        assert_eq!(standing(&undo(false, 9), Some(&meta(10))), Standing::Changed);
        assert_eq!(standing(&undo(false, 9), None), Standing::Changed, "somebody deleted it since");
        assert_eq!(standing(&undo(true, 9), None), Standing::AsLeft);
        assert_eq!(standing(&undo(true, 9), Some(&meta(10))), Standing::Changed, "somebody made it anew");
    }

    #[test]
    fn a_change_whose_outcome_is_not_known_is_never_taken_for_somebody_elses() {
        assert_eq!(standing(&undo(false, 0), Some(&meta(5))), Standing::NeverMade);
        assert_eq!(standing(&undo(true, 0), Some(&meta(5))), Standing::NeverMade);
        assert_eq!(standing(&undo(false, 0), Some(&meta(6))), Standing::Changed);
        assert_eq!(standing(&undo(true, 0), None), Standing::AsLeft);
    }
}
