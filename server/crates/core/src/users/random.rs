//! Ids, codes and tokens out of thin air. Invariant: all of it comes from the operating system's generator through a
//! CSPRNG; what is kept is a SHA-256, never the code or token itself.

use sha2::{Digest, Sha256};

/// Small letters and digits without those that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill(&mut rand::rng(), &mut bytes[..]);
    bytes
}

/// A one-time code that can be typed: four groups of four, 80 bits.
pub(crate) fn code() -> String {
    let mut text = String::with_capacity(19);
    for (i, byte) in bytes::<16>().into_iter().enumerate() {
        if i > 0 && i % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    text
}

/// What is stored of a code: its hash, blind to case, spaces and hyphens.
pub(crate) fn code_hash(code: &str) -> String {
    let plain: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(64).collect();
    sha256_hex(&plain)
}

/// SHA-256 in hex.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = code();
        assert_eq!(code.len(), 19);
        assert_eq!(code_hash(&code), code_hash(&format!(" {} ", code.to_uppercase().replace('-', " "))));
        assert_ne!(code, super::code());
    }
}
