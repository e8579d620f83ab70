//! Draws thumbnails when they are first asked for, and stores them with the blob.
//!
//! All images that share the blob share its thumbnails.

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burrow_model::error::Error;
use burrow_model::key::BlobId;
use burrow_model::lease::lasts;
use burrow_model::record::{Content, ImageRecord, Likeness, Preview};
use futures::StreamExt as _;

use super::Vault;
use super::read::AT_ONCE;
use crate::ports::{Drawing, Elsewhere, Ports};
use crate::store::blob::Form;
use crate::thumbnail::likeness::VERSION;
use crate::thumbnail::{self, MAX_ORIGINAL, MAX_ORIGINAL_AMONG_OTHERS, Thumbnail, Undrawable, WIDTHS};

/// A JPEG of at most this many bytes that is no larger than the thumbnail would be is its own thumbnail.
const SMALL: u64 = 32 * 1024;

/// The media type of drawings.
const DRAWING_TYPE: &str = "image/svg+xml";

/// The largest drawing that is its own thumbnail, in bytes.
const MAX_DRAWING: u64 = 1024 * 1024;

/// After this time, in milliseconds, an instance that began to draw has died. Decoders take a second or two at most.
const DRAWING: u64 = 30_000;

/// After this many instances died of drawing one image, no other tries.
const TRIES: u32 = 2;

/// The reason that is stored then.
const FATAL: &str = "its decoder failed";

/// How long a request waits while another draws the same thumbnail, or this instance draws another.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often such a request looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A thumbnail, or what to show in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The thumbnail.
    Picture {
        /// Its media type.
        media_type: String,
        /// Width and height in pixels.
        size: (u32, u32),
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The original: it is small enough, or a drawing (SVG).
    Original,
    /// No thumbnail can be drawn, for this reason: one sentence for people.
    Nothing(String),
    /// This host cannot draw it, for this reason, though another may: one sentence for people.
    UnsupportedHere(String),
    /// The thumbnail is being drawn, or too many others are. Asking again soon helps.
    NotYet,
}

thread_local! {
    /// Whether this instance is drawing: it has memory for one picture at a time. No task is woken when this changes;
    /// tasks look again.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// The right to draw; dropping it ends the turn.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        DRAWS.set(false);
    }
}

impl<P: Ports> Vault<P> {
    /// Returns the thumbnail of a ready image at one of [`WIDTHS`]. Draws and stores it if that was not done before.
    ///
    /// # Errors
    ///
    /// [`Error::NotReady`]; [`Error::Invalid`] for another width; [`Error::Corrupt`] or [`Error::Newer`] if the
    /// original cannot be read; [`Error::Store`].
    pub async fn thumbnail(&self, image: &ImageRecord, width: u32) -> Result<Shown, Error> {
        let content = image.content()?;
        if !WIDTHS.contains(&width) {
            let reason = format!("thumbnails are {WIDTHS:?} pixels wide, not {width}");
            return Err(Error::Invalid { field: "w", reason });
        }
        if let Some(shown) = self.known_thumbnail(content, width).await? {
            return Ok(shown);
        }
        if content.media_type == DRAWING_TYPE {
            return self.drawing(image).await;
        }
        self.draw_somewhere(image, Drawing::Thumbnail(width)).await
    }

    /// Returns the likeness of a ready image. Makes it with a thumbnail if that was not done before. `None` if the image
    /// cannot be drawn, or is too plain.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if it is being made, or if too many others are; otherwise as [`Vault::thumbnail`].
    pub async fn likeness(&self, image: &ImageRecord) -> Result<Option<u64>, Error> {
        let content = image.content()?;
        let mut known = self.store.likeness(content.blob).await?;
        if known.is_none() && content.media_type != DRAWING_TYPE {
            match self.draw_somewhere(image, Drawing::Likeness).await? {
                Shown::NotYet => return Err(Error::Busy("the image is being looked at".into())),
                Shown::Picture { .. } | Shown::Original | Shown::Nothing(_) | Shown::UnsupportedHere(_) => {}
            }
            known = self.store.likeness(content.blob).await?;
        }
        let likeness = known.flatten();
        if let Some(bits) = likeness {
            self.list_shared_likeness(image, bits).await?;
        }
        Ok(likeness)
    }

    /// Has another instance draw, if there are any for that; else draws here.
    async fn draw_somewhere(&self, image: &ImageRecord, what: Drawing) -> Result<Shown, Error> {
        if self.settings.host.packers > 0 {
            match self.ports.draw_elsewhere(image.id, what).await {
                Some(Elsewhere::Ended) => {
                    if let Some(shown) = self.known(image.content()?, what).await? {
                        return Ok(shown);
                    }
                }
                Some(Elsewhere::Died) => return self.bury(image).await,
                Some(Elsewhere::Busy) => return Ok(Shown::NotYet),
                None => {}
            }
        }
        self.draw(image, what).await
    }

    /// What is to be drawn, if that is known already. Of a likeness that is known, it says that the original will do.
    async fn known(&self, content: &Content, what: Drawing) -> Result<Option<Shown>, Error> {
        match what {
            Drawing::Thumbnail(width) => self.known_thumbnail(content, width).await,
            Drawing::Likeness => Ok(match self.store.preview(content.blob).await? {
                Some(Preview::None(why)) => Some(Shown::Nothing(why)),
                Some(preview) if is_current(preview.likeness()) => Some(Shown::Original),
                _ => None,
            }),
        }
    }

    /// The thumbnail, or what to show in its place, if that is known without drawing.
    async fn known_thumbnail(&self, content: &Content, width: u32) -> Result<Option<Shown>, Error> {
        if let Some((picture, bytes)) = self.store.thumbnail(content.blob, width).await? {
            return Ok(Some(Shown::Picture { media_type: picture.media_type, size: picture.size, bytes }));
        }
        if is_small(content, width) {
            return Ok(Some(Shown::Original));
        }
        Ok(match self.store.preview(content.blob).await? {
            Some(Preview::None(why)) => Some(Shown::Nothing(why)),
            _ => None,
        })
    }

    /// A drawing (SVG) is its own thumbnail if browsers show it fast.
    async fn drawing(&self, image: &ImageRecord) -> Result<Shown, Error> {
        let content = image.content()?;
        let why = if content.size > MAX_DRAWING {
            format!("it has {} bytes, and drawings are shown up to {MAX_DRAWING}", content.size)
        } else {
            match self.original(image).await?.map(|original| thumbnail::drawing::check(&original)) {
                Ok(Ok(())) => return Ok(Shown::Original),
                Ok(Err(why)) => why.into(),
                Err(why) => why.to_string(),
            }
        };
        self.give_up_drawing(content.blob, why).await
    }

    async fn draw(&self, image: &ImageRecord, what: Drawing) -> Result<Shown, Error> {
        let content = image.content()?;
        let mut waited = Duration::ZERO;
        let (died, likeness) = loop {
            if let Some(shown) = self.known(content, what).await? {
                return Ok(shown);
            }
            let now = self.ports.now();
            let preview = self.store.preview(content.blob).await?;
            let likeness = preview.as_ref().and_then(Preview::likeness);
            let died = match preview {
                Some(Preview::Begun { since: Preview::NOBODY, died, .. }) => Some(died),
                Some(Preview::Begun { since, .. }) if lasts(since.saturating_add(DRAWING), DRAWING, now) => None,
                Some(Preview::Begun { died, .. }) => Some(died + 1),
                _ => Some(0),
            };
            match died {
                Some(died) if !DRAWS.replace(true) => break (died, likeness),
                _ if waited >= PATIENCE => {
                    return Ok(Shown::NotYet);
                }
                _ => {}
            }
            self.ports.sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        };
        let turn = Turn;
        if died >= TRIES {
            return self.give_up_drawing(content.blob, FATAL.into()).await;
        }
        // If drawing kills this instance, this record says so.
        let begun = |since, died| Preview::Begun { since, died, likeness };
        self.store.save_preview(content.blob, &begun(self.ports.now(), died)).await?;
        let drawn = match self.original(image).await {
            Ok(Ok(original)) => {
                let is_apart = self.settings.host.packers > 0;
                thumbnail::draw(&original, &content.media_type, width_of(what), is_apart, &self.ports).await
            }
            Ok(Err(why)) => Err(why),
            Err(error) => {
                // The original could not be read, which says nothing about drawing it.
                self.store.save_preview(content.blob, &begun(Preview::NOBODY, 0)).await?;
                return Err(error);
            }
        };
        drop(turn);
        match drawn {
            Ok(drawn) => self.keep_thumbnail(image, width_of(what), likeness, drawn).await,
            Err(Undrawable::Never(why)) => self.give_up_drawing(content.blob, why).await,
            Err(Undrawable::Here(why)) => {
                self.store.save_preview(content.blob, &begun(Preview::NOBODY, 0)).await?;
                Ok(Shown::UnsupportedHere(why))
            }
        }
    }

    /// Keeps a thumbnail, and a likeness if there was none: it stays the same, at whatever width others are drawn.
    async fn keep_thumbnail(
        &self,
        image: &ImageRecord,
        width: u32,
        before: Option<Likeness>,
        drawn: Thumbnail,
    ) -> Result<Shown, Error> {
        let blob = image.content()?.blob;
        self.store.save_thumbnail(blob, width, &drawn).await?;
        let placeholder = BASE64_STANDARD.encode(&drawn.placeholder);
        let is_first = !is_current(before);
        let made = Likeness { version: VERSION, bits: drawn.likeness };
        let likeness = before.filter(|_| !is_first).or(Some(made));
        self.store.save_preview(blob, &Preview::Drawn { placeholder, cut: drawn.is_cut, likeness }).await?;
        if let Some(bits) = drawn.likeness.filter(|_| is_first) {
            self.list_likeness(image.id, image.seq, bits).await?;
        }
        let (media_type, size) = (drawn.media_type.into(), (drawn.width, drawn.height));
        Ok(Shown::Picture { media_type, size, bytes: drawn.bytes })
    }

    async fn give_up_drawing(&self, blob: BlobId, why: String) -> Result<Shown, Error> {
        self.store.save_preview(blob, &Preview::None(why.clone())).await?;
        Ok(Shown::Nothing(why))
    }

    /// Records that a helper died of drawing this image, so that the next attempt need not wait until [`DRAWING`] has
    /// passed.
    async fn bury(&self, image: &ImageRecord) -> Result<Shown, Error> {
        let blob = image.content()?.blob;
        let preview = self.store.preview(blob).await?;
        let likeness = preview.as_ref().and_then(Preview::likeness);
        let died = match preview {
            Some(Preview::Begun { died, .. }) => died + 1,
            _ => 1,
        };
        if died >= TRIES {
            return self.give_up_drawing(blob, FATAL.into()).await;
        }
        self.store.save_preview(blob, &Preview::Begun { since: Preview::NOBODY, died, likeness }).await?;
        Ok(Shown::NotYet)
    }

    /// Reads an original, unless it is too large to hold in memory.
    async fn original(&self, image: &ImageRecord) -> Result<Result<Vec<u8>, Undrawable>, Error> {
        let content = image.content()?;
        let is_apart = self.settings.host.packers > 0;
        let most = if is_apart { MAX_ORIGINAL } else { MAX_ORIGINAL_AMONG_OTHERS };
        if content.size > most {
            let why = format!("it has {} bytes, and at most {most} are decoded", content.size);
            return Ok(Err(if content.size > MAX_ORIGINAL { Undrawable::Never(why) } else { Undrawable::Here(why) }));
        }
        let mut original = Vec::with_capacity(usize::try_from(content.size).unwrap_or_default());
        let mut reader = self.open(image).await?.read(Form::Original, 0..content.size);
        while let Some(piece) = reader.next().await? {
            original.extend_from_slice(&piece);
        }
        Ok(Ok(original))
    }

    /// Whether an image was found to be cut or damaged when its thumbnail was drawn, so that a part of it is missing.
    pub async fn is_cut(&self, image: &ImageRecord) -> Result<bool, Error> {
        let Ok(content) = image.content() else { return Ok(false) };
        Ok(matches!(self.store.preview(content.blob).await?, Some(Preview::Drawn { cut: true, .. })))
    }

    /// The placeholders of images, in the same order, as a `ThumbHash` in base64. `None` for an image without a
    /// thumbnail.
    pub async fn placeholders(&self, images: &[ImageRecord]) -> Result<Vec<Option<String>>, Error> {
        let placeholder = async |image: &ImageRecord| {
            let Ok(content) = image.content() else { return Ok(None) };
            Ok(match self.store.preview(content.blob).await? {
                Some(Preview::Drawn { placeholder, .. }) => Some(placeholder),
                _ => None,
            })
        };
        let all = futures::stream::iter(images).map(placeholder).buffered(AT_ONCE);
        futures::TryStreamExt::try_collect(all).await
    }
}

/// The width at which to draw: a likeness is made with the smallest thumbnail.
fn width_of(what: Drawing) -> u32 {
    let [least, ..] = WIDTHS;
    match what {
        Drawing::Thumbnail(width) => width,
        Drawing::Likeness => least,
    }
}

/// Whether a likeness was made that can be compared with others.
fn is_current(likeness: Option<Likeness>) -> bool {
    likeness.is_some_and(|likeness| likeness.version == VERSION)
}

/// Whether an original is its own thumbnail, however its camera was turned.
pub(super) fn is_small(content: &Content, width: u32) -> bool {
    match (content.media_type.as_str(), content.appearance.dimensions) {
        ("image/jpeg", Some((wide, high))) => content.size <= SMALL && wide <= width && high <= width,
        _ => false,
    }
}
