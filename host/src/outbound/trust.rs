//! The authorities whose certificates are accepted from origins: Mozilla's, and those that the operator adds.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// Certificates of authorities, besides Mozilla's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads certificates in PEM (RFC 7468). What stands between them is passed over.
    pub(crate) fn parse(pem: &[u8]) -> Result<Self, String> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|error| format!("not certificates in PEM: {error}"))?;
        if certificates.is_empty() {
            return Err("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)".into());
        }
        let mut probe = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            probe.add(certificate.clone()).map_err(|error| format!("certificate {number} cannot be read: {error}"))?;
        }
        Ok(Self(certificates))
    }

    /// The rules of TLS with origins.
    pub(crate) fn config(&self) -> Result<ClientConfig, Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // All were read before.
        roots.add_parsable_certificates(self.0.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_told() {
        for (pem, reason) in [
            (&b""[..], "there is no certificate"),
            (b"\x30\x82\x01\x0a", "there is no certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 cannot be read"),
            (b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "not certificates in PEM"),
        ] {
            let error = Authorities::parse(pem).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Authorities::default().config().is_ok());
    }
}
