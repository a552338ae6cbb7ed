//! Another peer or client URL of a member: what may be asked for, and where its etcd listens then. Invariant: pure; whether a
//! port is free and an address its host's own is looked at by whoever makes the plan.

use crate::{
    cluster::Scheme,
    ids::{ClusterId, MemberId},
    install::{check_member_address, check_port},
    names::{check_address, split_url, url_host},
    problem::FieldError,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Parameters of the kind `update_member_urls`: a URL that is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateUrlsParams {
    /// The cluster.
    pub cluster: ClusterId,
    /// The member.
    pub member: MemberId,
    /// Where the other members reach it: `http://10.0.0.11:2380`.
    #[serde(default)]
    pub peer_url: String,
    /// Where clients reach it: `http://10.0.0.11:2379`.
    #[serde(default)]
    pub client_url: String,
    /// Names what is kept on hosts; generated if empty.
    #[serde(default)]
    pub token: String,
}

impl UpdateUrlsParams {
    /// Fills in what stays as it is, from the member's URLs now.
    pub fn complete(&mut self, peer_url: &str, client_url: &str) {
        for (url, now) in [(&mut self.peer_url, peer_url), (&mut self.client_url, client_url)] {
            if url.is_empty() {
                now.clone_into(url);
            }
        }
    }

    /// Everything that is wrong with completed parameters as far as it can be told without looking at a host, for a member
    /// that has `peer_url` and `client_url` now, in a cluster of `scheme` whose other members have the URLs `taken`. What
    /// stays as it is is not judged.
    pub fn validate(&self, peer_url: &str, client_url: &str, scheme: Scheme, taken: &[String]) -> Vec<FieldError> {
        let port = |url: &str| split_url(url).ok().map(|(_, port)| port);
        let judge = |url: &str, other: &str| {
            check_url(url, scheme)?;
            if taken.iter().any(|t| t == url) {
                return Err("Another member has this URL".to_owned());
            }
            if port(url) == port(other) {
                return Err("Peers and clients need two ports".to_owned());
            }
            Ok(())
        };
        let mut errors = Vec::new();
        let mut check = |field: &str, url: &str, now: &str, other: &str| {
            if url != now
                && let Err(message) = judge(url, other)
            {
                errors.push(FieldError { field: field.to_owned(), message });
            }
        };
        check("peer_url", &self.peer_url, peer_url, &self.client_url);
        check("client_url", &self.client_url, client_url, &self.peer_url);
        errors
    }
}

/// Checks a URL at which others reach a member: scheme, host and port as etcd writes them, and nothing else.
fn check_url(url: &str, scheme: Scheme) -> Result<(), String> {
    let scheme = scheme.as_str();
    if !url.starts_with(&format!("{scheme}://")) {
        return Err(format!("This cluster speaks {scheme}: begin with {scheme}://"));
    }
    let example = || format!("Give host and port and nothing else, such as {scheme}://10.0.0.11:2380");
    let (address, port) = split_url(url).map_err(|_| example())?;
    check_address(&address).map_err(|_| example())?;
    // etcd compares URLs letter by letter: brackets and digits have to be as it writes them.
    if url != format!("{scheme}://{}:{port}", url_host(&address)) {
        return Err(example());
    }
    if address == "localhost" {
        return Err("Others cannot reach localhost; give the address that the other hosts use".into());
    }
    if address.parse::<IpAddr>().is_ok() {
        check_member_address(&address)?;
    }
    check_port(port)
}

/// `listen-peer-urls` or `listen-client-urls` of a member that is reached at `to` from then on and was at `from`. An entry for
/// every address or for loopback keeps its host and follows with the port; one at another port stays as it is.
///
/// # Errors
/// Why it cannot be told where it has to listen, in words.
pub fn listen_urls(present: &str, from: &str, to: &str) -> Result<String, String> {
    let ((was, old_port), (new, port)) = (split_url(from)?, split_url(to)?);
    let is_ip = |address: &str| address.parse::<IpAddr>().is_ok();
    let (mut urls, mut moved): (Vec<String>, bool) = (Vec::new(), false);
    for url in present.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let (host, at) = split_url(url)?;
        let followed = if at == old_port {
            moved = true;
            let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
            // etcd listens on IP addresses only, so a name is not listened at; what stood for one was its own address.
            let own = !everywhere(&host) && !loopback(&host) && (host == was || !is_ip(&was));
            let host = if own && is_ip(&new) { &new } else { &host };
            format!("{scheme}://{}:{port}", url_host(host))
        } else {
            url.to_owned()
        };
        if !urls.contains(&followed) {
            urls.push(followed);
        }
    }
    if !moved {
        return Err(format!("it listens at {present}, and not at the port of {from}"));
    }
    let reached = |url: &String| {
        let there = |host: &str| everywhere(host) || host == new || new == was || !is_ip(&new);
        split_url(url).is_ok_and(|(host, at)| at == port && !loopback(&host) && there(&host))
    };
    if !urls.iter().any(reached) {
        return Err(format!("it listens at {present}, from which it cannot be told where {to} is"));
    }
    Ok(urls.join(","))
}

/// Whether a listener there takes connections to every address of its host.
fn everywhere(host: &str) -> bool {
    host.is_empty() || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

fn loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "http://10.0.0.1:2380";
    const CLIENT: &str = "http://10.0.0.1:2379";

    fn errors(peer_url: &str, client_url: &str) -> Vec<(String, String)> {
        let mut params = UpdateUrlsParams {
            cluster: ClusterId::from_random([1; 10]),
            member: MemberId(1),
            peer_url: peer_url.into(),
            client_url: client_url.into(),
            token: String::new(),
        };
        params.complete(PEER, CLIENT);
        let taken = ["http://10.0.0.2:2380".to_owned(), "http://10.0.0.2:2379".to_owned()];
        let errors = params.validate(PEER, CLIENT, Scheme::Http, &taken);
        errors.into_iter().map(|e| (e.field, e.message)).collect()
    }

    #[test]
    fn what_is_left_out_or_stays_is_fine() {
        for (peer, client) in [
            ("", ""),
            (PEER, CLIENT),
            ("http://10.0.0.1:2390", ""),
            ("http://[fd00::1]:2380", "http://db1.example.net:2389"),
            // Both ports at once, each the other's.
            ("http://10.0.0.1:2379", "http://10.0.0.1:2380"),
        ] {
            assert_eq!(errors(peer, client), [], "{peer} {client}");
        }
    }

    #[test]
    fn a_wrong_url_is_said_at_its_field() {
        for wrong in [
            "https://10.0.0.1:2390",
            "10.0.0.1:2390",
            "http://10.0.0.1",
            "http://10.0.0.1:2390/",
            "http://10.0.0.1:02390",
            "http://anna@10.0.0.1:2390",
            "http://fd00::1:2390",
            "http://localhost:2390",
            "http://127.0.0.1:2390",
            "http://0.0.0.0:2390",
            "http://10.0.0.1:80",
            "http://10.0.0.1:$(reboot)",
            "http://10.0.0.2:2380",
            "http://10.0.0.2:2379",
            CLIENT,
        ] {
            let found = errors(wrong, "");
            assert_eq!(found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["peer_url"], "{wrong}");
        }
        let client = |message: &str| vec![("client_url".to_owned(), message.to_owned())];
        assert_eq!(errors("", "http://10.0.0.2:2379"), client("Another member has this URL"));
        assert_eq!(errors("", PEER), client("Peers and clients need two ports"));
    }

    #[test]
    fn it_listens_where_it_is_reached_and_loopback_follows_with_the_port() {
        let to = |to: &str, present: &str| listen_urls(present, CLIENT, to);
        let ok = |text: &str| Ok(text.to_owned());
        let new = "http://10.0.0.9:2389";
        assert_eq!(to(new, CLIENT), ok(new));
        let guide = "http://10.0.0.1:2379, http://localhost:2379";
        assert_eq!(to(new, guide), ok("http://10.0.0.9:2389,http://localhost:2389"));
        assert_eq!(to(new, "http://0.0.0.0:2379"), ok("http://0.0.0.0:2389"));
        assert_eq!(to(new, "http://[::]:2379,http://10.0.0.1:5000"), ok("http://[::]:2389,http://10.0.0.1:5000"));
        // A name is not listened at.
        assert_eq!(to("http://db1:2389", CLIENT), ok("http://10.0.0.1:2389"));
        assert_eq!(listen_urls("http://10.0.0.1:2379", "http://db1:2379", new), ok(new));
        assert_eq!(to("http://[fd00::1]:2379", CLIENT), ok("http://[fd00::1]:2379"));
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for present in ["", "http://10.0.0.1:5000", "unix://etcd", "http://10.0.0.7:2379", "http://localhost:2379"] {
            assert!(listen_urls(present, CLIENT, "http://10.0.0.9:2389").is_err(), "{present}");
        }
        let behind = listen_urls("http://192.168.0.1:2379", CLIENT, "http://10.0.0.1:2389");
        assert_eq!(behind.as_deref(), Ok("http://192.168.0.1:2389"), "only the port changes");
    }
}
