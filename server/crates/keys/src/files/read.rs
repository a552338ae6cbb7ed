//! Files of keys, read record by record. Invariants: a line or a document is never longer in memory than the caller says;
//! every error has the line it is about; a broken line does not hide those after it.

use super::{
    FileFormat, ImportError, Record,
    entry::{ETCDCTL_SHAPE, Entry, EtcdctlKv, SHAPE},
};
use crate::forms::{
    json::{self, Token},
    json_reason, yaml, yaml_reason,
};
use quorate_domain::keys::Key;
use serde::de::DeserializeOwned;
use std::{
    io::{BufRead, Read as _},
    ops::Range,
    vec,
};

/// The records of a file, in its order. After the error of a line come the records after it, where the format is one of
/// lines; other formats end with what makes them unreadable.
pub struct Records<R> {
    source: Source<R>,
    line: u64,
    given: u64,
}

impl<R> Records<R> {
    /// The line where the last record began, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What is wrong with a record of a document. Several can stand on one line, or one on several: its number tells which it is.
    fn wrong(&self, line: u64, why: &str) -> ImportError {
        ImportError { line, message: at_record(self.given, line, why) }
    }
}

/// `why`, with the record's number where its line does not tell which record it is.
pub fn at_record(number: u64, line: u64, why: &str) -> String {
    if number == line { why.to_owned() } else { format!("record {number}: {why}") }
}

enum Source<R> {
    Lines { input: R, line: u64, most: usize, simple: bool },
    Parts { text: String, parts: vec::IntoIter<(u64, Range<usize>)>, etcdctl: bool },
    Entries(vec::IntoIter<(u64, Entry<'static>)>),
    Broken(ImportError),
    Ended,
}

/// Reads a file. `most` bounds the bytes of one line for `Ndjson` and `EtcdctlSimple`, of the whole file for the others.
pub fn read<R: BufRead>(input: R, format: FileFormat, most: usize) -> Records<R> {
    let source = match format {
        FileFormat::Ndjson | FileFormat::EtcdctlSimple => {
            Ok(Source::Lines { input, line: 0, most, simple: format == FileFormat::EtcdctlSimple })
        }
        FileFormat::Json | FileFormat::Etcdctl => {
            document(input, most).and_then(|text| parts(text, format == FileFormat::Etcdctl))
        }
        FileFormat::Yaml => document(input, most).and_then(|text| entries(&text)),
    };
    Records { source: source.unwrap_or_else(Source::Broken), line: 0, given: 0 }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.given += 1;
        match &mut self.source {
            Source::Lines { input, line, most, simple } => {
                let next = if *simple { two_lines(input, line, *most) } else { one_line(input, line, *most) };
                // The value of a key stands on the line after it.
                self.line = *line - u64::from(*simple).min(*line);
                match next {
                    Next::Record(record) => Some(record),
                    Next::End => None,
                    Next::Broken(error) => {
                        self.source = Source::Ended;
                        Some(Err(error))
                    }
                }
            }
            Source::Parts { text, parts, etcdctl } => {
                let (line, place) = parts.next()?;
                self.line = line;
                let part = text.get(place).unwrap_or_default();
                let record = if *etcdctl { etcdctl_record(part, line) } else { json_record(part, line) };
                Some(record.map_err(|error| self.wrong(error.line, &error.message)))
            }
            Source::Entries(entries) => {
                let (line, entry) = entries.next()?;
                self.line = line;
                Some(entry.record().map_err(|why| self.wrong(line, &why)))
            }
            Source::Broken(_) => match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Broken(error) => Some(Err(error)),
                _ => None,
            },
            Source::Ended => None,
        }
    }
}

/// What comes next in a file of lines.
enum Next {
    /// A record, or a broken one after which others follow.
    Record(Result<Record, ImportError>),
    /// Nothing can be read any more.
    Broken(ImportError),
    /// Nothing.
    End,
}

fn one_line(input: &mut impl BufRead, line: &mut u64, most: usize) -> Next {
    loop {
        let bytes = match next_line(input, line, most) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Next::End,
            Err(error) => return Next::Broken(error),
        };
        let bytes = if *line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        return Next::Record(match std::str::from_utf8(bytes) {
            Ok(text) => json_record(text, *line),
            Err(_) => Err(ImportError { line: *line, message: "the line is no UTF-8 text".into() }),
        });
    }
}

fn two_lines(input: &mut impl BufRead, line: &mut u64, most: usize) -> Next {
    let key = match next_line(input, line, most) {
        Ok(Some(key)) => key,
        Ok(None) => return Next::End,
        Err(error) => return Next::Broken(error),
    };
    let at = *line;
    match next_line(input, line, most) {
        Ok(Some(value)) => Next::Record(Ok(Record { key: Key(key), value, ..Record::default() })),
        Ok(None) => Next::Broken(ImportError {
            line: at,
            message: "the file ends after a key; the line with its value is missing".into(),
        }),
        Err(error) => Next::Broken(error),
    }
}

/// The next line without its end, and its number.
fn next_line(input: &mut impl BufRead, line: &mut u64, most: usize) -> Result<Option<Vec<u8>>, ImportError> {
    let mut bytes = Vec::new();
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = input.take(room).read_until(b'\n', &mut bytes).map_err(|error| unreadable(*line + 1, &error))?;
    if read == 0 {
        return Ok(None);
    }
    *line += 1;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > most {
        return Err(ImportError { line: *line, message: format!("the line is longer than {most} bytes") });
    }
    Ok(Some(bytes))
}

fn document(input: impl BufRead, most: usize) -> Result<String, ImportError> {
    let mut bytes = Vec::new();
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    input.take(room).read_to_end(&mut bytes).map_err(|error| unreadable(1, &error))?;
    if bytes.len() > most {
        let message =
            format!("the file is larger than {most} bytes; NDJSON is read line by line and may be of any size");
        return Err(ImportError { line: 1, message });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ImportError { line: 1 + line_breaks(before), message: "the line is no UTF-8 text".into() }
    })
}

fn unreadable(line: u64, error: &std::io::Error) -> ImportError {
    ImportError { line, message: format!("the file could not be read on: {error}") }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// The records of a JSON document, unread.
fn parts<R>(text: String, etcdctl: bool) -> Result<Source<R>, ImportError> {
    json::parse(&text).map_err(|error| json_error(&error, 1, SHAPE))?;
    let opening = if etcdctl { '{' } else { '[' };
    if !text.trim_start().starts_with(opening) {
        let message = if etcdctl {
            "the file is not what “etcdctl get -w json” prints"
        } else {
            "the file is no list of records"
        };
        return Err(ImportError { line: 1, message: message.into() });
    }
    let parts = elements(&text, etcdctl.then_some("\"kvs\"")).into_iter();
    Ok(Source::Parts { text, parts, etcdctl })
}

/// Line and place of what the list at the root, or in a field of the root, holds.
fn elements(text: &str, field: Option<&str>) -> Vec<(u64, Range<usize>)> {
    let (mut found, mut depth, mut start, mut name) = (Vec::new(), 0usize, 0, "");
    let (mut inside, mut over) = (false, false);
    let level = if field.is_some() { 2 } else { 1 };
    let (mut line, mut counted) = (1, 0);
    for (token, place) in json::tokens(text) {
        let mut whole = None;
        match token {
            Token::Open('[') if !inside && !over && depth + 1 == level && field.is_none_or(|field| field == name) => {
                inside = true;
                depth += 1;
            }
            Token::Open(_) => {
                if inside && depth == level {
                    start = place.start;
                }
                depth += 1;
            }
            Token::Close(_) => {
                depth = depth.saturating_sub(1);
                if inside && depth == level {
                    whole = Some(start..place.end);
                }
                over |= inside && depth < level;
                inside &= depth >= level;
            }
            Token::Scalar(_) if inside && depth == level => whole = Some(place),
            Token::Scalar(scalar) if depth == 1 => name = scalar,
            Token::Scalar(_) | Token::Colon | Token::Comma => {}
        }
        if let Some(whole) = whole {
            line += line_breaks(&text.as_bytes()[counted..whole.start]);
            counted = whole.start;
            found.push((line, whole));
        }
    }
    found
}

fn json_record(text: &str, line: u64) -> Result<Record, ImportError> {
    json_as::<Entry<'static>>(text, line, SHAPE)?.record().map_err(|message| ImportError { line, message })
}

fn etcdctl_record(text: &str, line: u64) -> Result<Record, ImportError> {
    json_as::<EtcdctlKv>(text, line, ETCDCTL_SHAPE)?.record().map_err(|message| ImportError { line, message })
}

fn json_as<T: DeserializeOwned>(text: &str, line: u64, shape: &str) -> Result<T, ImportError> {
    serde_json::from_str(text).map_err(|error| json_error(&error, line, shape))
}

/// What serde says of a wrong type repeats the value, so the shape is told instead.
fn json_error(error: &serde_json::Error, first: u64, shape: &str) -> ImportError {
    let line = first + u64::try_from(error.line().saturating_sub(1)).unwrap_or_default();
    let message =
        if error.is_data() { shape.to_owned() } else { format!("column {}: {}", error.column(), json_reason(error)) };
    ImportError { line, message }
}

/// The records of a YAML document.
fn entries<R>(text: &str) -> Result<Source<R>, ImportError> {
    if text.trim().is_empty() {
        return Ok(Source::Ended);
    }
    let at =
        |error: &yaml_serde::Error| error.location().and_then(|place| u64::try_from(place.line()).ok()).unwrap_or(1);
    yaml::parse(text, text.len()).map_err(|error| ImportError { line: at(&error), message: yaml_reason(&error) })?;
    let entries: Vec<Entry<'static>> =
        yaml_serde::from_str(text).map_err(|error| ImportError { line: at(&error), message: SHAPE.into() })?;
    let lines = item_lines(text).chain(std::iter::repeat(1));
    Ok(Source::Entries(lines.zip(entries).collect::<Vec<_>>().into_iter()))
}

/// The lines where the items of a list begin: those with a dash as far left as the first one; what belongs to an item
/// stands further right.
fn item_lines(text: &str) -> impl Iterator<Item = u64> {
    let dash = |line: &str| {
        let rest = line.trim_start_matches(' ');
        (rest == "-" || rest.starts_with("- ")).then(|| line.len() - rest.len())
    };
    let first = text.lines().find_map(dash);
    text.lines()
        .zip(1..)
        .filter_map(move |(line, number)| (dash(line) == first).then_some(number))
        .filter(move |_| first.is_some())
}
