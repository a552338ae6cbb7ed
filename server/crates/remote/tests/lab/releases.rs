//! Archives from the lab's mirror, and from servers that fail in the ways mirrors do.

use super::support::archive;
use quorate_domain::version::{Arch, Version};
use quorate_remote::{
    RemoteError,
    releases::{DigestTrust, Progress, Release, fetch_release},
};
use std::{fs, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const MIRROR: &str = "http://10.77.0.1:8000";
const GUIDE: Version = Version::new(3, 5, 16);

async fn fetch(base: &str, version: Version, dir: &Path) -> (Result<Release, RemoteError>, Vec<Progress>) {
    let mut seen = Vec::new();
    let release = fetch_release(base, version, Arch::Amd64, dir, &mut |progress| seen.push(progress)).await;
    (release, seen)
}

#[tokio::test]
async fn an_archive_is_verified_and_kept() {
    let size = fs::metadata(archive()).expect("the mirror's archive").len();
    let dir = tempfile::tempdir().expect("dir");
    let (release, seen) = fetch(MIRROR, GUIDE, dir.path()).await;
    let release = release.expect("release");
    assert_eq!(release.trust, DigestTrust::Mirror);
    assert_eq!(fs::metadata(&release.path).expect("file").len(), size);
    assert_eq!(seen.last(), Some(&Progress { done: size, total: Some(size) }));
    let (again, seen) = fetch(MIRROR, GUIDE, dir.path()).await;
    assert_eq!((again.expect("cached"), seen.len()), (release.clone(), 0));
    fs::write(&release.path, b"rotten").expect("write");
    let (again, seen) = fetch(MIRROR, GUIDE, dir.path()).await;
    assert!(again.expect("again") == release && !seen.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().expect("dir");
    let (missing, _) = fetch(MIRROR, Version::new(3, 9, 9), dir.path()).await;
    let missing = missing.expect_err("missing").to_string();
    assert!(missing.contains("not found there") && missing.contains("v3.9.9"), "{missing}");
    let (closed, _) = fetch("http://10.77.0.1:9", GUIDE, dir.path()).await;
    let closed = closed.expect_err("closed").to_string();
    assert!(closed.contains("nothing answers"), "{closed}");
}

/// A server that gives `sums` and `archive`, the latter announced with `length` bytes.
async fn serve(sums: String, archive: &'static [u8], length: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let base = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0u8; 2048];
            let n = stream.read(&mut request).await.unwrap_or(0);
            let sums_wanted = request[..n].windows(10).any(|w| w == b"SHA256SUMS");
            let (body, length) = if sums_wanted { (sums.as_bytes(), sums.len()) } else { (archive, length) };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(body).await;
            let _ = stream.shutdown().await;
        }
    });
    base
}

#[tokio::test]
async fn a_cut_download_and_a_wrong_archive_are_refused() {
    let sums = format!("{}  etcd-v3.5.16-linux-amd64.tar.gz\n", "0".repeat(64));
    let dir = tempfile::tempdir().expect("dir");
    let cut = fetch(&serve(sums.clone(), b"half", 8).await, GUIDE, dir.path()).await.0.expect_err("cut").to_string();
    assert!(cut.contains("cut off"), "{cut}");
    let wrong = fetch(&serve(sums.clone(), b"wrong", 5).await, GUIDE, dir.path()).await.0.expect_err("wrong");
    assert!(matches!(&wrong, RemoteError::Checksum { expected, .. } if expected.starts_with("000")), "{wrong}");
    let other = fetch(&serve("nothing\n".into(), b"", 0).await, GUIDE, dir.path()).await.0.expect_err("no sum");
    assert!(other.to_string().contains("it lists no"), "{other}");
    let whole =
        fs::read_dir(dir.path()).expect("dir").flatten().filter(|e| e.path().extension().is_some_and(|x| x == "gz"));
    assert_eq!(whole.count(), 0);
}
