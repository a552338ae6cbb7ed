//! Who is in the cluster, as one member says. Invariant: the list is sorted by id, so that lists of several members can
//! be compared; whose list counts is decided by whoever compares them.

use crate::{error::EtcdError, wire};
use quorate_domain::MemberId;
use sha1::{Digest, Sha1};

/// What a list may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// The member's own knowledge: always answered, and stale on a partitioned member.
    Serializable,
    /// Confirmed by a majority at the moment of asking; hangs until its deadline without quorum. etcd before 3.5 does
    /// not know the difference and answers from its own knowledge.
    Linearizable,
}

/// One member as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMember {
    /// Id.
    pub id: MemberId,
    /// Name; empty until it starts for the first time.
    pub name: String,
    /// Peer URLs, sorted.
    pub peer_urls: Vec<String>,
    /// Client URLs, sorted; empty until it starts for the first time.
    pub client_urls: Vec<String>,
    /// Whether it only learns.
    pub is_learner: bool,
}

/// The members of a cluster in one member's opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// The cluster.
    pub cluster_id: u64,
    /// Its members by id.
    pub members: Vec<ListedMember>,
}

impl MemberList {
    /// Whether both lists mean the same cluster with the same members, votes and peer URLs. Names and client URLs are
    /// left out: members publish those later, and nothing of raft depends on them.
    pub fn same_membership(&self, other: &Self) -> bool {
        fn key(m: &ListedMember) -> (MemberId, bool, &[String]) {
            (m.id, m.is_learner, &m.peer_urls)
        }
        self.cluster_id == other.cluster_id && self.members.iter().map(key).eq(other.members.iter().map(key))
    }

    /// The ids that vote.
    pub fn voters(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.members.iter().filter(|m| !m.is_learner).map(|m| m.id)
    }

    pub(crate) fn read(reply: wire::MemberListResponse) -> Result<Self, EtcdError> {
        let header = reply.header.ok_or_else(|| EtcdError::Malformed("a member list without header".into()))?;
        let sorted = |mut urls: Vec<String>| {
            urls.sort();
            urls
        };
        let mut members: Vec<ListedMember> = reply
            .members
            .into_iter()
            .map(|m| ListedMember {
                id: MemberId(m.id),
                name: m.name,
                peer_urls: sorted(m.peer_urls),
                client_urls: sorted(m.client_urls),
                is_learner: m.is_learner,
            })
            .collect();
        members.sort_by_key(|m| m.id);
        Ok(Self { cluster_id: header.cluster_id, members })
    }
}

/// The id etcd gives to a member of `initial-cluster` when the cluster is born: known before it ever answers. Members
/// added later get another one (etcd mixes the time in).
pub fn bootstrap_member_id(peer_urls: &[String], token: &str) -> MemberId {
    let mut sorted: Vec<&str> = peer_urls.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    sorted.iter().for_each(|url| hash.update(url));
    hash.update(token);
    let digest: [u8; 20] = hash.finalize().into();
    MemberId(digest[..8].iter().fold(0, |id, &byte| (id << 8) | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, name: &str, learner: bool) -> ListedMember {
        ListedMember {
            id: MemberId(id),
            name: name.into(),
            peer_urls: vec![format!("http://10.0.0.{id}:2380")],
            client_urls: Vec::new(),
            is_learner: learner,
        }
    }

    #[test]
    fn lists_agree_on_votes_and_not_on_names() {
        let list = |members: Vec<ListedMember>| MemberList { cluster_id: 7, members };
        let known = list(vec![member(1, "a", false), member(2, "b", true)]);
        assert!(known.same_membership(&list(vec![member(1, "a", false), member(2, "", true)])));
        assert!(!known.same_membership(&list(vec![member(1, "a", false), member(2, "b", false)])));
        assert!(!known.same_membership(&list(vec![member(1, "a", false)])));
        assert!(!known.same_membership(&MemberList { cluster_id: 8, ..known.clone() }));
        assert_eq!(known.voters().collect::<Vec<_>>(), [MemberId(1)]);
    }

    #[test]
    fn a_list_is_sorted_whatever_the_order_it_comes_in() {
        let raw = |id| wire::Member { id, peer_urls: vec!["b".into(), "a".into()], ..Default::default() };
        let reply = wire::MemberListResponse { header: Some(Default::default()), members: vec![raw(9), raw(3)] };
        let list = MemberList::read(reply).expect("list");
        assert_eq!(list.members.iter().map(|m| m.id.0).collect::<Vec<_>>(), [3, 9]);
        assert_eq!(list.members[0].peer_urls, ["a", "b"]);
        assert!(MemberList::read(wire::MemberListResponse::default()).is_err());
    }
}
