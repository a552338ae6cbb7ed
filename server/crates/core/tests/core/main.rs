//! The core's integration tests: one binary, one module a noun.

mod bulk_stage;
mod keys;
mod keys_bulk;
mod keys_edit;
mod keys_work;
mod live;
mod opened;
mod orders;
mod snapshots;
mod snapshots_by_schedule;
mod snapshots_files;
