//! What becomes of a record that is imported. Invariant: pure; the preview, the plan and the operation itself ask here, so that
//! what was shown is what is done. A key that has its value already is left alone, so doing it twice does it once.

use crate::files::{EtcdctlHeader, ExportError, FileFormat, ImportError, Record, Writer, read};
use quorate_domain::keys::{ImportMode, ImportWhat, KEY_MAX, Key, VALUE_MAX};
use quorate_etcd::{EtcdError, MemberClient, Pair, stride::less};
use std::{collections::BTreeMap, io::Cursor, time::Duration};

/// The most keys of one transaction; etcd takes 128 (`--max-txn-ops`).
pub const BATCH_KEYS: usize = 100;
/// The most bytes of one transaction but for a single large key; etcd takes 1.5 MiB (`--max-request-bytes`).
pub const BATCH_BYTES: usize = 1 << 20;
/// A part of a kept file ends with the line that brings it to this many bytes.
const PART_BYTES: usize = 1 << 20;
/// A line of NDJSON may be this long: the largest value of etcd is 2 MiB as base64, and six times as much as escaped text.
pub const LINE_MAX: usize = 16 << 20;

/// Cuts records into batches that fit into one transaction each.
pub fn batches(records: Vec<Record>) -> Vec<Vec<Record>> {
    let (mut done, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let size = record.key.0.len() + record.value.len();
        if batch.len() == BATCH_KEYS || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            done.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(record);
    }
    if !batch.is_empty() {
        done.push(batch);
    }
    done
}

/// The records of a part of a kept file.
///
/// # Errors
/// It is not what [`PartWriter`] made.
pub fn records_of(part: &str) -> Result<Vec<Record>, ImportError> {
    read(Cursor::new(part.as_bytes()), FileFormat::Ndjson, usize::MAX).collect()
}

/// Writes records as parts of a kept file: whole lines of NDJSON.
pub struct PartWriter {
    writer: Writer<Vec<u8>>,
    bytes: u64,
}

impl PartWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// None that memory can have.
    pub fn new() -> Result<Self, ExportError> {
        Ok(Self { writer: Writer::new(Vec::new(), FileFormat::Ndjson, EtcdctlHeader::default())?, bytes: 0 })
    }

    /// Adds a record; a part, when it is full.
    ///
    /// # Errors
    /// None that memory can have.
    pub fn record(&mut self, record: &Record) -> Result<Option<String>, ExportError> {
        self.writer.record(record)?;
        Ok((self.writer.out().len() >= PART_BYTES).then(|| self.part()))
    }

    /// The last part; none when it would be empty.
    pub fn rest(&mut self) -> Option<String> {
        (!self.writer.out().is_empty()).then(|| self.part())
    }

    /// Bytes of all parts that were taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records that were written.
    pub fn keys(&self) -> u64 {
        self.writer.written()
    }

    fn part(&mut self) -> String {
        let part = std::mem::take(self.writer.out());
        self.bytes += part.len() as u64;
        String::from_utf8_lossy(&part).into_owned()
    }
}

/// What a cluster has under the keys of some records, at one moment unless the answer would be too large.
///
/// # Errors
/// [`EtcdError`].
pub async fn found(
    client: &MemberClient,
    records: &[Record],
    deadline: Duration,
) -> Result<BTreeMap<Vec<u8>, Pair>, EtcdError> {
    let keys: Vec<&[u8]> = records.iter().map(|record| record.key.as_bytes()).collect();
    let mut found = BTreeMap::new();
    let mut each = keys.len().max(1);
    let mut at = 0;
    while at < keys.len() {
        let some = &keys[at..(at + each).min(keys.len())];
        match client.each(some, deadline).await {
            Ok(pairs) => {
                found.extend(pairs.into_iter().map(|pair| (pair.key.clone(), pair)));
                at += some.len();
            }
            Err(error) => each = less(each, &error).ok_or(error)?,
        }
    }
    Ok(found)
}

/// What an import in `mode` does with `record`, where `there` is what the cluster has under its key. What changed after
/// `revision` stays as it is.
pub fn decide(mode: ImportMode, record: &Record, there: Option<&Pair>, revision: Option<u64>) -> ImportWhat {
    let Some(there) = there else { return ImportWhat::Add };
    if there.value == record.value {
        return ImportWhat::Same;
    }
    let seen = u64::try_from(there.mod_revision).unwrap_or_default();
    let replaced = match mode {
        ImportMode::Skip => false,
        ImportMode::Overwrite => true,
        ImportMode::OnlyIfUnchanged => record.mod_revision.is_some_and(|known| known.0 == seen),
    };
    if replaced && revision.is_none_or(|revision| seen <= revision) { ImportWhat::Change } else { ImportWhat::Skip }
}

/// The record of a key as it is copied: with another beginning, and then without lease and revisions, which mean nothing
/// elsewhere.
pub fn renamed(pair: Pair, prefix: &Key, to: Option<&Key>) -> Record {
    let record = Record::from(pair);
    match to {
        None => record,
        Some(to) => {
            let rest = record.key.0.get(prefix.0.len()..).unwrap_or_default();
            Record { key: Key([to.as_bytes(), rest].concat()), value: record.value, ..Record::default() }
        }
    }
}

/// Why a record cannot be written to any cluster; none if it can.
pub fn unfit(record: &Record) -> Option<String> {
    if record.key.is_empty() {
        return Some("the key is empty; etcd knows no empty one".into());
    }
    if record.key.0.len() > KEY_MAX {
        return Some(format!("the key has {} bytes; {KEY_MAX} is the most", record.key.0.len()));
    }
    (record.key.0.len() + record.value.len() > VALUE_MAX).then(|| {
        let bytes = record.value.len();
        format!("the value has {bytes} bytes; etcd takes {VALUE_MAX} unless --max-request-bytes says otherwise")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::wide::Wide;

    fn record(value: &str, mod_revision: Option<u64>) -> Record {
        let mod_revision = mod_revision.map(Wide);
        Record { key: Key::raw("a"), value: value.into(), mod_revision, ..Record::default() }
    }

    fn there(value: &str, mod_revision: i64) -> Pair {
        Pair { key: b"a".to_vec(), value: value.into(), mod_revision, ..Pair::default() }
    }

    #[test]
    fn each_mode_does_what_it_says_with_a_key_that_is_there() {
        use ImportMode::{OnlyIfUnchanged, Overwrite, Skip};
        let what = |mode, known| decide(mode, &record("new", known), Some(&there("old", 5)), None);
        assert_eq!(what(Skip, Some(5)), ImportWhat::Skip);
        assert_eq!(what(Overwrite, None), ImportWhat::Change);
        assert_eq!(what(OnlyIfUnchanged, Some(5)), ImportWhat::Change);
        assert_eq!(what(OnlyIfUnchanged, Some(4)), ImportWhat::Skip);
        assert_eq!(what(OnlyIfUnchanged, None), ImportWhat::Skip, "a file without revisions says nothing of it");
        for mode in ImportMode::ALL {
            assert_eq!(decide(mode, &record("new", None), None, Some(1)), ImportWhat::Add);
            assert_eq!(decide(mode, &record("old", None), Some(&there("old", 5)), Some(1)), ImportWhat::Same);
        }
    }

    #[test]
    fn what_somebody_wrote_after_the_review_stays() {
        let what =
            |revision| decide(ImportMode::Overwrite, &record("new", None), Some(&there("old", 5)), Some(revision));
        assert_eq!((what(5), what(4)), (ImportWhat::Change, ImportWhat::Skip));
    }

    #[test]
    fn a_batch_fits_into_a_transaction_and_no_record_is_lost() {
        let many: Vec<Record> = (0..250).map(|_| record("x", None)).collect();
        assert_eq!(batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        let large = || Record { value: vec![0; BATCH_BYTES], ..record("", None) };
        let sizes: Vec<usize> =
            batches(vec![record("x", None), large(), large(), record("x", None)]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 1, 1, 1]);
        assert!(batches(Vec::new()).is_empty());
    }

    #[test]
    fn parts_are_whole_lines_that_give_the_records_back() {
        let records: Vec<Record> = (0u8..5)
            .map(|n| Record { key: Key(vec![b'/', n, 0xff]), value: vec![n; 600 << 10], ..Record::default() })
            .collect();
        let mut writer = PartWriter::new().expect("memory");
        let mut parts: Vec<String> =
            records.iter().filter_map(|record| writer.record(record).expect("memory")).collect();
        parts.extend(writer.rest());
        assert!(parts.len() > 1 && writer.rest().is_none());
        assert_eq!((writer.keys(), writer.bytes()), (5, parts.iter().map(|part| part.len() as u64).sum()));
        let back: Vec<Record> = parts.iter().flat_map(|part| records_of(part).expect("readable")).collect();
        assert!(back == records);
    }

    #[test]
    fn a_part_keeps_the_line_where_a_record_stood() {
        let mut writer = PartWriter::new().expect("memory");
        let record = Record { line: Some(Wide(17)), ..record("x", None) };
        assert!(writer.record(&record).expect("memory").is_none());
        let part = writer.rest().expect("a part");
        assert!(records_of(&part).expect("readable") == [record]);
    }

    #[test]
    fn a_copy_has_another_beginning_and_no_lease_or_revision_of_where_it_came_from() {
        let pair = || Pair { key: b"/a/x".to_vec(), lease: 9, ..there("v", 7) };
        let copy = renamed(pair(), &Key::raw("/a/"), Some(&Key::raw("/b/c/")));
        assert!(copy == Record { key: Key::raw("/b/c/x"), value: b"v".to_vec(), ..Record::default() });
        assert!(renamed(pair(), &Key::raw("/a/"), None) == Record::from(pair()));
    }

    #[test]
    fn what_etcd_would_refuse_is_told_without_the_value() {
        assert_eq!(unfit(&record("x", None)), None);
        assert!(unfit(&Record::default()).is_some_and(|why| why.contains("empty")));
        let large = Record { value: vec![b'x'; VALUE_MAX], ..record("", None) };
        assert!(unfit(&large).is_some_and(|why| why.contains("max-request-bytes") && !why.contains("xxx")));
    }
}
