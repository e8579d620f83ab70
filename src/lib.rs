//! The component: binds the vault and its HTTP service to WASI and Spin.
//!
//! It contains no logic of its own:
//! - `exports`: the exported interfaces, HTTP and WIT, in terms of the vault *(only in the component)*
//! - `wasi`: the vault's ports over WASI and Spin *(only in the component)*
//! - `bindings`: the only generated code *(only in the component)*
//! - [`settings`]: reads the operator's settings

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod exports;
#[cfg(target_family = "wasm")]
mod wasi;

pub mod settings;
