//! How fast the data directory's disk syncs. Invariant: it never writes where an etcd runs, because it would slow the
//! very disk that etcd syncs to; its one small file is removed.

use crate::{command::Command, error::RemoteError, host::Host};
use quorate_domain::host::DiskLatency;
use std::time::Duration;

const WRITES: u32 = 50;

/// $1 directory, $2 writes. As etcd's WAL: the space is there before, then small synced writes one after the other.
/// dd times each write itself, so that starting dd does not count.
const PROBE: &str = r#"for comm in /proc/[0-9]*/comm; do
  read -r name <"$comm" && [ "$name" = etcd ] && { echo etcd; exit 0; }
done 2>/dev/null
at=$1
while [ ! -d "$at" ] && [ "$at" != / ]; do at=${at%/*}; at=${at:-/}; done
file=$(mktemp -- "$at/.quorate-probe.XXXXXX") || exit 1
trap 'rm -f -- "$file"' EXIT
trap 'exit 143' HUP INT TERM
dd if=/dev/zero of="$file" bs=2048 count="$2" conv=fsync status=none || exit 1
n=0
while [ $n -lt "$2" ]; do
  dd if=/dev/zero of="$file" bs=2048 count=1 seek=$n conv=notrunc oflag=dsync 2>&1 | tail -n1
  n=$((n + 1))
done
"#;

/// Times 50 synced writes of 2 KiB in `dir`'s file system; none when an etcd runs on the host.
///
/// # Errors
/// As `Host::run_ok`, `DiskFull` included; `Garbled` if dd's answer cannot be read.
pub async fn measure(host: &Host, dir: &str) -> Result<Option<DiskLatency>, RemoteError> {
    let count = WRITES.to_string();
    let command = Command::script(PROBE, &[dir, &count]).root().deadline(Duration::from_secs(120));
    let output = host.run(command).await?;
    let output = host.expect_success(output, "dd", dir)?;
    let text = output.text();
    if text.trim() == "etcd" {
        return Ok(None);
    }
    parse(&text, WRITES, dir).map(Some).ok_or_else(|| host.garbled("the disk probe", &text))
}

/// Lines of dd: `2048 bytes (2.0 kB, 2.0 KiB) copied, 0.000123 s, 16.7 MB/s`.
fn parse(text: &str, writes: u32, dir: &str) -> Option<DiskLatency> {
    let seconds = |line: &str| -> Option<f64> {
        let (_, rest) = line.split_once("copied, ")?;
        rest.split_once(" s")?.0.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0)
    };
    let micros: Vec<f64> = text.lines().filter_map(seconds).map(|s| s * 1e6).collect();
    if micros.len() != usize::try_from(writes).ok()? || micros.is_empty() {
        return None;
    }
    // A cast of a float saturates, which is right for an absurdly slow disk.
    let whole = |value: f64| value.round() as u32;
    let mean = micros.iter().sum::<f64>() / f64::from(writes);
    Some(DiskLatency {
        mean_micros: whole(mean),
        max_micros: whole(micros.iter().fold(0.0, |a: f64, b| a.max(*b))),
        writes,
        dir: dir.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dd_lines_become_mean_and_worst() {
        let text = "2048 bytes (2.0 kB, 2.0 KiB) copied, 0.001 s, 2 MB/s\n2048 bytes copied, 3e-03 s, 1 MB/s\n";
        let wanted = DiskLatency { mean_micros: 2000, max_micros: 3000, writes: 2, dir: "/srv/etcd".into() };
        assert_eq!(parse(text, 2, "/srv/etcd"), Some(wanted));
        assert_eq!(parse(text, 3, "/srv/etcd"), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(text in ".{0,200}", writes in 0u32..4) {
            let _ = parse(&text, writes, "/");
        }
    }
}
