//! `GET /archive`: several images as one ZIP file.
//!
//! Content stored as deflate goes in as it is stored.

use std::collections::VecDeque;

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_vault::codec::gzip::HEADER;
use burrow_vault::codec::zip::{Entry, Method, Names, directory};
use burrow_vault::ports::Ports;
use burrow_vault::sniff::file_name;
use burrow_vault::store::blob::{Blob, BlobReader, Form};
use futures::StreamExt as _;
use http::{Response, StatusCode, header};

use crate::api::selection;
use crate::message::{Answer, Body, Piece, respond, set};
use crate::problem::Problem;
use crate::service::{Head, Service};

/// How many images are looked up at once.
const AT_ONCE: usize = 8;

/// The name of the file that lists the images left out of an archive, with the reasons.
const LEFT_OUT: &str = "left out.txt";

/// Bytes after the deflate stream of a gzip stream: CRC-32 and length.
const TRAILER: u64 = 8;

impl<P: Ports> Service<P> {
    /// Answers with the images of the query, in its order.
    pub(crate) async fn archive(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        // The gallery's form also sends fields for its other buttons; they have no effect here.
        let query = head.query.only(&["action", "tags", "back"], &["id"])?;
        self.archive_of(selection::ids(query)?).await
    }

    /// Answers with these images. Those that are not ready or no longer exist are left out.
    pub(crate) async fn archive_of(&self, ids: Vec<ImageId>) -> Result<Answer<P>, Problem> {
        let open = async |id| match self.vault.get(id).await {
            Ok(record) => match self.vault.open(&record).await {
                Ok(blob) => Ok((record, blob)),
                Err(error) => Err((record.name, error)),
            },
            Err(error) => Err((id.to_string(), error)),
        };
        let (mut images, mut left_out) = (Vec::new(), Vec::new());
        let mut opened = futures::stream::iter(ids).map(open).buffered(AT_ONCE);
        while let Some(opened) = opened.next().await {
            match opened {
                Ok(image) => images.push(image),
                // A failed store says nothing about the image.
                Err((_, error @ (Error::Store(_) | Error::Busy(_)))) => return Err(error.into()),
                Err(missing) => left_out.push(missing),
            }
        }
        if images.is_empty()
            && let Some((_, error)) = left_out.pop()
        {
            let all_failed = std::iter::once(&error).chain(left_out.iter().map(|(_, error)| error));
            if all_failed.into_iter().all(|error| matches!(error, Error::NotReady(Status::Failed))) {
                return Err(Problem::nothing_to_pack());
            }
            return Err(error.into());
        }
        let (mut lines, mut causes) = (String::new(), Vec::new());
        for (name, error) in left_out {
            let mut problem = Problem::from(error);
            causes.extend(problem.take_cause());
            lines.extend([&name.replace(char::is_control, " "), ": ", problem.detail(), "\n"]);
        }
        let mut response: Response<Body<P>> = respond(StatusCode::OK, "application/zip", Vec::new());
        set(response.headers_mut(), header::CONTENT_DISPOSITION, "attachment; filename=\"images.zip\"");
        *response.body_mut() = zipped(&images, lines, self.vault.now());
        response.body_mut().read_ahead().await?;
        Ok(Answer { log: (!causes.is_empty()).then(|| causes.join("; ")), ..response.into() })
    }
}

/// An archive of images, with a file that says what was left out.
fn zipped<P: Ports>(images: &[(ImageRecord, Blob<P>)], left_out: String, now: u64) -> Body<P> {
    let (mut names, mut entries, mut pieces) = (Names::default(), Vec::new(), VecDeque::new());
    for (record, blob) in images {
        let (method, content) = content(blob);
        let (packed, size) = (content.remaining(), blob.size(Form::Original));
        let media_type = record.content().map_or("", |content| &content.media_type);
        let (name, crc32) = (names.path(&file_name(&record.name, media_type)), blob.crc32());
        let entry = Entry { name, method, crc32, packed, size, time: record.created };
        pieces.extend([Piece::Bytes(entry.header()), Piece::Content(content)]);
        entries.push(entry);
    }
    if !left_out.is_empty() {
        let (name, crc32, size) = (names.path(LEFT_OUT), crc32fast::hash(left_out.as_bytes()), left_out.len() as u64);
        let entry = Entry { name, method: Method::Stored, crc32, packed: size, size, time: now };
        pieces.extend([Piece::Bytes(entry.header()), Piece::Bytes(left_out.into_bytes())]);
        entries.push(entry);
    }
    pieces.push_back(Piece::Bytes(directory(&entries)));
    Body(pieces)
}

/// The bytes of a blob as they go into an archive.
fn content<P: Ports>(blob: &Blob<P>) -> (Method, BlobReader<P>) {
    if blob.has(Form::Gzip) {
        let deflate = HEADER.len() as u64..blob.size(Form::Gzip) - TRAILER;
        (Method::Deflated, blob.read(Form::Gzip, deflate))
    } else {
        (Method::Stored, blob.read(Form::Original, 0..blob.size(Form::Original)))
    }
}
