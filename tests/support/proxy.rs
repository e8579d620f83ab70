//! An HTTP proxy that forwards plain requests and opens tunnels, and resolves names by a table of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on its own port. It ends with its runtime.
pub struct Proxy {
    pub address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that reaches these hosts (`name:port`), each at a port of this machine.
    pub async fn start(hosts: HashMap<&'static str, u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (hosts, seen) = (Arc::new(hosts), heads.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (hosts, seen) = (hosts.clone(), seen.clone());
                tokio::spawn(async move { serve(client, &hosts, &seen).await });
            }
        });
        Self { address, heads }
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    mut client: TcpStream,
    hosts: &HashMap<&'static str, u16>,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8(head).unwrap();
    seen.lock().unwrap().push(head.clone());
    let (line, headers) = head.split_once("\r\n").unwrap();
    let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let (host, path) = if method == "CONNECT" {
        (target.to_owned(), "")
    } else {
        let (host, path) = target.strip_prefix("http://").expect("absolute form").split_once('/').unwrap();
        (format!("{host}:80"), path)
    };
    let Some(port) = hosts.get(host.as_str()) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    let mut origin = TcpStream::connect(("127.0.0.1", *port)).await?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n").await?;
    } else {
        origin.write_all(format!("{method} /{path} HTTP/1.1\r\n{headers}").as_bytes()).await?;
    }
    copy_bidirectional(&mut client, &mut origin).await?;
    Ok(())
}
