//! Small texts of settings, names and times: none makes a parser panic, and names keep their bounds.
#![no_main]

use burrow_http::access::cors::Origins;
use burrow_http::access::links::LinkKeys;
use burrow_http::access::token::Tokens;
use burrow_model::key::Kind;
use burrow_model::{name, time};
use burrow_vault::policy::AllowedHosts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let normal = name::normal(text);
    assert_eq!(name::normal(&normal), normal, "normal forms do not change");
    let short = name::shortened(text, 255);
    assert!(short.len() <= 255.max(text.len().min(255)), "{}", short.len());
    assert!(name::file_name(text, &["svg"]).len() <= 255);
    let _ = (name::folded(text), name::derived(text));
    let _ = (time::moment(text, true), time::retry_after(text, 1_700_000_000_000));
    let _ = (text.parse::<AllowedHosts>().is_ok(), text.parse::<Origins>().is_ok());
    let _ = (text.parse::<Tokens>().is_ok(), text.parse::<LinkKeys>().is_ok());
    let _ = Kind::of(text);
});
