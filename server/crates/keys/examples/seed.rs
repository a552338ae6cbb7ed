//! Fills an etcd with keys for benchmarks and journeys: `seed ENDPOINT COUNT`. Invariant: the same count gives the same keys:
//! a thousand a folder, 40 bytes each, with values of 100 bytes. Not for an etcd that anybody needs.

use quorate_etcd::{Change, MemberClient, MemberEndpoint, PutLease, Write};
use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// etcd takes 128 operations a transaction (`--max-txn-ops`).
const BATCH: usize = 100;
/// Transactions under way at once: etcd writes many of them with one fsync.
const WRITERS: usize = 16;
const DEADLINE: Duration = Duration::from_secs(30);
const KEY_BYTES: usize = 40;
const VALUE_BYTES: usize = 100;

/// Spreads a number over 64 bits, so that keys and values are no easy prey for whatever packs them.
fn spread(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn key(number: usize) -> Vec<u8> {
    let mut key = format!("/bench/{:04}/{number:08}-{:016x}", number / 1000, spread(number)).into_bytes();
    key.resize(KEY_BYTES, b'.');
    key
}

fn value(number: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE_BYTES + 16);
    while value.len() < VALUE_BYTES {
        value.extend_from_slice(format!("{:016x}", spread(number ^ (value.len() << 32))).as_bytes());
    }
    value.truncate(VALUE_BYTES);
    value
}

async fn write(client: MemberClient, next: Arc<AtomicUsize>, count: usize) -> Result<(), quorate_etcd::EtcdError> {
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= count {
            return Ok(());
        }
        let put = |number| Write::Put { key: key(number), value: value(number), lease: PutLease::None };
        let writes = (first..count.min(first + BATCH)).map(put).collect();
        client.change(&Change { seen: Vec::new(), writes }, DEADLINE).await?;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(endpoint), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("seed ENDPOINT COUNT, such as: seed http://127.0.0.1:2379 1000000".into());
    };
    let count: usize = count.parse()?;
    let client = MemberClient::connect(&MemberEndpoint::direct(endpoint))?;
    let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(client.clone(), next.clone(), count));
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    println!("{{\"keys\": {count}, \"seconds\": {:.3}}}", begun.elapsed().as_secs_f64());
    Ok(())
}
