//! Where a member is and how to get there. Invariant: making a channel never dials; the first call does, and a broken
//! connection is dialled again by the next call.

use crate::{access::Access, error::EtcdError};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::{io::ErrorKind, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long one attempt to connect may take; calls with a shorter deadline end sooner.
const CONNECT: Duration = Duration::from_secs(3);
/// Pings on a connection that waits for an answer. etcd refuses a client that pings more often than every 5 s.
const PING_EVERY: Duration = Duration::from_secs(6);
const PING_ANSWER: Duration = Duration::from_secs(3);

/// The way to a member's client port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Straight to the host and port of the URL.
    Direct,
    /// Through a Unix socket that something (an SSH connection) forwards to the member; the URL then only names it.
    Unix(PathBuf),
}

/// One member's client port.
#[derive(Clone, Debug)]
pub struct MemberEndpoint {
    /// The client URL, `http://10.0.0.1:2379` or with `https`.
    pub url: String,
    /// How to get there.
    pub via: Via,
    /// What the cluster wants from its clients.
    pub access: Access,
}

impl MemberEndpoint {
    /// The member at `url`, reached directly.
    pub fn direct(url: impl Into<String>) -> Self {
        Self { url: url.into(), via: Via::Direct, access: Access::default() }
    }

    /// The member at `url`, reached through the socket at `path`.
    pub fn unix(url: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { url: url.into(), via: Via::Unix(path.into()), access: Access::default() }
    }

    /// The same, with what the cluster wants from its clients.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The URL, checked.
    fn uri(&self) -> Result<Uri, EtcdError> {
        let bad = |reason: &str| EtcdError::BadUrl { url: self.url.clone(), reason: reason.to_owned() };
        let uri: Uri = self.url.parse().map_err(|_| bad("it cannot be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") if self.access.has_tls() => {}
            Some("https") => return Err(bad("it speaks TLS, and no CA certificate was given for this cluster")),
            _ => return Err(bad("it must start with http:// or https://")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("it names no host"));
        }
        Ok(uri)
    }

    /// The transport with its limits, checked but not connected.
    ///
    /// # Errors
    /// [`EtcdError::BadUrl`] for what is no http URL with a host.
    pub(crate) fn transport(&self) -> Result<Endpoint, EtcdError> {
        let uri = self.uri()?;
        // The connector speaks TLS itself; tonic would insist on doing it for `https`.
        let plain: Uri = match self.url.strip_prefix("https://") {
            Some(rest) => format!("http://{rest}").parse().unwrap_or_else(|_| uri.clone()),
            None => uri.clone(),
        };
        Ok(Endpoint::from(plain)
            .origin(uri)
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER))
    }

    /// A fresh channel that connects at its first call. Needs a tokio runtime around it.
    pub(crate) fn channel(&self, transport: &Endpoint) -> Channel {
        if self.via == Via::Direct && !self.url.starts_with("https:") {
            return transport.connect_lazy();
        }
        let endpoint = self.clone();
        transport.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let endpoint = endpoint.clone();
            async move { endpoint.stream(b"h2").await.map(TokioIo::new) }
        }))
    }

    /// Why a member that speaks TLS closes the connection; none when it does not. In TLS 1.3 a member tells what it thinks
    /// of the client's certificate after the handshake, where a gRPC client only sees that the connection is gone.
    pub(crate) async fn refusal(&self) -> Option<EtcdError> {
        if !self.url.starts_with("https:") {
            return None;
        }
        let ask = async {
            let mut stream = self.stream(b"http/1.1").await?;
            let told = async {
                stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await?;
                stream.read_u8().await
            };
            told.await.map_err(|e| EtcdError::unreachable(Box::new(e)))
        };
        ask.await.err()
    }

    /// A connection that speaks `protocol` (ALPN's name; without TLS nobody asks).
    pub(crate) async fn stream(&self, protocol: &[u8]) -> Result<Box<dyn Stream>, EtcdError> {
        let uri = self.uri()?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme_str() == Some("https");
        let stream: std::io::Result<Box<dyn Stream>> = match &self.via {
            Via::Unix(path) => UnixStream::connect(path).await.map(|s| Box::new(s) as Box<dyn Stream>),
            Via::Direct => {
                let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
                TcpStream::connect((host.as_str(), port)).await.map(|s| Box::new(s) as Box<dyn Stream>)
            }
        };
        let stream = stream.map_err(|e| EtcdError::unreachable(Box::new(e)))?;
        let Some(tls) = self.access.tls.as_ref().filter(|_| secure) else { return Ok(stream) };
        let mut config = (**tls).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from(host).map_err(|_| EtcdError::BadUrl {
            url: self.url.clone(),
            reason: "its host is no name that a certificate can have".into(),
        })?;
        match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(secured) => Ok(Box::new(secured)),
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                let reason = "it ends the connection where TLS begins: it seems not to speak TLS at this port".into();
                Err(EtcdError::Unreachable { reason, source: Box::new(e) })
            }
            Err(e) => Err(EtcdError::unreachable(Box::new(e))),
        }
    }
}

/// A connection of either kind.
pub(crate) trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_urls_with_a_host_are_taken() {
        for good in ["http://10.0.0.1:2379", "http://[::1]:2379", "http://node-1:2379/"] {
            assert!(MemberEndpoint::direct(good).transport().is_ok(), "{good}");
        }
        for bad in ["", "10.0.0.1:2379", "https://10.0.0.1:2379", "unix:///run/x", "http://", "http:// x"] {
            assert!(matches!(MemberEndpoint::direct(bad).transport(), Err(EtcdError::BadUrl { .. })), "{bad}");
        }
    }
}
