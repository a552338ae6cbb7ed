//! The core's integration tests: one binary, one module a noun.

mod keys;
mod keys_edit;
mod live;
