//! Values as files. Invariant: whatever the key is called, the file has a plain name, and a browser saves the bytes instead of
//! showing them.

use crate::{
    api::{
        caller::{Id, Params},
        problem::ApiProblem,
    },
    session::SessionActor,
    state::AppState,
};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use quorate_core::permit::act;
use quorate_domain::{
    ClusterId, Scope,
    keys::{Key, ValueQuery},
    wide::Wide,
};
use serde::Deserialize;

/// The longest name of a file.
const NAME_MAX: usize = 80;

/// Which value.
#[derive(Debug, Deserialize)]
pub struct FileQuery {
    /// The key.
    key: Key,
    /// As it was at this revision; now, if none.
    revision: Option<Wide>,
    /// Although it is masked; leaves an audit row.
    #[serde(default)]
    reveal: bool,
}

/// The bytes of a value.
pub async fn value(
    State(state): State<AppState>,
    Extension(actor): Extension<SessionActor>,
    Id(id): Id<ClusterId>,
    Params(FileQuery { key, revision, reveal }): Params<FileQuery>,
) -> Result<Response, ApiProblem> {
    let query = ValueQuery { key, revision, form: None, all: true, reveal };
    let scope = Scope::Keys(id, query.key.0.clone());
    let permit = state.console.permit::<act::ReadValues>(&actor.known()?, scope).await?;
    let bytes = state.console.value_bytes(&permit, &query).await?;
    Ok(attachment(&query.key, bytes))
}

/// Bytes to be saved under the name of a key.
pub fn attachment(key: &Key, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(key))),
        (header::CONTENT_LENGTH, bytes.len().to_string()),
    ];
    (headers, bytes).into_response()
}

/// A strong tag of a value.
pub fn tag(mod_revision: Wide) -> String {
    format!("\"{mod_revision}\"")
}

/// The last name in a key, with nothing in it that a shell, a header or a file system would act on.
pub(super) fn file_name(key: &Key) -> String {
    let last = key.as_bytes().rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()).unwrap_or_default();
    let plain = |byte: &u8| {
        let kept = byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if kept { char::from(*byte) } else { '_' }
    };
    let name: String = last.iter().take(NAME_MAX).map(plain).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "value".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_as_its_key_without_what_anybody_would_act_on() {
        let name = |key: &[u8]| file_name(&Key(key.to_vec()));
        assert_eq!(name(b"/service/pg-main/config.json"), "config.json");
        assert_eq!(name(b"/service//"), "service");
        assert_eq!(name(b"/a/..\\..\"\r\n<script>\0\xff"), "_..____script___");
        assert_eq!(name(b"/etc/.bashrc"), "bashrc");
        assert_eq!(name(b"-rf"), "rf");
        assert_eq!(name("/".as_bytes()), "value");
        assert_eq!(name("/🔑".as_bytes()), "____");
        assert_eq!(name(&[b'x'; 4096]).len(), NAME_MAX);
    }

    #[test]
    fn bytes_are_saved_and_not_shown() {
        let response = attachment(&Key::raw("/a/page.html"), b"<script>".to_vec());
        let header = |name| response.headers()[name].to_str().expect("text");
        assert_eq!(header(header::CONTENT_TYPE), "application/octet-stream");
        assert_eq!(header(header::CONTENT_DISPOSITION), "attachment; filename=\"page.html\"");
        assert_eq!(header(header::CONTENT_LENGTH), "8");
    }
}
