//! Output, input, arguments and files arrive as they are, and what cannot be done leaves no trace.

use super::support::*;
use quorate_remote::{Command, PushTo, PutFile, RemoteError};
use std::{fs, time::Duration};

const ODD: [&str; 9] =
    ["", "it's", "a\nb\n", "$(touch /tmp/x)", "`id`", "\\\"!*?[~", "  spaced  ", "ünïcode 🦀", "-n;|&><"];

#[tokio::test]
async fn arguments_arrive_literally() {
    let stage = Stage::new(1).await;
    for user in ["root", "ops", "opspw"] {
        let host = stage.host(0, user).await;
        for root in [false, true] {
            let command = Command::new(["printf", "%s\\0"].iter().chain(&ODD).copied()).root_if(root);
            let output = host.run_ok(command).await.expect("printf");
            let expected = ODD.iter().map(|arg| format!("{arg}\0")).collect::<String>();
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{user}");
        }
    }
    let host = stage.host(0, "ops").await;
    let refused = host.run(Command::new(["echo", "a\0b"])).await.expect_err("NUL");
    assert!(matches!(refused, RemoteError::Invalid { .. }));
}

#[tokio::test]
async fn ten_megabytes_come_and_go_intact() {
    let content = noise(7, 10 << 20);
    let stage = Stage::new(1).await;
    for user in ["ops", "opspw"] {
        let host = stage.host(0, user).await;
        let command = Command::new(["cat"]).root().stdin(content.clone()).cap(11 << 20);
        let output = host.run_ok(command).await.expect("cat");
        assert!(output.stdout == content && !output.truncated, "{user}: {} bytes", output.stdout.len());
        let path = format!("/root/noise-{user}");
        let file = PutFile { path: &path, owner: "root", group: "root", mode: 0o600, content: &content };
        host.put_file(&file).await.expect("put");
        let read = host.read_file(&path, 11 << 20, true).await.expect("read").expect("exists");
        assert!(read.bytes == content && !read.truncated, "{user}: {} bytes", read.bytes.len());
        let head = host.read_file(&path, 5000, true).await.expect("read").expect("exists");
        assert!(head.bytes == content[..5000] && head.truncated, "{user}: {} bytes", head.bytes.len());
        say(&host, Command::new(["rm", &path]).root()).await;
    }
}

#[tokio::test]
async fn output_beyond_the_cap_is_dropped_and_status_and_stderr_are_kept() {
    let (_stage, host) = connected("ops").await;
    let line = "head -c 300000 /dev/zero; echo bad >&2; exit 3";
    let output = host.run(Command::new(["sh", "-c", line]).cap(1000)).await.expect("run");
    assert_eq!((output.status, output.stdout.len(), output.truncated), (3, 1000, true));
    assert_eq!(output.error_text(), "bad\n");
    let missing = host.run(Command::new(["/no/such/program"])).await.expect("run");
    assert_eq!(missing.status, 127);
    let killed = host.run(Command::new(["sh", "-c", "kill -9 $$"])).await.expect("run");
    assert!(!killed.success(), "{}", killed.status);
    let failed = host.run_ok(Command::new(["sh", "-c", line])).await.expect_err("status 3");
    assert!(matches!(&failed, RemoteError::CommandFailed { status: 3, stderr, .. } if stderr == "bad"), "{failed}");
}

#[tokio::test]
async fn the_deadline_ends_the_remote_process_too() {
    let (_stage, host) = connected("ops").await;
    let command = Command::new(["sh", "-c", "sleep 98765; true"]).root().deadline(Duration::from_millis(700));
    let late = host.run(command).await.expect_err("late");
    assert!(matches!(late, RemoteError::Deadline { .. }), "{late}");
    until(Duration::from_secs(5), "the remote process is gone", async || {
        let found = host.run(Command::new(["pgrep", "-xf", "sleep 98765"])).await.expect("pgrep");
        found.status == 1
    })
    .await;
}

#[tokio::test]
async fn many_commands_share_one_connection() {
    let (_stage, host) = connected("ops").await;
    let each = (0..40).map(|n| {
        let host = host.clone();
        async move { say(&host, Command::new(["echo", &n.to_string()]).root()).await == n.to_string() }
    });
    assert!(futures::future::join_all(each).await.into_iter().all(|ok| ok));
}

#[tokio::test]
async fn a_file_gets_its_owner_and_mode_and_is_replaced_whole() {
    let stage = Stage::new(1).await;
    for user in ["root", "ops", "opspw"] {
        let host = stage.host(0, user).await;
        let dir = format!("/srv/put-{user}");
        say(&host, Command::new(["mkdir", "-p", &dir]).root()).await;
        let path = format!("{dir}/etcd.conf");
        let put = async |content: &str, owner: &str, mode: u32| {
            let content = content.as_bytes();
            host.put_file(&PutFile { path: &path, owner, group: "ops", mode, content }).await
        };
        put("one\n", "ops", 0o640).await.expect("put");
        let seen = say(&host, Command::new(["stat", "-c", "%U %G %a %s", &path]).root()).await;
        assert_eq!(seen, "ops ops 640 4", "{user}");
        put("two\n", "root", 0o600).await.expect("put");
        let failed = put("three\n", "nosuchuser", 0o600).await.expect_err("no such owner");
        assert!(matches!(failed, RemoteError::CommandFailed { .. }), "{failed}");
        let read = host.read_file(&path, 100, true).await.expect("read").expect("exists");
        assert_eq!((read.bytes.as_slice(), read.truncated), (&b"two\n"[..], false));
        assert_eq!(say(&host, Command::new(["ls", &dir]).root()).await, "etcd.conf");
        assert_eq!(host.read_file(&format!("{dir}/nothing"), 100, true).await.expect("read"), None);
        if user != "root" {
            let denied = host.read_file(&path, 100, false).await.expect_err("denied");
            assert!(matches!(denied, RemoteError::CommandFailed { .. }), "{denied}");
        }
        let nowhere = PutFile { path: "/no/such/dir/x", owner: "root", group: "root", mode: 0o600, content: b"" };
        assert!(host.put_file(&nowhere).await.is_err());
        let staged = Command::new(["find", "/var/tmp", "-maxdepth", "1", "-name", "quorate-*", "-user", user]);
        if user == "root" {
            assert_eq!(say(&host, staged).await, "");
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_the_old_file_stays() {
    let (_stage, host) = connected("ops").await;
    say(&host, sh("mkdir -p /srv/small && mount -t tmpfs -o size=256k none /srv/small && echo old >/srv/small/file"))
        .await;
    let content = noise(3, 1 << 20);
    let file = PutFile { path: "/srv/small/file", owner: "root", group: "root", mode: 0o644, content: &content };
    let full = host.put_file(&file).await.expect_err("full");
    assert!(matches!(&full, RemoteError::DiskFull { path, .. } if path == "/srv/small/file"), "{full}");
    assert_eq!(say(&host, sh("cat /srv/small/file; ls -A /srv/small")).await, "old\nfile");
    // The same where a large one is staged.
    say(&host, sh("umount /srv/small; mount -t tmpfs -o size=256k,mode=1777 none /var/tmp")).await;
    let to = PushTo { path: "/srv/file", owner: "root", group: "root", mode: 0o644 };
    let full = host.push_file(&archive(), &to, Duration::from_secs(60), &mut |_| {}).await.expect_err("full");
    assert!(matches!(&full, RemoteError::DiskFull { .. }), "{full}");
    assert_eq!(say(&host, sh("ls -A /var/tmp; umount /var/tmp")).await, "");
}

#[tokio::test]
async fn an_archive_is_pushed_with_progress() {
    let archive = archive();
    let size = fs::metadata(&archive).expect("the mirror's archive").len();
    let stage = Stage::new(1).await;
    for user in ["root", "opspw"] {
        let host = stage.host(0, user).await;
        let path = format!("/srv/etcd-{user}.tar.gz");
        let to = PushTo { path: &path, owner: "root", group: "root", mode: 0o644 };
        let mut seen = vec![0];
        host.push_file(&archive, &to, Duration::from_secs(60), &mut |done| seen.push(done)).await.expect("push");
        assert!(seen.len() > 3 && seen.windows(2).all(|w| w[0] < w[1]) && seen.last() == Some(&size));
        let local = tokio::process::Command::new("sha256sum").arg(&archive).output().await.expect("sha256sum");
        let there = say(&host, Command::new(["sha256sum", &path])).await;
        assert_eq!(there.get(..64), String::from_utf8_lossy(&local.stdout).get(..64));
        say(&host, Command::new(["rm", &path]).root()).await;
    }
}
