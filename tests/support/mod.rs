//! Parts that the tests share: a running Burrow, clients, an origin, images.

pub mod bucket;
pub mod client;
pub mod host;
pub mod images;
pub mod origin;
pub mod process;
pub mod proxy;
pub mod random;
pub mod raw;
pub mod redis;
pub mod verify;
pub mod wire;
