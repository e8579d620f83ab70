//! Burrow, the whole image pipeline as one component: download, compress without loss, store, serve.
//!
//! What is here binds the crates that do it to WASI and Spin; none of it is logic:
//! - `exports`: what the component exports, HTTP and WIT, in terms of the vault *(only in the component)*
//! - `wasi`: the ports, implemented over WASI and Spin *(only in the component)*
//! - `bindings`: the only generated code *(only in the component)*
//! - [`settings`]: what the operator decides

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod exports;
#[cfg(target_family = "wasm")]
mod wasi;

pub mod settings;
