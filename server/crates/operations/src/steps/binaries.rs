//! etcd's binaries on a host. Invariant: an archive is unpacked only after its SHA-256 was right; `etcd` itself is put
//! in place last, so that a right version of it means that all three are there.

use super::{HOST_DIR, Part, files};
use crate::effect::{Action, Condition, Effect, Run};
use quorate_domain::version::{Arch, Version};

/// Where the guide puts them.
pub const BIN_DIR: &str = "/usr/bin";
/// The binaries of a release, `etcd` last.
pub const NAMES: [&str; 3] = ["etcdutl", "etcdctl", "etcd"];

/// A release for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Version.
    pub version: Version,
    /// Architecture.
    pub arch: Arch,
    /// SHA-256 of the archive in hex.
    pub sha256: String,
    /// Base of the download URL.
    pub base_url: String,
}

impl Release {
    fn dir() -> String {
        format!("{HOST_DIR}/releases")
    }

    fn archive(&self) -> String {
        format!("{}/{}.tar.gz", Self::dir(), self.version.archive_stem(self.arch))
    }

    fn url(&self) -> String {
        let stem = self.version.archive_stem(self.arch);
        format!("{}/v{}/{stem}.tar.gz", self.base_url.trim_end_matches('/'), self.version)
    }
}

/// This version is in place already.
pub fn in_place(version: Version) -> Condition {
    Condition::Prints {
        argv: vec![format!("{BIN_DIR}/etcd"), "--version".into()],
        text: format!("etcd Version: {version}\n"),
    }
}

/// The host downloads the archive itself.
pub fn download(release: &Release) -> Part {
    let part = format!("{}.part", release.archive());
    let curl = Run::new([
        "curl",
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--connect-timeout",
        "10",
        "--speed-time",
        "60",
        "--speed-limit",
        "1",
        "--max-time",
        "900",
        "--output",
        &part,
        &release.url(),
    ]);
    let sum = format!("{}  {part}\n", release.sha256);
    with_archive(
        release,
        vec![
            curl.within(920).as_job().into(),
            Run::new(["sha256sum", "--check", "--strict", "-"]).with_stdin(sum).within(60).into(),
            Run::new(["mv", "--no-target-directory", &part, &release.archive()]).into(),
        ],
    )
}

/// The console pushes the archive.
pub fn push(release: &Release) -> Part {
    let push = Effect::PushArchive {
        version: release.version,
        arch: release.arch,
        sha256: release.sha256.clone(),
        base_url: release.base_url.clone(),
        path: release.archive(),
    };
    let sum = format!("{}  {}\n", release.sha256, release.archive());
    let check = Run::new(["sha256sum", "--check", "--strict", "-"]).with_stdin(sum).within(60);
    with_archive(release, vec![push.into(), check.into()])
}

fn with_archive(release: &Release, bring: Vec<Action>) -> Part {
    let mut actions: Vec<Action> = vec![Run::new(["install", "-d", "-m", "0700", &Release::dir()]).into()];
    actions.extend(bring);
    Part {
        actions,
        undo: vec![Run::new(["rm", "-f", &release.archive(), &format!("{}.part", release.archive())]).into()],
    }
}

/// Unpacks the archive and puts the binaries in place, root:root 0755; `present` are the ones that are there now.
pub fn install(release: &Release, present: &[String], selinux: bool, token: &str) -> Part {
    let mut part = Part::default();
    for name in NAMES {
        let path = format!("{BIN_DIR}/{name}");
        part = part.then(if present.iter().any(|p| p == name) {
            files::keep(&path, token)
        } else {
            Part { actions: Vec::new(), undo: vec![Run::new(["rm", "-f", &path]).into()] }
        });
    }
    part = part.then(put(release));
    if selinux {
        // A file that was moved or unpacked keeps its label, the usual cause of trouble with SELinux.
        part = part.then(Part::run(Run::new(
            ["restorecon"].into_iter().map(str::to_owned).chain(NAMES.iter().map(|n| format!("{BIN_DIR}/{n}"))),
        )));
    }
    part
}

/// Removes the archive. Not a part of `install`: a host that goes down between putting the
/// binaries in place and this has them in place when the lane is tried again, and this is still to be done.
pub fn tidy(release: &Release) -> Part {
    Part::run(Run::new(["rm", "-f", &release.archive()]))
}

/// Unpacks the binaries beside their places, syncs them, and renames them there: after a power cut each is the old one or
/// the new one, whole.
fn put(release: &Release) -> Part {
    let beside = |name: &str| format!("{BIN_DIR}/.{name}.quorate-new");
    let stem = release.version.archive_stem(release.arch);
    // `etcd-v3.5.16-linux-amd64/etcd` becomes `.etcd.quorate-new`.
    let extract =
        ["tar", "--extract", "--gzip", "--no-same-owner", "--file", &release.archive(), "--directory", BIN_DIR]
            .map(str::to_owned)
            .into_iter()
            .chain(["--transform".to_owned(), "s|.*/\\(.*\\)|.\\1.quorate-new|".to_owned()])
            .chain(NAMES.map(|name| format!("{stem}/{name}")));
    let all = |words: &[&str]| Run::new(words.iter().map(|w| (*w).to_owned()).chain(NAMES.map(beside))).within(120);
    let mut actions: Vec<Action> = vec![
        Run::new(extract).within(120).into(),
        all(&["chown", "root:root"]).into(),
        all(&["chmod", "0755"]).into(),
        all(&["sync"]).into(),
    ];
    let there = |name: &str| format!("{BIN_DIR}/{name}");
    actions
        .extend(NAMES.map(|name| Action::from(Run::new(["mv", "--no-target-directory", &beside(name), &there(name)]))));
    Part { actions, undo: vec![all(&["rm", "-f"]).into()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            version: Version::new(3, 5, 16),
            arch: Arch::Amd64,
            sha256: "ab".into(),
            base_url: "http://m/".into(),
        }
    }

    #[test]
    fn the_url_is_upstreams_layout() {
        assert_eq!(release().url(), "http://m/v3.5.16/etcd-v3.5.16-linux-amd64.tar.gz");
    }

    #[test]
    fn binaries_that_were_there_are_kept_and_new_ones_removed_by_undo() {
        let part = install(&release(), &["etcd".into()], false, "tok");
        let undo = format!("{:?}", part.undo);
        assert!(undo.contains("usr%bin%etcd") && undo.contains("\"rm\", \"-f\", \"/usr/bin/etcdctl\""), "{undo}");
        let actions = format!("{:?}", part.actions);
        assert!(actions.find("cp").expect("kept") < actions.find("tar").expect("unpacked"));
    }
}
