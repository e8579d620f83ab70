//! The component's settings as flags: the same names as the variables on Spin.

use std::fmt;
use std::str::FromStr;

use burrow_host::Variables;

/// Text that is not blank: a variable that was meant to be set and is empty must not leave a door open.
#[derive(Clone, Debug)]
struct Text(String);

impl FromStr for Text {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() { Err("it is set, but blank; leave it out instead") } else { Ok(Self(text.into())) }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares each setting once: its type, its name, what it means.
macro_rules! settings {
    ($($(#[doc = $about:literal])+ $name:ident: $type:ty, $env:literal, $value:literal;)+) => {
        /// Settings of the component.
        #[derive(Debug, clap::Args)]
        #[command(next_help_heading = "Settings")]
        pub(super) struct Settings {
            /// Fetch also from private addresses and names, and from any port.
            #[arg(long, global = true, env = "BURROW_ALLOW_PRIVATE_NETWORK")]
            allow_private_network: bool,
            $($(#[doc = $about])+
            #[arg(long, global = true, env = $env, value_name = $value, hide_short_help = true, hide_env_values = true)]
            $name: Option<$type>,)+
        }

        impl Settings {
            /// As the component asks for them.
            pub(super) fn variables(&self) -> Variables {
                let mut variables = Variables::default();
                variables.set("allow_private_network", &self.allow_private_network);
                $(if let Some(value) = &self.$name {
                    variables.set(stringify!($name), value);
                })+
                variables
            }
        }
    };
}

settings! {
    /// Ask only these hosts: names, or *.example.com for those below it, separated by commas.
    allowed_hosts: Text, "BURROW_ALLOWED_HOSTS", "HOSTS";
    /// The largest image taken [default: 268435456].
    max_image_bytes: u64, "BURROW_MAX_IMAGE_BYTES", "BYTES";
    /// Time to connect to an origin [default: 5].
    connect_timeout_seconds: u64, "BURROW_CONNECT_TIMEOUT_SECONDS", "SECONDS";
    /// Time for an origin to begin its answer [default: 10].
    first_byte_timeout_seconds: u64, "BURROW_FIRST_BYTE_TIMEOUT_SECONDS", "SECONDS";
    /// Time between two bytes of an origin's answer [default: 10].
    between_bytes_timeout_seconds: u64, "BURROW_BETWEEN_BYTES_TIMEOUT_SECONDS", "SECONDS";
    /// Time for a whole download [default: 300].
    download_timeout_seconds: u64, "BURROW_DOWNLOAD_TIMEOUT_SECONDS", "SECONDS";
    /// The largest JSON or form taken [default: 65536].
    max_request_bytes: u64, "BURROW_MAX_REQUEST_BYTES", "BYTES";
    /// The most files in one request [default: 100].
    max_files: u64, "BURROW_MAX_FILES", "COUNT";
    /// Images on a page of the list unless asked otherwise [default: 50].
    page_size: u64, "BURROW_PAGE_SIZE", "COUNT";
    /// The longest time that a request may ask to wait for a job [default: 30].
    max_wait_seconds: u64, "BURROW_MAX_WAIT_SECONDS", "SECONDS";
    /// Bearer tokens, one of which changes over HTTP need; set it in the environment, where others do not see it.
    write_token: Text, "BURROW_WRITE_TOKEN", "TOKENS";
    /// Bearer tokens, one of which reading over HTTP needs.
    read_token: Text, "BURROW_READ_TOKEN", "TOKENS";
    /// Keys for signed links, ID:SECRET each; the first signs.
    link_keys: Text, "BURROW_LINK_KEYS", "KEYS";
    /// The longest time for which a signed link is good [default: 604800].
    max_link_seconds: u64, "BURROW_MAX_LINK_SECONDS", "SECONDS";
    /// Other sites whose pages may use the service: *, or origins separated by commas.
    cors_origins: Text, "BURROW_CORS_ORIGINS", "ORIGINS";
}
