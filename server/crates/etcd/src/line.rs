//! A connection with the login that goes over it. Invariant: whoever has a token shows it with every request, whatever
//! library makes the request.

use etcd_client::Channel as AnyChannel;
use http::{HeaderValue, Request, Response};
use std::task::{Context, Poll};
use tonic::{body::Body, client::GrpcService, transport::Channel};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

/// Where etcd looks for a token (`TokenFieldNameGRPC`).
const TOKEN: &str = "token";

/// One member's connection.
#[derive(Clone)]
pub struct Line {
    /// The connection.
    pub channel: Channel,
    /// The token of a login.
    pub token: Option<HeaderValue>,
}

impl Line {
    /// For etcd-client.
    pub fn any(self) -> AnyChannel {
        match self.token {
            None => AnyChannel::Tonic(self.channel),
            Some(_) => AnyChannel::Custom(BoxCloneSyncService::new(self.map_err(Into::into))),
        }
    }
}

impl Service<Request<Body>> for Line {
    type Response = Response<Body>;
    type Error = <Channel as GrpcService<Body>>::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.channel, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.token {
            request.headers_mut().insert(TOKEN, token.clone());
        }
        Service::call(&mut self.channel, request)
    }
}
