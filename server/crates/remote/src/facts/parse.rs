//! Reading the probe's answer. Invariant: pure, and any text is survived; unknown keys are passed over so that the
//! script may say more than this version reads.

use base64::{Engine, prelude::BASE64_STANDARD};
use quorate_domain::{
    Timestamp,
    host::{EtcdFacts, HostFacts, PortInUse},
    version::{Arch, Version},
    wide::Wide,
};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// When the host was asked, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The console's time when the asking began.
    pub now: Timestamp,
    /// From then until the host read its clock, as well as that can be told.
    pub since_now: Duration,
    /// How much earlier or later that can have been: half of the round trip.
    pub give_or_take: Duration,
    /// The host's clock, nanoseconds since the epoch.
    pub host_nanos: Option<i128>,
}

impl Moment {
    /// How far the clocks are apart at least: what a slow answer can explain is not held against the host's clock.
    fn offset_millis(&self) -> i64 {
        let Some(host) = self.host_nanos else { return 0 };
        let nanos = |d: Duration| i128::try_from(d.as_nanos()).unwrap_or(0);
        let apart = host - i128::from(self.now.0) * 1_000_000 - nanos(self.since_now);
        let surely = apart.signum() * (apart.abs() - nanos(self.give_or_take)).max(0);
        i64::try_from(surely / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// Reads the lines of `probe.sh`.
///
/// # Errors
/// A sentence when the answer is cut off or lacks what every host has.
pub fn parse(text: &str, moment: Moment) -> Result<HostFacts, String> {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let all = |key: &'static str| lines.iter().filter(move |(k, _)| *k == key).map(|(_, value)| value.trim());
    let one = |key: &'static str| all(key).next().filter(|value| !value.is_empty());
    let yes = |key: &'static str| one(key).is_some();
    if !yes("end") {
        return Err("it ended too early".into());
    }
    let machine = one("machine").ok_or("it names no machine type")?.to_owned();
    let wanted: Vec<u16> =
        one("ports").unwrap_or_default().split_whitespace().filter_map(|port| port.parse().ok()).collect();
    let mut ports_in_use: Vec<PortInUse> =
        all("listen").filter_map(listener).chain(all("proc_tcp").filter_map(proc_listener)).collect();
    ports_in_use.retain(|used| wanted.contains(&used.port));
    ports_in_use.sort_by_key(|used| (used.port, used.process.is_none()));
    ports_in_use.dedup_by_key(|used| used.port);
    let unit_load = one("unit_LoadState").filter(|state| *state != "not-found");
    Ok(HostFacts {
        taken_at: moment.now,
        hostname: one("hostname").unwrap_or_default().to_owned(),
        os: one("os").unwrap_or_default().to_owned(),
        arch: Arch::from_uname(&machine),
        machine,
        kernel: one("kernel").unwrap_or_default().to_owned(),
        systemd: one("systemd").and_then(|line| line.split_whitespace().nth(1)?.parse().ok()),
        cpus: one("cpus").and_then(|n| n.parse().ok()).unwrap_or(0),
        memory: Wide(one("memory_kib").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)),
        selinux: one("selinux").unwrap_or("absent").to_owned(),
        selinux_config: one("selinux_config").unwrap_or_default().to_owned(),
        clock_offset_millis: moment.offset_millis(),
        root: yes("root"),
        data_free: Wide(one("data_free").and_then(product).unwrap_or(0)),
        bin_free: Wide(one("bin_free").and_then(product).unwrap_or(0)),
        curl: yes("curl"),
        tar: yes("tar"),
        etcd: EtcdFacts {
            binary_version: one("etcd_version")
                .and_then(|line| line.split_whitespace().last()?.parse::<Version>().ok()),
            binaries: all("binary").filter_map(binary).collect(),
            unit_active: unit_load.and_then(|_| one("unit_ActiveState")).map(str::to_owned),
            unit_enabled: one("unit_UnitFileState").is_some_and(|state| state.starts_with("enabled")),
            unit_load: unit_load.map(str::to_owned),
            unit_path: one("unit_FragmentPath").map(merged_usr),
            unit_drop_ins: drop_ins(one("unit_DropInPaths").unwrap_or_default(), all("unit_drop_in")),
            running: yes("running"),
            user_exists: yes("user"),
            data_dir_exists: yes("data_dir"),
            data_dir_has_member: yes("data_member"),
            data_dir_is_mount: yes("data_mount"),
            conf_dir_exists: yes("conf_dir"),
            conf: content(all("conf").next()),
            unit: content(all("unit").next()),
            drop_in: content(all("drop_in").next()),
        },
        ports_in_use,
        addresses: addresses(all("address")),
        disk: None,
    })
}

/// `blocks*size`
fn product(text: &str) -> Option<u64> {
    let (blocks, size) = text.split_once('*')?;
    Some(blocks.parse::<u64>().ok()?.saturating_mul(size.parse().ok()?))
}

/// `sha256  /usr/bin/etcd` as sha256sum prints it.
fn binary(line: &str) -> Option<(String, String)> {
    let (digest, path) = line.split_once("  ")?;
    let name = path.rsplit('/').next()?;
    let hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| (name.to_owned(), digest.to_owned()))
}

/// `/lib` is `/usr/lib` on every distribution of today, and systemd names either.
fn merged_usr(path: &str) -> String {
    if path.starts_with("/lib/") { format!("/usr{path}") } else { path.to_owned() }
}

/// Those that systemd named, separated by spaces, and those that were found by themselves, each once. Drop-ins of other
/// directories (`service.d` of all services) are nobody's of etcd.
fn drop_ins<'a>(named: &'a str, found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let of_etcd = |path: &&str| path.contains("/etcd.service.d/");
    let mut paths: Vec<String> = named.split_whitespace().chain(found).filter(of_etcd).map(merged_usr).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn content(encoded: Option<&str>) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(encoded?).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A line of `ss -Hltnp`: `LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))`.
fn listener(line: &str) -> Option<PortInUse> {
    let mut words = line.split_whitespace();
    let local = words.nth(3)?;
    let port = local.rsplit_once(':')?.1.parse().ok()?;
    let process =
        line.split_once("users:((\"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name.to_owned());
    Some(PortInUse { port, process })
}

/// A line of /proc/net/tcp: `0: 00000000:0016 00000000:0000 0A …`; 0A is LISTEN.
fn proc_listener(line: &str) -> Option<PortInUse> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    (words.nth(1)? == "0A").then_some(())?;
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    Some(PortInUse { port, process: None })
}

/// Addresses that other hosts can use: no loopback, no link-local, each once.
fn addresses<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let link_local = |ip: &Ipv6Addr| ip.segments()[0] & 0xffc0 == 0xfe80;
    let mut own = Vec::new();
    for text in found {
        let Ok(ip) = text.split('/').next().unwrap_or_default().parse::<IpAddr>() else { continue };
        let useful = match &ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_loopback() && !link_local(ip),
        };
        let text = ip.to_string();
        if useful && !own.contains(&text) {
            own.push(text);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOMENT: Moment = Moment {
        now: Timestamp(1000),
        since_now: Duration::from_millis(10),
        give_or_take: Duration::ZERO,
        host_nanos: None,
    };

    const ANSWER: &str = "root=1
hostname=lab1
os=Debian GNU/Linux 12 (bookworm)
machine=x86_64
kernel=6.1.0
systemd=systemd 252 (252.39-1~deb12u1)
cpus=2
memory_kib=2048
selinux=Enforcing
selinux_config=permissive
data_free=100*4096
bin_free=7*512
curl=1
tar=1
binary=8e68c55e6d72b791a9e98591c755af36f6f55aa9eca63767822cd8a3817fdb23  /usr/bin/etcd
binary=nonsense  /usr/bin/etcdctl
etcd_version=etcd Version: 3.5.16
unit_LoadState=loaded
unit_ActiveState=active
unit_UnitFileState=enabled
unit_FragmentPath=/lib/systemd/system/etcd.service
unit_DropInPaths=/usr/lib/systemd/system/service.d/10-timeout-abort.conf /etc/systemd/system/etcd.service.d/quorate.conf
unit_drop_in=/etc/systemd/system/etcd.service.d/quorate.conf
unit_drop_in=/run/systemd/system/etcd.service.d/x y.conf
running=1
user=1
data_dir=1
data_member=1
conf_dir=1
conf=bmFtZTogYQo=
ports=2379 2380
listen=LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))
listen=LISTEN 0 4096 [::]:2379 [::]:* users:((\"etcd\",pid=77,fd=3))
proc_tcp=  1: 00000000:094C 00000000:0000 0A 00000000:00000000
address=127.0.0.1/8
address=10.77.0.11/24
address=fe80::1/64
address=fd00::1/64
address=10.77.0.11/24
a line from somewhere
end=1
";

    #[test]
    fn a_full_answer_is_read() {
        let facts = parse(ANSWER, MOMENT).expect("facts");
        assert_eq!((facts.hostname.as_str(), facts.systemd, facts.cpus), ("lab1", Some(252), 2));
        assert_eq!(facts.arch, Some(Arch::Amd64));
        assert_eq!((facts.memory.0, facts.data_free.0, facts.bin_free.0), (2 << 20, 409_600, 3584));
        assert_eq!((facts.selinux.as_str(), facts.selinux_config.as_str()), ("Enforcing", "permissive"));
        assert!(facts.root && facts.curl && facts.tar);
        let etcd = &facts.etcd;
        assert_eq!(etcd.binary_version, Some(Version::new(3, 5, 16)));
        assert_eq!(etcd.binaries.len(), 1);
        assert_eq!(etcd.unit_active.as_deref(), Some("active"));
        assert_eq!(etcd.unit_load.as_deref(), Some("loaded"));
        assert_eq!(etcd.unit_path.as_deref(), Some("/usr/lib/systemd/system/etcd.service"));
        let drop_ins =
            ["/etc/systemd/system/etcd.service.d/quorate.conf", "/run/systemd/system/etcd.service.d/x y.conf"];
        assert_eq!(etcd.unit_drop_ins, drop_ins);
        assert!(etcd.unit_enabled && etcd.running && etcd.data_dir_has_member && !etcd.data_dir_is_mount);
        assert_eq!(etcd.conf.as_deref(), Some("name: a\n"));
        assert_eq!(etcd.drop_in, None);
        let used: Vec<(u16, Option<&str>)> =
            facts.ports_in_use.iter().map(|p| (p.port, p.process.as_deref())).collect();
        assert_eq!(used, [(2379, Some("etcd")), (2380, None)]);
        assert_eq!(facts.addresses, ["10.77.0.11", "fd00::1"]);
    }

    #[test]
    fn a_bare_host_has_nothing_of_etcd() {
        let facts = parse(
            "machine=riscv64\nunit_LoadState=not-found\nunit_ActiveState=inactive\nunit_FragmentPath=\nunit_DropInPaths=\nend=1",
            MOMENT,
        );
        let facts = facts.expect("facts");
        assert_eq!(facts.etcd, EtcdFacts::default());
        assert_eq!((facts.arch, facts.systemd, facts.root), (None, None, false));
    }

    #[test]
    fn a_cut_answer_is_refused() {
        assert!(parse(ANSWER.strip_suffix("end=1\n").expect("end"), MOMENT).is_err());
        assert!(parse("end=1", MOMENT).is_err());
    }

    #[test]
    fn the_clocks_difference_is_corrected_by_the_way() {
        let at = |nanos| Moment { host_nanos: Some(nanos), ..MOMENT }.offset_millis();
        assert_eq!(at(1_010_000_000), 0);
        assert_eq!(at(1_510_000_000), 500);
        assert_eq!(at(10_000_000), -1000);
        let slowly = |nanos| {
            Moment { host_nanos: Some(nanos), give_or_take: Duration::from_millis(600), ..MOMENT }.offset_millis()
        };
        assert_eq!([slowly(1_510_000_000), slowly(510_000_000), slowly(2_010_000_000)], [0, 0, 400]);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(noise in ".{0,200}", key in "[a-z_]{0,12}") {
            let _ = parse(&format!("machine=x86_64\n{key}={noise}\nlisten={noise}\nproc_tcp={noise}\nend=1"), MOMENT);
            let _ = parse(&noise, MOMENT);
        }
    }
}
