//! Paths.

use http::Method;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::key::ImageId;

/// What a path means. Each variant is one line of the table in README.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`
    Home,
    /// `/style.css`
    Style,
    /// `/healthz`
    Health,
    /// `/images`
    Images,
    /// `/images/{id}`
    Image(ImageId),
    /// `/images/{id}/content`
    Content(ImageId),
    /// `/upload` and `/process_image`
    Upload,
    /// `/basic_stats`
    BasicStats,
    /// `/image/{name}`
    NamedImage(String),
    /// `/stats`
    Stats,
    /// `/jobs/resume`
    Resume,
}

impl Route {
    /// Reads a path.
    pub(super) fn parse(path: &str) -> Result<Self, Problem> {
        // A name may hold anything, a slash too, so it is all that follows.
        if let Some(name) = path.strip_prefix("/image/") {
            let name = percent_decode_str(name).decode_utf8().map_err(|_| Problem::not_utf8("the name in the path"))?;
            return Ok(Self::NamedImage(name.into_owned()));
        }
        let id = |text: &str| ImageId::parse(text).ok_or_else(Problem::not_found);
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Ok(match segments.as_slice() {
            [""] => Self::Home,
            ["style.css"] => Self::Style,
            ["healthz"] => Self::Health,
            ["images"] => Self::Images,
            ["images", image] => Self::Image(id(image)?),
            ["images", image, "content"] => Self::Content(id(image)?),
            ["upload" | "process_image"] => Self::Upload,
            ["basic_stats"] => Self::BasicStats,
            ["stats"] => Self::Stats,
            ["jobs", "resume"] => Self::Resume,
            _ => return Err(Problem::no_route(path)),
        })
    }

    /// Refuses a method that the path does not have.
    pub(super) fn check_method(&self, method: &Method) -> Result<(), Problem> {
        let allowed = match self {
            Self::Images => "GET, HEAD, POST",
            Self::Image(_) => "GET, HEAD, DELETE",
            Self::Upload | Self::Resume => "POST",
            _ => "GET, HEAD",
        };
        if allowed.split(", ").any(|allowed| allowed == method.as_str()) {
            Ok(())
        } else {
            Err(Problem::method_not_allowed(method, allowed))
        }
    }
}
