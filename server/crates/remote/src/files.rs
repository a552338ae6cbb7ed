//! Files on a host. Invariants: content travels as root's input, or by SFTP into a fresh 0700 directory that is removed
//! again; root puts it in place whole, with one rename after a sync, so a reader sees the old file or the new one. What the files hold is decided in `domain::etcd_conf` and the operations.

use crate::{classify, command::Command, connection::Shared, error::RemoteError, host::Host};
use openssh_sftp_client::{
    Sftp, SftpOptions,
    error::{Error as SftpError, SftpErrorKind},
    file::{File, TokioCompatFile},
    metadata::Permissions,
};
use rand::RngCore;
use std::{path::Path, pin::pin, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// On disk, not in memory as /tmp often is: archives pass through here.
const STAGING: &str = "/var/tmp";
const FILE_DEADLINE: Duration = Duration::from_secs(60);

/// A file to be put on a host. Its directory must exist. No `Debug`: the content may be a secret.
#[derive(Clone, Copy)]
pub struct PutFile<'a> {
    /// Absolute path.
    pub path: &'a str,
    /// Owner, by name.
    pub owner: &'a str,
    /// Group, by name.
    pub group: &'a str,
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: &'a [u8],
}

/// Where a pushed file goes. Its directory must exist.
#[derive(Clone, Copy, Debug)]
pub struct PushTo<'a> {
    /// Absolute path.
    pub path: &'a str,
    /// Owner, by name.
    pub owner: &'a str,
    /// Group, by name.
    pub group: &'a str,
    /// Permission bits.
    pub mode: u32,
}

/// Content of a file of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Its bytes, up to the cap.
    pub bytes: Vec<u8>,
    /// It is longer than the cap.
    pub truncated: bool,
}

/// $1 source, $2 owner, $3 group, $4 mode, $5 path, $6 bytes: an input that was cut off is not the file.
const INSTALL: &str = r#"set -eu
umask 077
trap 'rm -f -- "$5.quorate-new"' EXIT
trap 'exit 143' HUP INT TERM
install -o "$2" -g "$3" -m "$4" -T -- "$1" "$5.quorate-new"
[ "$(stat -c %s -- "$5.quorate-new")" = "$6" ] || { echo "cut off on the way" >&2; exit 1; }
sync -- "$5.quorate-new"
mv -T -- "$5.quorate-new" "$5"
if command -v restorecon >/dev/null 2>&1; then restorecon -- "$5"; fi
"#;

/// $1 path, $2 bytes
const READ: &str = r#"[ -e "$1" ] || [ -L "$1" ] || exit 44
exec head -c "$2" -- "$1"
"#;
const ABSENT: i32 = 44;

/// A directory of the login with one file `data` in it.
pub(crate) struct Staged {
    directory: String,
}

impl Staged {
    pub fn file(&self) -> String {
        format!("{}/data", self.directory)
    }
}

impl Host {
    /// Puts a file in place, replacing what is there in one step.
    ///
    /// # Errors
    /// As `run`; `DiskFull`, `Sftp`, or `CommandFailed` (no such directory, no such owner). After an error the old
    /// file is as it was. Cancelling leaves at most a directory in /var/tmp behind.
    pub async fn put_file(&self, file: &PutFile<'_>) -> Result<(), RemoteError> {
        let to = PushTo { path: file.path, owner: file.owner, group: file.group, mode: file.mode };
        let install = install("/dev/stdin", &to, file.content.len() as u64).stdin(file.content).deadline(FILE_DEADLINE);
        let output = self.within(FILE_DEADLINE, file.path, self.run(install)).await?;
        self.expect_success(output, "install", to.path).map(|_| ())
    }

    /// Puts a file of the console's machine in place, as `put_file` does; `on_progress` hears the bytes sent so far.
    ///
    /// # Errors
    /// As `put_file`; `Local` if `local` cannot be read.
    pub async fn push_file(
        &self,
        local: &Path,
        to: &PushTo<'_>,
        deadline: Duration,
        on_progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), RemoteError> {
        self.within(deadline, to.path, async {
            let mut from = tokio::fs::File::open(local)
                .await
                .map_err(RemoteError::local(format!("cannot read {}", local.display())))?;
            let permit = self.session().await?;
            let (staged, sftp, file) = self.open_staging().await?;
            let written = copy(&mut from, file, on_progress).await;
            drop(permit);
            let (staged, bytes) = self.close_staging(staged, sftp, written).await?;
            let installed = self.run(install(&staged.file(), to, bytes).deadline(deadline)).await;
            if !installed.as_ref().is_err_and(RemoteError::unreachable) {
                self.unstage(&staged.file()).await;
            }
            self.expect_success(installed?, "install", to.path).map(|_| ())
        })
        .await
    }

    /// Reads at most `cap` bytes of a file; none if it does not exist.
    ///
    /// # Errors
    /// As `run`; `CommandFailed` if it cannot be read.
    pub async fn read_file(&self, path: &str, cap: usize, root: bool) -> Result<Option<FileContent>, RemoteError> {
        let most = cap.saturating_add(1).to_string();
        let command = Command::script(READ, &[path, &most]).root_if(root).deadline(FILE_DEADLINE).cap(cap);
        let output = self.run(command).await?;
        if output.status == ABSENT {
            return Ok(None);
        }
        let truncated = output.truncated;
        let output = self.expect_success(output, "head", path)?;
        Ok(Some(FileContent { bytes: output.stdout, truncated }))
    }

    /// Content in a fresh 0700 directory of the login.
    pub(crate) async fn stage(&self, content: &[u8]) -> Result<Staged, RemoteError> {
        let permit = self.session().await?;
        let (staged, sftp, mut file) = self.open_staging().await?;
        let written = async {
            file.write_all(content).await?;
            file.close().await
        };
        let written = written.await;
        drop(permit);
        Ok(self.close_staging(staged, sftp, written).await?.0)
    }

    async fn open_staging(&self) -> Result<(Staged, Sftp, File), RemoteError> {
        let mut random = [0u8; 8];
        rand::rng().fill_bytes(&mut random);
        let staged = Staged { directory: format!("{STAGING}/quorate-{}", hex::encode(random)) };
        let connection = self.connection().await?;
        let sftp = self.sftp(&connection).await?;
        let opened = async {
            let mut fs = sftp.fs();
            let mut only_owner = Permissions::new();
            only_owner.set_read_by_owner(true).set_write_by_owner(true).set_execute_by_owner(true);
            fs.dir_builder().permissions(only_owner).create(&staged.directory).await?;
            sftp.options().write(true).create_new(true).open(staged.file()).await
        };
        match opened.await {
            Ok(file) => Ok((staged, sftp, file)),
            Err(error) => Err(self.staging_failure(&staged, &error).await),
        }
    }

    /// The staging directory with what came of writing into it.
    async fn close_staging<T>(
        &self,
        staged: Staged,
        sftp: Sftp,
        written: Result<T, SftpError>,
    ) -> Result<(Staged, T), RemoteError> {
        // The server's last answer is in; its end need not be waited for.
        tokio::spawn(sftp.close());
        let error = match written {
            Ok(written) => return Ok((staged, written)),
            Err(error) => error,
        };
        let failure = self.staging_failure(&staged, &error).await;
        self.unstage(&staged.file()).await;
        Err(failure)
    }

    async fn sftp(&self, connection: &Shared) -> Result<Sftp, RemoteError> {
        let options = SftpOptions::new().flush_interval(Duration::ZERO);
        match Sftp::from_clonable_session(connection.clone(), options).await {
            Ok(sftp) => Ok(sftp),
            Err(error) => {
                self.discard(connection).await;
                Err(self.broken("sftp", format!("{error}; check that sshd has the sftp subsystem")))
            }
        }
    }

    /// SFTP's third version has no word for a full disk, so the disk is asked.
    async fn staging_failure(&self, staged: &Staged, error: &SftpError) -> RemoteError {
        if matches!(error, SftpError::SftpError(SftpErrorKind::Failure, _) | SftpError::IOError(_)) {
            let to = format!("of={}/probe", staged.directory);
            let dd = ["dd", "if=/dev/zero", "bs=64k", "count=1", "conv=fsync", "status=none", &to];
            if let Ok(output) = self.run_plain(&dd, Duration::from_secs(5)).await
                && !output.success()
            {
                return classify::command_failure(self.name(), "dd", STAGING, output.status, &output.error_text());
            }
        }
        match error {
            SftpError::SftpError(..) | SftpError::IOError(_) => {
                let (host, path) = (self.name().to_owned(), staged.file());
                RemoteError::Sftp { host, path, detail: error.to_string() }
            }
            other => self.broken("sftp", other),
        }
    }

    /// Removes a staging directory, given its file; a failure only costs space until the host's own clean-up.
    pub(crate) async fn unstage(&self, file: &str) {
        if let Some(directory) = file.strip_suffix("/data").filter(|d| d.starts_with(STAGING))
            && let Err(error) = self.run_plain(&["rm", "-rf", "--", directory], Duration::from_secs(5)).await
        {
            tracing::debug!(host = self.name(), %error, "a staging directory stays behind");
        }
    }
}

/// Root's command that puts `from` in place.
fn install(from: &str, to: &PushTo<'_>, bytes: u64) -> Command {
    let (mode, bytes) = (format!("{:04o}", to.mode), bytes.to_string());
    Command::script(INSTALL, &[from, to.owner, to.group, &mode, to.path, &bytes]).root()
}

/// Copies all of it; says how many bytes that were.
async fn copy(
    from: &mut tokio::fs::File,
    to: File,
    on_progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, SftpError> {
    let mut to = pin!(TokioCompatFile::new(to));
    let mut chunk = vec![0u8; 256 << 10];
    let mut sent = 0u64;
    loop {
        let n = from.read(&mut chunk).await?;
        if n == 0 {
            break;
        }
        to.write_all(&chunk[..n]).await?;
        sent += n as u64;
        on_progress(sent);
    }
    to.flush().await?;
    to.shutdown().await?;
    Ok(sent)
}
