//! What is inside of a packed value. Invariant: however small a value is packed, what comes out is bounded.

use flate2::read::MultiGzDecoder;
use std::{borrow::Cow, io::Read};

/// The most bytes that are unpacked.
const MOST: u64 = 4 * 1024 * 1024;
/// RFC 1952: the two bytes of a gzip member, and the only method there is.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// A value without its packing.
pub(crate) struct Unpacked<'a> {
    /// What is inside, or the value itself.
    pub bytes: Cow<'a, [u8]>,
    /// It was packed with gzip.
    pub gzip: bool,
    /// There is more inside than was unpacked.
    pub cut: bool,
}

/// Opens gzip, up to 4 MiB. What looks like gzip and is broken stays as it is.
pub(crate) fn unpack(value: &[u8]) -> Unpacked<'_> {
    if value.starts_with(&MAGIC) {
        let mut bytes = Vec::new();
        if MultiGzDecoder::new(value).take(MOST + 1).read_to_end(&mut bytes).is_ok() {
            let most = usize::try_from(MOST).unwrap_or(usize::MAX);
            let cut = bytes.len() > most;
            bytes.truncate(most);
            return Unpacked { bytes: Cow::Owned(bytes), gzip: true, cut };
        }
    }
    Unpacked { bytes: Cow::Borrowed(value), gzip: false, cut: false }
}
