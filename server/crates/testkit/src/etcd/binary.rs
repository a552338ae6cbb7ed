//! Where test binaries of etcd come from. Invariant: nothing is downloaded; a missing archive is an error that names
//! where it was looked for. Several test processes may unpack at once: the last step is a rename.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the lab keeps its state unless told otherwise.
const LAB: &str = "/var/lib/quorate-lab";

/// The path of the etcd binary of `version` (`3.5.16`): from `QUORATE_ETCD_BIN_DIR` (which holds `etcd`, or
/// `<version>/etcd`), or unpacked once from the lab's mirror (`QUORATE_LAB_DIR`) into the target directory.
///
/// # Panics
/// When neither has it.
pub fn etcd_binary(version: &str) -> PathBuf {
    if let Some(dir) = env::var_os("QUORATE_ETCD_BIN_DIR").map(PathBuf::from) {
        let own = dir.join(version).join("etcd");
        let found = if own.exists() { own } else { dir.join("etcd") };
        assert!(found.exists(), "QUORATE_ETCD_BIN_DIR has no etcd: {}", dir.display());
        return found;
    }
    let home = target_dir().join("etcd").join(version);
    let binary = home.join("etcd");
    if !binary.exists() {
        unpack(version, &home);
    }
    binary
}

/// Puts the programs of `version` where a console of `data_dir` looks for them before it asks any network.
///
/// # Panics
/// As [`etcd_binary`], and when the directory cannot be written.
pub fn programs_for_console(data_dir: &Path, version: &str) {
    let programs = data_dir.join("etcd");
    fs::create_dir_all(&programs).expect("create the directory of programs");
    let binary = etcd_binary(version);
    let directory = binary.parent().expect("a directory with the binary");
    std::os::unix::fs::symlink(directory, programs.join(format!("{version}-test"))).expect("link the programs");
}

fn unpack(version: &str, home: &Path) {
    let lab = env::var_os("QUORATE_LAB_DIR").map_or_else(|| PathBuf::from(LAB), PathBuf::from);
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let archive = lab.join(format!("cache/mirror/v{version}/etcd-v{version}-linux-{arch}.tar.gz"));
    assert!(
        archive.exists(),
        "no etcd {version} for tests: {} is missing (set up the lab, or set QUORATE_LAB_DIR or QUORATE_ETCD_BIN_DIR)",
        archive.display()
    );
    let parent = home.parent().expect("a directory under target");
    fs::create_dir_all(parent).expect("create the directory of test binaries");
    let staging = tempfile::tempdir_in(parent).expect("create a staging directory");
    let done = Command::new("tar")
        .args(["--strip-components=1", "--no-same-owner", "-xzf"])
        .arg(&archive)
        .arg("-C")
        .arg(staging.path())
        .status()
        .expect("run tar");
    assert!(done.success(), "tar could not unpack {}", archive.display());
    // Losing the race against another test process is fine: its copy is as good.
    if let Err(e) = fs::rename(staging.path(), home) {
        assert!(home.join("etcd").exists(), "{}: {e}", home.display());
    }
}

fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target"), PathBuf::from)
}
