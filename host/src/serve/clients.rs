//! Limits by client address: what one client may have at once, and in a minute.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::limits::OverLimit;
use crate::address::network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How long a client's requests, bytes and wrong tokens are counted together.
const MINUTE: Duration = Duration::from_mins(1);

/// Wrong tokens of one client in a minute. Further requests with a token that was not right before are refused.
const WRONG_TOKENS: u64 = 100;

/// Clients remembered. Beyond this number, those without a request in this minute are forgotten.
const REMEMBERED: usize = 16 * 1024;

/// Tokens and sessions remembered as right, as digests.
const RIGHT: usize = 4096;

/// What one client may have. 0 means no limit.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Open connections.
    pub connections: usize,
    /// Requests whose answer has not ended.
    pub requests: usize,
    /// Requests in a minute.
    pub requests_per_minute: u64,
    /// Bytes of bodies in a minute, received and sent. It is looked at before a request begins.
    pub bytes_per_minute: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { connections: 500, requests: 256, requests_per_minute: 0, bytes_per_minute: 0 }
    }
}

/// Networks of proxies that are believed what they say of their clients, in `X-Forwarded-For`.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<(IpAddr, u32)>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Parses addresses and networks such as `10.0.0.0/8`, separated by spaces or commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = |word: &str| {
            let (address, length) =
                word.split_once('/').map_or((word, None), |(address, length)| (address, Some(length)));
            let address: IpAddr = address.parse().ok()?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            let length = length.map_or(Some(width), |length| length.parse().ok().filter(|length| *length <= width))?;
            Some((address, length))
        };
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let wrong = |word: &str| format!("{word:?} is neither an address nor a network such as 10.0.0.0/8");
        words.map(|word| network(word).ok_or_else(|| wrong(word))).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let (seen, width) = bits(address.to_canonical());
        self.0.iter().any(|&(network, length)| {
            let (network, of) = bits(network);
            of == width && (length == 0 || (seen ^ network) >> (width - length) == 0)
        })
    }

    /// The client of a request: the peer, or whom trusted proxies name. Each proxy adds the address from which it got the
    /// request, so the last one that is no trusted proxy's counts; a client can write the others itself.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let named = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let mut named: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
        while self.contain(client)
            && let Some(next) = named.pop().and_then(|next| next.parse::<IpAddr>().ok())
        {
            client = next.to_canonical();
        }
        client
    }
}

/// Counts what each client has.
#[derive(Debug)]
pub(super) struct Clients {
    limits: ClientLimits,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    clients: HashMap<IpAddr, Client>,
    right: HashSet<[u8; 32]>,
}

#[derive(Debug)]
struct Client {
    connections: usize,
    requests: usize,
    /// When the minute began in which the rest is counted.
    since: Instant,
    begun: u64,
    bytes: u64,
    wrong_tokens: u64,
}

impl Known {
    fn client(&mut self, address: IpAddr) -> &mut Client {
        let now = Instant::now();
        if self.clients.len() >= REMEMBERED && !self.clients.contains_key(&address) {
            self.clients.retain(|_, client| {
                client.connections + client.requests > 0 || now.duration_since(client.since) < MINUTE
            });
        }
        let new = || Client { connections: 0, requests: 0, since: now, begun: 0, bytes: 0, wrong_tokens: 0 };
        let client = self.clients.entry(address).or_insert_with(new);
        if now.duration_since(client.since) >= MINUTE {
            *client = Client { connections: client.connections, requests: client.requests, ..new() };
        }
        client
    }
}

/// A connection or request of a client, until it is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    clients: Arc<Clients>,
    address: IpAddr,
    is_connection: bool,
}

impl Visit {
    /// Counts bytes of a body.
    pub(super) fn count(&self, bytes: usize) {
        if self.clients.limits.bytes_per_minute > 0 {
            self.clients.lock().client(self.address).bytes += bytes as u64;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut known = self.clients.lock();
        let client = known.client(self.address);
        let count = if self.is_connection { &mut client.connections } else { &mut client.requests };
        *count = count.saturating_sub(1);
    }
}

impl Clients {
    pub(super) fn new(limits: ClientLimits) -> Arc<Self> {
        Arc::new(Self { limits, known: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection.
    ///
    /// # Errors
    ///
    /// The client has too many.
    pub(super) fn connection(self: &Arc<Self>, peer: IpAddr) -> Result<Visit, OverLimit> {
        self.visit(peer, true)
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// The client has too many at once, or had too much in this minute.
    pub(super) fn request(self: &Arc<Self>, client: IpAddr) -> Result<Visit, OverLimit> {
        let (requests, bytes) = (self.limits.requests_per_minute, self.limits.bytes_per_minute);
        {
            let mut known = self.lock();
            let client = known.client(network(client));
            over("requests_per_minute", requests, client.begun, client.since)?;
            over("bytes_per_minute", bytes, client.bytes, client.since)?;
            client.begun += 1;
        }
        self.visit(client, false)
    }

    /// A proxy on this machine may stand for many, so an address of this machine has no limit of its own at once.
    fn visit(self: &Arc<Self>, address: IpAddr, is_connection: bool) -> Result<Visit, OverLimit> {
        let is_here = address.to_canonical().is_loopback();
        let address = network(address);
        let mut known = self.lock();
        let client = known.client(address);
        let (count, allowed, limit) = if is_connection {
            (&mut client.connections, self.limits.connections, "max_connections_per_client")
        } else {
            (&mut client.requests, self.limits.requests, "max_requests_per_client")
        };
        if allowed > 0 && *count >= allowed && !is_here {
            return Err(OverLimit { limit, allowed, seen: *count + 1, after: Some(Duration::from_secs(1)) });
        }
        *count += 1;
        Ok(Visit { clients: self.clone(), address, is_connection })
    }

    /// Refuses a request with a token or session that has made no change before, if the client had too many wrong ones. So
    /// those who work go on while somebody guesses behind the same proxy.
    ///
    /// # Errors
    ///
    /// The client had too many wrong ones in this minute.
    pub(super) fn check_guess(&self, client: IpAddr, guess: Option<&Guess>) -> Result<(), OverLimit> {
        let Some(guess) = guess else { return Ok(()) };
        let mut known = self.lock();
        if guess.digest.is_some_and(|digest| known.right.contains(&digest)) {
            return Ok(());
        }
        let client = known.client(network(client));
        over("wrong_tokens_per_minute", WRONG_TOKENS, client.wrong_tokens, client.since)
    }

    /// Notes whether a token or session was right. Only a change that was made shows that: reading may need none.
    pub(super) fn note_guess(&self, client: IpAddr, guess: &Guess, status: StatusCode) {
        let mut known = self.lock();
        if status == StatusCode::UNAUTHORIZED {
            known.client(network(client)).wrong_tokens += 1;
        } else if let Some(digest) = guess.digest.filter(|_| guess.is_change && status.is_success()) {
            if known.right.len() >= RIGHT {
                known.right.clear();
            }
            known.right.insert(digest);
        }
    }
}

fn over(limit: &'static str, allowed: u64, seen: u64, since: Instant) -> Result<(), OverLimit> {
    if allowed == 0 || seen < allowed {
        return Ok(());
    }
    let [allowed, seen] = [allowed, seen + 1].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    Err(OverLimit { limit, allowed, seen, after: Some(MINUTE.saturating_sub(since.elapsed())) })
}

/// A token or session that a request has.
#[derive(Debug)]
pub(super) struct Guess {
    /// Its digest; `None` if it is in the body.
    digest: Option<[u8; 32]>,
    /// Whether the request asks for a change.
    is_change: bool,
}

impl Guess {
    /// The guess of a request, if it is one. To sign in is one.
    pub(super) fn of(method: &Method, path: &str, headers: &HeaderMap) -> Option<Self> {
        let is_change = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if path == "/session" {
            return is_change.then_some(Self { digest: None, is_change });
        }
        let fields = [AUTHORIZATION, COOKIE].map(|name| headers.get(name).map(HeaderValue::as_bytes));
        fields.iter().any(Option::is_some).then(|| {
            let mut digest = Sha256::new();
            for field in fields {
                digest.update(field.unwrap_or_default());
                digest.update([0]);
            }
            Self { digest: Some(digest.finalize().into()), is_change }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_trusted_proxies_name_clients() {
        let proxies: TrustedProxies = "10.0.0.0/8, ::1 192.0.2.7".parse().unwrap();
        for (peer, named, client) in [
            ("203.0.113.5", &["198.51.100.1"][..], "203.0.113.5"),
            ("10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            // What a client wrote itself stands before what the proxies add.
            ("10.1.2.3", &["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("::1", &["1.2.3.4", "198.51.100.1, 192.0.2.7"], "198.51.100.1"),
            ("::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.1.2.3", &["unknown"], "10.1.2.3"),
            ("10.1.2.3", &["198.51.100.1, "], "10.1.2.3"),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["10.9.9.9"], "10.9.9.9"),
        ] {
            assert_eq!(proxies.client(ip(peer), &headers(&FORWARDED_FOR, named)), ip(client), "{peer} {named:?}");
        }
        for wrong in ["10.0.0.0/33", "proxy", "10.0.0.1:80", "::/129"] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0".parse::<TrustedProxies>().unwrap().contain(ip("8.8.8.8")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_so_much_at_once() {
        let limits = ClientLimits { connections: 1, requests: 2, requests_per_minute: 0, bytes_per_minute: 0 };
        let clients = Clients::new(limits);
        let (one, two) = (clients.request(ip("203.0.113.5")).unwrap(), clients.request(ip("203.0.113.5")).unwrap());
        let refused = clients.request(ip("203.0.113.5")).unwrap_err();
        assert_eq!((refused.limit, refused.allowed, refused.seen), ("max_requests_per_client", 2, 3));
        // Others have theirs. A network of IPv6 is one client.
        let _others = [clients.request(ip("203.0.113.6")).unwrap(), clients.request(ip("2001:db8::1")).unwrap()];
        let _third = clients.request(ip("2001:db8::2")).unwrap();
        assert!(clients.request(ip("2001:db8::3")).is_err() && clients.request(ip("2001:db8:0:1::3")).is_ok());
        drop(one);
        assert!(clients.request(ip("203.0.113.5")).is_ok());
        drop(two);
        let _connection = clients.connection(ip("203.0.113.5")).unwrap();
        assert!(clients.connection(ip("203.0.113.5")).is_err());
        let _here: Vec<_> = (0..9).map(|_| clients.connection(ip("127.0.0.1")).unwrap()).collect();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_so_much_in_a_minute() {
        let limits = ClientLimits { requests_per_minute: 3, bytes_per_minute: 100, ..ClientLimits::default() };
        let clients = Clients::new(limits);
        let ask = |address: &str| clients.request(ip(address));
        for _ in 0..3 {
            ask("203.0.113.5").unwrap();
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        let refused = ask("203.0.113.5").unwrap_err();
        assert_eq!((refused.limit, refused.after), ("requests_per_minute", Some(Duration::from_secs(40))));
        ask("203.0.113.6").unwrap().count(100);
        assert_eq!(ask("203.0.113.6").unwrap_err().limit, "bytes_per_minute");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(ask("203.0.113.5").is_ok() && ask("203.0.113.6").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_is_held_up_and_nobody_else() {
        let clients = Clients::new(ClientLimits::default());
        let client = ip("203.0.113.5");
        let of = |method: Method, text: &str| Guess::of(&method, "/images", &headers(&AUTHORIZATION, &[text]));
        let guess = |text: &str| of(Method::POST, text);
        clients.note_guess(client, &guess("Bearer right").unwrap(), StatusCode::CREATED);
        // Reading may be open, so its success shows nothing.
        clients.note_guess(client, &of(Method::GET, "Bearer other").unwrap(), StatusCode::OK);
        clients.note_guess(client, &guess("Bearer other").unwrap(), StatusCode::NOT_FOUND);
        for n in 0..WRONG_TOKENS {
            let wrong = guess(&n.to_string());
            clients.check_guess(client, wrong.as_ref()).unwrap();
            clients.note_guess(client, &wrong.unwrap(), StatusCode::UNAUTHORIZED);
        }
        let refused = |guess: Option<Guess>, client| clients.check_guess(client, guess.as_ref()).is_err();
        let bare = |path: &str| Guess::of(&Method::POST, path, &HeaderMap::new());
        assert!(refused(guess("Bearer other"), client) && refused(bare("/session"), client));
        assert!(!refused(guess("Bearer right"), client) && !refused(bare("/images"), client));
        assert!(!refused(guess("Bearer other"), ip("203.0.113.6")));
        tokio::time::advance(MINUTE).await;
        assert!(!refused(guess("Bearer other"), client));
    }
}
