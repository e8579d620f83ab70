//! The hosts that a service without tokens answers for.
//!
//! A page can let its own name resolve to this server's address (DNS rebinding). For its browser, the page and this
//! server are then one site, so neither `Origin` nor `Sec-Fetch-Site` shows the page. `Host` still has the page's name.
//! A page that was loaded from an IP address was loaded from that address, so addresses are not in danger.

use burrow_vault::policy::AllowedHosts;
use http::uri::Authority;
use http::{HeaderMap, header};
use url::Host;

use crate::problem::Problem;

/// Refuses a request whose `Host` is neither an IP address, nor `localhost`, nor one of `allowed`. A request without
/// `Host` comes from a program: browsers always send it.
pub(crate) fn check(headers: &HeaderMap, allowed: &AllowedHosts) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let authority = Authority::try_from(host.as_bytes()).ok();
    let parsed = authority.and_then(|authority| Host::parse(authority.host()).ok());
    let is_known = parsed.is_some_and(|host| match host {
        Host::Ipv4(_) | Host::Ipv6(_) => true,
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || allowed.contain(name)
        }
    });
    if is_known { Ok(()) } else { Err(Problem::misdirected(host.to_str().unwrap_or("it"))) }
}

#[cfg(test)]
mod tests {
    use burrow_vault::testing::{Whole, World};
    use http::Method;

    use super::*;
    use crate::{Request, Service, ServiceSettings};

    #[test]
    fn only_addresses_localhost_and_allowed_names_are_known() {
        let allowed = "images.example *.lan.example".parse().unwrap();
        let known = |host: &str, allowed: &AllowedHosts| {
            check(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]), allowed).is_ok()
        };
        for host in ["127.0.0.1:3000", "192.168.1.5", "[::1]:3000", "localhost:3000", "LOCALHOST.", "a.localhost"] {
            assert!(known(host, &AllowedHosts::default()), "{host}");
        }
        for host in ["images.example", "Images.Example:3000", "images.example:80", "a.lan.example"] {
            assert!(known(host, &allowed) && !known(host, &AllowedHosts::default()), "{host}");
        }
        for host in ["evil.example:3000", "xlocalhost", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b"] {
            assert!(!known(host, &allowed), "{host}");
        }
        assert!(check(&HeaderMap::new(), &allowed).is_ok());
    }

    #[test]
    fn without_tokens_a_foreign_name_reaches_no_image() {
        let world = World::default();
        let answer = |method: Method, path: &str, tokens: &str| {
            let write_tokens =
                if tokens.is_empty() { crate::access::token::Tokens::default() } else { tokens.parse().unwrap() };
            let service = Service::new(world.vault(), ServiceSettings { write_tokens, ..ServiceSettings::default() });
            let headers = HeaderMap::from_iter([(header::HOST, "evil.example:3000".parse().unwrap())]);
            let request = Request { method, path_and_query: path.into(), headers, body: Whole::new(b"") };
            world.run(service.handle(request)).response.status().as_u16()
        };
        for path in ["/", "/images", "/stats"] {
            assert_eq!(
                (answer(Method::GET, path, ""), answer(Method::GET, path, "a-write-token")),
                (421, 200),
                "{path}"
            );
        }
        assert_eq!(answer(Method::POST, "/jobs/resume", ""), 421);
        assert_eq!(answer(Method::GET, "/healthz", ""), 200);
    }
}
