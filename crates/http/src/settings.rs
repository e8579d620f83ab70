//! Settings of the HTTP service.

use std::time::Duration;

use burrow_vault::policy::AllowedHosts;

use crate::access::cors::Origins;
use crate::access::links::LinkKeys;
use crate::access::token::Tokens;

/// Settings of the service; docs/http-api.md says what each means.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named as in docs/http-api.md, and said there")]
pub struct ServiceSettings {
    pub max_request_bytes: usize,
    pub max_files: usize,
    pub page_size: usize,
    pub max_wait: Duration,
    pub write_tokens: Tokens,
    pub read_tokens: Tokens,
    pub link_keys: LinkKeys,
    pub max_link_seconds: u64,
    pub cors_origins: Origins,
    pub allowed_http_hosts: AllowedHosts,
    pub run_jobs: bool,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            max_request_bytes: 64 * 1024,
            max_files: 100,
            page_size: 50,
            max_wait: Duration::from_secs(30),
            write_tokens: Tokens::default(),
            read_tokens: Tokens::default(),
            link_keys: LinkKeys::default(),
            max_link_seconds: 7 * 86_400,
            cors_origins: Origins::None,
            allowed_http_hosts: AllowedHosts::default(),
            run_jobs: true,
        }
    }
}
