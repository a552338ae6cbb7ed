//! Changes of membership and leadership. Invariant: right before each request the cluster is looked at and the rules of
//! quorum are asked; a request whose answer was lost is never repeated without looking; done is what the confirmed list
//! shows.

use super::{Executor, SAID_EVERY};
use crate::{
    effect::{ClusterTarget, MemberCall, MemberRef, MemberTarget, Place},
    error::OperationError,
    observe::{Observed, stranger},
};
use quorate_domain::{MemberId, cluster::MemberRole, quorum::Change};
use quorate_etcd::{EtcdError, ListedMember, MemberClient};
use std::time::{Duration, Instant};

/// What one request may take; adding and removing wait for a majority.
const DEADLINE: Duration = Duration::from_secs(5);
/// Between a refusal that passes and the next try.
const PAUSE: Duration = Duration::from_millis(250);

impl Executor {
    /// Carries `call` through, or finds that it is done.
    ///
    /// # Errors
    /// The rules refuse it, etcd does, or it was not seen to have happened in time.
    pub(super) async fn member_call(
        &self,
        place: &Place,
        cluster: &ClusterTarget,
        call: &MemberCall,
        limit: Duration,
    ) -> Result<(), OperationError> {
        let begun = Instant::now();
        let (mut sent, mut said) = (false, None::<Instant>);
        loop {
            let last = match self.planner.observe(cluster).await {
                Err(why) => why,
                Ok(seen) => {
                    let Some(change) = call.change(&seen).map_err(OperationError::Verify)? else {
                        let done = if sent { "done" } else { "already so" };
                        self.say(place, format!("{done}: {}", call.words()));
                        return Ok(());
                    };
                    let ruling = seen.roster.judge(&change);
                    let words = ruling.words();
                    if let Some(why) = ruling.refused.filter(|_| !call.accepted(&seen)) {
                        return Err(OperationError::Verify(why));
                    }
                    if !sent {
                        self.say(place, format!("$ etcdctl {}", call.words()));
                        self.say(place, words);
                    }
                    sent = true;
                    match self.request(cluster, &seen, call, &change).await {
                        Ok(()) => continue,
                        Err(error) if error.passes() => error.to_string(),
                        Err(error) => return Err(OperationError::Verify(told(call, &error))),
                    }
                }
            };
            if begun.elapsed() >= limit {
                return Err(OperationError::Waited { seconds: limit.as_secs().try_into().unwrap_or(u32::MAX), last });
            }
            if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
                self.say(place, format!("waiting: {last}"));
                said = Some(Instant::now());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn request(
        &self,
        cluster: &ClusterTarget,
        seen: &Observed,
        call: &MemberCall,
        change: &Change,
    ) -> Result<(), EtcdError> {
        let client = self.through(cluster, seen, change).await?;
        match (change, call) {
            (Change::AddLearner, _) => client.add_learner(&call.member().peer_url, DEADLINE).await,
            (Change::Promote(id), _) => client.promote(*id, DEADLINE).await,
            (Change::Remove(id), _) => client.remove(*id, DEADLINE).await,
            (Change::MoveLeader(id), _) => client.move_leader(*id, DEADLINE).await,
            (Change::Restart(id), MemberCall::UpdatePeer { to, .. }) => client.update_peer_url(*id, to, DEADLINE).await,
            // A restart alone is a command on a host, and no request.
            (Change::Restart(_), _) => Ok(()),
        }
    }

    /// The leader, because it alone promotes and hands over, and knows first; for the removal of the leader another voter.
    async fn through(
        &self,
        cluster: &ClusterTarget,
        seen: &Observed,
        change: &Change,
    ) -> Result<MemberClient, EtcdError> {
        let leaving = |id: MemberId| *change == Change::Remove(id);
        let healthy = seen.roster.members.iter().filter(|m| m.role == MemberRole::Voter && m.healthy && !leaving(m.id));
        let chosen = healthy.max_by_key(|m| Some(m.id) == seen.roster.leader);
        let listed = chosen.and_then(|m| seen.list.members.iter().find(|l| l.id == m.id)).ok_or(EtcdError::NoLeader)?;
        let target = seen.places.get(&listed.id).cloned().unwrap_or_else(|| target_of(cluster, listed));
        let client = self.planner.client(cluster, &target).await;
        client.map_err(|why| EtcdError::BadUrl { url: target.client_url, reason: why })
    }

    /// Whether `member` has nearly all of the leader's log; the error says how much is missing.
    pub(super) async fn caught_up(
        &self,
        cluster: &ClusterTarget,
        member: &MemberRef,
        entries: u64,
    ) -> Result<(), String> {
        let seen = self.planner.observe(cluster).await?;
        let listed = seen.find(member).ok_or_else(|| format!("{} is not in the cluster", member.name))?;
        if !listed.is_learner {
            return Ok(());
        }
        let Some((behind, of)) = seen.lag(listed.id) else {
            let why = seen.silent.get(&listed.id).map_or("no leader is known", String::as_str);
            return Err(format!("{}: {why}", member.name));
        };
        // etcd itself passes at nine tenths; asking below that only makes it refuse.
        if behind <= entries && behind <= of / 10 {
            return Ok(());
        }
        let percent = (of - behind) * 100 / of.max(1);
        Err(format!("{} has {percent} % of the leader's {of} raft entries, {behind} are missing", member.name))
    }

    /// Whether the others keep quorum while `member` is down.
    pub(super) async fn can_stop(&self, cluster: &ClusterTarget, member: &MemberRef) -> Result<(), String> {
        let seen = self.planner.observe(cluster).await?;
        let Some(listed) = seen.find(member) else { return Ok(()) };
        seen.roster.judge(&Change::Restart(listed.id)).refused.map_or(Ok(()), Err)
    }
}

/// Where a listed member is reached: as planned, or where it says by itself.
fn target_of(cluster: &ClusterTarget, listed: &ListedMember) -> MemberTarget {
    let planned = cluster.members.iter().find(|m| listed.peer_urls.contains(&m.peer_url));
    planned.cloned().unwrap_or_else(|| stranger(listed))
}

/// etcd's refusals that a person has to act on, in words.
fn told(call: &MemberCall, error: &EtcdError) -> String {
    let text = error.to_string();
    let name = &call.member().name;
    if text.contains("too many learner members") {
        return format!("The cluster has a learner already: promote or remove it first ({text})");
    }
    if text.contains("re-configuration failed due to not enough started members") {
        return format!("Too few members are started for {name} to join or leave safely ({text})");
    }
    if text.contains("Peer URLs already exists") {
        return format!("Another member has this peer URL: undo, and give {name} another one ({text})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{HostId, cluster::Reach};

    #[test]
    fn a_member_is_reached_where_the_plan_says_and_a_stranger_where_it_says_itself() {
        let planned = MemberTarget {
            name: "m1".into(),
            host: Some(HostId::from_random([1; 10])),
            client_url: "http://planned:2379".into(),
            peer_url: "http://10.0.0.1:2380".into(),
            loopback: false,
        };
        let cluster =
            ClusterTarget { name: "demo".into(), reach: Reach::Direct, access: None, members: vec![planned.clone()] };
        let listed = |peer: &str| ListedMember {
            id: MemberId(1),
            name: "x".into(),
            peer_urls: vec![peer.into()],
            client_urls: vec!["http://own:2379".into()],
            is_learner: false,
        };
        assert_eq!(target_of(&cluster, &listed("http://10.0.0.1:2380")), planned);
        assert_eq!(target_of(&cluster, &listed("http://10.0.0.9:2380")).client_url, "http://own:2379");
    }
}
