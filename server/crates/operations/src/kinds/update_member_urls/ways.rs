//! Whether the new addresses of a member can be had: on its host, from the others, and from the console. Invariant: looks only;
//! a port that etcd holds itself is its own to give, because it is restarted.

use crate::{
    context::Planner,
    effect::MemberRef,
    kinds::remove_member,
    membership::{Scene, Seat},
    provision::client_way,
};
use futures::future::join_all;
use quorate_domain::{
    host::{HostFacts, USUAL_DATA_DIR},
    membership::UpdateUrlsParams,
    names::split_url,
    plan::{Check, Verdict},
    preflight,
};
use quorate_remote::{facts, ports};
use std::net::IpAddr;

/// What was seen.
#[derive(Default)]
pub(super) struct Ways {
    /// Verdicts.
    pub checks: Vec<Check>,
    /// Who is connected to the client URL that goes, in a sentence.
    pub clients: Vec<String>,
}

impl Ways {
    /// Looks at the member's host, from the others' hosts, and from here. A host that is not reached says nothing: that its
    /// file cannot be written is a check of its own.
    pub(super) async fn look(planner: &Planner, scene: &Scene, seat: &Seat, params: &UpdateUrlsParams) -> Self {
        let (Some(host), Some(connection)) = (&seat.host, &seat.connection) else { return Self::default() };
        let who = seat.member();
        let data_dir = seat.record.as_ref().map_or(USUAL_DATA_DIR, |record| record.data_dir.as_str());
        let wanted: Vec<(String, u16)> =
            [&params.peer_url, &params.client_url].into_iter().filter_map(|url| split_url(url).ok()).collect();
        let at: Vec<u16> = wanted.iter().map(|(_, port)| *port).collect();
        let mut ways = Self::default();
        match facts::gather(connection, data_dir, &at, planner.inventory.now()).await {
            Ok(facts) => ways.checks.extend(places(&facts, &who, params)),
            Err(error) => {
                let advice = "Open the host's page, mend its connection, and review again";
                ways.checks.push(Check::new("contact", &who.name, Verdict::Fail, error.to_string(), advice));
            }
        }
        if who.peer_url != params.peer_url
            && let Ok(to) = split_url(&params.peer_url)
        {
            let others: Vec<&Seat> = scene.seats.iter().filter(|other| other.listed.id != params.member).collect();
            let found = join_all(others.iter().map(|other| peer_way(other, &who.name, &to))).await;
            ways.checks.extend(found.into_iter().flatten());
        }
        if who.client_url != params.client_url
            && let Ok((address, port)) = split_url(&params.client_url)
        {
            let reach = scene.record.reach;
            ways.checks.push(client_way(planner, reach, host, connection, (address.as_str(), port)).await);
            ways.clients = remove_member::clients_of(scene, &[seat]).await;
        }
        ways
    }
}

/// Whether another member would reach it there.
async fn peer_way(from: &Seat, name: &str, to: &(String, u16)) -> Option<Check> {
    let connection = from.connection.as_ref()?;
    let found = ports::probe(connection, std::slice::from_ref(to)).await.ok()?;
    Some(preflight::port_check(&from.name(), name, to.1, found.first().copied()?))
}

/// Whether the host has the addresses, and the ports are free or its etcd's own.
fn places(facts: &HostFacts, who: &MemberRef, params: &UpdateUrlsParams) -> Vec<Check> {
    let own: Vec<(String, u16)> =
        [&who.peer_url, &who.client_url].into_iter().filter_map(|url| split_url(url).ok()).collect();
    let mut checks = Vec::new();
    for (now, url) in [(&who.peer_url, &params.peer_url), (&who.client_url, &params.client_url)] {
        let Ok((address, port)) = split_url(url) else { continue };
        if now == url {
            continue;
        }
        let holder = facts.ports_in_use.iter().find(|p| p.port == port);
        let (verdict, answer) = match holder {
            _ if own.iter().any(|(_, own)| *own == port) => (Verdict::Pass, "its own".to_owned()),
            None => (Verdict::Pass, "free".into()),
            Some(p) => (Verdict::Fail, format!("in use by {}", p.process.as_deref().unwrap_or("another process"))),
        };
        let advice = "Stop what listens there, or choose another port";
        checks.push(Check::new(format!("port_{port}"), &who.name, verdict, answer, advice));
        if let Ok(ip) = address.parse::<IpAddr>()
            && !own.iter().any(|(own, _)| *own == address)
        {
            let has = facts.addresses.iter().any(|own| own.parse::<IpAddr>() == Ok(ip));
            let verdict = if has { Verdict::Pass } else { Verdict::Fail };
            let answer = match has {
                true => format!("{address} is its host's own"),
                false => format!("{address} is none of its host's addresses: {}", facts.addresses.join(", ")),
            };
            let advice =
                "etcd listens on its host's own addresses only: give the host this one first, or choose another";
            checks.push(Check::new("address", &who.name, verdict, answer, advice));
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::install_cluster::tests::{facts, host};
    use quorate_domain::{ClusterId, MemberId, host::PortInUse};

    fn verdicts(peer_url: &str, client_url: &str) -> Vec<(String, bool)> {
        let mut facts = facts(&host(2));
        let used = |port, process: &str| PortInUse { port, process: Some(process.into()) };
        facts.ports_in_use = vec![used(2380, "etcd"), used(2379, "etcd"), used(9000, "minio")];
        let who = MemberRef {
            name: "lab2".into(),
            id: Some(MemberId(2)),
            peer_url: "http://10.77.0.12:2380".into(),
            client_url: "http://10.77.0.12:2379".into(),
        };
        let mut params = UpdateUrlsParams {
            cluster: ClusterId::from_random([1; 10]),
            member: MemberId(2),
            peer_url: peer_url.into(),
            client_url: client_url.into(),
            token: String::new(),
        };
        params.complete(&who.peer_url, &who.client_url);
        let checks = places(&facts, &who, &params).into_iter();
        checks.map(|check| (check.name, check.verdict == Verdict::Pass)).collect()
    }

    #[test]
    fn a_port_is_free_or_its_own_and_an_address_the_hosts() {
        let is = |name: &str, good: bool| (name.to_owned(), good);
        assert_eq!(verdicts("", ""), []);
        assert_eq!(verdicts("http://10.77.0.12:2390", ""), [is("port_2390", true)]);
        assert_eq!(verdicts("http://10.77.0.12:9000", ""), [is("port_9000", false)]);
        let swapped = verdicts("http://10.77.0.12:2379", "http://10.77.0.12:2380");
        assert_eq!(swapped, [is("port_2379", true), is("port_2380", true)]);
        let elsewhere = verdicts("", "http://10.0.0.9:2379");
        assert_eq!(elsewhere, [is("port_2379", true), is("address", false)]);
        assert_eq!(verdicts("", "http://db2:2379"), [is("port_2379", true)], "a name is not listened at");
    }
}
