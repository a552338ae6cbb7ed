//! What every request passes: host names, other sites, headers, assets, sizes.

use crate::support::App;
use quorate_domain::{ClusterId, Role, keys::MERGE_MAX};
use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};

#[tokio::test(flavor = "multi_thread")]
async fn only_own_names_are_answered() {
    let app = App::with_users().await;
    let status = async |host: &str, path: &str| {
        Client::new().get(app.url(path)).header("host", host).send().await.expect(host).status()
    };
    for path in ["/login", "/api/v1/openapi.json", "/metrics", "/events", "/pkg/x.js"] {
        assert_eq!(status("evil.example", path).await, StatusCode::FORBIDDEN, "{path}");
        assert_ne!(status("localhost:3000", path).await, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(status("evil.example", "/healthz").await, StatusCode::OK, "a balancer knows the address only");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_cannot_make_a_browser_act() {
    let app = App::with_users().await;
    let here = format!("http://{}", app.address);
    let evil = "https://evil.example";
    let cases: [(&str, Option<&str>, Option<&str>, bool); 9] = [
        ("own page", Some("same-origin"), Some(&here), true),
        ("own page without Sec-Fetch-Site", None, Some(&here), true),
        ("a program", None, None, true),
        ("another site", Some("cross-site"), Some(evil), false),
        ("another site without Origin", Some("cross-site"), None, false),
        ("another site in an old browser", None, Some(evil), false),
        ("a sibling host", Some("same-site"), Some("http://other.localhost"), false),
        ("a sandboxed frame", None, Some("null"), false),
        ("two that disagree", Some("same-origin"), Some(evil), false),
    ];
    let browser = app.logged_in("admin").await;
    for (what, site, origin, passes) in cases {
        for (method, path) in [(Method::POST, "/rpc/hosts"), (Method::GET, "/rpc/hosts"), (Method::GET, "/events")] {
            let mut request =
                browser.client.request(method.clone(), app.url(path)).header("accept", "application/json");
            if method == Method::POST {
                request = request.json(&serde_json::json!({}));
            }
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let status = request.send().await.expect(what).status();
            assert_eq!(status != StatusCode::FORBIDDEN, passes, "{what}: {method} {path} {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_headers_and_a_fresh_nonce() {
    let app = App::with_users().await;
    let mut nonces = std::collections::HashSet::new();
    for path in ["/login", "/login", "/rpc/nothing", "/api/v1/hosts", "/nowhere", "/healthz"] {
        let response = app.browser().page(path).await;
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().expect("text")).unwrap_or_default();
        let policy = header("content-security-policy");
        for part in [
            "script-src 'self' 'nonce-",
            "'wasm-unsafe-eval'",
            "style-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
        ] {
            assert!(policy.contains(part), "{path}: {part}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("nonce");
        assert!(nonces.insert(nonce.to_owned()), "a nonce is used once");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert!(!header("referrer-policy").is_empty());
        assert!(header("strict-transport-security").is_empty(), "not over plain http");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_names_the_nonce_of_its_header() {
    let app = App::with_users().await;
    let response = app.browser().page("/login").await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("nonce");
    let page = response.text().await.expect("page");
    assert!(page.contains(&format!("nonce=\"{nonce}\"")), "no script of the page would run");
    assert!(!page.contains(" style=\""), "inline styles do not work under this policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_browsers_are_told_to_stay_there() {
    let app = App::with(|settings| {
        settings.public_url = Some("https://quorate.example.net".parse().expect("url"));
        settings.trusted_proxy = vec!["127.0.0.1".parse().expect("address")];
    })
    .await;
    let response = Client::new().get(app.url("/healthz")).send().await.expect("answer");
    assert!(response.headers()["strict-transport-security"].to_str().expect("text").contains("max-age=31536000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_functions_are_closed_to_strangers_and_large_bodies_refused() {
    let app = App::with_users().await;
    let stranger = app.browser();
    for name in ["hosts", "users", "fleet", "start", "no_such_function"] {
        assert_eq!(stranger.rpc(name, serde_json::json!({})).await.status(), StatusCode::UNAUTHORIZED, "{name}");
    }
    let token = app.token(Role::Admin, false).await;
    let large = Client::new().post(app.url("/api/v1/hosts")).bearer_auth(token).body(vec![b'x'; 2 << 20]);
    let large = large.header("content-type", "application/json").send().await.expect("answer");
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_the_largest_value_are_merged_for_whoever_reads_values() {
    let app = App::with_users().await;
    let merge = async |name: &str, mine: &str| {
        let query = serde_json::json!({"base": "", "mine": mine, "theirs": "x".repeat(MERGE_MAX)});
        let body = serde_json::json!({"cluster": ClusterId::from_random([1; 10]), "query": query});
        app.logged_in(name).await.rpc("merge_values", body).await
    };
    let merged = merge("operator", &"y".repeat(MERGE_MAX)).await;
    assert_eq!(merged.status(), StatusCode::OK);
    let merged: serde_json::Value = merged.json().await.expect("json");
    assert_eq!(merged["conflicts"], 1);
    let longer = "y".repeat(MERGE_MAX + 1);
    assert_eq!(merge("operator", &longer).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(merge("viewer", "y").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_a_word_and_metrics_take_a_token_through_a_proxy() {
    let app = App::with(|settings| settings.trusted_proxy = vec!["127.0.0.1".parse().expect("address")]).await;
    app.add_user("viewer", Role::Viewer).await;
    let client = Client::builder().redirect(Policy::none()).build().expect("client");
    for path in ["/healthz", "/readyz"] {
        let response = client.get(app.url(path)).send().await.expect(path);
        assert_eq!((response.status(), response.text().await.expect("text").as_str()), (StatusCode::OK, "ok\n"));
    }
    let metrics = || client.get(app.url("/metrics"));
    let local = metrics().send().await.expect("metrics");
    assert_eq!(local.status(), StatusCode::OK);
    assert!(local.text().await.expect("text").contains("quorate_http_requests_total"));
    let far = || metrics().header("x-forwarded-for", "192.0.2.7");
    assert_eq!(far().send().await.expect("metrics").status(), StatusCode::UNAUTHORIZED);
    let token = app.token(Role::Viewer, false).await;
    assert_eq!(far().bearer_auth(token).send().await.expect("metrics").status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_asked_for_again_each_time_and_sent_once_for_each_encoding() {
    let app = App::start().await;
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(Client::new().get(app.url(path)), |r, (name, value)| r.header(*name, *value));
        request.send().await.expect(path)
    };
    let header =
        |response: &Response, name: &str| response.headers().get(name).map(|v| v.to_str().expect("text").to_owned());
    // It comes from `public/`, so it is there as soon as the site was built (`make build`, `make test`).
    let icon = "/favicon.svg";
    let mut seen: Vec<String> = Vec::new();
    for encoding in [None, Some("gzip"), Some("br")] {
        let accept = encoding.unwrap_or("br;q=0, identity");
        let response = get(icon, &[("accept-encoding", accept)]).await;
        assert_eq!(response.status(), StatusCode::OK, "was the site built? {accept}");
        assert_eq!(header(&response, "content-encoding").as_deref(), encoding);
        assert_eq!(header(&response, "content-type").as_deref(), Some("image/svg+xml"));
        assert_eq!(header(&response, "cache-control").as_deref(), Some("no-cache"));
        assert_eq!(header(&response, "vary").as_deref(), Some("accept-encoding"));
        let tag = header(&response, "etag").expect("a tag");
        assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag} is not a strong tag");
        let body = response.bytes().await.expect("body");
        assert_eq!(body.starts_with(b"<svg"), encoding.is_none(), "{accept}");

        let known = get(icon, &[("accept-encoding", accept), ("if-none-match", &tag)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{accept}");
        assert_eq!(header(&known, "etag").as_deref(), Some(tag.as_str()));
        assert!(known.bytes().await.expect("body").is_empty());
        // What a browser has in another encoding is another thing.
        for other in &seen {
            let answer = get(icon, &[("accept-encoding", accept), ("if-none-match", other)]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{accept}");
        }
        seen.push(tag);
    }
    let twin = get("/favicon.svg.br", &[]).await;
    assert_ne!(header(&twin, "content-type").as_deref(), Some("image/svg+xml"), "twins have no address of their own");
    let posted = Client::new().post(app.url(icon)).send().await.expect("answer");
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}
