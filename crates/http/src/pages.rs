//! Pages for people, complete without scripts.
//!
//! - `GET /`: `home`, with a `card` for each image
//! - `GET /images/{id}`, `GET /image/{name}`: `detail`
//! - `GET /stats`: `overview`, with charts of `chart`
//! - `POST /gallery`: `form`, which carries out the forms of all pages
//! - `POST /session`: `session`, signing in and out

pub(crate) mod assets;
pub(crate) mod card;
pub(crate) mod chart;
pub(crate) mod detail;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod home;
pub(crate) mod overview;
pub(crate) mod session;
