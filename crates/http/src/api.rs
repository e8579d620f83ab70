//! Routes for programs, one file for each group.

pub(crate) mod add;
pub(crate) mod archive;
pub(crate) mod basic_stats;
pub(crate) mod content;
pub(crate) mod feed;
pub(crate) mod images;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod notice;
pub(crate) mod selection;
pub(crate) mod similar;
pub(crate) mod tags;
pub(crate) mod thumbnail;
