//! etcd's releases: where an archive is, which digest it must have, and a verified copy of it on the console for
//! hosts without internet. Invariants: an archive whose digest is not the wanted one never gets its final name; a
//! mirror's own sums prove only that the download is whole, which is said (`DigestTrust::Mirror`).

mod digests;
mod fetch;

pub use fetch::{Release, fetch_digest, fetch_release, holds};

use quorate_domain::version::{Arch, Version};

/// Where upstream keeps its archives.
pub const OFFICIAL_BASE: &str = "https://github.com/etcd-io/etcd/releases/download";

/// What a digest proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestTrust {
    /// It came with the console: the archive is upstream's.
    Shipped,
    /// It came from the same place as the archive: this trusts that place.
    Mirror,
}

/// Bytes so far, and in all when the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk.
    pub done: u64,
    /// Bytes in all.
    pub total: Option<u64>,
}

/// The archive's URL in upstream's layout below `base`.
pub fn archive_url(base: &str, version: Version, arch: Arch) -> String {
    format!("{}/v{version}/{}.tar.gz", base.trim_end_matches('/'), version.archive_stem(arch))
}

/// The URL of the version's SHA256SUMS below `base`.
pub fn sums_url(base: &str, version: Version) -> String {
    format!("{}/v{version}/SHA256SUMS", base.trim_end_matches('/'))
}

/// The digest of upstream's archive that came with the console, in hex.
pub fn shipped_digest(version: Version, arch: Arch) -> Option<&'static str> {
    let (_, amd64, arm64) = digests::DIGESTS.iter().find(|(known, ..)| *known == version)?;
    Some(match arch {
        Arch::Amd64 => amd64,
        Arch::Arm64 => arm64,
    })
}

/// The shipped digest if `base` is upstream's; a mirror may pack archives of its own.
pub fn expected_digest(base: &str, version: Version, arch: Arch) -> Option<&'static str> {
    (base.trim_end_matches('/') == OFFICIAL_BASE).then(|| shipped_digest(version, arch)).flatten()
}

/// Reads a SHA256SUMS file: (file name, digest in hex). Lines that are none are passed over.
pub fn parse_sums(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let (digest, name) = line.trim().split_once(char::is_whitespace)?;
            let name = name.trim_start().trim_start_matches('*');
            let name = name.rsplit('/').next()?;
            let hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            (hex && !name.is_empty()).then(|| (name.to_owned(), digest.to_ascii_lowercase()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quorate_domain::version::OFFERED;

    #[test]
    fn every_offered_version_has_digests_for_both_architectures() {
        for version in OFFERED {
            for arch in [Arch::Amd64, Arch::Arm64] {
                let digest = shipped_digest(version, arch).expect("digest");
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
            }
        }
    }

    #[test]
    fn digests_are_all_different_and_ordered() {
        let mut all: Vec<&str> = digests::DIGESTS.iter().flat_map(|(_, a, b)| [*a, *b]).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(digests::DIGESTS.windows(2).all(|pair| pair[0].0 > pair[1].0));
    }

    #[test]
    fn urls_follow_upstreams_layout() {
        let version = Version::new(3, 5, 16);
        let url = archive_url("http://10.77.0.1:8000/", version, Arch::Amd64);
        assert_eq!(url, "http://10.77.0.1:8000/v3.5.16/etcd-v3.5.16-linux-amd64.tar.gz");
        assert_eq!(sums_url(OFFICIAL_BASE, version), format!("{OFFICIAL_BASE}/v3.5.16/SHA256SUMS"));
        assert_eq!(expected_digest("http://10.77.0.1:8000", version, Arch::Amd64), None);
        assert!(expected_digest(OFFICIAL_BASE, version, Arch::Arm64).is_some());
    }

    #[test]
    fn sums_are_read_in_both_of_sha256sums_forms() {
        let digest = "AB".repeat(32);
        let text = format!("{digest}  a.tar.gz\n{digest} *./b.tar.gz\nshort  c\n\n");
        let wanted = [("a.tar.gz", digest.to_lowercase()), ("b.tar.gz", digest.to_lowercase())];
        assert_eq!(parse_sums(&text), wanted.map(|(n, d)| (n.to_owned(), d)));
    }

    proptest! {
        #[test]
        fn any_sums_are_survived(text in ".{0,300}") {
            let _ = parse_sums(&text);
        }
    }
}
