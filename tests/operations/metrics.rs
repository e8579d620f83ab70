//! The listener for metrics and health.

use hyper::Method;

use super::Served;
use crate::support::images::fixture;

#[expect(clippy::cast_precision_loss, reason = "small sizes")]
pub async fn what_happens_is_counted() {
    let served = Served::new(&["--metrics", "127.0.0.1:0", "--max-requests", "1"], &[]).await;
    let (client, metrics) = (&served.client, served.metrics());
    let photo = fixture("photo.png");
    let reply = client.send(Method::POST, "/images", &[("content-type", "image/png")], photo.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let content = client.content(reply.json()["id"].as_str().unwrap()).await;
    assert_eq!(client.get("/nothing").await.status, 404);
    let counted = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.unwrap_or_else(|| panic!("there is no {name} in {text}"));
        number.parse::<f64>().unwrap()
    };
    // The server counts an answer as ended a moment after the client has read its last byte.
    let text = loop {
        let text = metrics.get("/metrics").await.text();
        if text.contains("status=\"4xx\"") && counted(&text, "burrow_http_requests_in_flight") < 1.0 {
            break text;
        }
    };
    for (name, value) in [
        ("burrow_http_requests_total{method=\"POST\",status=\"2xx\"}", 1.0),
        ("burrow_http_requests_total{method=\"GET\",status=\"2xx\"}", 1.0),
        ("burrow_http_requests_total{method=\"GET\",status=\"4xx\"}", 1.0),
        ("burrow_http_request_duration_seconds_count", 3.0),
        ("burrow_http_received_bytes_total", photo.len() as f64),
        ("burrow_instances_failed_total", 0.0),
        ("burrow_vault_images", 1.0),
        ("burrow_vault_pending_images", 0.0),
        ("burrow_vault_failed_images", 0.0),
        ("burrow_vault_original_bytes", photo.len() as f64),
    ] {
        assert!((counted(&text, name) - value).abs() < 0.5, "{name} is not {value}: {text}");
    }
    assert!(counted(&text, "burrow_http_sent_bytes_total") > content.len() as f64, "{text}");
    for name in ["burrow_instances_total", "burrow_vault_stored_bytes", "burrow_http_connections", "process_open_fds"] {
        assert!(counted(&text, name) >= 1.0, "{name}: {text}");
    }
    assert!(counted(&text, "process_resident_memory_bytes") > 1e6, "{text}");
    assert!(counted(&text, "process_cpu_seconds_total") > 0.0, "{text}");

    // Refused requests are counted by limit.
    let held = served.begun(&super::upload(1000)).await;
    while client.get("/stats").await.status != 503 {}
    let text = metrics.get("/metrics").await.text();
    assert!(counted(&text, "burrow_http_refused_total{limit=\"max_requests\"}") >= 1.0, "{text}");
    assert!((counted(&text, "burrow_http_requests_in_flight") - 1.0).abs() < 0.5, "{text}");

    let reply = metrics.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"), "{:?}", reply.headers);
    assert_eq!([reply.header("x-content-type-options"), reply.header("cache-control")], ["nosniff", "no-store"]);
    for (path, status, text) in [("/livez", 200, "alive\n"), ("/readyz", 200, "ready\n")] {
        let reply = metrics.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (status, text));
    }
    assert_eq!(metrics.get("/images").await.status, 404);
    assert_eq!(metrics.send(Method::POST, "/metrics", &[], "").await.status, 405);
    // The public listener has no metrics.
    assert_eq!(client.send(Method::GET, "/healthz", &[], "").await.status, 200);
    drop(held);
    while client.get("/metrics").await.status == 503 {}
    assert_eq!(client.get("/metrics").await.status, 404);
}
