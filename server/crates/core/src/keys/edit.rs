//! Changes of one key: write, delete, rename, copy, make what it was. Invariant: a change is about the key of its permit and
//! the revision that its author saw; what is not as seen is shown and nothing is sent. How a change is logged, kept and
//! sent lives in `edit::send`, how it is taken back in `undo`.

pub(super) mod read;
pub(super) mod send;

use crate::{
    actor::Actor,
    console::Console,
    error::CoreError,
    keys::{rules::may, unhurried},
    permit::{Act, Permit, act},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use quorate_domain::{
    Action, ClusterId, Problem, ProblemKind, Scope,
    keys::{
        DeleteKey, EditAnswer, EditOutcome, Encoding, KEY_MAX, Key, LeaseChoice, MoveKey, PutKey, RestoreKey, Syntax,
        VALUE_MAX,
    },
};
use quorate_etcd::{Change, Pair, PutLease, Write};
use quorate_keys::forms;
use read::narrow;
use send::Edit;

/// What allows to take a key to another name.
#[derive(Clone, Debug)]
pub enum MovePermit {
    /// The old name stays.
    Copy(Permit<act::ReadValues>),
    /// The old name goes.
    Rename(Permit<act::DeleteKeys>),
}

impl Console {
    /// Writes the permit's key, if it is still as its author saw it. Cancelling leaves the change to go on by itself.
    ///
    /// # Errors
    /// `Invalid` at `key`, `value`, `lease` or `lease_id`; `Unreachable` when etcd refuses, or when it is not known what
    /// became of the change (the text says which).
    pub async fn put_key(&self, permit: &Permit<act::WriteKeys>, put: &PutKey) -> Result<EditAnswer, CoreError> {
        let (cluster, key) = about(permit, &put.key)?;
        check_name(key, "key")?;
        let sent = put.clone();
        let value = unhurried(move || value_of(&sent)).await??;
        let seen = narrow(put.seen);
        let before = match self.as_seen(permit.actor(), cluster, key, seen).await? {
            Seen::Yes(before) => before,
            Seen::No(answer) => return Ok(*answer),
        };
        let lease = lease_of(put, before.is_some())?;
        let edit = Self::put_of(permit.actor(), cluster, "key.put", key, before, (value, lease));
        self.send_edit(edit).await
    }

    /// Makes the permit's key what it was at a revision. Its lease stays; a key that is made anew gets none.
    ///
    /// # Errors
    /// `Invalid` at `revision` when the key was not there then; as [`Self::put_key`], and when the revision is compacted.
    pub async fn restore_key(
        &self,
        permit: &Permit<act::WriteKeys>,
        restore: &RestoreKey,
    ) -> Result<EditAnswer, CoreError> {
        let (cluster, key) = about(permit, &restore.key)?;
        let wanted = narrow(restore.revision);
        if wanted == 0 {
            return Err(Problem::field("revision", "Say the revision whose value the key gets").into());
        }
        let before = match self.as_seen(permit.actor(), cluster, key, narrow(restore.seen)).await? {
            Seen::Yes(before) => before,
            Seen::No(answer) => return Ok(*answer),
        };
        let (then, _) = self.read_key(cluster, key.as_bytes(), wanted).await?;
        let Some(then) = then else {
            return Err(Problem::field("revision", format!("The key was not there at revision {wanted}")).into());
        };
        let lease = if before.is_some() { PutLease::Keep } else { PutLease::None };
        let mut edit = Self::put_of(permit.actor(), cluster, "key.restore", key, before, (then.value, lease));
        edit.detail = format!("as of revision {wanted}");
        self.send_edit(edit).await
    }

    /// Takes the permit's key away, if it is still as its author saw it.
    ///
    /// # Errors
    /// As [`Self::put_key`].
    pub async fn delete_key(
        &self,
        permit: &Permit<act::DeleteKeys>,
        delete: &DeleteKey,
    ) -> Result<EditAnswer, CoreError> {
        let (cluster, key) = about(permit, &delete.key)?;
        let seen = narrow(delete.seen);
        if seen == 0 {
            return Err(Problem::field("seen", "Say the revision at which you saw the key").into());
        }
        let before = match self.as_seen(permit.actor(), cluster, key, seen).await? {
            Seen::Yes(before) => before,
            Seen::No(answer) => return Ok(*answer),
        };
        let seen = vec![(key.0.clone(), seen)];
        let change = Change { seen, writes: vec![Write::Delete { key: key.0.clone() }] };
        self.send_edit(Edit {
            actor: permit.actor().clone(),
            cluster: cluster.clone(),
            action: "key.delete",
            key: key.clone(),
            detail: String::new(),
            before,
            keep: true,
            change,
            takes_back: None,
            note: String::new(),
        })
        .await
    }

    /// Gives what is at the key of `from` the name of `to`, which must be free, in one transaction; its lease goes along. The
    /// value can be read at its new name, so a rename takes the right to read it, and a masked one stays masked.
    ///
    /// # Errors
    /// `Forbidden` for a rename of a key whose value is not the actor's to read; `Invalid` at `from` or `to`; as
    /// [`Self::put_key`].
    pub async fn move_key(
        &self,
        from: &MovePermit,
        to: &Permit<act::WriteKeys>,
        r#move: &MoveKey,
    ) -> Result<EditAnswer, CoreError> {
        let (actor, (cluster, key)) = match from {
            MovePermit::Copy(permit) => (permit.actor(), about(permit, &r#move.from)?),
            MovePermit::Rename(permit) => (permit.actor(), about(permit, &r#move.from)?),
        };
        let (into, name) = about(to, &r#move.to)?;
        if into != cluster || matches!(from, MovePermit::Copy(_)) != r#move.keep {
            return Err(CoreError::internal("the permits of a move are for another one"));
        }
        check_name(name, "to")?;
        let seen = narrow(r#move.seen);
        if seen == 0 {
            return Err(Problem::field("seen", "Say the revision at which you saw the key").into());
        }
        if key == name {
            return Err(Problem::field("to", "This is the name that it has").into());
        }
        self.check_carried(actor, cluster, key, name).await?;
        let pair = match self.as_seen(actor, cluster, key, seen).await? {
            Seen::Yes(Some(pair)) => pair,
            Seen::Yes(None) => return Err(Problem::field("from", "There is no such key").into()),
            Seen::No(answer) => return Ok(*answer),
        };
        self.check_free(cluster, name).await?;
        let edit = move_of(actor, cluster, pair, name, r#move.keep, self.key_in_audit(cluster, name).await?);
        let answer = self.send_edit(edit).await?;
        if answer.outcome == EditOutcome::Lost {
            self.check_free(cluster, name).await?;
        }
        Ok(answer)
    }

    /// Whether the value of `key` may come to be at `name`.
    async fn check_carried(&self, actor: &Actor, cluster: &ClusterId, key: &Key, name: &Key) -> Result<(), CoreError> {
        if !may(actor, Action::ReadValues, cluster, key.as_bytes()) {
            let why = "A rename carries the value along: it takes the right to read it";
            let object = self.key_object(cluster, key).await?;
            self.record_denial(actor, "key.move", &object, why).await;
            return Err(Problem::new(ProblemKind::Forbidden, why).into());
        }
        let settings = self.key_settings_of(cluster).await?;
        if settings.masks(key.as_bytes()) && !settings.masks(name.as_bytes()) {
            let why =
                "The value is masked, and under this name it would not be: choose a name whose value is masked too";
            return Err(Problem::field("to", why).into());
        }
        Ok(())
    }

    async fn check_free(&self, cluster: &ClusterId, name: &Key) -> Result<(), CoreError> {
        match self.read_key(cluster, name.as_bytes(), 0).await? {
            (None, _) => Ok(()),
            (Some(_), _) => {
                Err(Problem::field("to", "There is a key of this name already; nothing was changed").into())
            }
        }
    }

    /// What is at `key` now, if its revision is `seen`.
    pub(super) async fn as_seen(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        key: &Key,
        seen: i64,
    ) -> Result<Seen, CoreError> {
        let (there, revision) = self.read_key(cluster, key.as_bytes(), 0).await?;
        if there.as_ref().map_or(0, |pair| pair.mod_revision) == seen {
            return Ok(Seen::Yes(there));
        }
        let answer = self.lost(actor, cluster, key, revision, String::new()).await?;
        Ok(Seen::No(Box::new(answer)))
    }

    /// The change that writes `value` over `before`.
    pub(super) fn put_of(
        actor: &Actor,
        cluster: &ClusterId,
        action: &'static str,
        key: &Key,
        before: Option<Pair>,
        (value, lease): (Vec<u8>, PutLease),
    ) -> Edit {
        let seen = vec![(key.0.clone(), before.as_ref().map_or(0, |pair| pair.mod_revision))];
        Edit {
            actor: actor.clone(),
            cluster: cluster.clone(),
            action,
            key: key.clone(),
            detail: String::new(),
            keep: before.is_some(),
            before,
            change: Change { seen, writes: vec![Write::Put { key: key.0.clone(), value, lease }] },
            takes_back: None,
            note: String::new(),
        }
    }
}

/// Whether a key is as its author saw it.
pub(super) enum Seen {
    /// It is; what is there.
    Yes(Option<Pair>),
    /// The answer that says what is there instead.
    No(Box<EditAnswer>),
}

/// Cluster and key of a permit, which must be the key that was asked for.
pub(super) fn about<'a, A: Act>(permit: &'a Permit<A>, asked: &'a Key) -> Result<(&'a ClusterId, &'a Key), CoreError> {
    match permit.scope() {
        Scope::Keys(cluster, key) if *key == asked.0 => {
            if key.is_empty() {
                return Err(Problem::field("key", "Give the key: etcd knows no empty one").into());
            }
            Ok((cluster, asked))
        }
        _ => Err(CoreError::internal("a permit for a key was asked for another one")),
    }
}

fn move_of(actor: &Actor, cluster: &ClusterId, pair: Pair, name: &Key, keep: bool, told: String) -> Edit {
    let lease = if pair.lease == 0 { PutLease::None } else { PutLease::Of(pair.lease) };
    let mut writes = vec![Write::Put { key: name.0.clone(), value: pair.value.clone(), lease }];
    if !keep {
        writes.push(Write::Delete { key: pair.key.clone() });
    }
    let note =
        if keep { "" } else { "Taking this back puts the old name back; the new one stays until it is deleted." };
    Edit {
        actor: actor.clone(),
        cluster: cluster.clone(),
        action: "key.move",
        key: Key(pair.key.clone()),
        detail: format!("{} {told}", if keep { "copied to" } else { "renamed to" }),
        keep: !keep,
        change: Change { seen: vec![(pair.key.clone(), pair.mod_revision), (name.0.clone(), 0)], writes },
        before: Some(pair),
        takes_back: None,
        note: note.to_owned(),
    }
}

fn check_name(key: &Key, field: &str) -> Result<(), CoreError> {
    let size = key.0.len();
    if size > KEY_MAX {
        let told = format!("The key has {size} bytes; the console writes keys of at most {KEY_MAX}");
        return Err(Problem::field(field, told).into());
    }
    Ok(())
}

/// The bytes that are to be written.
fn value_of(put: &PutKey) -> Result<Vec<u8>, CoreError> {
    let value = match put.encoding {
        Encoding::Text => put.value.clone().into_bytes(),
        Encoding::Base64 => BASE64_STANDARD.decode(&put.value).map_err(|bad| {
            Problem::field("value", format!("This is no base64 (RFC 4648, with padding): {}", place(&bad)))
        })?,
    };
    let size = value.len();
    if size > VALUE_MAX {
        let told = format!(
            "The value has {size} bytes; at most {VALUE_MAX} fit into a request, which is what etcd takes unless its \
             --max-request-bytes says otherwise. Nothing was sent"
        );
        return Err(Problem::field("value", told).into());
    }
    if put.syntax != Syntax::Any {
        forms::check(&value, put.syntax).map_err(|error| Problem::invalid(vec![error]))?;
    }
    Ok(value)
}

/// Where base64 is none. The library's own words would show bytes of the value.
fn place(bad: &base64::DecodeError) -> String {
    match bad {
        base64::DecodeError::InvalidByte(at, _) => format!("the character after {at} does not belong to it"),
        base64::DecodeError::InvalidLastSymbol(at, _) => format!("its end, after {at} characters, is cut off"),
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => "its end is cut off".to_owned(),
    }
}

fn lease_of(put: &PutKey, exists: bool) -> Result<PutLease, CoreError> {
    match (put.lease, put.lease_id) {
        (LeaseChoice::Keep, _) if exists => Ok(PutLease::Keep),
        (LeaseChoice::Keep | LeaseChoice::Drop, _) => Ok(PutLease::None),
        (LeaseChoice::Set, Some(id)) if id.0 != 0 => Ok(PutLease::Of(id.0.cast_signed())),
        (LeaseChoice::Set, _) => Err(Problem::field("lease_id", "Say which lease the key gets, or choose none").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{LeaseId, wide::Wide};

    fn put(value: &str) -> PutKey {
        PutKey {
            key: Key::raw("a"),
            seen: Wide(0),
            value: value.into(),
            encoding: Encoding::Text,
            syntax: Syntax::Any,
            lease: LeaseChoice::Keep,
            lease_id: None,
        }
    }

    fn at_field(error: CoreError) -> (String, String) {
        let CoreError::Problem(problem) = error else { panic!("a problem") };
        (problem.fields[0].field.clone(), problem.title)
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_both_sizes() {
        let (field, told) = at_field(value_of(&put(&"x".repeat(VALUE_MAX + 1))).expect_err("too large"));
        assert_eq!(field, "value");
        assert!(told.contains("1568769") && told.contains("1568768") && told.contains("--max-request-bytes"), "{told}");
        assert_eq!(value_of(&put(&"x".repeat(VALUE_MAX))).expect("it fits").len(), VALUE_MAX);
        assert_eq!(value_of(&put("")).expect("empty"), b"");
    }

    #[test]
    fn base64_that_is_none_is_told_without_its_bytes() {
        let wrong = PutKey { encoding: Encoding::Base64, ..put("AA§A") };
        let (field, told) = at_field(value_of(&wrong).expect_err("no base64"));
        assert_eq!((field.as_str(), told.contains("after 2 "), told.contains('§')), ("value", true, false), "{told}");
        let bytes = PutKey { encoding: Encoding::Base64, ..put("AP8=") };
        assert_eq!(value_of(&bytes).expect("bytes"), [0, 0xff]);
    }

    #[test]
    fn a_lease_is_kept_only_where_there_is_a_key_and_set_only_when_it_is_named() {
        assert_eq!(lease_of(&put(""), true).expect("kept"), PutLease::Keep);
        assert_eq!(lease_of(&put(""), false).expect("new"), PutLease::None);
        let set = |lease_id| PutKey { lease: LeaseChoice::Set, lease_id, ..put("") };
        assert_eq!(lease_of(&set(Some(LeaseId(u64::MAX))), true).expect("set"), PutLease::Of(-1));
        for missing in [None, Some(LeaseId(0))] {
            assert_eq!(at_field(lease_of(&set(missing), true).expect_err("which?")).0, "lease_id");
        }
    }

    #[test]
    fn a_key_longer_than_the_limit_is_refused_at_its_field() {
        assert!(check_name(&Key(vec![b'a'; KEY_MAX]), "key").is_ok());
        assert_eq!(at_field(check_name(&Key(vec![b'a'; KEY_MAX + 1]), "to").expect_err("long")).0, "to");
    }
}
