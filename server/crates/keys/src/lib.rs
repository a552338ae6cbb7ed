//! What the key browser knows: an index of a cluster's keys, how values look, files of keys.
//!
//! Invariant: keys and values are bytes and no byte is lost; memory is bounded by a budget; etcd is asked through one
//! member at a time, in pages sized by bytes. Who may see or change a key, and what is kept of a change, is `core::keys`'.

mod budget;
pub mod bulk;
mod diff;
pub mod files;
pub mod forms;
mod index;
mod keeper;
mod kubernetes;
mod matcher;
mod merge;
pub mod pager;
mod reader;
mod visible;

pub use budget::Budget;
pub use diff::diff;
pub use index::Index;
pub use keeper::{Keeper, Members};
pub use kubernetes::object as kubernetes_object;
pub use matcher::Matcher;
pub use merge::merge;
pub use reader::Reader;
pub use visible::{KeyRange, Visible};
