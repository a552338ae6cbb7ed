//! What a membership step does to a cluster's votes, and whether it may be done. Invariant: no change that this file
//! allows, done to the members as observed, takes quorum from a cluster that has it; the engine asks again right
//! before each such step. Who observes, and how, lives in `operations::executor`.

use super::Tolerance;
use crate::{cluster::MemberRole, ids::MemberId};
use serde::{Deserialize, Serialize};

/// A member as the rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: MemberId,
    /// Its name, for words; empty until it starts for the first time.
    pub name: String,
    /// Voter or learner.
    pub role: MemberRole,
    /// Whether it answers and follows a leader, as observed now.
    pub healthy: bool,
}

/// All members of a cluster as observed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// All members, silent ones too.
    pub members: Vec<Standing>,
    /// The leader that the healthy voters follow.
    pub leader: Option<MemberId>,
    /// Whether this etcd adds a member only while every voter is connected (before 3.5.30; CHANGELOG-3.5).
    pub adds_need_all: bool,
}

/// One step that changes members, or takes one of them down for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new member joins as a learner: it gets the log and no vote.
    AddLearner,
    /// A learner becomes a voter.
    Promote(MemberId),
    /// A member leaves.
    Remove(MemberId),
    /// A member's process goes down and comes back: a restart, a new peer URL.
    Restart(MemberId),
    /// Another voter takes the lead.
    MoveLeader(MemberId),
}

/// What the rules say to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ruling {
    /// Votes now.
    pub now: Tolerance,
    /// Votes after it (for a restart: while the member is down).
    pub after: Tolerance,
    /// Why it is refused; none when it is allowed.
    pub refused: Option<String>,
}

impl Ruling {
    /// Both sides in words: "3 of 3 alive, can lose 1; after this step 3 of 4 needed, can lose 1".
    pub fn words(&self) -> String {
        format!(
            "{} of {} alive, {}; after this step {} of {} needed, {}",
            self.now.healthy,
            self.now.voters,
            spare(self.now),
            self.after.quorum,
            self.after.voters,
            spare(self.after)
        )
    }

    /// Whether it is allowed and leaves nothing to spare where there was something.
    pub fn costs_the_spare(&self) -> bool {
        self.refused.is_none() && self.now.can_lose() > 0 && self.after.can_lose() == 0
    }
}

fn spare(t: Tolerance) -> String {
    match (t.has_quorum(), t.can_lose()) {
        (false, _) => "no quorum".into(),
        (true, 0) => "none to spare".into(),
        (true, n) => format!("can lose {n}"),
    }
}

impl Roster {
    /// The votes as observed.
    pub fn tolerance(&self) -> Tolerance {
        let voters = self.voters().count();
        Tolerance::of(voters, self.voters().filter(|m| m.healthy).count())
    }

    fn voters(&self) -> impl Iterator<Item = &Standing> {
        self.members.iter().filter(|m| m.role == MemberRole::Voter)
    }

    fn member(&self, id: MemberId) -> Option<&Standing> {
        self.members.iter().find(|m| m.id == id)
    }

    /// Judges `change`.
    pub fn judge(&self, change: &Change) -> Ruling {
        let now = self.tolerance();
        let (after, refused) = match self.effect(change, now) {
            Ok(after) if !now.has_quorum() => (after, Some(no_quorum(now))),
            Ok(after) if !after.has_quorum() => (after, Some(self.loses_quorum(change, after))),
            Ok(after) => (after, None),
            Err(why) => (now, Some(why)),
        };
        Ruling { now, after, refused }
    }

    /// The votes after `change`, or why it makes no sense at all.
    fn effect(&self, change: &Change, now: Tolerance) -> Result<Tolerance, String> {
        match change {
            Change::AddLearner => self.add_learner(now),
            Change::Promote(id) => {
                let member = self.known(*id)?;
                if member.role != MemberRole::Learner {
                    return Err(format!("{} votes already", named(member)));
                }
                if !member.healthy {
                    return Err(format!("{} does not answer; as a voter it would cost a vote", named(member)));
                }
                Ok(Tolerance::of(now.voters + 1, now.healthy + 1))
            }
            Change::Remove(id) => {
                let member = self.known(*id)?;
                match member.role {
                    MemberRole::Learner => Ok(now),
                    MemberRole::Voter if now.voters == 1 => {
                        Err("The last voter cannot be removed; uninstall the cluster instead".into())
                    }
                    MemberRole::Voter => Ok(Tolerance::of(now.voters - 1, now.healthy - usize::from(member.healthy))),
                }
            }
            Change::Restart(id) => {
                let member = self.known(*id)?;
                let voted = member.role == MemberRole::Voter && member.healthy;
                Ok(Tolerance::of(now.voters, now.healthy - usize::from(voted)))
            }
            Change::MoveLeader(id) => {
                let member = self.known(*id)?;
                if member.role != MemberRole::Voter {
                    return Err(format!("{} is a learner; only voters lead", named(member)));
                }
                if !member.healthy {
                    return Err(format!("{} does not answer, so it cannot lead", named(member)));
                }
                if self.leader == Some(*id) {
                    return Err(format!("{} leads already", named(member)));
                }
                Ok(now)
            }
        }
    }

    /// etcd takes one learner at a time (`--max-learners`), and before 3.5.30 none while a voter is down.
    fn add_learner(&self, now: Tolerance) -> Result<Tolerance, String> {
        if let Some(learner) = self.members.iter().find(|m| m.role == MemberRole::Learner) {
            return Err(format!("{} is a learner still: promote or remove it first", named(learner)));
        }
        let down: Vec<String> = self.voters().filter(|m| !m.healthy).map(named).collect();
        if self.adds_need_all && !down.is_empty() {
            return Err(format!(
                "{} does not answer, and etcd before 3.5.30 adds no member while a voter is down: replace it instead",
                down.join(", ")
            ));
        }
        Ok(now)
    }

    fn known(&self, id: MemberId) -> Result<&Standing, String> {
        self.member(id).ok_or_else(|| format!("There is no member {id} in the cluster"))
    }

    fn loses_quorum(&self, change: &Change, after: Tolerance) -> String {
        let who = |id: &MemberId| self.member(*id).map_or_else(|| id.to_string(), named);
        let doing = match change {
            Change::Remove(id) => format!("Removing {}", who(id)),
            Change::Restart(id) => format!("Stopping {}", who(id)),
            Change::Promote(id) => format!("Promoting {}", who(id)),
            Change::AddLearner => "Adding a learner".into(),
            Change::MoveLeader(_) => "Moving the leader".into(),
        };
        format!(
            "{doing} would leave {} of {} voters alive, and {} are needed: writes would stop",
            after.healthy, after.voters, after.quorum
        )
    }

    /// The members once `id` has left; another voter leads then if it did.
    #[must_use]
    pub fn without(&self, id: MemberId) -> Self {
        let leader = if self.leader == Some(id) { self.next_leader(id).map(|m| m.id) } else { self.leader };
        let members = self.members.iter().filter(|m| m.id != id).cloned().collect();
        Self { members, leader, adds_need_all: self.adds_need_all }
    }

    /// Whom to remove, in this order, so that `voters` stay: those that are down first, because each of them that goes
    /// makes a majority easier to have, then from the end of the names, and the leader last.
    pub fn surplus(&self, voters: usize) -> Vec<MemberId> {
        let mut all: Vec<&Standing> = self.voters().collect();
        all.sort_by(|a, b| b.name.cmp(&a.name));
        all.sort_by_key(|m| (m.healthy, self.leader == Some(m.id)));
        all.iter().take(all.len().saturating_sub(voters)).map(|m| m.id).collect()
    }

    /// The voter to lead after `leaving` steps aside: healthy, and not the one that leaves; the first by name, so that
    /// a plan stays the same while nothing changes.
    pub fn next_leader(&self, leaving: MemberId) -> Option<&Standing> {
        self.voters().filter(|m| m.healthy && m.id != leaving).min_by(|a, b| a.name.cmp(&b.name))
    }
}

fn no_quorum(now: Tolerance) -> String {
    format!(
        "There is no quorum ({} of {} voters alive, {} needed), so etcd takes no change",
        now.healthy, now.voters, now.quorum
    )
}

fn named(member: &Standing) -> String {
    if member.name.is_empty() { format!("the member {}", member.id) } else { member.name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Members from (votes, healthy), with ids from 1; the first healthy voter leads.
    fn roster(members: &[(bool, bool)]) -> Roster {
        let members: Vec<Standing> = members
            .iter()
            .zip(1..)
            .map(|(&(votes, healthy), id)| Standing {
                id: MemberId(id),
                name: format!("m{id}"),
                role: if votes { MemberRole::Voter } else { MemberRole::Learner },
                healthy,
            })
            .collect();
        let leader = members.iter().find(|m| m.role == MemberRole::Voter && m.healthy).map(|m| m.id);
        Roster { members, leader, adds_need_all: false }
    }

    fn changes(roster: &Roster) -> Vec<Change> {
        let each = |make: fn(MemberId) -> Change| roster.members.iter().map(move |m| make(m.id));
        each(Change::Promote)
            .chain(each(Change::Remove))
            .chain(each(Change::Restart))
            .chain(each(Change::MoveLeader))
            .chain([Change::AddLearner, Change::Remove(MemberId(99))])
            .collect()
    }

    /// The members after `change`, done member by member and not by the arithmetic under test. A restarting member is
    /// down, a new learner has not started.
    fn done(before: &Roster, change: &Change) -> Roster {
        let mut after = before.clone();
        match change {
            Change::AddLearner => after.members.push(Standing {
                id: MemberId(50),
                name: String::new(),
                role: MemberRole::Learner,
                healthy: false,
            }),
            Change::Promote(id) => {
                after.members.iter_mut().filter(|m| m.id == *id).for_each(|m| m.role = MemberRole::Voter);
            }
            Change::Remove(id) => after.members.retain(|m| m.id != *id),
            Change::Restart(id) => after.members.iter_mut().filter(|m| m.id == *id).for_each(|m| m.healthy = false),
            Change::MoveLeader(id) => after.leader = Some(*id),
        }
        after
    }

    fn alive(roster: &Roster) -> (usize, usize) {
        let voters: Vec<&Standing> = roster.members.iter().filter(|m| m.role == MemberRole::Voter).collect();
        (voters.iter().filter(|m| m.healthy).count(), voters.len())
    }

    fn keeps_the_promise(before: &Roster) {
        for change in changes(before) {
            let ruling = before.judge(&change);
            let ((healthy, voters), (left, of)) = (alive(before), alive(&done(before, &change)));
            assert_eq!((ruling.now.healthy, ruling.now.voters), (healthy, voters));
            if ruling.refused.is_none() {
                assert!(2 * healthy > voters, "{change:?} was allowed without quorum: {before:?}");
                assert!(2 * left > of, "{change:?} took quorum away: {before:?}");
                assert_eq!((ruling.after.healthy, ruling.after.voters), (left, of), "{change:?} of {before:?}");
            }
        }
    }

    #[test]
    fn no_allowed_step_takes_quorum_from_any_cluster_of_up_to_five() {
        let kinds = [(true, true), (true, false), (false, true), (false, false)];
        let mut clusters: Vec<Vec<(bool, bool)>> = vec![Vec::new()];
        for _ in 0..5 {
            clusters = clusters.into_iter().flat_map(|c| kinds.map(|k| [c.clone(), vec![k]].concat())).collect();
            clusters.iter().for_each(|c| keeps_the_promise(&roster(c)));
        }
        assert_eq!(clusters.len(), 1024);
    }

    proptest! {
        #[test]
        fn no_allowed_step_takes_quorum_from_any_cluster_of_up_to_nine(
            members in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..=9),
        ) {
            keeps_the_promise(&roster(&members));
        }

        /// The other half of the rule: what is safe is not refused.
        #[test]
        fn a_down_voter_and_a_spare_healthy_one_may_always_go(
            members in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..=9),
        ) {
            let before = roster(&members);
            let (healthy, voters) = alive(&before);
            prop_assume!(2 * healthy > voters && voters > 1);
            for member in before.members.iter().filter(|m| m.role == MemberRole::Voter) {
                let safe = !member.healthy || 2 * (healthy - 1) > voters - 1;
                prop_assert_eq!(before.judge(&Change::Remove(member.id)).refused.is_none(), safe);
            }
        }
    }

    proptest! {
        /// Shrinking in that order is never refused half-way, and never leaves less to spare than any other order would.
        #[test]
        fn surplus_voters_may_go_one_after_another(
            healthy in proptest::collection::vec(any::<bool>(), 2..=9), stay in any::<usize>(),
        ) {
            let all = healthy.len();
            let voters = 1 + stay % (all - 1);
            // As many more as a majority wants are up.
            let mut members: Vec<(bool, bool)> = healthy.into_iter().map(|up| (true, up)).collect();
            members.iter_mut().take(all / 2 + 1).for_each(|m| m.1 = true);
            let mut roster = roster(&members);
            let surplus = roster.surplus(voters);
            prop_assert_eq!(surplus.len(), all - voters);
            for id in surplus {
                let down_first = roster.voters().all(|m| m.healthy) || !roster.known(id).expect("known").healthy;
                prop_assert!(down_first);
                prop_assert_eq!(roster.judge(&Change::Remove(id)).refused, None);
                roster = roster.without(id);
            }
            prop_assert_eq!(roster.tolerance().voters, voters);
        }
    }

    const UP: (bool, bool) = (true, true);
    const DOWN: (bool, bool) = (true, false);
    const LEARNER: (bool, bool) = (false, true);

    #[test]
    fn a_healthy_voter_stays_when_one_is_down_and_the_down_one_may_go() {
        let two_of_three = roster(&[UP, UP, DOWN]);
        let refused = two_of_three.judge(&Change::Remove(MemberId(1))).refused.expect("refused");
        assert_eq!(refused, "Removing m1 would leave 1 of 2 voters alive, and 2 are needed: writes would stop");
        let ruling = two_of_three.judge(&Change::Remove(MemberId(3)));
        assert_eq!(ruling.refused, None);
        assert_eq!(ruling.words(), "2 of 3 alive, none to spare; after this step 2 of 2 needed, none to spare");
    }

    #[test]
    fn without_quorum_nothing_is_allowed_and_the_reason_says_so() {
        let ruling = roster(&[UP, DOWN, DOWN]).judge(&Change::Remove(MemberId(3)));
        assert!(ruling.refused.expect("refused").starts_with("There is no quorum (1 of 3 voters alive, 2 needed)"));
    }

    #[test]
    fn one_learner_at_a_time_and_before_3_5_30_none_while_a_voter_is_down() {
        assert!(roster(&[UP, LEARNER]).judge(&Change::AddLearner).refused.expect("refused").contains("m2"));
        let mut down = roster(&[UP, UP, DOWN]);
        assert_eq!(down.judge(&Change::AddLearner).refused, None);
        down.adds_need_all = true;
        assert!(down.judge(&Change::AddLearner).refused.expect("refused").contains("replace it"));
    }

    #[test]
    fn a_promotion_to_an_even_count_costs_nothing_but_says_what_is_needed() {
        let ruling = roster(&[UP, UP, UP, LEARNER]).judge(&Change::Promote(MemberId(4)));
        assert_eq!(ruling.words(), "3 of 3 alive, can lose 1; after this step 3 of 4 needed, can lose 1");
        assert!(!ruling.costs_the_spare());
        assert!(roster(&[UP, UP, UP]).judge(&Change::Remove(MemberId(1))).costs_the_spare());
        assert!(roster(&[UP, (false, false)]).judge(&Change::Promote(MemberId(2))).refused.is_some());
        assert!(roster(&[UP, UP]).judge(&Change::Promote(MemberId(2))).refused.is_some(), "it votes already");
    }

    #[test]
    fn the_last_voter_stays_and_a_learner_always_may_go() {
        assert!(roster(&[UP]).judge(&Change::Remove(MemberId(1))).refused.expect("refused").contains("uninstall"));
        assert_eq!(roster(&[UP, (false, false)]).judge(&Change::Remove(MemberId(2))).refused, None);
    }

    #[test]
    fn the_lead_goes_to_a_healthy_voter_that_stays() {
        let cluster = roster(&[UP, DOWN, UP, LEARNER]);
        assert_eq!(cluster.next_leader(MemberId(1)).map(|m| m.id), Some(MemberId(3)));
        assert_eq!(cluster.judge(&Change::MoveLeader(MemberId(3))).refused, None);
        for bad in [1, 2, 4] {
            assert!(cluster.judge(&Change::MoveLeader(MemberId(bad))).refused.is_some(), "{bad}");
        }
    }
}
