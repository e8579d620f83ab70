//! Small pictures: made when they are first asked for, kept beside the blob, found by every image that shares it.

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burrow_model::error::Error;
use burrow_model::key::BlobId;
use burrow_model::record::{Content, ImageRecord, Preview};
use futures::StreamExt as _;

use super::Vault;
use super::read::AT_ONCE;
use crate::ports::{Elsewhere, Ports};
use crate::store::blob::Form;
use crate::thumbnail::{self, MAX_ORIGINAL, Thumbnail, Undrawable, WIDTHS};

/// A JPEG up to this many bytes, and no larger than the thumbnail would be, is its own thumbnail.
const SMALL: u64 = 32 * 1024;

/// The media type of drawings.
const DRAWING_TYPE: &str = "image/svg+xml";

/// The largest drawing that is its own thumbnail, in bytes.
const MAX_DRAWING: u64 = 1024 * 1024;

/// After this time whoever began to draw has died, in milliseconds. Decoders take a second or two at most.
const DRAWING: u64 = 30_000;

/// How often it is tried to draw what kills those who try.
const TRIES: u32 = 2;

/// Why there is no picture of what killed them.
const FATAL: &str = "its decoder failed";

/// How long somebody waits for another who draws the same, or for the turn of an instance that draws something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A small picture, or what there is instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It.
    Picture {
        /// Its media type.
        media_type: String,
        /// Width and height in pixels.
        size: (u32, u32),
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The original is small enough.
    Original,
    /// There is none: one sentence for people.
    Nothing(String),
    /// There is none here, though another host may draw it: one sentence for people.
    UnsupportedHere(String),
    /// It is being drawn, or many others are: it is of use to ask again soon.
    NotYet,
}

thread_local! {
    /// Whether this instance is drawing: one picture at a time is in its memory. Nobody is woken by it.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// The turn to draw, until it is dropped.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        DRAWS.set(false);
    }
}

impl<P: Ports> Vault<P> {
    /// Returns the small picture of a ready image at one of [`WIDTHS`]; draws it if nobody has.
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
        if self.settings.packers > 0 {
            match self.ports.draw_elsewhere(image.id, width).await {
                Some(Elsewhere::Ended) => {
                    if let Some(shown) = self.known_thumbnail(content, width).await? {
                        return Ok(shown);
                    }
                }
                Some(Elsewhere::Died) => return self.bury(content.blob).await,
                Some(Elsewhere::Busy) => return Ok(Shown::NotYet),
                None => {}
            }
        }
        self.draw(image, width).await
    }

    /// What is known, without drawing.
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

    /// A drawing (SVG) is its own thumbnail, if browsers show it at once.
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

    async fn draw(&self, image: &ImageRecord, width: u32) -> Result<Shown, Error> {
        let content = image.content()?;
        let mut waited = Duration::ZERO;
        let died = loop {
            if let Some(shown) = self.known_thumbnail(content, width).await? {
                return Ok(shown);
            }
            let died = match self.store.preview(content.blob).await? {
                Some(Preview::Begun { since, .. }) if since + DRAWING > self.ports.now() => None,
                Some(Preview::Begun { since: Preview::NOBODY, died }) => Some(died),
                Some(Preview::Begun { died, .. }) => Some(died + 1),
                _ => Some(0),
            };
            match died {
                Some(died) if !DRAWS.replace(true) => break died,
                _ if waited >= PATIENCE => {
                    return Ok(Shown::NotYet);
                }
                _ => {}
            }
            self.ports.sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        };
        let _turn = Turn;
        if died >= TRIES {
            return self.give_up_drawing(content.blob, FATAL.into()).await;
        }
        // Should it kill this instance, this says so.
        self.store.save_preview(content.blob, &Preview::Begun { since: self.ports.now(), died }).await?;
        let drawn = match self.original(image).await {
            Ok(Ok(original)) => {
                let is_apart = self.settings.packers > 0;
                thumbnail::draw(&original, &content.media_type, width, is_apart, &self.ports).await
            }
            Ok(Err(why)) => Err(why),
            Err(error) => {
                // It says nothing of the picture.
                self.store.save_preview(content.blob, &Preview::Begun { since: Preview::NOBODY, died: 0 }).await?;
                return Err(error);
            }
        };
        match drawn {
            Ok(drawn) => self.keep_thumbnail(content.blob, width, drawn).await,
            Err(Undrawable::Never(why)) => self.give_up_drawing(content.blob, why).await,
            Err(Undrawable::Here(why)) => {
                self.store.save_preview(content.blob, &Preview::Begun { since: Preview::NOBODY, died: 0 }).await?;
                Ok(Shown::UnsupportedHere(why))
            }
        }
    }

    async fn keep_thumbnail(&self, blob: BlobId, width: u32, drawn: Thumbnail) -> Result<Shown, Error> {
        self.store.save_thumbnail(blob, width, &drawn).await?;
        let placeholder = BASE64_STANDARD.encode(&drawn.placeholder);
        self.store.save_preview(blob, &Preview::Drawn { placeholder }).await?;
        let (media_type, size) = (drawn.media_type.into(), (drawn.width, drawn.height));
        Ok(Shown::Picture { media_type, size, bytes: drawn.bytes })
    }

    async fn give_up_drawing(&self, blob: BlobId, why: String) -> Result<Shown, Error> {
        self.store.save_preview(blob, &Preview::None(why.clone())).await?;
        Ok(Shown::Nothing(why))
    }

    /// Another instance died of drawing this: that is noted at once, so that the next who tries need not wait.
    async fn bury(&self, blob: BlobId) -> Result<Shown, Error> {
        let died = match self.store.preview(blob).await? {
            Some(Preview::Begun { died, .. }) => died + 1,
            _ => 1,
        };
        if died >= TRIES {
            return self.give_up_drawing(blob, FATAL.into()).await;
        }
        self.store.save_preview(blob, &Preview::Begun { since: Preview::NOBODY, died }).await?;
        Ok(Shown::NotYet)
    }

    /// Reads an original that is not too large to be in memory.
    async fn original(&self, image: &ImageRecord) -> Result<Result<Vec<u8>, Undrawable>, Error> {
        let content = image.content()?;
        if content.size > MAX_ORIGINAL {
            let why = format!("it has {} bytes, and at most {MAX_ORIGINAL} are decoded", content.size);
            return Ok(Err(Undrawable::Never(why)));
        }
        let mut original = Vec::with_capacity(usize::try_from(content.size).unwrap_or_default());
        let mut reader = self.open(image).await?.read(Form::Original, 0..content.size);
        while let Some(piece) = reader.next().await? {
            original.extend_from_slice(&piece);
        }
        Ok(Ok(original))
    }

    /// The placeholders of images, in their order, as a `ThumbHash` in base64; of those that have a small picture.
    pub async fn placeholders(&self, images: &[ImageRecord]) -> Result<Vec<Option<String>>, Error> {
        let placeholder = async |image: &ImageRecord| {
            let Ok(content) = image.content() else { return Ok(None) };
            Ok(match self.store.preview(content.blob).await? {
                Some(Preview::Drawn { placeholder }) => Some(placeholder),
                _ => None,
            })
        };
        let all = futures::stream::iter(images).map(placeholder).buffered(AT_ONCE);
        futures::TryStreamExt::try_collect(all).await
    }
}

/// Whether an original is its own thumbnail.
fn is_small(content: &Content, width: u32) -> bool {
    match (content.media_type.as_str(), content.dimensions) {
        ("image/jpeg", Some((wide, high))) => content.size <= SMALL && wide <= width && high <= 2 * width,
        _ => false,
    }
}
