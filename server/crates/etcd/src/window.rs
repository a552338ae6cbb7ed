//! How far a page of a listing reaches. Invariant: every key is in the window of some page, and a page's window has about as many
//! keys as the page may bring. etcd counts all keys of a range on each request, under the lock that writers wait for, whatever the
//! limit is (etcd's `treeIndex.Revisions`): without windows each page of a million keys holds writers up by a tenth of a second.

use crate::kv::{Pair, RangeEnd, RangeReply};
use quorate_domain::keys::Key;

/// A key is read as a binary fraction: a window begins at a key and ends where the first `bits` bits change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    bits: usize,
    /// How many windows in a row were empty.
    empty: u32,
}

impl Window {
    /// All keys.
    pub const ALL: Self = Self { bits: 0, empty: 0 };

    /// One that keys between these two, which follow each other in the order of keys, would fit in.
    pub fn around(first: &[u8], last: &[u8]) -> Self {
        let bytes = first.iter().zip(last).take_while(|(one, other)| one == other).count();
        let differ = |at: usize| first.get(at).copied().unwrap_or_default() ^ last.get(at).copied().unwrap_or_default();
        Self { bits: bytes * 8 + differ(bytes).leading_zeros() as usize, empty: 0 }
    }

    /// One for the page after these keys, if those to come are alike; all keys after a page without any.
    pub fn of(pairs: &[Pair]) -> Self {
        let ends = pairs.first().zip(pairs.last());
        ends.map_or(Self::ALL, |(first, last)| Self::around(&first.key, &last.key))
    }

    /// Where the window that begins at `from` ends.
    pub fn end(self, from: &[u8]) -> RangeEnd {
        let (whole, part) = (self.bits / 8, self.bits % 8);
        let mut end: Vec<u8> = from.iter().copied().chain(std::iter::repeat(0)).take(self.bits.div_ceil(8)).collect();
        if let (Some(last), true) = (end.get_mut(whole), part > 0) {
            let unit = 1_u8 << (8 - part);
            *last &= !(unit - 1);
            match last.checked_add(unit) {
                Some(more) => {
                    *last = more;
                    return RangeEnd::Before(end);
                }
                // The bits before it change instead.
                None => end.truncate(whole),
            }
        }
        RangeEnd::of_prefix(&end)
    }

    /// Adapts the windows to come: this one had `count` keys, of which a page brings `limit`.
    pub fn had(&mut self, count: u64, limit: usize) {
        let limit = (limit as u64).max(1);
        if count == 0 {
            // Faster and faster through a gap, so that the end of all keys is not reached in hundreds of requests.
            self.bits = self.bits.saturating_sub(1 << self.empty.min(4));
            self.empty += 1;
            return;
        }
        self.empty = 0;
        if count > limit * 2 {
            self.bits += (count / limit).ilog2() as usize;
        } else if count < limit / 2 {
            self.bits = self.bits.saturating_sub(1);
        }
    }
}

/// Where the page after this one begins, which reached up to `end`; none when all is listed.
pub fn after(reply: &RangeReply, end: RangeEnd) -> Option<Vec<u8>> {
    match (reply.pairs.last(), end) {
        (Some(last), _) if reply.more => Some(Key(last.key.clone()).next().0),
        (_, RangeEnd::Before(end)) => Some(end),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(bits: usize, from: &[u8]) -> RangeEnd {
        Window { bits, empty: 0 }.end(from)
    }

    #[test]
    fn a_window_ends_where_its_bits_change() {
        let before = |key: &[u8]| RangeEnd::Before(key.to_vec());
        assert_eq!(end(16, b"abc"), before(b"ac"));
        assert_eq!(end(12, b"ab"), before(b"ap"), "0x6. becomes 0x70");
        assert_eq!(end(24, b"a"), before(b"a\0\x01"), "what a key has not is zeros");
        assert_eq!(end(12, b"a\xff"), before(b"b"), "carried over");
        assert_eq!(end(4, b"\xff\x01"), RangeEnd::Last);
        assert_eq!(end(0, b"abc"), RangeEnd::Last);
    }

    #[test]
    fn windows_are_as_wide_as_the_keys_that_were_seen() {
        assert_eq!(Window::around(b"/a/0001", b"/a/0899").bits, 3 * 8 + 8 + 4);
        assert_eq!(Window::around(b"/a", b"/a/b").bits, 2 * 8 + 2);
        let mut window = Window { bits: 40, empty: 0 };
        window.had(8000, 1000);
        assert_eq!(window.bits, 43);
        window.had(1500, 1000);
        assert_eq!(window.bits, 43);
        window.had(10, 1000);
        assert_eq!(window.bits, 42);
        (0..4).for_each(|_| window.had(0, 1000));
        assert_eq!(window.bits, 42 - 1 - 2 - 4 - 8);
        (0..20).for_each(|_| window.had(0, 1000));
        assert_eq!(window.end(b"x"), RangeEnd::Last);
    }

    proptest! {
        #[test]
        fn a_window_is_never_empty_and_windows_after_one_another_leave_no_key_out(
            from in proptest::collection::vec(any::<u8>(), 0..6), bits in 0_usize..60,
        ) {
            if let RangeEnd::Before(end) = end(bits, &from) {
                prop_assert!(end > from);
                // Nothing shorter than the cursor's first bits ends it earlier.
                let same = Window::around(&from, &end).bits;
                prop_assert!(same < bits);
            }
        }
    }
}
