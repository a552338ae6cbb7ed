//! Files of keys, written record by record. Invariant: what was written before is never gone back to, so that a file can be
//! as large as a cluster.

use super::{
    FileFormat, Record,
    entry::{Entry, EtcdctlKv},
};
use quorate_domain::keys::Key;
use serde::Serialize;
use std::io::{self, Write};

/// What etcdctl writes before the keys. Ids and numbers as etcd has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EtcdctlHeader {
    /// The cluster's id.
    pub cluster_id: u64,
    /// The id of the member that answered.
    pub member_id: u64,
    /// The revision that the file shows.
    pub revision: u64,
    /// The term of raft.
    pub raft_term: u64,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Where it is written to refuses.
    #[error("the file could not be written: {0}")]
    Io(#[from] io::Error),
    /// The key, or its value, has a line break, which `etcdctl-simple` cannot tell from the end of a line.
    #[error("{0} or its value has a line break; choose another format than etcdctl-simple")]
    LineBreak(Key),
}

/// Writes a file of keys.
pub struct Writer<W> {
    out: W,
    format: FileFormat,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file; `header` is of use to etcdctl's format alone.
    ///
    /// # Errors
    /// `out` refuses.
    pub fn new(mut out: W, format: FileFormat, header: EtcdctlHeader) -> Result<Self, ExportError> {
        if format == FileFormat::Etcdctl {
            let header = serde_json::to_string(&header).map_err(io::Error::from)?;
            write!(out, "{{\"header\":{header},\"kvs\":[")?;
        }
        Ok(Self { out, format, written: 0 })
    }

    /// Where it is written to: whoever sends it on takes from here what is there so far.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// How many records were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes one more record.
    ///
    /// # Errors
    /// `out` refuses, or the format cannot hold the record.
    pub fn record(&mut self, record: &Record) -> Result<(), ExportError> {
        let between: &[u8] = match (self.format, self.written) {
            (FileFormat::Json, 0) => b"[\n",
            (FileFormat::Json, _) => b",\n",
            (FileFormat::Etcdctl, 1..) => b",",
            _ => b"",
        };
        self.out.write_all(between)?;
        match self.format {
            FileFormat::Ndjson => {
                self.json(&Entry::of(record, |_| true))?;
                self.out.write_all(b"\n")?;
            }
            FileFormat::Json => self.json(&Entry::of(record, |_| true))?,
            FileFormat::Etcdctl => self.json(&EtcdctlKv::of(record))?,
            // Lists of one, one after the other, are one list.
            FileFormat::Yaml => {
                let list = yaml_serde::to_string(&[Entry::of(record, plain_in_yaml)]).map_err(io::Error::other)?;
                self.out.write_all(list.as_bytes())?;
            }
            FileFormat::EtcdctlSimple => {
                if record.key.as_bytes().contains(&b'\n') || record.value.contains(&b'\n') {
                    return Err(ExportError::LineBreak(record.key.clone()));
                }
                for line in [record.key.as_bytes(), &record.value] {
                    self.out.write_all(line)?;
                    self.out.write_all(b"\n")?;
                }
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Ends the file and gives back where it went.
    ///
    /// # Errors
    /// `out` refuses.
    pub fn finish(mut self) -> Result<W, ExportError> {
        match (self.format, self.written) {
            (FileFormat::Json | FileFormat::Yaml, 0) => self.out.write_all(b"[]\n")?,
            (FileFormat::Json, _) => self.out.write_all(b"\n]\n")?,
            (FileFormat::Etcdctl, written) => writeln!(self.out, "],\"count\":{written}}}")?,
            _ => {}
        }
        self.out.flush()?;
        Ok(self.out)
    }

    fn json(&mut self, entry: &impl Serialize) -> Result<(), ExportError> {
        serde_json::to_writer(&mut self.out, entry).map_err(io::Error::from)?;
        Ok(())
    }
}

/// Whether a text comes back from YAML as it went in: its readers may take any of these as, or make any of these, a line
/// break, and refuse other controls.
fn plain_in_yaml(text: &str) -> bool {
    let changed =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    !text.contains(changed)
}
