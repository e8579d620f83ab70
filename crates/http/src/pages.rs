//! Pages for people, complete without scripts.
//!
//! - `GET /`: `home`, with a `card` for each image of a `search`
//! - `GET /add`: `add`, the form for one image; `GET /uploaders/{name}`: `uploaders`, settings of other programs
//! - `GET /images/{id}`, `GET /image/{name}`: `detail`, with links to `copy`
//! - `GET /tags`: `tags`
//! - `GET /stats`: `overview`, with charts of `chart`
//! - `POST /gallery`: `form`, which carries out the forms of all pages, with `adding`
//! - `POST /session`: `session`, signing in and out

pub(crate) mod add;
pub(crate) mod adding;
pub(crate) mod assets;
pub(crate) mod card;
pub(crate) mod chart;
pub(crate) mod copy;
pub(crate) mod detail;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod home;
pub(crate) mod language;
pub(crate) mod overview;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod tags;
pub(crate) mod uploaders;
