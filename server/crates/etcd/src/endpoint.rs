//! Where a member is and how to get there. Invariant: making a channel never dials; the first call does, and a broken
//! connection is dialled again by the next call.

use crate::error::EtcdError;
use hyper_util::rt::TokioIo;
use std::{path::PathBuf, time::Duration};
use tokio::net::{TcpStream, UnixStream};
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberEndpoint {
    /// The client URL, `http://10.0.0.1:2379`.
    pub url: String,
    /// How to get there.
    pub via: Via,
}

impl MemberEndpoint {
    /// The member at `url`, reached directly.
    pub fn direct(url: impl Into<String>) -> Self {
        Self { url: url.into(), via: Via::Direct }
    }

    /// The member at `url`, reached through the socket at `path`.
    pub fn unix(url: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { url: url.into(), via: Via::Unix(path.into()) }
    }

    /// The transport with its limits, checked but not connected.
    ///
    /// # Errors
    /// [`EtcdError::BadUrl`] for what is no http URL with a host.
    pub(crate) fn transport(&self) -> Result<Endpoint, EtcdError> {
        let bad = |reason: &str| EtcdError::BadUrl { url: self.url.clone(), reason: reason.to_owned() };
        let uri: Uri = self.url.parse().map_err(|_| bad("it cannot be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(bad("this console does not speak TLS to etcd yet")),
            _ => return Err(bad("it must start with http://")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("it names no host"));
        }
        Ok(Endpoint::from(uri)
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER))
    }

    /// A fresh channel that connects at its first call. Needs a tokio runtime around it.
    pub(crate) fn channel(&self, transport: &Endpoint) -> Channel {
        match &self.via {
            Via::Direct => transport.connect_lazy(),
            Via::Unix(path) => {
                let path = path.clone();
                transport.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
                    let path = path.clone();
                    async move { UnixStream::connect(path).await.map(TokioIo::new) }
                }))
            }
        }
    }

    /// A plain connection, for HTTP/1 beside gRPC.
    pub(crate) async fn stream(&self) -> Result<Box<dyn Stream>, EtcdError> {
        let uri = self.transport()?.uri().clone();
        let stream: std::io::Result<Box<dyn Stream>> = match &self.via {
            Via::Unix(path) => UnixStream::connect(path).await.map(|s| Box::new(s) as Box<dyn Stream>),
            Via::Direct => {
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
                let port = uri.port_u16().unwrap_or(80);
                TcpStream::connect((host, port)).await.map(|s| Box::new(s) as Box<dyn Stream>)
            }
        };
        stream.map_err(|e| EtcdError::unreachable(Box::new(e)))
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
