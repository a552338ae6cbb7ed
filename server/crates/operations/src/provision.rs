//! Brings hosts from whatever they are to a configured etcd: what an install and an added member share. Invariant: looking
//! (`survey`, `reach`, `release`) changes nothing; the lanes are pure and the guide's result on the host, and what they
//! replace comes back at undo. What the members are to each other (`initial-cluster`, when each starts) is the kind's.

mod lanes;
mod reach;
mod release;
mod survey;

pub(crate) use lanes::{Provision, Site};
pub(crate) use reach::client_way;
pub(crate) use release::{Resolved, resolve};
pub(crate) use survey::{Survey, look};

use crate::{context::Planner, error::PlanError, plan::Login};
use quorate_domain::{
    HostId,
    host::{Elevation, HostSummary, Trust},
    install::InstallMember,
    plan::{Check, Verdict},
};

/// The rows of the chosen hosts, in the order of the members.
///
/// # Errors
/// One that is not registered, at its field; or the store failed.
pub(crate) async fn hosts_of(planner: &Planner, members: &[InstallMember]) -> Result<Vec<HostSummary>, PlanError> {
    let mut hosts = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let host = planner.inventory.host(&member.host).await?;
        let missing = || PlanError::field(format!("members.{i}.host"), format!("There is no host {}", member.host));
        hosts.push(host.ok_or_else(missing)?);
    }
    Ok(hosts)
}

/// Gives members that were not named their hosts' names, and those without an address their hosts' own.
pub(crate) fn fill_in(members: &mut [InstallMember], hosts: &[HostSummary], survey: &Survey) {
    for ((member, host), seen) in members.iter_mut().zip(hosts).zip(&survey.hosts) {
        if member.name.is_empty() {
            member.name.clone_from(&host.name);
        }
        if member.address.is_empty() {
            member.address = seen.own_address(host);
        }
    }
}

/// A failed check for each two hosts that show one host key: they are one machine under two addresses, and two members
/// would share its files; or clones, which nobody can tell from one.
pub(crate) fn same_machine(hosts: &[HostSummary]) -> Vec<Check> {
    let keys = |host: &HostSummary| match &host.trust {
        Trust::Trusted { keys } => keys.iter().map(|key| key.public_key.clone()).collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for (i, one) in hosts.iter().enumerate() {
        for other in hosts[i + 1..].iter().filter(|other| keys(other).iter().any(|key| keys(one).contains(key))) {
            let subject = format!("{} and {}", one.name, other.name);
            let advice = "Choose one of them if they are one machine; give each its own host keys if one is a clone";
            found.push(Check::new("own_machine", subject, Verdict::Fail, "they show one host key", advice));
        }
    }
    found
}

/// How a person's own ssh gets to a host.
pub(crate) fn login(host: &HostSummary) -> (HostId, Login) {
    let login = Login {
        destination: format!("{}@{}", host.user, host.address),
        port: host.port,
        sudo: host.elevation != Elevation::Root,
    };
    (host.id.clone(), login)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::install_cluster::tests::host;
    use quorate_domain::host::HostKey;

    #[test]
    fn one_machine_under_two_addresses_is_found_by_its_key() {
        let key = |text: &str| HostKey {
            algorithm: "ssh-ed25519".into(),
            fingerprint: String::new(),
            public_key: text.into(),
        };
        let with = |n: u8, text: &str| HostSummary { trust: Trust::Trusted { keys: vec![key(text)] }, ..host(n) };
        assert_eq!(same_machine(&[with(1, "a"), with(2, "b"), host(3), host(4)]), []);
        let found = same_machine(&[with(1, "a"), with(2, "b"), with(3, "a")]);
        assert_eq!(found.iter().map(|c| c.subject.as_str()).collect::<Vec<_>>(), ["lab1 and lab3"]);
        assert_eq!(found[0].verdict, Verdict::Fail);
    }
}
