//! The plain-HTTP answers of the client port (`/health`, `/metrics`), over the same way as gRPC. Invariant: bodies are
//! capped; the caller sets the deadline.

use crate::{endpoint::MemberEndpoint, error::EtcdError};
use http::{Request, header::HOST};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

/// A member's metrics are some 150 KiB; more than this is not an etcd.
const CAP: usize = 4 << 20;

/// The answer of `/health`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HealthAnswer {
    /// `"true"` or `"false"`: etcd writes it as text.
    health: String,
    /// Why not, in etcd's words; etcd tells it from 3.5 on.
    #[serde(default)]
    pub reason: String,
}

impl HealthAnswer {
    /// Whether the member calls itself healthy.
    pub fn healthy(&self) -> bool {
        self.health == "true"
    }
}

/// The body at `path`. etcd answers an unhealthy `/health` with 503 and the same body, so the code is not judged unless
/// there is nothing to read.
pub(crate) async fn get(endpoint: &MemberEndpoint, path: &str) -> Result<String, EtcdError> {
    let broken = |e: hyper::Error| EtcdError::unreachable(Box::new(e));
    let stream = endpoint.stream(b"http/1.1").await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let authority = endpoint.url.split_once("://").map_or(&*endpoint.url, |(_, rest)| rest).trim_end_matches('/');
    let request = Request::get(path)
        .header(HOST, authority)
        .body(Empty::<Bytes>::new())
        .map_err(|e| EtcdError::Malformed(e.to_string()))?;
    let ask = async {
        let reply = sender.send_request(request).await.map_err(broken)?;
        let code = reply.status();
        let body = Limited::new(reply.into_body(), CAP).collect().await.map_err(EtcdError::unreachable)?.to_bytes();
        if body.is_empty() || code.is_redirection() || code == http::StatusCode::NOT_FOUND {
            return Err(EtcdError::Malformed(format!("{path} answered {code}")));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    };
    // The connection must be driven for the answer to come, and ends with it.
    let drive = async {
        match connection.await {
            Ok(()) => std::future::pending().await,
            Err(e) => broken(e),
        }
    };
    tokio::select! {
        biased;
        answer = ask => answer,
        error = drive => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_text_in_json() {
        let read = |text: &str| serde_json::from_str::<HealthAnswer>(text).expect("json");
        assert!(read(r#"{"health":"true","reason":""}"#).healthy());
        let ill = read(r#"{"health":"false","reason":"RAFT NO LEADER"}"#);
        assert_eq!((ill.healthy(), ill.reason.as_str()), (false, "RAFT NO LEADER"));
        assert!(read(r#"{"health":"true"}"#).healthy());
    }
}
