//! Where a request comes from and whom it means. Invariant: `X-Forwarded-For` counts only from a declared proxy, and
//! a `Host` that is neither the public URL nor a loopback name (DNS rebinding) reaches no handler.

use crate::{
    api::problem::ApiProblem,
    http::{cidr::Cidr, public_url::PublicUrl},
};
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use quorate_domain::{Problem, ProblemKind};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The client's address, for throttling, audit rows and the metrics gate.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub IpAddr);

/// What the layer needs to know.
#[derive(Clone, Debug)]
pub struct Site {
    /// The URL people type.
    pub public_url: PublicUrl,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted: Arc<[Cidr]>,
}

impl Site {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|cidr| cidr.contains(address))
    }

    /// The client behind `peer`: the last forwarded address that is not a trusted proxy itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            // Whatever stands left of something unreadable was not written by a trusted proxy.
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }
}

/// The layer.
pub async fn check(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() else {
        return ApiProblem(Problem::new(ProblemKind::Internal, "The connection has no address")).into_response();
    };
    let peer = peer.ip().to_canonical();
    let client = site.client(peer, request.headers()).to_canonical();
    request.extensions_mut().insert(Source(client));
    // A balancer's probe knows the address only, and these answers say nothing.
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let host = request.uri().authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| request.headers().get(header::HOST).and_then(|value| value.to_str().ok()));
    if !host.is_some_and(|host| site.public_url.accepts_host(host)) {
        let problem = Problem::new(ProblemKind::Forbidden, "This console does not go by that name")
            .with_detail(format!("It is {}; another name is set with --public-url.", site.public_url));
        return ApiProblem(problem).into_response();
    }
    if !peer.is_loopback() && !site.trusts(peer) {
        let problem = Problem::new(ProblemKind::Forbidden, "This console answers its proxy and its own machine only")
            .with_detail(format!("Use {}; proxies are declared with --trusted-proxy.", site.public_url));
        return ApiProblem(problem).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_only_from_a_trusted_proxy() {
        let trusted: Arc<[Cidr]> = ["10.0.0.0/8".parse().expect("cidr")].into();
        let site = Site { public_url: PublicUrl::plain(([127, 0, 0, 1], 3000).into()), trusted };
        let client = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("value"));
            site.client(peer.parse().expect("address"), &headers).to_string()
        };
        assert_eq!(client("192.0.2.9", "1.2.3.4"), "192.0.2.9");
        assert_eq!(client("10.0.0.1", "1.2.3.4"), "1.2.3.4");
        assert_eq!(client("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2"), "1.2.3.4", "a client's own claim is not believed");
        assert_eq!(client("10.0.0.1", "6.6.6.6, junk"), "10.0.0.1");
    }
}
