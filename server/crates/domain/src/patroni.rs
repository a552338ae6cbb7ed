//! Patroni, the commonest client of etcd: who of it uses a cluster, and what a gap in writes means to it. Invariant: pure;
//! read from etcd elsewhere (`quorate_etcd::patroni`). Patroni's primary steps down when it could not renew its leader key
//! for `retry_timeout` (Patroni's documentation, "Dynamic Configuration Settings"), unless `failsafe_mode` is on and it
//! reaches all its replicas ("DCS Failsafe Mode").

use serde::{Deserialize, Serialize};

/// One PostgreSQL cluster that Patroni manages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatroniScope {
    /// Its name.
    pub scope: String,
    /// Seconds that a leader key lives.
    pub ttl: u32,
    /// Seconds that Patroni goes on trying while etcd does not answer.
    pub retry_timeout: u32,
    /// Whether the primary stays while it reaches all its replicas.
    pub failsafe_mode: bool,
    /// The member that holds the leader key.
    pub leader: Option<String>,
    /// Whether the cluster was initialized.
    pub initialized: bool,
}

/// For how long writes of a cluster may stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Seconds, as a client has to reckon with.
    Seconds(u32),
    /// They do not come back.
    ForGood,
}

impl Gap {
    /// Another member takes the lead: an election timeout at most, and what a slow disk adds.
    pub const HANDOVER: Self = Self::Seconds(2);
}

impl PatroniScope {
    /// What it makes of a gap in writes of so many seconds; none if it does not notice.
    pub fn suffers(&self, gap: u32) -> Option<String> {
        let Self { scope, retry_timeout, failsafe_mode, .. } = self;
        if gap < *retry_timeout {
            return None;
        }
        let then = if *failsafe_mode {
            "its primary stays only while it reaches all its replicas (failsafe_mode)"
        } else {
            "its primary is demoted: PostgreSQL takes no writes until etcd does"
        };
        Some(format!(
            "Patroni's {scope} waits {retry_timeout} s for etcd, and writes may stop for {gap} s: {then}. \
             `patronictl pause {scope}` before keeps it as it is."
        ))
    }
}

/// What one has to know before writes of a cluster stop for `gap`.
pub fn warnings(scopes: &[PatroniScope], gap: Gap) -> Vec<String> {
    match gap {
        Gap::Seconds(gap) => scopes.iter().filter_map(|scope| scope.suffers(gap)).collect(),
        Gap::ForGood if scopes.is_empty() => Vec::new(),
        Gap::ForGood => {
            let names: Vec<&str> = scopes.iter().map(|s| s.scope.as_str()).collect();
            vec![format!("Patroni keeps {} here: without this cluster PostgreSQL has no primary.", names.join(", "))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(retry_timeout: u32, failsafe_mode: bool) -> PatroniScope {
        PatroniScope { scope: "pg".into(), ttl: 30, retry_timeout, failsafe_mode, leader: None, initialized: true }
    }

    #[test]
    fn a_gap_shorter_than_the_retries_is_not_noticed() {
        assert_eq!(scope(10, false).suffers(9), None);
        assert!(
            scope(10, false).suffers(10).is_some_and(|w| w.contains("demoted") && w.contains("patronictl pause pg"))
        );
        assert!(scope(10, true).suffers(12).is_some_and(|w| w.contains("failsafe_mode")));
    }

    #[test]
    fn what_ends_for_good_is_said_once_for_all() {
        assert_eq!(warnings(&[scope(10, false), scope(3, false)], Gap::Seconds(5)).len(), 1);
        assert_eq!(warnings(&[scope(10, false), scope(3, false)], Gap::ForGood).len(), 1);
        assert!(warnings(&[], Gap::ForGood).is_empty());
    }
}
