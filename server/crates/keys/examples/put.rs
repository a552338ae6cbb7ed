//! Writes at a steady rate and tells how long that took: `put ENDPOINT RATE SECONDS BATCH`, RATE transactions a second of BATCH
//! keys each. Invariant: an open loop, as with real clients: one that waits does not keep the next from being sent.

use quorate_etcd::{Change, MemberClient, MemberEndpoint, PutLease, Write};
use std::{env, error::Error, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

const DEADLINE: Duration = Duration::from_secs(30);

async fn send(client: MemberClient, number: usize, batch: usize) -> Result<(Duration, i64), quorate_etcd::EtcdError> {
    let put = |of| {
        let key = format!("/bench/{:04}/changed-{:020}", number % 10, of).into_bytes();
        Write::Put { key, value: vec![b'v'; 100], lease: PutLease::None }
    };
    let change = Change { seen: Vec::new(), writes: (0..batch).map(put).collect() };
    let begun = Instant::now();
    let done = client.change(&change, DEADLINE).await?;
    Ok((begun.elapsed(), done.revision))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, rate, seconds, batch] = arguments.as_slice() else {
        return Err("put ENDPOINT RATE SECONDS BATCH, such as: put http://127.0.0.1:2379 200 10 10".into());
    };
    let (rate, seconds, batch): (f64, f64, usize) = (rate.parse()?, seconds.parse()?, batch.parse()?);
    let client = MemberClient::connect(&MemberEndpoint::direct(endpoint.as_str()))?;
    send(client.clone(), 0, 1).await?; // connects
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sent, begun) = (JoinSet::new(), Instant::now());
    let mut number = 0;
    while begun.elapsed().as_secs_f64() < seconds {
        ticks.tick().await;
        sent.spawn(send(client.clone(), number, batch));
        number += 1;
    }
    let (mut took, mut revision) = (Vec::with_capacity(number), 0);
    while let Some(ended) = sent.join_next().await {
        let (time, at) = ended??;
        took.push(time);
        revision = revision.max(at);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    took.sort();
    let quantile = |share: usize| took.get(took.len() * share / 100).or(took.last()).map_or(0.0, Duration::as_secs_f64);
    let (p50, p99, changes) = (quantile(50) * 1000.0, quantile(99) * 1000.0, number * batch);
    println!(
        "{{\"changes\": {changes}, \"seconds\": {elapsed:.3}, \"p50_ms\": {p50:.3}, \"p99_ms\": {p99:.3}, \"revision\": {revision}}}"
    );
    Ok(())
}
