//! Vaults on a real file system, in a real S3 server over real sockets, and of a real etcd. One binary; each module is one promise.
//! Invariant: nothing here is shared between tests; each has a folder and a server of its own (`support`).

#[cfg(test)]
#[path = "it/crash.rs"]
mod crash;
#[cfg(test)]
#[path = "it/etcd.rs"]
mod etcd;
#[cfg(test)]
#[path = "it/local.rs"]
mod local;
#[cfg(test)]
#[path = "it/s3.rs"]
mod s3;
#[cfg(test)]
#[path = "it/sealed.rs"]
mod sealed;
#[cfg(test)]
#[path = "it/support.rs"]
mod support;
