//! Feeds of the newest images, held to the rules of RFC 4287.

use std::collections::BTreeSet;

use burrow_model::time::moment;
use hyper::Method;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::support::client::Client;
use crate::support::host::Host;
use crate::support::images::fixture;

const ATOM: &str = "http://www.w3.org/2005/Atom";

async fn store(client: &Client, name: &str, file: &str, tags: &[&str]) -> String {
    let pairs = tags.iter().map(|tag| ("tag", *tag)).chain([("name", name)]);
    let path = format!("/images?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    let reply = client.send(Method::POST, &path, &[("content-type", "image/png")], fixture(file)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// An element of an XML document.
#[derive(Clone, Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn begun(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).expect("a value").into_owned();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        });
        let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
        Self { name, attributes: attributes.collect(), ..Self::default() }
    }

    /// Parses a document. Panics if it is not well-formed.
    fn parse(text: &str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
                Event::Start(start) => open.push(Self::begun(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Self::begun(&start)),
                Event::End(_) => {
                    let ended = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(ended);
                }
                Event::Text(part) => open.last_mut().unwrap().text += &part.decode().unwrap(),
                Event::GeneralRef(part) => {
                    let entity = part.decode().unwrap().into_owned();
                    let whole = format!("&{entity};");
                    open.last_mut().unwrap().text += &quick_xml::escape::unescape(&whole).unwrap();
                }
                Event::Eof => break,
                Event::Decl(_) => {}
                other => panic!("{other:?} in {text}"),
            }
        }
        assert_eq!((open.len(), open[0].children.len()), (1, 1), "{text}");
        open.remove(0).children.remove(0)
    }

    fn all(&self, name: &str) -> Vec<&Self> {
        self.children.iter().filter(|child| child.name == name).collect()
    }

    /// The only child of this name.
    fn one(&self, name: &str) -> &Self {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{} has {} {name}", self.name, found.len());
        found[0]
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// The reference of the only link of this relation.
    fn link(&self, rel: &str) -> &Self {
        let links = self.all("link");
        let links: Vec<_> = links.into_iter().filter(|link| link.attribute("rel") == rel).collect();
        assert_eq!(links.len(), 1, "{rel}");
        links[0]
    }
}

/// Holds a feed to RFC 4287, and returns it.
fn valid(text: &str) -> Element {
    let feed = Element::parse(text);
    assert_eq!((feed.name.as_str(), feed.attribute("xmlns")), ("feed", ATOM));
    let is_absolute = |iri: &str| url::Url::parse(iri).is_ok();
    // Sections 4.1.1 and 4.1.2: exactly one id, title and updated; an author for all entries; at most one self.
    let mut ids = BTreeSet::new();
    for element in [&feed].into_iter().chain(feed.all("entry")) {
        assert!(is_absolute(&element.one("id").text), "{text}");
        assert!(ids.insert(element.one("id").text.clone()), "an id is there twice: {text}");
        element.one("title");
        // Section 3.3: dates as in RFC 3339, with an upper-case T and Z.
        for date in element.all("updated").into_iter().chain(element.all("published")) {
            assert!(
                moment(&date.text, false).is_some() && date.text.contains('T') && date.text.ends_with('Z'),
                "{text}"
            );
        }
        element.one("updated");
        for link in element.all("link") {
            assert!(is_absolute(link.attribute("href")) && link.attribute("type").contains('/'), "{link:?}");
        }
        // Section 4.2.2: a category has a term.
        assert!(element.all("category").iter().all(|category| !category.attribute("term").is_empty()), "{text}");
    }
    assert!(!feed.one("author").one("name").text.is_empty());
    feed.link("self");
    let known = ["id", "title", "updated", "author", "generator", "link", "entry"];
    assert!(feed.children.iter().all(|child| known.contains(&child.name.as_str())), "{text}");
    for entry in feed.all("entry") {
        let known = ["id", "title", "published", "updated", "link", "category", "content"];
        assert!(entry.children.iter().all(|child| known.contains(&child.name.as_str())), "{text}");
        // Section 4.1.3: HTML is text, and not elements.
        let content = entry.one("content");
        assert!(content.attribute("type") == "html" && content.children.is_empty() && content.text.starts_with('<'));
    }
    feed
}

pub async fn the_newest_images_are_a_feed(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let empty = client.get("/feed.atom").await;
    assert_eq!((empty.status.as_u16(), empty.header("content-type")), (200, "application/atom+xml"));
    assert!(valid(&empty.text()).all("entry").is_empty());
    let photo = store(client, "photo.png", "photo.png", &["river", "a b"]).await;
    store(client, "drawing.gif", "photo.gif", &["river"]).await;
    let reply = client.get("/feed.atom").await;
    let feed = valid(&reply.text());
    let titles =
        |feed: &Element| feed.all("entry").iter().map(|entry| entry.one("title").text.clone()).collect::<Vec<_>>();
    assert_eq!(titles(&feed), ["drawing.gif", "photo.png"]);
    let entry = feed.all("entry")[1].clone();
    let base = format!("http://{}", client.address());
    assert_eq!(entry.one("id").text, format!("urn:uuid:{photo}"));
    assert_eq!(entry.link("alternate").attribute("href"), format!("{base}/images/{photo}"));
    let enclosure = entry.link("enclosure");
    assert_eq!(enclosure.attribute("href"), format!("{base}/images/{photo}/content"));
    assert_eq!(
        (enclosure.attribute("type"), enclosure.attribute("length")),
        ("image/png", &*fixture("photo.png").len().to_string())
    );
    assert_eq!(feed.link("self").attribute("href"), format!("{base}/feed.atom"));
    // Polling costs a 304, until something changes.
    let unchanged = client.send(Method::GET, "/feed.atom", &[("if-none-match", reply.header("etag"))], "").await;
    assert_eq!(unchanged.status, 304);
    let tagged = valid(&client.get("/feed.atom?tag=river&tag=a+b").await.text());
    assert_eq!(titles(&tagged), ["photo.png"]);
    assert!(tagged.link("self").attribute("href").ends_with("/feed.atom?tag=river&tag=a+b"));
    assert!(tagged.one("title").text.contains("river, a b"));
    assert_eq!(titles(&valid(&client.get("/feed.atom?q=draw").await.text())), ["drawing.gif"]);
    store(client, "later", "photo.png", &[]).await;
    let changed = client.send(Method::GET, "/feed.atom", &[("if-none-match", reply.header("etag"))], "").await;
    assert_eq!(changed.status, 200);
    for query in ["status=failed", "limit=1", "x=1", "q=a&q=b"] {
        assert_eq!(client.get(&format!("/feed.atom?{query}")).await.status, 422, "{query}");
    }
    // Pages name their feed.
    let page = client.send(Method::GET, "/?tag=river", &[("accept", "text/html")], "").await.text();
    assert!(page.contains("type=\"application/atom+xml\" href=\"/feed.atom?tag=river\""), "{page}");
}

/// Whatever names and tags users type, and whatever requests say of themselves.
pub async fn feeds_are_valid_atom(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let names = ["<b>&amp;\"'", "]]>", "\u{fffe}x\u{ffff}", "🦦 مرحبا 東京", "e\u{301}", "&#0;", "--><!--"];
    for name in names {
        store(client, name, "photo.png", &[name]).await;
    }
    let feed = valid(&client.get("/feed.atom").await.text());
    let titles: Vec<_> = feed.all("entry").iter().rev().map(|entry| entry.one("title").text.clone()).collect();
    let expected = names.map(|name| name.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"));
    assert_eq!(titles, expected);
    for name in names {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("tag", name).finish();
        assert_eq!(valid(&client.get(&format!("/feed.atom?{query}")).await.text()).all("entry").len(), 1, "{name}");
    }
    let forwarded = client.send(Method::GET, "/feed.atom", &[("x-forwarded-proto", "https")], "").await;
    assert!(valid(&forwarded.text()).one("id").text.starts_with("https://"), "{}", forwarded.text());
    let nonsense = client.send(Method::GET, "/feed.atom", &[("x-forwarded-proto", "\"><x")], "").await;
    assert!(valid(&nonsense.text()).one("id").text.starts_with("http://"));
}
