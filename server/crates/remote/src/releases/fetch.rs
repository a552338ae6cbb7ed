//! Bringing an archive to the console. `curl` does the http: it brings the system's certificates and proxy settings
//! and is on every server; its exit codes name each failure. Invariant: `.part` becomes the archive by a rename
//! after its digest was checked and it was synced.

use super::{DigestTrust, Progress, archive_url, expected_digest, parse_sums, sums_url};
use crate::error::RemoteError;
use quorate_domain::version::{Arch, Version};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    fs,
    io::{AsyncReadExt, AsyncWriteExt},
    process,
};

/// An archive on the console's disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The file.
    pub path: PathBuf,
    /// Its digest in hex.
    pub sha256: String,
    /// What the digest proves.
    pub trust: DigestTrust,
}

/// The digest that the archive below `base` must have: the shipped one for upstream, else that of the base's
/// SHA256SUMS.
///
/// # Errors
/// `Download` if there is none.
pub async fn fetch_digest(base: &str, version: Version, arch: Arch) -> Result<(String, DigestTrust), RemoteError> {
    if let Some(digest) = expected_digest(base, version, arch) {
        return Ok((digest.to_owned(), DigestTrust::Shipped));
    }
    sum_of(base, version, arch).await.map(|digest| (digest, DigestTrust::Mirror))
}

/// Whether the source holds the archive and can be reached right now; upstream is asked too.
pub async fn holds(base: &str, version: Version, arch: Arch) -> bool {
    sum_of(base, version, arch).await.is_ok()
}

async fn sum_of(base: &str, version: Version, arch: Arch) -> Result<String, RemoteError> {
    let url = sums_url(base, version);
    let mut body = Vec::new();
    let mut curl = start_curl(&url, "30", &[])?;
    let mut stdout = curl.stdout.take().ok_or_else(|| download(&url, "curl gave no output"))?;
    (&mut stdout).take(1 << 20).read_to_end(&mut body).await.map_err(RemoteError::local("cannot read from curl"))?;
    drop(stdout);
    finish_curl(&url, curl).await?;
    let name = format!("{}.tar.gz", version.archive_stem(arch));
    parse_sums(&String::from_utf8_lossy(&body))
        .into_iter()
        .find(|(file, _)| *file == name)
        .map(|(_, digest)| digest)
        .ok_or_else(|| download(&url, &format!("it lists no {name}; check the version and the download URL")))
}

/// Hosts of one step ask for the same archive at once: the first brings it, the others find it.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A verified archive in `cache_dir`, downloaded unless it is there. `on_progress` hears how far it is.
///
/// # Errors
/// `Download` (not found, unreachable, cut off), `Checksum`, `Local`. Cancelling ends curl and leaves a `.part`
/// file, which the next call replaces.
pub async fn fetch_release(
    base: &str,
    version: Version,
    arch: Arch,
    cache_dir: &Path,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Release, RemoteError> {
    let (expected, trust) = fetch_digest(base, version, arch).await?;
    let _others_wait = ONE_AT_A_TIME.lock().await;
    fs::create_dir_all(cache_dir).await.map_err(RemoteError::local(format!("cannot make {}", cache_dir.display())))?;
    // The digest is part of the name: archives of a mirror and of upstream may differ under one version.
    let path = cache_dir.join(format!("{}-{}.tar.gz", version.archive_stem(arch), &expected[..12]));
    if digest_of(&path).await.as_deref() == Some(expected.as_str()) {
        return Ok(Release { path, sha256: expected, trust });
    }
    let url = archive_url(base, version, arch);
    let part = path.with_extension("part");
    let found = receive(&url, &part, on_progress).await?;
    if found != expected {
        let _ = fs::remove_file(&part).await;
        let advice = match trust {
            DigestTrust::Shipped => "Somebody changed it on its way, or upstream replaced it: do not use it",
            DigestTrust::Mirror => {
                "The mirror's SHA256SUMS and its archive do not fit together: have the mirror repaired"
            }
        };
        return Err(RemoteError::Checksum { url, expected, found, advice });
    }
    fs::rename(&part, &path).await.map_err(RemoteError::local(format!("cannot rename {}", part.display())))?;
    Ok(Release { path, sha256: expected, trust })
}

/// Downloads to `part`, synced, and returns the digest of what arrived.
async fn receive(
    url: &str,
    part: &Path,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<String, RemoteError> {
    let unwritable = || RemoteError::local(format!("cannot write {}", part.display()));
    let mut file = fs::File::create(part).await.map_err(unwritable())?;
    // The header block comes before the body on the same stream, so the length is known at once.
    let mut curl = start_curl(url, "900", &["--include"])?;
    let mut stdout = curl.stdout.take().ok_or_else(|| download(url, "curl gave no output"))?;
    let mut head = Head::default();
    let (mut hash, mut done) = (Sha256::new(), 0u64);
    let mut chunk = vec![0u8; 128 << 10];
    loop {
        let n = stdout.read(&mut chunk).await.map_err(RemoteError::local("cannot read from curl"))?;
        if n == 0 {
            break;
        }
        let body = head.strip(&chunk[..n]);
        hash.update(&body);
        done += body.len() as u64;
        if let Err(error) = file.write_all(&body).await {
            // Reaped here; its own failure is only that nobody listens any more.
            let _ = curl.kill().await;
            return Err(unwritable()(error));
        }
        on_progress(Progress { done, total: head.length });
    }
    finish_curl(url, curl).await?;
    if let Some(total) = head.length.filter(|total| *total != done) {
        return Err(download(url, &format!("the download was cut off after {done} of {total} bytes; try again")));
    }
    file.flush().await.map_err(unwritable())?;
    file.sync_all().await.map_err(unwritable())?;
    Ok(hex::encode(hash.finalize()))
}

/// The header blocks before a body (one for each redirect).
#[derive(Default)]
struct Head {
    text: Vec<u8>,
    over: bool,
    length: Option<u64>,
}

impl Head {
    /// What of `bytes` belongs to the body.
    fn strip(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.over {
            return bytes.to_vec();
        }
        self.text.extend_from_slice(bytes);
        while let Some(end) = self.text.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = self.text.split_off(end + 4);
            let block = String::from_utf8_lossy(&self.text).into_owned();
            self.text = rest;
            let status = block.split_whitespace().nth(1).and_then(|code| code.parse::<u16>().ok()).unwrap_or(0);
            if (200..300).contains(&status) && !block.contains("Connection established") {
                self.over = true;
                self.length = block.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
                });
                return std::mem::take(&mut self.text);
            }
        }
        Vec::new()
    }
}

fn start_curl(url: &str, seconds: &str, more: &[&str]) -> Result<process::Child, RemoteError> {
    process::Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--location", "--proto", "=http,https"])
        .args(["--proto-redir", "=http,https", "--connect-timeout", "10", "--speed-time", "30", "--speed-limit", "1"])
        .args(["--max-time", seconds])
        .args(more)
        .args(["--", url])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(RemoteError::local("cannot run curl (package curl)"))
}

async fn finish_curl(url: &str, curl: process::Child) -> Result<(), RemoteError> {
    let output = curl.wait_with_output().await.map_err(RemoteError::local("cannot wait for curl"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(download(url, &explain(output.status.code().unwrap_or(-1), &said)))
}

/// curl's exit codes in words; its manual lists them.
fn explain(code: i32, said: &str) -> String {
    let reason = match code {
        22 if said.contains("404") => "not found there; check the version and the download URL",
        22 => "the server refused it",
        5 | 6 => "the name does not resolve on the console",
        7 => "nothing answers there; check the address and the console's network",
        18 => "the download was cut off; try again",
        28 => "no answer in time; the console may have no way there",
        35 | 51 | 53 | 54 | 58 | 59 | 60 | 77 | 83 => "the server's certificate or its TLS is not accepted",
        52 | 56 => "the connection broke; try again",
        _ => "the download failed",
    };
    if said.is_empty() { reason.to_owned() } else { format!("{reason} ({said})") }
}

fn download(url: &str, detail: &str) -> RemoteError {
    RemoteError::Download { url: url.to_owned(), detail: detail.to_owned() }
}

async fn digest_of(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).await.ok()?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0u8; 128 << 10];
    loop {
        match file.read(&mut chunk).await.ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 302 Found\r\nContent-Length: 9\r\n\r\nHTTP/2 200 \r\ncontent-length: 5\r\n\r\n";

    #[test]
    fn curls_failures_have_words() {
        assert!(explain(22, "curl: (22) The requested URL returned error: 404").starts_with("not found"));
        assert!(explain(18, "").contains("cut off"));
        assert!(explain(60, "curl: (60) SSL").contains("certificate"));
    }

    proptest! {
        #[test]
        fn the_body_is_found_however_the_stream_is_cut(at in 0usize..140, other in 0usize..140) {
            let mut stream = HEAD.to_vec();
            stream.extend_from_slice(b"a\r\n\r\nb");
            let (first, last) = (at.min(other).min(stream.len()), at.max(other).min(stream.len()));
            let mut head = Head::default();
            let mut body = head.strip(&stream[..first]);
            body.extend(head.strip(&stream[first..last]));
            body.extend(head.strip(&stream[last..]));
            prop_assert_eq!(body, b"a\r\n\r\nb".to_vec());
            prop_assert_eq!(head.length, Some(5));
        }
    }
}
