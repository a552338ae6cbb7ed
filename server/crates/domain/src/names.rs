//! Names, addresses and paths that people type. Invariant: a value that passed here is safe as an argument, in a
//! config file, in a unit name and in a URL; nothing is quoted later to make it safe.

use std::net::IpAddr;

/// Longest cluster or member name.
pub const NAME_MAX: usize = 63;

/// Checks a cluster's, member's or host's name: 1–63 of `a-z A-Z 0-9 . _ -`, starting and ending with a letter or digit.
///
/// # Errors
/// A sentence for the field.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("Give it a name".into());
    }
    if name.chars().count() > NAME_MAX {
        return Err(format!("Use at most {NAME_MAX} characters; this has {}", name.chars().count()));
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c))) {
        return Err(format!("Use letters, digits and . _ - only; {} is not allowed", show_char(bad)));
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !edge(name.chars().next()) || !edge(name.chars().next_back()) {
        return Err("Start and end with a letter or digit".into());
    }
    Ok(())
}

fn show_char(c: char) -> String {
    match c {
        ' ' => "a space".into(),
        '\n' | '\r' => "a line break".into(),
        '\t' => "a tab".into(),
        c if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
        c => format!("“{c}”"),
    }
}

/// Checks an absolute path on a host: normalised, no spaces or quotes, not a system directory itself.
///
/// # Errors
/// A sentence for the field.
pub fn check_data_dir(path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.len() > 200 {
        return Err("Give an absolute path of at most 200 characters, such as /var/lib/etcd".into());
    }
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        return Err("Use letters, digits and / . _ - only".into());
    }
    let parts: Vec<&str> = path[1..].split('/').collect();
    if parts.iter().any(|p| p.is_empty() || *p == "." || *p == "..") {
        return Err("Leave out “//”, “.”, “..” and the slash at the end".into());
    }
    const SYSTEM: [&str; 12] =
        ["bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr"];
    // What stands right below these is shared or somebody's home: it would become etcd's alone.
    let shared = matches!(parts[0], "var" | "home") && parts.len() == 2;
    if parts.len() < 2 || SYSTEM.contains(&parts[0]) || shared {
        return Err(format!("{path} is a place for the system; use a directory of its own, such as /var/lib/etcd"));
    }
    Ok(())
}

/// Checks a DNS name or IP address (without port, without brackets).
///
/// # Errors
/// A sentence for the field.
pub fn check_address(address: &str) -> Result<(), String> {
    if address.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let all_numeric = address.chars().all(|c| c.is_ascii_digit() || c == '.');
    if address.len() <= 253 && !all_numeric && address.split('.').all(label_ok) {
        Ok(())
    } else {
        Err("Give a host name or an IP address, such as db1.example.net or 10.0.0.11".into())
    }
}

/// Checks a login name on a host: POSIX portable, at most 32 characters.
///
/// # Errors
/// A sentence for the field.
pub fn check_login(user: &str) -> Result<(), String> {
    let ok = (1..=32).contains(&user.len())
        && user.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && user.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if ok { Ok(()) } else { Err("Use a login name such as root or ops: small letters, digits, _ and -".into()) }
}

/// Where SSH connects to: `user@address:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SshTarget {
    /// Login name; `root` when it was left out.
    pub user: String,
    /// Host name or IP address.
    pub address: String,
    /// Port; 22 when it was left out.
    pub port: u16,
}

impl SshTarget {
    /// Parses one pasted line: `[user@]address[:port]`, IPv6 in brackets when a port follows.
    ///
    /// # Errors
    /// A sentence for the line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (user, rest) = line.split_once('@').unwrap_or(("root", line));
        check_login(user)?;
        let (address, port) = if let Some(inner) = rest.strip_prefix('[') {
            let (address, tail) = inner.split_once(']').ok_or("The bracket of the IPv6 address is not closed")?;
            (address, tail.strip_prefix(':'))
        } else if rest.parse::<IpAddr>().is_ok() {
            (rest, None)
        } else {
            match rest.split_once(':') {
                Some((address, port)) => (address, Some(port)),
                None => (rest, None),
            }
        };
        check_address(address)?;
        let port = match port {
            None => 22,
            Some(port) => port.parse().ok().filter(|&p| p > 0).ok_or("The port is a number from 1 to 65535")?,
        };
        Ok(Self { user: user.to_owned(), address: address.to_owned(), port })
    }
}

/// `address` as it stands in a URL's authority: IPv6 in brackets.
pub fn url_host(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// Address and port of a client or peer URL, the address without brackets.
///
/// # Errors
/// It is not such a URL, in words.
pub fn split_url(url: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{url} is not a URL with a port");
    let rest = url.split_once("://").ok_or_else(wrong)?.1;
    let (address, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
    Ok((address.trim_matches(['[', ']']).to_owned(), port.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_break_out_are_refused() {
        for good in ["demo", "pg-prod.b_2", "A", "x".repeat(63).as_str()] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a\nb", "it's", "a\"b", "$(reboot)", "x".repeat(300).as_str(), "🦀", "-a", "a-", "a/b"]
        {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn data_dirs_are_absolute_plain_and_not_the_system() {
        for good in ["/var/lib/etcd", "/data/etcd-1", "/srv/etcd/x"] {
            assert_eq!(check_data_dir(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "var/lib",
            "/",
            "/var",
            "/var/lib",
            "/home/anna",
            "/etc/x",
            "/a//b",
            "/a/../b",
            "/a/b/",
            "/a b/c",
            "/a/$(x)",
            "/a/'b",
        ] {
            assert!(check_data_dir(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pasted_lines_become_targets() {
        let t = |u: &str, a: &str, p| SshTarget { user: u.into(), address: a.into(), port: p };
        assert_eq!(SshTarget::parse("ops@10.77.0.11:2222"), Ok(t("ops", "10.77.0.11", 2222)));
        assert_eq!(SshTarget::parse(" db1.example.net "), Ok(t("root", "db1.example.net", 22)));
        assert_eq!(SshTarget::parse("ops@[fd00::1]:22"), Ok(t("ops", "fd00::1", 22)));
        assert_eq!(SshTarget::parse("fd00::1"), Ok(t("root", "fd00::1", 22)));
        for bad in ["", "@x", "a b@c", "x:0", "x:99999", "-oProxyCommand=x", "root@-x", "999.1.1.1", "x;reboot"] {
            assert!(SshTarget::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_has_no_special_character(name in ".*") {
            if check_name(&name).is_ok() {
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
            }
        }

        #[test]
        fn an_accepted_target_never_looks_like_an_option(line in ".{0,60}") {
            if let Ok(target) = SshTarget::parse(&line) {
                prop_assert!(!target.address.starts_with('-') && !target.user.starts_with('-'));
            }
        }
    }

    #[test]
    fn urls_split_into_address_and_port() {
        assert_eq!(split_url("http://10.0.0.1:2379"), Ok(("10.0.0.1".into(), 2379)));
        assert_eq!(split_url("http://[fd00::1]:2379"), Ok(("fd00::1".into(), 2379)));
        assert!(split_url("nonsense").is_err());
    }
}
