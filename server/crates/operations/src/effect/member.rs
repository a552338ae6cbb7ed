//! Changes of who is in a cluster and who leads, as data. Invariant: each says by itself what it would change in the
//! cluster as observed, or that it is done already; whether that is safe is `domain::quorum`'s to say.

use crate::observe::Observed;
use quorate_domain::{MemberId, cluster::MemberRole, quorum::Change};
use serde::{Deserialize, Serialize};

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
}

impl MemberCall {
    /// Whom it is about.
    pub fn member(&self) -> &MemberRef {
        match self {
            Self::AddLearner(m) | Self::Promote(m) | Self::Remove(m) | Self::MoveLeader(m) | Self::StepAside(m) => m,
        }
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
            (Self::Promote(_) | Self::MoveLeader(_), None) => return Err(missing()),
            (Self::Promote(_), Some(m)) => m.is_learner.then_some(Change::Promote(m.id)),
            (Self::Remove(_), Some(m)) => Some(Change::Remove(m.id)),
            (Self::MoveLeader(_), Some(m)) => (seen.roster.leader != Some(m.id)).then_some(Change::MoveLeader(m.id)),
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
        }
    }
}
