//! Adding from elsewhere, and links for elsewhere: the form that others open, settings of programs, texts to copy.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::client::{Client, Reply, encode};
use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::{Behaviour, Origin};

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    client.send(Method::GET, path, &[&[("accept", "text/html")], headers].concat(), "").await
}

/// The value of a field of a form, as HTML has it.
fn value<'a>(page: &'a str, field: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("name=\"{field}\" value=\"")).unwrap();
    rest.split('"').next().unwrap()
}

/// Bookmarks and programs that share open a form with its fields filled in. Nothing is added before it is sent.
pub async fn a_form_is_opened_with_its_fields_filled_in(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let url = origin.serve("/photo.png", Behaviour::Guarded("http://page.example/", fixture("photo.png").into()));
    let query = |url: &str| {
        format!(
            "/add?url={}&referrer={}&name={}",
            encode(url),
            encode("http://page.example/7"),
            encode("an \"otter\" <b>")
        )
    };
    let page = get(client, &query(&url), &[]).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = page.text();
    assert_eq!((value(&page, "urls"), value(&page, "referrer")), (&url[..], "http://page.example/7"));
    assert_eq!(value(&page, "name"), "an &#34;otter&#34; &#60;b&#62;");
    assert_eq!(client.get("/stats").await.json()["pending"], 0);
    assert_eq!(origin.requests(), 0);
    // What Android shares has the address within a text.
    let shared =
        get(client, &format!("/add?name=x&text={}&url=", encode(&format!("Look: {url} nice"))), &[]).await.text();
    assert_eq!(value(&shared, "urls"), url);
    // Sent as the browser sends it, the form adds the image.
    let fields = [
        ("action", "add"),
        ("back", "/"),
        ("urls", url.as_str()),
        ("referrer", "http://page.example/7"),
        ("name", "otter"),
        ("tags", "river"),
    ];
    let form = fields.map(|(name, value)| format!("{name}={}", encode(value))).join("&");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    let reply = client.send(Method::POST, "/gallery", &headers, form).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=added&count=1"));
    let id = client.get("/images").await.json()["images"][0]["id"].as_str().unwrap().to_owned();
    let image = client.settled(&id).await;
    assert_eq!(
        (&image["status"], &image["name"], &image["tags"]),
        (&json!("ready"), &json!("otter"), &json!(["river"]))
    );

    for refused in ["/add?x=1", "/add?url=a&url=b", "/add?urls=a"] {
        assert_eq!(get(client, refused, &[]).await.status, 422, "{refused}");
    }
    let manifest = client.get("/assets/burrow.webmanifest").await;
    assert_eq!(manifest.header("content-type"), "application/manifest+json");
    assert_eq!(manifest.json()["share_target"]["action"], "/add");
    let home = get(client, "/", &[]).await;
    assert!(home.header("content-security-policy").contains("manifest-src 'self'"));
    assert!(home.text().contains("rel=\"manifest\" href=\"/assets/burrow.webmanifest\""));
    assert!(home.text().contains("href=\"/add\""));
}

/// Who may not change anything is asked for a token; what was shared is not lost.
pub async fn the_form_needs_a_token(host: Host) {
    let burrow = host.start_with(&[("write_token", "the-write-token")]).await;
    let page = get(&burrow.client, "/add?url=http://origin.example/a.png", &[]).await.text();
    assert!(page.contains("action=\"/session\"") && !page.contains("name=\"urls\""), "{page}");
    let shared = "/add?url=http%3A%2F%2Forigin.example%2Fa.png";
    let referer = format!("http://{}{shared}", burrow.client.address());
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html"), ("referer", referer.as_str())];
    let reply = burrow.client.send(Method::POST, "/session", &headers, "token=the-write-token").await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, shared));
}

/// Settings of programs have the address under which they were asked for, and those settings work.
pub async fn programs_get_their_settings(host: Host) {
    let burrow = host.start_with(&[("write_token", "the-write-token")]).await;
    let client = &burrow.client;
    let sharex = client.get("/uploaders/burrow.sxcu").await;
    assert_eq!(sharex.header("content-disposition"), "attachment; filename=\"burrow.sxcu\"");
    assert_eq!(sharex.header("cache-control"), "no-store");
    let (sharex, picgo) = (sharex.json(), client.get("/uploaders/picgo.json").await.json());
    let (here, picgo) = (format!("http://{}", client.address()), &picgo["picBed"]["web-uploader"]);
    assert_eq!(
        (&sharex["RequestURL"], &picgo["url"]),
        (&json!(format!("{here}/images")), &json!(format!("{here}/images")))
    );
    assert_eq!(sharex["Headers"]["Authorization"], "Bearer WRITE-TOKEN");
    // As the programs do: a form with one file under the name that the settings say.
    let upload = async |field: &Value, accept: &str| {
        let mut body =
            format!("--b\r\nContent-Disposition: form-data; name={field}; filename=\"a.png\"\r\n\r\n").into_bytes();
        body.extend(fixture("photo.png"));
        body.extend(b"\r\n--b--\r\n");
        let headers = [
            ("content-type", "multipart/form-data; boundary=b"),
            ("authorization", "Bearer the-write-token"),
            ("accept", accept),
        ];
        client.send(Method::POST, "/images", &headers, body).await
    };
    let answer = upload(&sharex["FileFormName"], "*/*").await.json();
    let link = sharex["URL"]
        .as_str()
        .unwrap()
        .replace("{json:images[0].content}", answer["images"][0]["content"].as_str().unwrap());
    assert!(client.get(link.strip_prefix(here.as_str()).unwrap()).await.body == fixture("photo.png"));
    // PicGo takes the whole answer as the link.
    let headers: Value = serde_json::from_str(picgo["customHeader"].as_str().unwrap()).unwrap();
    assert_eq!((&picgo["jsonPath"], &headers["Authorization"]), (&json!(""), &json!("Bearer WRITE-TOKEN")));
    let answer = upload(&picgo["paramName"], headers["Accept"].as_str().unwrap()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::CREATED, "text/plain; charset=utf-8"));
    assert!(client.get(answer.text().strip_prefix(here.as_str()).unwrap()).await.body == fixture("photo.png"));
    // Libraries that name both expect JSON.
    assert!(upload(&json!("file"), "application/json, text/plain, */*").await.json()["images"].is_array());

    let proxied =
        client.send(Method::GET, "/uploaders/burrow.sxcu", &[("x-forwarded-proto", "https")], "").await.json();
    assert_eq!(proxied["RequestURL"], format!("{}/images", here.replace("http:", "https:")));
    assert_eq!(client.get("/uploaders/other").await.status, 404);
    let open = host.start().await;
    assert!(open.client.get("/uploaders/burrow.sxcu").await.json().get("Headers").is_none());
}

/// The page of an image has its link in the forms in which people paste it, complete without scripts.
pub async fn links_are_there_to_be_copied(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let path = format!("/images?name={}", encode("](x) \"><script>"));
    let reply = client.send(Method::POST, &path, &[("content-type", "image/png")], fixture("photo.png")).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let page = get(client, &format!("/images/{id}"), &[]).await.text();
    let url = format!("http://{}/images/{id}/content", client.address());
    for text in [
        format!("![\\](x) &#34;\\&#62;\\&#60;script\\&#62;]({url})"),
        format!("&#60;img src=&#34;{url}&#34; alt=&#34;](x) &#38;quot;&#38;gt;&#38;lt;script&#38;gt;&#34;&#62;"),
        format!("[img]{url}[/img]"),
    ] {
        assert!(page.contains(&format!("<input readonly value=\"{text}\">")), "{text}\n{page}");
    }
    let other = get(client, &format!("/images/{id}"), &[("x-forwarded-proto", "https")]).await.text();
    assert!(other.contains(&format!("[img]{}[/img]", url.replace("http:", "https:"))));
}
