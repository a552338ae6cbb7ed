//! A unit's journal. Invariant: read from where the last reading ended, and in the journal's own order, so a reader that
//! is slow is late and misses nothing; what a line means is not known here.

use crate::{command::Command, error::RemoteError, host::Host};
use serde::Deserialize;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);
/// One reading keeps at most this much; the rest is left to the next one.
const MOST: usize = 1 << 20;
/// systemd's names for what is asked of each entry.
const FIELDS: &str = "MESSAGE,PRIORITY,__CURSOR,__REALTIME_TIMESTAMP";

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalFrom {
    /// With the last so many entries.
    Last(u32),
    /// After this entry.
    After(String),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Names the entry for `JournalFrom::After`.
    pub cursor: String,
    /// Microseconds since the epoch, by the host's clock.
    pub micros: u64,
    /// syslog's priority, 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// The text; bytes that are not UTF-8 are replaced.
    pub message: String,
}

/// Runs a command and cuts its output off on the host, because journalctl tells of no end to what comes after a cursor. Ends
/// as the command did, unless the cut ended it (SIGPIPE).
const BOUNDED: &str = r#"most=$1; shift; exec 3>&1
status=$({ { "$@"; echo $? >&4; } | head -c "$most" >&3; } 4>&1)
[ "$status" = 0 ] || [ "$status" = 141 ] || exit "$status""#;

impl Host {
    /// Entries of `unit` (such as `etcd.service`), oldest first; not more than fit 1 MiB as JSON: of the last ones the newest,
    /// of those after a cursor the oldest, so that the next reading goes on there.
    ///
    /// # Errors
    /// As `run_ok`; `CommandFailed` also for a text that is no cursor. After an entry that the journal does not hold any
    /// more, it goes on with the next one that it has.
    pub async fn journal(&self, unit: &str, from: &JournalFrom) -> Result<Vec<JournalEntry>, RemoteError> {
        let most = MOST.to_string();
        let command = Command::new(["/bin/sh", "-c", BOUNDED, "journal", &most, "journalctl", "--unit", unit]);
        // All of a field: one of more than 4 KiB is left out otherwise, and panics are longer.
        let command = command.args(["--output", "json", "--all", "--no-pager", "--quiet", "--output-fields", FIELDS]);
        let command = match from {
            JournalFrom::Last(lines) => command.args(["--reverse", "--lines"]).arg(lines.to_string()),
            JournalFrom::After(cursor) => command.arg(format!("--after-cursor={cursor}")),
        };
        let output = self.run_ok(command.root().deadline(DEADLINE).cap(MOST)).await?;
        let mut entries = parse(&output.stdout);
        if matches!(from, JournalFrom::Last(_)) {
            entries.reverse();
        }
        Ok(entries)
    }
}

/// As journalctl writes it: numbers are strings, and a text that is not UTF-8 is an array of bytes.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    micros: String,
    #[serde(rename = "PRIORITY", default)]
    priority: Option<String>,
    #[serde(rename = "MESSAGE", default)]
    message: Message,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
    #[default]
    None,
}

/// The entries of whole lines; a last one that was cut off at the cap is left to the next reading.
fn parse(output: &[u8]) -> Vec<JournalEntry> {
    let lines = output.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.filter_map(|line| serde_json::from_slice::<Raw>(line).ok()).filter_map(entry).collect()
}

fn entry(raw: Raw) -> Option<JournalEntry> {
    let message = match raw.message {
        Message::Text(text) => text,
        Message::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Message::None => String::new(),
    };
    let priority = raw.priority.and_then(|p| p.parse().ok()).unwrap_or(6);
    Some(JournalEntry { cursor: raw.cursor, micros: raw.micros.parse().ok()?, priority, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_what_was_cut_off_is_left() {
        let text = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1790000000123456","PRIORITY":"3","MESSAGE":"a"}
not json
{"__CURSOR":"s=1;i=3","__REALTIME_TIMESTAMP":"1790000000123457","MESSAGE":[104,105,255]}
{"__CURSOR":"s=1;i=4","__REALTIME_TIMESTAMP":"1790000000123458","MESSAGE":null}
{"__CURSOR":"s=1;i=5","__REALTIME"#;
        let entries = parse(text.as_bytes());
        let said: Vec<(&str, u8, &str)> =
            entries.iter().map(|e| (e.cursor.as_str(), e.priority, e.message.as_str())).collect();
        assert_eq!(said, [("s=1;i=2", 3, "a"), ("s=1;i=3", 6, "hi\u{fffd}"), ("s=1;i=4", 6, "")]);
        assert_eq!(entries[0].micros, 1_790_000_000_123_456);
    }

    proptest::proptest! {
        #[test]
        fn any_output_is_survived(output in proptest::collection::vec(0u8..=255, 0..300)) {
            let _ = parse(&output);
        }
    }
}
