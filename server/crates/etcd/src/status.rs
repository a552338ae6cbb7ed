//! What a member says about itself. Invariant: read from `Status` alone, because asking for alarms is a raft proposal
//! (an fsync everywhere) and hangs without quorum.

use crate::error::EtcdError;
use quorate_domain::{MemberId, cluster::MemberStatus, wide::Wide};
use std::time::Duration;

/// One member's answer to `Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReply {
    /// Who answered.
    pub member_id: MemberId,
    /// The cluster it belongs to, in its own opinion.
    pub cluster_id: u64,
    /// Whether it only learns.
    pub is_learner: bool,
    /// The numbers.
    pub status: MemberStatus,
    /// Quota of the backend in bytes; etcd tells it from 3.6 on.
    pub quota: Option<u64>,
}

impl StatusReply {
    /// The alarms among its errors.
    pub fn alarms(&self) -> Vec<Alarm> {
        alarms(&self.status.errors)
    }

    pub(crate) fn read(reply: &etcd_client::StatusResponse, took: Duration) -> Result<Self, EtcdError> {
        let header = reply.header().ok_or_else(|| EtcdError::Malformed("a status without header".into()))?;
        Ok(Self {
            member_id: MemberId(header.member_id()),
            cluster_id: header.cluster_id(),
            is_learner: reply.is_learner(),
            status: MemberStatus {
                version: reply.version().to_owned(),
                db_size: wide(reply.db_size()),
                db_size_in_use: wide(reply.raft_used_db_size()),
                leader: (reply.leader() != 0).then(|| MemberId(reply.leader())),
                raft_term: Wide(reply.raft_term()),
                raft_index: Wide(reply.raft_index()),
                raft_applied: Wide(reply.raft_applied_index()),
                revision: wide(header.revision()),
                errors: reply.errors().iter().map(|e| e.trim().to_owned()).collect(),
                answer_micros: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            },
            quota: u64::try_from(reply.db_size_quota()).ok().filter(|&q| q > 0),
        })
    }
}

fn wide(value: i64) -> Wide {
    Wide(u64::try_from(value).unwrap_or(0))
}

/// An alarm that is raised somewhere in the cluster (every member tells all of them).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alarm {
    /// The member that raised it.
    pub member: MemberId,
    /// `NOSPACE`, `CORRUPT`.
    pub name: String,
}

/// Reads the alarms out of `Status.errors`, where they stand as `memberID:<decimal> alarm:<NAME>` beside other
/// complaints, which are left out here.
pub fn alarms(errors: &[String]) -> Vec<Alarm> {
    let parse = |line: &String| {
        let mut words = line.split_whitespace();
        let member = words.next()?.strip_prefix("memberID:")?.parse().ok()?;
        let name = words.next()?.strip_prefix("alarm:")?;
        Some(Alarm { member: MemberId(member), name: name.to_owned() })
    };
    errors.iter().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_found_among_other_complaints() {
        let errors = ["memberID:10501334649042878790 alarm:NOSPACE ".to_owned(), "etcdserver: no leader".to_owned()];
        let found = alarms(&errors);
        assert_eq!(found, [Alarm { member: MemberId(10_501_334_649_042_878_790), name: "NOSPACE".into() }]);
        assert!(alarms(&["memberID:x alarm:NOSPACE".into(), "alarm:NOSPACE".into(), String::new()]).is_empty());
    }
}
