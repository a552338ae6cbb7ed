//! Detached jobs survive everything but the host's own end, and run once.

use super::support::*;
use quorate_remote::{Command, Host, JobSpec, JobState, RemoteError, StartedJob};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn job(unit: &str, argv: &[&str]) -> JobSpec {
    let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    JobSpec { unit: format!("quorate-test-{unit}"), argv, deadline: 60 * SECOND }
}

async fn wait(host: &Arc<Host>, unit: &str) -> (i32, String) {
    let mut output = Vec::new();
    let end = host.wait_job(unit, 60 * SECOND, &mut |bytes| output.extend_from_slice(bytes)).await.expect("wait");
    let JobState::Exited(end) = end else { panic!("{end:?}") };
    (end.rc, String::from_utf8_lossy(&output).into_owned())
}

async fn clear(host: &Host, unit: &str) {
    until(10 * SECOND, "the unit is gone", async || host.clear_job(unit).await.is_ok()).await;
}

#[tokio::test]
async fn a_job_reports_its_output_and_its_status_and_arguments_are_literal() {
    let stage = Stage::new(1).await;
    for user in ["root", "ops", "opspw"] {
        let host = stage.host(0, user).await;
        let odd = ["$HOME", "%n", "a\nb", "it's", "$(id)", "", "${x}", "\\"];
        let mut argv = vec!["sh", "-c", "printf '%s|' \"$@\"; id -u >&2; exit 7", "sh"];
        argv.extend(odd);
        let spec = job(&format!("literal-{user}"), &argv);
        clear(&host, &spec.unit).await;
        assert_eq!(host.job(&spec.unit).await.expect("job"), JobState::Absent);
        assert_eq!(host.start_job(&spec).await.expect("start"), StartedJob::Started);
        let (rc, output) = wait(&host, &spec.unit).await;
        assert_eq!((rc, output.as_str()), (7, format!("{}|0\n", odd.join("|")).as_str()), "{user}");
        let JobState::Exited(end) = host.job(&spec.unit).await.expect("job") else { panic!("not ended") };
        assert_eq!((end.rc, String::from_utf8_lossy(&end.output).into_owned()), (7, output));
        assert_eq!(host.start_job(&spec).await.expect("start"), StartedJob::Already);
        clear(&host, &spec.unit).await;
        assert_eq!(host.job(&spec.unit).await.expect("job"), JobState::Absent);
    }
}

#[tokio::test]
async fn a_job_outlives_the_console_and_is_never_started_twice() {
    let spec = job(
        "outlives",
        &["sh", "-c", "echo ran >>/srv/outlives; while [ ! -e /srv/go-on ]; do sleep 0.05; done; echo done"],
    );
    let (stage, host) = connected("ops").await;
    say(&host, sh("rm -f /srv/outlives /srv/go-on")).await;
    clear(&host, &spec.unit).await;
    let starts = futures::future::join_all((0..6).map(|_| host.start_job(&spec))).await;
    let started = starts.into_iter().map(|s| s.expect("start")).filter(|s| *s == StartedJob::Started).count();
    assert_eq!(started, 1);
    stage.console.pool.close().await;
    drop(host);
    let console = Console::new(&stage.key).await;
    let host = console.host(&stage.target(0, "ops")).await;
    assert_eq!(host.job(&spec.unit).await.expect("job"), JobState::Running);
    assert_eq!(host.start_job(&spec).await.expect("start"), StartedJob::Already);
    let runs = host.clear_job(&spec.unit).await.expect_err("runs");
    assert!(matches!(runs, RemoteError::JobRuns { .. }), "{runs}");
    let short = host.wait_job(&spec.unit, SECOND / 2, &mut |_| {}).await.expect("wait");
    assert_eq!(short, JobState::Running);
    say(&host, sh("touch /srv/go-on")).await;
    assert_eq!(wait(&host, &spec.unit).await, (0, "done\n".to_owned()));
    assert_eq!(host.start_job(&spec).await.expect("start"), StartedJob::Already);
    assert_eq!(say(&host, sh("cat /srv/outlives")).await, "ran");
    clear(&host, &spec.unit).await;
}

#[tokio::test]
async fn waiting_goes_on_over_a_broken_connection() {
    let (_stage, host) = connected("root").await;
    let spec = job("broken", &["sh", "-c", "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.1; done"]);
    clear(&host, &spec.unit).await;
    host.start_job(&spec).await.expect("start");
    let cutter = async {
        for _ in 0..3 {
            until(10 * SECOND, "some lines", async || host.run(sh("true")).await.is_ok()).await;
            cut(&host).await;
        }
    };
    let ((rc, output), ()) = tokio::join!(wait(&host, &spec.unit), cutter);
    let expected: String = (0..30).map(|i| format!("line {i}\n")).collect();
    assert_eq!((rc, output), (0, expected));
    clear(&host, &spec.unit).await;
}

#[tokio::test]
async fn a_jobs_deadline_ends_it() {
    let (_stage, host) = connected("ops").await;
    let spec = JobSpec { deadline: SECOND / 2, ..job("late", &["sleep", "300"]) };
    clear(&host, &spec.unit).await;
    host.start_job(&spec).await.expect("start");
    assert_eq!(wait(&host, &spec.unit).await.0, 124);
    clear(&host, &spec.unit).await;
}

#[tokio::test]
async fn a_job_that_vanished_is_lost_and_not_started_again() {
    let (stage, host) = connected("ops").await;
    let (killed, rebooted) = (job("killed", &["sleep", "300"]), job("rebooted", &["sleep", "300"]));
    for spec in [&killed, &rebooted] {
        host.start_job(spec).await.expect("start");
        assert_eq!(host.job(&spec.unit).await.expect("job"), JobState::Running);
    }
    say(&host, Command::new(["systemctl", "kill", "--signal=KILL", &killed.unit]).root()).await;
    let end = host.wait_job(&killed.unit, 30 * SECOND, &mut |_| {}).await.expect("wait");
    assert_eq!(end, JobState::Lost);
    stage.lab.kill(stage.leased(0)).await;
    stage.lab.start(stage.leased(0)).await;
    until(30 * SECOND, "the host answers", async || host.run(Command::new(["true"])).await.is_ok()).await;
    assert_eq!(host.job(&rebooted.unit).await.expect("job"), JobState::Lost);
    assert_eq!(host.start_job(&rebooted).await.expect("start"), StartedJob::Already);
    assert_eq!(host.job(&rebooted.unit).await.expect("job"), JobState::Lost);
    host.clear_job(&rebooted.unit).await.expect("clear");
    assert_eq!(host.job(&rebooted.unit).await.expect("job"), JobState::Absent);
}
