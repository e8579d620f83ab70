//! The adapter `filesystem`: a key-value store in a directory and settings from the environment, for hosts that have
//! only WASI.
//!
//! `cargo xtask compose` plugs it under the component. What the component imports from Spin and `wasi:keyvalue`, the
//! adapter exports; it imports only what Rust's standard library needs of WASI 0.2.
//! - [`directory`]: the store, which any number of instances and processes may use at once
//! - [`counter`]: counters that several may raise at once, without locks
//! - [`name`]: file names of keys
//! - [`variable`]: the environment variable of each setting
//! - `exports`: the exported interfaces *(only in the component)*
//! - `bindings`: the only generated code *(only in the component)*

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod exports;

pub mod counter;
pub mod directory;
pub mod name;
pub mod variable;
