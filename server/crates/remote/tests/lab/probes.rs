//! Facts, ports and disk of real hosts.

use super::support::*;
use quorate_domain::{
    Timestamp,
    host::{EtcdFacts, PortReach},
    version::Arch,
};
use quorate_remote::{Command, disk, facts, ports};
use std::time::{Duration, UNIX_EPOCH};

fn now() -> Timestamp {
    // A file's time stamp stands in for the injected clock.
    let file = tempfile::NamedTempFile::new().expect("file");
    let modified = file.as_file().metadata().expect("metadata").modified().expect("modified");
    Timestamp(i64::try_from(modified.duration_since(UNIX_EPOCH).expect("after 1970").as_millis()).expect("millis"))
}

#[tokio::test]
async fn a_fresh_host_is_described() {
    let stage = Stage::new(1).await;
    for user in ["root", "ops", "opspw", "guest"] {
        let host = stage.host(0, user).await;
        let facts = facts::gather(&host, "/var/lib/etcd", &[22, 2379, 2380], now()).await.expect("facts");
        assert_eq!((facts.hostname.as_str(), facts.root), (stage.leased(0).name.as_str(), user != "guest"), "{user}");
        assert_eq!((facts.arch, facts.systemd), (Arch::from_uname(&facts.machine), Some(252)));
        assert!(facts.os.contains("Debian") && facts.cpus > 0 && facts.memory.0 > 1 << 28);
        assert_eq!((facts.selinux.as_str(), facts.selinux_config.as_str()), ("absent", ""));
        assert!(facts.clock_offset_millis.abs() < 200, "{}", facts.clock_offset_millis);
        assert!(facts.data_free.0 > 0 && facts.bin_free.0 > 0 && facts.curl && facts.tar);
        assert_eq!(facts.addresses, [stage.address(0)]);
        assert_eq!(facts.etcd, EtcdFacts::default());
        assert_eq!(facts.ports_in_use.len(), 1);
        let ssh = &facts.ports_in_use[0];
        assert_eq!((ssh.port, ssh.process.as_deref()), (22, (user != "guest").then_some("sshd")));
    }
}

#[tokio::test]
async fn what_the_lab_cannot_be_is_read_from_replaced_programs() {
    let (stage, host) = connected("ops").await;
    stage
        .lab
        .fake_program(stage.leased(0), "uname", "case $1 in -m) echo riscv64 ;; *) exec /usr/bin/uname \"$@\" ;; esac")
        .await;
    stage.lab.fake_program(stage.leased(0), "getenforce", "echo Enforcing").await;
    stage.lab.fake_program(stage.leased(0), "date", "exec /usr/bin/date -d '90 seconds' \"$@\"").await;
    say(&host, sh("mkdir -p /etc/selinux /etc/etcd /var/lib/etcd/member; echo SELINUX=enforcing >/etc/selinux/config; echo 'name: x' >/etc/etcd/etcd.conf")).await;
    let facts = facts::gather(&host, "/var/lib/etcd", &[2379], now()).await;
    let facts = facts.expect("facts");
    assert_eq!((facts.machine.as_str(), facts.arch), ("riscv64", None));
    assert_eq!((facts.selinux.as_str(), facts.selinux_config.as_str()), ("Enforcing", "enforcing"));
    assert!((89_000..91_000).contains(&facts.clock_offset_millis), "{}", facts.clock_offset_millis);
    assert_eq!(facts.etcd.conf.as_deref(), Some("name: x\n"));
    assert!(facts.etcd.conf_dir_exists && facts.etcd.data_dir_has_member && !facts.etcd.running);
}

#[tokio::test]
async fn what_would_change_the_unit_is_seen() {
    let (_stage, host) = connected("ops").await;
    let override_conf = "/etc/systemd/system/etcd.service.d/override.conf";
    say(&host, sh(&format!("echo '[Service]' | install -D -m 0644 /dev/stdin {override_conf}"))).await;
    let etcd = facts::gather(&host, "/var/lib/etcd", &[], now()).await.expect("facts").etcd;
    assert_eq!((etcd.unit_load, etcd.unit_path), (None, None), "a drop-in alone is no unit");
    assert_eq!(etcd.unit_drop_ins, [override_conf]);
    let unit = "/etc/systemd/system/etcd.service";
    say(&host, sh(&format!("printf '[Service]\\nExecStart=/bin/true\\n' >{unit}; systemctl daemon-reload"))).await;
    let etcd = facts::gather(&host, "/var/lib/etcd", &[], now()).await.expect("facts").etcd;
    assert_eq!((etcd.unit_load.as_deref(), etcd.unit_path.as_deref()), (Some("loaded"), Some(unit)));
    assert_eq!(etcd.unit_drop_ins, [override_conf]);
    say(&host, sh(&format!("rm {unit}; systemctl mask etcd.service"))).await;
    let etcd = facts::gather(&host, "/var/lib/etcd", &[], now()).await.expect("facts").etcd;
    assert_eq!(etcd.unit_load.as_deref(), Some("masked"));
}

#[tokio::test]
async fn ports_are_open_refused_filtered_or_without_a_route() {
    let stage = Stage::new(3).await;
    let host = stage.host(0, "ops").await;
    let nowhere = [("10.99.0.1".to_owned(), 22), ("nosuch.invalid".to_owned(), 22)];
    let mut targets = vec![(stage.address(1), 22), (stage.address(1), 2380), (stage.address(2), 22)];
    targets.extend(nowhere);
    use PortReach::{Filtered, NoRoute, Open, Refused};
    assert_eq!(ports::probe(&host, &targets).await.expect("probe"), [Open, Refused, Open, NoRoute, NoRoute]);
    stage.lab.partition(stage.leased(2), &[stage.leased(0)]).await;
    let cut = ports::probe(&host, &targets).await;
    stage.lab.heal(stage.leased(2)).await;
    assert_eq!(cut.expect("probe"), [Open, Refused, Filtered, NoRoute, NoRoute]);
    assert_eq!(ports::probe(&host, &[]).await.expect("probe"), []);
}

#[tokio::test]
async fn the_disk_is_timed_but_never_under_a_running_etcd() {
    let (_stage, host) = connected("ops").await;
    let latency = disk::measure(&host, "/var/lib/etcd/not/there/yet").await.expect("measure").expect("timed");
    assert_eq!(latency.dir, "/var/lib/etcd/not/there/yet");
    assert!(latency.writes == 50 && latency.mean_micros > 0 && latency.max_micros >= latency.mean_micros);
    assert_eq!(say(&host, sh("find / -xdev -name '.quorate-probe*'")).await, "");
    say(&host, sh("cp /usr/bin/sleep /srv/etcd")).await;
    let running = host.run(Command::new(["/srv/etcd", "60"]).deadline(Duration::from_secs(60)));
    let measured = async {
        until(Duration::from_secs(5), "it runs", async || {
            host.run(Command::new(["pgrep", "-x", "etcd"])).await.is_ok_and(|o| o.success())
        })
        .await;
        let measured = disk::measure(&host, "/var/lib/etcd").await;
        let facts = facts::gather(&host, "/var/lib/etcd", &[], now()).await.expect("facts");
        say(&host, Command::new(["pkill", "-x", "etcd"]).root()).await;
        (measured, facts.etcd.running)
    };
    let (_, (measured, seen)) = tokio::join!(running, measured);
    assert_eq!((measured.expect("measure"), seen), (None, true));
}
