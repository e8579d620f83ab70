//! `GET /archive`: several images as one ZIP file. What is stored as deflate goes in as it is stored.

use std::collections::VecDeque;

use futures::{StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode, header};

use super::problem::Problem;
use super::{Answer, Body, Head, Piece, Service, respond, set};
use crate::codec::gzip::HEADER;
use crate::codec::zip::{Entry, Method, Names, directory};
use crate::key::ImageId;
use crate::ports::Ports;
use crate::record::ImageRecord;
use crate::sniff::file_name;
use crate::store::blob::{Blob, BlobReader, Form};

/// Images looked up together.
const AT_ONCE: usize = 8;

/// What a gzip stream has behind its deflate stream: CRC-32 and length.
const TRAILER: u64 = 8;

impl<P: Ports> Service<P> {
    /// Answers with the images of the query, in its order.
    pub(super) async fn archive(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        // What else the gallery's form sends is for its other buttons.
        head.query.check(&["action", "tags", "back"], &["id"])?;
        let ids: Vec<_> = head.query.all("id").map(ImageId::parse).collect();
        let ids: Option<Vec<ImageId>> = ids.into_iter().collect();
        let ids = ids.ok_or_else(|| Problem::invalid("id", "one of them is no id"))?;
        if ids.is_empty() {
            return Err(Problem::invalid("id", "no image is selected; select one or more first"));
        }
        let open = async |id| {
            let record = self.vault.get(id).await?;
            let blob = self.vault.open(&record).await?;
            Ok::<_, Problem>((record, blob))
        };
        let images: Vec<_> = futures::stream::iter(ids).map(open).buffered(AT_ONCE).try_collect().await?;
        let mut response: Response<Body<P>> = respond(StatusCode::OK, "application/zip", Vec::new());
        set(response.headers_mut(), header::CONTENT_DISPOSITION, "attachment; filename=\"images.zip\"");
        *response.body_mut() = zipped(&images);
        response.body_mut().read_ahead().await?;
        Ok(response.into())
    }
}

fn zipped<P: Ports>(images: &[(ImageRecord, Blob<P>)]) -> Body<P> {
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
