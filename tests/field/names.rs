//! Names that nobody typed, and names in other alphabets.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, encode};
use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;

/// Stores an image under a name that a user typed.
async fn named(client: &Client, name: &str) -> Value {
    let path = format!("/images?name={}", encode(name));
    let reply = client.send(Method::POST, &path, &[("content-type", "image/gif")], fixture("photo.gif")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// The ids of the images that a search finds.
async fn found(client: &Client, query: &str) -> Vec<Value> {
    let images = client.get(&format!("/images?{query}")).await.json()["images"].as_array().unwrap().clone();
    images.into_iter().map(|image| image["id"].clone()).collect()
}

/// macOS sends `ü` in two characters, keyboards type one; case does not matter to a search.
pub async fn names_are_found_however_they_are_composed(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    for (came, typed, searched) in [
        ("U\u{308}bung.png", "Übung.png", "übung"),
        ("ΟΔΥΣΣΕΥΣ.jpg", "ΟΔΥΣΣΕΥΣ.jpg", "οδυσσευς"),
        ("か\u{3099}.gif", "が.gif", "が"),
        ("Straße.png", "Straße.png", "STRASSE"),
    ] {
        let image = named(client, came).await;
        assert_eq!(image["name"], came, "it is kept as it came");
        assert_eq!(found(client, &format!("q={}", encode(searched))).await, [image["id"].clone()], "{searched}");
        for name in [came, typed] {
            let reply = client.get(&format!("/images/by-name/{}", encode(name))).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["id"]), (200, &image["id"]), "{name}");
            let reply =
                client.send(Method::GET, &format!("/image/{}", encode(name)), &[("accept", "image/*")], "").await;
            assert_eq!(reply.body, fixture("photo.gif"), "{name}");
        }
    }
    // Case matters to a name: two files may differ in nothing else.
    assert_eq!(client.get(&format!("/images/by-name/{}", encode("ÜBUNG.PNG"))).await.status, 404);
    // The newest of a name counts, however it is composed.
    let newest = named(client, "Übung.png").await;
    let reply = client.get(&format!("/images/by-name/{}", encode("U\u{308}bung.png"))).await;
    assert_eq!(reply.json()["id"], newest["id"]);
    // The same holds for tags.
    let change = json!({ "tags": ["e\u{301}te\u{301}", "été", "Été"] }).to_string();
    let path = format!("/images/{}", newest["id"].as_str().unwrap());
    let reply = client.send(Method::PATCH, &path, &[("content-type", "application/json")], change).await;
    assert_eq!(reply.json()["tags"], json!(["e\u{301}te\u{301}", "Été"]));
    assert_eq!(found(client, &format!("tag={}", encode("été"))).await, [newest["id"].clone()]);
}

/// A name from a URL is made into one that an image may have; a name that a user typed is refused.
pub async fn names_that_nobody_typed_are_cleaned(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let long = format!("{}.png", "画".repeat(100));
    for (segment, name) in [
        (encode(&long), format!("{}.png", "画".repeat(83))),
        ("a%09b%0Ac.png".into(), "a b c.png".into()),
        ("caf%E9.png".into(), "caf%E9.png".into()),
        (encode("Grüße.png"), "Grüße.png".into()),
    ] {
        let url = origin.image(&format!("/{segment}"), fixture("photo.png"));
        let image = client.add_ready(&json!({ "url": url })).await;
        assert_eq!(image["name"], name, "{segment}");
    }
    let url = origin.image("/photo.png", fixture("photo.png"));
    for typed in [&long, "a\tb"] {
        let reply = client.post("/images", &json!({ "url": url, "name": typed })).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (422, &json!("/problems/invalid")), "{typed}");
    }
}

/// A file name has at most 255 bytes, also with the extension and the number that Burrow adds.
pub async fn file_names_that_go_out_fit(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let [first, second] = ["n".repeat(255), "N".repeat(255)].map(|name| async move { named(client, &name).await });
    let (first, second) = (first.await, second.await);
    let reply = client.get(first["content"].as_str().unwrap()).await;
    assert_eq!(reply.header("content-disposition"), format!("inline; filename=\"{}.gif\"", "n".repeat(251)));
    let [one, two] = [&first, &second].map(|image| image["id"].as_str().unwrap());
    let archive = client.get(&format!("/archive?id={one}&id={two}")).await;
    for name in [format!("{}.gif", "n".repeat(251)), format!("{} (2).gif", "N".repeat(247))] {
        let mut at = archive.body.windows(name.len()).enumerate().filter(|(_, bytes)| *bytes == name.as_bytes());
        let (at, _) = at.next().unwrap_or_else(|| panic!("{name}"));
        // The length of the name in the header of its entry (APPNOTE 4.3.7).
        assert_eq!(archive.body[at - 4..at - 2], 255_u16.to_le_bytes(), "{name}");
    }
}
