//! What lies on the hosts of a cluster, and where it differs from what is expected. Invariant: what a member must have of its own
//! (name, addresses, who its peers are) is expected from the cluster as it confirms itself; what all share is expected as most
//! members have it, so that clusters nobody here installed are judged the same way.

use crate::{
    etcd_conf,
    ids::{HostId, MemberId},
    plan::DiffLine,
    version::Version,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A file on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SeenFile {
    /// Path.
    pub path: String,
    /// `owner:group mode`; empty when it could not be seen.
    pub ownership: String,
    /// Its text, at most 64 KiB.
    pub text: String,
    /// What a repair makes of it; empty when it is as expected.
    pub diff: Vec<DiffLine>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Drift {
    /// A setting, `unit`, `drop-in`, `owner`, `enabled`, `version`.
    pub what: String,
    /// What is there; empty for nothing.
    pub found: String,
    /// What is expected.
    pub expected: String,
    /// Whether the operation `repair_drift` mends it.
    pub repairable: bool,
}

/// One member's side of a cluster's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberConfig {
    /// The member.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: Option<HostId>,
    /// Why nothing of it is seen; empty when it is.
    pub problem: String,
    /// What the console leaves alone there, and why; empty when it understands all of it.
    #[serde(default)]
    pub not_here: String,
    /// etcd.conf, the unit, its drop-in: those that are there.
    pub files: Vec<SeenFile>,
    /// Settings that stand in the unit and that etcd ignores, because it is started with `--config-file`.
    pub dead: Vec<String>,
    /// Differences; empty when all is as expected.
    pub drift: Vec<Drift>,
}

/// Settings of `etcd.conf` that each member has for itself.
pub const OWN: [&str; 8] = [
    "name",
    "data-dir",
    "wal-dir",
    "initial-cluster",
    "initial-advertise-peer-urls",
    "advertise-client-urls",
    "listen-peer-urls",
    "listen-client-urls",
];

/// What a member's own settings have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Name.
    pub name: String,
    /// Peer URL.
    pub peer_url: String,
    /// Client URL.
    pub client_url: String,
    /// `name=peer URL` of all members, by commas.
    pub initial_cluster: String,
}

/// The value that most of `confs` give to each setting that is not a member's own; a setting without a majority is expected to
/// be nothing.
pub fn shared(confs: &[&str]) -> BTreeMap<String, String> {
    let keys: BTreeSet<&str> = confs.iter().flat_map(|conf| etcd_conf::keys(conf)).collect();
    let mut shared = BTreeMap::new();
    for key in keys.into_iter().filter(|key| !OWN.contains(key) && *key != "initial-cluster-state") {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for value in confs.iter().filter_map(|conf| etcd_conf::setting(conf, key)) {
            *count.entry(value).or_default() += 1;
        }
        if let Some((value, n)) = count.into_iter().max_by_key(|(_, n)| *n)
            && 2 * n > confs.len()
        {
            shared.insert(key.to_owned(), value.to_owned());
        }
    }
    shared
}

/// Where `conf` differs from what this member's has to be: key, what is found, what is expected.
pub fn differences(conf: &str, own: &Own, shared: &BTreeMap<String, String>) -> Vec<Drift> {
    let mut found = Vec::new();
    let mut expect = |key: &str, expected: &str, same: &dyn Fn(&str) -> bool| {
        let value = etcd_conf::setting(conf, key).unwrap_or_default();
        if !same(value) {
            found.push(Drift {
                what: key.to_owned(),
                found: value.to_owned(),
                expected: expected.to_owned(),
                repairable: true,
            });
        }
    };
    let listed = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<BTreeSet<String>>();
    expect("name", &own.name, &|value| value == own.name);
    let peers = listed(&own.initial_cluster);
    let discovered = etcd_conf::is_found_by_discovery(conf);
    expect("initial-cluster", &own.initial_cluster, &|value| discovered || listed(value) == peers);
    expect("initial-cluster-state", "existing", &|value| value == "existing");
    expect("initial-advertise-peer-urls", &own.peer_url, &|value| listed(value).contains(&own.peer_url));
    expect("advertise-client-urls", &own.client_url, &|value| listed(value).contains(&own.client_url));
    for (key, wanted) in shared {
        expect(key, wanted, &|value| value == wanted);
    }
    let extra = etcd_conf::keys(conf);
    let extra = extra.into_iter().filter(|key| !OWN.contains(key) && *key != "initial-cluster-state");
    for key in extra.filter(|key| !shared.contains_key(*key)) {
        let value = etcd_conf::setting(conf, key).unwrap_or_default();
        // Most members do without it: a person decides which of them is right.
        found.push(Drift { what: key.into(), found: value.into(), expected: String::new(), repairable: false });
    }
    found
}

/// Settings in a unit or a drop-in that etcd ignores beside `--config-file` (etcd's configuration guide: "all command line
/// flags and environment variables are ignored").
pub fn dead_settings(unit: &str) -> Vec<String> {
    if !unit.contains("--config-file") {
        return Vec::new();
    }
    let mut dead = Vec::new();
    for line in unit.lines().map(str::trim) {
        if let Some(variables) = line.strip_prefix("Environment=") {
            let names = variables.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
            dead.extend(names.filter(|word| word.starts_with("ETCD_")).map(str::to_owned));
        }
        if let Some(command) = line.strip_prefix("ExecStart=") {
            let mut words = command.split_whitespace().skip(1);
            while let Some(word) = words.next() {
                match word {
                    "--config-file" => drop(words.next()),
                    word if word.starts_with("--") && !word.starts_with("--config-file=") => dead.push(word.to_owned()),
                    _ => {}
                }
            }
        }
    }
    dead
}

/// The difference of versions, if there is one.
pub fn version_drift(found: Option<Version>, expected: Version) -> Option<Drift> {
    (found != Some(expected)).then(|| Drift {
        what: "version".into(),
        found: found.map_or_else(String::new, |v| v.to_string()),
        expected: expected.to_string(),
        repairable: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own {
            name: "lab1".into(),
            peer_url: "http://10.0.0.1:2380".into(),
            client_url: "http://10.0.0.1:2379".into(),
            initial_cluster: "lab1=http://10.0.0.1:2380,lab2=http://10.0.0.2:2380".into(),
        }
    }

    fn conf(quota: &str, more: &str) -> String {
        format!(
            "name: 'lab1'\ninitial-cluster-state: 'existing'\n\
             initial-cluster: 'lab2=http://10.0.0.2:2380,lab1=http://10.0.0.1:2380'\n\
             initial-advertise-peer-urls: 'http://10.0.0.1:2380'\nadvertise-client-urls: 'http://10.0.0.1:2379'\n\
             quota-backend-bytes: {quota}\n{more}"
        )
    }

    #[test]
    fn what_most_have_is_expected_and_the_order_of_peers_is_nothing() {
        let (a, b) = (conf("2147483648", ""), conf("1", "log-level: debug\n"));
        let shared = shared(&[&a, &a, &b]);
        assert_eq!(shared.get("quota-backend-bytes").map(String::as_str), Some("2147483648"));
        assert_eq!(differences(&a, &own(), &shared), []);
        let drift = differences(&b, &own(), &shared);
        let whats: Vec<(&str, bool)> = drift.iter().map(|d| (d.what.as_str(), d.repairable)).collect();
        assert_eq!(whats, [("quota-backend-bytes", true), ("log-level", false)]);
    }

    #[test]
    fn a_member_that_expects_others_or_would_bootstrap_is_found() {
        let old = conf("5", "").replace("'existing'", "'new'").replace("lab2=http://10.0.0.2:2380,", "");
        let whats: Vec<String> = differences(&old, &own(), &BTreeMap::new()).into_iter().map(|d| d.what).collect();
        assert_eq!(whats, ["initial-cluster", "initial-cluster-state", "quota-backend-bytes"]);
    }

    #[test]
    fn settings_beside_a_config_file_are_dead() {
        let unit = "Environment=\"ETCD_NAME=x\" HOME=/\nExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.conf --quota-backend-bytes=5\n";
        assert_eq!(dead_settings(unit), ["ETCD_NAME=x", "--quota-backend-bytes=5"]);
        assert!(dead_settings("ExecStart=/usr/bin/etcd --name x\n").is_empty(), "without a file they count");
    }
}
