//! The URL people type. Invariant: an origin only (scheme, host, port), in small letters, without the scheme's own
//! port, so that comparing texts compares origins.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// `https://quorate.example.net` or `http://127.0.0.1:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    authority: String,
}

impl PublicUrl {
    /// The URL of a console that is reached at the address it listens on.
    pub fn plain(listen: SocketAddr) -> Self {
        Self { https: false, authority: normal(&listen.to_string(), false) }
    }

    /// The port people come to.
    pub fn port(&self) -> u16 {
        let own = if self.https { 443 } else { 80 };
        self.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(own)
    }

    /// Whether people come over TLS.
    pub fn https(&self) -> bool {
        self.https
    }

    /// Whether a `Host` header names this console: by its URL, or by a loopback name. Any other name is somebody
    /// else's DNS entry that points here.
    pub fn accepts_host(&self, host: &str) -> bool {
        normal(host, self.https) == self.authority || is_loopback_name(host)
    }
}

/// Small letters, without the scheme's own port.
fn normal(authority: &str, https: bool) -> String {
    let small = authority.to_ascii_lowercase();
    let own_port = if https { ":443" } else { ":80" };
    small.strip_suffix(own_port).map_or(small.clone(), str::to_owned)
}

fn is_loopback_name(host: &str) -> bool {
    let name = if let Some(rest) = host.strip_prefix('[') {
        match rest.split_once(']') {
            Some((inner, "")) => inner,
            Some((inner, port)) if is_port(port) => inner,
            _ => return false,
        }
    } else {
        match host.split_once(':') {
            None => host,
            Some((name, port)) if is_port(&format!(":{port}")) => name,
            Some(_) => return false,
        }
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an origin; write it as https://quorate.example.net, without a path");
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?.as_str();
        if uri.path() != "/" || uri.query().is_some() || text.contains('#') || authority.contains('@') {
            return Err(wrong());
        }
        Ok(Self { https, authority: normal(authority, https) })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

impl Serialize for PublicUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_and_loopback_names_are_accepted() {
        let url: PublicUrl = "https://Quorate.Example.net".parse().expect("url");
        for good in ["quorate.example.net", "QUORATE.example.net:443", "localhost:3000", "127.0.0.1", "[::1]:3000"] {
            assert!(url.accepts_host(good), "{good}");
        }
        for bad in
            ["evil.example", "quorate.example.net:8443", "quorate.example.net.evil", "localhost.evil", "10.0.0.1", ""]
        {
            assert!(!url.accepts_host(bad), "{bad}");
        }
        assert!(PublicUrl::plain(([127, 0, 0, 1], 3000).into()).accepts_host("127.0.0.1:3000"));
    }

    #[test]
    fn only_origins_are_urls() {
        assert_eq!("https://q.example:443/".parse::<PublicUrl>().expect("url").to_string(), "https://q.example");
        for bad in ["q.example", "ftp://q", "https://q/x", "https://u@q", "https://q?x", ""] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
