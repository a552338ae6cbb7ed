//! Detached jobs: long commands that go on when the console or the connection dies. Invariants: a job is a transient
//! unit with a directory under /var/lib/quorate/jobs; the directory is made before the unit is started and the result
//! is renamed into it, so directory, unit name and result together decide, and a job is never started twice. What to
//! do about a lost job is decided by `observe` of its step in `operations`.

use crate::{
    command::{Command, limit},
    error::RemoteError,
    host::{Host, Sink},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A job to be started, as root.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// `quorate-<operation>-<step>`: letters, digits, `-`.
    pub unit: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Ended after this long, with status 124.
    pub deadline: Duration,
}

/// What `start_job` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartedJob {
    /// It was started now.
    Started,
    /// It was started before, whatever became of it.
    Already,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Its exit status; 124 when its deadline passed, 128 + n when signal n ended it.
    pub rc: i32,
    /// The end of what it wrote, at most 64 KiB.
    pub output: Vec<u8>,
}

/// What there is of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It was never started (or was cleared).
    Absent,
    /// It runs.
    Running,
    /// It ended.
    Exited(JobEnd),
    /// It was started, is gone, and left no result: a reboot or a kill. Never start it again without looking.
    Lost,
}

/// $1 unit, $2 seconds, then the command. The unit's own command line holds no argument of the job: systemd would
/// expand `$` in them.
const START: &str = r#"set -eu
umask 077
base=/var/lib/quorate/jobs unit=$1 limit=$2
shift 2
mkdir -p -- "$base"
exec 9>"$base/.lock"
flock 9
dir=$base/$unit
if [ -e "$dir" ]; then echo already; exit 0; fi
trap '[ -n "${kept-}" ] || rm -rf -- "$dir"' EXIT
mkdir -- "$dir"
printf '%s\0' "$@" >"$dir/args"
# Made now and written over in place later: a disk that the job fills up must not cost its result.
echo 255 >"$dir/rc.tmp"
cat >"$dir/run" <<'END'
exec >"$1/out" 2>&1 </dev/null
cd /
xargs -0 -x -a "$1/args" -- /bin/sh -c '"$@"; printf "%03d\n" $? 1<>"$0/rc.tmp"' "$1" timeout -k 10 "$2"
sync -- "$1/rc.tmp" && mv -- "$1/rc.tmp" "$1/rc"
END
sync -- "$dir/args"
systemd-run --unit="$unit" --collect --quiet --no-block -- /bin/sh "$dir/run" "$dir" "$limit" 9>&-
kept=1
echo started
"#;

/// $1 unit. First line: the state; then the end of the output.
const STATE: &str = r#"base=/var/lib/quorate/jobs
dir=$base/$1
[ -d "$base" ] || { echo absent; exit 0; }
exec 9>"$base/.lock"
flock -s 9
[ -d "$dir" ] || { echo absent; exit 0; }
if [ ! -e "$dir/rc" ]; then
  case $(systemctl show -p ActiveState -p Job "$1.service") in
    *ActiveState=activ*|*ActiveState=deactiv*|*ActiveState=reload*|*Job=[1-9]*) echo running; exit 0 ;;
  esac
  [ -e "$dir/rc" ] || { echo lost; exit 0; }
fi
read -r rc <"$dir/rc"
echo "exited $rc"
tail -c 65536 -- "$dir/out" 2>/dev/null
exit 0
"#;

/// $1 unit, $2 bytes seen. Copies the output as it grows; the last line of stderr is the state.
const FOLLOW: &str = r#"dir=/var/lib/quorate/jobs/$1 seen=$2 n=0
[ -d "$dir" ] || { echo absent >&2; exit 0; }
while :; do
  end=
  if [ -e "$dir/rc" ]; then
    read -r rc <"$dir/rc"
    end="exited $rc"
  elif [ $((n % 20)) = 19 ]; then
    case $(systemctl show -p ActiveState -p Job "$1.service") in
      *ActiveState=activ*|*ActiveState=deactiv*|*ActiveState=reload*|*Job=[1-9]*) ;;
      *) [ -e "$dir/rc" ] && continue; end=lost ;;
    esac
  fi
  if [ -e "$dir/out" ]; then
    size=$(stat -c %s -- "$dir/out")
    if [ "$size" -gt "$seen" ]; then
      tail -c +$((seen + 1)) -- "$dir/out" | head -c $((size - seen))
      seen=$size
    fi
  fi
  [ -z "$end" ] || { echo "$end" >&2; exit 0; }
  n=$((n + 1))
  if [ $n -lt 40 ]; then sleep 0.02; else sleep 0.1; fi
done
"#;

/// $1 unit
const CLEAR: &str = r#"base=/var/lib/quorate/jobs
[ -d "$base" ] || exit 0
exec 9>"$base/.lock"
flock 9
n=0
while :; do
  case $(systemctl show -p ActiveState -p Job "$1.service") in
    *ActiveState=activ*|*ActiveState=deactiv*|*ActiveState=reload*|*Job=[1-9]*) ;;
    *) break ;;
  esac
  # It wrote its result and is about to end; systemd sees that a moment later.
  [ -s "$base/$1/rc" ] && [ $n -lt 200 ] || exit 45
  n=$((n + 1))
  sleep 0.05
done
rm -rf -- "$base/$1"
"#;
const RUNS: i32 = 45;

/// How long a host may be out of reach before waiting for its job is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one `FOLLOW` lasts before it is asked for again.
const SLICE: Duration = Duration::from_secs(300);

impl Host {
    /// Starts a job unless it was started before.
    ///
    /// # Errors
    /// As `run_ok`. After `Deadline` or `Broken` it may or may not have been started: ask `job`.
    pub async fn start_job(&self, job: &JobSpec) -> Result<StartedJob, RemoteError> {
        check_unit(&job.unit)?;
        let limit = limit(job.deadline);
        let mut args = vec![job.unit.as_str(), &limit];
        args.extend(job.argv.iter().map(String::as_str));
        let output = self.run_ok(Command::script(START, &args).root()).await?;
        match output.text().trim() {
            "started" => Ok(StartedJob::Started),
            "already" => Ok(StartedJob::Already),
            other => Err(self.garbled("the start of a job", other)),
        }
    }

    /// What there is of the job.
    ///
    /// # Errors
    /// As `run_ok`.
    pub async fn job(&self, unit: &str) -> Result<JobState, RemoteError> {
        check_unit(unit)?;
        let output = self.run_ok(Command::script(STATE, &[unit]).root()).await?;
        let (state, rest) = match output.stdout.iter().position(|&b| b == b'\n') {
            Some(at) => (&output.stdout[..at], &output.stdout[at + 1..]),
            None => (output.stdout.as_slice(), &[][..]),
        };
        let state = String::from_utf8_lossy(state);
        parse_state(&state, rest.to_vec()).ok_or_else(|| self.garbled("the state of a job", &state))
    }

    /// Follows the job until it ends or `deadline` passes (then `Running`); `on_output` hears all it writes, from
    /// its beginning. Broken connections are opened again meanwhile. `Exited` carries no output here.
    ///
    /// # Errors
    /// The last failure if the host cannot be reached for a minute, or when the deadline passes; others as `run`. Cancelling stops
    /// the following, not the job.
    pub async fn wait_job(&self, unit: &str, deadline: Duration, on_output: Sink<'_>) -> Result<JobState, RemoteError> {
        check_unit(unit)?;
        let until = Instant::now() + deadline;
        let mut seen = 0u64;
        let mut failure = None;
        let mut heard = Instant::now();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return failure.map_or(Ok(JobState::Running), Err);
            }
            let from = seen.to_string();
            let follow = Command::script(FOLLOW, &[unit, &from]).root().deadline(left.min(SLICE));
            let mut count = |bytes: &[u8]| {
                seen += bytes.len() as u64;
                on_output(bytes);
            };
            match self.run_streaming(follow, &mut count).await {
                Ok(output) => {
                    let text = output.error_text();
                    let state = text.lines().last().unwrap_or_default();
                    return parse_state(state, Vec::new()).ok_or_else(|| self.garbled("the end of a job", &text));
                }
                Err(RemoteError::Deadline { .. }) => {
                    failure = None;
                    heard = Instant::now();
                }
                Err(error) if error.transient() => {
                    // The job goes on by itself; who waits for it had better know that nobody hears of it.
                    if heard.elapsed() >= SILENCE {
                        return Err(error);
                    }
                    failure = Some(error);
                    sleep(left.min(Duration::from_millis(500))).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what is left of a job that does not run.
    ///
    /// # Errors
    /// `JobRuns`; others as `run_ok`.
    pub async fn clear_job(&self, unit: &str) -> Result<(), RemoteError> {
        check_unit(unit)?;
        let output = self.run(Command::script(CLEAR, &[unit]).root()).await?;
        if output.status == RUNS {
            return Err(RemoteError::JobRuns { host: self.name().to_owned(), unit: unit.to_owned() });
        }
        self.expect_success(output, "rm", "/var/lib/quorate/jobs").map(|_| ())
    }

    pub(crate) fn garbled(&self, what: &str, detail: &str) -> RemoteError {
        let detail = detail.chars().take(200).collect();
        RemoteError::Garbled { host: self.name().to_owned(), what: what.to_owned(), detail }
    }
}

fn check_unit(unit: &str) -> Result<(), RemoteError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=120).contains(&unit.len()) && unit.chars().all(plain) && !unit.starts_with('-') {
        return Ok(());
    }
    Err(RemoteError::Invalid { what: format!("“{unit}” is no name for a job: use a-z, 0-9 and -") })
}

fn parse_state(line: &str, output: Vec<u8>) -> Option<JobState> {
    match line.trim().split_once(' ') {
        None => match line.trim() {
            // A result file without a result: whatever wrote it did not get to its end.
            "exited" => Some(JobState::Lost),
            "absent" => Some(JobState::Absent),
            "running" => Some(JobState::Running),
            "lost" => Some(JobState::Lost),
            _ => None,
        },
        Some(("exited", rc)) => Some(JobState::Exited(JobEnd { rc: rc.trim().parse().ok()?, output })),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn states_are_parsed() {
        assert_eq!(parse_state("absent", vec![]), Some(JobState::Absent));
        assert_eq!(parse_state("running\n", vec![]), Some(JobState::Running));
        assert_eq!(parse_state("lost", vec![]), Some(JobState::Lost));
        let end = JobEnd { rc: 124, output: b"x".to_vec() };
        assert_eq!(parse_state("exited 124", b"x".to_vec()), Some(JobState::Exited(end)));
        assert_eq!(parse_state("exited ", vec![]), Some(JobState::Lost), "an empty result is none");
        assert_eq!(parse_state("exited 022", vec![]), Some(JobState::Exited(JobEnd { rc: 22, output: vec![] })));
        for bad in ["", "exited x", "running late"] {
            assert_eq!(parse_state(bad, vec![]), None, "{bad}");
        }
    }

    #[test]
    fn unit_names_cannot_leave_their_directory() {
        assert!(check_unit("quorate-op-abc-3").is_ok());
        for bad in ["", "../x", "a/b", "A", "a b", "-x", "a.service", "a\n"] {
            assert!(check_unit(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_state_line_is_survived(line in ".{0,80}") {
            let _ = parse_state(&line, Vec::new());
        }
    }
}
