//! What a host is: one fixed probe script, run as root where root can be had. Invariant: asking changes nothing on
//! the host. The reading of the answer is pure and lives in `facts::parse`; the verdict in `domain::preflight`.

mod parse;

pub use parse::{Moment, parse};

use crate::{command::Command, error::RemoteError, host::Host};
use quorate_domain::{Timestamp, host::HostFacts};
use std::time::Duration;
use tokio::time::Instant;

const PROBE: &str = include_str!("facts/probe.sh");
const DEADLINE: Duration = Duration::from_secs(20);

/// Asks `host` about itself. `ports` are those that etcd would use; `now` is the console's time at the call. Where
/// root is refused the facts are those that the login can see, with `root` false.
///
/// # Errors
/// Why the host was not reached, or `Garbled` for an answer that cannot be read.
pub async fn gather(host: &Host, data_dir: &str, ports: &[u16], now: Timestamp) -> Result<HostFacts, RemoteError> {
    let started = Instant::now();
    host.connect().await?;
    let asked = Instant::now();
    let clock = host.run_ok(Command::new(["date", "+%s%N"]).deadline(DEADLINE)).await?;
    // The host read its clock somewhere between question and answer: half the round trip is the best guess.
    let half = asked.elapsed() / 2;
    let moment = Moment {
        now,
        since_now: asked.duration_since(started) + half,
        give_or_take: half,
        host_nanos: clock.text().trim().parse().ok(),
    };
    let mut args = vec!["/bin/sh".to_owned(), "-s".into(), "--".into(), data_dir.into()];
    args.extend(ports.iter().map(u16::to_string));
    let probe = Command::new(args).stdin(PROBE).deadline(DEADLINE).cap(2 << 20);
    let output = match host.run_ok(probe.clone().root()).await {
        Err(
            RemoteError::SudoRefused { .. }
            | RemoteError::SudoPasswordMissing { .. }
            | RemoteError::SudoPasswordWrong { .. },
        ) => host.run_ok(probe).await?,
        other => other?,
    };
    parse(&output.text(), moment).map_err(|detail| host.garbled("the host probe", &detail))
}
