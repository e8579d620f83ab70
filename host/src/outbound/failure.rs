//! Translates failures of requests to origins into WASI's, so that each has its own sentence in the component.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy::Error as ClientError;
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerIncompatible};
use wasmtime_wasi_http::Error;

use super::proxy;

/// All addresses of a name are private.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no public address")]
pub(super) struct Prohibited;

/// A name could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unresolvable(pub(super) io::Error);

/// Translates the client's error. Where WASI has no code, a field of the nearest one says what it was; `explain` in the
/// component's `src/wasi/fetch.rs` reads it.
pub(super) fn explain(error: &ClientError) -> Error {
    let mut causes = vec![];
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = inner(cause);
    }
    // The deepest cause says most.
    let found = causes.iter().rev().find_map(|cause| of_cause(*cause));
    found.unwrap_or_else(|| {
        let told: Vec<_> = causes.iter().map(ToString::to_string).collect();
        Error::InternalError(Some(told.join(": ")))
    })
}

/// The deepest cause of an error, which says most.
pub(super) fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut deepest = error;
    while let Some(cause) = inner(deepest) {
        deepest = cause;
    }
    deepest
}

/// The cause of an error. An I/O error that wraps another names that one's cause as its own, and leaves the other out.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Error> {
    if cause.is::<Prohibited>() {
        return Some(Error::DestinationIpProhibited);
    }
    if let Some(failure) = cause.downcast_ref() {
        return Some(of_proxy(failure));
    }
    if let Some(Unresolvable(error)) = cause.downcast_ref() {
        return Some(of_name(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return Some(of_tls(error));
    }
    if let Some(error) = cause.downcast_ref() {
        return of_http(error);
    }
    of_io(cause.downcast_ref()?)
}

/// A tunnel is needed only for TLS, and so an alert can say why there is none.
fn of_proxy(failure: &proxy::Failure) -> Error {
    let reason = failure.to_string();
    if let proxy::Failure::Unreachable(_) = failure {
        return Error::InternalError(Some(reason));
    }
    let alert = if failure.is_final() { AlertDescription::AccessDenied } else { AlertDescription::InternalError };
    Error::TlsAlertReceived { alert_id: Some(alert.into()), alert_message: Some(reason) }
}

/// The resolver gives its reasons as texts only: glibc's, musl's and those of BSD and macOS.
fn of_name(error: &io::Error) -> Error {
    const NO_SUCH_NAME: [&str; 5] = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided",
    ];
    let text = error.to_string();
    let is_final = NO_SUCH_NAME.iter().any(|reason| text.contains(reason));
    Error::DnsError { rcode: is_final.then(|| "NXDOMAIN".into()), info_code: None }
}

fn of_io(error: &io::Error) -> Option<Error> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Error::DestinationUnavailable
        }
        // tokio-rustls has no other sign of it.
        ErrorKind::UnexpectedEof if error.to_string().contains("tls handshake") => Error::TlsProtocolError,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        _ => return None,
    })
}

/// hyper tells most of its kinds apart by text only.
fn of_http(error: &hyper::Error) -> Option<Error> {
    if error.is_incomplete_message() {
        return Some(Error::ConnectionTerminated);
    }
    if error.is_parse_too_large() {
        return Some(Error::HttpResponseHeaderSectionSize(None));
    }
    let text = error.to_string();
    // Some servers of other protocols speak first.
    if !error.is_parse() && !text.starts_with("received unexpected message") {
        return None;
    }
    let lines =
        [("content-length", "Content-Length"), ("transfer-encoding", "Transfer-Encoding"), ("header", "header")];
    let line = lines.iter().find(|(word, _)| text.contains(word)).map_or("status line", |(_, line)| line);
    Some(Error::HttpResponseHeaderSize { field_name: Some(line.into()), field_size: None })
}

fn of_tls(error: &TlsError) -> Error {
    let (alert, message) = match error {
        TlsError::InvalidCertificate(reason) => {
            let message = format!("its certificate is not accepted: {}", of_certificate(reason));
            (AlertDescription::from(reason.clone()), message)
        }
        TlsError::NoCertificatesPresented => (AlertDescription::NoCertificate, "it showed no certificate".into()),
        TlsError::AlertReceived(alert) => (*alert, format!("it ended the handshake ({alert:?})")),
        TlsError::PeerIncompatible(reason) => {
            let message = format!("it offers neither TLS 1.3 nor TLS 1.2 in a form that is accepted ({reason:?})");
            let is_version = matches!(
                reason,
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                    | PeerIncompatible::ServerDoesNotSupportTls12Or13
                    | PeerIncompatible::Tls12NotOffered
            );
            (if is_version { AlertDescription::ProtocolVersion } else { AlertDescription::HandshakeFailure }, message)
        }
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            (AlertDescription::DecodeError, "what it sent is not TLS".into())
        }
        other => (AlertDescription::DecodeError, other.to_string()),
    };
    Error::TlsAlertReceived { alert_id: Some(alert.into()), alert_message: Some(message) }
}

fn of_certificate(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "its issuer is not known here (--ca-certificates adds issuers)".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers".into()
        }
        CertificateError::Revoked => "it is revoked".into(),
        CertificateError::BadSignature => "its signature is wrong".into(),
        // Self-signed certificates often are.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is that of an authority, and no server's (a certificate with CA:FALSE would do)".into()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_do_not_exist_are_told_from_those_that_cannot_be_looked_up() {
        let rcode = |text: &str| {
            let error = io::Error::other(format!("failed to lookup address information: {text}"));
            let Error::DnsError { rcode, .. } = of_name(&error) else { panic!("{text}") };
            rcode
        };
        assert_eq!(rcode("Name or service not known").as_deref(), Some("NXDOMAIN"));
        assert_eq!(rcode("nodename nor servname provided, or not known").as_deref(), Some("NXDOMAIN"));
        assert_eq!(rcode("Temporary failure in name resolution"), None);
    }
}
