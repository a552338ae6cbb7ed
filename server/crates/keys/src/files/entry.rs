//! One record as it stands in a file. Invariant: text where it comes back as it is, base64 where it would not.

use super::Record;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_domain::{ids::LeaseId, keys::Key, wide::Wide};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, str::FromStr};

/// What a record has to look like.
pub(super) const SHAPE: &str = "a record has “key” and “value” (or “value_base64”), and may have “lease”, \
    “create_revision”, “mod_revision” and “version”; all of them are strings";

/// A record of the console's own formats.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry<'a> {
    key: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_base64: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    create_revision: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mod_revision: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    /// Of a record; values that `plain` refuses go as base64.
    pub(super) fn of(record: &'a Record, plain: fn(&str) -> bool) -> Self {
        let text = std::str::from_utf8(&record.value).ok().filter(|text| plain(text));
        let number = |wide: Option<Wide>| wide.map(|wide| Cow::Owned(wide.to_string()));
        Self {
            key: Cow::Owned(record.key.to_string()),
            value: text.map(Cow::Borrowed),
            value_base64: text.is_none().then(|| Cow::Owned(STANDARD.encode(&record.value))),
            lease: record.lease.map(|lease| Cow::Owned(lease.to_string())),
            create_revision: number(record.create_revision),
            mod_revision: number(record.mod_revision),
            version: number(record.version),
            line: number(record.line),
        }
    }

    /// The record, or what is wrong with it.
    pub(super) fn record(self) -> Result<Record, String> {
        let key = Key::from_str(&self.key).map_err(|bad| format!("the key is not written as keys are: {bad}"))?;
        let value = match (self.value, self.value_base64) {
            (Some(value), None) => value.into_owned().into_bytes(),
            (None, Some(coded)) => STANDARD.decode(coded.as_bytes()).map_err(|_| no_base64("value"))?,
            (None, None) => return Err("the record has neither “value” nor “value_base64”".into()),
            (Some(_), Some(_)) => return Err("the record has both “value” and “value_base64”; leave one out".into()),
        };
        let number = |text: Option<Cow<'_, str>>, name: &str| match text {
            None => Ok(None),
            Some(text) => text.parse().map(|number| Some(Wide(number))).map_err(|_| format!("“{name}” is no number")),
        };
        Ok(Record {
            key,
            value,
            lease: self.lease.map(|lease| lease.parse()).transpose().map_err(|_| no_lease())?.and_then(no_zero),
            create_revision: number(self.create_revision, "create_revision")?,
            mod_revision: number(self.mod_revision, "mod_revision")?,
            version: number(self.version, "version")?,
            line: number(self.line, "line")?,
        })
    }
}

/// A record as etcdctl writes it: protobuf's JSON, where zeroes and empty values are left out.
#[derive(Serialize, Deserialize)]
pub(super) struct EtcdctlKv {
    key: String,
    #[serde(default)]
    create_revision: u64,
    #[serde(default)]
    mod_revision: u64,
    #[serde(default)]
    version: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    lease: i64,
}

/// What a record of etcdctl has to look like.
pub(super) const ETCDCTL_SHAPE: &str =
    "a record of etcdctl has “key” and “value” in base64, and revisions, version and lease as numbers";

impl EtcdctlKv {
    /// Of a record; what is not known of it is 0.
    pub(super) fn of(record: &Record) -> Self {
        let number = |wide: Option<Wide>| wide.unwrap_or_default().0;
        Self {
            key: STANDARD.encode(record.key.as_bytes()),
            create_revision: number(record.create_revision),
            mod_revision: number(record.mod_revision),
            version: number(record.version),
            value: STANDARD.encode(&record.value),
            lease: record.lease.unwrap_or_default().0.cast_signed(),
        }
    }

    /// The record, or what is wrong with it.
    pub(super) fn record(self) -> Result<Record, String> {
        let known = |number: u64| (number > 0).then_some(Wide(number));
        Ok(Record {
            key: Key(STANDARD.decode(self.key).map_err(|_| no_base64("key"))?),
            value: STANDARD.decode(self.value).map_err(|_| no_base64("value"))?,
            lease: no_zero(LeaseId(self.lease.cast_unsigned())),
            create_revision: known(self.create_revision),
            mod_revision: known(self.mod_revision),
            version: known(self.version),
            line: None,
        })
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// In etcd 0 means no lease.
fn no_zero(lease: LeaseId) -> Option<LeaseId> {
    (lease.0 != 0).then_some(lease)
}

fn no_base64(what: &str) -> String {
    format!("the {what} is no base64 (of the standard alphabet, with padding)")
}

fn no_lease() -> String {
    "the lease is no id as etcdctl prints it, in hex".into()
}
