//! Decides which URLs Burrow may fetch. It is closed by default, and checks every hop of a redirect.
//!
//! A component cannot see the address that a name resolves to. The host checks it when it connects: the native host
//! always, Spin with the shipped `runtime-config.toml`.

use burrow_model::error::Error;
use burrow_model::words::words;
use url::{Host, Url};

/// The longest URL that Burrow accepts, in bytes.
pub const MAX_URL_BYTES: usize = 8192;

/// The name under which the native host reaches helper instances, which pack blocks and draw thumbnails. Nobody's URL
/// may name it. ICANN reserves `internal` for private use (resolution 2024.07.29.06).
pub const HELPERS: &str = "packers.burrow.internal";

/// Which origins Burrow asks; by default public names on ports 80 and 443.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginPolicy {
    /// Also allows IP addresses, private names and any port: for tests and private networks.
    pub allow_private_network: bool,
    /// If this is not empty, Burrow asks no other host.
    pub allowed_hosts: AllowedHosts,
}

/// The name of a host, or `*.example.com`, which stands for every name below `example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl std::str::FromStr for HostPattern {
    type Err = ();

    fn from_str(pattern: &str) -> Result<Self, ()> {
        let (below, name) = pattern.strip_prefix("*.").map_or(("", pattern), |name| ("*.", name));
        // The URL parser takes an asterisk as a part of a name. Nobody who writes one here means that.
        if name.contains('*') {
            return Err(());
        }
        // As the URL parser writes hosts: lower-case, internationalized names in ASCII, addresses in full.
        let host = Host::parse(name).map_err(|_| ())?;
        Ok(Self(format!("{below}{host}")))
    }
}

impl HostPattern {
    /// Whether `host` is this one, or below this one.
    pub fn matches(&self, host: &str) -> bool {
        let (host, Self(pattern)) = (host.trim_end_matches('.'), self);
        match pattern.strip_prefix('*') {
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == pattern,
        }
    }
}

/// Names of hosts, and patterns of such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<HostPattern>);

impl std::str::FromStr for AllowedHosts {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        words(text, str::parse).map(Self)
    }
}

impl AllowedHosts {
    /// Whether `host` is one of these, or below one of these.
    pub fn contain(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(host))
    }
}

/// Parses a URL that a user gave in a field. It does not check whether Burrow may fetch it.
pub fn parse(field: &'static str, text: &str) -> Result<Url, Error> {
    let invalid = |reason| Error::Invalid { field, reason };
    if text.len() > MAX_URL_BYTES {
        return Err(invalid(format!("at most {MAX_URL_BYTES} bytes are allowed; there are {}", text.len())));
    }
    let text = text.trim();
    // The URL parser would leave out some of them, and ask for another URL than the one that was given.
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(invalid(format!("control characters are not allowed; there is {control:?}")));
    }
    Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            invalid("not a URL: it begins with neither http:// nor https://".into())
        }
        error => invalid(format!("not a URL: {error}")),
    })
}

impl OriginPolicy {
    /// Parses a URL that a user gave for download, and checks that Burrow may fetch it.
    pub fn parse(&self, text: &str) -> Result<Url, Error> {
        let url = parse("url", text)?;
        self.check(&url).map_err(|reason| Error::Invalid { field: "url", reason })?;
        Ok(url)
    }

    /// Checks that Burrow may fetch a URL. The error is the reason, for people.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("only http and https are fetched, not {}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user name or password is not fetched".into());
        }
        let Some(host) = url.host() else {
            return Err("the URL has no host".into());
        };
        if matches!(host, Host::Domain(name) if name.trim_end_matches('.') == HELPERS) {
            return Err(format!("{HELPERS} is no origin: it is a part of Burrow"));
        }
        // The parser of URLs lets pass what no name of a server has.
        if let Host::Domain(name) = host
            && let Some(odd) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '_'))
        {
            return Err(format!("{name} is no name of a host: it has the character {odd}"));
        }
        if url.port() == Some(0) {
            return Err("no server is on port 0".into());
        }
        if !self.allowed_hosts.0.is_empty() && !self.allowed_hosts.contain(&host.to_string()) {
            return Err(format!("{host} is not one of allowed_hosts"));
        }
        if self.allow_private_network {
            return Ok(());
        }
        let because = "; allow_private_network would allow it";
        if let Some(port) = url.port().filter(|port| !matches!(port, 80 | 443)) {
            return Err(format!("only ports 80 and 443 are allowed, not {port}{because}"));
        }
        match host {
            Host::Ipv4(address) => Err(format!("the host is an IP address ({address}), not a name{because}")),
            Host::Ipv6(address) => Err(format!("the host is an IP address ({address}), not a name{because}")),
            Host::Domain(name) if is_private_name(name) => Err(format!("{name} is not a public name{because}")),
            Host::Domain(_) => Ok(()),
        }
    }
}

/// Whether a name means this machine, this network or the platform (RFC 6761, RFC 6762 with its appendix G, RFC 8375,
/// RFC 9476, and names that platforms use). A name without a dot does.
fn is_private_name(name: &str) -> bool {
    const TOP: [&str; 12] = [
        "alt",
        "arpa",
        "corp",
        "home",
        "internal",
        "intranet",
        "invalid",
        "lan",
        "local",
        "localdomain",
        "localhost",
        "test",
    ];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.rsplit_once('.') {
        None => true,
        Some((_, top)) => TOP.contains(&top),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: OriginPolicy = OriginPolicy { allow_private_network: false, allowed_hosts: AllowedHosts(Vec::new()) };
    const OPEN: OriginPolicy = OriginPolicy { allow_private_network: true, allowed_hosts: AllowedHosts(Vec::new()) };

    #[test]
    fn a_url_with_control_characters_is_refused() {
        for url in
            ["http://example.com/a\tb", "http://example.com/a.png\rhttp://example.com/b", "http://exam\nple.com/"]
        {
            let error = parse("url", url).unwrap_err().to_string();
            assert!(error.contains("control characters"), "{error}");
        }
        assert!(parse("url", " http://example.com/a b.png\r\n").is_ok());
    }

    #[test]
    fn public_web_servers_are_asked() {
        for url in ["http://example.com/a.png", "https://example.com:443/", "http://xn--bcher-kva.example:80/?q=1#f"] {
            assert!(CLOSED.parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_place_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fe80::1]/",
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://printer.local/",
            "http://metadata.google.internal/",
            "http://self.alt/",
            "http://burrow.spin.internal/",
            "http://intranet/",
            "http://example.com:22/",
            "http://u:p@example.com/",
            "http://u@example.com/",
            "http://example.c`om/",
            "http://{.example.com/",
            "file:///etc/passwd",
            "ftp://example.com/",
            "data:image/png;base64,AA==",
            "http:///",
            "example.com/a.png",
            "",
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
        ] {
            assert!(CLOSED.parse(url).is_err(), "{url}");
        }
        assert!(CLOSED.parse(&format!("http://example.com/{}", "a".repeat(MAX_URL_BYTES))).is_err());
    }

    #[test]
    fn a_private_network_is_asked_only_when_told() {
        assert!(OPEN.parse("http://127.0.0.1:8080/a.png").is_ok());
        assert!(OPEN.parse("http://u:p@127.0.0.1/").is_err());
        assert!(OPEN.parse("file:///etc/passwd").is_err());
        assert!(OPEN.parse("http://127.0.0.1:0/").is_err());
        let error = OPEN.parse("http://exam`ple/").unwrap_err().to_string();
        assert!(error.contains("it has the character `"), "{error}");
        for url in ["http://packers.burrow.internal/", "https://PACKERS.Burrow.internal.:80/thumbnails/x/160"] {
            assert!(OPEN.parse(url).unwrap_err().to_string().contains("a part of Burrow"), "{url}");
        }
    }

    #[test]
    fn only_allowed_hosts_are_asked_if_there_are_any() {
        let allowed_hosts = "example.com, *.Example.org bücher.example".parse().unwrap();
        let policy = OriginPolicy { allowed_hosts, ..CLOSED };
        for url in
            ["http://EXAMPLE.com./a", "https://a.example.org/", "http://a.b.example.org/", "http://bücher.example/"]
        {
            assert!(policy.parse(url).is_ok(), "{url}");
        }
        for url in ["http://a.example.com/", "http://example.org/", "http://notexample.org/", "http://other.example/"] {
            assert!(policy.parse(url).is_err(), "{url}");
        }
        let local = OriginPolicy { allowed_hosts: "localhost".parse().unwrap(), ..CLOSED };
        assert!(local.parse("http://localhost/").is_err(), "a private name needs allow_private_network too");
    }
}
