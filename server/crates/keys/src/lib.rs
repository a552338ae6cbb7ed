//! What the key browser knows: an index of a cluster's keys, how values look, files of keys.
//!
//! Invariant: keys and values are bytes and no byte is lost; memory is bounded by a budget; etcd is asked through one
//! member at a time, in pages sized by bytes. Who may see or change a key, and what is kept of a change, is `core::keys`'.

mod budget;
mod index;
mod keeper;
mod matcher;
pub mod pager;
mod visible;

pub use budget::Budget;
pub use index::Index;
pub use keeper::{Keeper, Members};
pub use matcher::Matcher;
pub use visible::{KeyRange, Visible};
