//! The wishes of one install held against one host's facts. Invariant: as in `preflight`: pure.

use super::{check, disk_check, machine_checks, pass_or, place};
use crate::{
    host::{DiskLatency, HostFacts, HostSummary},
    install::{BinarySource, InstallParams},
    plan::{Check, Verdict},
};

/// What a member needs in /usr/bin.
const BINARIES: [&str; 3] = ["etcd", "etcdctl", "etcdutl"];

/// Checks of one host for an install that `params` describes; `address` is the member's.
pub fn install_checks(host: &HostSummary, facts: &HostFacts, params: &InstallParams, address: &str) -> Vec<Check> {
    let name = host.name.as_str();
    let mut checks = machine_checks(host, facts);
    checks.extend(facts.disk.as_ref().map(|disk| latency_check(name, disk, &params.data_dir)));
    let claimed = host.operation.is_some() || host.cluster.is_some();
    checks.push(check(
        "free_host",
        name,
        pass_or(!claimed, Verdict::Fail),
        match (&host.operation, &host.cluster) {
            (Some(operation), _) => format!("claimed by operation {operation}"),
            (None, Some(cluster)) => format!("already a member of {cluster}"),
            (None, None) => "carries no cluster".into(),
        },
        "Choose another host, or wait until the other operation has ended",
    ));
    checks.extend(place::checks(name, facts, &params.data_dir, [params.client_port, params.peer_port]));
    checks.push(check(
        "address",
        name,
        pass_or(facts.addresses.iter().any(|a| a == address), Verdict::Fail),
        if facts.addresses.iter().any(|a| a == address) {
            format!("{address} is its own")
        } else {
            format!("{address} is not among its own: {}", facts.addresses.join(", "))
        },
        "A member listens on its address, so it must be one of the host's own",
    ));
    checks.push(source_check(name, facts, params));
    checks
}

/// The latency as far as it is the data directory's: it is measured when a host is checked, before any install names a
/// directory.
fn latency_check(name: &str, disk: &DiskLatency, data_dir: &str) -> Check {
    if disk.is_of(data_dir) {
        return disk_check(name, disk);
    }
    check(
        "disk_latency",
        name,
        Verdict::Warn,
        format!("not measured for {data_dir}, only for {}", disk.dir),
        "etcd wants its log synced in less than 10 ms; see that this directory lies on a local SSD",
    )
}

fn source_check(name: &str, facts: &HostFacts, params: &InstallParams) -> Check {
    let installed = facts.etcd.binary_version;
    match params.source {
        BinarySource::Installed => {
            let there = |name: &&str| facts.etcd.binaries.iter().any(|(found, _)| found == name);
            let missing: Vec<&str> = BINARIES.into_iter().filter(|name| !there(name)).collect();
            check(
                "binaries",
                name,
                pass_or(missing.is_empty() && installed == Some(params.version), Verdict::Fail),
                match installed {
                    _ if !missing.is_empty() => format!("missing in /usr/bin: {}", missing.join(", ")),
                    Some(version) => format!("/usr/bin/etcd is {version}"),
                    None => "/usr/bin/etcd does not tell its version".to_owned(),
                },
                &format!("Put etcd, etcdctl and etcdutl {} in /usr/bin, or let the console bring them", params.version),
            )
        }
        BinarySource::Download => check(
            "binaries",
            name,
            pass_or(facts.curl && facts.tar, Verdict::Fail),
            match (facts.curl, facts.tar) {
                (true, true) => {
                    installed.map_or("will be downloaded".to_owned(), |v| format!("replaces {v}; undo puts it back"))
                }
                (false, _) => "curl is missing".into(),
                (_, false) => "tar or gzip is missing".into(),
            },
            "Install it, or let the console push the binaries",
        ),
        BinarySource::Push => check(
            "binaries",
            name,
            pass_or(facts.tar, Verdict::Fail),
            if facts.tar {
                installed.map_or("will be pushed".to_owned(), |v| format!("replaces {v}; undo puts it back"))
            } else {
                "tar or gzip is missing".into()
            },
            "Install tar and gzip",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::sample::{facts, host, params},
        *,
    };
    use crate::{host::PortInUse, version::Version, wide::Wide};

    fn failed(facts: &HostFacts) -> Vec<String> {
        install_checks(&host(), facts, &params(), "10.77.0.11")
            .into_iter()
            .filter(|c| c.verdict == Verdict::Fail)
            .map(|c| c.name)
            .collect()
    }

    #[test]
    fn a_fresh_host_passes() {
        assert_eq!(failed(&facts()), Vec::<String>::new());
    }

    #[test]
    fn each_obstacle_fails_its_own_check_with_advice() {
        type Spoil = fn(&mut HostFacts);
        let cases: Vec<(&str, Spoil)> = vec![
            ("arch", |f| {
                f.arch = None;
                f.machine = "riscv64".into()
            }),
            ("systemd", |f| f.systemd = None),
            ("root", |f| f.root = false),
            ("selinux", |f| f.selinux = "Enforcing".into()),
            ("unit", |f| f.etcd.unit_load = Some("masked".into())),
            ("etcd_running", |f| f.etcd.running = true),
            ("data_dir", |f| f.etcd.data_dir_has_member = true),
            ("port_2380", |f| f.ports_in_use = vec![PortInUse { port: 2380, process: None }]),
            ("data_free", |f| f.data_free = Wide(1 << 20)),
            ("bin_free", |f| f.bin_free = Wide(1 << 20)),
            ("address", |f| f.addresses.clear()),
            ("binaries", |f| f.curl = false),
        ];
        for (name, spoil) in cases {
            let mut spoiled = facts();
            spoil(&mut spoiled);
            assert_eq!(failed(&spoiled), [name]);
            let all = install_checks(&host(), &spoiled, &params(), "10.77.0.11");
            assert!(all.iter().filter(|c| c.verdict != Verdict::Pass).all(|c| !c.advice.is_empty()));
        }
    }

    #[test]
    fn installed_source_wants_all_three_and_the_exact_version() {
        let params = InstallParams { source: BinarySource::Installed, ..params() };
        let verdict = |version: Version, names: &[&str]| {
            let mut f = facts();
            f.etcd.binary_version = Some(version);
            f.etcd.binaries = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            let found = install_checks(&host(), &f, &params, "10.77.0.11").into_iter().find(|c| c.name == "binaries");
            found.map(|c| (c.verdict, c.answer)).expect("checked")
        };
        let wanted = params.version;
        assert_eq!(verdict(wanted, &BINARIES).0, Verdict::Pass);
        assert_eq!(verdict(Version::new(3, 5, 15), &BINARIES), (Verdict::Fail, "/usr/bin/etcd is 3.5.15".into()));
        let lacking = (Verdict::Fail, "missing in /usr/bin: etcdctl, etcdutl".into());
        assert_eq!(verdict(wanted, &["etcd"]), lacking);
    }

    #[test]
    fn a_latency_of_another_directory_is_not_the_data_directorys() {
        let mut f = facts();
        f.disk = Some(DiskLatency { mean_micros: 800, max_micros: 900, writes: 50, dir: "/var/lib/etcd".into() });
        let verdict = |data_dir: &str| {
            let params = InstallParams { data_dir: data_dir.into(), ..params() };
            let all = install_checks(&host(), &f, &params, "10.77.0.11");
            let mut of_disk = all.into_iter().filter(|c| c.name == "disk_latency");
            let found = of_disk.next().map(|c| (c.verdict, c.answer)).expect("said");
            assert_eq!(of_disk.next(), None);
            found
        };
        assert_eq!(verdict("/var/lib/etcd").0, Verdict::Pass);
        let other = (Verdict::Warn, "not measured for /srv/etcd, only for /var/lib/etcd".into());
        assert_eq!(verdict("/srv/etcd"), other);
    }

    #[test]
    fn no_check_is_made_twice() {
        let mut names: Vec<String> =
            install_checks(&host(), &facts(), &params(), "10.77.0.11").into_iter().map(|c| c.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), count), (17, 17), "{names:?}");
    }
}
