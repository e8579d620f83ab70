//! A component that attacks its host: the path of a request names the attack.
//!
//! It stands for a `burrow.wasm` that an image or a request has taken over. `tests/hostile_component.rs` runs it in
//! `burrow serve` and says what holds each attack.

#[cfg(target_family = "wasm")]
mod attacks;

/// The exports besides HTTP, which a host wants to find in a Burrow. They trap.
#[cfg(target_family = "wasm")]
mod others {
    #![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "generated code")]
    #![allow(missing_debug_implementations, unused_lifetimes, reason = "generated code")]

    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package burrow:hostile;
            world others {
              import wasi:keyvalue/store@0.2.0-draft2;
              import wasi:keyvalue/atomics@0.2.0-draft2;
              export burrow:vault/vault@0.1.0;
              export burrow:vault/tags@0.1.0;
              export burrow:vault/webhook@0.1.0;
              export burrow:vault/maintenance@0.1.0;
              export burrow:vault/codec@0.1.0;
            }
        ",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        stubs,
        generate_all,
    });
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "the generated entry points")]
mod entry {
    use crate::attacks::Hostile;

    spin_sdk::wasip3::http::service::export!(Hostile with_types_in spin_sdk::wasip3);
}
