//! Signed links: whoever has one may read one image's content until the link expires.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use burrow_model::key::ImageId;
use burrow_model::words::words;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::problem::Problem;
use crate::route::Unchecked;

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
        let signature = URL_SAFE_NO_PAD.encode(signed(mac, image, expires).finalize().into_bytes());
        Some(format!("/images/{image}/content?expires={expires}&key={key}&signature={signature}"))
    }

    /// Verifies the signature in a query at the time `now`, in seconds since 1970. Returns the seconds for which the
    /// link is still valid, or `None` if the query has no signature.
    pub(crate) fn judge(&self, image: ImageId, query: &Unchecked, now: u64) -> Result<Option<u64>, Problem> {
        if !query.has("signature") {
            return Ok(None);
        }
        let wrong = || Problem::link("this link was not signed here, or was changed");
        let query = query.only(&["download", "expires", "key", "signature"], &[]).map_err(|_| wrong())?;
        let expires = query.get("expires").and_then(|expires| expires.parse::<u64>().ok()).ok_or_else(wrong)?;
        let key = query.get("key").unwrap_or_default();
        let (_, mac) = self.0.iter().find(|(id, _)| id == key).ok_or_else(wrong)?;
        let signature = URL_SAFE_NO_PAD.decode(query.get("signature").unwrap_or_default()).map_err(|_| wrong())?;
        // Compares in constant time.
        signed(mac, image, expires).verify_slice(&signature).map_err(|_| wrong())?;
        let left = expires.checked_sub(now).filter(|left| *left > 0);
        left.map(Some).ok_or_else(|| Problem::link("this link has expired"))
    }
}

fn signed(mac: &Hmac<Sha256>, image: ImageId, expires: u64) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(format!("burrow link 1\n{image}\n{expires}").as_bytes());
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
}
