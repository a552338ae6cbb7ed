//! Wizards: one file a kind of operation, named as the kind. Invariant: each gathers parameters and ends in the one
//! shared plan review.

pub(crate) mod install_cluster;
