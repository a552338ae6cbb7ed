use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const MOST: usize = 1 << 20;

fn written(records: &[Record], format: FileFormat) -> Result<Vec<u8>, ExportError> {
    let header = EtcdctlHeader { cluster_id: 1, member_id: 2, revision: 3, raft_term: 4 };
    let mut writer = Writer::new(Vec::new(), format, header)?;
    records.iter().try_for_each(|record| writer.record(record))?;
    writer.finish()
}

fn results(file: &[u8], format: FileFormat) -> Vec<Result<Record, ImportError>> {
    read(Cursor::new(file), format, MOST).collect()
}

fn problems(file: &str, format: FileFormat) -> Vec<String> {
    results(file.as_bytes(), format)
        .into_iter()
        .filter_map(|result| result.err().map(|error| error.to_string()))
        .collect()
}

fn record(key: &[u8], value: &[u8]) -> Record {
    Record { key: Key(key.to_vec()), value: value.to_vec(), ..Record::default() }
}

fn text_of(records: &[Record], format: FileFormat) -> String {
    String::from_utf8(written(records, format).expect("it can be written")).expect("text")
}

#[test]
fn files_look_as_documented() {
    let mut first = record(b"/a\n", b"text");
    first.lease = Some(LeaseId(0x694d));
    first.mod_revision = Some(Wide(7));
    let records = [first, record(b"/b", b"\xff")];
    let lines = "{\"key\":\"/a\\\\x0a\",\"value\":\"text\",\"lease\":\"694d\",\"mod_revision\":\"7\"}\n\
                 {\"key\":\"/b\",\"value_base64\":\"/w==\"}\n";
    assert_eq!(text_of(&records, FileFormat::Ndjson), lines);
    let etcdctl = "{\"header\":{\"cluster_id\":1,\"member_id\":2,\"revision\":3,\"raft_term\":4},\"kvs\":[\
                   {\"key\":\"L2EK\",\"create_revision\":0,\"mod_revision\":7,\"version\":0,\"value\":\"dGV4dA==\",\"lease\":26957},\
                   {\"key\":\"L2I=\",\"create_revision\":0,\"mod_revision\":0,\"version\":0,\"value\":\"/w==\"}],\"count\":2}\n";
    assert_eq!(text_of(&records, FileFormat::Etcdctl), etcdctl);
    assert_eq!(text_of(&records[1..], FileFormat::Yaml), "- key: /b\n  value_base64: /w==\n");
}

#[test]
fn what_etcdctl_prints_can_be_read() {
    let printed = r#"{"header":{"cluster_id":14841639068965178418,"member_id":10276657743932975437,"revision":5,"raft_term":2},
        "kvs":[{"key":"Zm9v","create_revision":2,"mod_revision":4,"version":3,"value":"YmFy","lease":7587862094713029}],"count":1}"#;
    let read = results(printed.as_bytes(), FileFormat::Etcdctl);
    let expected = Record {
        lease: Some(LeaseId(7_587_862_094_713_029)),
        create_revision: Some(Wide(2)),
        mod_revision: Some(Wide(4)),
        version: Some(Wide(3)),
        ..record(b"foo", b"bar")
    };
    assert!(read == [Ok(expected)]);
    let nothing = results(br#"{"header":{"revision":5}}"#, FileFormat::Etcdctl);
    assert!(nothing.is_empty());
    assert!(
        results(b"foo\nbar\n/x\n\n", FileFormat::EtcdctlSimple) == [Ok(record(b"foo", b"bar")), Ok(record(b"/x", b""))]
    );
}

#[test]
fn a_broken_line_17_is_named_and_the_lines_after_it_are_read() {
    let lines: Vec<String> = (1..=20).map(|n| format!("{{\"key\":\"/{n}\",\"value\":\"secret\"}}")).collect();
    for (broken, why) in [
        ("{\"key\":\"/17\",\"value\":\"secret\"", "Line 17: column 29: it ends inside of an object"),
        ("{\"key\":\"\\\\q\",\"value\":\"secret\"}", "Line 17: the key is not written as keys are: "),
        ("{\"key\":\"/17\",\"value_base64\":\"!\"}", "Line 17: the value is no base64"),
        ("{\"key\":\"/17\"}", "Line 17: the record has neither"),
        ("{\"key\":17,\"value\":\"secret\"}", "Line 17: a record has “key”"),
        ("secret", "Line 17: column 1: "),
    ] {
        let mut lines = lines.clone();
        lines[16] = broken.into();
        let file = lines.join("\n");
        let said = problems(&file, FileFormat::Ndjson);
        assert!(said.len() == 1 && said[0].starts_with(why) && !said[0].contains("secret"), "{said:?}");
        assert_eq!(results(file.as_bytes(), FileFormat::Ndjson).iter().filter(|result| result.is_ok()).count(), 19);
    }
}

#[test]
fn a_broken_line_17_of_a_document_is_named() {
    let json: Vec<String> = (2..=20).map(|n| format!("{{\"key\":\"/{n}\",\"value\":\"secret\"}}")).collect();
    let file = |lines: &[String]| format!("[\n{}\n]\n", lines.join(",\n"));
    for broken in ["{\"key\":\"/17\" \"value\":\"secret\"}", "{\"key\":\"/17\"}", "{\"key\":\"/17\",\"value\":1}", "5"]
    {
        let mut lines = json.clone();
        lines[15] = broken.into();
        let said = problems(&file(&lines), FileFormat::Json);
        assert!(said.len() == 1 && said[0].starts_with("Line 17: ") && !said[0].contains("secret"), "{said:?}");
    }
    let yaml = |seventeenth: &str| {
        let before: String = (1..=8).map(|n| format!("- key: /{n}\n  value: secret\n")).collect();
        format!("{before}{seventeenth}\n- key: /z\n  value: secret\n")
    };
    assert!(problems(&yaml("- key: /17\n  value: ok"), FileFormat::Yaml).is_empty());
    for broken in [
        "- key: a: b\n  value: secret",
        "- {key: /17}",
        "- {key: /17, value_base64: '!'}",
        "- {key: [17], value: secret}",
    ] {
        let said = problems(&yaml(broken), FileFormat::Yaml);
        assert!(said.len() == 1 && said[0].starts_with("Line 17: ") && !said[0].contains("secret"), "{said:?}");
    }
}

#[test]
fn each_record_knows_the_line_where_it_began() {
    let lines = |file: &str, format| {
        let mut records = read(Cursor::new(file.as_bytes()), format, MOST);
        let mut lines = Vec::new();
        while records.next().is_some() {
            lines.push(records.line());
        }
        lines
    };
    let one = "{\"key\":\"/a\",\"value\":\"b\"}";
    assert_eq!(lines(&format!("{one}\n\n{one}\n"), FileFormat::Ndjson), [1, 3]);
    let json = format!("[\n  {{\n    \"key\": \"/a\",\n    \"value\": \"b\"\n  }},\n  {one}, {one}\n]");
    assert_eq!(lines(&json, FileFormat::Json), [2, 6, 6]);
    assert_eq!(lines("# made by hand\n- key: /a\n  value: x\n\n- key: /b\n  value: y\n", FileFormat::Yaml), [2, 5]);
    assert_eq!(lines("/a\n1\n/b\n2\n", FileFormat::EtcdctlSimple), [1, 3]);
    assert_eq!(lines(r#"{"kvs":[{"key":"YQ=="},{"key":"Yg=="}]}"#, FileFormat::Etcdctl), [1, 1]);
}

#[test]
fn where_a_line_has_many_records_the_message_counts_them() {
    let one = "{\"key\":\"/a\",\"value\":\"secret\"}";
    let said = problems(&format!("[{one},{one},{{\"key\":\"/a\"}},{one}]"), FileFormat::Json);
    assert_eq!(said, ["Line 1: record 3: the record has neither “value” nor “value_base64”"]);
}

#[test]
fn files_that_are_too_large_or_of_another_kind_are_refused() {
    let message = |file: &[u8], format, most| {
        read(Cursor::new(file), format, most)
            .next()
            .and_then(Result::err)
            .map(|error| error.message)
            .unwrap_or_default()
    };
    assert!(message(b"[                ]", FileFormat::Json, 10).contains("larger than 10 bytes"));
    assert!(message(b"{                }", FileFormat::Ndjson, 10).contains("longer than 10 bytes"));
    assert!(message(b"{}", FileFormat::Json, 10).contains("no list of records"));
    assert!(message(b"[]", FileFormat::Etcdctl, 10).contains("etcdctl get -w json"));
    assert!(message(b"only a key\n", FileFormat::EtcdctlSimple, 100).contains("the line with its value is missing"));
    assert!(message(b"[\n\"\xff\"]", FileFormat::Json, 100).contains("no UTF-8"));
}

#[test]
fn a_line_break_does_not_fit_into_lines_of_etcdctl() {
    let refused = written(&[record(b"/a", b"1\n2")], FileFormat::EtcdctlSimple);
    assert!(matches!(refused, Err(ExportError::LineBreak(key)) if key == Key::raw("/a")));
}

#[test]
fn formats_are_told_by_their_beginning() {
    let records = [record(b"/service/a", b"1"), record(b"/service/b", b"2")];
    for format in FileFormat::ALL {
        assert_eq!(detect(&written(&records, format).expect("written")), format);
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    assert_eq!(detect(b"# comment\n- key: a"), FileFormat::Yaml);
    assert_eq!(detect(b""), FileFormat::Ndjson);
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![any::<String>(), "[ \n\t:#'\"|>&*!%@`~0-9a-]{0,12}".prop_map(String::from)];
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..20), text.prop_map(String::into_bytes)]
}

fn any_record() -> impl Strategy<Value = NoDebug> {
    let number = || proptest::option::of(1..=u64::MAX);
    (any_bytes(), any_bytes(), number(), number()).prop_map(|(key, value, lease, number)| {
        NoDebug(Record {
            lease: lease.map(LeaseId),
            mod_revision: number.map(Wide),
            version: number.map(Wide),
            ..record(&key, &value)
        })
    })
}

proptest! {
    #[test]
    fn no_byte_is_lost_on_the_way(records in proptest::collection::vec(any_record(), 0..5)) {
        let records: Vec<Record> = records.into_iter().map(|record| record.0).collect();
        for format in [FileFormat::Ndjson, FileFormat::Json, FileFormat::Yaml, FileFormat::Etcdctl] {
            let file = written(&records, format).expect("it can be written");
            let back = results(&file, format);
            prop_assert!(back.iter().map(|result| result.as_ref().ok()).eq(records.iter().map(Some)), "{}", String::from_utf8_lossy(&file));
        }
    }

    #[test]
    fn no_file_is_too_strange_to_be_read(file in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a-z \n-]{0,80}") {
        for file in [file.as_slice(), text.as_bytes()] {
            detect(file);
            for format in FileFormat::ALL {
                prop_assert!(read(Cursor::new(file), format, 100).count() <= file.len() + 1);
            }
        }
    }
}

/// Lets proptest hold a record, which has no `Debug` of its own.
#[derive(Clone)]
struct NoDebug(Record);

impl std::fmt::Debug for NoDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} and {} bytes", self.0.key, self.0.value.len())
    }
}
