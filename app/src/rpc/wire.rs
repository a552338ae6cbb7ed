//! How server functions travel: JSON both ways over POST, errors as the problem itself. Invariant: everything but the
//! arguments' writer and the answer's reader is compiled once (leptos' own `Http` protocol is compiled anew for each
//! function: 4 KiB of wasm apiece); forms posted by the browser itself (login without wasm) are understood, too.

use crate::{error::AppError, json};
use leptos::{
    prelude::window,
    server_fn::{
        Http, Protocol,
        client::Client,
        codec::{Json, PostUrl},
        error::{FromServerFnError, ServerFnErrorErr},
        request::Req,
        server::Server,
    },
};
use send_wrapper::SendWrapper;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{future::Future, pin::Pin};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The protocol.
pub(crate) struct Wire;

type Answer = Pin<Box<dyn Future<Output = Result<Value, AppError>> + Send>>;

impl<I, O, C, S> Protocol<I, O, C, S, AppError> for Wire
where
    I: Serialize + Send,
    O: DeserializeOwned + Send,
    C: Client<AppError>,
    S: Server<AppError>,
    S::Request: Req<AppError, AppError, AppError> + Send,
    Http<Json, Json>: Protocol<I, O, C, S, AppError>,
    Http<PostUrl, Json>: Protocol<I, O, C, S, AppError>,
{
    const METHOD: http::Method = http::Method::POST;

    async fn run_server<F, Fut>(request: S::Request, server_fn: F) -> Result<S::Response, AppError>
    where
        F: Fn(I) -> Fut + Send,
        Fut: Future<Output = Result<O, AppError>> + Send,
    {
        let form = request.to_content_type().is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
        if form {
            <Http<PostUrl, Json> as Protocol<I, O, C, S, AppError>>::run_server(request, server_fn).await
        } else {
            <Http<Json, Json> as Protocol<I, O, C, S, AppError>>::run_server(request, server_fn).await
        }
    }

    async fn run_client(path: &str, input: I) -> Result<O, AppError> {
        let body = serde_json::to_string(&input)
            .map_err(|error| broken(ServerFnErrorErr::Serialization(error.to_string())))?;
        let answer = post(path.to_owned(), body).await?;
        json::read(answer).ok_or_else(unreadable)
    }
}

fn broken(error: ServerFnErrorErr) -> AppError {
    AppError::from_server_fn_error(error)
}

/// An answer that this page does not understand.
pub(crate) fn unreadable() -> AppError {
    broken(ServerFnErrorErr::Deserialization(String::new()))
}

/// No answer, because nobody was reached.
pub(crate) fn unreached() -> AppError {
    broken(ServerFnErrorErr::Request(String::new()))
}

/// The answer to a request, or the problem that it is.
pub(crate) fn answered<T: DeserializeOwned>(ok: bool, text: &str) -> Result<T, AppError> {
    json::read(answer(ok, text)?).ok_or_else(unreadable)
}

fn answer(ok: bool, text: &str) -> Result<Value, AppError> {
    let value = json::value(text).ok_or_else(unreadable)?;
    if ok { Ok(value) } else { Err(AppError(json::read(value).ok_or_else(unreadable)?)) }
}

/// Sends a request and reads the answer as JSON.
fn post(path: String, body: String) -> Answer {
    Box::pin(SendWrapper::new(async move {
        let unreached = |_: JsValue| unreached();
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&body.into());
        let headers = web_sys::Headers::new().map_err(unreached)?;
        headers.set("content-type", "application/json").map_err(unreached)?;
        init.set_headers(&headers);
        let response = JsFuture::from(window().fetch_with_str_and_init(&path, &init)).await.map_err(unreached)?;
        let response: web_sys::Response = response.dyn_into().map_err(unreached)?;
        let text = JsFuture::from(response.text().map_err(unreached)?).await.map_err(unreached)?;
        answer(response.ok(), &text.as_string().ok_or_else(unreadable)?)
    }))
}
