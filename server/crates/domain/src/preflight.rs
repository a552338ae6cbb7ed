//! The verdict on hosts before an install, in words with what to do. Invariant: pure; facts and wishes in, checks
//! out. Gathering facts lives in `remote::facts`, pairwise ports in `remote::ports`.

use crate::{
    host::{DiskLatency, HostFacts, HostSummary, PortReach, Trust},
    install::{BinarySource, InstallParams},
    plan::{Check, Verdict},
};

/// Least free bytes in the data directory's file system.
pub const DATA_FREE_MIN: u64 = 1 << 30;
/// Least free bytes where binaries go (three binaries of ≤ 30 MB and the archive beside them).
pub const BIN_FREE_MIN: u64 = 200 << 20;
/// etcd warns when clocks differ by more than a second (rafthttp's probing); half of it leaves room.
pub const CLOCK_OFFSET_MAX_MILLIS: i64 = 500;
/// etcd's hardware guide wants the 99th percentile of WAL fsync below 10 ms; a mean above it is slow for sure.
pub const DISK_SLOW_MICROS: u32 = 10_000;

fn check(name: &str, subject: &str, verdict: Verdict, answer: impl Into<String>, advice: &str) -> Check {
    let advice = if verdict == Verdict::Pass { String::new() } else { advice.to_owned() };
    Check { name: name.into(), subject: subject.into(), verdict, answer: answer.into(), advice }
}

fn pass_or(ok: bool, otherwise: Verdict) -> Verdict {
    if ok { Verdict::Pass } else { otherwise }
}

/// Checks of a host by itself, as its page shows them: no wish for an install is known yet.
pub fn host_checks(host: &HostSummary, facts: &HostFacts) -> Vec<Check> {
    let name = host.name.as_str();
    let trusted = matches!(host.trust, Trust::Trusted { .. });
    let mut checks = vec![
        check(
            "trust",
            name,
            pass_or(trusted, Verdict::Fail),
            if trusted { "host key trusted" } else { "host key not trusted" },
            "Compare the fingerprint with the one on the host and trust it on the host's page",
        ),
        check(
            "root",
            name,
            pass_or(facts.root, Verdict::Fail),
            if facts.root { "root reached" } else { "root not reached" },
            "Let this login become root with sudo (all commands), or use the login root; a password can be kept sealed",
        ),
        check(
            "arch",
            name,
            pass_or(facts.arch.is_some(), Verdict::Fail),
            facts.machine.clone(),
            "etcd releases exist for x86_64 and aarch64; choose another host",
        ),
        check(
            "systemd",
            name,
            pass_or(facts.systemd.is_some(), Verdict::Fail),
            facts.systemd.map_or("not running as PID 1".to_owned(), |v| format!("systemd {v}")),
            "The console runs etcd as a systemd unit; choose a host with systemd",
        ),
        selinux(name, facts),
        check(
            "clock",
            name,
            pass_or(facts.clock_offset_millis.abs() <= CLOCK_OFFSET_MAX_MILLIS, Verdict::Warn),
            format!("{} ms against the console", facts.clock_offset_millis),
            "Let chrony or systemd-timesyncd set the clock; etcd warns above one second, leases and logs suffer",
        ),
        check(
            "memory",
            name,
            pass_or(facts.memory.0 >= 1 << 30, Verdict::Warn),
            mib(facts.memory.0),
            "etcd wants 2 GiB or more for anything but a trial",
        ),
    ];
    if let Some(disk) = facts.disk {
        checks.push(disk_check(name, disk));
    }
    checks
}

fn selinux(name: &str, facts: &HostFacts) -> Check {
    let config = match facts.selinux_config.as_str() {
        "" => String::new(),
        word => format!(", /etc/selinux/config says {word}"),
    };
    let (verdict, answer) = match facts.selinux.to_ascii_lowercase().as_str() {
        "enforcing" => (Verdict::Fail, format!("enforcing{config}")),
        "permissive" => (Verdict::Warn, format!("permissive{config}")),
        _ if facts.selinux_config.eq_ignore_ascii_case("enforcing") => {
            (Verdict::Warn, format!("{} now{config}: it will enforce after a reboot", facts.selinux))
        }
        word => (Verdict::Pass, format!("{word}{config}")),
    };
    check(
        "selinux",
        name,
        verdict,
        answer,
        "The guide wants SELinux disabled: set SELINUX=disabled in /etc/selinux/config and reboot. The console never changes it by itself",
    )
}

fn disk_check(name: &str, disk: DiskLatency) -> Check {
    // Without floats: writing them takes 10 KiB of the browser's wasm.
    let ms = |micros: u32| format!("{}.{} ms", micros / 1000, micros % 1000 / 100);
    check(
        "disk_latency",
        name,
        pass_or(disk.mean_micros <= DISK_SLOW_MICROS, Verdict::Warn),
        format!("{} synced writes of 2 KiB: mean {}, worst {}", disk.writes, ms(disk.mean_micros), ms(disk.max_micros)),
        "etcd wants its log synced in less than 10 ms; use a local SSD for the data directory",
    )
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Checks of one host for an install that `params` describes; `address` is the member's.
pub fn install_checks(host: &HostSummary, facts: &HostFacts, params: &InstallParams, address: &str) -> Vec<Check> {
    let name = host.name.as_str();
    let mut checks = host_checks(host, facts);
    let etcd = &facts.etcd;
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
    checks.push(check(
        "etcd_running",
        name,
        pass_or(!etcd.running, Verdict::Fail),
        if etcd.running { "etcd runs here already" } else { "no etcd running" },
        "A running etcd is never touched: choose another host, or stop it yourself if it is not needed",
    ));
    checks.push(check(
        "data_dir",
        name,
        pass_or(!etcd.data_dir_has_member, Verdict::Fail),
        match (etcd.data_dir_has_member, etcd.data_dir_exists, etcd.data_dir_is_mount) {
            (true, ..) => format!("{} holds member/ of an earlier etcd", params.data_dir),
            (_, true, true) => format!("{} is a mount point and empty of etcd", params.data_dir),
            (_, true, false) => format!("{} exists and is empty of etcd", params.data_dir),
            _ => format!("{} will be made", params.data_dir),
        },
        "Data of an earlier etcd is never touched: choose another data directory, or move member/ away yourself",
    ));
    for port in [params.client_port, params.peer_port] {
        let holder = facts.ports_in_use.iter().find(|p| p.port == port);
        checks.push(check(
            &format!("port_{port}"),
            name,
            pass_or(holder.is_none(), Verdict::Fail),
            match holder {
                Some(p) => format!("in use by {}", p.process.as_deref().unwrap_or("another process")),
                None => "free".into(),
            },
            "Stop what listens there, or choose another port",
        ));
    }
    checks.push(check(
        "data_free",
        name,
        pass_or(facts.data_free.0 >= DATA_FREE_MIN, Verdict::Fail),
        format!("{} free for {}", mib(facts.data_free.0), params.data_dir),
        "etcd needs 1 GiB at least, better three times its quota: free some space or choose another directory",
    ));
    checks.push(check(
        "bin_free",
        name,
        pass_or(facts.bin_free.0 >= BIN_FREE_MIN, Verdict::Fail),
        format!("{} free for /usr/bin", mib(facts.bin_free.0)),
        "The binaries need 200 MiB while they are unpacked",
    ));
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

fn source_check(name: &str, facts: &HostFacts, params: &InstallParams) -> Check {
    let installed = facts.etcd.binary_version;
    match params.source {
        BinarySource::Installed => check(
            "binaries",
            name,
            pass_or(installed == Some(params.version), Verdict::Fail),
            installed.map_or("no /usr/bin/etcd".to_owned(), |v| format!("/usr/bin/etcd is {v}")),
            &format!("Install etcd {} there, or let the console bring the binaries", params.version),
        ),
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

/// The check of one direction between two hosts.
pub fn port_check(from: &str, to: &str, port: u16, reach: PortReach) -> Check {
    let words = match reach {
        PortReach::Open => "answers",
        PortReach::Refused => "reachable, nothing listens yet",
        PortReach::Filtered => "no answer in 2 s: filtered",
        PortReach::NoRoute => "no route",
    };
    check(
        "peer_port",
        &format!("{from} → {to}"),
        pass_or(reach.reachable(), Verdict::Fail),
        format!("port {port}: {words}"),
        "Open this port between the hosts, in the firewall of both and in the network between them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::*,
        ids::HostId,
        install::InstallMember,
        time::Timestamp,
        version::{Arch, Version},
        wide::Wide,
    };

    fn facts() -> HostFacts {
        HostFacts {
            taken_at: Timestamp(0),
            hostname: "lab1".into(),
            os: "Debian".into(),
            machine: "x86_64".into(),
            arch: Some(Arch::Amd64),
            kernel: "6".into(),
            systemd: Some(252),
            cpus: 2,
            memory: Wide(4 << 30),
            selinux: "absent".into(),
            selinux_config: String::new(),
            clock_offset_millis: 3,
            root: true,
            data_free: Wide(8 << 30),
            bin_free: Wide(8 << 30),
            curl: true,
            tar: true,
            etcd: EtcdFacts::default(),
            ports_in_use: vec![],
            addresses: vec!["10.77.0.11".into()],
            disk: None,
        }
    }

    fn host() -> HostSummary {
        HostSummary {
            id: HostId::from_random([1; 10]),
            name: "lab1".into(),
            address: "10.77.0.11".into(),
            port: 22,
            user: "root".into(),
            elevation: Elevation::Root,
            has_password: false,
            trust: Trust::Trusted { keys: vec![] },
            contact: Contact::Never,
            facts: None,
            cluster: None,
            operation: None,
            created_at: Timestamp(0),
        }
    }

    fn params() -> InstallParams {
        InstallParams::new(
            "demo",
            vec![InstallMember { host: HostId::from_random([1; 10]), name: String::new(), address: String::new() }],
        )
    }

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
    fn selinux_that_returns_at_reboot_is_warned_about() {
        let mut f = facts();
        f.selinux = "Disabled".into();
        f.selinux_config = "enforcing".into();
        let found = host_checks(&host(), &f).into_iter().find(|c| c.name == "selinux").expect("check");
        assert_eq!(found.verdict, Verdict::Warn);
    }

    #[test]
    fn installed_source_wants_the_exact_version() {
        let mut p = params();
        p.source = BinarySource::Installed;
        let mut f = facts();
        f.etcd.binary_version = Some(Version::new(3, 5, 15));
        assert!(
            install_checks(&host(), &f, &p, "10.77.0.11")
                .iter()
                .any(|c| c.name == "binaries" && c.verdict == Verdict::Fail)
        );
    }

    #[test]
    fn refused_is_reachable_and_silence_is_filtered() {
        assert_eq!(port_check("a", "b", 2380, PortReach::Refused).verdict, Verdict::Pass);
        assert_eq!(port_check("a", "b", 2380, PortReach::Filtered).verdict, Verdict::Fail);
    }
}
