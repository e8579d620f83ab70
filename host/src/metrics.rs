//! Counters, gauges and histograms for `/metrics`: one registry for the whole process.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use rustix::time::{ClockId, clock_gettime};

use crate::Statistics;

/// Upper bounds of the histograms, in seconds. A page of the list takes about a millisecond, a big image minutes.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0];

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

type Labels<const N: usize> = [(&'static str, &'static str); N];

struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    request_seconds: Histogram,
    requests_in_flight: Gauge,
    connections: Gauge,
    refused: Family<Labels<1>, Counter>,
    answers_reused: Counter,
    received: Counter,
    sent: Counter,
    instances: Counter,
    instances_failed: Counter,
    jobs: Family<Labels<1>, Counter>,
    job_seconds: Histogram,
    blocks_packed: Counter,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("burrow");
        let to = &mut registry;
        Self {
            requests: add(to, "http_requests", "Requests answered"),
            request_seconds: add_as(to, "http_request_duration_seconds", "Time to the end of an answer", histogram()),
            requests_in_flight: add(to, "http_requests_in_flight", "Requests whose answer has not ended"),
            connections: add(to, "http_connections", "Open connections"),
            refused: add(to, "http_refused", "Requests refused, by the limit they would exceed"),
            answers_reused: add(to, "http_answers_reused", "Answers sent again without asking the component"),
            received: add(to, "http_received_bytes", "Bytes of request bodies"),
            sent: add(to, "http_sent_bytes", "Bytes of answers' bodies"),
            instances: add(to, "instances", "Instances of the component made"),
            instances_failed: add(to, "instances_failed", "Instances that trapped or could not be made"),
            jobs: add(to, "jobs", "Jobs that ended or are to be tried again"),
            job_seconds: add_as(to, "job_duration_seconds", "Time that one attempt at a job took", histogram()),
            blocks_packed: add(to, "blocks_packed", "Blocks of large images packed by another instance than their own"),
            registry,
        }
    }
}

fn add<M: Metric + Clone + Default>(to: &mut Registry, name: &str, help: &str) -> M {
    add_as(to, name, help, M::default())
}

fn add_as<M: Metric + Clone>(to: &mut Registry, name: &str, help: &str, metric: M) -> M {
    to.register(name, help, metric.clone());
    metric
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

/// Counts an open connection or request in a gauge, as long as this lives.
pub(crate) struct Open(&'static Gauge);

impl Open {
    fn new(gauge: &'static Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }

    /// Counts a connection.
    pub(crate) fn connection() -> Self {
        Self::new(&METRICS.connections)
    }

    /// Counts a request.
    pub(crate) fn request() -> Self {
        Self::new(&METRICS.requests_in_flight)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts an answer that was sent again without asking the component.
pub(crate) fn answer_reused() {
    METRICS.answers_reused.inc();
}

/// Counts an answer that has ended.
pub(crate) fn answered(method: &http::Method, status: http::StatusCode, took: Duration) {
    // Clients choose the method, so only these few become labels.
    let method = match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    };
    let status = match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    METRICS.requests.get_or_create(&[("method", method), ("status", status)]).inc();
    METRICS.request_seconds.observe(took.as_secs_f64());
}

/// Counts a request refused for this limit.
pub(crate) fn refused(limit: &'static str) {
    METRICS.refused.get_or_create(&[("limit", limit)]).inc();
}

/// Counts received bytes of a request's body.
pub(crate) fn received(bytes: usize) {
    METRICS.received.inc_by(bytes as u64);
}

/// Counts sent bytes of an answer's body.
pub(crate) fn sent(bytes: usize) {
    METRICS.sent.inc_by(bytes as u64);
}

/// Counts an instance that is being made.
pub(crate) fn instance_made() {
    METRICS.instances.inc();
}

/// Counts an instance that trapped or could not be made.
pub(crate) fn instance_failed() {
    METRICS.instances_failed.inc();
}

/// Counts a block of a large image that another instance packed.
pub(crate) fn block_packed() {
    METRICS.blocks_packed.inc();
}

/// Returns the number of those blocks.
#[cfg(test)]
pub(crate) fn blocks_packed() -> u64 {
    METRICS.blocks_packed.get()
}

/// How an attempt at a job ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt {
    /// The image is ready.
    Ready,
    /// The image has failed.
    Failed,
    /// The job will be tried again.
    Retried,
}

/// Counts an attempt at a job that has ended.
pub(crate) fn job_attempted(attempt: Attempt, took: Duration) {
    let outcome = match attempt {
        Attempt::Ready => "ready",
        Attempt::Failed => "failed",
        Attempt::Retried => "retried",
    };
    METRICS.jobs.get_or_create(&[("outcome", outcome)]).inc();
    METRICS.job_seconds.observe(took.as_secs_f64());
}

/// Renders all metrics in the text format of `OpenMetrics`: those counted here, the vault's counts if they are known,
/// and the system's figures for this process.
pub(crate) fn render(vault: Option<&Statistics>) -> Result<String, std::fmt::Error> {
    let mut now = Registry::default();
    let mut gauge = |name, help, value: Option<u64>| {
        // Gauges are signed; a larger value is left out.
        if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
            now.register(name, help, ConstGauge::new(value));
        }
    };
    let vault = |value: fn(&Statistics) -> u64| vault.map(value);
    gauge("burrow_vault_images", "Images that are ready", vault(|vault| vault.images));
    gauge("burrow_vault_pending_images", "Images being stored, or about to be", vault(|vault| vault.pending));
    gauge("burrow_vault_failed_images", "Images that could not be stored", vault(|vault| vault.failed));
    gauge("burrow_vault_original_bytes", "Bytes of all images as they came", vault(|vault| vault.original_bytes));
    gauge("burrow_vault_stored_bytes", "Bytes of all packed forms", vault(|vault| vault.stored_bytes));
    gauge("burrow_vault_repacked", "Contents that were repacked", vault(|vault| vault.repacked));
    gauge("burrow_vault_saved_bytes", "Bytes that repacking saves", vault(|vault| vault.saved_bytes));
    gauge("process_resident_memory_bytes", "Memory of this process", resident_bytes());
    gauge("process_open_fds", "Open file descriptors", open_files());
    now.register("process_cpu_seconds", "Processor time of this process", cpu_seconds());
    let mut text = String::new();
    encode_registry(&mut text, &METRICS.registry)?;
    encode_registry(&mut text, &now)?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn cpu_seconds() -> ConstCounter<f64> {
    ConstCounter::new(cpu_time().as_secs_f64())
}

/// Processor time of this process.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// `None` where there is no `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn open_files() -> Option<u64> {
    u64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}
