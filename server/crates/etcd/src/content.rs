//! What is in a cluster, as one number: live keys and a digest over all of them (`domain::snapshots::Content`). Invariant: all of it
//! is read at one revision, and what comes out depends on that alone, not on how large the pages were; two pages are in memory at
//! most. Pages reach as far as `window` says, because etcd counts all keys of a range each time.

use crate::{
    client::MemberClient,
    error::EtcdError,
    kv::{Pair, Range, RangeEnd, RangeReply},
    stride::{FIRST, Size, less},
    window::{Window, after},
};
use quorate_domain::{snapshots::Content, wide::Wide};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How long etcd may take for one page: some megabytes, of a disk that may be busy.
const ANSWER: Duration = Duration::from_secs(30);
/// Pages large enough that asking costs little beside reading.
const SIZE: Size = Size { bytes: 4 << 20, growth: 8, most: 10_000 };

/// What is in a cluster, and at which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentAt {
    /// The revision that was gone through.
    pub revision: Wide,
    /// What was there.
    pub content: Content,
}

/// Goes through all live keys of a member's cluster, at `revision`, or as they are now. It keeps one core busy for some seconds a
/// gigabyte.
///
/// # Errors
/// [`EtcdError`], among them one that [`EtcdError::is_compacted`] and one that [`EtcdError::is_denied`]; dropping the future gives
/// it up.
pub async fn content(client: &MemberClient, revision: Option<Wide>) -> Result<ContentAt, EtcdError> {
    content_by(client, revision, SIZE).await
}

/// The same in pages of another size.
///
/// # Errors
/// As [`content`].
pub async fn content_by(client: &MemberClient, revision: Option<Wide>, size: Size) -> Result<ContentAt, EtcdError> {
    let revision = revision.map_or(0, |revision| i64::try_from(revision.0).unwrap_or(i64::MAX));
    let (mut limit, mut end) = (FIRST, RangeEnd::Last);
    let mut reply = page(client, Range { revision, end: end.clone(), ..Range::default() }, &mut limit).await?;
    // A client that asks for revision 7 is told in which revision the cluster is, and still gets that of 7.
    let revision = if revision == 0 { reply.revision } else { revision };
    let mut window = Window::of(&reply.pairs);
    let mut sum = Sum::default();
    while let Some(from) = after(&reply, end) {
        limit = size.limit_after(&reply.pairs, limit);
        end = window.end(&from);
        // This member has shown the revision: the others need not be asked about it again.
        let next = Range { from, end: end.clone(), revision, serializable: true, ..Range::default() };
        let (added, replied) = tokio::join!(sum.add(reply), page(client, next, &mut limit));
        (sum, reply) = (added?, replied?);
        window.had(reply.count, limit);
    }
    Ok(ContentAt { revision: Wide(u64::try_from(revision).unwrap_or_default()), content: sum.add(reply).await?.end() })
}

/// A page of at most `limit` keys, which becomes less when so many are too much for one answer.
async fn page(client: &MemberClient, mut range: Range, limit: &mut usize) -> Result<RangeReply, EtcdError> {
    loop {
        range.limit = i64::try_from(*limit).unwrap_or(i64::MAX);
        match client.range(&range, ANSWER).await {
            Err(error) => *limit = less(*limit, &error).ok_or(error)?,
            reply => return reply,
        }
    }
}

/// What was gone through so far.
#[derive(Default)]
struct Sum {
    keys: u64,
    hash: Sha256,
}

impl Sum {
    /// Off the runtime: a page is some megabytes.
    async fn add(mut self, reply: RangeReply) -> Result<Self, EtcdError> {
        let added = spawn_blocking(move || {
            reply.pairs.iter().for_each(|pair| self.pair(pair));
            self
        });
        added.await.map_err(|error| EtcdError::Malformed(format!("the console failed at it ({error})")))
    }

    fn pair(&mut self, pair: &Pair) {
        self.keys += 1;
        self.bytes(&pair.key);
        self.bytes(&pair.value);
        self.hash.update(pair.mod_revision.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // etcd takes no message of 4 GiB.
        self.hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.hash.update(bytes);
    }

    fn end(self) -> Content {
        Content { keys: Wide(self.keys), digest: hex::encode(self.hash.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str, i64)]) -> Content {
        let mut sum = Sum::default();
        for (key, value, mod_revision) in pairs {
            let (key, value) = (key.as_bytes().to_vec(), value.as_bytes().to_vec());
            sum.pair(&Pair { key, value, mod_revision: *mod_revision, ..Pair::default() });
        }
        sum.end()
    }

    #[test]
    fn a_byte_is_never_taken_for_one_of_its_neighbour() {
        let one = of(&[("a", "bc", 1)]);
        for other in [&[("ab", "c", 1)][..], &[("a", "bc", 2)], &[("a", "b", 1)], &[("a", "bc", 1), ("d", "", 1)], &[]]
        {
            assert_ne!(of(other).digest, one.digest, "{other:?}");
        }
        assert_ne!(of(&[("a", "", i64::MAX)]).digest, of(&[("a", "", i64::MAX - 1)]).digest);
    }

    #[test]
    fn the_digest_is_the_one_that_is_documented() {
        // printf '\x01\0\0\0a\x02\0\0\0bc\x07\0\0\0\0\0\0\0' | sha256sum
        let known = "dc86fb90d7bfc408528241f4af817eafd967f5526b09c879a17185819882c6bb";
        let content = of(&[("a", "bc", 7)]);
        assert_eq!((content.keys, content.digest.as_str()), (Wide(1), known));
        assert_eq!(of(&[]).digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
