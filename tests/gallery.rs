//! The gallery, as a browser without JavaScript sees it.

use std::io::Read as _;

use hyper::Method;
use serde_json::json;

use crate::support::client::{Client, Reply, encode};
use crate::support::host::Host;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::Origin;

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A page, as text.
async fn page(client: &Client, path: &str) -> String {
    let reply = client.send(Method::GET, path, &[BROWSER], "").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
    reply.text()
}

/// Sends a form as a browser does.
async fn submit(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", encode(value));
    let form = fields.iter().map(pair).collect::<Vec<_>>().join("&");
    client.send(Method::POST, path, &[FORM, BROWSER], form).await
}

async fn store(client: &Client, name: &str, tags: &str) -> String {
    let path = format!("/images?name={}&{tags}", encode(name));
    let reply = client.send(Method::POST, &path, &[("content-type", "image/png")], fixture("photo.png")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// The names on a page of the gallery, in their order.
fn names(page: &str) -> Vec<String> {
    let names = page.split("<span class=\"name\"><bdi>").skip(1);
    names.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

pub async fn the_page_shows_images_and_adds_some(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let empty = page(&burrow.client, "/").await;
    assert!(empty.contains("Nothing here yet") && empty.contains("<form"), "{empty}");
    let urls = [origin.image("/photo.png", fixture("photo.png")), origin.image("/b.png", bitmap(9000, 1))];
    let fields = [("action", "add"), ("urls", &urls.join("\r\n ")), ("tags", "sea, holiday ,"), ("back", "/?q=x")];
    let reply = submit(&burrow.client, "/gallery", &fields).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("location")),
        (303, "/?q=x&told=added&count=2"),
        "{}",
        reply.text()
    );
    let listed = burrow.client.get("/images").await.json();
    for image in listed["images"].as_array().unwrap() {
        let record = burrow.client.settled(image["id"].as_str().unwrap()).await;
        assert_eq!((&record["status"], &record["tags"]), (&json!("ready"), &json!(["sea", "holiday"])));
    }
    let told = page(&burrow.client, "/?told=added&count=2").await;
    assert!(told.contains("Downloading 2 images."), "{told}");
    let id = listed["images"][1]["id"].as_str().unwrap();
    for part in
        ["<strong>2</strong> images", "photo.png", &format!("src=\"/images/{id}/thumbnail?w=320\""), "/?tag=holiday"]
    {
        assert!(told.contains(part), "{part} is missing: {told}");
    }
    // The same form takes files, with the tags of the form and perhaps with addresses.
    let part = |head: &str, value: &[u8]| {
        [format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(), value, b"\r\n"].concat()
    };
    let multipart = [("content-type", "multipart/form-data; boundary=x"), BROWSER];
    let send = async |parts: &[Vec<u8>]| {
        let body = [&parts.concat()[..], b"--x--\r\n"].concat();
        burrow.client.send(Method::POST, "/gallery", &multipart, body).await
    };
    let (add, tags) = (part("name=\"action\"", b"add"), part("name=\"tags\"", b"sea, form"));
    let file = part("name=\"file\"; filename=\"form.bmp\"", &bitmap(9000, 2));
    let none = part("name=\"file\"; filename=\"\"", b"");
    let reply = send(&[part("name=\"urls\"", b" \r\n"), tags.clone(), file.clone(), add.clone()]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=stored&count=1"), "{}", reply.text());
    let newest = burrow.client.get("/images?limit=1").await.json()["images"][0].clone();
    assert_eq!((&newest["name"], &newest["tags"]), (&json!("form.bmp"), &json!(["sea", "form"])));
    let new = part("name=\"urls\"", origin.image("/c.png", bitmap(9000, 3)).as_bytes());
    let reply = send(&[new.clone(), tags.clone(), file.clone(), add.clone()]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=taken&count=2"), "{}", reply.text());
    // What is here already is not downloaded again, unless one insists.
    let reply = send(&[new.clone(), tags.clone(), none.clone(), add.clone()]).await;
    let text = reply.text();
    assert!(reply.status == 422 && text.contains("here already") && text.contains("<bdi>c.png</bdi>"), "{text}");
    let again = part("name=\"again\"", b"yes");
    let reply = send(&[new, tags.clone(), none.clone(), again, add.clone()]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=added&count=1"), "{}", reply.text());
    for image in burrow.client.get("/images").await.json()["images"].as_array().unwrap() {
        burrow.client.settled(image["id"].as_str().unwrap()).await;
    }
    let long = part("name=\"tags\"", "x".repeat(300).as_bytes());
    for (parts, what) in [
        (vec![tags.clone(), none.clone(), add.clone()], "no address and no file"),
        (vec![tags.clone(), file.clone(), part("name=\"action\"", b"delete")], "only adds"),
        (vec![tags.clone(), file.clone()], "only adds"),
        (vec![long, file.clone(), add.clone()], "tag"),
        (vec![part("name=\"x\"", b"y"), file.clone(), add.clone()], "only name, tags and files"),
    ] {
        let before = burrow.client.get("/stats").await.json()["images"].clone();
        let reply = send(&parts).await;
        assert!(reply.status == 422 && reply.text().contains(what), "{what}: {}", reply.text());
        assert_eq!(burrow.client.get("/stats").await.json()["images"], before, "{what}");
    }
    // Older pages have a form of their own for files.
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let body = [form.as_bytes(), &fixture("photo.png"), b"\r\n--x--\r\n"].concat();
    let headers = [("content-type", "multipart/form-data; boundary=x"), BROWSER];
    let reply = burrow.client.send(Method::POST, "/images", &headers, body).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=stored&count=1"));
    let json = burrow.client.send(Method::GET, "/", &[("accept", "application/json")], "").await.json();
    assert_eq!(json["images"].as_array().unwrap().len(), 7);
    for (asset, media_type) in
        [("style.css", "text/css"), ("gallery.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
    {
        let reply = burrow.client.get(&format!("/assets/{asset}")).await;
        assert!(reply.status == 200 && reply.header("content-type").starts_with(media_type), "{asset}");
    }
}

pub async fn names_are_shown_as_text(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let markup = "<script>alert(1)</script>\"'&";
    burrow.client.add_ready(&json!({ "url": url, "name": markup, "tags": ["<b>"] })).await;
    let browser = [BROWSER];
    let encoded = encode(markup);
    for path in ["/", &format!("/image/{encoded}"), "/?q=%3Cb%3E", "/?tag=%3Cb%3E", "/stats"] {
        let page = burrow.client.send(Method::GET, path, &browser, "").await;
        assert_eq!(page.status, 200);
        // The only scripts are Burrow's own files.
        let scripts = page.text().matches("<script").count();
        let ours = ["<script src=\"/assets/", "<script type=\"module\" src=\"/assets/"];
        let ours: usize = ours.iter().map(|begin| page.text().matches(begin).count()).sum();
        assert_eq!(scripts, ours, "{}", page.text());
        assert!(!page.text().contains("<b>") && !page.text().contains("alert(1)\""), "{}", page.text());
        if path.starts_with("/image/") || path == "/" {
            assert!(page.text().contains("&#60;script&#62;alert(1)"), "{}", page.text());
        }
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

pub async fn a_form_of_another_site_is_refused(host: Host) {
    let burrow = host.start().await;
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202)] {
        let headers = [FORM, ("sec-fetch-site", site)];
        let reply = burrow.client.send(Method::POST, "/images", &headers, "url=http%3A%2F%2Fnobody.invalid%2F").await;
        assert_eq!(reply.status, status, "{site}");
        let form = "action=add&urls=http%3A%2F%2Fnobody.invalid%2F";
        let reply = burrow.client.send(Method::POST, "/gallery", &headers, form).await;
        assert_eq!(reply.status, if status == 202 { 200 } else { status }, "{site}");
        let reply = burrow.client.send(Method::POST, "/session", &headers, "token=").await;
        assert_eq!(reply.status, if status == 202 { 204 } else { status }, "{site}");
    }
}

pub async fn forms_do_what_they_say(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    // Of several addresses the valid ones are added, and the invalid ones reported.
    let urls = format!("{} nonsense ftp://x/y", origin.image("/a.png", fixture("photo.png")));
    let reply = submit(client, "/gallery", &[("action", "add"), ("urls", &urls), ("name", "")]).await;
    assert_eq!(reply.status, 422);
    let text = reply.text();
    assert!(
        text.contains("Downloading 1 image")
            && text.contains("nonsense</bdi>: <span lang=\"en\" dir=\"auto\">not a URL")
            && text.contains("ftp://x/y</bdi>: <span"),
        "{text}"
    );
    let a = client.get("/images").await.json()["images"][0]["id"].as_str().unwrap().to_owned();
    client.settled(&a).await;
    let b = store(client, "b.png", "tag=old").await;
    let both = [("id", a.as_str()), ("id", b.as_str())];
    let act = async |fields: &[(&str, &str)]| submit(client, "/gallery", &[&both[..], fields].concat()).await;
    let reply = act(&[("action", "tag"), ("tags", "new, old")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=tagged&count=2"), "{}", reply.text());
    let tags = async |id: &str| client.get(&format!("/images/{id}")).await.json()["tags"].clone();
    assert_eq!((tags(&a).await, tags(&b).await), (json!(["new", "old"]), json!(["new", "old"])));
    // A notice counts the images that changed.
    for told in ["/?told=untagged&count=2", "/?told=untagged&count=0"] {
        let reply = act(&[("action", "untag"), ("tags", "new")]).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, told));
    }
    assert_eq!(tags(&b).await, json!(["old"]));
    let comma = json!({ "tags": ["old", "a, b"] }).to_string();
    let patch = [("content-type", "application/merge-patch+json")];
    assert_eq!(client.send(Method::PATCH, &format!("/images/{b}"), &patch, comma).await.status, 200);
    assert_eq!(submit(client, "/gallery", &[("id", &b), ("action", "untag"), ("tag", "a, b")]).await.status, 303);
    assert_eq!(tags(&b).await, json!(["old"]));
    let fields = [("id", b.as_str()), ("action", "rename"), ("name", "c d"), ("back", "/images/x?told=tagged&count=9")];
    let reply = submit(client, "/gallery", &fields).await;
    assert_eq!(reply.header("location"), "/images/x?told=renamed&count=1");
    assert_eq!(client.get("/images/by-name/c%20d").await.status, 200);
    // Images that have not failed cannot be retried; each has its error.
    let reply = act(&[("action", "retry")]).await;
    assert!(reply.status == 422 && reply.text().matches("class=\"error\"").count() == 2, "{}", reply.text());
    let failed = client.add(&json!({ "url": "http://127.0.0.1:1/" })).await;
    client.settled(&failed).await;
    let reply = submit(client, "/gallery", &[("id", &failed), ("action", "retry"), ("back", "//evil.example")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=retried&count=1"));
    client.settled(&failed).await;
    // Before images are deleted, a page asks.
    let reply = act(&[("action", "delete"), ("back", "/?q=x")]).await;
    assert_eq!(reply.status, 200);
    let question = reply.text();
    assert!(
        question.contains("Delete these 2 images?") && question.contains("c d") && question.contains("name=\"sure\""),
        "{question}"
    );
    assert_eq!(client.get(&format!("/images/{a}")).await.status, 200);
    let reply = act(&[("action", "delete"), ("sure", "yes"), ("back", "/?q=x")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?q=x&told=deleted&count=2"));
    assert_eq!(client.get(&format!("/images/{a}")).await.status, 404);
    // What is not downloaded has no tags; all that failed are tried again, or deleted, at once.
    let reply = submit(client, "/gallery", &[("id", &failed), ("action", "tag"), ("tags", "t")]).await;
    assert!(reply.status == 422 && reply.text().contains("so it can&#39;t be tagged"), "{}", reply.text());
    let reply =
        submit(client, "/gallery", &[("all", "failed"), ("action", "retry"), ("back", "/?status=failed")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?status=failed&told=retried&count=1"));
    client.settled(&failed).await;
    let question = submit(client, "/gallery", &[("all", "failed"), ("action", "delete")]).await.text();
    assert!(question.contains("Delete this image?") && question.contains(&failed), "{question}");
    // Invalid fields, and no selection.
    for (fields, what) in [
        (&[("action", "delete")][..], "no image is selected"),
        (&[("action", "dig"), ("id", &a)], "only add, tag"),
        (&[("action", "tag"), ("tags", "t"), ("id", "x")], "is no id"),
        (&[("action", "tag"), ("id", &a)], "there is no tag"),
        (&[("action", "rename"), ("name", " "), ("id", &a)], "give the image a name"),
        (&[("action", "retry"), ("all", "ready")], "only failed is known"),
        (&[("action", "add"), ("urls", " \n ")], "there is no address"),
        (&[("action", "add"), ("url", "x")], "not taken here"),
    ] {
        let reply = submit(client, "/gallery", fields).await;
        assert!(reply.status == 422 && reply.text().contains(what), "{fields:?}: {}", reply.text());
        assert!(reply.header("content-type").starts_with("text/html"));
    }
    // Programs get the result as JSON.
    let form = format!("action=tag&tags=t&id={failed}&id={a}");
    let reply = client.send(Method::POST, "/gallery", &[FORM], form).await;
    assert_eq!(reply.status, 200);
    let done = reply.json();
    assert!(done["done"] == 0 && done["failures"].as_array().unwrap().len() == 2, "{done}");
    let reply = client.send(Method::POST, "/gallery", &[("content-type", "application/json")], "{}").await;
    assert_eq!(reply.status, 415);
}

pub async fn lists_are_searched_and_ordered(host: Host) {
    let burrow = host.start().await;
    for (name, tags) in [("otter", "tag=river"), ("beaver", "tag=river&tag=wood"), ("fox", "tag=wood"), ("Fox 2", "")] {
        store(&burrow.client, name, tags).await;
    }
    let shown = async |path: &str| names(&page(&burrow.client, path).await);
    assert_eq!(shown("/").await, ["Fox 2", "fox", "beaver", "otter"]);
    assert_eq!(shown("/?order=oldest").await, ["otter", "beaver", "fox", "Fox 2"]);
    assert_eq!(shown("/?q=FOX&tag=&status=&order=").await, ["Fox 2", "fox"]);
    assert_eq!(shown("/?tag=wood&tag=river").await, ["beaver"]);
    assert_eq!(shown("/?status=failed").await, Vec::<String>::new());
    // Paging works in both orders.
    for order in ["newest", "oldest"] {
        let (mut path, mut all) = (format!("/?limit=3&order={order}&told=added&count=1"), Vec::new());
        loop {
            let page = page(&burrow.client, &path).await;
            all.extend(names(&page));
            let Some((_, rest)) = page.split_once("id=\"more\" href=\"") else { break };
            path = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
            assert!(path.contains("limit=3") && !path.contains("told"), "{path}");
        }
        all.sort();
        assert_eq!(all, ["Fox 2", "beaver", "fox", "otter"], "{order}");
    }
    let filtered = page(&burrow.client, "/?tag=wood&tag=river&q=e").await;
    assert!(filtered.contains("href=\"/?tag=river&#38;q=e\""), "one tag can be taken away: {filtered}");
    let nothing = page(&burrow.client, "/?q=wolf").await;
    assert!(nothing.contains("No images match <bdi>wolf</bdi>"), "{nothing}");
    // The words of the box may have conditions, which become parameters; a tag is found by its word.
    let spelled = burrow.client.send(Method::GET, "/?q=fox+tag:wood", &[BROWSER], "").await;
    assert_eq!((spelled.status.as_u16(), spelled.header("location")), (303, "/?q=fox&tag=wood"));
    assert!(page(&burrow.client, "/?q=riv").await.contains("<bdi>river (2)</bdi>"));
    let found = async |path: &str| {
        let page = page(&burrow.client, path).await;
        page.split("<strong id=\"found\">").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned())
    };
    assert_eq!(found("/").await, None);
    for (path, count) in [
        ("/?tag=wood", "2 images"),
        ("/?q=wolf", "0 images"),
        ("/?tag=wood&limit=1", "About 2 images"),
        ("/?since=2020-01-01&limit=3", "More than 3 images"),
    ] {
        assert_eq!(found(path).await.as_deref(), Some(count), "{path}");
    }
    // The same for programs.
    let oldest = burrow.client.get("/images?order=oldest&limit=2").await;
    assert_eq!((&oldest.json()["images"][0]["name"], &oldest.json()["next"]), (&json!("otter"), &json!("2")));
    assert!(oldest.header("link").contains("order=oldest"), "{}", oldest.header("link"));
    assert_eq!(burrow.client.get("/images?order=oldest&limit=2&cursor=2").await.json()["images"][0]["name"], "fox");
    assert_eq!(burrow.client.get("/images?order=size").await.status, 422);
}

pub async fn an_image_has_a_page(host: Host) {
    let burrow = host.start_with(&[("link_keys", "new:0123456789abcdef0123")]).await;
    let (first, id, last) = (
        store(&burrow.client, "first", "").await,
        store(&burrow.client, "my photo", "tag=a%26b").await,
        store(&burrow.client, "last", "").await,
    );
    let path = format!("/images/{id}");
    let record = burrow.client.get(&path).await;
    assert_eq!(record.json()["id"], id);
    assert!(record.header("vary").contains("accept"));
    let shown = page(&burrow.client, &path).await;
    for part in [
        "<bdi>my photo</bdi>",
        record.json()["sha256"].as_str().unwrap(),
        "image/png",
        "/?tag=a%26b",
        &format!("id=\"previous\" href=\"/images/{last}\""),
        &format!("id=\"next\" href=\"/images/{first}\""),
        &format!("src=\"/images/{id}/thumbnail?w=1280\""),
        &format!("data-original=\"/images/{id}/content\""),
        &format!("action=\"/images/{id}/links\""),
    ] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    // In a search, the neighbours are those of the search, in its order, and the way back leads to this image.
    let shown = page(&burrow.client, &format!("{path}?q=f&order=oldest")).await;
    assert!(shown.contains(&format!("id=\"previous\" href=\"/images/{first}?q=f&#38;order=oldest\"")), "{shown}");
    assert!(!shown.contains("id=\"next\""), "{shown}");
    let back = shown.split("id=\"back\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let (back, place) = back.split_once('#').unwrap();
    assert_eq!(place, format!("i-{id}"));
    let whole = page(&burrow.client, &format!("{path}?tag=a%26b&told=tagged&count=1")).await;
    assert!(whole.contains("1 image tagged.") && !whole.contains("id=\"next\""), "{whole}");
    let here = page(&burrow.client, &back.replace("q=f&", "")).await;
    assert!(here.contains(&format!("id=\"{place}\"")) && here.contains("Back to the first images"), "{here}");
    let reply = submit(&burrow.client, &format!("{path}/links"), &[]).await;
    let shown = reply.text();
    assert_eq!(reply.status, 200, "{shown}");
    let link = shown.split("value=\"").find(|value| value.contains("signature=")).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(burrow.client.get(&link).await.body == fixture("photo.png"), "{link}");
    // The page of a failed image says why, and has a button to try again.
    let failed = burrow.client.add(&json!({ "url": "http://127.0.0.1:1/x.png" })).await;
    burrow.client.settled(&failed).await;
    let shown = page(&burrow.client, &format!("/images/{failed}")).await;
    assert!(shown.contains("efused the connection") && shown.contains(">Retry<"), "{shown}");
    assert!(!shown.contains("Rename"), "{shown}");
    // An image that browsers cannot display is shown as a thumbnail.
    let tiff =
        burrow.client.send(Method::POST, "/images", &[("content-type", "image/tiff")], fixture("photo.tiff")).await;
    let shown = page(&burrow.client, tiff.header("location")).await;
    assert!(shown.contains("/thumbnail?w=1280"), "{shown}");
}

pub async fn pages_speak_the_reader_s_language(host: Host) {
    let burrow = host.start_with(&[("write_token", "the-write-token")]).await;
    let client = &burrow.client;
    let page = async |headers: &[(&str, &str)]| {
        let reply = client.send(Method::GET, "/tags", &[&[BROWSER], headers].concat(), "").await;
        assert_eq!(reply.header("vary"), "accept, accept-language, cookie, accept-encoding");
        (reply.text(), reply.header("etag").to_owned())
    };
    let (english, tag) = page(&[("accept-language", "fr, en;q=0.5")]).await;
    assert!(
        english.contains("<html lang=\"en\" dir=\"ltr\"") && english.contains("No image has a tag yet."),
        "{english}"
    );
    let (german, other) = page(&[("accept-language", "de-CH, en;q=0.5")]).await;
    assert!(german.contains("<html lang=\"de\"") && german.contains("Noch hat kein Bild ein Schlagwort."), "{german}");
    assert_ne!(tag, other);
    // It is chosen without a token, and outweighs what the browser accepts.
    let reply = submit(client, "/language", &[("language", "ar"), ("back", "/tags")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/tags"));
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(cookie, "burrow_language=ar");
    let (arabic, _) = page(&[("accept-language", "de"), ("cookie", &cookie)]).await;
    assert!(arabic.contains("<html lang=\"ar\" dir=\"rtl\""), "{arabic}");
    let reply = submit(client, "/language", &[("back", "//elsewhere.example")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"));
    assert!(reply.header("set-cookie").starts_with("burrow_language=; Path=/; Max-Age=0"));
    let reply = submit(client, "/language", &[("language", "de; Path=/x")]).await;
    assert!(reply.status == 422 && reply.header("set-cookie").is_empty(), "{}", reply.text());
    // Scripts have the same texts. Programs get English.
    let texts = client.get("/assets/de.json").await;
    assert_eq!((texts.status.as_u16(), texts.header("content-type")), (200, "application/json"));
    assert_eq!(texts.json()["Images"], "Bilder");
    assert_eq!(client.get("/assets/en.json").await.status, 404);
    let missing = client.send(Method::GET, "/images/0", &[("accept-language", "de")], "").await;
    assert_eq!(missing.json()["title"], "Not found");
}

pub async fn one_signs_in_to_change_something(host: Host) {
    let settings = [("write_token", "the-write-token,other-token"), ("read_token", "the-read-token")];
    let burrow = host.start_with(&settings).await;
    let client = &burrow.client;
    let asked = client.send(Method::GET, "/?q=x", &[BROWSER], "").await;
    assert_eq!((asked.status.as_u16(), asked.header("content-type")), (401, "text/html; charset=utf-8"));
    assert!(asked.header("www-authenticate").starts_with("Bearer"));
    assert!(asked.text().contains("type=\"password\"") && asked.text().contains("value=\"/?q=x\""), "{}", asked.text());
    let wrong = submit(client, "/session", &[("token", "something else"), ("back", "/stats")]).await;
    assert!(wrong.status == 401 && wrong.header("set-cookie").is_empty(), "{}", wrong.text());
    let sign_in = async |token: &str| {
        let reply = submit(client, "/session", &[("token", token), ("back", "/stats")]).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/stats"));
        let cookie = reply.header("set-cookie").to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains(token), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    };
    let reading = sign_in("the-read-token").await;
    let with = async |cookie: &str, method: Method, path: &str, body: &str| {
        client.send(method, path, &[FORM, BROWSER, ("cookie", cookie)], body.to_owned()).await
    };
    let page = with(&reading, Method::GET, "/", "").await;
    assert_eq!(page.status, 200);
    // A user who may only read is asked for a token, and sees no form to add images.
    assert!(page.text().contains("Sign in with a token") && !page.text().contains("id=\"add\""), "{}", page.text());
    let form = "action=add&urls=http%3A%2F%2Fnobody.invalid%2F";
    assert_eq!(with(&reading, Method::POST, "/gallery", form).await.status, 401);
    let writing = sign_in("other-token").await;
    let page = with(&writing, Method::GET, "/", "").await;
    assert!(page.text().contains("id=\"add\"") && page.text().contains("Sign out"), "{}", page.text());
    assert_eq!(with(&writing, Method::POST, "/gallery", form).await.status, 303);
    assert_eq!(with(&format!("a=b; {writing}"), Method::GET, "/images", "").await.status, 200);
    // A page of another site cannot change anything with a user's cookie.
    let headers = [FORM, ("cookie", writing.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(client.send(Method::POST, "/gallery", &headers, form).await.status, 403);
    // The cookie has no token, so what is made of one without its key is no session.
    let later = writing.replacen("burrow_session=1", "burrow_session=2", 1);
    for forged in ["burrow_session=", "burrow_session=other-token", "burrow_token=b3RoZXItdG9rZW4", &later] {
        assert_eq!(with(forged, Method::GET, "/images", "").await.status, 401, "{forged}");
    }
    // Over HTTPS the cookie is of this host alone.
    let form = ["token=other-token", "&back=%2Fstats"].concat();
    let headers = [FORM, ("origin", "https://burrow.example"), ("host", "burrow.example")];
    let secure = client.send(Method::POST, "/session", &headers, form).await;
    let cookie = secure.header("set-cookie");
    assert!(cookie.starts_with("__Host-burrow_session=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(cookie.contains("; Path=/;") && !cookie.contains("Domain"), "{cookie}");
    let out = submit(client, "/session", &[]).await;
    assert!(out.status == 303 && out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
}

pub async fn numbers_are_drawn(host: Host) {
    let burrow = host.start().await;
    assert!(page(&burrow.client, "/stats").await.contains("<strong>0</strong> images"));
    for n in 0..3 {
        let path = format!("/images?name={n}");
        let reply = burrow.client.send(Method::POST, &path, &[("content-type", "image/bmp")], bitmap(90_000, n)).await;
        assert_eq!(reply.status, 201);
    }
    store(&burrow.client, "x", "").await;
    let shown = page(&burrow.client, "/stats").await;
    for part in [
        "<strong>4</strong> images",
        "Original size and stored size",
        "Images over time",
        "<a href=\"/?type=bmp\">bmp</a>",
        "<a href=\"/?type=png\">png</a>",
        "3 images, ",
        "All images, by hour",
    ] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    // Each format and each hour leads to its images.
    assert!(shown.contains("href=\"/?type=bmp\""), "{shown}");
    let hour = shown.split("href=\"/?since=").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(!names(&page(&burrow.client, &format!("/?since={hour}")).await).is_empty(), "{hour}");
    // The images may have come in two different hours.
    let counts = shown.split("<td>").skip(1).filter_map(|rest| rest.split('<').next()?.parse::<u64>().ok());
    assert_eq!(counts.sum::<u64>(), 4, "{shown}");
    assert_eq!(burrow.client.get("/stats").await.json()["images"], 4);
}

pub async fn several_images_are_one_file(host: Host) {
    let burrow = host.start().await;
    let large = bitmap(700_000, 3);
    let bmp = async |name: &str, bytes: Vec<u8>| {
        let path = format!("/images?name={name}");
        let sent = burrow.client.send(Method::POST, &path, &[("content-type", "image/bmp")], bytes).await;
        sent.json()["id"].as_str().unwrap().to_owned()
    };
    let ids = [
        bmp("a.bmp", large.clone()).await,
        store(&burrow.client, "../photo.png", "").await,
        bmp("A.bmp", bitmap(1000, 4)).await,
        store(&burrow.client, "b.bmp", "").await,
    ];
    let query = ids.iter().map(|id| format!("id={id}")).collect::<Vec<_>>().join("&");
    let reply = burrow.client.get(&format!("/archive?action=download&tags=&back=%2F&{query}")).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/zip"));
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    assert!(reply.body.len() < large.len(), "what is packed goes in as it is");
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("images.zip");
    std::fs::write(&file, &reply.body).unwrap();
    let extract = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1]) as z:\n    assert z.testzip() is None\n    z.extractall(sys.argv[2])\n    print(z.namelist())";
    let out = here.path().join("out");
    let ran =
        tokio::process::Command::new("python3").args(["-c", extract]).arg(&file).arg(&out).output().await.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "['a.bmp', '.._photo.png', 'A (2).bmp', 'b.bmp.png']");
    assert!(std::fs::read(out.join("a.bmp")).unwrap() == large);
    assert!(std::fs::read(out.join(".._photo.png")).unwrap() == fixture("photo.png"));
    for (query, status) in [
        (String::new(), 422),
        ("?id=x".into(), 422),
        (format!("?id={}&x=1", ids[0]), 422),
        (format!("?id={0}&id={0}", ids[0]), 422),
        ("?id=01a2046e-6b62-7a16-ac60-792e15ac0352".into(), 404),
    ] {
        assert_eq!(burrow.client.get(&format!("/archive{query}")).await.status, status, "{query}");
    }
}

pub async fn failures_are_pages_for_browsers(host: Host) {
    let burrow = host.start().await;
    for (path, status, what) in [
        ("/nothing/%3Cb%3E", 404, "there is nothing at this path"),
        ("/images/01a2046e-6b62-7a16-ac60-792e15ac0352", 404, "no such image"),
        ("/?limit=x", 422, "not a whole number"),
        ("/image/nobody", 404, "no such image"),
    ] {
        let reply = burrow.client.send(Method::GET, path, &[BROWSER], "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(reply.text().contains(what) && reply.text().contains("href=\"/problems/"), "{}", reply.text());
        assert_eq!(reply.header("cache-control"), "no-store");
        let reply = burrow.client.get(path).await;
        assert!(reply.status == status && reply.header("content-type") == "application/problem+json", "{path}");
    }
    assert!(page(&burrow.client, "/problems/not-found").await.contains("There is no such image"));
    assert_eq!(burrow.client.get("/problems/not-found").await.json()["title"], "Not found");
}

pub async fn pages_are_sent_compressed(host: Host) {
    let burrow = host.start().await;
    for n in 0..20 {
        store(&burrow.client, &format!("image {n}"), "tag=x").await;
    }
    for path in ["/", "/assets/style.css", "/assets/select.js"] {
        let plain = burrow.client.send(Method::GET, path, &[BROWSER], "").await;
        let headers = [BROWSER, ("accept-encoding", "br, gzip")];
        let packed = burrow.client.send(Method::GET, path, &headers, "").await;
        assert_eq!((packed.header("content-encoding"), plain.header("content-encoding")), ("gzip", ""), "{path}");
        assert_eq!(packed.header("content-length"), packed.body.len().to_string());
        assert!(packed.header("vary").contains("accept-encoding") && plain.header("vary").contains("accept-encoding"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text());
        // One weak entity tag for both encodings.
        assert!(packed.header("etag").starts_with("W/") && packed.header("etag") == plain.header("etag"));
        let again = [BROWSER, ("accept-encoding", "gzip"), ("if-none-match", plain.header("etag"))];
        let again = burrow.client.send(Method::GET, path, &again, "").await;
        assert!(again.status == 304 && again.body.is_empty() && again.header("content-encoding").is_empty(), "{path}");
    }
}
