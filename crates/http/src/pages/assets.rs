//! `GET /assets/{name}`: style, scripts, icon and manifest of the pages, from `assets/`, and the catalogues of texts.

use http::{Response, StatusCode, header};

use crate::message::{Body, respond, set};
use crate::problem::Problem;
use crate::texts::Language;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const MANIFEST: &str = "application/manifest+json";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";

/// Every file: its name, media type and bytes.
const ASSETS: [(&str, &str, &[u8]); 36] = [
    ("style.css", CSS, include_bytes!("../assets/style.css")),
    ("rows.css", CSS, include_bytes!("../assets/rows.css")),
    ("one.css", CSS, include_bytes!("../assets/one.css")),
    ("icon.svg", SVG, include_bytes!("../assets/icon.svg")),
    ("burrow.webmanifest", MANIFEST, include_bytes!("../assets/burrow.webmanifest")),
    ("prefer.js", JS, include_bytes!("../assets/prefer.js")),
    ("preferences.js", JS, include_bytes!("../assets/preferences.js")),
    ("texts.js", JS, include_bytes!("../assets/texts.js")),
    ("gallery.js", JS, include_bytes!("../assets/gallery.js")),
    ("image.js", JS, include_bytes!("../assets/image.js")),
    ("add.js", JS, include_bytes!("../assets/add.js")),
    ("tray.js", JS, include_bytes!("../assets/tray.js")),
    ("known.js", JS, include_bytes!("../assets/known.js")),
    ("cards.js", JS, include_bytes!("../assets/cards.js")),
    ("days.js", JS, include_bytes!("../assets/days.js")),
    ("live.js", JS, include_bytes!("../assets/live.js")),
    ("select.js", JS, include_bytes!("../assets/select.js")),
    ("keys.js", JS, include_bytes!("../assets/keys.js")),
    ("scroll.js", JS, include_bytes!("../assets/scroll.js")),
    ("search.js", JS, include_bytes!("../assets/search.js")),
    ("server.js", JS, include_bytes!("../assets/server.js")),
    ("toast.js", JS, include_bytes!("../assets/toast.js")),
    ("times.js", JS, include_bytes!("../assets/times.js")),
    ("elsewhere.js", JS, include_bytes!("../assets/elsewhere.js")),
    ("pictures.js", JS, include_bytes!("../assets/pictures.js")),
    ("viewer.js", JS, include_bytes!("../assets/viewer.js")),
    ("lightbox.js", JS, include_bytes!("../assets/lightbox.js")),
    ("zoom.js", JS, include_bytes!("../assets/zoom.js")),
    ("facts.js", JS, include_bytes!("../assets/facts.js")),
    ("check.js", JS, include_bytes!("../assets/check.js")),
    ("statistics.js", JS, include_bytes!("../assets/statistics.js")),
    ("thin.js", JS, include_bytes!("../assets/thin.js")),
    ("side.js", JS, include_bytes!("../assets/side.js")),
    ("months.js", JS, include_bytes!("../assets/months.js")),
    ("scrubber.js", JS, include_bytes!("../assets/scrubber.js")),
    ("views.js", JS, include_bytes!("../assets/views.js")),
];

/// `GET /assets/{name}`.
pub(crate) fn asset<P>(name: &str) -> Result<Response<Body<P>>, Problem> {
    let known = ASSETS.iter().find(|(known, ..)| *known == name).map(|(_, media_type, bytes)| (*media_type, *bytes));
    let (media_type, bytes) = known.or_else(|| catalogue(name)).ok_or_else(Problem::nothing_there)?;
    let mut response = respond(StatusCode::OK, media_type, bytes.to_vec());
    set(response.headers_mut(), header::CACHE_CONTROL, "public, max-age=300");
    Ok(response)
}

/// The catalogue of the language whose tag stands before `.json`.
fn catalogue(name: &str) -> Option<(&'static str, &'static [u8])> {
    let tag = name.strip_suffix(".json")?;
    let language = Language::ALL.into_iter().find(|language| language.tag() == tag)?;
    Some((JSON, language.file()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_small_enough_to_read_and_all_are_listed() {
        let names: Vec<_> = std::fs::read_dir("src/assets").unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names.len(), ASSETS.len(), "{names:?}");
        for (name, _, bytes) in ASSETS {
            assert!(bytes.split(|byte| *byte == b'\n').count() <= 400, "{name} is too long to read");
        }
    }
}
