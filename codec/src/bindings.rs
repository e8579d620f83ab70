//! Generates the bindings of the WIT world `burrow-codec`.

#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "generated code")]
#![allow(missing_debug_implementations, unused_lifetimes, reason = "generated code")]

wit_bindgen::generate!({ path: "../wit", world: "burrow-codec" });
