//! Why a request to the object store failed, in one line: what it answered, and what to do.

use std::fmt;

use object_store::Error;

/// The longest message of a service that is repeated, in characters.
const MESSAGE: usize = 200;

/// Where virtual machines of Amazon's get credentials, if the environment has none.
const METADATA_SERVICE: &str = "169.254.169.254";

/// What to do if the bucket is in another region.
const REGION: &str = "; give the bucket's region in AWS_REGION";

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such object.
    Missing,
    /// These credentials may not do this.
    Forbidden(String),
    /// Anything else: the service's answer or the fault of the connection, and what to do.
    Other(String, &'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::Forbidden(answer) => {
                write!(f, "{answer}; let these credentials get, put, delete and list objects there")
            }
            Self::Other(answer, advice) => write!(f, "{answer}{advice}"),
        }
    }
}

/// Explains an error. The crate `object_store` has the service's answer only as text: `... status code: 403
/// Forbidden: <Error><Code>AccessDenied</Code>...`.
pub(super) fn failure(error: &Error) -> Failure {
    let text = chain(error);
    let code = element(&text, "Code").unwrap_or_default();
    if text.contains(METADATA_SERVICE) {
        let none = "no credentials are set, and this machine's metadata service has none";
        return Failure::Other(none.into(), "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    if text.contains("redirect without LOCATION") {
        return Failure::Other("the service redirects to another region".into(), REGION);
    }
    if code == "NoSuchBucket" {
        return Failure::Other(answer(&text), "; make the bucket first");
    }
    match error {
        Error::NotFound { .. } => return Failure::Missing,
        Error::PermissionDenied { .. } if ["", "AccessDenied"].contains(&code) => {
            return Failure::Forbidden(answer(&text));
        }
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            return Failure::Other("it is there already".into(), "; another process made it");
        }
        _ => {}
    }
    let advice = match code {
        "ExpiredToken" | "TokenRefreshRequired" => "; the credentials have expired: start again with new ones",
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "NotSignedUp" => {
            "; give the right AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
        }
        "RequestTimeTooSkewed" => "; set this machine's clock",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => REGION,
        "SlowDown" | "ServiceUnavailable" | "RequestLimitExceeded" => "; it is overloaded: try again later",
        _ if status(&text).is_some() => "",
        _ => "; see whether the service runs and can be reached from here, and AWS_ENDPOINT_URL names it",
    };
    Failure::Other(answer(&text), advice)
}

/// What the service answered, or what happened instead: one line.
fn answer(text: &str) -> String {
    let said = match (status(text), element(text, "Code"), element(text, "Message")) {
        (Some(status), Some(code), message) => {
            let message = message.map_or_else(String::new, |message| format!(": {message}"));
            format!("the service answers {status} {code}{message}")
        }
        (Some(status), None, _) => format!("the service answers {status}"),
        (None, ..) => text.rsplit("HTTP error: ").next().unwrap_or_default().to_owned(),
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE).collect()
}

/// The texts of an error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The HTTP status in an error's text.
fn status(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3).filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The content of the first XML element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once('<')?.0)
}
