//! Whether members reach each other, and the console them. Invariant: as in `preflight`: pure; an open port and a refused
//! one are the same verdict, so that it does not turn with what listens there.

use super::{check, pass_or};
use crate::{
    host::PortReach,
    plan::{Check, Verdict},
};

fn words(reach: PortReach) -> &'static str {
    match reach {
        PortReach::Open => "answers",
        PortReach::Refused => "reachable, nothing listens yet",
        PortReach::Filtered => "no answer in 2 s: filtered",
        PortReach::NoRoute => "no route",
    }
}

/// The check of one direction between two hosts.
pub fn port_check(from: &str, to: &str, port: u16, reach: PortReach) -> Check {
    check(
        "peer_port",
        &format!("{from} → {to}"),
        pass_or(reach.reachable(), Verdict::Fail),
        format!("port {port}: {}", words(reach)),
        "Open this port between the hosts, in the firewall of both and in the network between them",
    )
}

/// The check of the console's own way to the member on `host`, when no SSH is to carry it.
pub fn client_port_check(host: &str, address: &str, port: u16, reach: PortReach) -> Check {
    check(
        "client_port",
        host,
        pass_or(reach.reachable(), Verdict::Fail),
        format!("{address} port {port} from the console: {}", words(reach)),
        "Open this port to the console, or let it reach the members through SSH",
    )
}

/// The check of the way to the member on `host` through its SSH connection; `refusal` is why sshd carries nothing there.
pub fn forwarding_check(host: &str, port: u16, refusal: Option<&str>) -> Check {
    check(
        "forwarding",
        host,
        pass_or(refusal.is_none(), Verdict::Fail),
        match refusal {
            None => format!("sshd carries connections to port {port}"),
            Some(why) => format!("sshd carries nothing to port {port}: {why}"),
        },
        "Allow it in the host's sshd_config (AllowTcpForwarding local, PermitOpen) and reload sshd, or let the console reach the members directly",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_is_reachable_and_silence_is_filtered() {
        assert_eq!(port_check("a", "b", 2380, PortReach::Refused).verdict, Verdict::Pass);
        assert_eq!(port_check("a", "b", 2380, PortReach::Filtered).verdict, Verdict::Fail);
    }

    #[test]
    fn the_consoles_way_says_the_other_way_when_it_is_closed() {
        let verdict = |reach| client_port_check("a", "10.0.0.1", 2379, reach).verdict;
        let all = [PortReach::Open, PortReach::Refused, PortReach::Filtered, PortReach::NoRoute];
        assert_eq!(all.map(verdict), [Verdict::Pass, Verdict::Pass, Verdict::Fail, Verdict::Fail]);
        let closed = forwarding_check("a", 2379, Some("administratively prohibited"));
        assert!(closed.advice.contains("AllowTcpForwarding") && closed.answer.contains("prohibited"));
        assert_eq!(forwarding_check("a", 2379, None).verdict, Verdict::Pass);
    }
}
