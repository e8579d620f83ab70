//! The verbs of the command line, one file each.

pub(crate) mod add;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod rename;
pub(crate) mod repack;
pub(crate) mod retry;
pub(crate) mod rm;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod similar;
pub(crate) mod stats;
pub(crate) mod tag;
pub(crate) mod tags;
pub(crate) mod verify;
pub(crate) mod version;
