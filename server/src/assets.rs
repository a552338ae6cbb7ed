//! The browser half and the styles, out of the binary. Invariant: what is served is what was built in; the ETag is the
//! content's hash, and browsers ask again each time (`no-cache`), so that an open tab never mixes two releases.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
#[allow_missing = true]
struct Site;

/// Whether `path` is a file of the site.
pub fn is_asset(path: &str) -> bool {
    key(path).is_some_and(|key| Site::get(key).is_some())
}

fn key(path: &str) -> Option<&str> {
    path.strip_prefix('/').filter(|key| !key.is_empty() && !key.ends_with(".br") && !key.ends_with(".gz"))
}

/// Answers a request for a file of the site; none when there is no such file.
pub fn serve(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let key = key(path)?;
    let plain = Site::get(key)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    let kind = mime_guess::from_path(key).first_or_octet_stream();
    let (file, encoding) = encoded(key, plain, headers);
    let tag = etag(&file, encoding);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let length = file.data.len();
        let mut response =
            if *method == Method::HEAD { ().into_response() } else { file.data.into_owned().into_response() };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Ok(kind) = HeaderValue::from_str(kind.as_ref()) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Some(response)
}

fn encoded(key: &str, plain: EmbeddedFile, headers: &HeaderMap) -> (EmbeddedFile, Option<&'static str>) {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    for (encoding, suffix) in [("br", "br"), ("gzip", "gz")] {
        if accepts(accepted, encoding)
            && let Some(file) = Site::get(&format!("{key}.{suffix}"))
        {
            return (file, Some(encoding));
        }
    }
    (plain, None)
}

/// Whether `Accept-Encoding` names `encoding` and does not refuse it with `q=0`.
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|part| {
        let (name, weight) = part.split_once(';').map_or((part, ""), |(name, weight)| (name, weight));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn etag(file: &EmbeddedFile, encoding: Option<&str>) -> String {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}{}\"", encoding.map_or(String::new(), |encoding| format!("-{encoding}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_chosen_by_name_and_weight() {
        assert!(accepts("gzip, deflate, br", "br") && accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip, deflate", "br") && !accepts("br;q=0, gzip", "br") && !accepts("", "gzip"));
    }

    #[test]
    fn compressed_twins_have_no_address_of_their_own() {
        assert_eq!(key("/pkg/quorate.wasm"), Some("pkg/quorate.wasm"));
        assert_eq!((key("/pkg/quorate.wasm.br"), key("/")), (None, None));
    }
}
