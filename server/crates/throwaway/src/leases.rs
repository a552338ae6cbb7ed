//! Leases of a throw-away etcd are kept alive, because nobody else does it: otherwise their keys would go, and it would not be
//! what the snapshot is.

use futures::{StreamExt, stream};
use quorate_etcd::MemberClient;
use std::time::Duration;
use tokio::time::sleep;

const ANSWER: Duration = Duration::from_secs(5);
/// How many are asked for at once.
const AT_ONCE: usize = 16;
/// etcd gives no lease less than this many seconds.
const LEAST: i64 = 1;
/// Nobody makes leases there, so this is often enough to look for the few that were missed.
const MOST: i64 = 60;

/// Keeps all leases alive until it is aborted. A round is repeated after a third of the shortest one's time.
pub(crate) async fn keep(client: MemberClient) {
    loop {
        let Ok(leases) = client.leases(ANSWER).await else {
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        if leases.is_empty() {
            return;
        }
        let client = &client;
        let kept = stream::iter(leases).map(|lease| client.keep_lease_alive(lease, ANSWER)).buffer_unordered(AT_ONCE);
        let seconds = kept.filter_map(async |left| left.ok().filter(|left| *left > 0)).collect::<Vec<i64>>().await;
        let shortest = seconds.into_iter().min().unwrap_or(LEAST).clamp(LEAST, MOST);
        sleep(Duration::from_millis(shortest.unsigned_abs() * 1000 / 3)).await;
    }
}
