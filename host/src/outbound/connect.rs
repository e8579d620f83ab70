//! Connects to origins: to a public address of theirs, or through the operator's proxy.
//!
//! Closed by default: every address is checked after its name is resolved and before the connection is made. So a name
//! cannot lead to a private address, even if its answers change between two look-ups. A proxy resolves names itself, so
//! it must hold this policy.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::failure::{Prohibited, Unresolvable, deepest};
use super::proxy::{Failure, Proxy};
use crate::address::is_public;

type BoxError = Box<dyn StdError + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Connects to origins.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<PublicResolver>,
    proxy: Option<Arc<Proxy>>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(allow_private_network: bool, timeout: Duration, proxy: Option<Arc<Proxy>>) -> Self {
        // The operator named the proxy, so its address may be private.
        let allow_private_network = allow_private_network || proxy.is_some();
        let mut tcp = HttpConnector::new_with_resolver(PublicResolver { allow_private_network });
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_nodelay(true);
        Self { tcp, proxy, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.clone() else {
            let connecting = self.tcp.call(origin);
            return Box::pin(async { Ok(Link { stream: connecting.await?, is_to_proxy: false }) });
        };
        let (connecting, timeout) = (self.tcp.call(proxy.uri()), self.timeout);
        Box::pin(async move {
            let stream = connecting.await.map_err(|error| Failure::Unreachable(deepest(&error).to_string()))?;
            if origin.scheme() != Some(&Scheme::HTTPS) {
                return Ok(Link { stream, is_to_proxy: true });
            }
            let mut stream = stream.into_inner();
            tokio::time::timeout(timeout, proxy.tunnel(&mut stream, &origin)).await.map_err(|_| Failure::Late)??;
            Ok(Link { stream: TokioIo::new(stream), is_to_proxy: false })
        })
    }
}

/// A connection with an origin, or with a proxy, which wants the whole URL in each request.
pub(super) struct Link {
    stream: TokioIo<TcpStream>,
    is_to_proxy: bool,
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_to_proxy)
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }
}

/// Resolves names to public addresses only.
#[derive(Clone, Copy, Debug)]
struct PublicResolver {
    allow_private_network: bool,
}

impl Service<Name> for PublicResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private_network = self.allow_private_network;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(Unresolvable)?;
            let allowed: Vec<_> = found.filter(|address| allow_private_network || is_public(address.ip())).collect();
            if allowed.is_empty() { Err(Prohibited.into()) } else { Ok(allowed.into_iter()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_here_is_refused() {
        let resolve =
            |allow_private_network| PublicResolver { allow_private_network }.call("localhost".parse::<Name>().unwrap());
        assert!(resolve(false).await.unwrap_err().is::<Prohibited>());
        assert!(resolve(true).await.unwrap().count() > 0);
    }
}
