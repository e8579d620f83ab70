//! Addresses that no origin may have, where the host is Spin: `runtime-config.toml`, as it is shipped, makes it refuse them.

use serde_json::json;

use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;

/// The component's own policy is off, so that the host's answers alone.
pub async fn private_addresses_are_refused(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let port = url.split([':', '/']).find_map(|part| part.parse::<u16>().ok()).unwrap();
    for place in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1.2.3", "2130706433"] {
        let url = format!("http://{place}:{port}/photo.png");
        let id = burrow.client.add(&json!({ "url": url })).await;
        let image = burrow.client.settled(&id).await;
        assert_eq!(image["status"], "failed", "{url}: {image}");
        let error = image["error"].as_str().unwrap();
        assert!(error.contains("not public") || error.contains("does not allow"), "{url}: {error}");
    }
    assert_eq!(origin.requests(), 0);
}
