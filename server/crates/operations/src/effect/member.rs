//! Changes of who is in a cluster and who leads, as data. Invariant: each says by itself what it would change in the
//! cluster as observed, or that it is done already; whether that is safe is `domain::quorum`'s to say.

use crate::observe::Observed;
use quorate_domain::{MemberId, cluster::MemberRole, quorum::Change};
use serde::{Deserialize, Serialize};

/// What etcd does to a learner whose peer URL is updated, before it was mended.
pub(crate) const LEARNER_PROMOTED: &str =
    "etcd before 3.5.31 and 3.6.12 makes a learner a voter when its peer URL is updated, without a word";

/// A member of a cluster as a plan names it. One that is not in the cluster yet has no id: etcd gives it when it is added,
/// and until then it is known by its peer URL. One that is gives its id, so that a later member at the same URL is never
/// taken for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRef {
    /// Its name, for people.
    pub name: String,
    /// Its id, where it had one when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<MemberId>,
    /// Its peer URL.
    pub peer_url: String,
    /// Its client URL, for runbooks.
    pub client_url: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberCall {
    /// A new member joins as a learner.
    AddLearner(MemberRef),
    /// A learner gets a vote.
    Promote(MemberRef),
    /// A member leaves.
    Remove(MemberRef),
    /// This voter takes the lead.
    MoveLeader(MemberRef),
    /// Another healthy voter takes the lead, if this member has it.
    StepAside(MemberRef),
    /// The others reach a member at another peer URL from then on; it listens there after its next start.
    UpdatePeer {
        /// The member.
        member: MemberRef,
        /// Its only peer URL from then on.
        to: String,
        /// A person declared, by typing the cluster's name, that writes may stop meanwhile, because no voter is to spare.
        #[serde(default)]
        outage: bool,
    },
}

impl MemberCall {
    /// Whom it is about.
    pub fn member(&self) -> &MemberRef {
        match self {
            Self::AddLearner(m) | Self::Promote(m) | Self::Remove(m) | Self::MoveLeader(m) | Self::StepAside(m) => m,
            Self::UpdatePeer { member, .. } => member,
        }
    }

    /// Whether a person accepted that this stops writes for a moment, in a cluster that has no voter to spare at its best.
    pub fn accepted(&self, seen: &Observed) -> bool {
        let t = seen.roster.tolerance();
        matches!(self, Self::UpdatePeer { outage: true, .. }) && t.voters <= 2 && t.has_quorum()
    }

    /// What it would change in the cluster as `seen`; none when that is so already.
    ///
    /// # Errors
    /// It makes no sense there, in words.
    pub fn change(&self, seen: &Observed) -> Result<Option<Change>, String> {
        let who = self.member();
        let listed = seen.find(who);
        let missing = || format!("{} is not a member of the cluster any more; review again", who.name);
        Ok(match (self, listed) {
            (Self::AddLearner(_), None) => Some(Change::AddLearner),
            (Self::AddLearner(_), Some(_)) | (Self::Remove(_) | Self::StepAside(_), None) => None,
            (Self::Promote(_) | Self::MoveLeader(_) | Self::UpdatePeer { .. }, None) => return Err(missing()),
            (Self::Promote(_), Some(m)) => m.is_learner.then_some(Change::Promote(m.id)),
            (Self::Remove(_), Some(m)) => Some(Change::Remove(m.id)),
            (Self::MoveLeader(_), Some(m)) => (seen.roster.leader != Some(m.id)).then_some(Change::MoveLeader(m.id)),
            (Self::UpdatePeer { to, .. }, Some(m)) if m.peer_urls == [to.as_str()] => None,
            (Self::UpdatePeer { .. }, Some(m)) if m.is_learner && !seen.updates_learners_safely() => {
                return Err(format!("{} is a learner, and {LEARNER_PROMOTED}", who.name));
            }
            // While the others look for it in one place and it listens in another, it may be lost to them.
            (Self::UpdatePeer { .. }, Some(m)) => Some(Change::Restart(m.id)),
            (Self::StepAside(_), Some(m)) if seen.roster.leader != Some(m.id) => None,
            (Self::StepAside(_), Some(m)) => {
                let next = seen.roster.next_leader(m.id);
                let alone = seen.roster.members.iter().filter(|m| m.role == MemberRole::Voter).count() == 1;
                match next {
                    Some(next) => Some(Change::MoveLeader(next.id)),
                    // The only voter has nobody to hand the lead to.
                    None if alone => None,
                    None => return Err(format!("No other voter is healthy, so {} has to keep the lead", who.name)),
                }
            }
        })
    }

    /// As etcdctl says it.
    pub fn words(&self) -> String {
        let id = |m: &MemberRef| m.id.map_or_else(|| format!("<id of {}>", m.name), |id| id.to_string());
        match self {
            Self::AddLearner(m) => format!("member add {} --learner --peer-urls={}", m.name, m.peer_url),
            Self::Promote(m) => format!("member promote {}  # {}", id(m), m.name),
            Self::Remove(m) => format!("member remove {}  # {}", id(m), m.name),
            Self::MoveLeader(m) => format!("move-leader {}  # to {}", id(m), m.name),
            Self::StepAside(m) => format!("move-leader <another healthy voter>  # if {} leads", m.name),
            Self::UpdatePeer { member: m, to, .. } => {
                format!("member update {} --peer-urls={to}  # {}", id(m), m.name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::sample;
    use quorate_etcd::ListedMember;

    fn update(seen: &Observed, i: usize, to: &str) -> MemberCall {
        let ListedMember { id, name, peer_urls, .. } = seen.list.members[i].clone();
        let member = MemberRef { name, id: Some(id), peer_url: peer_urls[0].clone(), client_url: String::new() };
        MemberCall::UpdatePeer { member, to: to.into(), outage: false }
    }

    #[test]
    fn another_peer_url_counts_as_a_restart_and_is_done_when_it_is_the_only_one() {
        let mut seen = sample::scene(3, &[]).seen.expect("seen");
        let call = update(&seen, 1, "http://10.77.0.12:2390");
        assert_eq!(call.change(&seen), Ok(Some(Change::Restart(MemberId(2)))));
        seen.list.members[1].peer_urls.push("http://10.77.0.12:2390".into());
        assert_eq!(call.change(&seen), Ok(Some(Change::Restart(MemberId(2)))), "the old one is there still");
        seen.list.members[1].peer_urls.remove(0);
        assert_eq!(call.change(&seen), Ok(None), "found by its id");
        seen.list.members.remove(1);
        assert!(call.change(&seen).is_err());
    }

    #[test]
    fn a_learner_keeps_its_peer_url_until_every_etcd_leaves_it_a_learner() {
        let mut seen = sample::learner(3, "3.5.30").seen.expect("seen");
        let call = update(&seen, 2, "http://10.77.0.13:2390");
        assert!(call.change(&seen).expect_err("refused").contains("before 3.5.31"));
        seen.answers.clear();
        assert!(call.change(&seen).is_err(), "no version is known");
        let seen = sample::learner(3, "3.5.31").seen.expect("seen");
        assert_eq!(call.change(&seen), Ok(Some(Change::Restart(MemberId(3)))));
    }

    #[test]
    fn an_outage_is_accepted_only_where_no_voter_can_be_to_spare() {
        let accepted = |size, down: &[u8], outage| {
            let seen = sample::scene(size, down).seen.expect("seen");
            let MemberCall::UpdatePeer { member, to, .. } = update(&seen, 0, "x") else { return false };
            MemberCall::UpdatePeer { member, to, outage }.accepted(&seen)
        };
        assert!(accepted(1, &[], true) && accepted(2, &[], true));
        assert!(!accepted(2, &[], false) && !accepted(3, &[], true) && !accepted(2, &[2], true));
    }
}
