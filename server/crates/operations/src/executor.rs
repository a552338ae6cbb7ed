//! Runs effects and observes conditions: the only code that lets a plan touch a host or a cluster. Invariant: every
//! action is observed before it is run, every wait has a deadline, and a dropped future leaves at most one command
//! running on the host, which ends at its own deadline. The order of steps and the log live in `engine`.

use crate::{
    context::Planner,
    effect::{Action, Condition, Effect, Place, Run},
    error::OperationError,
    render, shell,
};
use futures::future::BoxFuture;
use quorate_domain::{ClusterId, OperationId};
use quorate_remote::{Command, Host, JobSpec, JobState, PushTo, PutFile, releases};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

mod etcd_calls;
mod failure;
mod key_calls;
mod member_calls;
mod printed;
mod snapshot_calls;

/// Takes lines of output as they come.
pub type OutputSink = Arc<dyn Fn(&str, String) + Send + Sync>;
/// Answers whether somebody asked to cancel. What takes long and can stop halfway asks between its parts.
pub type CancelAsk = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// One step of one operation, as the executor needs to know it.
#[derive(Clone)]
pub struct Task {
    /// The operation.
    pub operation: OperationId,
    /// The cluster it is about or will make.
    pub cluster: Option<ClusterId>,
    /// The step's number, for names of jobs.
    pub step: usize,
    /// Where output goes: host name, line.
    pub output: OutputSink,
    /// Whether it is to stop.
    pub cancelled: CancelAsk,
}

/// What the engine lets a lane be done by. The console has one kind, the `Executor`; the engine's own tests have another
/// that notes what it was told to do, so that they are about the log and nothing else.
#[async_trait::async_trait]
pub trait Hands: Send + Sync {
    /// Runs `actions` in order at `place`, leaving out what holds already.
    ///
    /// # Errors
    /// The first action that did not do; `Cancelled` only where `task` said so.
    async fn run(
        &self,
        task: &Task,
        place: &Place,
        unless: Option<&Condition>,
        actions: &[Action],
    ) -> Result<(), OperationError>;

    /// Prints what helps to understand a failure; failures of its own do not matter.
    async fn diagnose(&self, task: &Task, place: &Place, commands: &[Run]);
}

/// The real hands: SSH and etcd.
#[async_trait::async_trait]
impl Hands for Planner {
    async fn run(
        &self,
        task: &Task,
        place: &Place,
        unless: Option<&Condition>,
        actions: &[Action],
    ) -> Result<(), OperationError> {
        Executor { planner: self.clone(), task: task.clone() }.run(place, unless, actions).await
    }

    async fn diagnose(&self, task: &Task, place: &Place, commands: &[Run]) {
        Executor { planner: self.clone(), task: task.clone() }.diagnose(place, commands).await;
    }
}

/// Runs the actions of one step of one operation.
#[derive(Clone)]
pub struct Executor {
    /// Hosts, clusters, SSH.
    pub planner: Planner,
    /// The step.
    pub task: Task,
}

/// How often and how a lane is tried again when a connection breaks.
const TRIES: u32 = 3;
/// For so long a wait looks ten times a second; what takes longer is looked at twice a second.
const LOOK_CLOSELY: Duration = Duration::from_secs(5);
/// How often at most a wait says what it waits for.
const SAID_EVERY: Duration = Duration::from_secs(1);
/// How long pushing an archive of some 25 MB may take over a slow line.
const PUSH_DEADLINE: Duration = Duration::from_secs(900);

impl Executor {
    /// Runs `actions` in order at `place`, leaving out what holds already. Broken connections are tried again, each
    /// time from the first action: all of them observe or are harmless to repeat.
    ///
    /// # Errors
    /// The first action that did not do.
    pub async fn run(
        &self,
        place: &Place,
        unless: Option<&Condition>,
        actions: &[Action],
    ) -> Result<(), OperationError> {
        let mut tried = 1;
        loop {
            match self.run_once(place, unless, actions).await {
                Err(error) if error.transient() && tried < TRIES => {
                    self.say(place, format!("{error}; trying again"));
                    tokio::time::sleep(Duration::from_millis(500 << tried)).await;
                    tried += 1;
                }
                result => return result,
            }
        }
    }

    /// Prints what helps to understand a failure; failures of its own do not matter.
    pub async fn diagnose(&self, place: &Place, commands: &[Run]) {
        for run in commands {
            if let Err(error) = self.command(place, run).await {
                self.say(place, format!("no diagnosis: {error}"));
            }
        }
    }

    async fn run_once(
        &self,
        place: &Place,
        unless: Option<&Condition>,
        actions: &[Action],
    ) -> Result<(), OperationError> {
        if let Some(condition) = unless
            && self.holds(place, condition).await?.is_ok()
        {
            self.say(place, format!("already so: {}", render::condition_words(condition)));
            return Ok(());
        }
        for (number, action) in actions.iter().enumerate() {
            if let Some(condition) = &action.unless
                && self.holds(place, condition).await?.is_ok()
            {
                self.say(place, format!("already so: {}", render::condition_words(condition)));
                continue;
            }
            self.effect(place, &action.effect, number).await?;
        }
        Ok(())
    }

    fn say(&self, place: &Place, line: String) {
        (self.task.output)(&render::output_host(place), line);
    }

    async fn effect(&self, place: &Place, effect: &Effect, number: usize) -> Result<(), OperationError> {
        match effect {
            Effect::Run(run) if run.job => self.job(place, run, number).await,
            Effect::Run(run) => self.command(place, run).await,
            Effect::PutFile { path, owner, group, mode, content, .. } => {
                let (name, host) = self.host(place).await?;
                let file = PutFile { path, owner, group, mode: *mode, content: content.as_bytes() };
                host.put_file(&file).await.map_err(|source| OperationError::Host { host: name, source })?;
                self.say(place, format!("wrote {path} ({owner}:{group} {mode:04o}, {} bytes)", content.len()));
                Ok(())
            }
            Effect::PushArchive { version, arch, sha256, base_url, path } => {
                let (name, host) = self.host(place).await?;
                let wrap = |source| OperationError::Host { host: name.clone(), source };
                let cache = self.planner.inventory.release_cache();
                let release =
                    releases::fetch_release(base_url, *version, *arch, &cache, &mut |_| {}).await.map_err(wrap)?;
                if release.sha256 != *sha256 {
                    let why =
                        format!("the archive's SHA-256 is {}, the plan wants {sha256}: review again", release.sha256);
                    return Err(OperationError::Verify(why));
                }
                let to = PushTo { path, owner: "root", group: "root", mode: 0o600 };
                host.push_file(&release.path, &to, PUSH_DEADLINE, &mut |_| {}).await.map_err(wrap)?;
                self.say(place, format!("pushed {}.tar.gz to {path}", version.archive_stem(*arch)));
                Ok(())
            }
            Effect::Guard { condition, otherwise } => match self.holds(place, condition).await? {
                Ok(()) => Ok(()),
                Err(why) => {
                    self.say(place, why);
                    Err(OperationError::Verify(format!("{}: {otherwise}", place.name())))
                }
            },
            Effect::Wait { condition, deadline_seconds } => self.wait(place, condition, *deadline_seconds).await,
            Effect::Canary { cluster, key } => self.canary(place, cluster, key).await,
            Effect::Keys { cluster, call } => self.keys_call(place, cluster, call).await,
            Effect::Snapshot(work) => self.snapshot_work(place, work).await,
            Effect::Member { cluster, call, deadline_seconds } => {
                self.member_call(place, cluster, call, seconds(*deadline_seconds)).await
            }
            Effect::RegisterCluster(_)
            | Effect::ForgetCluster { .. }
            | Effect::RecordMembers { .. }
            | Effect::RecordQuota { .. }
            | Effect::RecordToken { .. }
            | Effect::LeaveHostTask(_)
            | Effect::CloseHostTask(_) => self.note(place, effect).await.map_err(OperationError::Verify),
        }
    }

    /// What the console notes for itself.
    async fn note(&self, place: &Place, effect: &Effect) -> Result<(), String> {
        let inventory = &self.planner.inventory;
        if let Effect::CloseHostTask(part) = effect {
            // Of a host, whatever became of the cluster.
            return inventory.close_host_task(part).await;
        }
        let id = self.task.cluster.as_ref().ok_or("no cluster id")?;
        match effect {
            Effect::RegisterCluster(new) => {
                inventory.register_cluster(id, new).await?;
                self.say(place, format!("{} is under management", new.name));
            }
            Effect::ForgetCluster { name } => {
                inventory.forget_cluster(id).await?;
                self.say(place, format!("{name} is not under management any more"));
            }
            Effect::RecordMembers { members } => inventory.record_members(id, members).await?,
            Effect::RecordQuota { quota } => inventory.record_quota(id, *quota).await?,
            Effect::RecordToken { token } => inventory.record_token(id, token).await?,
            Effect::LeaveHostTask(part) => {
                inventory.leave_host_task(&self.task.operation, id, part).await?;
                self.say(place, format!("{} is waited for; the rest is done once it is back", part.host_name));
            }
            _ => {}
        }
        Ok(())
    }

    async fn host(&self, place: &Place) -> Result<(String, Arc<Host>), OperationError> {
        match place {
            Place::Host { id, name } => Ok((name.clone(), self.planner.connect(id, name).await?)),
            Place::Cluster { name } => {
                Err(OperationError::Inventory { host: name.clone(), why: "a cluster is not a host".into() })
            }
        }
    }

    async fn command(&self, place: &Place, run: &Run) -> Result<(), OperationError> {
        let (name, host) = self.host(place).await?;
        let shown = shell::line(&run.argv);
        self.say(place, format!("$ {shown}"));
        let mut command = Command::new(run.argv.iter().cloned()).root().deadline(seconds(run.deadline_seconds));
        if let Some(text) = &run.stdin {
            command = command.stdin(text.clone().into_bytes());
        }
        let output = host.run(command).await.map_err(|source| OperationError::Host { host: name, source })?;
        let text = |bytes: &[u8]| host.redact(String::from_utf8_lossy(bytes).into_owned());
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        for line in stdout.lines().chain(stderr.lines()) {
            self.say(place, line.to_owned());
        }
        accept(run, shown, output.status, &stderr)
    }

    /// A job is known by its unit's name and result file, so a second call after a crash finds the first one's work.
    async fn job(&self, place: &Place, run: &Run, number: usize) -> Result<(), OperationError> {
        let (name, host) = self.host(place).await?;
        let wrap = |source| OperationError::Host { host: name.clone(), source };
        let unit = format!("quorate-{}-{}-{number}", self.task.operation, self.task.step);
        let shown = shell::line(&run.argv);
        self.say(place, format!("$ {shown}"));
        let deadline = seconds(run.deadline_seconds);
        let mut state = host.job(&unit).await.map_err(wrap)?;
        if matches!(state, JobState::Lost) {
            // Cut off without a result by a restart of the host. What it does was observed before this action and is
            // safe to begin anew, so the old trace goes.
            self.say(place, "the job of an earlier try was cut off; beginning it anew".into());
            host.clear_job(&unit).await.map_err(wrap)?;
            state = JobState::Absent;
        }
        if matches!(state, JobState::Absent) {
            let spec = JobSpec { unit: unit.clone(), argv: run.argv.clone(), deadline };
            host.start_job(&spec).await.map_err(wrap)?;
        }
        let mut printed = printed::Printed::default();
        let say = |line: String| self.say(place, host.redact(line));
        if !matches!(state, JobState::Exited(_)) {
            let mut hear = |bytes: &[u8]| printed.hear(bytes, say);
            state = host.wait_job(&unit, deadline + Duration::from_secs(5), &mut hear).await.map_err(wrap)?;
        }
        let JobState::Exited(end) = state else { return Err(OperationError::JobLost { host: name }) };
        printed.hear(&end.output, say);
        let printed = host.redact(printed.end(say));
        host.clear_job(&unit).await.map_err(wrap)?;
        accept(run, shown, end.rc, &printed)
    }

    /// Whether `condition` holds; the inner error says in words why not.
    ///
    /// # Errors
    /// It could not be observed.
    async fn holds(&self, place: &Place, condition: &Condition) -> Result<Result<(), String>, OperationError> {
        let (argv, wanted) = match condition {
            Condition::Succeeds { argv } => (argv, ""),
            Condition::Prints { argv, text } => (argv, text.as_str()),
            Condition::MembersAgree { cluster, down } => return Ok(self.members_agree(cluster, down).await),
            Condition::CaughtUp { cluster, member, entries } => {
                return Ok(self.caught_up(cluster, member, *entries).await);
            }
            Condition::CanStop { cluster, member } => return Ok(self.can_stop(cluster, member).await),
            Condition::ContentIs { cluster, member, content } => {
                return Ok(self.content_is(cluster, member, content).await);
            }
        };
        let (name, host) = self.host(place).await?;
        let command = Command::new(argv.iter().cloned()).root().deadline(Duration::from_secs(15));
        let output = host.run(command).await.map_err(|source| OperationError::Host { host: name, source })?;
        let printed = String::from_utf8_lossy(&output.stdout);
        Ok(if output.status == 0 && printed.contains(wanted) {
            Ok(())
        } else {
            Err(format!("{} ended with status {}", shell::line(argv), output.status))
        })
    }

    async fn wait(&self, place: &Place, condition: &Condition, limit: u32) -> Result<(), OperationError> {
        let begun = Instant::now();
        let (mut said, mut said_at) = (String::new(), None::<Instant>);
        loop {
            let last = match self.holds(place, condition).await {
                Ok(Ok(())) => {
                    self.say(
                        place,
                        format!("after {:.1} s: {}", begun.elapsed().as_secs_f32(), render::condition_words(condition)),
                    );
                    return Ok(());
                }
                Ok(Err(why)) => why,
                Err(error) if error.transient() => error.to_string(),
                Err(error) => return Err(error),
            };
            if begun.elapsed() >= seconds(limit) {
                return Err(OperationError::Waited { seconds: limit, last });
            }
            // A number that moves is told now and then, not each time it is looked at.
            if last != said && said_at.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
                self.say(place, format!("waiting: {last}"));
                (said, said_at) = (last, Some(Instant::now()));
            }
            let patient = begun.elapsed() >= LOOK_CLOSELY;
            tokio::time::sleep(Duration::from_millis(if patient { 500 } else { 100 })).await;
        }
    }
}

fn seconds(n: u32) -> Duration {
    Duration::from_secs(n.into())
}

fn accept(run: &Run, command: String, status: i32, printed: &str) -> Result<(), OperationError> {
    if status == 0 || run.also_ok.contains(&status) {
        return Ok(());
    }
    let lines: Vec<&str> = printed.lines().collect();
    let tail = lines[lines.len().saturating_sub(5)..].join(" / ");
    let printed = if tail.is_empty() { "it printed nothing".to_owned() } else { tail };
    let stderr = match failure::why(&run.argv, status, &printed) {
        Some(why) => format!("{why}. {printed}"),
        None => printed,
    };
    Err(OperationError::Command { command, status, stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexpected_status_carries_the_last_lines() {
        let run = Run::new(["x"]).also_ok(5);
        assert!(accept(&run, "x".into(), 5, "").is_ok());
        let error = accept(&run, "x".into(), 1, "a\nb").expect_err("fails").to_string();
        assert!(error.contains("status 1") && error.contains("a / b"), "{error}");
    }
}
