//! The policy of URLs: two parsers agree on the host that is asked, and no address or private name passes.
#![no_main]

use burrow_vault::policy::OriginPolicy;
use libfuzzer_sys::fuzz_target;
use url::Position;

fuzz_target!(|text: &str| {
    let Ok(url) = OriginPolicy::default().parse(text) else { return };
    let host = url.host_str().expect("it has no host");
    assert!(host.contains('.') && host.parse::<std::net::IpAddr>().is_err(), "{host}");
    assert!(!host.trim_end_matches('.').ends_with(".internal") && !host.starts_with('['), "{host}");
    assert!(matches!(url.port(), None | Some(80 | 443)) && url.username().is_empty() && url.password().is_none());
    // The authority that goes into the request, as the HTTP client reads it.
    let sent = &url[Position::BeforeHost..Position::AfterPort];
    let read: http::uri::Authority = sent.parse().expect("the client cannot read the host");
    assert_eq!(read.host(), host);
    let path = &url[Position::BeforePath..Position::AfterQuery];
    path.parse::<http::uri::PathAndQuery>().expect("the client cannot read the path");
});
