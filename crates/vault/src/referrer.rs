//! Referrers: the page on which an image was found, as origins are told it.

use burrow_model::error::Error;
use url::Url;

use crate::policy;

/// The URL of the page on which an image was found. Some origins show an image only to visitors of their own pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer(Url);

impl Referrer {
    /// Checks a referrer that a user gave. Nobody asks for it, so it may be in any network. Its fragment is dropped, as
    /// RFC 9110 section 10.1.3 requires.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is no http or https URL, is too long, or has a user name or password.
    pub fn new(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Err(Error::Invalid { field: "referrer", reason: reason.to_owned() });
        let mut url = policy::parse("referrer", text)?;
        if !matches!(url.scheme(), "http" | "https") {
            return invalid("a page has an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("a URL with a user name or password is not sent to others");
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// Checks a referrer that a user may have given; a blank one counts as none.
    ///
    /// # Errors
    ///
    /// As [`Referrer::new`].
    pub fn given(text: Option<&str>) -> Result<Option<Self>, Error> {
        text.filter(|text| !text.trim().is_empty()).map(Self::new).transpose()
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The value of `Referer` in a request for `url`. Only the origin of an https page is told where the connection is
    /// not encrypted: anyone on the way could read the rest.
    pub(crate) fn told_to(&self, url: &Url) -> String {
        let Self(page) = self;
        if page.scheme() == "https" && url.scheme() != "https" {
            return format!("{}/", page.origin().ascii_serialization());
        }
        page.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referrers_are_pages_without_secrets() {
        let kept = |text: &str| Referrer::new(text).map(|referrer| referrer.as_str().to_owned());
        assert_eq!(kept(" https://Example.com/a b?q#secret ").unwrap(), "https://example.com/a%20b?q");
        assert_eq!(kept("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080/");
        for text in [
            "",
            "example.com",
            "about:blank",
            "javascript:alert(1)",
            "ftp://example.com/",
            "https://u@example.com/",
            "https://:p@example.com/",
            "https://example.com/\r\nx-evil:1",
        ] {
            let error = kept(text).unwrap_err().to_string();
            assert!(error.contains("referrer"), "{error}");
        }
        assert!(kept(&format!("https://example.com/{}", "a".repeat(policy::MAX_URL_BYTES))).is_err());
        assert_eq!(Referrer::given(Some(" ")).unwrap(), None);
        assert_eq!(Referrer::given(None).unwrap(), None);
    }

    #[test]
    fn what_is_not_encrypted_learns_only_the_origin_of_a_page_that_is() {
        let told = |page: &str, url: &str| Referrer::new(page).unwrap().told_to(&Url::parse(url).unwrap());
        let page = "https://forum.example:8443/private/7?token=x";
        assert_eq!(told(page, "https://i.example/a.png"), page);
        assert_eq!(told(page, "http://i.example/a.png"), "https://forum.example:8443/");
        assert_eq!(told("http://forum.example/7", "http://i.example/a.png"), "http://forum.example/7");
        assert_eq!(told("http://forum.example/7", "https://i.example/a.png"), "http://forum.example/7");
    }
}
