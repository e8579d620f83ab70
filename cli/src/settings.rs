//! The component's settings as flags, named as the variables on Spin.

use std::fmt;
use std::str::FromStr;

use burrow_host::Variables;

/// Text that is never shown.
#[derive(Clone)]
pub(crate) struct Secret(Text);

impl FromStr for Secret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Text that is not blank. A blank text is an error, because the component takes it as "not set": a token that is blank
/// by mistake would leave the service open.
#[derive(Clone, Debug)]
struct Text(String);

impl FromStr for Text {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() { Err("it is set, but blank; leave it out instead") } else { Ok(Self(text.into())) }
    }
}

/// Turns a setting into the text that the component reads.
trait Reveal {
    fn reveal(&self) -> String;
}

impl Reveal for Text {
    fn reveal(&self) -> String {
        self.0.clone()
    }
}

impl Reveal for Secret {
    fn reveal(&self) -> String {
        self.0.reveal()
    }
}

impl Reveal for u64 {
    fn reveal(&self) -> String {
        self.to_string()
    }
}

impl Reveal for bool {
    fn reveal(&self) -> String {
        self.to_string()
    }
}

/// Declares each setting once: help, name, type, default, environment variable and placeholder. The component applies
/// the defaults; here they are only for the help and `burrow config show`.
macro_rules! settings {
    ($(#[doc = $about:literal] $name:ident: $type:ty $(= $default:literal)?, $env:literal, $value:literal;)+) => {
        /// Settings of the component.
        #[derive(Debug, clap::Args)]
        #[command(next_help_heading = "Settings")]
        pub(crate) struct SettingFlags {
            /// Download also from private addresses and names, and from any port.
            #[arg(long, global = true, env = "BURROW_ALLOW_PRIVATE_NETWORK", value_name = "BOOL")]
            #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true)]
            #[arg(default_value_t = false, default_missing_value = "true", hide_possible_values = true)]
            allow_private_network: bool,
            $(#[arg(help = concat!($about $(, " [default: ", $default, "]")?).trim_start())]
            #[arg(long, global = true, env = $env, value_name = $value, hide_short_help = true, hide_env_values = true)]
            $name: Option<$type>,)+
        }

        impl SettingFlags {
            /// The settings as variables of the component.
            pub(crate) fn variables(&self) -> Variables {
                let mut variables = Variables::default();
                variables.set("allow_private_network", &self.allow_private_network);
                $(if let Some(value) = &self.$name {
                    variables.set(stringify!($name), &value.reveal());
                })+
                variables
            }
        }

        /// The default that the component applies.
        pub(crate) fn default_of(name: &str) -> Option<&'static str> {
            match name {
                $($(stringify!($name) => Some($default),)?)+
                _ => None,
            }
        }
    };
}

impl SettingFlags {
    /// Whether changes over HTTP need a token.
    pub(crate) fn needs_token(&self) -> bool {
        self.write_token.is_some()
    }
}

settings! {
    /// Download only from these hosts: names, or *.example.com for the names below it, separated by spaces or commas.
    allowed_hosts: Text, "BURROW_ALLOWED_HOSTS", "HOSTS";
    /// Names under which a server without write tokens is reached, separated by spaces or commas.
    allowed_http_hosts: Text, "BURROW_ALLOWED_HTTP_HOSTS", "HOSTS";
    /// The largest image accepted.
    max_image_bytes: u64 = "268435456", "BURROW_MAX_IMAGE_BYTES", "BYTES";
    /// The most images in all, whatever their status; 0 means no quota.
    max_images: u64 = "0", "BURROW_MAX_IMAGES", "COUNT";
    /// The most packed bytes in all; 0 means no quota.
    max_stored_bytes: u64 = "0", "BURROW_MAX_STORED_BYTES", "BYTES";
    /// The most jobs that have not ended; 0 means no quota.
    max_pending_jobs: u64 = "0", "BURROW_MAX_PENDING_JOBS", "COUNT";
    /// Which images are made smaller after they are stored: fast (none), balanced, or small.
    compression: Text = "balanced", "BURROW_COMPRESSION", "POLICY";
    /// Memory that making one image smaller may take, and reading it later.
    repack_memory_bytes: u64 = "109051904", "BURROW_REPACK_MEMORY_BYTES", "BYTES";
    /// Time to connect to an origin.
    connect_timeout_seconds: u64 = "5", "BURROW_CONNECT_TIMEOUT_SECONDS", "SECONDS";
    /// Time for an origin to begin its answer.
    first_byte_timeout_seconds: u64 = "10", "BURROW_FIRST_BYTE_TIMEOUT_SECONDS", "SECONDS";
    /// Time between two bytes of an origin's answer.
    between_bytes_timeout_seconds: u64 = "10", "BURROW_BETWEEN_BYTES_TIMEOUT_SECONDS", "SECONDS";
    /// Time for a whole download.
    download_timeout_seconds: u64 = "300", "BURROW_DOWNLOAD_TIMEOUT_SECONDS", "SECONDS";
    /// The least speed of an origin over half a minute, in bytes a second; 0 means none.
    min_download_bytes_per_second: u64 = "1024", "BURROW_MIN_DOWNLOAD_BYTES_PER_SECOND", "BYTES";
    /// How Burrow introduces itself to origins [default: Burrow/ and the version].
    user_agent: Text, "BURROW_USER_AGENT", "TEXT";
    /// Headers for chosen origins, a line each, such as 'i.example.com Cookie: a=b'. Others see flags: use the variable.
    request_headers: Secret, "BURROW_REQUEST_HEADERS", "LINES";
    /// The largest JSON or form accepted.
    max_request_bytes: u64 = "65536", "BURROW_MAX_REQUEST_BYTES", "BYTES";
    /// The most files in one request.
    max_files: u64 = "100", "BURROW_MAX_FILES", "COUNT";
    /// Images on a page of the list, unless the request sets a limit.
    page_size: u64 = "50", "BURROW_PAGE_SIZE", "COUNT";
    /// The longest time that a request may ask to wait for a job.
    max_wait_seconds: u64 = "30", "BURROW_MAX_WAIT_SECONDS", "SECONDS";
    /// Whether this Burrow does jobs; if not, another Burrow over the same store must.
    run_jobs: bool = "true", "BURROW_RUN_JOBS", "BOOL";
    /// Bearer tokens, separated by spaces or commas; changes over HTTP need one. Others see flags: use the variable.
    write_token: Secret, "BURROW_WRITE_TOKEN", "TOKENS";
    /// Bearer tokens, separated by spaces or commas; reading over HTTP needs one of them or of the write tokens.
    read_token: Secret, "BURROW_READ_TOKEN", "TOKENS";
    /// Keys for signed links, ID:SECRET each, separated by spaces or commas; the first signs.
    link_keys: Secret, "BURROW_LINK_KEYS", "KEYS";
    /// The longest time for which a signed link is valid.
    max_link_seconds: u64 = "604800", "BURROW_MAX_LINK_SECONDS", "SECONDS";
    /// Tell this URL of each image that becomes ready or fails; needs webhook_secret.
    webhook_url: Secret, "BURROW_WEBHOOK_URL", "URL";
    /// The secret with which messages to webhook_url are signed. Others see flags: use the variable.
    webhook_secret: Secret, "BURROW_WEBHOOK_SECRET", "SECRET";
    /// Other sites whose pages may use the service: *, or origins separated by spaces or commas.
    cors_origins: Text, "BURROW_CORS_ORIGINS", "ORIGINS";
}
