//! The best listing of all keys that a bare etcd client can do, as the measure for the index: `list ENDPOINT PAGE`. Invariant:
//! nothing is kept but the last key of a page; all pages show one revision.

use quorate_etcd::etcd_client::{Client, GetOptions};
use std::{env, error::Error};
use tokio::time::Instant;

/// More than any page is.
const ANSWER_MAX: usize = 256 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(endpoint), Some(page)) = (arguments.next(), arguments.next()) else {
        return Err("list ENDPOINT PAGE, such as: list http://127.0.0.1:2379 100000".into());
    };
    let page: i64 = page.parse()?;
    let client = Client::connect([endpoint], None).await?;
    let mut kv = client.kv_client().max_decoding_message_size(ANSWER_MAX);
    let begun = Instant::now();
    let (mut from, mut revision, mut keys) = (vec![0], 0, 0);
    loop {
        // To the end of all keys: etcd counts what is left of the range with each page.
        let options = GetOptions::new().with_range(vec![0]).with_keys_only().with_limit(page).with_revision(revision);
        let answer = kv.get(from, Some(options)).await?;
        revision = answer.header().map_or(0, |header| header.revision());
        keys += answer.kvs().len();
        let Some(last) = answer.kvs().last().filter(|_| answer.more()) else { break };
        from = [last.key(), &[0]].concat();
    }
    println!("{{\"keys\": {keys}, \"seconds\": {:.3}}}", begun.elapsed().as_secs_f64());
    Ok(())
}
