//! Reading what a process and systemd tell about an etcd. Invariant: pure; what is not understood is said in
//! `Layout::not_here`, and nothing of it is guessed.

use quorate_domain::{cluster::Layout, etcd_conf};
use std::collections::{BTreeMap, BTreeSet};

/// What was printed.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    pub ports: BTreeSet<u16>,
    /// `/proc/<pid>/cmdline`: words, each ended by NUL.
    pub arguments: String,
    /// `/proc/<pid>/environ`, likewise.
    pub environment: String,
    /// `/proc/<pid>/cgroup`.
    pub cgroup: String,
    /// Its working directory.
    pub directory: String,
    /// Its configuration file.
    pub conf: Option<String>,
    /// `systemctl cat` of its unit.
    pub unit_text: String,
    /// It is the unit's main process: what stops with the unit, and nothing else does.
    pub main: bool,
}

/// An etcd that runs on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// The ports it listens on.
    pub ports: BTreeSet<u16>,
    /// How it lies there.
    pub layout: Layout,
    /// Its configuration file.
    pub conf: Option<String>,
    /// Its unit with drop-ins.
    pub unit_text: String,
    /// Its data directory.
    pub data_dir: String,
    /// Its name.
    pub name: String,
    /// The client URLs that it advertises.
    pub client_urls: Vec<String>,
    /// `initial-cluster-token`; empty for etcd's default.
    pub token: String,
    /// Quota in bytes, where it is set.
    pub quota: u64,
    /// Settings that are there and that etcd ignores.
    pub dead: Vec<String>,
}

/// Reads `ss -Hltnp`: the ports of every process named `etcd`.
pub(super) fn listeners(text: &str) -> BTreeMap<u32, BTreeSet<u16>> {
    let mut found: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = words.get(3).and_then(|local| local.rsplit_once(':')?.1.parse::<u16>().ok());
        let owner = line
            .split_once("users:((\"etcd\",pid=")
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
        if let (Some(port), Some(pid)) = (port, owner) {
            found.entry(pid).or_default().insert(port);
        }
    }
    found
}

impl Raw {
    /// Flags by name; a flag without a value is `true`.
    fn flags(&self) -> BTreeMap<&str, &str> {
        let mut words = self.arguments.split('\0').filter(|word| !word.is_empty()).skip(1).peekable();
        let mut flags = BTreeMap::new();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
            match flag.split_once('=') {
                Some((name, value)) => flags.insert(name, value),
                None => {
                    let value = words.next_if(|next| !next.starts_with('-'));
                    flags.insert(flag, value.unwrap_or("true"))
                }
            };
        }
        flags
    }

    /// etcd's own variables by the name of their flag.
    fn variables(&self) -> BTreeMap<String, &str> {
        let own = self.environment.split('\0').filter_map(|pair| pair.strip_prefix("ETCD_")?.split_once('='));
        own.map(|(name, value)| (name.to_lowercase().replace('_', "-"), value)).collect()
    }

    /// The file that it reads its settings from.
    pub fn conf_path(&self) -> Option<String> {
        let flags = self.flags();
        let path = flags.get("config-file").copied().or_else(|| self.variables().get("config-file").copied())?;
        Some(self.absolute(path))
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory.trim_end_matches('/')) }
    }

    /// The unit that systemd started it as.
    pub fn unit(&self) -> Option<String> {
        let paths = self.cgroup.lines().filter_map(|line| line.rsplit_once(':').map(|(_, path)| path));
        let mut units = paths.filter_map(|path| path.rsplit('/').find(|part| part.ends_with(".service")));
        // What a manager of containers started is not its own unit.
        units.find(|unit| !["docker.service", "containerd.service", "crio.service"].contains(unit)).map(str::to_owned)
    }

    /// What it all means.
    pub fn read(self) -> Process {
        // A unit that only happens to hold it (sshd's, cron's, a manager of containers) is not etcd's to stop.
        let unit = self.unit().filter(|_| self.main && !self.contained()).unwrap_or_default();
        let path = self.conf_path();
        let (flags, variables) = (self.flags(), self.variables());
        let value = |key: &str| -> String {
            match (&path, &self.conf) {
                // Beside a file, flags and variables are ignored.
                (Some(_), conf) => conf.as_deref().and_then(|conf| etcd_conf::setting(conf, key)).unwrap_or_default(),
                (None, _) => flags.get(key).or_else(|| variables.get(key)).copied().unwrap_or_default(),
            }
            .to_owned()
        };
        let name = value("name");
        let data_dir = match value("data-dir") {
            dir if dir.is_empty() && self.conf.is_none() && path.is_some() => String::new(),
            // etcd's default.
            dir if dir.is_empty() => {
                self.absolute(&format!("{}.etcd", if name.is_empty() { "default" } else { &name }))
            }
            dir => self.absolute(&dir),
        };
        let mut dead = Vec::new();
        if path.is_some() {
            dead.extend(flags.keys().filter(|f| **f != "config-file").map(|flag| format!("--{flag}")));
            let ignored = variables.keys().filter(|name| *name != "config-file");
            dead.extend(ignored.map(|name| format!("ETCD_{}", name.to_uppercase().replace('-', "_"))));
        }
        let conf = path.clone().filter(|_| self.conf.is_some() && !unit.is_empty()).unwrap_or_default();
        let layout = Layout { not_here: self.not_here(&unit, path.as_deref(), &flags), unit, conf };
        let client_urls = value("advertise-client-urls");
        Process {
            layout,
            data_dir,
            client_urls: client_urls.split(',').map(str::trim).filter(|u| !u.is_empty()).map(str::to_owned).collect(),
            token: value("initial-cluster-token"),
            quota: value("quota-backend-bytes").parse().unwrap_or_default(),
            name,
            dead,
            ports: self.ports,
            conf: self.conf,
            unit_text: self.unit_text,
        }
    }

    fn contained(&self) -> bool {
        let managers = ["docker", "kubepods", "containerd", "libpod", "crio", "machine.slice", "payload"];
        managers.iter().any(|c| self.cgroup.contains(c))
    }

    /// What is left alone, and why.
    fn not_here(&self, unit: &str, path: Option<&str>, flags: &BTreeMap<&str, &str>) -> String {
        if self.contained() {
            return "its etcd runs in a container".into();
        }
        if unit.is_empty() {
            return "its etcd is not the main process of a systemd unit".into();
        }
        match path {
            Some(_) if self.conf.is_some() => String::new(),
            Some(path) => format!("its configuration {path} cannot be read"),
            None => {
                let file = self.unit_text.lines().find_map(|l| l.trim().strip_prefix("EnvironmentFile="));
                match file.map(|file| file.trim_start_matches('-')) {
                    Some(file) => format!("its settings are variables in {file}"),
                    None if flags.is_empty() => "its settings are variables of its unit".into(),
                    None => "its settings are flags of its unit".into(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(arguments: &[&str], environment: &[&str], unit: &str) -> Raw {
        Raw {
            arguments: arguments.join("\0") + "\0",
            environment: environment.join("\0") + "\0",
            cgroup: format!("0::/system.slice/{unit}\n"),
            directory: "/var/lib/etcd".into(),
            main: true,
            ..Raw::default()
        }
    }

    #[test]
    fn only_etcd_counts_and_all_of_its_ports() {
        let text = "LISTEN 0 4096 10.77.0.11:2379 0.0.0.0:* users:((\"etcd\",pid=812,fd=9))\n\
                    LISTEN 0 4096 [::1]:2379 [::]:* users:((\"etcd\",pid=812,fd=10))\n\
                    LISTEN 0 4096 10.77.0.11:2380 0.0.0.0:* users:((\"etcd\",pid=812,fd=7))\n\
                    LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))\n";
        assert_eq!(listeners(text), BTreeMap::from([(812, BTreeSet::from([2379, 2380]))]));
    }

    #[test]
    fn the_guides_layout_is_understood_and_what_stands_beside_its_file_is_dead() {
        let mut raw = raw(
            &["/usr/bin/etcd", "--config-file", "/etc/etcd/etcd.conf", "--log-level=debug"],
            &["HOME=/", "ETCD_NAME=other", "SECRET=x"],
            "etcd.service",
        );
        raw.conf = Some(
            "name: 'lab1'\ndata-dir: '/var/lib/etcd'\nadvertise-client-urls: 'http://a:2379, http://b:2379'\n\
                         initial-cluster-token: tok\nquota-backend-bytes: 5\n"
                .into(),
        );
        let found = raw.read();
        assert!(found.layout.is_guides(), "{:?}", found.layout);
        assert_eq!((found.name.as_str(), found.data_dir.as_str(), found.quota), ("lab1", "/var/lib/etcd", 5));
        assert_eq!((found.client_urls.len(), found.token.as_str()), (2, "tok"));
        assert_eq!(found.dead, ["--log-level", "ETCD_NAME"]);
    }

    #[test]
    fn variables_and_flags_run_and_are_not_edited() {
        let mut of_debian =
            raw(&["/usr/bin/etcd"], &["ETCD_NAME=pg1", "ETCD_DATA_DIR=/var/lib/etcd/default"], "etcd.service");
        of_debian.unit_text = "[Service]\nEnvironmentFile=-/etc/default/etcd\n".into();
        let found = of_debian.read();
        assert_eq!(found.layout.steerable(), Ok(()));
        assert_eq!(
            found.layout.editable(),
            Err("not here, because its settings are variables in /etc/default/etcd".into())
        );
        assert_eq!((found.name.as_str(), found.data_dir.as_str()), ("pg1", "/var/lib/etcd/default"));
        assert!(found.dead.is_empty(), "without a file they count");
        let flags = raw(&["etcd", "--name", "n1", "--data-dir=data"], &[], "kv.service").read();
        assert_eq!((flags.layout.unit.as_str(), flags.data_dir.as_str()), ("kv.service", "/var/lib/etcd/data"));
        assert!(flags.layout.not_here.contains("flags"));
        assert_eq!(raw(&["etcd"], &[], "x.service").read().data_dir, "/var/lib/etcd/default.etcd");
    }

    #[test]
    fn a_container_is_neither_stopped_nor_edited() {
        let mut inside = raw(&["etcd", "--name=n1"], &[], "docker.service");
        inside.cgroup = "0::/system.slice/docker-0123.scope\n".into();
        let found = inside.read();
        assert_eq!(found.layout.unit, "");
        assert_eq!(found.layout.steerable(), Err("not here, because its etcd runs in a container".into()));
        let by_hand = Raw { cgroup: "0::/user.slice/session-1.scope\n".into(), ..raw(&["etcd"], &[], "") }.read();
        assert!(by_hand.layout.not_here.contains("not the main process"));
        let mut of_ssh = raw(&["etcd", "--config-file=/etc/etcd/etcd.conf"], &[], "ssh.service");
        (of_ssh.main, of_ssh.conf) = (false, Some("name: 'a'\n".into()));
        let found = of_ssh.read();
        assert_eq!((found.layout.unit.as_str(), found.layout.conf.as_str()), ("", ""), "sshd's unit is not etcd's");
    }

    #[test]
    fn a_file_that_is_not_read_is_said() {
        let found = raw(&["etcd", "--config-file=/root/x.yml"], &[], "etcd.service").read();
        assert!(found.layout.not_here.contains("/root/x.yml"), "{}", found.layout.not_here);
        assert_eq!((found.layout.conf.as_str(), found.data_dir.as_str()), ("", ""));
    }
}
