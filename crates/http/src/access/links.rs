//! Signed links: whoever has one may read one image's content, or the images of one tag, until the link expires.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use burrow_model::key::ImageId;
use burrow_model::name::normal;
use burrow_model::words::words;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::problem::Problem;
use crate::route::Unchecked;

/// What a link lets its holder read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What<'a> {
    Image(ImageId),
    Tag(&'a str),
}

/// A tag whose images the holder of a link may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The tag, in Normalization Form C.
    pub(crate) tag: String,
    /// When the link expires, in seconds since 1970.
    pub(crate) expires: u64,
}

/// Named keys. The first signs and all verify, so that keys can be rotated.
#[derive(Clone, Default)]
pub struct LinkKeys(Vec<(String, Hmac<Sha256>)>);

impl LinkKeys {
    /// The format of a list of keys, for error texts.
    pub const RULE: &str = "ID:SECRET, separated by spaces or commas, each ID once, of up to 32 letters, digits, - or _, \
                            a SECRET of at least 16 bytes";

    /// Whether there is a key to sign with.
    pub(crate) fn can_sign(&self) -> bool {
        !self.0.is_empty()
    }

    /// The signed path of an image's content, valid until `expires`, in seconds since 1970; `None` without keys.
    pub(crate) fn sign(&self, image: ImageId, expires: u64) -> Option<String> {
        let (key, mac) = self.0.first()?;
        let signature = code(signed(mac, What::Image(image), expires));
        Some(format!("/images/{image}/content?expires={expires}&key={key}&signature={signature}"))
    }

    /// The signed path of the images of a tag, valid until `expires`, in seconds since 1970; `None` without keys. Its
    /// last segment, without the slash that no segment has, is all that [`LinkKeys::share`] needs: so paths below it
    /// need no query.
    pub(crate) fn sign_tag(&self, tag: &str, expires: u64) -> Option<String> {
        let (key, mac) = self.0.first()?;
        let tag = normal(tag);
        let signature = code(signed(mac, What::Tag(&tag), expires));
        Some(format!("/shared/{expires}.{key}.{signature}.{}", URL_SAFE_NO_PAD.encode(tag.as_bytes())))
    }

    /// Verifies the segment of a path that [`LinkKeys::sign_tag`] signed, at the time `now`, in seconds since 1970.
    pub(crate) fn share(&self, segment: &str, now: u64) -> Result<Share, Problem> {
        let mut parts = segment.split('.');
        let (Some(expires), Some(key), Some(signature), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let tag = URL_SAFE_NO_PAD.decode(tag).ok().and_then(|tag| String::from_utf8(tag).ok()).ok_or_else(wrong)?;
        let expires = expires.parse::<u64>().ok().filter(|number| number.to_string() == expires).ok_or_else(wrong)?;
        self.verify(key, signature, What::Tag(&tag), expires)?;
        if expires > now { Ok(Share { tag, expires }) } else { Err(expired()) }
    }

    /// Verifies the signature in a query at the time `now`, in seconds since 1970. Returns the seconds for which the
    /// link is still valid, or `None` if the query has no signature.
    pub(crate) fn judge(&self, image: ImageId, query: &Unchecked, now: u64) -> Result<Option<u64>, Problem> {
        if !query.has("signature") {
            return Ok(None);
        }
        let query = query.only(&["download", "expires", "key", "signature"], &[]).map_err(|_| wrong())?;
        let expires = query.get("expires").and_then(|expires| expires.parse::<u64>().ok()).ok_or_else(wrong)?;
        let signature = query.get("signature").unwrap_or_default();
        self.verify(query.get("key").unwrap_or_default(), signature, What::Image(image), expires)?;
        let left = expires.checked_sub(now).filter(|left| *left > 0);
        left.map(Some).ok_or_else(expired)
    }

    fn verify(&self, key: &str, signature: &str, what: What<'_>, expires: u64) -> Result<(), Problem> {
        let (_, mac) = self.0.iter().find(|(id, _)| id == key).ok_or_else(wrong)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| wrong())?;
        // Compares in constant time.
        signed(mac, what, expires).verify_slice(&signature).map_err(|_| wrong())
    }
}

fn wrong() -> Problem {
    Problem::link("this link was not signed here, or was changed")
}

fn expired() -> Problem {
    Problem::link("this link has expired")
}

fn code(mac: Hmac<Sha256>) -> String {
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// The code of a link. No image's text is that of a tag, for they begin differently, and a tag has no line breaks.
fn signed(mac: &Hmac<Sha256>, what: What<'_>, expires: u64) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(
        match what {
            What::Image(image) => format!("burrow link 1\n{image}\n{expires}"),
            What::Tag(tag) => format!("burrow link 2\n{tag}\n{expires}"),
        }
        .as_bytes(),
    );
    mac
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl FromStr for LinkKeys {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let key = |word: &str| {
            let (id, secret) = word.split_once(':').ok_or(())?;
            let named = (1..=32).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            if !named || secret.len() < 16 {
                return Err(());
            }
            Ok((id.to_owned(), Hmac::new_from_slice(secret.as_bytes()).map_err(|_| ())?))
        };
        let keys = words(text, key)?;
        let ids: std::collections::BTreeSet<_> = keys.iter().map(|(id, _)| id).collect();
        if ids.len() == keys.len() { Ok(Self(keys)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(keys: &str, image: ImageId, path: &str, now: u64) -> Result<Option<u64>, u16> {
        let (_, query) = path.split_once('?').unwrap();
        let keys: LinkKeys = if keys.is_empty() { LinkKeys::default() } else { keys.parse().unwrap() };
        keys.judge(image, &Unchecked::parse(query).unwrap(), now).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn a_link_is_good_for_its_image_until_its_time_by_any_key() {
        const OLD: &str = "old:0123456789abcdef";
        const NEW: &str = "new:fedcba9876543210 old:0123456789abcdef";
        let (image, other) = (ImageId::new(1, &[1; 10]), ImageId::new(1, &[2; 10]));
        let path = OLD.parse::<LinkKeys>().unwrap().sign(image, 1000).unwrap();
        assert_eq!(judge(OLD, image, &path, 900), Ok(Some(100)));
        assert_eq!(judge(NEW, image, &path, 999), Ok(Some(1)));
        assert_eq!(judge(NEW, image, &path, 1000), Err(403));
        assert_eq!(judge(OLD, other, &path, 900), Err(403));
        assert_eq!(judge("old:another-secret-0", image, &path, 900), Err(403));
        assert_eq!(judge("", image, &path, 900), Err(403));
        assert_eq!(judge(OLD, image, &path.replace("expires=1000", "expires=1001"), 900), Err(403));
        let at = path.len() - 8;
        let changed = format!("{}{}{}", &path[..at], if &path[at..=at] == "A" { "B" } else { "A" }, &path[at + 1..]);
        assert_eq!(judge(OLD, image, &changed, 900), Err(403));
        assert_eq!(judge(OLD, image, "?signature=", 900), Err(403));
        assert_eq!(judge(OLD, image, &format!("{path}&download"), 900), Ok(Some(100)));
        for more in ["&expires=1000", "&x=1"] {
            assert_eq!(judge(OLD, image, &format!("{path}{more}"), 900), Err(403), "{more}");
        }
        assert_eq!(judge(OLD, image, "?expires=1000", 900), Ok(None));
        assert_eq!(LinkKeys::default().sign(image, 1000), None);
        assert!(NEW.parse::<LinkKeys>().unwrap().sign(image, 1).unwrap().contains("key=new&"));
    }

    #[test]
    fn a_link_to_a_tag_is_good_for_that_tag_until_its_time() {
        let keys: LinkKeys = "old:0123456789abcdef".parse().unwrap();
        let path = keys.sign_tag("e\u{301}/ 猫", 1000).unwrap();
        let segment = path.strip_prefix("/shared/").unwrap();
        assert!(!segment.contains(['/', '%', ' ']), "{segment}");
        let judged =
            |keys: &LinkKeys, segment: &str, now| keys.share(segment, now).map_err(|problem| problem.status().as_u16());
        assert_eq!(judged(&keys, segment, 999), Ok(Share { tag: "é/ 猫".into(), expires: 1000 }));
        let rotated = "new:fedcba9876543210 old:0123456789abcdef".parse().unwrap();
        assert!(judged(&rotated, segment, 0).is_ok());
        assert_eq!(judged(&keys, segment, 1000), Err(403));
        let other = keys.sign_tag("other", 1000).unwrap();
        let tag = other.rsplit('.').next().unwrap();
        let image = keys.sign(ImageId::new(1, &[1; 10]), 1000).unwrap();
        let (_, of_image) = image.split_once("signature=").unwrap();
        let parts: Vec<&str> = segment.split('.').collect();
        for forged in [
            format!("1001.{}.{}.{}", parts[1], parts[2], parts[3]),
            format!("01000.{}.{}.{}", parts[1], parts[2], parts[3]),
            format!("1000.{}.{}.{tag}", parts[1], parts[2]),
            format!("1000.{}.{of_image}.{}", parts[1], parts[3]),
            format!("1000.new.{}.{}", parts[2], parts[3]),
            format!("{segment}.x"),
            format!("1000.{}.{}", parts[1], parts[2]),
            String::new(),
        ] {
            assert_eq!(judged(&keys, &forged, 900), Err(403), "{forged}");
        }
        assert!(LinkKeys::default().sign_tag("a", 1).is_none() && judged(&LinkKeys::default(), segment, 0) == Err(403));
    }
}
