//! What every request passes before a handler sees it. Invariant: layers decide on headers and addresses alone, and
//! none of them reads a body; who the caller is lives in `session` (cookies) and `api::caller` (tokens).

pub mod cidr;
pub mod csrf;
pub mod headers;
pub mod peer;
pub mod public_url;
