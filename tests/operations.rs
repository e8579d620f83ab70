//! Operating the native host: limits, logs, metrics, traces, reload, stop (docs/operations.md).

mod answers;
mod clients;
mod limits;
mod logs;
mod metrics;
mod reload;
mod stopping;
mod traces;

pub use answers::{
    a_removed_image_is_gone_for_every_reader, an_answer_is_not_sent_again_once_the_image_changed,
    an_answer_is_sent_again_as_it_was, what_needs_a_token_is_not_sent_to_others,
};
pub use clients::{a_client_has_its_share_and_no_more, who_guesses_tokens_is_held_up};
pub use limits::{
    bodies_that_trickle_keep_nobody_out, slow_clients_are_bounded, what_is_over_a_limit_waits_and_is_refused,
};
pub use logs::{
    every_answer_has_its_request_id, no_secret_is_in_any_log, the_access_log_has_a_line_a_request,
    what_the_component_logs_is_an_event,
};
pub use metrics::what_happens_is_counted;
pub use reload::a_new_component_is_taken_up;
pub use stopping::{asked_twice_it_ends_at_once, stopping_is_told_first};
pub use traces::a_trace_of_every_request_is_sent;

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::process::{Process, serve};

/// A running server and its store.
struct Served {
    process: Process,
    client: Client,
    store: tempfile::TempDir,
}

impl Served {
    async fn new(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::over(tempfile::tempdir().unwrap(), flags, variables).await
    }

    async fn over(store: tempfile::TempDir, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = serve(store.path());
        command.args(flags).envs(variables.iter().copied());
        let mut process = Process::spawn(&mut command);
        let client = process.ready().await.unwrap();
        Self { process, client, store }
    }

    /// A client of the listener for metrics.
    fn metrics(&self) -> &Client {
        self.process.metrics.as_ref().expect("it has no metrics")
    }

    /// Waits until the log contains this text; returns the log.
    async fn logged(&self, text: &str) -> String {
        loop {
            let log = self.process.stderr();
            if log.contains(text) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Opens a connection and sends this on it.
    async fn begun(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.client.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

/// The head of a request that uploads this many bytes.
fn upload(bytes: usize) -> String {
    format!("POST /images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/bmp\r\nContent-Length: {bytes}\r\n\r\n")
}

/// Everything that the server sends until it closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // Bytes that the server has not read when it closes may reset the connection.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The events of this target in a JSON log.
fn events(log: &str, target: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.filter(|event: &Value| event["target"] == target).collect()
}
