//! What one batch changes. Invariant: planned from what is there right before, and guarded by it; what is so already, and what
//! must stay, is counted and not touched.

use super::ANSWER;
use quorate_domain::keys::{ImportMode, ImportWhat};
use quorate_etcd::{Change, EtcdError, MemberClient, Pair, PutLease, Write};
use quorate_keys::{
    bulk::{self, decide},
    files::Record,
};
use std::collections::BTreeMap;

/// How records are written.
pub(super) struct Putting {
    pub(super) mode: ImportMode,
    pub(super) revision: Option<u64>,
    /// Keys that are made get the lease that they had, where it lives.
    pub(super) leases: bool,
}

/// What is done with the records of a batch.
pub(super) enum How<'a> {
    /// They are written.
    Put(Putting),
    /// That is taken back; what was there before, in their order.
    Back(&'a [Option<Record>]),
}

/// A batch.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) change: Change,
    pub(super) already: u64,
    pub(super) left: u64,
}

impl How<'_> {
    /// Looks at what is there, and plans.
    pub(super) async fn plan(&self, client: &MemberClient, batch: &[Record]) -> Result<Planned, EtcdError> {
        let there = bulk::found(client, batch, ANSWER).await?;
        match self {
            Self::Put(how) => put(client, batch, &there, how).await,
            Self::Back(before) => Ok(take_back(batch, before, &there)),
        }
    }
}

async fn put(
    client: &MemberClient,
    batch: &[Record],
    there: &BTreeMap<Vec<u8>, Pair>,
    how: &Putting,
) -> Result<Planned, EtcdError> {
    let (mut planned, mut living) = (Planned::default(), BTreeMap::new());
    for record in batch {
        let pair = there.get(record.key.as_bytes());
        let lease = match (decide(how.mode, record, pair, how.revision), pair) {
            (ImportWhat::Same, _) => {
                planned.already += 1;
                continue;
            }
            (ImportWhat::Skip, _) => {
                planned.left += 1;
                continue;
            }
            (_, Some(pair)) if pair.lease != 0 => PutLease::Keep,
            (_, None) if how.leases => lease_of(client, record, &mut living).await?,
            _ => PutLease::None,
        };
        let (key, value) = (record.key.0.clone(), record.value.clone());
        planned.change.seen.push((key.clone(), pair.map_or(0, |pair| pair.mod_revision)));
        planned.change.writes.push(Write::Put { key, value, lease });
    }
    Ok(planned)
}

fn take_back(batch: &[Record], before: &[Option<Record>], there: &BTreeMap<Vec<u8>, Pair>) -> Planned {
    let mut planned = Planned::default();
    for (record, before) in batch.iter().zip(before) {
        match back(record, before.as_ref(), there.get(record.key.as_bytes())) {
            Back::Already => planned.already += 1,
            Back::Left => planned.left += 1,
            Back::Write(write, seen) => {
                planned.change.seen.push((record.key.0.clone(), seen));
                planned.change.writes.push(write);
            }
        }
    }
    planned
}

/// What becomes of one key when a put is taken back.
enum Back {
    Already,
    Left,
    /// With the `mod_revision` that was seen.
    Write(Write, i64),
}

fn back(put: &Record, before: Option<&Record>, now: Option<&Pair>) -> Back {
    let key = put.key.0.clone();
    match (before, now) {
        (None, None) => Back::Already,
        (Some(before), Some(now)) if before.value == now.value => Back::Already,
        (_, Some(now)) if now.value == put.value => Back::Write(
            match before {
                Some(before) => {
                    let lease = if now.lease == 0 { PutLease::None } else { PutLease::Keep };
                    Write::Put { key, value: before.value.clone(), lease }
                }
                None => Write::Delete { key },
            },
            now.mod_revision,
        ),
        _ => Back::Left,
    }
}

/// The lease that a key had, if it lives; each is asked for once.
async fn lease_of(
    client: &MemberClient,
    record: &Record,
    living: &mut BTreeMap<i64, bool>,
) -> Result<PutLease, EtcdError> {
    let Some(lease) = record.lease.map(|lease| lease.0.cast_signed()) else { return Ok(PutLease::None) };
    let lives = match living.get(&lease) {
        Some(lives) => *lives,
        None => client.lease(lease, false, ANSWER).await?.ttl > 0,
    };
    living.insert(lease, lives);
    Ok(if lives { PutLease::Of(lease) } else { PutLease::None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::keys::Key;

    fn record(value: &str) -> Record {
        Record { key: Key::raw("/a/x"), value: value.into(), ..Record::default() }
    }

    fn pair(value: &str) -> Pair {
        Pair { key: b"/a/x".to_vec(), value: value.into(), mod_revision: 7, lease: 9, ..Pair::default() }
    }

    #[test]
    fn only_what_is_as_the_put_left_it_is_put_back() {
        let put = record("new");
        assert!(matches!(back(&put, Some(&record("old")), Some(&pair("new"))), Back::Write(Write::Put { .. }, 7)));
        assert!(matches!(back(&put, None, Some(&pair("new"))), Back::Write(Write::Delete { .. }, 7)));
        assert!(matches!(back(&put, Some(&record("old")), Some(&pair("old"))), Back::Already));
        assert!(matches!(back(&put, Some(&record("new")), Some(&pair("new"))), Back::Already), "it was so before");
        assert!(matches!(back(&put, Some(&record("old")), Some(&pair("third"))), Back::Left));
        assert!(matches!(back(&put, Some(&record("old")), None), Back::Left), "somebody deleted it since");
        assert!(matches!(back(&put, None, None), Back::Already));
    }
}
