//! What these tests share: a cluster being written to, members to choose from, and etcd's own answer. Invariant: writers are
//! random by a seed, and stop before anything is compared.

use async_trait::async_trait;
use quorate_domain::{
    LeaseId, Timestamp,
    keys::{IndexPhase, Key, KeyEntry, KeyMeta, KeyQuery},
    wide::Wide,
};
use quorate_etcd::{Change, MemberClient, PutLease, Range, RangeEnd, Write};
use quorate_keys::{Index, Keeper, Members, Visible, pager};
use quorate_testkit::{
    etcd::{CALL, EtcdCluster, PATIENCE},
    until::until,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::task::JoinHandle;

/// Members of which the first that answers is taken, unless the gate is closed.
pub struct Gate {
    clients: Mutex<Vec<MemberClient>>,
    closed: AtomicBool,
}

impl Gate {
    pub fn to(clients: Vec<MemberClient>) -> Arc<Self> {
        Arc::new(Self { clients: Mutex::new(clients), closed: AtomicBool::new(false) })
    }

    pub fn of(cluster: &EtcdCluster, members: &[usize]) -> Arc<Self> {
        Self::to(members.iter().map(|&i| cluster.client(i)).collect())
    }

    pub fn lead_to(&self, cluster: &EtcdCluster, members: &[usize]) {
        *self.clients.lock().expect("lock") = members.iter().map(|&i| cluster.client(i)).collect();
    }

    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Members for Gate {
    async fn client(&self) -> Result<MemberClient, String> {
        if self.closed.load(Ordering::SeqCst) {
            return Err("the test keeps it away".to_owned());
        }
        let clients = self.clients.lock().expect("lock").clone();
        for client in clients {
            let status = client.status(CALL).await;
            // One with users says nothing without a login that may; the keeper hears that itself.
            if status.is_ok_and(|status| status.status.leader.is_some()) || client.endpoint().url.starts_with("https") {
                return Ok(client);
            }
        }
        Err("no member answers".to_owned())
    }

    fn now(&self) -> Timestamp {
        Timestamp(1000)
    }
}

/// Somebody who writes and deletes without end.
pub struct Churn {
    done: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Churn {
    pub fn start(client: MemberClient, seed: u64) -> Self {
        let (done, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (done.clone(), ended.clone());
        let task = tokio::spawn(async move {
            let mut random = Random(seed);
            let lease = client.grant_lease(3600, CALL).await.unwrap_or_default();
            while !end.load(Ordering::SeqCst) {
                let written = match random.below(8) {
                    0 => {
                        let from = name(random.below(3000));
                        let end = RangeEnd::Before([from.as_slice(), b"~"].concat());
                        client.delete_range(&from, &end, CALL).await.is_ok()
                    }
                    _ => {
                        let writes = (0..1 + random.below(4)).map(|i| {
                            let key = [name(random.below(3000)), format!("/{i}").into_bytes()].concat();
                            match random.below(4) {
                                0 => Write::Delete { key },
                                1 => Write::Put { key, value: Vec::new(), lease: PutLease::Of(lease) },
                                _ => Write::Put { key, value: vec![b'v'; 20], lease: PutLease::None },
                            }
                        });
                        let writes = writes.collect();
                        client.change(&Change { seen: Vec::new(), writes }, CALL).await.is_ok()
                    }
                };
                count.fetch_add(u64::from(written), Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        });
        Self { done, ended, task }
    }

    /// Waits for so many more writes.
    pub async fn reaches(&mut self, more: u64) {
        let end = self.done.load(Ordering::SeqCst) + more;
        until(PATIENCE, "writes are done", async || self.done.load(Ordering::SeqCst) >= end).await;
    }

    pub async fn stop(self) {
        self.ended.store(true, Ordering::SeqCst);
        self.task.await.expect("the writer");
    }
}

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn name(i: u64) -> Vec<u8> {
    format!("/churn/{:02}/{i:05}", i % 40).into_bytes()
}

/// Writes `count` keys.
pub async fn fill(client: &MemberClient, count: u64) {
    let names: Vec<u64> = (0..count).collect();
    for some in names.chunks(100) {
        let put = |i: &u64| Write::Put { key: name(*i), value: i.to_string().into_bytes(), lease: PutLease::None };
        let change = Change { seen: Vec::new(), writes: some.iter().map(put).collect() };
        assert!(client.change(&change, CALL).await.expect("written").done);
    }
}

pub async fn put(client: &MemberClient, key: &[u8], value: &[u8]) {
    let write = Write::Put { key: key.to_vec(), value: value.to_vec(), lease: PutLease::None };
    assert!(client.change(&Change { seen: Vec::new(), writes: vec![write] }, CALL).await.expect("written").done);
}

/// Compacts all that is past.
pub async fn compact(client: &MemberClient) {
    let (revision, _) = everything(client).await;
    let revision = revision.cast_signed();
    let compacted = client.call(CALL, async |etcd| {
        etcd.kv_client().compact(revision, None).await?;
        Ok(())
    });
    compacted.await.expect("compacted");
}

/// etcd's own answer: the revision, and every key.
pub async fn everything(client: &MemberClient) -> (u64, Vec<(Vec<u8>, KeyMeta)>) {
    let reply = client.range(&Range { end: RangeEnd::Last, ..Range::default() }, CALL).await.expect("all keys");
    let pairs = reply.pairs.into_iter().map(|pair| {
        let number = |n: i64| Wide(n.cast_unsigned());
        let meta = KeyMeta {
            create_revision: number(pair.create_revision),
            mod_revision: number(pair.mod_revision),
            version: number(pair.version),
            lease: (pair.lease != 0).then_some(LeaseId(pair.lease.cast_unsigned())),
            size: Some(Wide(pair.value.len() as u64)),
            changed_at: None,
        };
        (pair.key, meta)
    });
    (reply.revision.cast_unsigned(), pairs.collect())
}

pub async fn live(keeper: &Keeper) {
    until(PATIENCE, "the index is live", async || keeper.state().phase == IndexPhase::Live).await;
}

pub fn query(prefix: &str, separator: &str, limit: u32) -> KeyQuery {
    let (prefix, separator) = (Key::raw(prefix), Key::raw(separator));
    KeyQuery { prefix, separator, after: None, revision: None, limit, descending: false }
}

/// All entries of the index, page by page.
pub fn all_of(index: &Index, query: &KeyQuery, visible: &Visible) -> Vec<KeyEntry> {
    let (mut query, mut entries) = (query.clone(), Vec::new());
    loop {
        let (page, next, _) = index.page(&query, visible);
        entries.extend(page);
        query.after = next;
        if query.after.is_none() {
            return entries;
        }
    }
}

/// Every key of the index.
pub fn shown(index: &Index) -> Vec<(Vec<u8>, KeyMeta)> {
    let entries = all_of(index, &query("", "", 1000), &Visible::all());
    entries.into_iter().map(|entry| (entry.name.0, entry.meta.expect("a key"))).collect()
}

/// All entries from etcd, page by page.
pub async fn pages(client: &MemberClient, query: &KeyQuery, visible: &Visible) -> Vec<KeyEntry> {
    let (mut query, mut entries) = (query.clone(), Vec::new());
    loop {
        let page = pager::page(client, &query, visible, CALL).await.expect("a page");
        assert_eq!(page.note, "");
        entries.extend(page.entries);
        query.revision = Some(Wide(page.revision));
        query.after = page.next;
        if query.after.is_none() {
            return entries;
        }
    }
}
