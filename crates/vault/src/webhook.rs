//! The webhook: where the operator wants to be told of images, and how a message is signed.
//!
//! Messages follow Standard Webhooks (standardwebhooks.com), so that receivers need no code of ours to verify them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use burrow_model::json::Image;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_model::time::timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use url::Url;

/// Where messages go, and the key with which they are signed.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    mac: Hmac<Sha256>,
}

/// The key with which messages are signed.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// The format of a secret, for error texts.
    pub const RULE: &str = "a text of at least 16 bytes, or whsec_ and as many in base64";
}

impl std::str::FromStr for Secret {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| ())?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < 16 {
            return Err(());
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| ())
    }
}

/// A message, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names and values of its headers.
    pub headers: [(&'static str, String); 4],
    /// Its body: JSON.
    pub body: Vec<u8>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Image<'a>,
}

impl Webhook {
    /// A webhook at a URL that was checked.
    pub fn new(url: Url, Secret(mac): Secret) -> Self {
        Self { url, mac }
    }

    /// Where messages go.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The message that an image is ready or failed, sent at the time `now` in milliseconds since 1970; `None` if it is
    /// neither. Its id is the same however often it is sent.
    pub fn message(&self, image: &ImageRecord, now: u64) -> Option<Message> {
        let kind = match image.status() {
            Status::Ready => "image.ready",
            Status::Failed => "image.failed",
            Status::Pending | Status::Storing => return None,
        };
        let body = Body { r#type: kind, timestamp: timestamp(image.updated), data: Image::from(image) };
        let body = serde_json::to_vec(&body).ok()?;
        let (id, seconds) = (format!("{}.{}", image.id, image.updated), (now / 1000).to_string());
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(&body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let headers = [
            ("content-type", "application/json".into()),
            ("webhook-id", id),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signature),
        ];
        Some(Message { headers, body })
    }
}

impl fmt::Debug for Webhook {
    /// Without the path, which may be a secret, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Webhook").field(&self.url.host_str()).finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_texts_or_base64() {
        assert!("0123456789abcdef".parse::<Secret>().is_ok() && "0123456789abcde".parse::<Secret>().is_err());
        assert!("whsec_MDEyMzQ1Njc4OWFiY2RlZg==".parse::<Secret>().is_ok());
        for wrong in ["whsec_MDEy", "whsec_0123456789abcdef!", ""] {
            assert!(wrong.parse::<Secret>().is_err(), "{wrong}");
        }
        let debug = format!("{:?}", "0123456789abcdef".parse::<Secret>());
        assert!(!debug.contains("0123"), "{debug}");
    }

    /// The example of the specification.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let Secret(mut mac) = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        mac.update(br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
