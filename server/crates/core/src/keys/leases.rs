//! Leases: which there are, what hangs on them, and their beginning and end. Invariant: keys that somebody may not see are
//! counted and not named; a lease is ended only by whoever may delete every key that goes with it, and the audit row says
//! how many went.

use super::{edit::read::ANSWER, rules::may};
use crate::{
    actor::Actor,
    audit::AuditDraft,
    console::Console,
    error::CoreError,
    keys::client::key_problem,
    permit::{Permit, act},
};
use futures::{StreamExt, TryStreamExt, stream};
use quorate_domain::{
    Action, ClusterId, LeaseId, Problem, ProblemKind,
    audit::AuditOutcome,
    keys::{GrantLease, Key, Lease},
};
use quorate_etcd::{EtcdError, LeaseReply};
use quorate_keys::Visible;

/// Leases that are asked for what hangs on them; of the others only the ids are told.
const ASKED: usize = 500;
/// How many are asked at once.
const AT_ONCE: usize = 16;
/// Keys of each lease in the list.
const KEYS_LISTED: usize = 20;
/// Keys of a lease that is looked at by itself.
const KEYS_SHOWN: usize = 1000;
/// etcd's limit (`lease.MaxLeaseTTL`), in seconds.
const TTL_MAX: i64 = 9_000_000_000;

impl Console {
    /// The leases of the permit's cluster, by id. The first 500 with time and keys (20 of each); the others have 0 for both, as
    /// have those of which etcd tells the console's user nothing, because one of their keys is not that user's.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn leases(&self, permit: &Permit<act::ViewKeys>) -> Result<Vec<Lease>, CoreError> {
        let cluster = permit.cluster()?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let client = self.key_client(cluster).await?;
        let mut ids = client.member().leases(ANSWER).await.map_err(key_problem)?;
        ids.sort_unstable_by_key(|id| id.cast_unsigned());
        let rest = ids.split_off(ids.len().min(ASKED));
        let asked = ids.into_iter().map(|id| {
            let member = client.member().clone();
            async move { if_told(id, member.lease(id, true, ANSWER).await) }
        });
        let known: Vec<LeaseReply> = stream::iter(asked).buffered(AT_ONCE).try_collect().await.map_err(key_problem)?;
        // One that has ended since the ids were read is none any more.
        let known = known.into_iter().filter(|lease| lease.ttl >= 0).map(|lease| shown(lease, &visible, KEYS_LISTED));
        let rest = rest.into_iter().map(|id| Lease {
            id: LeaseId(id.cast_unsigned()),
            ttl: 0,
            granted: 0,
            keys: Vec::new(),
            key_count: 0,
        });
        Ok(known.chain(rest).collect())
    }

    /// One lease of the permit's cluster with up to 1000 of its keys.
    ///
    /// # Errors
    /// `NotFound` when it has ended or never was.
    pub async fn lease(&self, permit: &Permit<act::ViewKeys>, id: LeaseId) -> Result<Lease, CoreError> {
        let cluster = permit.cluster()?;
        let visible = self.visible_to(permit.actor(), cluster).await?;
        let reply = self.read_lease(cluster, id).await?.ok_or_else(|| gone(id))?;
        Ok(shown(reply, &visible, KEYS_SHOWN))
    }

    /// Makes a lease in the permit's cluster.
    ///
    /// # Errors
    /// `Invalid` at `ttl`; the cluster does not answer, and then there may be a lease that nobody uses and that ends by itself.
    pub async fn grant_lease(&self, permit: &Permit<act::WriteKeys>, grant: &GrantLease) -> Result<Lease, CoreError> {
        let (cluster, actor) = (permit.cluster()?, permit.actor());
        if !(1..=TTL_MAX).contains(&grant.ttl) {
            return Err(Problem::field("ttl", format!("A lease lives for 1 to {TTL_MAX} seconds")).into());
        }
        let client = self.key_client(cluster).await?;
        let (object, told) = (self.cluster_object(cluster).await?, format!("{} s", grant.ttl));
        self.record(AuditDraft::by(actor, "lease.grant", &object).detail(&told)).await?;
        match client.member().grant_lease(grant.ttl, ANSWER).await {
            Ok(id) => {
                let id = LeaseId(id.cast_unsigned());
                self.record(AuditDraft::by(actor, "lease.grant", &object).detail(&format!("{told}, lease {id}")))
                    .await?;
                Ok(Lease { id, ttl: grant.ttl, granted: grant.ttl, keys: Vec::new(), key_count: 0 })
            }
            Err(error) => Err(self.refused(AuditDraft::by(actor, "lease.grant", &object), error).await?),
        }
    }

    /// Lets a lease of the permit's cluster begin anew once.
    ///
    /// # Errors
    /// `NotFound` when it has ended; `Forbidden` when the actor may not write one of its keys.
    pub async fn keep_lease_alive(&self, permit: &Permit<act::WriteKeys>, id: LeaseId) -> Result<Lease, CoreError> {
        let (cluster, actor) = (permit.cluster()?, permit.actor());
        let visible = self.visible_to(actor, cluster).await?;
        let lease = self.read_lease(cluster, id).await?.ok_or_else(|| gone(id))?;
        let (object, told) = (self.cluster_object(cluster).await?, format!("lease {id}"));
        if let Some(why) = not_mine(actor, Action::WriteKeys, cluster, &lease) {
            self.record_denial(actor, "lease.keep_alive", &object, &format!("{told}: {why}")).await;
            return Err(Problem::new(ProblemKind::Forbidden, why).into());
        }
        let client = self.key_client(cluster).await?;
        self.record(AuditDraft::by(actor, "lease.keep_alive", &object).detail(&told)).await?;
        match client.member().keep_lease_alive(id.0.cast_signed(), ANSWER).await {
            Ok(ttl) if ttl > 0 => {}
            Ok(_) => {
                let failed = AuditDraft::by(actor, "lease.keep_alive", &object).outcome(AuditOutcome::Failed);
                self.record(failed.detail(&format!("{told} has ended"))).await?;
                return Err(gone(id));
            }
            Err(error) => {
                return Err(self
                    .refused(AuditDraft::by(actor, "lease.keep_alive", &object).detail(&told), error)
                    .await?);
            }
        }
        let reply = self.read_lease(cluster, id).await?.ok_or_else(|| gone(id))?;
        Ok(shown(reply, &visible, KEYS_LISTED))
    }

    /// Ends a lease of the permit's cluster; its keys go with it, and nothing brings them back.
    ///
    /// # Errors
    /// `NotFound` when it has ended; `Forbidden` when the actor may not delete one of its keys; `Unreachable`, and whether it has
    /// ended is said.
    pub async fn revoke_lease(&self, permit: &Permit<act::DeleteKeys>, id: LeaseId) -> Result<(), CoreError> {
        let (cluster, actor) = (permit.cluster()?, permit.actor());
        let lease = self.read_lease(cluster, id).await?.ok_or_else(|| gone(id))?;
        let count = lease.keys.len();
        let told = format!("lease {id}, {count} {} with it", if count == 1 { "key goes" } else { "keys go" });
        let object = self.cluster_object(cluster).await?;
        let draft = || AuditDraft::by(actor, "lease.revoke", &object);
        if let Some(why) = not_mine(actor, Action::DeleteKeys, cluster, &lease) {
            self.record_denial(actor, "lease.revoke", &object, &format!("lease {id}: {why}")).await;
            return Err(Problem::new(ProblemKind::Forbidden, why).into());
        }
        self.record(draft().detail(&told)).await?;
        let client = self.key_client(cluster).await?;
        let Err(error) = client.member().revoke_lease(id.0.cast_signed(), ANSWER).await else { return Ok(()) };
        if error.is_silence() {
            client.silent();
        }
        // What became of an end whose answer was lost can be read; a lease that is gone is what was wanted.
        if error.is_lease_gone() || (error.may_have_happened() && self.read_lease(cluster, id).await?.is_none()) {
            return Ok(());
        }
        Err(self.refused(draft().detail(&told), error).await?)
    }

    /// Notes that etcd refused, and what a person is told of it.
    async fn refused(&self, draft: AuditDraft, error: EtcdError) -> Result<CoreError, CoreError> {
        self.record(draft.outcome(AuditOutcome::Failed)).await?;
        Ok(key_problem(error))
    }

    /// A lease with its keys; none when it has ended. Another member is asked when one is silent.
    async fn read_lease(&self, cluster: &ClusterId, id: LeaseId) -> Result<Option<LeaseReply>, CoreError> {
        let id = id.0.cast_signed();
        let reply = self.ask_for_keys(cluster, async |client| client.lease(id, true, ANSWER).await).await?;
        Ok(Some(reply).filter(|lease| lease.ttl >= 0))
    }
}

/// Why `actor` may not do `action` with all keys of a lease; none if it may.
fn not_mine(actor: &Actor, action: Action, cluster: &ClusterId, lease: &LeaseReply) -> Option<String> {
    let foreign = lease.keys.iter().filter(|key| !may(actor, action, cluster, key)).count();
    let what = if action == Action::DeleteKeys { "delete" } else { "write" };
    (foreign > 0).then(|| format!("{foreign} of the {} keys of this lease are not yours to {what}", lease.keys.len()))
}

/// One that etcd does not tell of is one that nothing is known of.
fn if_told(id: i64, answer: Result<LeaseReply, EtcdError>) -> Result<LeaseReply, EtcdError> {
    match answer {
        Err(error) if error.is_denied() => Ok(LeaseReply { id, ttl: 0, granted: 0, keys: Vec::new() }),
        answer => answer,
    }
}

fn gone(id: LeaseId) -> CoreError {
    Problem::new(ProblemKind::NotFound, format!("The lease {id} has ended, or never was")).into()
}

fn shown(reply: LeaseReply, visible: &Visible, most: usize) -> Lease {
    let key_count = reply.keys.len() as u64;
    let keys = reply.keys.into_iter().filter(|key| visible.shows(key)).take(most).map(Key).collect();
    Lease { id: LeaseId(reply.id.cast_unsigned()), ttl: reply.ttl, granted: reply.granted, keys, key_count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{Role, keys::KeyRule};
    use tonic::{Code, Status};

    #[test]
    fn a_lease_that_etcd_does_not_tell_of_is_listed_and_fails_no_list() {
        let denied = EtcdError::from(Status::new(Code::PermissionDenied, "etcdserver: permission denied"));
        let told = shown(if_told(7, Err(denied)).expect("a lease"), &Visible::all(), 1);
        assert_eq!((told.id, told.ttl, told.granted, told.key_count), (LeaseId(7), 0, 0, 0));
        assert!(if_told(7, Err(EtcdError::NoLeader)).is_err());
    }

    #[test]
    fn a_lease_is_kept_alive_and_ended_only_by_whom_all_its_keys_are() {
        let rule = KeyRule { cluster: None, prefix: Key::raw("/a/"), read: true, write: true, delete: false };
        let anna = Actor { role: Role::Operator, key_rules: vec![rule], ..Actor::cli() };
        let cluster = ClusterId::from_random([1; 10]);
        let lease = |keys: &[&str]| {
            let keys = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
            LeaseReply { id: 1, ttl: 5, granted: 9, keys }
        };
        assert!(not_mine(&anna, Action::WriteKeys, &cluster, &lease(&["/a/1"])).is_none());
        let why = not_mine(&anna, Action::WriteKeys, &cluster, &lease(&["/a/1", "/b/1"])).expect("a reason");
        assert_eq!(why, "1 of the 2 keys of this lease are not yours to write");
        assert!(not_mine(&anna, Action::DeleteKeys, &cluster, &lease(&["/a/1"])).is_some());
    }

    #[test]
    fn keys_that_may_not_be_seen_are_counted_and_not_named() {
        let keys = vec![b"/a/1".to_vec(), b"/b/1".to_vec(), b"/a/2".to_vec()];
        let reply = LeaseReply { id: -1, ttl: 5, granted: 9, keys };
        let lease = shown(reply, &Visible::of_prefixes([Key::raw("/a/")]), 1);
        assert_eq!((lease.keys, lease.key_count), (vec![Key::raw("/a/1")], 3));
        assert_eq!(lease.id.to_string(), "ffffffffffffffff");
    }
}
