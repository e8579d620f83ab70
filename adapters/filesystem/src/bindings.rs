//! Generates the bindings of the adapter's WIT world.

#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "generated code")]
#![allow(missing_debug_implementations, unused_lifetimes, reason = "generated code")]

wit_bindgen::generate!({
    inline: "
        package burrow:filesystem;

        /// What the component imports of Spin and of `wasi:keyvalue`.
        world adapter {
            export spin:key-value/key-value@3.0.0;
            export spin:variables/variables@3.0.0;
            export wasi:keyvalue/store@0.2.0-draft2;
            export wasi:keyvalue/atomics@0.2.0-draft2;
        }
    ",
    path: [
        "../../wit/deps/spin-key-value@3.0.0",
        "../../wit/deps/spin-variables@3.0.0",
        "../../wit/deps/keyvalue@0.2.0-draft2",
    ],
    generate_all,
});
