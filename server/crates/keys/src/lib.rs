//! What the key browser knows: an index of a cluster's keys, how values look, files of keys.
//!
//! Invariant: keys and values are bytes and no byte is lost; memory is bounded by a budget; etcd is asked through one
//! member at a time, in pages sized by bytes. Who may see or change a key, and what is kept of a change, is `core::keys`'.

mod diff;
pub mod files;
mod forms;
mod kubernetes;
mod merge;

pub use diff::diff;
pub use forms::{MOST, PREVIEW, Shown, TREE_LINES, check, excerpt, preview, view};
pub use kubernetes::object as kubernetes_object;
pub use merge::merge;
