//! The verdict on hosts before an install, in words with what to do. Invariant: pure; facts and wishes in, checks
//! out. Gathering facts lives in `remote::facts`, pairwise ports in `remote::ports`. What lies and listens where an etcd
//! would go is judged in `place`, the wishes of an install in `install`, the network in `reach`.

mod install;
mod place;
mod reach;
#[cfg(test)]
mod sample;

pub use install::install_checks;
pub use reach::{client_port_check, forwarding_check, port_check};

use crate::{
    host::{DiskLatency, HostFacts, HostSummary, Trust, USUAL_DATA_DIR, USUAL_PORTS},
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
    Check::new(name, subject, verdict, answer, advice)
}

fn pass_or(ok: bool, otherwise: Verdict) -> Verdict {
    if ok { Verdict::Pass } else { otherwise }
}

/// Checks of a host by itself, as its page shows them: no wish for an install is known yet, so a free host is looked at
/// for the usual directory and ports. What lies and listens on a host that carries a cluster, or that an operation works
/// on, is the console's own.
pub fn host_checks(host: &HostSummary, facts: &HostFacts) -> Vec<Check> {
    let mut checks = machine_checks(host, facts);
    checks.extend(facts.disk.as_ref().map(|disk| disk_check(&host.name, disk)));
    if host.operation.is_none() && host.cluster.is_none() {
        checks.extend(place::checks(&host.name, facts, USUAL_DATA_DIR, USUAL_PORTS));
    }
    checks
}

/// What holds of the machine, whatever is to lie on it.
fn machine_checks(host: &HostSummary, facts: &HostFacts) -> Vec<Check> {
    let name = host.name.as_str();
    let trusted = matches!(host.trust, Trust::Trusted { .. });
    vec![
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
    ]
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

fn disk_check(name: &str, disk: &DiskLatency) -> Check {
    // Without floats: writing them takes 10 KiB of the browser's wasm.
    let ms = |micros: u32| format!("{}.{} ms", micros / 1000, micros % 1000 / 100);
    check(
        "disk_latency",
        name,
        pass_or(disk.mean_micros <= DISK_SLOW_MICROS, Verdict::Warn),
        format!(
            "{} synced writes of 2 KiB for {}: mean {}, worst {}",
            disk.writes,
            disk.dir,
            ms(disk.mean_micros),
            ms(disk.max_micros)
        ),
        "etcd wants its log synced in less than 10 ms; use a local SSD for the data directory",
    )
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::{
        sample::{facts, host},
        *,
    };

    #[test]
    fn selinux_that_returns_at_reboot_is_warned_about() {
        let mut f = facts();
        f.selinux = "Disabled".into();
        f.selinux_config = "enforcing".into();
        let found = host_checks(&host(), &f).into_iter().find(|c| c.name == "selinux").expect("check");
        assert_eq!(found.verdict, Verdict::Warn);
    }
}
