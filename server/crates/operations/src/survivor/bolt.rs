//! etcd's database file, read page by page: how far it has the log, and its newest revision. Invariant: read-only, and never more than some
//! pages; what does not fit together is an error in words, never a guess.
//!
//! Own code, because what there is maps or opens a whole local file: bbolt-rs, the one port of bbolt to Rust that is complete
//! (1.3.10, no release since 2024), wants the file beside it and takes its lock, jammdb has a format of its own, and nut is
//! older than both. Here the file lies on another machine, has gigabytes, and five of its pages are wanted. The format is bbolt's version 2,
//! unchanged since 2013: all of etcd 3.4 to 3.7 write it.

use super::Parts;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const HEADER: usize = 16;
const META: usize = 64;
const ELEMENT: usize = 16;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const IS_BUCKET: u32 = 0x01;
/// Pages that a file can have at least and at most; Linux has 4096.
const PAGE_SIZES: [u64; 7] = [4096, 1024, 2048, 8192, 16384, 32768, 65536];
/// A page with a large value goes over many; more than this is read for nobody.
const PAGE_MOST: usize = 32 << 20;
/// A tree of etcd's is four pages deep.
const DEEPEST: usize = 24;

/// What a database says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The index up to which it has the log.
    pub consistent_index: Option<u64>,
    /// Its newest revision.
    pub revision: Option<u64>,
}

/// Reads it.
///
/// # Errors
/// In words: it is no database, or it is damaged.
pub async fn said(file: &impl Parts) -> Result<Said, String> {
    let tree = Tree::open(file).await?;
    let mut said = Said::default();
    if let Some(meta) = tree.bucket(b"meta").await? {
        let number = tree.find(&meta, b"consistent_index").await?.and_then(|value| value.data.try_into().ok());
        said.consistent_index = number.map(u64::from_be_bytes);
    }
    if let Some(keys) = tree.bucket(b"key").await? {
        let last = tree.last_key(&keys).await?;
        said.revision = last.and_then(|key| Some(u64::from_be_bytes(key.get(..8)?.try_into().ok()?)));
    }
    Ok(said)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// FNV-1a over what stands before it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A meta page that is whole: page size, root, pages in all, transaction.
struct Meta {
    page_size: u64,
    root: u64,
    pages: u64,
    transaction: u64,
}

fn meta(page: &[u8]) -> Option<Meta> {
    let meta = page.get(HEADER..HEADER + META)?;
    let right = u32_at(meta, 0)? == MAGIC && u32_at(meta, 4)? == VERSION && u64_at(meta, 56)? == checksum(&meta[..56]);
    right.then_some(())?;
    Some(Meta {
        page_size: u32_at(meta, 8)?.into(),
        root: u64_at(meta, 16)?,
        pages: u64_at(meta, 40)?,
        transaction: u64_at(meta, 48)?,
    })
}

/// Where a bucket's pairs are: a tree of pages, or within the page that names it.
enum Bucket {
    Root(u64),
    Inline(Vec<u8>),
}

struct Value {
    flags: u32,
    data: Vec<u8>,
}

/// A page with its elements.
struct Page(Vec<u8>);

impl Page {
    fn flags(&self) -> u16 {
        u16_at(&self.0, 8).unwrap_or_default()
    }

    fn count(&self) -> usize {
        u16_at(&self.0, 10).unwrap_or_default().into()
    }

    /// Key and page of an element of a branch.
    fn branch(&self, i: usize) -> Option<(&[u8], u64)> {
        let at = HEADER + i * ELEMENT;
        let begin = at + size(u32_at(&self.0, at)?);
        let key = self.0.get(begin..begin.checked_add(size(u32_at(&self.0, at + 4)?))?)?;
        Some((key, u64_at(&self.0, at + 8)?))
    }

    /// Key, flags and value of an element of a leaf.
    fn leaf(&self, i: usize) -> Option<(&[u8], u32, &[u8])> {
        let at = HEADER + i * ELEMENT;
        let flags = u32_at(&self.0, at)?;
        let begin = at.checked_add(size(u32_at(&self.0, at + 4)?))?;
        let middle = begin.checked_add(size(u32_at(&self.0, at + 8)?))?;
        let end = middle.checked_add(size(u32_at(&self.0, at + 12)?))?;
        Some((self.0.get(begin..middle)?, flags, self.0.get(middle..end)?))
    }

    fn found(&self, key: &[u8]) -> Option<Value> {
        let leaves = (0..self.count()).filter_map(|i| self.leaf(i));
        leaves
            .into_iter()
            .find(|(found, ..)| *found == key)
            .map(|(_, flags, data)| Value { flags, data: data.to_vec() })
    }
}

struct Tree<'a, P> {
    file: &'a P,
    page_size: u64,
    root: u64,
    pages: u64,
}

const DAMAGED: &str = "its database is damaged";

impl<'a, P: Parts> Tree<'a, P> {
    async fn open(file: &'a P) -> Result<Self, String> {
        let most = usize::try_from(PAGE_SIZES[0]).unwrap_or_default();
        let first = meta(&file.part(0, most).await?);
        let mut found: Option<Meta> = first;
        // The other meta page is the newer one after every second change, or the only whole one.
        for size in found.as_ref().map_or(PAGE_SIZES.to_vec(), |meta| vec![meta.page_size]) {
            let second = meta(&file.part(size, HEADER + META).await?);
            let second = second.filter(|second| second.page_size == size);
            if let Some(second) = second
                && found.as_ref().is_none_or(|first| second.transaction > first.transaction)
            {
                found = Some(second);
                break;
            }
        }
        let Meta { page_size, root, pages, .. } = found.ok_or("its database has no page that says what it is")?;
        if !PAGE_SIZES.contains(&page_size) {
            return Err(DAMAGED.into());
        }
        Ok(Self { file, page_size, root, pages })
    }

    async fn page(&self, id: u64) -> Result<Page, String> {
        if id < 2 || id >= self.pages {
            return Err(DAMAGED.into());
        }
        let one = usize::try_from(self.page_size).unwrap_or_default();
        let mut bytes = self.file.part(id * self.page_size, one).await?;
        let more = size(u32_at(&bytes, 12).ok_or(DAMAGED)?);
        if bytes.len() < one || u64_at(&bytes, 0) != Some(id) {
            return Err(DAMAGED.into());
        }
        let whole = more.saturating_add(1).saturating_mul(one);
        if whole > PAGE_MOST {
            return Err("its database has a value that is larger than what is read here".into());
        }
        if more > 0 {
            bytes = self.file.part(id * self.page_size, whole).await?;
        }
        Ok(Page(bytes))
    }

    /// The page below `root` that would hold `key`, or the last one.
    async fn leaf(&self, root: u64, key: Option<&[u8]>) -> Result<Page, String> {
        let mut id = root;
        for _ in 0..DEEPEST {
            let page = self.page(id).await?;
            match page.flags() {
                LEAF => return Ok(page),
                BRANCH => {
                    let branches: Vec<(&[u8], u64)> = (0..page.count()).filter_map(|i| page.branch(i)).collect();
                    let at = match key {
                        Some(key) => branches.partition_point(|(first, _)| *first <= key).saturating_sub(1),
                        None => branches.len().saturating_sub(1),
                    };
                    id = branches.get(at).ok_or(DAMAGED)?.1;
                }
                _ => return Err(DAMAGED.into()),
            }
        }
        Err(DAMAGED.into())
    }

    async fn bucket(&self, name: &[u8]) -> Result<Option<Bucket>, String> {
        let leaf = self.leaf(self.root, Some(name)).await?;
        let Some(Value { flags, data }) = leaf.found(name) else { return Ok(None) };
        if flags & IS_BUCKET == 0 {
            return Err(DAMAGED.into());
        }
        Ok(Some(match u64_at(&data, 0).ok_or(DAMAGED)? {
            // Its one page follows its header.
            0 => Bucket::Inline(data.get(16..).unwrap_or_default().to_vec()),
            root => Bucket::Root(root),
        }))
    }

    async fn page_of(&self, bucket: &Bucket, key: Option<&[u8]>) -> Result<Page, String> {
        match bucket {
            Bucket::Root(root) => self.leaf(*root, key).await,
            Bucket::Inline(bytes) => Ok(Page(bytes.clone())),
        }
    }

    async fn find(&self, bucket: &Bucket, key: &[u8]) -> Result<Option<Value>, String> {
        Ok(self.page_of(bucket, Some(key)).await?.found(key))
    }

    async fn last_key(&self, bucket: &Bucket) -> Result<Option<Vec<u8>>, String> {
        let page = self.page_of(bucket, None).await?;
        let last = page.count().checked_sub(1).and_then(|i| page.leaf(i));
        Ok(last.map(|(key, ..)| key.to_vec()))
    }
}
