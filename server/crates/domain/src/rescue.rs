//! Which survivor of a lost cluster knows most. Invariant: pure, and by what lies on the disks alone: the last entry of a member's log
//! counts first, as it does for etcd's own elections, then the revision of its database. Reading them is elsewhere
//! (`quorate_etcd::wal`; `etcdutl snapshot status` of a copy of the database).

use crate::{ids::HostId, wide::Wide};
use serde::{Deserialize, Serialize};

/// The last entry of a member's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEnd {
    /// In which term it was written; a newer term counts more than any number of entries.
    pub term: Wide,
    /// Its index.
    pub index: Wide,
}

/// What is left of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Survivor {
    /// Its host.
    pub host: HostId,
    /// Its name.
    pub member: String,
    /// The end of its log; none where there is none that can be read.
    pub log: Option<LogEnd>,
    /// The revision of its database; none where there is none that can be read.
    pub revision: Option<Wide>,
}

impl Survivor {
    fn knows(&self) -> (Option<LogEnd>, Option<Wide>) {
        (self.log, self.revision)
    }

    /// What would be lost if a cluster began with `self` instead of `best`, in words.
    pub fn loses_to(&self, best: &Survivor) -> String {
        match (self.log, best.log) {
            (Some(own), Some(most)) if own == most => "as much as any survivor knows".to_owned(),
            (Some(own), Some(most)) if own.term == most.term => {
                format!("{} entries of the log that {} has", most.index.0.saturating_sub(own.index.0), best.member)
            }
            (Some(own), Some(most)) => {
                format!("what was written since term {}; {} has entries of term {}", own.term, best.member, most.term)
            }
            (None, Some(_)) => {
                "everything since its database was last written, because its log cannot be read".to_owned()
            }
            (_, None) => "no survivor's log can be read, so nobody knows what is missing".to_owned(),
        }
    }
}

/// Best first. Those that know as much stay in their order.
pub fn rank(survivors: &mut [Survivor]) {
    survivors.sort_by(|one, other| other.knows().cmp(&one.knows()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn survivor(n: u8, log: Option<(u64, u64)>, revision: Option<u64>) -> Survivor {
        Survivor {
            host: HostId::from_random([n; 10]),
            member: format!("m{n}"),
            log: log.map(|(term, index)| LogEnd { term: Wide(term), index: Wide(index) }),
            revision: revision.map(Wide),
        }
    }

    #[test]
    fn a_newer_term_counts_more_than_a_longer_log_and_a_log_more_than_a_database() {
        let mut all = [
            survivor(1, None, Some(900)),
            survivor(2, Some((3, 500)), Some(10)),
            survivor(3, Some((4, 20)), Some(10)),
            survivor(4, Some((4, 20)), Some(11)),
        ];
        rank(&mut all);
        let order: Vec<&str> = all.iter().map(|s| s.member.as_str()).collect();
        assert_eq!(order, ["m4", "m3", "m2", "m1"]);
        assert_eq!(all[1].loses_to(&all[0]), "as much as any survivor knows");
        assert!(all[2].loses_to(&all[0]).contains("term 4"));
        assert!(all[3].loses_to(&all[0]).contains("cannot be read"));
        assert_eq!(survivor(5, Some((4, 8)), None).loses_to(&all[0]), "12 entries of the log that m4 has");
    }

    proptest! {
        #[test]
        fn nobody_behind_the_first_knows_more(
            ends in prop::collection::vec((prop::option::of((0u64..4, 0u64..9)), prop::option::of(0u64..9)), 1..6)
        ) {
            let mut all: Vec<Survivor> =
                (0u8..).zip(&ends).map(|(n, (log, revision))| survivor(n, *log, *revision)).collect();
            rank(&mut all);
            for pair in all.windows(2) {
                prop_assert!(pair[0].knows() >= pair[1].knows());
            }
        }
    }
}
