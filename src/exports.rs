//! Implements the interfaces that the component exports.

mod codec;
mod http;
mod maintenance;
mod tags;
mod vault;
mod webhook;

/// Implements every exported interface.
struct Component;

#[allow(unsafe_code, reason = "the generated entry points")]
mod entry {
    use super::Component;

    crate::bindings::export!(Component with_types_in crate::bindings);
}
