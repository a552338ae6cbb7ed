//! The building blocks of every page, one file each. Invariant: styled by `style/<component>.scss` and classes only
//! (the CSP forbids inline styles); text of hosts and clusters is always a text node.

pub(crate) mod badge;
pub(crate) mod button;
pub(crate) mod checks;
pub(crate) mod copy;
pub(crate) mod dialog;
pub(crate) mod diff;
pub(crate) mod effects;
pub(crate) mod empty;
pub(crate) mod facts;
pub(crate) mod field;
pub(crate) mod host_choice;
pub(crate) mod host_tasks;
pub(crate) mod icon;
pub(crate) mod key_difference;
pub(crate) mod keyed;
pub(crate) mod load;
pub(crate) mod menu;
pub(crate) mod opening;
pub(crate) mod palette;
pub(crate) mod plan_review;
pub(crate) mod problem;
pub(crate) mod radio;
pub(crate) mod reauth;
pub(crate) mod shell;
pub(crate) mod steps;
pub(crate) mod sure;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod toast;
pub(crate) mod trust;
pub(crate) mod upload;
