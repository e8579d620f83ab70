//! A component that attacks its host (`tests/hostile-component`): `burrow serve` goes on serving, within its memory, and
//! the component gets nothing that is not its own.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;

use crate::support::client::{Client, Unanswered};
use crate::support::host::burrow;
use crate::support::images::repository;
use crate::support::process::Process;

const MIB: u64 = 1024 * 1024;

/// The most memory of the server beside what its instances may take: their pages, tables and what they have the host
/// hold. An instance may have 128 MiB, and each attack comes four times at once.
const MEMORY: u64 = 4 * (128 + 96) * MIB + 256 * MIB;

/// How often each attack comes at once.
const AT_ONCE: usize = 4;

/// Time after which the client of an attack that does not end goes away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How an attack ends.
enum End {
    /// The component answers with this.
    Says(&'static str),
    /// The component answers with a text that begins so.
    Begins(&'static str),
    /// The host ends the instance.
    Dies,
    /// It goes on until the client goes away or the host ends the instance.
    Goes,
}

use End::{Begins, Dies, Goes, Says};

/// The attacks, and how each ends.
fn attacks(bystander: &str) -> Vec<(String, End)> {
    let mut attacks: Vec<(String, End)> = [
        ("/traps", Dies),
        ("/recurses", Dies),
        ("/memory", Begins("1")),
        ("/fields", Dies),
        ("/head", Dies),
        ("/streams", Dies),
        ("/tasks", Goes),
        ("/waits", Goes),
        ("/body", Goes),
        ("/random", Begins("")),
        ("/logs", Goes),
        ("/keys", Begins("")),
        ("/value", Begins("")),
        ("/stores", Says("0 stores")),
        ("/variables", Says("0 found: ")),
        ("/machine", Says("0 things")),
        ("/packers?packers.burrow.internal", Says("0 taken")),
    ]
    .map(|(path, end)| (path.to_owned(), end))
    .into();
    // These take cores until the host ends them, after a minute.
    let last = ["/pauses", "/computes"].map(|path| (path.to_owned(), Goes));
    let port = bystander.rsplit_once(':').unwrap().1;
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"] {
        attacks.push((format!("/asks?{host}:{port}"), Begins("refused: ")));
        attacks.push((format!("/requests?{host}:{port}"), Goes));
    }
    attacks.extend(last);
    attacks
}

/// What `cargo xtask test` builds from `tests/hostile-component`.
fn hostile() -> PathBuf {
    let component = repository().join("target/burrow_hostile.wasm");
    assert!(component.exists(), "run `cargo xtask test` first");
    component
}

/// Waits until an innocent request is answered. One that shares its instance with an attack may die with it.
async fn nothing_happened(client: &Client, after: &str) {
    let answered = async {
        loop {
            match client.try_send(Method::GET, "/nothing", &[], "").await {
                Ok(reply) if reply.status == 200 => {
                    return assert_eq!(reply.text(), "nothing happened", "after {after}");
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), answered)
        .await
        .unwrap_or_else(|_| panic!("nobody is served after {after}"));
}

async fn attack(client: &Client, path: &str, end: &End) {
    let asking = client.try_send(Method::GET, path, &[], "");
    let reply = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(reply) => reply,
        Err(_) if matches!(end, Goes) => return,
        // The machine may be busy.
        Err(_) => tokio::time::timeout(Duration::from_mins(1), client.try_send(Method::GET, path, &[], ""))
            .await
            .unwrap_or_else(|_| panic!("{path} does not end")),
    };
    match (reply, end) {
        (_, Goes) | (Err(Unanswered::Cut(_)), Dies) => {}
        (Ok(reply), Dies) => assert!(reply.status.is_server_error(), "{path}: {}", reply.text()),
        (Ok(reply), Says(text)) => assert_eq!(reply.text(), *text, "{path}"),
        (Ok(reply), Begins(text)) => assert!(reply.text().starts_with(text), "{path}: {}", reply.text()),
        (Err(unanswered), _) => panic!("{path}: {unanswered:?}"),
    }
}

pub async fn a_hostile_component_is_contained() {
    let bystander = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bystander.set_nonblocking(true).unwrap();
    let (store, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::copy(repository().join("target/burrow.wasm"), file.path()).unwrap();
    let mut command = burrow(store.path());
    command.arg("--component").arg(file.path()).args(["serve", "--listen", "127.0.0.1:0", "--watch"]);
    let mut process = Process::spawn(&mut command);
    let client = process.ready().await.unwrap();
    // It takes the place of Burrow while the server runs.
    std::fs::copy(hostile(), file.path()).unwrap();
    while client.get("/nothing").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (path, end) in attacks(&bystander.local_addr().unwrap().to_string()) {
        futures::future::join_all((0..AT_ONCE).map(|_| attack(&client, &path, &end))).await;
        nothing_happened(&client, &path).await;
        let peak = process.peak_memory();
        assert!(peak < MEMORY, "{path}: {} MiB", peak / MIB);
    }
    let came = bystander.accept().map_err(|error| error.kind());
    assert!(matches!(came, Err(std::io::ErrorKind::WouldBlock)), "{came:?}");
    let log = process.kill().await.stderr;
    assert!(!log.contains('\u{1b}'), "the log moves the cursor");
    assert!(log.len() < 16 << 20, "{} bytes of log", log.len());
}
