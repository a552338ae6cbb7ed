//! Lab hosts for tests: real systemd, real sshd, own IP. A test leases the hosts it needs and has them for itself until it drops the lease.
//!
//! Invariant: a leased host is as new (wiped when anybody leased it since it was made) and nobody else leases it meanwhile, also not
//! from another process. Tests never raise the lab (`make test` and `make lab-up` do) and never pass without one: [`Lab::lease`] panics.
//! Elsewhere: how hosts are made and broken is `end2end/lab/lab.sh`; the address plan here is that script's.

use crate::until::{until, until_some};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long a lease waits for other tests to give hosts back.
const LEASE_DEADLINE: Duration = Duration::from_secs(900);
/// How long others take to make their hosts as new.
const RENEWAL: Duration = Duration::from_secs(20);
/// Hosts that the lab can have.
const HOSTS: std::ops::RangeInclusive<u8> = 1..=9;

/// Logins that every host has, by what they may do.
pub mod logins {
    /// Root, by key only.
    pub const ROOT: &str = "root";
    /// sudo without a password.
    pub const SUDO: &str = "ops";
    /// sudo with the password [`SUDO_PASSWORD`].
    pub const SUDO_WITH_PASSWORD: &str = "opspw";
    /// The sudo password of [`SUDO_WITH_PASSWORD`].
    pub const SUDO_PASSWORD: &str = "lab-opspw";
    /// No sudo at all.
    pub const PLAIN: &str = "guest";
}

/// One host of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabHost {
    /// 1 to 9.
    pub number: u8,
    /// `lab1` … `lab9`, also the host's own name.
    pub name: String,
    /// IPv4 address.
    pub address: String,
}

impl LabHost {
    fn new(number: u8) -> Self {
        Self { number, name: format!("lab{number}"), address: format!("10.77.0.1{number}") }
    }

    /// `user@address:22`, as hosts are added.
    pub fn target(&self, user: &str) -> String {
        format!("{user}@{}:22", self.address)
    }
}

/// A lease of lab hosts; dropping it gives them back.
pub struct Lab {
    hosts: Vec<LabHost>,
    dir: PathBuf,
    // Held for their locks only.
    _locks: Vec<File>,
}

impl Lab {
    /// Waits until `n` hosts are free, takes them and makes them as new.
    ///
    /// # Panics
    /// The lab is down, has fewer than `n` hosts, or they do not get free within 15 minutes.
    pub async fn lease(n: usize) -> Self {
        let dir = lab_dir();
        let wanted = format!("{n} lab hosts are up (`make lab-up HOSTS={}`)", n.max(3));
        // Another test may be making its own as new at this very moment; they are not there then.
        let there = until_some(RENEWAL, &wanted, async || {
            let there: Vec<u8> = HOSTS.filter(|i| dir.join(format!("hosts/{i}/created")).exists()).collect();
            (there.len() >= n).then_some(there)
        })
        .await;
        let (numbers, locks) = take(n, &there).await;
        let lab = Self { hosts: numbers.into_iter().map(LabHost::new).collect(), dir, _locks: locks };
        lab.renew().await;
        lab
    }

    /// The lab's folder: its key, `ssh_config` and `known_hosts` are there.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The leased hosts.
    pub fn hosts(&self) -> &[LabHost] {
        &self.hosts
    }

    /// The base of the download URL of the lab's etcd releases (upstream's layout).
    pub fn mirror(&self) -> String {
        "http://10.77.0.1:8000".to_owned()
    }

    /// This machine's address as the hosts see it; a test may serve something there.
    pub fn console_address(&self) -> &'static str {
        "10.77.0.1"
    }

    /// The host's public key lines (`ssh-ed25519 AAAA…`), to compare with what a console offers.
    pub fn host_keys(&self, host: &LabHost) -> Vec<String> {
        let text = fs::read_to_string(self.dir.join("known_hosts")).expect("the lab's known_hosts");
        let mine = format!("{} ", host.address);
        text.lines().filter_map(|line| line.strip_prefix(&mine)).map(str::to_owned).collect()
    }

    /// Lets a public key log in to every login of all leased hosts.
    pub async fn authorize(&self, public_key: &str) {
        for host in &self.hosts {
            self.authorize_on(host, public_key).await;
        }
    }

    /// Lets a public key log in to every login of one host (again after a wipe).
    pub async fn authorize_on(&self, host: &LabHost, public_key: &str) {
        let script = "key=$(cat); for home in /root /home/ops /home/opspw /home/guest; do
            printf '%s\\n' \"$key\" >>$home/.ssh/authorized_keys; done";
        let output = self.exec_with_input(host, script, public_key.trim().as_bytes()).await;
        assert!(output.status.success(), "authorizing a key on {}: {output:?}", host.name);
    }

    /// Runs a shell script on the host, as root and without ssh, so also when its network is cut.
    ///
    /// # Panics
    /// It ends with another status than 0.
    pub async fn exec(&self, host: &LabHost, script: &str) -> String {
        let output = self.try_exec(host, script).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "`{script}` on {}: {}\n{text}{}", host.name, output.status, stderr(&output));
        text
    }

    /// Like [`Lab::exec`], for scripts that may fail.
    pub async fn try_exec(&self, host: &LabHost, script: &str) -> Output {
        self.exec_with_input(host, script, b"").await
    }

    /// Runs a shell script on the host with bytes on its standard input.
    pub async fn exec_with_input(&self, host: &LabHost, script: &str, input: &[u8]) -> Output {
        let number = host.number.to_string();
        let mut command = lab_sh(&["exec", &number, "sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("lab.sh starts");
        let mut stdin = child.stdin.take().expect("a piped stdin");
        // A script that does not read its input closes it early: that is no fault.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        child.wait_with_output().await.expect("lab.sh ends")
    }

    /// Replaces a program of the host by a shell script (`uname`, `getenforce`, `date` …), for facts that the lab cannot have.
    pub async fn fake_program(&self, host: &LabHost, name: &str, script: &str) {
        let install = format!("cat >/usr/local/bin/{name} && chmod 0755 /usr/local/bin/{name}");
        let output = self.exec_with_input(host, &install, format!("#!/bin/sh\n{script}\n").as_bytes()).await;
        assert!(output.status.success(), "replacing {name} on {}: {output:?}", host.name);
    }

    /// Cuts the power: everything on the host dies at once, its disk stays.
    pub async fn kill(&self, host: &LabHost) {
        self.on("kill", host, &[]).await;
    }

    /// Boots the host again and waits until it can be logged in to.
    pub async fn start(&self, host: &LabHost) {
        self.on("start", host, &[]).await;
    }

    /// Freezes the whole host: it holds its connections and answers nothing.
    pub async fn pause(&self, host: &LabHost) {
        self.on("pause", host, &[]).await;
    }

    /// Lets a frozen host go on.
    pub async fn resume(&self, host: &LabHost) {
        self.on("resume", host, &[]).await;
    }

    /// The host and the others lose each other's packets; this machine still reaches them.
    pub async fn partition(&self, host: &LabHost, others: &[&LabHost]) {
        let others: Vec<String> = others.iter().map(|other| other.number.to_string()).collect();
        self.on("partition", host, &others).await;
    }

    /// Pulls the host's cable: nobody reaches it.
    pub async fn unplug(&self, host: &LabHost) {
        self.on("unplug", host, &[]).await;
    }

    /// Delays each packet of the host by so many milliseconds each way.
    pub async fn slow(&self, host: &LabHost, millis: u32) {
        self.on("slow", host, &[millis.to_string()]).await;
    }

    /// Limits the host's write operations per second; 0 lifts it.
    pub async fn slow_disk(&self, host: &LabHost, iops: u32) {
        self.on("slowdisk", host, &[iops.to_string()]).await;
    }

    /// Undoes partition, unplug and slow.
    pub async fn heal(&self, host: &LabHost) {
        self.on("heal", host, &[]).await;
    }

    /// Reinstalls the host: new disk, new host keys; keys that were authorized are gone.
    pub async fn wipe(&self, host: &LabHost) {
        self.on("wipe", host, &[]).await;
    }

    async fn on(&self, verb: &str, host: &LabHost, more: &[String]) {
        assert!(self.hosts.contains(host), "{} is not leased by this test", host.name);
        let number = host.number.to_string();
        let args: Vec<&str> = [verb, &number].into_iter().chain(more.iter().map(String::as_str)).collect();
        run(&args).await;
    }

    /// Wipes the hosts whose disk was leased before, and notes that it is used now.
    async fn renew(&self) {
        let used: Vec<String> =
            self.hosts.iter().filter(|host| self.was_used(host)).map(|host| host.number.to_string()).collect();
        if !used.is_empty() {
            run(&["wipe"].into_iter().chain(used.iter().map(String::as_str)).collect::<Vec<_>>()).await;
        }
        for host in &self.hosts {
            fs::write(used_file(host.number), self.host_keys(host).join("\n")).expect("the lease folder is writable");
        }
    }

    /// Host keys are new with each disk, so they tell whether the note is about this one.
    fn was_used(&self, host: &LabHost) -> bool {
        fs::read_to_string(used_file(host.number)).is_ok_and(|keys| keys == self.host_keys(host).join("\n"))
    }
}

/// Locks `n` of the hosts that are `there`. Whoever waits holds the queue's lock, so a test that wants many is not passed for ever.
async fn take(n: usize, there: &[u8]) -> (Vec<u8>, Vec<File>) {
    let queue = open_lock("queue");
    until(LEASE_DEADLINE, "the queue for lab hosts", async || try_lock(&queue)).await;
    until_some(LEASE_DEADLINE, "lab hosts that other tests give back", async || {
        let free = there
            .iter()
            .map(|&number| (number, open_lock(&format!("host{number}"))))
            .filter(|(_, file)| try_lock(file));
        let taken: (Vec<u8>, Vec<File>) = free.take(n).unzip();
        (taken.0.len() == n).then_some(taken)
    })
    .await
}

fn try_lock(file: &File) -> bool {
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => panic!("locking a lab host: {error}"),
    }
}

fn lease_dir() -> PathBuf {
    let dir = std::env::temp_dir().join("quorate-lab-leases");
    fs::create_dir_all(&dir).expect("a temporary folder for leases");
    dir
}

fn open_lock(name: &str) -> File {
    let path = lease_dir().join(format!("{name}.lock"));
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn used_file(number: u8) -> PathBuf {
    lease_dir().join(format!("host{number}.used"))
}

fn lab_dir() -> PathBuf {
    std::env::var_os("QUORATE_LAB_DIR").map_or_else(|| PathBuf::from("/var/lib/quorate-lab"), PathBuf::from)
}

/// `lab.sh` with arguments, as root.
fn lab_sh(args: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../end2end/lab/lab.sh");
    // The owner of /proc/self is this process's user.
    let root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.args(["-n", "env"]);
    }
    command.arg(format!("LAB_DIR={}", lab_dir().display())).arg(script).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(args: &[&str]) {
    let output = lab_sh(args).output().await.expect("lab.sh starts");
    let status: ExitStatus = output.status;
    assert!(status.success(), "lab.sh {}: {status}\n{}", args.join(" "), stderr(&output));
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
