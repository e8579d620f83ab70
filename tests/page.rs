//! The page, as a browser without JavaScript sees it.

use hyper::Method;
use serde_json::json;

use crate::support::client::encode;
use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub async fn the_page_shows_images_and_adds_one(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let empty = burrow.client.get("/").await;
    assert_eq!((empty.status.as_u16(), empty.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(empty.text().contains("Nothing here yet") && empty.text().contains("<form"), "{}", empty.text());
    let url = origin.image("/photo.png", fixture("photo.png"));
    let encoded = encode(&url);
    let form = format!("url={encoded}&name=&tags=sea%2C+holiday+%2C");
    let reply = burrow.client.send(Method::POST, "/images", &[FORM, BROWSER], form).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"));
    let id = burrow.client.get("/images").await.json()["images"][0]["id"].as_str().unwrap().to_owned();
    let record = burrow.client.settled(&id).await;
    assert_eq!((&record["name"], &record["tags"]), (&json!("photo.png"), &json!(["sea", "holiday"])));
    let page = burrow.client.get("/").await.text();
    for part in
        ["<strong>1</strong> image", "photo.png", &format!("src=\"/images/{id}/content\""), "sea", "last upload"]
    {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(burrow.client.get("/style.css").await.header("content-type"), "text/css; charset=utf-8");
    let json = burrow.client.send(Method::GET, "/", &[("accept", "application/json")], "").await.json();
    assert_eq!((&json["stats"]["images"], &json["images"][0]["id"]), (&json!(1), &json!(id)));
}

pub async fn names_are_shown_as_text(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let markup = "<script>alert(1)</script>\"'&";
    burrow.client.add_ready(&json!({ "url": url, "name": markup, "tags": ["<b>"] })).await;
    let browser = [BROWSER];
    let encoded = encode(markup);
    for path in ["/", &format!("/image/{encoded}")] {
        let page = burrow.client.send(Method::GET, path, &browser, "").await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("<script") && !page.text().contains("<b>"), "{}", page.text());
        assert!(page.text().contains("&#60;script&#62;alert(1)"), "{}", page.text());
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    }
}

pub async fn a_form_of_another_site_is_refused(host: Host) {
    let burrow = host.start().await;
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202)] {
        let headers = [FORM, ("sec-fetch-site", site)];
        let reply = burrow.client.send(Method::POST, "/images", &headers, "url=http%3A%2F%2Fnobody.invalid%2F").await;
        assert_eq!(reply.status, status, "{site}");
    }
}
