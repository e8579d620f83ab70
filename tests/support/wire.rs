//! An origin that sends any bytes over TCP or TLS, and treats the connection in any way.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the origin does with each connection.
#[derive(Clone)]
pub enum Act {
    /// Reads the head of the request, sends these bytes, and closes the connection.
    Send(Vec<u8>),
    /// Sends these bytes at once, and closes the connection when the client does.
    Greet(Vec<u8>),
    /// Reads the head of the request and sends these bytes, then nothing more.
    SendAndWait(Vec<u8>),
    /// Reads the head of the request, sends the first bytes, and then the second over and over.
    Repeat(Vec<u8>, Vec<u8>),
    /// Sends these bytes once the client has sent something, and resets the connection.
    Reset(Vec<u8>),
    /// Closes the connection once the client has sent something.
    Close,
}

/// An HTTP answer with this body and these lines in its head.
pub fn answer(lines: &[u8], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n", body.len());
    [b"HTTP/1.1 200 OK\r\n".as_slice(), lines, length.as_bytes(), b"\r\n", body].concat()
}

/// Starts an origin that does this with each connection. Returns its URL with the path `/a.png`.
pub async fn origin(act: Act) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream, act.clone()));
        }
    });
    format!("http://127.0.0.1:{port}/a.png")
}

/// As [`origin`], over TLS with this certificate.
pub async fn secure_origin(certificate: Certificate, act: Act) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der.into()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, act) = (acceptor.clone(), act.clone());
            tokio::spawn(async move {
                // A client that does not like the certificate ends the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    act_on(stream, act).await;
                }
            });
        }
    });
    format!("https://localhost:{port}/a.png")
}

async fn play(stream: TcpStream, act: Act) {
    match act {
        Act::Reset(bytes) => {
            // What is left unread in a closed socket makes the system reset the connection.
            let mut stream = stream;
            if stream.peek(&mut [0]).await.is_ok() {
                let _ = stream.write_all(&bytes).await;
            }
        }
        Act::Close => {
            let mut stream = stream;
            let _ = stream.read(&mut vec![0; 65536]).await;
        }
        act => act_on(stream, act).await,
    }
}

async fn act_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act) {
    if !matches!(act, Act::Greet(_)) {
        let mut received = Vec::new();
        while !received.windows(4).any(|window| window == b"\r\n\r\n") {
            if !matches!(stream.read_buf(&mut received).await, Ok(1..)) {
                return;
            }
        }
    }
    // A client that has seen enough hangs up.
    match act {
        Act::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Greet(bytes) | Act::SendAndWait(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
        }
        Act::Repeat(first, again) => {
            let mut sent = stream.write_all(&first).await;
            while sent.is_ok() {
                sent = stream.write_all(&again).await;
            }
        }
        Act::Reset(_) | Act::Close => {}
    }
}

/// A certificate and its key.
pub struct Certificate {
    der: Vec<u8>,
    key: KeyPair,
}

impl Certificate {
    /// A certificate that its own key signs, as `openssl req -x509` makes it: that of an authority.
    pub fn self_signed(name: &str) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { der: params.self_signed(&key).unwrap().der().to_vec(), key }
    }
}

/// A private authority for certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, for clients that trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this name, valid from the first year to the second.
    pub fn certify(&self, name: &str, from: i32, to: i32) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        Certificate { der: params.signed_by(&key, &self.0).unwrap().der().to_vec(), key }
    }
}
