//! Gets from a host what `wal` and `bolt` want of a data directory. Invariant: slices of some megabytes, by what every host has; the
//! log is read only until it ends, so that the 64 MB etcd keeps ready for it do not travel.

use super::{Parts, bolt, wal};
use async_trait::async_trait;
use quorate_domain::{
    snapshots::{LogEnd, LogPosition, Remains},
    wide::Wide,
};
use quorate_remote::{Command, Host};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);
/// What is brought of a log at once.
const SLICE: usize = 1 << 20;
/// A segment has 64 MB and what its last record needs; one that goes on is none.
const SEGMENT_MOST: u64 = 256 << 20;
/// Segments that are looked into, newest first: one that was just begun has no entry yet.
const SEGMENTS: usize = 3;

/// $1 data directory, $2 directory of the log.
const LIST: &str = r#"say() { printf '%s\t%s\n' "$1" "$2"; }
for f in "$2"/*.wal; do [ ! -e "$f" ] || say wal "${f##*/}"; done
say db "$(stat -c %s -- "$1/member/snap/db" 2>/dev/null)"
say bytes "$({ du -sb -- "$1/member"; [ "$2" = "$1/member/wal" ] || du -sb -- "$2"; } 2>/dev/null | awk '{ s += $1 } END { print s + 0 }')"
"#;

/// $1 path, $2 the first byte, counted from 1, $3 bytes.
const PART: &str = r#"tail -c "+$2" -- "$1" | head -c "$3""#;

/// Where the log of a data directory is.
pub fn wal_dir_of(data_dir: &str, wal_dir: Option<&str>) -> String {
    wal_dir.map_or_else(|| format!("{data_dir}/member/wal"), str::to_owned)
}

/// A file of a host.
struct Remote<'a> {
    host: &'a Host,
    path: &'a str,
}

#[async_trait]
impl Parts for Remote<'_> {
    async fn part(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, String> {
        let (from, most) = (offset.saturating_add(1).to_string(), bytes.to_string());
        let part = Command::script(PART, &[self.path, &from, &most]).root().deadline(DEADLINE).cap(bytes);
        Ok(self.host.run_ok(part).await.map_err(|error| error.to_string())?.stdout)
    }
}

/// What the data directory of a member knows; none if there is no data.
///
/// # Errors
/// The host could not be asked, in words.
pub async fn remains(host: &Host, data_dir: &str, wal_dir: Option<&str>) -> Result<Option<Remains>, String> {
    let wal_dir = wal_dir_of(data_dir, wal_dir);
    let list = Command::script(LIST, &[data_dir, &wal_dir]).root().deadline(DEADLINE);
    let listed = host.run(list).await.map_err(|error| error.to_string())?.text().into_owned();
    let said: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once('\t')).collect();
    let number = |name: &str| said.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok());
    let mut segments: Vec<&str> =
        said.iter().filter(|(key, value)| *key == "wal" && is_segment(value)).map(|(_, value)| *value).collect();
    segments.sort_unstable();
    let db_bytes: Option<u64> = number("db");
    if segments.is_empty() && db_bytes.is_none() {
        return Ok(None);
    }
    let mut log = wal::Said { last: None, commit: None, end: LogEnd::Damaged, problem: "there is no log".into() };
    for (number, name) in segments.iter().rev().take(SEGMENTS).enumerate() {
        let path = format!("{wal_dir}/{name}");
        let said = segment(&Remote { host, path: &path }).await?;
        log = if number == 0 { said } else { before(log, said) };
        if log.last.is_some() || log.end == LogEnd::Damaged {
            break;
        }
    }
    let path = format!("{data_dir}/member/snap/db");
    let database = match db_bytes {
        Some(_) => bolt::said(&Remote { host, path: &path }).await,
        None => Err("there is no database".into()),
    };
    Ok(Some(put_together(log, database, db_bytes.unwrap_or_default(), number("bytes").unwrap_or_default())))
}

/// A newer segment that has no entry, and the one before it.
fn before(newer: wal::Said, older: wal::Said) -> wal::Said {
    let last: Option<LogPosition> = newer.last.or(older.last);
    match older.end {
        // Only the newest segment may end in the middle of a record.
        LogEnd::Whole => wal::Said { last, commit: newer.commit.or(older.commit), ..newer },
        LogEnd::Cut => {
            let problem = "its log breaks off before its newest part, so etcd does not open it".into();
            wal::Said { last, commit: newer.commit.or(older.commit), end: LogEnd::Damaged, problem }
        }
        LogEnd::Damaged => wal::Said { last, ..older },
    }
}

pub(super) fn put_together(log: wal::Said, database: Result<bolt::Said, String>, db_bytes: u64, bytes: u64) -> Remains {
    let (database, db_problem) = match database {
        Ok(said) => (said, String::new()),
        Err(why) => (bolt::Said::default(), why),
    };
    Remains {
        last: log.last,
        commit: log.commit,
        log_end: log.end,
        log_problem: log.problem,
        consistent_index: database.consistent_index.map(Wide),
        revision: database.revision.map(Wide),
        db_problem,
        db_bytes: Wide(db_bytes),
        bytes: Wide(bytes),
    }
}

/// `0000000000000001-00000000000186a2.wal`
fn is_segment(name: &str) -> bool {
    let hex = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let numbers = name.strip_suffix(".wal").and_then(|stem| stem.split_once('-'));
    numbers.is_some_and(|(sequence, index)| hex(sequence) && hex(index))
}

pub(super) async fn segment(file: &impl Parts) -> Result<wal::Said, String> {
    let mut segment = wal::Segment::default();
    let mut offset = 0;
    while offset < SEGMENT_MOST {
        let part = file.part(offset, SLICE).await?;
        if part.is_empty() || !segment.feed(&part) {
            break;
        }
        offset += part.len() as u64;
    }
    Ok(segment.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_etcd_gives_are_segments() {
        assert!(is_segment("0000000000000001-00000000000186a2.wal"));
        for bad in ["0.tmp", "x-y.wal", "0000000000000001-00000000000186a2.wal.broken", "../0000000000-1.wal"] {
            assert!(!is_segment(bad), "{bad}");
        }
        for script in [LIST, PART] {
            let check = std::process::Command::new("sh").args(["-n", "-c", script]).status().expect("sh runs");
            assert!(check.success(), "{script}");
        }
    }
}
