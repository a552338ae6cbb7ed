//! Reading a message of the stream. Invariant: the same as serde's reading of `LiveMessage` (a test holds them equal);
//! by hand, because serde's reader of tagged enums buffers, which compiles the reader of every type inside once more.

use crate::json;
use quorate_domain::live::LiveMessage;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The message in `text`; none when this page does not know it.
pub(super) fn parse(text: &str) -> Option<LiveMessage> {
    let mut value = json::value(text)?;
    let kind = value.get("type")?.as_str()?.to_owned();
    let value = &mut value;
    Some(match kind.as_str() {
        "hello" => LiveMessage::Hello { version: part(value, "version")? },
        "cluster" => LiveMessage::Cluster { view: Box::new(part(value, "view")?) },
        "cluster_gone" => LiveMessage::ClusterGone { cluster: part(value, "cluster")? },
        "cluster_event" => LiveMessage::ClusterEvent { event: part(value, "event")? },
        "operation" => LiveMessage::Operation {
            summary: part(value, "summary")?,
            steps: part(value, "steps")?,
            entry: part(value, "entry")?,
        },
        "output" => LiveMessage::Output { operation: part(value, "operation")?, lines: part(value, "lines")? },
        "journal" => LiveMessage::Journal { cluster: part(value, "cluster")?, journal: part(value, "journal")? },
        "keys" => LiveMessage::Keys { cluster: part(value, "cluster")?, news: part(value, "news")? },
        "host_changed" => LiveMessage::HostChanged { host: part(value, "host")? },
        "snapshot" => LiveMessage::Snapshot { snapshot: Box::new(part(value, "snapshot")?) },
        "snapshot_gone" => LiveMessage::SnapshotGone { snapshot: part(value, "snapshot")? },
        "goodbye" => LiveMessage::Goodbye { reason: part(value, "reason")? },
        _ => return None,
    })
}

fn part<T: DeserializeOwned>(value: &mut Value, name: &str) -> Option<T> {
    json::read(value.get_mut(name).map(Value::take).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use quorate_domain::{
        ClusterId, HostId, OperationId, SnapshotId, Timestamp,
        cluster::{ClusterEvent, ClusterEventKind},
        keys::{Key, KeyChange, KeyMeta, KeyNews},
        operation::{LogEntry, LogKind, OutputLine, StepState},
        wide::Wide,
    };

    fn news() -> KeyNews {
        let (create_revision, mod_revision, version) = (Wide(2), Wide(u64::MAX), Wide(3));
        let meta =
            KeyMeta { create_revision, mod_revision, version, lease: None, size: Some(Wide(1)), changed_at: None };
        let change = KeyChange {
            key: Key(b"/a/\0\xff".to_vec()),
            revision: mod_revision,
            deleted: false,
            meta,
            text: "1".into(),
            before: None,
        };
        let (missed, problem) = ("3 changes came at once".into(), String::new());
        KeyNews { prefix: Key::raw("/a/"), changes: vec![change], revision: mod_revision, missed, problem }
    }

    fn every_message() -> Vec<LiveMessage> {
        let (cluster, operation) = (ClusterId::from_random([1; 10]), OperationId::from_random([2; 10]));
        let entry = LogEntry { seq: 1, at: Timestamp(5), step: 0, kind: LogKind::Started, detail: String::new() };
        let event = |cluster| ClusterEvent {
            seq: 3,
            cluster,
            at: Timestamp(5),
            kind: ClusterEventKind::LeaderChanged,
            text: "lab2 leads".into(),
        };
        let line = OutputLine { seq: 9, at: Timestamp(5), step: 1, host: "lab1".into(), text: "active".into() };
        let moved = |entry| LiveMessage::Operation {
            summary: sample::operation(1),
            steps: vec![StepState::Done, StepState::Running],
            entry,
        };
        vec![
            LiveMessage::Hello { version: "0.1.0".into() },
            LiveMessage::Cluster { view: Box::new(sample::view("demo", 3, 2)) },
            LiveMessage::ClusterGone { cluster: cluster.clone() },
            LiveMessage::ClusterEvent { event: event(cluster) },
            moved(Some(entry)),
            moved(None),
            LiveMessage::Output { operation, lines: vec![line] },
            LiveMessage::Journal { cluster: ClusterId::from_random([1; 10]), journal: sample::journal("lab1", &[5]) },
            LiveMessage::Keys { cluster: ClusterId::from_random([1; 10]), news: news() },
            LiveMessage::HostChanged { host: HostId::from_random([3; 10]) },
            LiveMessage::Snapshot { snapshot: Box::new(sample::snapshot()) },
            LiveMessage::SnapshotGone { snapshot: SnapshotId::from_random([4; 10]) },
            LiveMessage::Goodbye { reason: "logged out".into() },
        ]
    }

    #[test]
    fn every_message_is_listened_for() {
        for message in every_message() {
            let value = serde_json::to_value(&message).expect("json");
            let name = value["type"].as_str().expect("a name");
            assert!(crate::live::stream::EVENTS.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_message_reads_as_serde_reads_it() {
        for message in every_message() {
            let text = serde_json::to_string(&message).expect("json");
            assert_eq!(parse(&text).as_ref(), Some(&message), "{text}");
            assert_eq!(serde_json::from_str::<LiveMessage>(&text).expect("serde"), message);
        }
        assert_eq!(parse("{\"type\":\"from_the_future\"}"), None);
        assert_eq!(parse("nonsense"), None);
    }
}
