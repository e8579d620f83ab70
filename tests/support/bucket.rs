//! An S3 server for tests: s3s over a directory, on loopback. A test can make it answer otherwise.
//!
//! The tests of the native host use this file, too.

#![allow(dead_code, unreachable_pub, reason = "each of its two users needs a part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const BUCKET: &str = "pictures";
pub const ACCESS_KEY: &str = "burrow";
pub const SECRET_KEY: &str = "underground";

/// What the server does instead of answering properly.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It answers this status, with an error of this code.
    Answer(u16, &'static str),
    /// It answers 503 and asks to be left alone for a second.
    Overloaded,
    /// It answers after this time.
    Slow(Duration),
    /// It does what it is asked, and sends only the first half of the answer's body.
    Cut,
    /// It does what it is asked, with the status 200 always.
    Ok,
    /// It does what it is asked, and says that it failed.
    Lie,
}

type Plan = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

#[derive(Default)]
struct Shared {
    plan: Mutex<Option<Plan>>,
    requests: Mutex<Vec<String>>,
}

/// A server with an empty bucket. Dropping it ends it.
pub struct Bucket {
    address: SocketAddr,
    directory: tempfile::TempDir,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Bucket {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (service, shared) = (service.build(), Arc::new(Shared::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, service, shared.clone()));
        Self { address, directory, shared, serving }
    }

    /// The URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a program keep its blobs below `vault/` in the bucket.
    pub fn used_by<'a>(&self, command: &'a mut tokio::process::Command) -> &'a mut tokio::process::Command {
        command
            .env("BURROW_BLOBS", format!("s3://{BUCKET}/vault"))
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    }

    /// Lets `plan` decide on each request, given as "GET /path?query"; `None` means a proper answer.
    pub fn plan(&self, plan: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        *self.shared.plan.lock().unwrap() = Some(Box::new(plan));
    }

    /// Answers properly from now on.
    pub fn recover(&self) {
        *self.shared.plan.lock().unwrap() = None;
    }

    /// The requests since the last call of this.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// The file of an object.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(BUCKET).join(name)
    }

    /// The names of all objects below a prefix, sorted, and their sizes.
    pub fn objects(&self, prefix: &str) -> Vec<(String, u64)> {
        let Ok(entries) = std::fs::read_dir(self.file(prefix)) else { return Vec::new() };
        let files = entries.map(|entry| entry.unwrap()).filter(|entry| entry.file_type().unwrap().is_file());
        let mut objects: Vec<_> =
            files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect();
        objects.sort();
        objects
    }

    /// The parts of objects that were neither completed nor given up.
    pub fn parts(&self) -> usize {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".part-")).count()
    }
}

async fn serve(listener: TcpListener, service: S3Service, shared: Arc<Shared>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, shared) = (service.clone(), shared.clone());
        let answer = service_fn(move |request| answer(service.clone(), shared.clone(), request));
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            // The client may be gone.
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(
    service: S3Service,
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let what = format!("{} {}", request.method(), request.uri());
    shared.requests.lock().unwrap().push(what.clone());
    let request = request.map(Body::from);
    let fault = shared.plan.lock().unwrap().as_mut().and_then(|plan| plan(&what));
    match fault {
        Some(Fault::Answer(status, code)) => Ok(refusal(status, code)),
        Some(Fault::Overloaded) => {
            let mut refusal = refusal(503, "SlowDown");
            refusal.headers_mut().insert("retry-after", "1".parse().unwrap());
            Ok(refusal)
        }
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            service.call(request).await
        }
        Some(Fault::Ok) => {
            let mut response = service.call(request).await?;
            *response.status_mut() = hyper::StatusCode::OK;
            Ok(response)
        }
        Some(Fault::Lie) => {
            service.call(request).await?;
            Ok(refusal(500, "InternalError"))
        }
        Some(Fault::Cut) => {
            use http_body_util::BodyExt as _;
            let (head, body) = service.call(request).await?.into_parts();
            let whole = body.collect().await.unwrap().to_bytes();
            // The length that the head states stays.
            let half = futures::stream::iter([Ok::<_, std::io::Error>(whole.slice(..whole.len() / 2))]);
            let frames = futures::StreamExt::map(half, |piece| piece.map(hyper::body::Frame::data));
            Ok(Response::from_parts(head, Body::http_body_unsync(http_body_util::StreamBody::new(frames))))
        }
        None => service.call(request).await,
    }
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n<Code>{code}</Code>\n<Message>As planned.</Message>\n</Error>"
    );
    Response::builder().status(status).body(Body::from(text)).unwrap()
}
