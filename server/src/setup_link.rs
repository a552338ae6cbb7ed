//! The way in before there is a user. Invariant: the code is shown to whoever can see this terminal or read this
//! directory, and never logged; it stands in the URL's fragment, which browsers do not send.

use crate::http::public_url::PublicUrl;
use quorate_core::{Console, error::CoreError};
use quorate_domain::users::OneTimeCode;
use std::{
    fs,
    io::{IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether the set-up has happened.
const LOOK: Duration = Duration::from_secs(2);

/// Where the link goes when there is no terminal.
pub fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("setup-code")
}

/// Shows a link while there is no user, a new one whenever the last ran out, and cleans up when there is one.
pub async fn keep_shown(console: Console, url: PublicUrl, data_dir: PathBuf, stop: CancellationToken) {
    let path = file(&data_dir);
    let mut shown: Option<OneTimeCode> = None;
    loop {
        let spent = shown.as_ref().is_none_or(|code| code.expires_at <= console.now());
        match step(&console, spent).await {
            Ok(Step::SetUp) => {
                let _ = fs::remove_file(&path);
                return;
            }
            Ok(Step::Wait) => {}
            Ok(Step::Show(code)) => {
                show(&url, &code, &path);
                shown = Some(code);
            }
            Err(error) => {
                tracing::error!(error = %quorate_domain::Problem::from(error), "no set-up link could be made")
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

enum Step {
    SetUp,
    Wait,
    Show(OneTimeCode),
}

async fn step(console: &Console, spent: bool) -> Result<Step, CoreError> {
    if !console.setup_needed().await? {
        return Ok(Step::SetUp);
    }
    if !spent {
        return Ok(Step::Wait);
    }
    Ok(console.issue_setup_code().await?.map_or(Step::SetUp, Step::Show))
}

fn show(url: &PublicUrl, code: &OneTimeCode, path: &Path) {
    let link = format!("{url}/setup#{}", code.code);
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let text = format!(
            "\n  Quorate has no user yet. Open this link within 30 minutes to make the first admin:\n\n      {link}\n\n"
        );
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        return;
    }
    match write_private(path, &link) {
        Ok(()) => {
            tracing::info!(file = %path.display(), "the console has no user yet; the set-up link is in this file")
        }
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "the set-up link could not be written");
        }
    }
}

/// Through a fresh file, so that one that somebody else opened before never gets the code.
fn write_private(path: &Path, link: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{link}")?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_file_is_for_its_owner_only_even_if_it_was_there() {
        let dir = tempfile::tempdir().expect("dir");
        let path = file(dir.path());
        fs::write(&path, "old").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        write_private(&path, "http://x/setup#code").expect("write");
        assert_eq!(fs::metadata(&path).expect("stat").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).expect("read"), "http://x/setup#code\n");
    }
}
