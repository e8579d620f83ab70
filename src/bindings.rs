//! Generates the bindings of the WIT world.
//!
//! This is the only generated code. Imports that `spin_sdk` and its `wasip3` already bind come from there, and so does
//! the async runtime: with two versions of it, spawned tasks are lost.

#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "generated code")]
#![allow(missing_debug_implementations, unused_lifetimes, reason = "generated code")]

spin_sdk::wit_bindgen::generate!({
    path: "wit",
    world: "burrow",
    runtime_path: "spin_sdk::wit_bindgen::rt",
    with: {
        "spin:key-value/key-value@3.0.0": spin_sdk::key_value::wit::key_value,
        "spin:variables/variables@3.0.0": spin_sdk::variables::wit::variables,
        "wasi:clocks/monotonic-clock@0.3.0": spin_sdk::wasip3::clocks::monotonic_clock,
        "wasi:clocks/system-clock@0.3.0": spin_sdk::wasip3::clocks::system_clock,
        "wasi:clocks/types@0.3.0": spin_sdk::wasip3::clocks::types,
        "wasi:http/client@0.3.0": spin_sdk::wasip3::http::client,
        "wasi:http/types@0.3.0": spin_sdk::wasip3::http::types,
        "wasi:random/random@0.3.0": spin_sdk::wasip3::random::random,
    },
    generate_all,
});
