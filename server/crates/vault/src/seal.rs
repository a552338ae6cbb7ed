//! age around what goes into a vault and comes out of it. Invariant: X25519 recipients and identities only, so that every age tool
//! opens it with one line of text; an identity is held as parsed and never printed.

use crate::{error::VaultError, sink::Sink, vault::ByteStream};
use age::{
    DecryptError, Decryptor, Encryptor,
    stream::StreamWriter,
    x25519::{Identity, Recipient},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::ready, stream};
use secrecy::{ExposeSecret, SecretString};
use std::io::{self, ErrorKind, Write};
use tokio_util::{compat::FuturesAsyncReadCompatExt, io::ReaderStream};

/// What every file that age encrypted begins with.
const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// age seals 64 KiB at a time.
const CHUNK: usize = 64 * 1024;
const CUT: &str = "its end is missing, so it cannot be decrypted";

/// A recipient from its text.
///
/// # Errors
/// When it is none.
pub(crate) fn recipient(text: &str) -> Result<Recipient, VaultError> {
    text.trim().parse().map_err(|_| VaultError::Setting {
        field: "recipient",
        what: "This is no age recipient; `age-keygen` prints one behind \"public key:\", it starts with age1".into(),
    })
}

/// An identity from its text. Comments and empty lines, as `age-keygen` writes them, are passed over.
///
/// # Errors
/// When it is none.
pub(crate) fn identity(text: &SecretString) -> Result<Identity, VaultError> {
    let line = text.expose_secret().lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    line.and_then(|line| line.parse().ok()).ok_or_else(|| VaultError::Setting {
        field: "identity",
        what: "This is no age identity; `age-keygen` writes one, it starts with AGE-SECRET-KEY-1".into(),
    })
}

/// The recipient of what an identity decrypts, as text.
///
/// # Errors
/// When the text is no identity.
pub fn recipient_of(text: &SecretString) -> Result<String, VaultError> {
    Ok(identity(text)?.to_public().to_string())
}

/// Writes into a sink, encrypted or as it is.
pub(crate) enum Coat {
    Plain(Box<dyn Sink>),
    Age(StreamWriter<Box<dyn Sink>>),
}

impl Coat {
    /// Around `sink`; encrypted where there is a recipient.
    pub(crate) fn around(sink: Box<dyn Sink>, recipient: Option<&Recipient>) -> io::Result<Self> {
        let Some(recipient) = recipient else { return Ok(Self::Plain(sink)) };
        let encryptor =
            Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient)).map_err(io::Error::other)?;
        Ok(Self::Age(encryptor.wrap_output(sink)?))
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.write_all(bytes),
            Self::Age(writer) => writer.write_all(bytes),
        }
    }

    /// Writes what ends the encryption, and hands the sink back.
    pub(crate) fn finish(self) -> io::Result<Box<dyn Sink>> {
        match self {
            Self::Plain(sink) => Ok(sink),
            Self::Age(writer) => writer.finish(),
        }
    }
}

/// Decrypts `bytes`, which are those of the file `name`.
///
/// # Errors
/// When it is for another recipient, or damaged in its head; damage further on is an item of the stream.
pub(crate) async fn open(name: &str, identity: &Identity, bytes: ByteStream) -> Result<ByteStream, VaultError> {
    let of = name.to_owned();
    let failed = move |error: io::Error| match crate::error::carried(&error) {
        Some(own) => own,
        None => VaultError::Corrupt { name: of.clone(), what: damage(&error).into() },
    };
    let input = recognised(name, bytes).await?.map_err(io::Error::other).into_async_read();
    let decryptor = Decryptor::new_async_buffered(input).await.map_err(|error| match error {
        DecryptError::Io(error) => failed(error),
        _ => VaultError::Corrupt {
            name: name.to_owned(),
            what: "its head is not that of a file encrypted by age".into(),
        },
    })?;
    let reader =
        decryptor.decrypt_async(std::iter::once(identity as &dyn age::Identity)).map_err(|error| match error {
            DecryptError::NoMatchingKeys => VaultError::WrongIdentity { name: name.to_owned() },
            DecryptError::Io(error) => failed(error),
            _ => VaultError::Corrupt {
                name: name.to_owned(),
                what: "its head was changed after it was encrypted".into(),
            },
        })?;
    let plain = ReaderStream::with_capacity(reader.compat(), CHUNK).map_err(failed);
    // A reader that failed once is not asked again.
    Ok(stream::try_unfold(plain, async |mut plain| Ok(plain.try_next().await?.map(|bytes| (bytes, plain)))).boxed())
}

/// age looks for the end of a line however far it is: what is none of its files must not reach it.
async fn recognised(name: &str, mut bytes: ByteStream) -> Result<ByteStream, VaultError> {
    let mut head = Vec::new();
    while head.len() < MAGIC.len() {
        let Some(chunk) = bytes.try_next().await? else { break };
        head.extend_from_slice(&chunk);
    }
    if head.starts_with(MAGIC) {
        return Ok(stream::once(ready(Ok(Bytes::from(head)))).chain(bytes).boxed());
    }
    let what = if MAGIC.starts_with(&head) { CUT } else { "its head is not that of a file encrypted by age" };
    Err(VaultError::Corrupt { name: name.to_owned(), what: what.into() })
}

fn damage(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::UnexpectedEof => CUT,
        _ => "its bytes were changed, or its end cut off, after it was encrypted",
    }
}
