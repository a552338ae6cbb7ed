//! What tests need and no product code may use: real etcd processes, lab hosts, and waiting for conditions.
//!
//! Invariant: nothing here stands in for etcd or SSH; it starts the real ones and takes them away again.

pub mod app;
pub mod etcd;
pub mod lab;
pub mod pki;
pub mod until;
