//! `GET /assets/{name}`: style, scripts, icon and manifest of the pages, from `assets/`.

use http::{Response, StatusCode, header};

use crate::message::{Body, respond, set};
use crate::problem::Problem;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const MANIFEST: &str = "application/manifest+json";
const SVG: &str = "image/svg+xml";

/// Every file: its name, media type and bytes.
const ASSETS: [(&str, &str, &[u8]); 33] = [
    ("style.css", CSS, include_bytes!("../assets/style.css")),
    ("rows.css", CSS, include_bytes!("../assets/rows.css")),
    ("one.css", CSS, include_bytes!("../assets/one.css")),
    ("icon.svg", SVG, include_bytes!("../assets/icon.svg")),
    ("burrow.webmanifest", MANIFEST, include_bytes!("../assets/burrow.webmanifest")),
    ("prefer.js", JS, include_bytes!("../assets/prefer.js")),
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
    ("views.js", JS, include_bytes!("../assets/views.js")),
];

/// `GET /assets/{name}`.
pub(crate) fn asset<P>(name: &str) -> Result<Response<Body<P>>, Problem> {
    let (_, media_type, bytes) = ASSETS.iter().find(|(known, ..)| *known == name).ok_or_else(Problem::nothing_there)?;
    let mut response = respond(StatusCode::OK, media_type, bytes.to_vec());
    set(response.headers_mut(), header::CACHE_CONTROL, "public, max-age=300");
    Ok(response)
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
