//! Reads and checks the operator's settings, which are variables of the host.
//!
//! A value that cannot be read is an error; it never becomes the default.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use burrow_http as http;
use burrow_http::access::cors::Origins;
use burrow_http::access::links::LinkKeys;
use burrow_http::access::token::Tokens;
use burrow_model::error::Error;
use burrow_vault::compression::Compression;
use burrow_vault::download::DownloadRules;
use burrow_vault::headers::{HeaderRules, RequestHeaders, UserAgent};
use burrow_vault::policy::{AllowedHosts, OriginPolicy};
use burrow_vault::ports::FetchTimeouts;
use burrow_vault::vault;
use burrow_vault::webhook::{Secret, Webhook};

/// The name of every setting, as a variable of the host. Sorted.
pub const NAMES: &[&str] = &[
    "allow_private_network",
    "allowed_hosts",
    "allowed_http_hosts",
    "between_bytes_timeout_seconds",
    "compression",
    "connect_timeout_seconds",
    "cors_origins",
    "download_timeout_seconds",
    "first_byte_timeout_seconds",
    "link_keys",
    "max_files",
    "max_image_bytes",
    "max_images",
    "max_link_seconds",
    "max_pending_jobs",
    "max_request_bytes",
    "max_stored_bytes",
    "max_wait_seconds",
    "min_download_bytes_per_second",
    "page_size",
    "read_token",
    "repack_memory_bytes",
    "request_headers",
    "run_jobs",
    "user_agent",
    "webhook_secret",
    "webhook_url",
    "write_token",
];

/// The format of a list of hosts, for error texts.
const HOSTS: &str = "names, or *.name, separated by spaces or commas";

/// All settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Those of the vault.
    pub vault: vault::VaultSettings,
    /// Those of the HTTP service.
    pub http: http::ServiceSettings,
}

impl Settings {
    /// Reads each setting by its name. One that is absent or blank has its default.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] names the setting that cannot be read. It does not contain the value, which may be secret.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = Read(|name: &str| variable(name).filter(|value| !value.trim().is_empty()));
        let Self { vault, http } = Self::default();
        let timeouts = FetchTimeouts {
            connect: read.seconds("connect_timeout_seconds", 1..=300, vault.downloads.timeouts.connect)?,
            first_byte: read.seconds("first_byte_timeout_seconds", 1..=300, vault.downloads.timeouts.first_byte)?,
            between_bytes: read.seconds(
                "between_bytes_timeout_seconds",
                1..=300,
                vault.downloads.timeouts.between_bytes,
            )?,
        };
        let total_time = read.seconds("download_timeout_seconds", 1..=600, vault.downloads.total_time)?;
        let least_speed = read.number("min_download_bytes_per_second", 0..=1 << 30, vault.downloads.least_speed)?;
        let quotas = vault::Quotas {
            images: read.number("max_images", 0..=u64::MAX, 0)?,
            stored_bytes: read.number("max_stored_bytes", 0..=u64::MAX, 0)?,
            pending_jobs: read.number("max_pending_jobs", 0..=u64::MAX, 0)?,
        };
        let origins = OriginPolicy {
            allow_private_network: read.parsed("allow_private_network", "true or false")?.unwrap_or(false),
            allowed_hosts: read.parsed::<AllowedHosts>("allowed_hosts", HOSTS)?.unwrap_or_default(),
        };
        let webhook = read.webhook(origins.allow_private_network)?;
        let headers = HeaderRules {
            user_agent: read.parsed("user_agent", UserAgent::RULE)?.unwrap_or_default(),
            request_headers: read.parsed("request_headers", RequestHeaders::RULE)?.unwrap_or_default(),
        };
        let write_tokens = read.parsed::<Tokens>("write_token", Tokens::RULE)?.unwrap_or_default();
        let read_tokens = read.parsed::<Tokens>("read_token", Tokens::RULE)?.unwrap_or_default();
        if write_tokens.is_empty() && !read_tokens.is_empty() {
            // Answers to writes show images, and a write can sign a link.
            let rule = "set only together with write_token: without it, anyone may write, and writing lets them read";
            return Err(Error::Setting { name: "read_token", rule: rule.into() });
        }
        let page = read.number("page_size", 1..=vault::MAX_PAGE as u64, http.page_size as u64)?;
        Ok(Self {
            vault: vault::VaultSettings {
                max_image_bytes: read.number("max_image_bytes", 1..=u64::MAX, vault.max_image_bytes)?,
                downloads: DownloadRules { origins, headers, timeouts, total_time, least_speed },
                compression: read.parsed("compression", Compression::RULE)?.unwrap_or_default(),
                codec_memory: read.number("repack_memory_bytes", 1 << 20..=1 << 31, vault.codec_memory)?,
                host: vault.host,
                index: vault.index,
                quotas,
                webhook,
            },
            http: http::ServiceSettings {
                max_request_bytes: read.size("max_request_bytes", 1024..=1 << 20, http.max_request_bytes)?,
                max_files: read.size("max_files", 1..=10_000, http.max_files)?,
                page_size: usize::try_from(page).unwrap_or(http.page_size),
                max_wait: read.seconds("max_wait_seconds", 0..=50, http.max_wait)?,
                write_tokens,
                read_tokens,
                link_keys: read.parsed::<LinkKeys>("link_keys", LinkKeys::RULE)?.unwrap_or_default(),
                max_link_seconds: read.number("max_link_seconds", 1..=10 * 365 * 86_400, http.max_link_seconds)?,
                run_jobs: read.parsed("run_jobs", "true or false")?.unwrap_or(http.run_jobs),
                allowed_http_hosts: read.parsed::<AllowedHosts>("allowed_http_hosts", HOSTS)?.unwrap_or_default(),
                cors_origins: read.parsed::<Origins>("cors_origins", Origins::RULE)?.unwrap_or_default(),
            },
        })
    }
}

/// Reads single settings.
struct Read<F>(F);

impl<F: Fn(&str) -> Option<String>> Read<F> {
    fn parsed<T: FromStr>(&self, name: &'static str, rule: &str) -> Result<Option<T>, Error> {
        let parse = |value: String| value.trim().parse().map_err(|_| Error::Setting { name, rule: rule.into() });
        (self.0)(name).map(parse).transpose()
    }

    /// Where the operator wants to be told of images. The policy for origins holds for it, too, but for `allowed_hosts`:
    /// those are for the URLs of users.
    fn webhook(&self, allow_private_network: bool) -> Result<Option<Webhook>, Error> {
        const URL: &str = "webhook_url";
        let secret = self.parsed::<Secret>("webhook_secret", Secret::RULE)?;
        let Some(url) = (self.0)(URL) else { return Ok(None) };
        let policy = OriginPolicy { allow_private_network, ..OriginPolicy::default() };
        let rule = "a URL with http or https and a public name, and no port but 80 and 443, unless allow_private_network \
                    is true";
        let url = policy.parse(&url).map_err(|_| Error::Setting { name: URL, rule: rule.into() })?;
        let rule = "set only together with webhook_secret, with which messages are signed".to_owned();
        let secret = secret.ok_or(Error::Setting { name: URL, rule })?;
        Ok(Some(Webhook::new(url, secret)))
    }

    fn number(&self, name: &'static str, range: RangeInclusive<u64>, default: u64) -> Result<u64, Error> {
        let rule = format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.parsed(name, &rule)?.unwrap_or(default);
        if range.contains(&number) { Ok(number) } else { Err(Error::Setting { name, rule }) }
    }

    fn size(&self, name: &'static str, range: RangeInclusive<usize>, default: usize) -> Result<usize, Error> {
        let range = *range.start() as u64..=*range.end() as u64;
        Ok(usize::try_from(self.number(name, range, default as u64)?).unwrap_or(default))
    }

    fn seconds(&self, name: &'static str, range: RangeInclusive<u64>, default: Duration) -> Result<Duration, Error> {
        Ok(Duration::from_secs(self.number(name, range, default.as_secs())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::read(|name| {
            assert!(NAMES.contains(&name), "{name} is not in NAMES");
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_absent_or_blank_has_its_default() {
        let settings = read(&[("page_size", " "), ("write_token", "")]).unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_repeated() {
        for (name, value) in [
            ("allow_private_network", "yes"),
            ("allowed_hosts", "http://example.com"),
            ("compression", "best"),
            ("connect_timeout_seconds", "0x5"),
            ("cors_origins", "other.example"),
            ("download_timeout_seconds", "5m"),
            ("link_keys", "a:tooshort"),
            ("max_files", "0.5"),
            ("max_image_bytes", "256MiB"),
            ("max_images", "many"),
            ("max_pending_jobs", "-1"),
            ("max_stored_bytes", "1TB"),
            ("min_download_bytes_per_second", "1k"),
            ("max_request_bytes", "-1"),
            ("max_wait_seconds", "51"),
            ("page_size", "1001"),
            ("read_token", "brief"),
            ("repack_memory_bytes", "104MiB"),
            ("read_token", "a-read-token-alone"),
            ("request_headers", "i.example.com Host: other.example"),
            ("run_jobs", "later"),
            ("user_agent", "Bücher/1.0"),
            ("read_token", " , "),
            ("link_keys", " , "),
            ("allowed_hosts", " , "),
            ("allowed_http_hosts", "http://example.com"),
            ("link_keys", "a:0123456789abcdef a:fedcba9876543210"),
            ("webhook_url", "https://example.com/hook"),
            ("webhook_secret", "brief-secret"),
            ("write_token", "sécurité-sécurité"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_webhook_is_a_public_place() {
        let set = |url: &str, private: &str| {
            let secret = ("webhook_secret", "0123456789abcdef");
            read(&[("webhook_url", url), secret, ("allow_private_network", private)])
                .map(|it| it.vault.webhook.is_some())
        };
        assert!(set("https://example.com/hook?x=1", "false").unwrap());
        for private in
            ["http://127.0.0.1/", "http://[::1]/", "https://localhost/", "https://a.internal/", "http://a.example:81/"]
        {
            assert!(set(private, "false").is_err() && set(private, "true").unwrap(), "{private}");
        }
        for wrong in
            ["ftp://example.com/", "https://user@example.com/", "example.com", "https://packers.burrow.internal/"]
        {
            assert!(set(wrong, "true").is_err(), "{wrong}");
        }
        assert!(read(&[("webhook_secret", "0123456789abcdef")]).unwrap().vault.webhook.is_none());
    }

    #[test]
    fn what_is_set_is_read() {
        let settings = read(&[
            ("max_image_bytes", "5"),
            ("page_size", " 7 "),
            ("write_token", "0123456789abcdef, fedcba9876543210"),
            ("allow_private_network", "true"),
            ("run_jobs", "false"),
            ("compression", "small"),
        ]);
        let settings = settings.unwrap();
        assert_eq!((settings.vault.max_image_bytes, settings.http.page_size), (5, 7));
        assert_eq!(settings.vault.compression, Compression::Small);
        assert!(settings.vault.downloads.origins.allow_private_network && !settings.http.run_jobs);
        assert!(settings.http.write_tokens.hold(b"fedcba9876543210") && !settings.http.write_tokens.hold(b"x"));
    }
}
