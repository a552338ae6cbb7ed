//! What the hosts of an install say about themselves and each other. Invariant: looks only; a host that cannot be
//! reached becomes a failed check with its reason, never an error of the whole. The network is in `reach`.

use super::reach;
use crate::{
    context::Planner,
    steps::{files::Ownership, undo_dir},
};
use futures::future::join_all;
use quorate_domain::{
    etcd_conf,
    host::{HostFacts, HostSummary},
    install::InstallParams,
    plan::{Check, Verdict},
    preflight,
};
use quorate_remote::{Command, Host, facts};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// All hosts' answers.
pub(crate) struct Survey {
    /// In the order of the members.
    pub hosts: Vec<Surveyed>,
    ways: reach::Ways,
}

/// One host's answer.
pub(crate) struct Surveyed {
    /// The connection, when there is one.
    pub connection: Option<Arc<Host>>,
    /// What it said, or why not.
    pub facts: Result<HostFacts, String>,
    /// Who owns the directories that exist already.
    pub ownership: BTreeMap<String, Ownership>,
}

impl Surveyed {
    /// As the host will be once the etcd that it carries is stopped, disabled and its data set aside.
    pub(crate) fn laid_to_rest(&mut self, ports: [u16; 2]) {
        if let Ok(facts) = &mut self.facts {
            facts.ports_in_use.retain(|p| !ports.contains(&p.port));
            let etcd = &mut facts.etcd;
            (etcd.running, etcd.unit_enabled, etcd.data_dir_has_member) = (false, false, false);
        }
    }

    /// The address peers would use: the one SSH uses if it is an IP address of the host, else its first own.
    pub(crate) fn own_address(&self, host: &HostSummary) -> String {
        let own = self.facts.as_ref().map(|f| f.addresses.as_slice()).unwrap_or_default();
        if own.contains(&host.address) || own.is_empty() {
            return host.address.clone();
        }
        own[0].clone()
    }
}

/// Asks all hosts in parallel, then every pair about the peer port and itself about the client ports.
pub(crate) async fn look(planner: &Planner, params: &InstallParams, hosts: &[HostSummary]) -> Survey {
    let surveyed = join_all(hosts.iter().map(|host| look_at(planner, params, host))).await;
    let addresses: Vec<String> = surveyed
        .iter()
        .zip(hosts)
        .zip(&params.members)
        .map(
            |((seen, host), member)| {
                if member.address.is_empty() { seen.own_address(host) } else { member.address.clone() }
            },
        )
        .collect();
    let connections: Vec<Option<Arc<Host>>> = surveyed.iter().map(|seen| seen.connection.clone()).collect();
    let ways = reach::probe(planner, params, &connections, &addresses).await;
    Survey { hosts: surveyed, ways }
}

async fn look_at(planner: &Planner, params: &InstallParams, host: &HostSummary) -> Surveyed {
    match try_look_at(planner, params, host).await {
        Ok((connection, facts, ownership)) => Surveyed { connection: Some(connection), facts: Ok(facts), ownership },
        Err(why) => Surveyed { connection: None, facts: Err(why), ownership: BTreeMap::new() },
    }
}

type Answer = (Arc<Host>, HostFacts, BTreeMap<String, Ownership>);

async fn try_look_at(planner: &Planner, params: &InstallParams, host: &HostSummary) -> Result<Answer, String> {
    let target = planner.inventory.target(&host.id).await?;
    let connection = planner.hosts.host(&target).await.map_err(|e| e.to_string())?;
    let ports = [params.client_port, params.peer_port];
    let gathered = facts::gather(&connection, &params.data_dir, &ports, planner.inventory.now()).await;
    let mut facts = gathered.map_err(|e| e.to_string())?;
    // Measured when the host was checked; measuring anew could turn its verdict between review and start.
    facts.disk = host.facts.as_ref().and_then(|f| f.disk.clone());
    let conf_dir = etcd_conf::CONF_PATH.rsplit_once('/').map_or("/etc/etcd", |(dir, _)| dir);
    let drop_in_dir = etcd_conf::DROP_IN_PATH.rsplit_once('/').map_or("/", |(dir, _)| dir);
    let used = undo_dir(&params.token);
    let mut places = vec![conf_dir, drop_in_dir, params.data_dir.as_str()];
    // A token that is still to be generated is nobody's.
    places.extend(Some(used.as_str()).filter(|_| !params.token.is_empty()));
    let stat = ["stat", "--dereference", "--format", "%n|%U|%G|%a|%u|%g", "--"].into_iter().chain(places);
    let stat = Command::new(stat).root().deadline(Duration::from_secs(10));
    let stat = connection.run(stat).await.map_err(|e| e.to_string())?;
    Ok((connection, facts, parse_stat(&String::from_utf8_lossy(&stat.stdout))))
}

fn parse_stat(text: &str) -> BTreeMap<String, Ownership> {
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split('|');
            let (path, owner, group) = (parts.next()?, parts.next()?, parts.next()?);
            let mode = u32::from_str_radix(parts.next()?, 8).ok()?;
            // The name of a user or group that is gone is `UNKNOWN`; undo gives back by number then.
            let or_number = |name, number| if name == "UNKNOWN" { number } else { name };
            let (owner, group) = (or_number(owner, parts.next()?), or_number(group, parts.next()?));
            Some((path.to_owned(), Ownership::new(owner, group, mode)))
        })
        .collect()
}

impl Survey {
    /// A survey in which every host answered with these facts and none was asked about the others.
    #[cfg(test)]
    pub(crate) fn of(facts: Vec<HostFacts>) -> Self {
        let seen = |facts| Surveyed { connection: None, facts: Ok(facts), ownership: BTreeMap::new() };
        Self { hosts: facts.into_iter().map(seen).collect(), ways: reach::Ways::default() }
    }

    /// All verdicts.
    pub(crate) fn checks(&self, params: &InstallParams, hosts: &[HostSummary]) -> Vec<Check> {
        let mut checks = Vec::new();
        for ((seen, host), member) in self.hosts.iter().zip(hosts).zip(&params.members) {
            if seen.ownership.contains_key(&undo_dir(&params.token)) {
                checks.push(Check {
                    name: "token_used".into(),
                    subject: host.name.clone(),
                    verdict: Verdict::Fail,
                    answer: format!("an earlier operation used the token {} here", params.token),
                    advice: "Give another token, or leave it out and one is generated".into(),
                });
            }
            match &seen.facts {
                Ok(facts) => checks.extend(preflight::install_checks(host, facts, params, &member.address)),
                Err(why) => checks.push(Check {
                    name: "contact".into(),
                    subject: host.name.clone(),
                    verdict: Verdict::Fail,
                    answer: why.clone(),
                    advice: "Open the host's page, mend its connection, and review again".into(),
                }),
            }
        }
        checks.extend(self.ways.checks(hosts));
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_become_ownership() {
        let parsed =
            parse_stat("/var/lib/etcd|etcd|etcd|700|990|990\n/x|UNKNOWN|root|755|990|0\nstat: cannot stat '/y'\n");
        assert_eq!(parsed.get("/var/lib/etcd"), Some(&Ownership::new("etcd", "etcd", 0o700)));
        assert_eq!(parsed.get("/x"), Some(&Ownership::new("990", "root", 0o755)));
        assert_eq!(parsed.len(), 2);
    }
}
