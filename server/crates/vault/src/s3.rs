//! A vault in a bucket. Invariant: a snapshot is a multipart upload, so nothing is visible before `complete`, and every way out but
//! that aborts it; what the store got is proven by the SHA-256 in each part's signature. The store is never asked without bounds.

mod classify;
mod upload;

use crate::{error::VaultError, sink::Sink, vault::ByteStream};
use classify::{Asked, classify};
use futures::{StreamExt, TryStreamExt};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use secrecy::{ExposeSecret, SecretString};
use std::{ops::Range, sync::Arc, time::Duration};

/// How the bucket is reached.
pub(crate) struct Settings<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) region: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a SecretString,
}

/// The bucket. Its client would print the secret, so this prints none of it.
#[derive(Clone)]
pub(crate) struct Bucket {
    store: Arc<AmazonS3>,
    /// The same with little patience, for somebody who waits before a form.
    brisk: Arc<AmazonS3>,
    endpoint: Arc<str>,
    place: Arc<str>,
    bucket: Arc<str>,
    prefix: Path,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)
    }
}

impl Bucket {
    /// Makes the clients; asks nothing yet.
    pub(crate) fn new(settings: &Settings<'_>) -> Result<Self, VaultError> {
        // reqwest comes without a provider of its own; whoever installed one before installed this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = settings.endpoint.trim().trim_end_matches('/');
        let shown = if endpoint.is_empty() { "AWS" } else { endpoint };
        Ok(Self {
            store: Arc::new(client(settings, endpoint, 5, Duration::from_secs(60))?),
            brisk: Arc::new(client(settings, endpoint, 1, Duration::from_secs(3))?),
            endpoint: shown.into(),
            place: format!("The bucket {} at {shown}", settings.bucket).into(),
            bucket: settings.bucket.into(),
            prefix: Path::from(settings.prefix.trim_matches('/')),
        })
    }

    pub(crate) fn brisk(&self) -> Self {
        Self { store: Arc::clone(&self.brisk), ..self.clone() }
    }

    fn at(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    /// What a failed request for `name` means.
    fn failed(&self, name: &str, doing: &str, error: &Error) -> VaultError {
        classify(error, Asked { endpoint: &self.endpoint, place: &self.place, bucket: &self.bucket, name, doing })
    }

    /// A sink for an object that is not there yet.
    pub(crate) async fn create(&self, name: &str) -> Result<Box<dyn Sink>, VaultError> {
        match self.size(name).await {
            Ok(_) => Err(VaultError::Taken { name: name.to_owned() }),
            Err(VaultError::NotThere { .. }) => Ok(Box::new(upload::begin(self.clone(), name.to_owned()).await?)),
            Err(error) => Err(error),
        }
    }

    /// Writes a small object as a snapshot is written.
    pub(crate) async fn try_upload(&self, name: &str, bytes: Vec<u8>) -> Result<(), VaultError> {
        let tried = async {
            let mut upload = self.store.put_multipart(&self.at(name)).await?;
            let put = upload.put_part(bytes.into()).await;
            match put {
                Ok(()) => upload.complete().await.map(drop),
                Err(error) => {
                    // Best effort: the reason is the one above.
                    let _ = upload.abort().await;
                    Err(error)
                }
            }
        };
        tried.await.map_err(|error| self.failed(name, "write", &error))
    }

    /// Writes a small object, in the place of one that is there.
    pub(crate) async fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<(), VaultError> {
        let put = self.store.put(&self.at(name), PutPayload::from(bytes)).await;
        put.map(drop).map_err(|error| self.failed(name, "write", &error))
    }

    /// Asked by a GET of one byte: the answer to a HEAD has no body, so would not tell a missing bucket from a missing object, nor a
    /// wrong key from a forbidden one.
    pub(crate) async fn size(&self, name: &str) -> Result<u64, VaultError> {
        match self.store.get_opts(&self.at(name), GetOptions::new().with_range(Some(0..1_u64))).await {
            Ok(found) => Ok(found.meta.size),
            // An empty object has no first byte.
            Err(Error::Generic { source, .. }) if is_past_the_end(&source.to_string()) => Ok(0),
            Err(error) => Err(self.failed(name, "read", &error)),
        }
    }

    /// The bytes of `range` or all, how many those are, and how many there are in all.
    pub(crate) async fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Found, VaultError> {
        let options = GetOptions::new().with_range(range);
        let found = self.store.get_opts(&self.at(name), options).await;
        let found = found.map_err(|error| self.failed(name, "read", &error))?;
        let (bytes, total) = (found.range.end - found.range.start, found.meta.size);
        let (bucket, of) = (self.clone(), name.to_owned());
        let stream = found.into_stream().map_err(move |error| bucket.failed(&of, "read", &error)).boxed();
        Ok(Found { bytes, total, stream })
    }

    /// Names and lengths, without what is deeper.
    pub(crate) async fn list(&self) -> Result<Vec<(String, u64)>, VaultError> {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let listed =
            self.store.list_with_delimiter(prefix).await.map_err(|error| self.failed("", "list it", &error))?;
        let named =
            listed.objects.into_iter().filter_map(|meta| Some((meta.location.filename()?.to_owned(), meta.size)));
        Ok(named.collect())
    }

    /// Well if it is not there.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), VaultError> {
        match self.store.delete(&self.at(name)).await {
            Ok(()) => Ok(()),
            Err(error) => match self.failed(name, "delete", &error) {
                VaultError::NotThere { .. } => Ok(()),
                other => Err(other),
            },
        }
    }
}

/// An object that is there.
pub(crate) struct Found {
    pub(crate) bytes: u64,
    pub(crate) total: u64,
    pub(crate) stream: ByteStream,
}

fn client(settings: &Settings<'_>, endpoint: &str, retries: usize, patience: Duration) -> Result<AmazonS3, VaultError> {
    // A database takes longer than any bound on a whole request; silence is what is bounded.
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(120))
        .with_allow_http(endpoint.starts_with("http://"));
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(10), base: 2.0 };
    let region = if settings.region.is_empty() { "us-east-1" } else { settings.region };
    let mut builder = AmazonS3Builder::new()
        .with_client_options(options)
        .with_retry(RetryConfig { backoff, max_retries: retries, retry_timeout: patience })
        .with_region(region)
        .with_bucket_name(settings.bucket)
        .with_access_key_id(settings.access_key_id)
        .with_secret_access_key(settings.secret_access_key.expose_secret())
        // Not every store has the bulk call, and one object goes at a time.
        .with_disable_bulk_delete(true);
    if !endpoint.is_empty() {
        builder = builder.with_endpoint(endpoint);
    }
    builder.build().map_err(|error| VaultError::Setting {
        field: "endpoint",
        what: format!(
            "The store's client cannot be made from this endpoint ({error}); give a URL that starts with https://"
        ),
    })
}
/// Whether the store said that a range lies behind the end. The text also names the object and how long it took, so that a bare
/// number in it says nothing.
fn is_past_the_end(text: &str) -> bool {
    text.contains("status code: 416")
        || text.contains("416 Range Not Satisfiable")
        || text.contains("<Code>InvalidRange</Code>")
}
