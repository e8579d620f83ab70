//! Parses request targets: the route that a path names, and its query.

use burrow_model::key::ImageId;
use http::Method;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// The longest path and query accepted, in bytes.
const MAX_TARGET: usize = 16 * 1024;

/// The resource that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Home,
    AddForm,
    Uploader(String),
    Asset(String),
    Form,
    Session,
    Language,
    Archive,
    Health,
    Interface,
    Problem(String),
    Images,
    Image(ImageId),
    Content(ImageId),
    Thumbnail(ImageId),
    Similar(ImageId),
    Retry(ImageId),
    Links(ImageId),
    ByName(String),
    ContentByName(String),
    Upload,
    BasicStats,
    NamedImage(String),
    Stats,
    Tags,
    Resume,
    Repack,
    RenameTag,
    /// What the holder of a link to a tag may see: the link, and what of it.
    Shared(String, Shared),
    TagLinks(String),
    Feed,
}

/// What the holder of a link to a tag asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    List,
    Archive,
    Feed,
    Image(ImageId),
    Content(ImageId),
    Thumbnail(ImageId),
}

/// The route of a link to a tag, and what is asked for of an image: the text is the link, a slash and the image's id.
fn of_shared(text: &str, what: fn(ImageId) -> Shared) -> Option<Route> {
    let (link, id) = text.split_once('/')?;
    Some(Route::Shared(link.to_owned(), what(ImageId::parse(id)?)))
}

/// Every route: its path, its constructor and its methods. `HEAD` is allowed wherever `GET` is, `OPTIONS` everywhere.
/// A part in braces is one segment, percent-decoded; with a star, it is the rest of the path. Of two parts the text has
/// both, with a slash in between.
#[rustfmt::skip]
pub(crate) const ROUTES: [(&str, Make, &[Method]); 37] = [
    ("/", |_| Some(Route::Home), &[Method::GET]),
    ("/images", |_| Some(Route::Images), &[Method::GET, Method::POST]),
    ("/images/by-name/{name}", |name| Some(Route::ByName(name)), &[Method::GET]),
    ("/images/by-name/{name}/content", |name| Some(Route::ContentByName(name)), &[Method::GET]),
    ("/images/{id}", |id| ImageId::parse(&id).map(Route::Image), &[Method::GET, Method::PATCH, Method::DELETE]),
    ("/images/{id}/content", |id| ImageId::parse(&id).map(Route::Content), &[Method::GET]),
    ("/images/{id}/thumbnail", |id| ImageId::parse(&id).map(Route::Thumbnail), &[Method::GET]),
    ("/images/{id}/similar", |id| ImageId::parse(&id).map(Route::Similar), &[Method::GET]),
    ("/images/{id}/retry", |id| ImageId::parse(&id).map(Route::Retry), &[Method::POST]),
    ("/images/{id}/links", |id| ImageId::parse(&id).map(Route::Links), &[Method::POST]),
    ("/stats", |_| Some(Route::Stats), &[Method::GET]),
    ("/tags", |_| Some(Route::Tags), &[Method::GET]),
    ("/tags/{tag}/links", |tag| Some(Route::TagLinks(tag)), &[Method::POST]),
    ("/feed.atom", |_| Some(Route::Feed), &[Method::GET]),
    ("/shared/{link}", |link| Some(Route::Shared(link, Shared::List)), &[Method::GET]),
    ("/shared/{link}/archive", |link| Some(Route::Shared(link, Shared::Archive)), &[Method::GET]),
    ("/shared/{link}/feed.atom", |link| Some(Route::Shared(link, Shared::Feed)), &[Method::GET]),
    ("/shared/{link}/images/{id}", |text| of_shared(&text, Shared::Image), &[Method::GET]),
    ("/shared/{link}/images/{id}/content", |text| of_shared(&text, Shared::Content), &[Method::GET]),
    ("/shared/{link}/images/{id}/thumbnail", |text| of_shared(&text, Shared::Thumbnail), &[Method::GET]),
    ("/jobs/resume", |_| Some(Route::Resume), &[Method::POST]),
    ("/jobs/repack", |_| Some(Route::Repack), &[Method::POST]),
    ("/jobs/rename-tag", |_| Some(Route::RenameTag), &[Method::POST]),
    ("/healthz", |_| Some(Route::Health), &[Method::GET]),
    ("/openapi.json", |_| Some(Route::Interface), &[Method::GET]),
    ("/problems/{kind}", |kind| Some(Route::Problem(kind)), &[Method::GET]),
    ("/archive", |_| Some(Route::Archive), &[Method::GET]),
    ("/assets/{name}", |name| Some(Route::Asset(name)), &[Method::GET]),
    ("/add", |_| Some(Route::AddForm), &[Method::GET]),
    ("/uploaders/{name}", |name| Some(Route::Uploader(name)), &[Method::GET]),
    ("/gallery", |_| Some(Route::Form), &[Method::POST]),
    ("/session", |_| Some(Route::Session), &[Method::POST]),
    ("/language", |_| Some(Route::Language), &[Method::POST]),
    ("/upload", |_| Some(Route::Upload), &[Method::POST]),
    ("/process_image", |_| Some(Route::Upload), &[Method::POST]),
    ("/basic_stats", |_| Some(Route::BasicStats), &[Method::GET]),
    ("/image/{*name}", |name| Some(Route::NamedImage(name)), &[Method::GET]),
];

/// Makes a route from the text that the braces captured; `None` if the text does not fit.
type Make = fn(String) -> Option<Route>;

/// A request's target, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) route: Route,
    methods: &'static [Method],
    pub(crate) query: Unchecked,
}

impl Target {
    /// Parses a path with its query, still percent-encoded.
    pub(crate) fn parse(target: &str) -> Result<Self, Problem> {
        if target.len() > MAX_TARGET {
            return Err(Problem::target_too_long(MAX_TARGET, target.len()));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // The whole path is checked first, so that invalid percent-encoding is refused on every route.
        decode(path)?;
        let query = Unchecked::parse(query)?;
        for (template, make, methods) in ROUTES {
            if let Some(texts) = captured(template, path)
                && let Some(route) = make(texts.into_iter().map(decode).collect::<Result<Vec<_>, _>>()?.join("/"))
            {
                return Ok(Self { route, methods, query });
            }
        }
        Err(Problem::nothing_there())
    }

    /// Refuses a method that the route does not have.
    pub(crate) fn check_method(&self, method: &Method) -> Result<(), Problem> {
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        if method == Method::OPTIONS || self.methods.contains(asked) {
            Ok(())
        } else {
            Err(Problem::method_not_allowed(method, &self.allow()))
        }
    }

    /// The methods of the route, as the value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        let head = self.methods.contains(&Method::GET).then_some(Method::HEAD);
        let methods = self.methods.iter().cloned().chain(head).chain([Method::OPTIONS]);
        methods.map(|method| method.to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// The texts that the template's braces capture, if the path fits the template.
fn captured<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let Some((before, rest)) = template.split_once('{') else {
        return (template == path).then(Vec::new);
    };
    let path = path.strip_prefix(before)?;
    let (name, after) = rest.split_once('}')?;
    if name.starts_with('*') {
        return Some(vec![path]);
    }
    let (text, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let mut texts = captured(after, path)?;
    texts.insert(0, text);
    Some(texts)
}

/// Decodes percent-encoded UTF-8. A `%` without two hexadecimal digits is refused, never guessed.
fn decode(text: &str) -> Result<String, Problem> {
    let whole = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(whole) {
        return Err(Problem::malformed("a % is not followed by two hexadecimal digits"));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Problem::malformed("the percent-encoded text is not UTF-8"))
}

/// Names and values of a query or a form whose names nobody has checked yet. Only [`Unchecked::only`] gives access to
/// the values, so no route can read, or repeat in its answer, what it does not take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unchecked(Query);

/// Names and values of a query or a form, with the names that its route takes and no others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Unchecked {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let decoded = |text: &str| decode(&text.replace('+', " "));
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Result<_, _>>().map(Query).map(Self)
    }

    /// Whether a name occurs.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Allows each name of `once` at most once, the names of `often` any number of times, and no others.
    pub(crate) fn only(&self, once: &[&str], often: &[&str]) -> Result<&Query, Problem> {
        let Self(query) = self;
        for (name, _) in query.pairs() {
            if once.contains(&name) && query.all(name).count() > 1 {
                return Err(Problem::invalid(name, format!("{name} is there more than once")));
            }
            if !once.contains(&name) && !often.contains(&name) {
                let taken = [once, often].concat().join(", ");
                let taken = if taken.is_empty() { "no parameter is" } else { &format!("only {taken}") };
                return Err(Problem::invalid(name, format!("{name} is not taken here; {taken}")));
            }
        }
        Ok(query)
    }
}

impl From<Vec<(String, String)>> for Query {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

impl Query {
    /// The value of a name; the last, if it occurs more than once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A copy without empty values: forms also send fields that were not filled in.
    pub(crate) fn without_empty(&self) -> Self {
        Self(self.0.iter().filter(|(_, value)| !value.is_empty()).cloned().collect())
    }

    /// Names and values in the order of the text.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_routes() {
        let route = |path: &str| Target::parse(path).ok().map(|target| target.route);
        assert_eq!(route("/images?x=1"), Some(Route::Images));
        assert_eq!(route("/images/by-name/a%2Fb%20c"), Some(Route::ByName("a/b c".into())));
        assert_eq!(route("/images/by-name/a/content"), Some(Route::ContentByName("a".into())));
        assert_eq!(route("/images/by-name/content"), Some(Route::ByName("content".into())));
        assert_eq!(route("/image/a/b"), Some(Route::NamedImage("a/b".into())));
        let id = ImageId::new(1, &[2; 10]);
        assert_eq!(route(&format!("/images/{id}/retry")), Some(Route::Retry(id)));
        assert_eq!(route("/tags/a%2Fb/links"), Some(Route::TagLinks("a/b".into())));
        assert_eq!(route("/shared/x.y"), Some(Route::Shared("x.y".into(), Shared::List)));
        let content = Route::Shared("x".into(), Shared::Content(id));
        assert_eq!(route(&format!("/shared/x/images/{id}/content")), Some(content));
        for nothing in [
            "",
            "*",
            "//images",
            "/images/",
            "/images/x",
            "/images/by-name/a/b",
            "/healthz/",
            "/image",
            "/shared/a/b",
            "/shared/a/images/b",
            "/tags/a/b/links",
        ] {
            assert_eq!(route(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn the_routes_and_openapi_json_agree() {
        let document: serde_json::Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
        let mut documented: Vec<(String, String)> = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
            let methods = methods.iter().filter(|method| operations.get(method).is_some());
            documented.extend(methods.map(|method| (path.clone(), method.to_ascii_uppercase())));
        }
        let routed = ROUTES.iter().flat_map(|(template, _, methods)| {
            // A star has no counterpart in OpenAPI.
            methods.iter().map(|method| (template.replace("{*", "{"), method.to_string()))
        });
        let mut routed: Vec<_> = routed.collect();
        documented.sort();
        routed.sort();
        assert_eq!(documented, routed);
    }

    #[test]
    fn percent_signs_are_not_guessed() {
        for target in ["/%", "/%1", "/%zz", "/images?q=%", "/images?%=1", "/image/%ff", "/stats?a=%c3%28"] {
            assert_eq!(Target::parse(target).unwrap_err().status().as_u16(), 400, "{target}");
        }
        let query = Unchecked::parse("a=1+2&b&a=%2B&&c=d=e").unwrap();
        let query = query.only(&["b", "c"], &["a"]).unwrap();
        assert_eq!(query.get("a"), Some("+"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1 2", "+"]);
        assert_eq!((query.get("b"), query.get("c"), query.get("d")), (Some(""), Some("d=e"), None));
    }

    #[test]
    fn a_query_has_only_the_names_that_its_route_takes() {
        let only = |text: &str| Unchecked::parse(text).unwrap().only(&["a", "b"], &["c"]).map(|_| ());
        assert!(only("").is_ok() && only("a=1&b=2&c=3&c=4").is_ok());
        for refused in ["a=1&a=1", "a&c&a", "d=1", "a=1&d"] {
            assert_eq!(only(refused).unwrap_err().status().as_u16(), 422, "{refused}");
        }
    }
}
