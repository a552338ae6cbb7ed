//! Requests that another site makes a browser send. Invariant: on routes that take the cookie, everything that is not
//! a plain page load carries proof that this very site made it, server functions and the event stream included
//! whatever their method. `/api/v1` takes no cookie and needs none of this.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};
use quorate_domain::{Problem, ProblemKind};

use crate::api::problem::ApiProblem;

/// The layer.
pub async fn check(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if is_page_load(request.method(), path) || made_here(request.headers()) {
        next.run(request).await
    } else {
        tracing::warn!(path, "a request of another site was refused");
        let problem = Problem::new(ProblemKind::Forbidden, "This request came from another site")
            .with_detail("If it did not, the proxy in front must pass the headers Host, Origin and Sec-Fetch-Site on.");
        ApiProblem(problem).into_response()
    }
}

/// Whether it only shows something. A file does more: a link to a masked value would write in the name of whoever follows
/// it that it was revealed.
fn is_page_load(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        && !path.starts_with("/rpc/")
        && !path.starts_with("/transfers/")
        && path != "/events"
}

/// Whether the browser says that the request comes from this site. Programs other than browsers send neither header,
/// and nobody makes them send a cookie unawares.
fn made_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site_ok = text("sec-fetch-site".parse::<http::HeaderName>().unwrap_or(header::ORIGIN))
        .is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(header::HOST).unwrap_or_default();
    let origin_ok = text(header::ORIGIN).is_none_or(|origin| {
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    });
    site_ok && origin_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_be_linked_to_and_a_file_may_not() {
        assert!(is_page_load(&Method::GET, "/clusters/c-1/keys"));
        for path in ["/transfers/clusters/c-1/value", "/rpc/keys_page", "/events"] {
            assert!(!is_page_load(&Method::GET, path), "{path}");
        }
        assert!(!is_page_load(&Method::POST, "/login"));
    }

    fn made(site: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "q.example".parse().expect("value"));
        if let Some(site) = site {
            headers.insert("sec-fetch-site", site.parse().expect("value"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("value"));
        }
        made_here(&headers)
    }

    #[test]
    fn both_headers_must_agree_when_they_are_there() {
        assert!(made(Some("same-origin"), Some("https://q.example")));
        assert!(made(None, Some("http://Q.example")));
        assert!(made(None, None));
        assert!(!made(Some("cross-site"), None));
        assert!(!made(Some("same-site"), Some("https://q.example")));
        assert!(!made(Some("same-origin"), Some("https://evil.example")));
        assert!(!made(None, Some("null")));
        assert!(!made(None, Some("https://q.example.evil")));
    }
}
