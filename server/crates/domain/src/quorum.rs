//! Quorum arithmetic and the verdict in words. Invariant: pure, and the only place that counts votes; health is an
//! argument ("as observed now"), never looked up here. Rules for steps that change membership are in `change`.

mod change;

pub use change::{Change, Roster, Ruling, Standing};

use serde::{Deserialize, Serialize};

/// How many voters must agree in a cluster of `voters` (raft: more than half). 0 voters need 1.
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// What a cluster can do with its voters as observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tolerance {
    /// Voters in the configuration.
    pub voters: usize,
    /// Voters that answer and are not isolated.
    pub healthy: usize,
    /// Votes needed.
    pub quorum: usize,
}

impl Tolerance {
    /// Of `voters` configured, `healthy` answer.
    pub fn of(voters: usize, healthy: usize) -> Self {
        Self { voters, healthy: healthy.min(voters), quorum: quorum(voters) }
    }

    /// Whether writes are possible.
    pub fn has_quorum(self) -> bool {
        self.voters > 0 && self.healthy >= self.quorum
    }

    /// How many more voters can be lost before writes stop; 0 also when they have stopped.
    pub fn can_lose(self) -> usize {
        self.healthy.saturating_sub(self.quorum)
    }

    /// What an install of `voters` members is worth saying about: even counts and fewer than three.
    pub fn advice(voters: usize) -> Option<String> {
        match voters {
            0 => Some("A cluster needs at least one member".into()),
            1 => Some("One member cannot be lost: every restart of it stops the cluster. Use three.".into()),
            2 => Some("Two members are worse than one: losing either stops writes. Use three.".into()),
            n if n % 2 == 0 => Some(format!(
                "{n} members can lose no more than {} members can ({}), and every write needs one more vote. Use an odd \
                 number.",
                n - 1,
                Self::of(n, n).can_lose()
            )),
            n if n > 7 => Some(format!("{n} voters slow every write; etcd advises at most seven.")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_of_three_can_lose_one_and_two_of_three_none() {
        assert_eq!(Tolerance::of(3, 3).can_lose(), 1);
        assert_eq!((Tolerance::of(3, 2).can_lose(), Tolerance::of(3, 2).has_quorum()), (0, true));
        assert!(!Tolerance::of(3, 1).has_quorum());
        assert!(!Tolerance::of(0, 0).has_quorum());
    }

    #[test]
    fn advice_names_even_and_tiny_clusters_only() {
        let advised: Vec<usize> = (0..10).filter(|&n| Tolerance::advice(n).is_some()).collect();
        assert_eq!(advised, [0, 1, 2, 4, 6, 8, 9]);
        let even = "6 members can lose no more than 5 members can (2), and every write needs one more vote. Use an odd number.";
        assert_eq!(Tolerance::advice(6).as_deref(), Some(even));
    }

    proptest! {
        #[test]
        fn two_quorums_always_share_a_voter(voters in 1usize..100) {
            prop_assert!(2 * quorum(voters) > voters);
            prop_assert!(quorum(voters) <= voters);
        }

        #[test]
        fn losing_what_can_be_lost_keeps_quorum_and_one_more_does_not(voters in 1usize..20, healthy in 0usize..20) {
            let now = Tolerance::of(voters, healthy);
            prop_assume!(now.has_quorum());
            prop_assert!(Tolerance::of(voters, now.healthy - now.can_lose()).has_quorum());
            prop_assert!(!Tolerance::of(voters, now.healthy - now.can_lose() - 1).has_quorum());
        }
    }
}
