//! etcd's programs on the console's own machine. Invariant: they are unpacked from an archive whose digest was verified
//! (`remote::releases`), into a directory that gets its name when it is whole; a version that was brought once is not asked for
//! again, so that a drill needs no network.

use crate::error::ThrowawayError;
use flate2::read::GzDecoder;
use quorate_domain::version::{Arch, Version};
use quorate_remote::releases;
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tokio::task::spawn_blocking;

/// What is taken out of an archive. etcd 3.4 has no `etcdutl`; there, `etcdctl` restores.
const PROGRAMS: [&str; 3] = ["etcd", "etcdutl", "etcdctl"];

/// The programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    version: Version,
    directory: PathBuf,
}

impl Binaries {
    /// Those in a directory that holds them already.
    pub fn at(version: Version, directory: impl Into<PathBuf>) -> Self {
        Self { version, directory: directory.into() }
    }

    /// Brings them into a directory of their own below `home`: from there if they came before, else from the archive below `base`,
    /// which is kept in `cache`.
    ///
    /// # Errors
    /// `NoBinaries`, `Local`. Dropping the future leaves nothing that the next call would take for whole.
    pub async fn bring(version: Version, base: &str, cache: &Path, home: &Path) -> Result<Self, ThrowawayError> {
        if let Some(directory) = found(version, home) {
            return Ok(Self { version, directory });
        }
        let missing = |reason: String, source| ThrowawayError::NoBinaries { version, reason, source };
        let machine = std::env::consts::ARCH;
        let arch = Arch::from_uname(machine)
            .ok_or_else(|| missing(format!("there are no releases of etcd for a machine of {machine}"), None))?;
        let release = releases::fetch_release(base, version, arch, cache, &mut |_| {})
            .await
            .map_err(|error| missing(error.to_string(), Some(error)))?;
        let directory = home.join(format!("{version}-{}", release.sha256.get(..12).unwrap_or(&release.sha256)));
        let (home, stem, to) = (home.to_owned(), version.archive_stem(arch), directory.clone());
        let unpacked = spawn_blocking(move || unpack(&release.path, &stem, &home, &to));
        unpacked
            .await
            .map_err(|error| missing(error.to_string(), None))?
            .map_err(|error| missing(format!("its archive cannot be unpacked ({error})"), None))?;
        Ok(Self { version, directory })
    }

    /// Which version they are.
    pub fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.directory.join("etcd")
    }

    /// The one that restores a snapshot.
    pub(crate) fn restorer(&self) -> PathBuf {
        let own = self.directory.join("etcdutl");
        if own.exists() { own } else { self.directory.join("etcdctl") }
    }
}

/// Where this version was brought to before, from whichever source.
fn found(version: Version, home: &Path) -> Option<PathBuf> {
    let start = format!("{version}-");
    let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&start);
    fs::read_dir(home).ok()?.flatten().find(named).map(|entry| entry.path())
}

fn unpack(archive: &Path, stem: &str, home: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(home)?;
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(home)?;
    let mut inside = tar::Archive::new(GzDecoder::new(fs::File::open(archive)?));
    let mut got = Vec::new();
    for entry in inside.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        // Names are compared, never joined: an archive cannot choose where its files go.
        let Some(program) = PROGRAMS.iter().find(|program| path == Path::new(stem).join(program)) else { continue };
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o700).open(staging.path().join(program))?;
        io::copy(&mut entry, &mut file)?;
        file.sync_all()?;
        got.push(*program);
    }
    if !got.contains(&"etcd") || got.len() < 2 {
        return Err(io::Error::other("it holds no etcd with the tool that restores snapshots"));
    }
    // Losing the race against another one who brings it is fine: that copy is as good.
    match fs::rename(staging.path(), to) {
        Err(_) if to.join("etcd").exists() => Ok(()),
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn archive(directory: &Path, files: &[(&str, &str)]) -> PathBuf {
        let path = directory.join("archive.tar.gz");
        let mut tar = tar::Builder::new(GzEncoder::new(fs::File::create(&path).expect("create"), Compression::fast()));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o4777);
            tar.append_data(&mut header, name, text.as_bytes()).expect("append");
        }
        tar.into_inner().expect("tar").finish().expect("gzip");
        path
    }

    #[test]
    fn only_the_programs_of_the_release_are_unpacked_and_only_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let (home, to) = (directory.path().join("etcd"), directory.path().join("etcd/3.5.30-abc"));
        let version = Version::new(3, 5, 30);
        let half = archive(directory.path(), &[("e/etcd", "1"), ("other/etcdutl", "2")]);
        assert!(unpack(&half, "e", &home, &to).is_err() && found(version, &home).is_none());
        let whole =
            archive(directory.path(), &[("e/README", "x"), ("e/etcd", "1"), ("e/etcdctl", "2"), ("e/a/etcdutl", "3")]);
        unpack(&whole, "e", &home, &to).expect("unpacked");
        unpack(&whole, "e", &home, &to).expect("again");
        let names: Vec<_> = fs::read_dir(&home).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["3.5.30-abc"], "nothing is left beside it");
        let brought = Binaries::at(version, found(version, &home).expect("found"));
        assert_eq!((brought.etcd(), brought.restorer()), (to.join("etcd"), to.join("etcdctl")));
        assert!(found(Version::new(3, 5, 3), &home).is_none() && !to.join("README").exists());
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(to.join("etcd").metadata().expect("there").permissions().mode() & 0o7777, 0o700);
    }
}
