//! Tunnels: private, stable, and honest about what is beyond.

use super::support::*;
use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::{io::AsyncReadExt, net::UnixStream};

/// What the far end says first; sshd greets by itself. Empty when the connection is closed without a word.
async fn greeting(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).await.expect("socket");
    let mut bytes = [0u8; 7];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut bytes)).await.expect("an answer");
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_tunnel_is_private_and_survives_a_broken_connection() {
    let (stage, host) = connected("root").await;
    let path = host.tunnel("127.0.0.1", 22).await.expect("tunnel");
    assert_eq!(path.metadata().expect("socket").permissions().mode() & 0o777, 0o600);
    assert!(path.starts_with(stage.console.dir.path()));
    assert_eq!(host.tunnel("127.0.0.1", 22).await.expect("tunnel"), path);
    assert_ne!(host.tunnel("127.0.0.1", 2379).await.expect("tunnel"), path);
    for _ in 0..3 {
        assert_eq!(greeting(&path).await, "SSH-2.0");
        cut(&host).await;
    }
    assert_eq!(greeting(&path).await, "SSH-2.0");
    assert_eq!(host.tunnel_problem("127.0.0.1", 22), None);
    stage.console.pool.forget(host.id()).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_closed_port_beyond_closes_the_connection_and_says_why() {
    let (_stage, host) = connected("ops").await;
    let path = host.tunnel("127.0.0.1", 9).await.expect("tunnel");
    assert_eq!(greeting(&path).await, "");
    until(Duration::from_secs(5), "the reason", async || host.tunnel_problem("127.0.0.1", 9).is_some()).await;
    let problem = host.tunnel_problem("127.0.0.1", 9).expect("problem");
    assert!(problem.contains("Connection refused"), "{problem}");
}
