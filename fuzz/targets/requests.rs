//! Requests to the service over a vault in memory: method, target, header fields and body are fuzzed. So are the ranges,
//! conditions, codings, forms, queries and JSON in them. No answer is a 5xx.
#![no_main]

use burrow_http::{Request, Service, ServiceSettings};
use burrow_vault::testing::{Whole, World};
use burrow_vault::vault::Label;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;0123456789abcdef";

const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS];

// The input: a byte for the method, lines of header fields after the target, an empty line, the body. `@` stands for the
// path of an image that is there.
fuzz_target!(|input: &[u8]| {
    let Some((method, rest)) = input.split_first() else { return };
    let split = rest.windows(2).position(|pair| pair == b"\n\n").unwrap_or(rest.len());
    let (head, body) = rest.split_at(split);
    let mut lines = head.split(|byte| *byte == b'\n');
    let target = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("localhost"));
    for line in lines.take(64) {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let parsed = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.get(1..).unwrap_or_default()));
        if let (Ok(name), Ok(value)) = parsed {
            headers.append(name, value);
        }
    }
    let world = World::default();
    world.run(async {
        let image = world.vault().put(&mut Whole::new(GIF), Label::default()).await.expect("it is an image");
        let path_and_query = target.replacen('@', &format!("/images/{}", image.id), 1);
        let service = Service::new(world.vault(), ServiceSettings { run_jobs: false, ..ServiceSettings::default() });
        let method = METHODS[usize::from(*method) % METHODS.len()].clone();
        let body = Whole::new(body.get(2..).unwrap_or_default());
        let mut answer = service.handle(Request { method, path_and_query, headers, body }).await;
        let status = answer.response.status().as_u16();
        assert!(status < 500, "{status}: {:?}", answer.log);
        let mut sent = 0;
        while let Some(piece) = answer.response.body_mut().next().await.expect("the answer broke off") {
            sent += piece.len();
        }
        assert!(sent < 1 << 20, "{sent} bytes");
    });
});
