//! The codecs of images as a component of their own, `burrow-codec.wasm`: bytes in, bytes out, and nothing from the host.
//!
//! - [`packed`]: packs pictures, and restores them
//! - [`header`]: the header of a packed picture
//! - `exports`: `burrow:vault/image-codec` *(only in the component)*
//! - `bindings`: the only generated code *(only in the component)*

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod exports;

pub mod header;
pub mod packed;
