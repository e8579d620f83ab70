//! An origin on this machine: makes an image for each request, and some faults.

use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The answer to the path `/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Image,
    NotFound,
    Busy,
    HangsUp,
    NoImage,
    Slow,
}

/// Every twentieth answer is a fault (5 %). One in a hundred takes 3 seconds.
pub fn kind(number: usize) -> Kind {
    match number {
        n if n % 20 == 7 => [Kind::NotFound, Kind::Busy, Kind::HangsUp, Kind::NoImage][n / 20 % 4],
        n if n % 100 == 50 => Kind::Slow,
        _ => Kind::Image,
    }
}

/// Makes a bitmap of `size` bytes, different for every number: flat areas and noise, as in screenshots and photos.
pub fn bitmap(number: usize, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    bytes.extend(b"BM");
    bytes.resize(54, 0);
    bytes[10] = 54;
    bytes[14] = 40;
    let width = 512_usize;
    let height = size.saturating_sub(54) / (width * 3);
    bytes[18..22].copy_from_slice(&(width as u32).to_le_bytes());
    bytes[22..26].copy_from_slice(&(height as u32).to_le_bytes());
    bytes[26] = 1;
    bytes[28] = 24;
    let mut noise = number as u64 * 0x9E37_79B9_7F4A_7C15 + 1;
    while bytes.len() < size {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let position = bytes.len() / 3;
        let (x, y) = (position % width, position / width);
        bytes.push(((x / 3 + y / 5 + number) % 256) as u8 ^ (noise % 6) as u8);
    }
    bytes
}

/// Starts the origin, which ends with the process. Every image has `size` bytes.
pub fn start(size: usize) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, size));
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, size: usize) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut lines, mut out) = (BufReader::new(stream.try_clone()?), stream);
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::from("x");
        while !header.trim().is_empty() {
            header.clear();
            lines.read_line(&mut header)?;
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        let number = path.trim_start_matches('/').trim_end_matches(".bmp").parse().unwrap_or_default();
        let (status, body) = match kind(number) {
            Kind::NotFound => ("404 Not Found", Vec::new()),
            Kind::Busy => ("503 Service Unavailable", Vec::new()),
            Kind::NoImage => ("200 OK", b"<html>not here any more</html>".to_vec()),
            Kind::Image | Kind::HangsUp => ("200 OK", bitmap(number, size)),
            Kind::Slow => {
                std::thread::sleep(Duration::from_secs(3));
                ("200 OK", bitmap(number, size))
            }
        };
        write!(out, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len())?;
        if kind(number) == Kind::HangsUp {
            return out.write_all(&body[..body.len() / 2]);
        }
        out.write_all(&body)?;
    }
}
