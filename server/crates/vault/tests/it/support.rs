//! A folder, an S3 server and a wire that can be cut. Invariant: the server checks signatures and keeps real files; the wire cuts after
//! so many bytes, exactly, whatever the client is doing then.

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use quorate_domain::snapshots::VaultPlace;
use quorate_vault::{Vault, VaultError, VaultSecrets};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use secrecy::SecretString;
use std::{
    convert::Infallible,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) const ID: &str = "AKQUORATE";
pub(crate) const SECRET: &str = "a-secret-that-is-not-told";
pub(crate) const BUCKET: &str = "snapshots";

/// A private folder.
pub(crate) fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).expect("its mode");
    dir
}

pub(crate) fn local(path: &Path) -> Vault {
    sealed(path, None, None).expect("a vault")
}

pub(crate) fn sealed(path: &Path, recipient: Option<&str>, identity: Option<&str>) -> Result<Vault, VaultError> {
    let place = VaultPlace::Local { directory: path.display().to_string() };
    let identity = identity.map(|text| SecretString::from(text.to_owned()));
    Vault::open(&place, recipient, &VaultSecrets { secret_access_key: None, identity })
}

/// Bytes that do not repeat soon, the same every time.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(bytes)
    .collect()
}

pub(crate) fn chunks(
    bytes: &[u8],
    size: usize,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Unpin + use<> {
    let chunks: Vec<_> = bytes.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks)
}

pub(crate) async fn all(stream: quorate_vault::ByteStream) -> Result<Vec<u8>, VaultError> {
    stream.map_ok(|bytes| bytes.to_vec()).try_concat().await
}

pub(crate) async fn names(vault: &Vault) -> Vec<String> {
    vault.list().await.expect("a list").into_iter().map(|entry| entry.name).collect()
}

/// What lies in a folder, hidden files too.
pub(crate) fn files(path: &Path) -> Vec<String> {
    let found = std::fs::read_dir(path).expect("the folder");
    let mut found: Vec<_> =
        found.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect();
    found.sort();
    found
}

/// An S3 server with one bucket and one key.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    root: TempDir,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().expect("a root");
        std::fs::create_dir(root.path().join(BUCKET)).expect("a bucket");
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).expect("a file system"));
        service.set_auth(SimpleAuth::from_single(ID, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // A client that goes away is no failure of the server.
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, root, task }
    }

    pub(crate) fn vault(&self) -> Vault {
        vault(self.address, BUCKET, SECRET).expect("a vault")
    }

    /// Where the server keeps the bucket's objects.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }

    /// Parts of uploads that are neither completed nor aborted.
    pub(crate) fn parts(&self) -> usize {
        files(self.root.path()).iter().filter(|name| name.contains(".part-")).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn vault(address: SocketAddr, bucket: &str, secret: &str) -> Result<Vault, VaultError> {
    vault_of(address, bucket, ID, secret, None)
}

pub(crate) fn vault_of(
    address: SocketAddr,
    bucket: &str,
    id: &str,
    secret: &str,
    recipient: Option<(&str, &str)>,
) -> Result<Vault, VaultError> {
    let place = VaultPlace::S3 {
        endpoint: format!("http://{address}"),
        region: String::new(),
        bucket: bucket.to_owned(),
        prefix: "console/one".to_owned(),
        access_key_id: id.to_owned(),
    };
    let secrets = VaultSecrets {
        secret_access_key: Some(secret.to_owned().into()),
        identity: recipient.map(|(_, identity)| identity.to_owned().into()),
    };
    Vault::open(&place, recipient.map(|(recipient, _)| recipient), &secrets)
}

/// A wire to a server, which lets so many bytes of the client through and then cuts all its connections.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    left: Arc<AtomicI64>,
    task: JoinHandle<()>,
}

impl Wire {
    /// After the cut it is whole again if `heals`, else nothing passes any more.
    pub(crate) async fn to(server: SocketAddr, bytes: i64, heals: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let left = Arc::new(AtomicI64::new(bytes));
        let counter = Arc::clone(&left);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if counter.load(Ordering::SeqCst) > 0 || heals {
                    tokio::spawn(carry(client, server, Arc::clone(&counter), heals));
                }
            }
        });
        Self { address, left, task }
    }

    pub(crate) fn was_cut(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Both directions of one connection until either ends or the cut comes.
async fn carry(client: TcpStream, server: SocketAddr, left: Arc<AtomicI64>, heals: bool) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            let before = left.fetch_sub(read as i64, Ordering::SeqCst);
            // A wire that heals cuts the one connection that meets the end.
            let cut = before <= read as i64 && (before > 0 || !heals);
            if cut || to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
