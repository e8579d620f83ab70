//! Generates the host's side of the WIT world's bindings: the library's only generated code.

#![allow(missing_docs, unreachable_pub, missing_debug_implementations, reason = "generated code")]
#![allow(clippy::all, clippy::pedantic, reason = "generated code")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "burrow",
    imports: {
        "spin:key-value/key-value": async | store | trappable,
        "spin:variables/variables": async | store | trappable,
        "wasi:keyvalue/atomics": async | trappable,
        "wasi:keyvalue/store": async | trappable,
        default: trappable,
    },
    exports: { default: async | store },
    with: {
        "spin:key-value/key-value.store": crate::bindings::OpenStore,
        "wasi:clocks": wasmtime_wasi::p3::bindings::clocks,
        "wasi:http/client": wasmtime_wasi_http::p3::bindings::http::client,
        "wasi:http/types": wasmtime_wasi_http::p3::bindings::http::types,
        "wasi:keyvalue/store.bucket": crate::bindings::OpenStore,
        "wasi:random": wasmtime_wasi::p3::bindings::random,
    },
});

/// The component's handle to its store. There is only one store, so the handle holds nothing.
#[derive(Debug)]
pub struct OpenStore;
