//! A file on its way to the console. Invariant: one request of the browser's own, whose body is the file itself, so that it is never
//! in this page's memory; it comes from this very site and with its cookie, which is all that the console asks of it.

use crate::{
    error::AppError,
    rpc::{answered, unreached},
};
use js_sys::Promise;
use leptos::prelude::*;
use quorate_domain::{
    Problem,
    keys::{FILE_MAX, KeyFile},
};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ProgressEvent, XmlHttpRequest};

/// How far an upload is, and the way to end it.
#[derive(Clone, Copy)]
pub(super) struct Upload {
    /// Bytes that were sent, and those of the whole file; none while nothing is sent.
    pub(super) progress: RwSignal<Option<(u64, u64)>>,
    request: StoredValue<Option<SendWrapper<XmlHttpRequest>>>,
    cancelled: StoredValue<bool>,
}

impl Upload {
    /// Nothing is sent.
    pub(super) fn new() -> Self {
        let upload =
            Self { progress: RwSignal::new(None), request: StoredValue::new(None), cancelled: StoredValue::new(false) };
        on_cleanup(move || upload.cancel());
        upload
    }

    /// Breaks it off; the console keeps nothing of it.
    pub(super) fn cancel(self) {
        let _ = self.cancelled.try_set_value(true);
        if let Some(Some(request)) = self.request.try_get_value() {
            let _ = request.abort();
        }
    }

    /// Sends `file` to `path`: what the console keeps, or none when it was cancelled.
    ///
    /// # Errors
    /// What the console says is wrong with the file; that it did not answer.
    pub(super) async fn send(self, path: &str, file: &File) -> Result<Option<KeyFile>, AppError> {
        let size = bytes(file.size());
        if size > FILE_MAX {
            // Told before a byte is sent.
            return Err(Problem::field("file", format!("The file is larger than {} MiB", FILE_MAX >> 20)).into());
        }
        let _ = self.cancelled.try_set_value(false);
        let _ = self.progress.try_set(Some((0, size)));
        let answer = self.request(path, file).await;
        let _ = self.progress.try_set(None);
        let _ = self.request.try_set_value(None);
        if self.cancelled.try_get_value() != Some(false) {
            return Ok(None);
        }
        let (status, text) = answer.map_err(|_| unreached())?;
        if status == 0 { Err(unreached()) } else { answered((200..300).contains(&status), &text).map(Some) }
    }

    /// Status and text of the answer; status 0 when there was none.
    async fn request(self, path: &str, file: &File) -> Result<(u16, String), JsValue> {
        let request = XmlHttpRequest::new()?;
        request.open("POST", path)?;
        let told = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
            let _ = self.progress.try_set(Some((bytes(event.loaded()), bytes(event.total()))));
        });
        request.upload()?.set_onprogress(Some(told.as_ref().unchecked_ref()));
        // Told after an answer, an error and an abort alike.
        let ended = Promise::new(&mut |resolve, _| request.set_onloadend(Some(&resolve)));
        let _ = self.request.try_set_value(Some(SendWrapper::new(request.clone())));
        request.send_with_opt_blob(Some(file))?;
        JsFuture::from(ended).await?;
        Ok((request.status()?, request.response_text()?.unwrap_or_default()))
    }
}

/// JavaScript counts bytes in floats, which are exact far beyond any file.
fn bytes(number: f64) -> u64 {
    number as u64
}
