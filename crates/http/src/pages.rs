//! Pages for people, complete without scripts.
//!
//! - `GET /`: `home`, with a `card` for each image of a `search`
//! - `GET /images/{id}`, `GET /image/{name}`: `detail`
//! - `GET /tags`: `tags`
//! - `GET /stats`: `overview`, with charts of `chart`
//! - `POST /gallery`: `form`, which carries out the forms of all pages, with `adding`
//! - `POST /session`: `session`, signing in and out

pub(crate) mod adding;
pub(crate) mod assets;
pub(crate) mod card;
pub(crate) mod chart;
pub(crate) mod detail;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod home;
pub(crate) mod overview;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod tags;
