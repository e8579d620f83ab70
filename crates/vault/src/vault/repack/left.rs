//! How much repacking there is still to do, as far as a sample of the images tells.
//!
//! Whether a blob is to be repacked depends on the setting, on the codecs of this version, and on earlier attempts, so
//! no counter knows it. A sample does, closely enough for people.

use std::collections::HashMap;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::Vaultwide;
use burrow_model::record::Attempt;
use burrow_model::status::Status;
use futures::{StreamExt as _, TryStreamExt as _};

use super::super::Vault;
use super::super::read::AT_ONCE;
use super::Due;
use crate::ports::Ports;

/// The newest images, which are all looked at: they are repacked last.
const NEWEST: u64 = 32;

/// Older images that are looked at, at even distances.
const SPREAD: u64 = 96;

/// What repacking has still to do. Images that share a blob count each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Images whose blobs are to be repacked.
    pub images: u64,
    /// Bytes that this saves, if images of their types save as much as those that were tried; `None` if none was tried.
    pub saves: Option<u64>,
    /// Whether every image was looked at.
    pub is_exact: bool,
}

/// One image of the sample.
enum Looked {
    /// It is to be repacked: its type, and the bytes in which it is stored.
    Due(String, u64),
    /// It was tried: its type, and its stored bytes before and after.
    Tried(String, u64, u64),
    /// It is not ready, no codec takes it, or it is being repacked.
    Other,
}

impl<P: Ports> Vault<P> {
    /// Looks at a sample of the images: how many of all are to be repacked, and what that should save.
    pub async fn left_to_repack(&self) -> Result<Left, Error> {
        let newest = self.store.count(Vaultwide::Feed).await?;
        let older = newest.saturating_sub(NEWEST);
        let spread = older.min(SPREAD);
        // Every number if there are few, else the middle of each of as many parts.
        let numbers = (0..spread).map(|n| (older * (2 * n + 1) / (2 * spread) + 1, true));
        let numbers = numbers.chain((older + 1..=newest).map(|seq| (seq, false)));
        let looked = futures::stream::iter(numbers)
            .map(async |(seq, is_spread)| Ok::<_, Error>((self.look_at(seq).await?, is_spread)))
            .buffered(AT_ONCE);
        let looked: Vec<(Looked, bool)> = looked.try_collect().await?;
        Ok(estimated(&looked, older, spread))
    }

    async fn look_at(&self, seq: u64) -> Result<Looked, Error> {
        let image = passing_over(self.store.feed(seq).await)?;
        let Some(image) = image.filter(|image| image.status() == Status::Ready) else { return Ok(Looked::Other) };
        let content = image.content()?;
        if self.settings.compression.choices(&content.media_type).is_empty() {
            return Ok(Looked::Other);
        }
        let known = self.store.repacking(content.blob).await?;
        let media_type = content.media_type.clone();
        let now =
            known.as_ref().and_then(|known| known.form.as_ref()).map_or(content.stored_size, |form| form.stored_size);
        Ok(match (self.due(content, known.as_ref()), known.map(|known| known.last)) {
            (Due::Now(_), _) => Looked::Due(media_type, now),
            (Due::No(_), Some(Attempt::Packed | Attempt::Kept { .. })) => {
                Looked::Tried(media_type, content.stored_size, now)
            }
            (Due::No(_), Some(Attempt::Begun { .. }) | None) => Looked::Other,
        })
    }
}

/// What a sample says of all images, of which `older` are looked at in `spread` places.
fn estimated(looked: &[(Looked, bool)], older: u64, spread: u64) -> Left {
    let whole = |part: u128, is_spread: bool| {
        let scaled = if is_spread { part * u128::from(older) / u128::from(spread.max(1)) } else { part };
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    let mut tried: HashMap<&str, (u128, u128)> = HashMap::new();
    for (one, _) in looked {
        if let Looked::Tried(media_type, before, after) = one {
            let (all, saved) = tried.entry(media_type).or_default();
            *all += u128::from(*before);
            *saved += u128::from(before.saturating_sub(*after));
        }
    }
    let mut images = [0_u128; 2];
    let (mut saves, mut is_known) = ([0_u128; 2], false);
    for (one, is_spread) in looked {
        if let Looked::Due(media_type, stored) = one {
            let part = usize::from(*is_spread);
            if let Some(images) = images.get_mut(part) {
                *images += 1;
            }
            if let (Some((all, saved)), Some(saves)) = (tried.get(media_type.as_str()), saves.get_mut(part)) {
                *saves += u128::from(*stored) * saved / (*all).max(1);
                is_known = true;
            }
        }
    }
    let sum = |[newest, spread]: [u128; 2]| whole(newest, false).saturating_add(whole(spread, true));
    Left { images: sum(images), saves: is_known.then(|| sum(saves)), is_exact: older == spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_of_all() {
        let due = |bytes| Looked::Due("image/png".into(), bytes);
        let tried = |before, after| Looked::Tried("image/png".into(), before, after);
        // Two of three older ones in a sample of 3 of 300, and one of the newest.
        let looked = [(due(100), true), (due(200), true), (tried(1000, 600), true), (due(50), false)];
        let left = estimated(&looked, 300, 3);
        assert_eq!(left, Left { images: 201, saves: Some(12_000 + 20), is_exact: false });
        // Another type tells nothing of this one.
        let looked = [(due(100), false), (Looked::Tried("image/jpeg".into(), 10, 8), false), (Looked::Other, false)];
        assert_eq!(estimated(&looked, 0, 0), Left { images: 1, saves: None, is_exact: true });
        assert_eq!(estimated(&[], 0, 0), Left { images: 0, saves: None, is_exact: true });
    }
}
