//! The attacks.

use std::hint::black_box;

use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use spin_sdk::wasip3::random::random::get_random_bytes;
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use spin_sdk::wit_bindgen::yield_async;
use spin_sdk::{key_value, variables};

use crate::others::wasi::keyvalue::{atomics, store as buckets};

/// Answers `GET /ATTACK?ARGUMENT` with a line of text, if the attack lets it.
pub(crate) struct Hostile;

impl Guest for Hostile {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (attack, argument) = target.split_once('?').unwrap_or((&target, ""));
        let said = match attack {
            "/nothing" => "nothing happened".into(),
            "/computes" => loop {
                black_box(());
            },
            "/pauses" => loop {
                yield_async().await;
            },
            "/traps" => core::arch::wasm32::unreachable(),
            "/recurses" => recurse(1).to_string(),
            "/memory" => memory(),
            "/fields" => fields(),
            "/head" => return head(),
            "/streams" => streams(),
            "/requests" => requests(argument).await,
            "/tasks" => tasks(),
            "/waits" => waits(),
            "/body" => return Ok(body()),
            "/keys" => keys().await,
            "/value" => value().await,
            "/stores" => stores().await,
            "/asks" => ask(argument).await,
            "/packers" => packers(argument).await,
            "/variables" => secrets().await,
            "/random" => format!("{} bytes", get_random_bytes(u64::MAX).len()),
            "/machine" => machine(),
            "/logs" => logs(),
            _ => "there is no such attack".into(),
        };
        Ok(answer(said))
    }
}

fn answer(said: String) -> Response {
    let (mut body, reader) = wit_stream::new();
    let (trailers, none) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(reader), none);
    spawn(async move {
        body.write_all(said.into_bytes()).await;
        drop(body);
        let _ = trailers.write(Ok(None)).await;
    });
    response
}

#[expect(unconditional_recursion, reason = "the attack")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1))) + 1
}

/// Takes memory until there is none, and says how much that was.
fn memory() -> String {
    let mut taken = 0;
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() || all.try_reserve(1).is_err() {
            return format!("{taken} MiB");
        }
        piece.resize(1 << 20, 1);
        all.push(piece);
        taken += 1;
    }
}

/// Has the host hold fields: as many lists as it takes, each as long as it takes.
fn fields() -> String {
    loop {
        let list = Fields::new();
        while list.append("x", &[b'x'; 4096]).is_ok() {}
        std::mem::forget(list);
    }
}

/// Answers with a head of 64 MiB.
fn head() -> Result<Response, ErrorCode> {
    let list: Vec<_> = (0..65536).map(|n| (format!("x-{n}"), vec![b'x'; 1024])).collect();
    let list = Fields::from_list(&list).map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))?;
    let (_, none) = wit_future::new(|| Ok(None));
    Ok(Response::new(list, None, none).0)
}

/// Has the host hold streams.
fn streams() -> String {
    loop {
        std::mem::forget(wit_stream::new::<u8>());
    }
}

/// Begins requests, and reads none.
async fn requests(authority: &str) -> String {
    for _ in 0..2000 {
        let Ok(request) = get(authority, "/") else { break };
        spawn(async move {
            std::mem::forget(client::send(request).await);
        });
        yield_async().await;
    }
    "2000 requests".into()
}

/// Begins tasks that never end.
fn tasks() -> String {
    loop {
        spawn(std::future::pending());
    }
}

/// Has the host run calls that never end.
fn waits() -> String {
    loop {
        let mut call = Box::pin(monotonic_clock::wait_for(u64::MAX));
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        std::mem::forget(call);
    }
}

/// An answer that does not end.
fn body() -> Response {
    let (mut body, reader) = wit_stream::new();
    let (trailers, none) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(reader), none);
    spawn(async move {
        while body.write_all(vec![0; 65536]).await.is_empty() {}
        drop(trailers);
    });
    response
}

/// Stores 400 keys of odd forms, and says how many the store took.
async fn keys() -> String {
    let Ok(store) = key_value::Store::open("default").await else { return "no store".into() };
    let mut taken = 0;
    for n in 0..400_u32 {
        let key = match n % 4 {
            0 => format!("b1:x:{n}"),
            1 => format!("{n}/../{n}\0"),
            2 => "k".repeat(n as usize * 1000),
            _ => String::new(),
        };
        taken += u32::from(store.set(&key, n.to_le_bytes()).await.is_ok());
    }
    format!("{taken} keys")
}

/// Stores a value of 100 MiB, and says what became of it.
async fn value() -> String {
    let Ok(store) = key_value::Store::open("default").await else { return "no store".into() };
    match store.set("large", vec![1; 100 << 20]).await {
        Ok(()) => "taken".into(),
        Err(error) => format!("refused: {error}"),
    }
}

/// Opens stores of others by names that one might guess, and says how many it got.
async fn stores() -> String {
    let mut opened = 0;
    for label in ["", "Default", "default\0", "default/../other", "..", "/", "other", "burrow", "b1", "*"] {
        opened += u32::from(key_value::Store::open(label).await.is_ok()) + u32::from(buckets::open(label).is_ok());
    }
    if let Ok(bucket) = buckets::open("default") {
        opened += u32::from(atomics::Cas::new(&bucket, "k").is_ok());
    }
    format!("{opened} stores")
}

/// Asks another server.
async fn ask(authority: &str) -> String {
    match get(authority, "/") {
        Ok(request) => match client::send(request).await {
            Ok(response) => format!("answered {}", response.get_status_code()),
            Err(code) => format!("refused: {code:?}"),
        },
        Err(()) => "refused: it is no authority".into(),
    }
}

/// Sends the host's helpers what no Burrow sends, and says how many took it.
async fn packers(authority: &str) -> String {
    let mut taken = 0;
    for path in [
        "/thumbnails/../../x",
        "/thumbnails/x/4294967296",
        "/thumbnails/00000000-0000-7000-8000-000000000000/4294967295",
        "/thumbnails//",
        "//",
        "/../",
        "*",
    ] {
        let Ok(request) = get(authority, path) else { continue };
        let _ = request.set_method(&Method::Other("STEAL".into()));
        if let Ok(response) = client::send(request).await {
            taken += u32::from(response.get_status_code() == 200);
        }
    }
    format!("{taken} taken")
}

/// Asks for variables that may hold somebody's secrets.
async fn secrets() -> String {
    let mut found = Vec::new();
    for name in ["PATH", "path", "HOME", "AWS_SECRET_ACCESS_KEY", "aws_secret_access_key", "BURROW_STORE", "store", ""]
    {
        if variables::get(name).await.is_ok() {
            found.push(name);
        }
    }
    format!("{} found: {}", found.len(), found.join(" "))
}

/// Looks for files, arguments, environment and sockets.
fn machine() -> String {
    let paths = [".", "/", "/etc/passwd", "../../etc/passwd", "/proc/self/environ", "/dev/null"];
    let files = paths.iter().filter(|path| std::fs::metadata(path).is_ok()).count();
    let sockets = usize::from(std::net::TcpListener::bind("127.0.0.1:0").is_ok())
        + usize::from(std::net::TcpStream::connect("127.0.0.1:22").is_ok());
    format!("{} things", files + sockets + std::env::vars_os().count() + std::env::args_os().count())
}

/// Writes 64 MiB of log, with control characters.
#[expect(clippy::print_stderr, reason = "the attack")]
fn logs() -> String {
    let line = "\u{1b}[2Jx".repeat(200);
    for _ in 0..65536 {
        eprintln!("{line}");
    }
    "64 MiB".into()
}

fn get(authority: &str, path: &str) -> Result<Request, ()> {
    let (_, none) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, none, None);
    request.set_scheme(Some(&Scheme::Http))?;
    request.set_authority(Some(authority))?;
    request.set_path_with_query(Some(path))?;
    Ok(request)
}
