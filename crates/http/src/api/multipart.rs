//! Reads `multipart/form-data` (RFC 7578), and packs its files while they arrive.

use std::cell::{Cell, RefCell};
use std::io;

use burrow_model::error::Error;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::vault::{Draft, Label, Packed};
use bytes::Bytes;
use futures::SinkExt as _;
use futures::channel::mpsc;
use futures::future::{Either, select};
use http::HeaderMap;
use multer::{Field, Multipart};

use crate::problem::Problem;
use crate::service::Service;
use crate::settings::ServiceSettings;

/// Bytes that the parser may hold and not yet have returned as a file's: a few pieces of 256 KiB.
const UNDER_WAY: usize = 2 * 1024 * 1024;

/// State that the reader of the body and the parser share.
#[derive(Default)]
struct Between {
    /// Bytes that the parser was given and has not returned as a file's: boundaries, headers, other fields.
    other: Cell<usize>,
    /// Why the body broke off.
    broken: RefCell<Option<Error>>,
}

impl<P: Ports> Service<P> {
    /// Packs every file of a body. If anything is wrong, even at the very end of the body, discards all of them.
    pub(crate) async fn read_files(
        &self,
        mut body: impl ByteSource,
        headers: &HeaderMap,
    ) -> Result<Vec<(Draft, Packed)>, Problem> {
        let boundary = boundary(headers)?;
        let between = Between::default();
        let limit = self.settings.max_request_bytes;
        let (mut sender, receiver) = mpsc::channel::<Result<Bytes, io::Error>>(0);
        let pump = async {
            loop {
                match body.next().await {
                    Ok(Some(piece)) => {
                        let seen = between.other.get() + piece.len();
                        between.other.set(seen);
                        if seen > limit + UNDER_WAY {
                            let (allowed, seen) = (limit as u64, seen as u64);
                            between.broken.replace(Some(Error::Limit { limit: "max_request_bytes", allowed, seen }));
                            break;
                        }
                        // After the last boundary the parser reads no more; the rest only counts for the digest.
                        let _ = sender.send(Ok(piece.into())).await;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        between.broken.replace(Some(error));
                        break;
                    }
                }
            }
            sender.close_channel();
        };
        let mut files = Vec::new();
        let outcome = {
            let parse = self.parse(Multipart::new(receiver, boundary), &between, &mut files);
            match select(std::pin::pin!(pump), std::pin::pin!(parse)).await {
                Either::Left(((), parse)) => parse.await,
                Either::Right((Ok(()), pump)) => {
                    pump.await;
                    Ok(())
                }
                Either::Right((Err(problem), _)) => Err(problem),
            }
        };
        let outcome = match between.broken.take() {
            Some(error) => Err(error.into()),
            None => outcome,
        };
        if let Err(problem) = outcome {
            self.give_up(&files).await?;
            return Err(problem);
        }
        Ok(files)
    }

    /// Discards packed files.
    pub(crate) async fn give_up(&self, files: &[(Draft, Packed)]) -> Result<(), Problem> {
        for (_, packed) in files {
            self.vault.discard(packed).await?;
        }
        Ok(())
    }

    async fn parse(
        &self,
        mut form: Multipart<'_>,
        between: &Between,
        files: &mut Vec<(Draft, Packed)>,
    ) -> Result<(), Problem> {
        let ServiceSettings { max_files, max_request_bytes, .. } = self.settings;
        let (mut name, mut tags, mut text) = (None, Vec::new(), 0);
        // The name or tags that no file has followed yet.
        let mut waiting = None;
        while let Some(field) = between.explain(form.next_field().await)? {
            let file_name = field.file_name().map(str::to_owned);
            let field_name = field.name().unwrap_or_default().to_owned();
            let mut part = Part { field, is_file: file_name.is_some(), between };
            let Some(file_name) = file_name else {
                let value = part.text(&field_name, &mut text, max_request_bytes).await?;
                match field_name.as_str() {
                    "name" => (name, waiting) = (Some(value), Some("name")),
                    "tags" => (tags, waiting) = (split_tags(&value), Some("tags")),
                    _ => return Err(Problem::invalid(&field_name, "only name, tags and files are taken")),
                }
                continue;
            };
            if files.len() == max_files {
                let (allowed, seen) = (max_files as u64, max_files as u64 + 1);
                return Err(Error::Limit { limit: "max_files", allowed, seen }.into());
            }
            // If no file was chosen in a field, a browser sends an empty file without a name.
            if file_name.is_empty() {
                match part.next().await? {
                    None => continue,
                    Some(_) => return Err(Problem::invalid(&field_name, "a file has no file name")),
                }
            }
            // Some browsers send paths.
            let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
            let label = Label::new(name.take().as_deref().or(Some(base)), &tags)?;
            let packed = self.vault.pack(&mut part).await.map_err(|error| match error {
                Error::NotAnImage(what) => Error::NotAnImage(format!("{what} (the file {base:?})")),
                error => error,
            })?;
            waiting = None;
            files.push((self.vault.draft(label), packed));
        }
        match waiting {
            _ if files.is_empty() => Err(Problem::missing("file")),
            Some(field) => Err(Problem::invalid(field, format!("{field} must come before the files that it is for"))),
            None => Ok(()),
        }
    }
}

/// Splits the tags of a form's field at commas.
pub(crate) fn split_tags(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn boundary(headers: &HeaderMap) -> Result<String, Problem> {
    let value = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(value).map_err(|_| Problem::malformed("Content-Type has no boundary"))?;
    // RFC 2046 section 5.1.1.
    if (1..=70).contains(&boundary.len()) {
        Ok(boundary)
    } else {
        Err(Problem::malformed("a multipart boundary has 1 to 70 characters"))
    }
}

impl Between {
    /// Turns an error of the parser into ours. If the body broke off, its error is the cause.
    fn explain<T>(&self, found: multer::Result<T>) -> Result<T, Error> {
        found.map_err(|error| self.broken.take().unwrap_or_else(|| malformed(&error)))
    }
}

fn malformed(error: &multer::Error) -> Error {
    use multer::Error as E;
    let what = match error {
        E::IncompleteFieldData { .. } | E::IncompleteHeaders | E::IncompleteStream => "it ends too early",
        E::ReadHeaderFailed(_) | E::DecodeHeaderName { .. } | E::DecodeHeaderValue { .. } => {
            "a part's headers are not valid"
        }
        _ => "it breaks the rules of its format",
    };
    Error::Malformed(format!("the multipart body cannot be read: {what}"))
}

/// The bytes of one part.
struct Part<'a, 'b> {
    field: Field<'a>,
    is_file: bool,
    between: &'b Between,
}

impl Part<'_, '_> {
    /// Reads the part as text. `sum` counts the text of all parts, of which `limit` bytes are allowed.
    async fn text(&mut self, field: &str, sum: &mut usize, limit: usize) -> Result<String, Problem> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            *sum += piece.len();
            if *sum > limit {
                let (allowed, seen) = (limit as u64, *sum as u64);
                return Err(Error::Limit { limit: "max_request_bytes", allowed, seen }.into());
            }
            bytes.extend(piece);
        }
        String::from_utf8(bytes).map_err(|_| Problem::malformed(format!("the field {field:?} is not UTF-8")))
    }
}

impl ByteSource for Part<'_, '_> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let piece = self.between.explain(self.field.chunk().await)?;
            match piece {
                Some(piece) if piece.is_empty() => {}
                None => return Ok(None),
                Some(piece) => {
                    if self.is_file {
                        self.between.other.set(self.between.other.get().saturating_sub(piece.len()));
                    }
                    return Ok(Some(piece.into()));
                }
            }
        }
    }
}
