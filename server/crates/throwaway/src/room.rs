//! The directory that a throw-away etcd lives in, with the file that it is restored from. Invariant: its mode is 0700, it goes
//! with its value, and no process that runs in it outlives it. A process is known to be one of these by its working directory
//! and its program together, so nothing needs to be written down before it starts, and no other process is ever ended.

use crate::error::ThrowawayError;
use nix::{
    sys::{
        signal::{Signal, kill},
        statvfs::statvfs,
    },
    unistd::Pid,
};
use rand::Rng;
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::spawn_blocking;

/// What rooms' names start with; nothing else below their directory is ever touched.
const PREFIX: &str = "t-";
/// The programs that run in rooms, and the one that becomes them.
const PROGRAMS: [&[u8]; 4] = [b"etcd", b"etcdutl", b"etcdctl", b"nice"];
/// etcd's log takes so much of the disk before anything is written to it.
const LOG_BYTES: u64 = 192 << 20;
/// How often a room is looked at whose processes were ended, and how long in between.
const LOOKS: u32 = 500;
const BETWEEN: Duration = Duration::from_millis(10);

/// A room.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
}

impl Room {
    /// A new one below a directory, which is made if it is not there.
    ///
    /// # Errors
    /// `Local`.
    pub fn new(below: &Path) -> Result<Self, ThrowawayError> {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(below).map_err(ThrowawayError::local("cannot make", below))?;
        // As the kernel names it, so that processes in it are found.
        let below = below.canonicalize().map_err(ThrowawayError::local("cannot read", below))?;
        let path = below.join(format!("{PREFIX}{}", hex::encode(rand::rng().random::<[u8; 8]>())));
        private.recursive(false).create(&path).map_err(ThrowawayError::local("cannot make", &path))?;
        Ok(Self { path })
    }

    /// Whether a database of so many bytes fits in twice, once as it comes and once restored.
    ///
    /// # Errors
    /// `NoRoom`, `Local`.
    pub fn fits(&self, bytes: u64) -> Result<(), ThrowawayError> {
        let disk =
            statvfs(&self.path).map_err(|error| ThrowawayError::local("cannot look at", &self.path)(error.into()))?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        let needed = bytes.saturating_mul(2).saturating_add(LOG_BYTES);
        let directory = self.path.parent().unwrap_or(&self.path).display().to_string();
        if free < needed { Err(ThrowawayError::NoRoom { directory, needed, free }) } else { Ok(()) }
    }

    /// Where the database belongs that is to be restored.
    pub fn database(&self) -> PathBuf {
        self.path.join("snapshot.db")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The room's own name, which no other one has.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Ends what runs in it and removes it; the same as dropping it, for whoever wants to know that it is gone.
    ///
    /// # Errors
    /// `Local`.
    pub async fn clear(mut self) -> Result<(), ThrowawayError> {
        let path = std::mem::take(&mut self.path);
        let shown = path.clone();
        let cleared = spawn_blocking(move || clear(&path)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        cleared.map_err(ThrowawayError::local("cannot remove", &shown))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        if path.as_os_str().is_empty() {
            return;
        }
        // Gigabytes take a moment to go, and nobody waits for that.
        std::thread::spawn(move || {
            if let Err(error) = clear(&path) {
                tracing::warn!(path = %path.display(), %error, "a throw-away etcd's directory was not removed");
            }
        });
    }
}

/// Ends and removes what a console left below `below` that was killed; how many rooms that were. To be called before the first
/// room is made.
///
/// # Errors
/// `Local`.
pub async fn sweep(below: &Path) -> Result<usize, ThrowawayError> {
    let below = below.to_owned();
    let shown = below.clone();
    let swept = spawn_blocking(move || sweep_now(&below)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    swept.map_err(ThrowawayError::local("cannot clean up", &shown))
}

fn sweep_now(below: &Path) -> io::Result<usize> {
    let below = match below.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        below => below?,
    };
    // Also those whose directory somebody removed meanwhile.
    end_processes(&|cwd| cwd.parent() == Some(&below) && is_room(cwd));
    let mut swept = 0;
    for entry in fs::read_dir(&below)? {
        let path = entry?.path();
        if is_room(&path) {
            clear(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}

fn is_room(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
}

fn clear(path: &Path) -> io::Result<()> {
    end_processes(&|cwd| cwd == path);
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Kills the programs whose working directory is `ours`, and waits until there is none; a few seconds at most.
fn end_processes(ours: &dyn Fn(&Path) -> bool) {
    for _ in 0..LOOKS {
        let found = processes(ours);
        if found.is_empty() {
            return;
        }
        for pid in found {
            // It can only be gone already.
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(BETWEEN);
    }
}

fn processes(ours: &dyn Fn(&Path) -> bool) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let own = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
        // Those of other users do not tell, and one that has ended has none any more.
        let cwd = fs::read_link(entry.path().join("cwd")).ok()?;
        let program = fs::read(entry.path().join("cmdline")).ok()?;
        let name = program.split(|byte| *byte == 0).next()?.rsplit(|byte| *byte == b'/').next()?;
        (ours(&cwd) && PROGRAMS.contains(&name)).then(|| Pid::from_raw(pid))
    };
    all.flatten().filter_map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::fs::PermissionsExt,
        process::{Command, Stdio},
    };

    #[tokio::test]
    async fn rooms_are_private_and_only_they_are_swept() {
        let below = tempfile::tempdir().expect("a directory");
        let (one, other) = (Room::new(below.path()).expect("room"), Room::new(below.path()).expect("room"));
        assert_ne!(one.name(), other.name());
        assert_eq!(one.path().metadata().expect("there").permissions().mode() & 0o777, 0o700);
        fs::write(one.database(), "x").expect("write");
        fs::write(below.path().join("kept"), "x").expect("write");
        one.fits(1).expect("a byte fits");
        assert!(matches!(one.fits(u64::MAX / 2), Err(ThrowawayError::NoRoom { .. })));
        let path = one.path().to_owned();
        one.clear().await.expect("cleared");
        assert!(!path.exists() && other.path().exists());
        // What a killed console leaves.
        std::mem::forget(other);
        assert_eq!(sweep(below.path()).await.expect("swept"), 1);
        let left: Vec<_> = fs::read_dir(below.path()).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["kept"]);
        assert_eq!(sweep(&below.path().join("nowhere")).await.expect("nothing to sweep"), 0);
    }

    #[test]
    fn somebody_elses_process_in_a_room_is_left_alone() {
        let below = tempfile::tempdir().expect("a directory");
        let room = Room::new(below.path()).expect("room");
        // Each waits for a line that never comes.
        let waiting = |program: &Path| {
            let mut command = Command::new(program);
            command.args(["-c", "read nothing"]).current_dir(room.path()).stdin(Stdio::piped());
            command.spawn().expect("a shell")
        };
        let mut shell = waiting(Path::new("sh"));
        assert_eq!(processes(&|cwd| cwd == room.path()), []);
        let etcd = room.path().join("etcd");
        std::os::unix::fs::symlink("/bin/sh", &etcd).expect("link");
        let mut ours = waiting(&etcd);
        let pid = |child: &std::process::Child| Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        assert_eq!(processes(&|cwd| cwd == room.path()), [pid(&ours)]);
        end_processes(&|cwd| cwd == room.path());
        assert!(!ours.wait().expect("reaped").success());
        assert!(shell.try_wait().expect("asked").is_none(), "it still runs");
        shell.kill().expect("killed");
        shell.wait().expect("reaped");
    }
}
