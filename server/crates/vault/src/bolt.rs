//! What the first pages of a bolt database say: that it is one, and how long it must be. Invariant: pure, any bytes are survived.
//! Whether its pages hang together is not looked at here: a drill opens it with etcd.

/// So much of the head of a file is enough: the second meta page begins at one page, and pages have at most 64 KiB.
pub(crate) const HEAD: usize = 65_536 + META_END;

const META_END: usize = 80;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

/// A meta page, as etcd's bbolt writes it, little endian.
struct Meta {
    page_size: u64,
    pages: u64,
    transaction: u64,
}

/// How many bytes the database must have at least by its newest whole meta page; none if it has no whole one, so is no database.
pub(crate) fn needed(head: &[u8]) -> Option<u64> {
    let second = (9..=16).map(|power| 1_usize << power).filter_map(|size| {
        let meta = meta(head.get(size..)?)?;
        (meta.page_size == size as u64).then_some(meta)
    });
    let newest = meta(head).into_iter().chain(second).max_by_key(|meta| meta.transaction)?;
    newest.pages.checked_mul(newest.page_size)
}

fn meta(page: &[u8]) -> Option<Meta> {
    let long = |at: usize| Some(u64::from_le_bytes(page.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u32::from_le_bytes(page.get(at..at + 4)?.try_into().ok()?));
    let whole = short(16)? == MAGIC && short(20)? == VERSION && long(72)? == fnv(page.get(16..72)?);
    Some(Meta { page_size: u64::from(short(24)?), pages: long(56)?, transaction: long(64)? }).filter(|_| whole)
}

/// 64-bit FNV-1a, with which bbolt proves its meta pages.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A database of so many empty pages, for tests of other files.
#[cfg(test)]
pub(crate) fn database(pages: u64) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut bytes = vec![0; PAGE * usize::try_from(pages).expect("few")];
    for number in 0..2_usize {
        let page = &mut bytes[number * PAGE..];
        page[16..20].copy_from_slice(&MAGIC.to_le_bytes());
        page[20..24].copy_from_slice(&VERSION.to_le_bytes());
        page[24..28].copy_from_slice(&4096_u32.to_le_bytes());
        page[56..64].copy_from_slice(&pages.to_le_bytes());
        page[64..72].copy_from_slice(&(number as u64 + 7).to_le_bytes());
        let sum = fnv(&page[16..72]);
        page[72..80].copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_whole_meta_page_is_enough() {
        let mut bytes = database(5);
        assert_eq!(needed(&bytes), Some(5 * 4096));
        bytes[30] ^= 1;
        assert_eq!(needed(&bytes), Some(5 * 4096), "the second page tells it");
        bytes[4096 + 30] ^= 1;
        assert_eq!(needed(&bytes), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
            prop_assert_eq!(needed(&bytes), None);
        }
    }
}
