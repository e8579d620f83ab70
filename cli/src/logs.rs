//! The log on standard error, and traces to an OpenTelemetry collector.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt as _, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The filter of the log if neither `--log` nor `RUST_LOG` sets one.
const DEFAULT: &str = "warn,burrow=info,burrow_host=info,wasmtime_wasi_http=error";

/// Libraries that are never logged below INFO: there they log arguments of single calls, such as signatures of links.
const NEVER_BELOW_INFO: [&str; 4] = ["wasmtime", "hyper", "rustls", "opentelemetry"];

/// Time to send the remaining traces when the program ends.
const LAST_TIME: Duration = Duration::from_secs(3);

/// Time for the collector to answer a request.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The largest answer read from a collector.
const MAX_ANSWER: usize = 64 * 1024;

/// Flags of the log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Logs {
    #[arg(long, global = true, env = "BURROW_LOG", value_name = "FILTER", hide_short_help = true, value_parser = filter)]
    #[arg(help = "What is logged, as LEVEL or TARGET=LEVEL, separated by commas; RUST_LOG does the same")]
    log: Option<String>,

    /// Format of the log: text for people, or json, one object a line.
    #[arg(long, global = true, env = "BURROW_LOG_FORMAT", default_value = "text", hide_short_help = true)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Flags of `serve` for the access log and traces.
#[derive(Debug, clap::Args)]
pub(crate) struct RequestLogs {
    /// Log every request.
    #[arg(long, env = "BURROW_ACCESS_LOG")]
    pub(crate) access_log: bool,

    #[arg(long, env = "BURROW_OTLP", value_name = "ENDPOINT", hide_env_values = true, value_parser = endpoint)]
    #[arg(help = "Send a trace of every request to this OpenTelemetry collector, by OTLP over HTTP, for example \
                  http://localhost:4318")]
    otlp: Option<Uri>,
}

fn filter(text: &str) -> Result<String, String> {
    text.parse::<EnvFilter>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn endpoint(text: &str) -> Result<Uri, String> {
    let endpoint: Uri = text.parse().map_err(|error| format!("{error}"))?;
    if endpoint.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it is no place for secrets; set OTEL_EXPORTER_OTLP_HEADERS".into());
    }
    match endpoint.scheme_str() {
        Some("http" | "https") if endpoint.query().is_none() => Ok(endpoint),
        _ => Err("it must begin with http:// or https://, and have no query".into()),
    }
}

/// The running log and traces. Dropping it sends the remaining traces.
pub(crate) struct Started(Option<SdkTracerProvider>);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // The provider has logged the error.
            let _ = provider.shutdown_with_timeout(LAST_TIME);
        }
    }
}

impl Logs {
    /// Begins to log. The async runtime of the calling thread sends the traces.
    ///
    /// # Errors
    ///
    /// The filter is invalid, or the exporter of traces cannot be made.
    pub(crate) fn start(&self, requests: Option<&RequestLogs>) -> anyhow::Result<Started> {
        let filter = match &self.log {
            Some(filter) => filter.parse().context("--log")?,
            None => EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT.into()),
        };
        // --access-log holds whatever --log says.
        let filter = if requests.is_some_and(|requests| requests.access_log) {
            filter.add_directive("burrow::access=info".parse()?)
        } else {
            filter
        };
        let never = NEVER_BELOW_INFO.map(|target| (target, LevelFilter::INFO));
        let allowed = Targets::new().with_default(LevelFilter::TRACE).with_targets(never);
        let has_colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let log = tracing_subscriber::fmt::layer().with_ansi(has_colours).with_writer(std::io::stderr);
        let log = match self.log_format {
            Format::Text => log.boxed(),
            Format::Json => log.json().flatten_event(true).with_span_list(false).boxed(),
        };
        let log = log.with_filter(filter.and(allowed));
        let provider = requests.and_then(|requests| requests.otlp.as_ref()).map(traces).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("burrow"))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(Targets::new().with_target("burrow_host", LevelFilter::INFO))
        });
        tracing_subscriber::registry().with(log).with(traces).init();
        Ok(Started(provider))
    }
}

fn traces(endpoint: &Uri) -> anyhow::Result<SdkTracerProvider> {
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { client, runtime: tokio::runtime::Handle::current() })
        .with_endpoint(format!("{}/v1/traces", endpoint.to_string().trim_end_matches('/')))
        .build()
        .context("--otlp")?;
    let resource = Resource::builder().with_service_name("burrow").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Sends requests to the collector. The exporter calls it on its own thread, outside the async runtime.
#[derive(Debug)]
struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: tokio::runtime::Handle,
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.client.request(request.map(Full::from));
        let answered = async {
            let (head, body) = sent.await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        self.runtime.spawn(async { tokio::time::timeout(ANSWER_TIME, answered).await? }).await?
    }
}
