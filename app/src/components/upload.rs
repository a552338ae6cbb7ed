//! A file on its way to the console: the place to choose or drop it, and how far it is. Invariant: one request of the browser's own,
//! whose body is the file itself, so that it is never in this page's memory; it comes from this very site and with its cookie,
//! which is all that the console asks of it.

use super::button::Button;
use crate::{
    data::Boxed,
    error::AppError,
    format,
    rpc::{answered, unreached},
};
use js_sys::Promise;
use leptos::{ev, html, prelude::*};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileList, ProgressEvent, XmlHttpRequest};

/// The chosen file, how far it is, and the way to end it.
#[derive(Clone, Copy)]
pub(crate) struct Upload {
    /// Bytes that were sent, and those of the whole file; none while nothing is sent.
    pub(crate) progress: RwSignal<Option<(u64, u64)>>,
    file: RwSignal<Option<SendWrapper<File>>>,
    /// Something is held over the place to drop it.
    over: RwSignal<bool>,
    request: StoredValue<Option<SendWrapper<XmlHttpRequest>>>,
    cancelled: StoredValue<bool>,
}

impl Upload {
    /// Nothing is chosen, nothing is sent.
    pub(crate) fn new() -> Self {
        let upload = Self {
            progress: RwSignal::new(None),
            file: RwSignal::new(None),
            over: RwSignal::new(false),
            request: StoredValue::new(None),
            cancelled: StoredValue::new(false),
        };
        on_cleanup(move || upload.cancel());
        upload
    }

    /// Name and bytes of the chosen file; none, too, when the page is gone.
    pub(crate) fn chosen(self) -> Option<(String, u64)> {
        self.file.try_with_untracked(|file| file.as_ref().map(|file| (file.name(), bytes(file.size()))))?
    }

    /// Breaks it off; the console keeps nothing of it.
    pub(crate) fn cancel(self) {
        let _ = self.cancelled.try_set_value(true);
        if let Some(Some(request)) = self.request.try_get_value() {
            let _ = request.abort();
        }
    }

    /// Sends the chosen file to `path`: what the console keeps, or none when it was cancelled.
    ///
    /// # Errors
    /// What the console says is wrong with the file; that it did not answer.
    pub(crate) async fn send<T: DeserializeOwned>(self, path: &str) -> Result<Option<T>, AppError> {
        match self.sent(path).await? {
            Some((ok, text)) => answered(ok, &text).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the console took it, and the text of its answer.
    async fn sent(self, path: &str) -> Result<Option<(bool, String)>, AppError> {
        let Some(Some(file)) = self.file.try_get_untracked() else { return Ok(None) };
        let _ = self.cancelled.try_set_value(false);
        let _ = self.progress.try_set(Some((0, bytes(file.size()))));
        let answer = self.request(path, &file).await;
        let _ = self.progress.try_set(None);
        let _ = self.request.try_set_value(None);
        if self.cancelled.try_get_value() != Some(false) {
            return Ok(None);
        }
        let (status, text) = answer.map_err(|_| unreached())?;
        if status == 0 { Err(unreached()) } else { Ok(Some(((200..300).contains(&status), text))) }
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

    /// The place where a file is chosen or dropped, or how far it is once `taken` began to send it; `then` says what the console
    /// does with a file that is sent.
    pub(crate) fn view(self, taken: Callback<()>, then: &'static str) -> AnyView {
        let shown = move || match self.progress.get() {
            Some(progress) => self.sending(progress, then),
            None => self.drop_place(taken),
        };
        view! { {move || shown()} }.into_any()
    }

    fn drop_place(self, taken: Callback<()>) -> AnyView {
        let input = NodeRef::<html::Input>::new();
        let take = move |files: Option<FileList>| {
            if let Some(file) = files.and_then(|files| files.get(0)) {
                self.file.set(Some(SendWrapper::new(file)));
                taken.try_run(());
            }
        };
        let picked = move |_| {
            if let Some(input) = input.get_untracked() {
                take(input.files());
            }
        };
        let dropped = move |event: ev::DragEvent| {
            event.prevent_default();
            self.over.set(false);
            take(event.data_transfer().and_then(|held| held.files()));
        };
        view! {
            <label
                class="drop-place"
                class:drop-over=move || self.over.get()
                on:dragover=move |event| {
                    event.prevent_default();
                    self.over.set(true);
                }
                on:dragleave=move |_| self.over.set(false)
                on:drop=dropped
            >
                <span>"Drop a file here, or choose one"</span>
                <input node_ref=input type="file" name="file" on:change=picked/>
            </label>
        }
        .into_any()
    }

    fn sending(self, (sent, of): (u64, u64), then: &'static str) -> AnyView {
        let cancel = Callback::new(move |()| self.cancel());
        let name = self.chosen().map(|(name, _)| name);
        view! {
            <div class="upload">
                <p role="status"><bdi>{name}</bdi>" "{sent_words(sent, of, then)}</p>
                <progress aria-label="Sent" value=sent.to_string() max=of.max(1).to_string()></progress>
                <Button label="Cancel" on_press=cancel/>
            </div>
        }
        .boxed()
    }
}

/// JavaScript counts bytes in floats, which are exact far beyond any file.
fn bytes(number: f64) -> u64 {
    number as u64
}

/// How much was sent; what follows takes as long as it takes to read the file.
fn sent_words(sent: u64, of: u64, then: &str) -> String {
    if of > 0 && sent >= of {
        return format!("{} sent; {then}…", format::bytes(of));
    }
    format!("{} of {} sent", format::bytes(sent), format::bytes(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_says_how_far_it_is_and_what_comes_then() {
        let words = |sent, of| sent_words(sent, of, "the console reads it");
        assert_eq!(words(1 << 20, 3 << 20), "1 MiB of 3 MiB sent");
        assert_eq!(words(3 << 20, 3 << 20), "3 MiB sent; the console reads it…");
        assert_eq!(words(0, 0), "0 B of 0 B sent");
    }
}
