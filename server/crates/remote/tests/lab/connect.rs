//! Logging in, becoming root, and every way in which it fails.

use super::support::*;
use quorate_domain::host::Elevation;
use quorate_remote::{Command, ConsoleKey, RemoteError, Target, scan_keys};
use secrecy::SecretString;
use std::{os::unix::fs::PermissionsExt, time::Duration};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn root_is_reached_by_every_login_that_may() {
    let stage = Stage::new(1).await;
    for (user, uid) in [("root", "0"), ("ops", "1000"), ("opspw", "1001")] {
        let host = stage.host(0, user).await;
        assert_eq!(say(&host, Command::new(["id", "-u"])).await, uid);
        assert_eq!(say(&host, Command::new(["id", "-u"]).root()).await, "0", "{user}");
        let fed = say(&host, Command::new(["cat"]).root().stdin("fed\n")).await;
        assert_eq!(fed, "fed", "{user}: a password never ends up in the input");
        assert_eq!(say(&host, Command::new(["cat"]).root()).await, "", "{user}");
    }
    let found = stage.lab.exec(stage.leased(0), "find /var/tmp -name 'quorate-*'").await;
    assert_eq!(found, "");
}

#[tokio::test]
async fn sudo_refusals_are_told_apart() {
    let stage = Stage::new(1).await;
    let refusal = async |target: Target| {
        let host = stage.console.host(&target).await;
        assert_eq!(say(&host, Command::new(["echo", "in"])).await, "in");
        host.run(Command::new(["id"]).root()).await.expect_err("no root")
    };
    let password = |user: &str, password: Option<&str>| Target {
        elevation: Elevation::SudoPassword,
        sudo_password: password.map(SecretString::from),
        ..stage.target(0, user)
    };
    let wrong = refusal(password("opspw", Some("not-it"))).await;
    assert!(matches!(&wrong, RemoteError::SudoPasswordWrong { .. }), "{wrong}");
    assert!(!format!("{wrong} {wrong:?}").contains("not-it"));
    let missing = refusal(password("opspw", None)).await;
    assert!(matches!(missing, RemoteError::SudoPasswordMissing { .. }), "{missing}");
    let asked = refusal(Target { elevation: Elevation::Sudo, ..stage.target(0, "opspw") }).await;
    assert!(matches!(asked, RemoteError::SudoPasswordMissing { .. }), "{asked}");
    let guest = refusal(password("guest", Some("lab-guest"))).await;
    assert!(matches!(guest, RemoteError::SudoRefused { .. }), "{guest}");
    assert!(!guest.unreachable() && !guest.transient());
}

#[tokio::test]
async fn only_a_key_that_the_login_accepts_gets_in() {
    let stage = Stage::new(1).await;
    let key = ConsoleKey::generate("another console").expect("key");
    let stranger = Console::new(&key).await;
    let refused = stranger.pool.host(&stage.target(0, "guest")).await.err().expect("refused");
    assert!(matches!(&refused, RemoteError::AuthRefused { user, .. } if user == "guest"), "{refused}");
    let owner = stage.host(0, "guest").await;
    let one_liner = key.describe().one_liner;
    say(&owner, Command::new(["/bin/sh", "-c", one_liner.as_str()])).await;
    let host = stranger.host(&stage.target(0, "guest")).await;
    assert_eq!(say(&host, Command::new(["id", "-un"])).await, "guest");
}

#[tokio::test]
async fn nothing_of_the_console_is_open_to_others() {
    let (stage, _host) = connected("root").await;
    let run = stage.console.dir.path().join("run");
    let mode = |name: &str| run.join(name).metadata().expect(name).permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("ctl"), mode("tun"), mode("agent")), (0o700, 0o700, 0o700, 0o600));
}

#[tokio::test]
async fn an_unreachable_host_says_why() {
    let stage = Stage::new(1).await;
    let failure = async |target: Target| stage.console.pool.host(&target).await.err().expect("unreachable");
    let closed = failure(Target { port: 23, ..stage.target(0, "root") }).await;
    assert!(matches!(closed, RemoteError::ConnectionRefused { .. }), "{closed}");
    let nowhere = failure(Target { address: "10.77.0.99".into(), ..stage.target(0, "ops") }).await;
    assert!(matches!(nowhere, RemoteError::NoRoute { .. }), "{nowhere}");
    let name = failure(Target { address: "no-such-host.invalid".into(), ..stage.target(0, "guest") }).await;
    assert!(matches!(name, RemoteError::UnknownName { .. }), "{name}");
    let untrusted = failure(Target { pinned: vec![], ..stage.target(0, "opspw") }).await;
    assert!(matches!(untrusted, RemoteError::HostKeyUnknown { .. }), "{untrusted}");
}

#[tokio::test]
async fn first_contact_shows_the_hosts_own_keys() {
    let stage = Stage::new(1).await;
    let keys = scan_keys(&stage.address(0), 22, 5 * SECOND).await.expect("keys");
    assert_eq!(keys[0].algorithm, "ssh-ed25519");
    let mut offered: Vec<String> = keys.into_iter().map(|key| key.public_key).collect();
    let mut own = stage.lab.host_keys(stage.leased(0));
    offered.sort();
    own.sort();
    assert_eq!(offered, own);
    let closed = scan_keys(&stage.address(0), 23, 5 * SECOND).await.expect_err("closed");
    assert!(matches!(closed, RemoteError::ConnectionRefused { .. }), "{closed}");
    let nowhere = scan_keys("10.77.0.98", 22, 10 * SECOND).await.expect_err("nowhere");
    assert!(matches!(nowhere, RemoteError::NoRoute { .. }), "{nowhere}");
    let name = scan_keys("no-such-host.invalid", 22, 10 * SECOND).await.expect_err("name");
    assert!(matches!(name, RemoteError::UnknownName { .. }), "{name}");
    let mirror = scan_keys("10.77.0.1", 8000, 3 * SECOND).await.expect_err("http");
    assert!(matches!(mirror, RemoteError::NotSsh { .. }), "{mirror}");
}

#[tokio::test]
async fn a_reinstalled_host_is_a_hard_stop_until_its_new_key_is_trusted() {
    let stage = Stage::new(1).await;
    let old = stage.target(0, "root");
    let pool = &stage.console.pool;
    pool.host(&old).await.expect("trusted");
    pool.forget(&old.id).await;
    stage.lab.wipe(stage.leased(0)).await;
    stage.lab.authorize(&stage.key.public_line()).await;
    let stopped = pool.host(&old).await.err().expect("stopped");
    let RemoteError::HostKeyChanged { offered, .. } = &stopped else { panic!("{stopped}") };
    assert!(!stopped.transient());
    assert!(offered.iter().any(|key| key.algorithm == "ssh-ed25519"));
    // Pinning only an algorithm that the host no longer has is the same stop.
    let pinned = vec![old.pinned.iter().find(|k| k.starts_with("ecdsa")).expect("ecdsa").clone()];
    let other = pool.host(&Target { pinned, ..old.clone() }).await.err().expect("stopped");
    assert!(matches!(other, RemoteError::HostKeyChanged { .. }), "{other}");
    let trusted = Target { pinned: offered.iter().map(|key| key.public_key.clone()).collect(), ..old };
    let host = pool.host(&trusted).await.expect("trusted again");
    assert_eq!(say(&host, Command::new(["hostname"])).await, stage.leased(0).name);
}

#[tokio::test]
async fn power_loss_breaks_the_command_and_the_host_comes_back() {
    let (stage, host) = connected("ops").await;
    say(&host, Command::new(["true"])).await;
    let running = tokio::spawn({
        let host = host.clone();
        async move { host.run(Command::new(["sleep", "120"]).deadline(60 * SECOND)).await }
    });
    until(10 * SECOND, "sleep runs", async || {
        host.run(Command::new(["pgrep", "sleep"])).await.is_ok_and(|o| o.success())
    })
    .await;
    stage.lab.kill(stage.leased(0)).await;
    let broken = running.await.expect("join").expect_err("broken");
    assert!(matches!(broken, RemoteError::Broken { .. }), "{broken}");
    assert!(broken.transient());
    let off = host.run(Command::new(["true"])).await.expect_err("off");
    assert!(off.unreachable(), "{off}");
    stage.lab.start(stage.leased(0)).await;
    assert_eq!(say(&host, Command::new(["hostname"])).await, stage.leased(0).name);
}

#[tokio::test]
async fn a_frozen_host_costs_the_deadline_only() {
    let (stage, host) = connected("ops").await;
    stage.lab.pause(stage.leased(0)).await;
    let asked = Instant::now();
    let late = host.run(Command::new(["true"]).root().deadline(SECOND)).await.expect_err("frozen");
    assert!(matches!(late, RemoteError::Deadline { .. }), "{late}");
    assert!(asked.elapsed() < 5 * SECOND, "{:?}", asked.elapsed());
    let fresh = Console::new(&stage.key).await;
    let silent = fresh.pool.host(&stage.target(0, "ops")).await.err().expect("frozen");
    assert!(silent.unreachable(), "{silent}");
    stage.lab.resume(stage.leased(0)).await;
    assert_eq!(say(&host, Command::new(["hostname"])).await, stage.leased(0).name);
}

#[tokio::test]
async fn a_broken_connection_is_opened_again() {
    let (_stage, host) = connected("root").await;
    for _ in 0..3 {
        cut(&host).await;
        assert_eq!(say(&host, Command::new(["echo", "again"])).await, "again");
    }
}

#[tokio::test]
async fn a_dead_ssh_process_is_replaced_unnoticed() {
    let (stage, host) = connected("ops").await;
    say(&host, Command::new(["true"])).await;
    for entry in std::fs::read_dir(stage.console.dir.path().join("run/ctl")).expect("ctl") {
        std::fs::remove_file(entry.expect("entry").path().join("master")).expect("socket");
    }
    assert_eq!(say(&host, Command::new(["echo", "on"])).await, "on");
}

#[tokio::test]
async fn a_new_console_closes_what_an_old_one_left() {
    let (stage, host) = connected("root").await;
    let run = stage.console.dir.path().join("run");
    say(&host, Command::new(["true"])).await;
    let _second = quorate_remote::HostPool::new(&run, &stage.key).await.expect("pool");
    assert_eq!(std::fs::read_dir(run.join("ctl")).expect("ctl").count(), 0);
}
