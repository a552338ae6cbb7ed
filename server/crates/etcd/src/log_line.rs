//! etcd's log lines: its JSON format, and what the messages mean that people search the web for at night. Invariant: pure;
//! any line is survived and shown, an unknown one without an explanation. The phrases were checked against the binaries
//! of 3.4.23, 3.5.16 and 3.5.30. Reading the journal lives in `remote`.

use quorate_domain::journal::{Explanation, LineLevel, Remedy};
use serde_json::{Map, Value};
use std::fmt::Write;

/// So much of a message and of its fields is kept; a request that took too long is logged whole by etcd.
const LONGEST: usize = 2000;

/// One line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How grave it is.
    pub level: LineLevel,
    /// The message.
    pub text: String,
    /// The rest as `name=value` pairs.
    pub fields: String,
    /// What it means.
    pub explanation: Option<Explanation>,
}

impl LogLine {
    /// Reads what etcd or systemd wrote; `priority` is syslog's, for lines that name no level of their own.
    pub fn read(raw: &str, priority: u8) -> Self {
        let explanation = explain(raw);
        match serde_json::from_str::<Value>(raw) {
            Ok(Value::Object(mut object)) if object.contains_key("msg") => {
                let text = take(&mut object, "msg");
                let level = level(&take(&mut object, "level")).unwrap_or_else(|| by_priority(priority));
                object.remove("ts");
                Self { level, text: cut(&text), fields: cut(&pairs(&object)), explanation }
            }
            _ => {
                let (level, text) = capnslog(raw).unwrap_or_else(|| (by_priority(priority), raw));
                Self { level, text: cut(text.trim_end()), fields: String::new(), explanation }
            }
        }
    }
}

fn take(object: &mut Map<String, Value>, name: &str) -> String {
    object.remove(name).as_ref().map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pairs(object: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in object.iter().filter(|(name, _)| *name != "caller") {
        let value = plain(value);
        let gap = if text.is_empty() { "" } else { " " };
        let quote = if value.contains(char::is_whitespace) { "\"" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{name}={quote}{value}{quote}");
    }
    text
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn level(name: &str) -> Option<LineLevel> {
    Some(match name {
        "debug" => LineLevel::Debug,
        "info" => LineLevel::Info,
        "warn" => LineLevel::Warn,
        "error" | "dpanic" | "panic" | "fatal" => LineLevel::Error,
        _ => return None,
    })
}

fn by_priority(priority: u8) -> LineLevel {
    match priority {
        0..=3 => LineLevel::Error,
        4 => LineLevel::Warn,
        7.. => LineLevel::Debug,
        _ => LineLevel::Info,
    }
}

/// 3.4's usual format: `2026-11-25 08:00:00.123456 W | rafthttp: …`.
fn capnslog(raw: &str) -> Option<(LineLevel, &str)> {
    let (head, text) = raw.split_once(" | ")?;
    let level = match head.rsplit_once(' ')?.1 {
        "D" => LineLevel::Debug,
        "I" | "N" => LineLevel::Info,
        "W" => LineLevel::Warn,
        "E" | "C" => LineLevel::Error,
        _ => return None,
    };
    Some((level, text))
}

/// A phrase of etcd's or the kernel's, and what it means.
struct Known {
    phrase: &'static str,
    cause: &'static str,
    advice: &'static str,
    remedy: Option<Remedy>,
}

/// The first phrase that a line contains counts, so the narrower ones come first.
const KNOWN: [Known; 19] = [
    Known {
        phrase: "request sent was ignored",
        cause: "A peer drops what this member sends, because the two hold data of different clusters: the host was \
                installed anew with another token, or its data directory came from elsewhere.",
        advice: "Find the member whose cluster id differs from the others' and replace it.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "cluster ID mismatch",
        cause: "Somebody who belongs to another cluster speaks to this member's peer port: usually a removed member that \
                was started again, or one whose data directory was made for another cluster.",
        advice: "Look which address it comes from. Replace it if it belongs here; stop its etcd if it does not.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "too many learner members",
        cause: "etcd takes one learner at a time, and there is one already.",
        advice: "Promote it, or remove it, and add the next one then.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "slow fdatasync",
        cause: "The disk took more than a second to store the log. Every write of the cluster waits for that.",
        advice: "Measure the disk on the host's page. Move the data directory to a local SSD, or what else writes to it \
                 elsewhere; on a slow disk a longer election timeout keeps the leader.",
        remedy: Some(Remedy::Host),
    },
    Known {
        phrase: "heartbeat on time",
        cause: "The leader is too busy, or its disk too slow, to tell the others in time that it lives; they may elect \
                another one.",
        advice: "Look at the disk and the processor of its host. If it stays so, raise heartbeat and election timeout.",
        remedy: Some(Remedy::Configuration),
    },
    Known {
        phrase: "apply request took too long",
        cause: "A request took longer than a tenth of a second to carry out: a large range, a slow disk, or too little \
                processor.",
        advice: "The fields name the request. Single ones do no harm; many of them mean a slow disk or a client that \
                 reads too much at once.",
        remedy: Some(Remedy::Host),
    },
    Known {
        phrase: "permanently removed from the cluster",
        cause: "This member was removed, and its etcd was started again. It ends by itself, and systemd starts it anew.",
        advice: "Stop and disable the unit on that host, or add the host as a new member, which sets the old data aside.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "has already been bootstrapped",
        cause: "The member starts as a new one, without data, and the cluster knows it as one that had data.",
        advice: "Its data is lost or elsewhere. Replace the member rather than starting it with state “new”.",
        remedy: Some(Remedy::ReplaceMember),
    },
    Known {
        phrase: "member count is unequal",
        cause: "initial-cluster on this host names other members than the cluster has.",
        advice: "Repair the drift of its configuration; only a member that starts without data reads this line.",
        remedy: Some(Remedy::Configuration),
    },
    Known {
        phrase: "in the initial cluster configuration",
        cause: "The member's name does not stand in initial-cluster on this host.",
        advice: "Repair the drift of its configuration.",
        remedy: Some(Remedy::Configuration),
    },
    Known {
        phrase: "database space exceeded",
        cause: "The database reached its quota. The cluster takes no writes until space was freed and the alarm disarmed.",
        advice: "Compact, defragment each member, disarm the alarm; or raise the quota first.",
        remedy: Some(Remedy::Configuration),
    },
    Known {
        phrase: "high clock drift",
        cause: "The clocks of two hosts are more than a second apart. Elections do not need them equal, leases and logs \
                suffer.",
        advice: "Look at the clock offset of the hosts, and at their chrony or timesyncd.",
        remedy: Some(Remedy::Host),
    },
    Known {
        phrase: "crc mismatch",
        cause: "What the disk gives back is not what was written to it: the log or a snapshot of this member is damaged.",
        advice: "Look after the disk, then replace the member: it gets its data from the others.",
        remedy: Some(Remedy::ReplaceMember),
    },
    Known {
        phrase: "no space left on device",
        cause: "The disk that holds the data directory is full.",
        advice: "Free space on the host. etcd goes on by itself once it is started again.",
        remedy: Some(Remedy::Host),
    },
    Known {
        phrase: "not enough started members",
        cause: "The change would leave fewer started members than a majority needs, so etcd refused it.",
        advice: "Bring the members back that do not run, or replace them, before adding another one.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "etcdserver: unhealthy cluster",
        cause: "etcd refuses to change members until all voters have been connected for five seconds.",
        advice: "Wait a moment after a restart. If a voter stays down, remove or replace it first.",
        remedy: Some(Remedy::Members),
    },
    Known {
        phrase: "rejected connection",
        cause: "Somebody spoke to this port otherwise than it expects: plain text to a TLS port, a certificate that this \
                member does not trust, or a name that the certificate does not hold.",
        advice: "The fields name the address and the reason. Compare the schemes of the URLs and the certificates.",
        remedy: Some(Remedy::Configuration),
    },
    Known {
        phrase: "address already in use",
        cause: "Another process has one of etcd's ports.",
        advice: "The host's checks name it.",
        remedy: Some(Remedy::Host),
    },
    Known {
        phrase: "permission denied",
        cause: "etcd may not read or write one of its files, often because somebody worked in the data directory as root.",
        advice: "Repair the drift: owner and mode of the files are part of it.",
        remedy: Some(Remedy::Configuration),
    },
];

fn explain(raw: &str) -> Option<Explanation> {
    let known = KNOWN.iter().find(|known| raw.contains(known.phrase))?;
    Some(Explanation { cause: known.cause.to_owned(), advice: known.advice.to_owned(), remedy: known.remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_three_five_is_taken_apart() {
        let raw = r#"{"level":"warn","ts":"2026-11-25T08:00:00.123Z","caller":"wal/wal.go:805","msg":"slow fdatasync","took":"1.2s","expected-duration":"1s","why":"two words"}"#;
        let line = LogLine::read(raw, 6);
        assert_eq!((line.level, line.text.as_str()), (LineLevel::Warn, "slow fdatasync"));
        for pair in ["took=1.2s", "expected-duration=1s", "why=\"two words\""] {
            assert!(line.fields.contains(pair), "{}", line.fields);
        }
        assert!(!line.fields.contains("wal.go") && !line.fields.contains("2026"), "{}", line.fields);
        assert_eq!(line.explanation.expect("known").remedy, Some(Remedy::Host));
    }

    #[test]
    fn a_line_of_three_four_and_one_of_systemd_are_shown_as_they_are() {
        let old = LogLine::read("2026-11-25 08:00:00.123456 W | rafthttp: lost the TCP streaming connection", 6);
        assert_eq!((old.level, old.text.as_str()), (LineLevel::Warn, "rafthttp: lost the TCP streaming connection"));
        let systemd = LogLine::read("Started etcd.service - etcd.", 6);
        assert_eq!((systemd.level, systemd.text.as_str()), (LineLevel::Info, "Started etcd.service - etcd."));
        assert_eq!(LogLine::read("etcd.service: Failed with result 'exit-code'.", 4).level, LineLevel::Warn);
        assert_eq!((systemd.fields.as_str(), systemd.explanation), ("", None));
    }

    #[test]
    fn the_narrower_phrase_explains() {
        let dropped = explain("request sent was ignored by remote peer due to cluster ID mismatch").expect("known");
        let speaks = explain("request cluster ID mismatch").expect("known");
        assert_ne!(dropped.cause, speaks.cause);
        for (at, known) in KNOWN.iter().enumerate() {
            let first = KNOWN.iter().position(|k| known.phrase.contains(k.phrase));
            assert_eq!(first, Some(at), "{} is explained by an earlier one", known.phrase);
        }
    }

    #[test]
    fn what_is_long_is_cut_at_a_character() {
        let line = LogLine::read(&"ü".repeat(5000), 6);
        assert_eq!(line.text.chars().count(), LONGEST + 1);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_survived(raw in ".{0,200}", priority in 0u8..=255) {
            let _ = LogLine::read(&raw, priority);
        }
    }
}
