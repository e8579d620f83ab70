//! Reads forms with files (`multipart/form-data`, RFC 7578), and packs the files while they arrive.

use burrow_model::error::Error;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::vault::{Draft, Label, Packed};
use http::HeaderMap;

use crate::problem::Problem;
use crate::protocol::multipart::{Head, Multipart};
use crate::protocol::parameters::{Parameters, in_charset};
use crate::service::Service;
use crate::settings::ServiceSettings;

/// What a form with files has.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) files: Vec<(Draft, Packed)>,
    /// Names and values of other fields.
    pub(crate) fields: Vec<(String, String)>,
}

impl<P: Ports> Service<P> {
    /// Packs every file of a body, and reads the fields that `also` names: with any of these, the body may have no file.
    /// If anything is wrong, even at the very end of the body, discards all files.
    pub(crate) async fn read_files(
        &self,
        body: impl ByteSource,
        headers: &HeaderMap,
        also: &[&str],
    ) -> Result<Sent, Problem> {
        let ServiceSettings { max_files, max_request_bytes, .. } = self.settings;
        let form = Multipart::new(body, &boundary(headers)?, max_request_bytes, max_files);
        let mut sent = Sent::default();
        match self.read_form(form, also, &mut sent).await {
            Ok(()) => Ok(sent),
            Err(problem) => {
                self.give_up(&sent.files).await?;
                Err(problem)
            }
        }
    }

    /// Discards packed files.
    pub(crate) async fn give_up(&self, files: &[(Draft, Packed)]) -> Result<(), Problem> {
        for (_, packed) in files {
            self.vault.discard(packed).await?;
        }
        Ok(())
    }

    async fn read_form(
        &self,
        mut form: Multipart<impl ByteSource>,
        also: &[&str],
        Sent { files, fields }: &mut Sent,
    ) -> Result<(), Problem> {
        let ServiceSettings { max_files, max_request_bytes, .. } = self.settings;
        let (mut name, mut tags, mut text) = (None, Vec::new(), 0);
        // The name or tags that no file has followed yet.
        let mut waiting = None;
        while let Some(head) = form.next_part().await? {
            let field = head.name();
            if !head.is_file() {
                let value = read_text(&mut form, &head, &mut text, max_request_bytes).await?;
                if also.contains(&field.as_str()) || (field == "tags" && !also.is_empty()) {
                    fields.push((field.clone(), value.clone()));
                }
                match field.as_str() {
                    "name" => (name, waiting) = (Some(value), Some("name")),
                    "tags" => (tags, waiting) = (split_tags(&value), Some("tags")),
                    // The character set of the form's text (RFC 7578 section 4.6).
                    "_charset_" if matches!(value.to_ascii_lowercase().as_str(), "utf-8" | "us-ascii") => {}
                    "_charset_" => return Err(Problem::invalid(&field, "the text of a form is read as UTF-8 only")),
                    also_taken if also.contains(&also_taken) => {}
                    _ => {
                        let rule = "only name, tags and files are taken; a file has a filename in its \
                                    Content-Disposition, or a Content-Type such as image/png";
                        return Err(Problem::invalid(&field, rule));
                    }
                }
                continue;
            }
            let file_name = head.file_name().unwrap_or_default();
            let mut file = First { first: form.next().await?, rest: &mut form };
            // If no file was chosen in a field, a browser sends an empty file without a name.
            if file_name.is_empty() && file.first.is_none() {
                continue;
            }
            if files.len() == max_files {
                let (allowed, seen) = (max_files as u64, max_files as u64 + 1);
                return Err(Error::Limit { limit: "max_files", allowed, seen }.into());
            }
            // Some browsers send paths.
            let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
            let label = Label::of_file(name.take().as_deref(), base, &tags)?;
            let packed = self.vault.pack(&mut file).await.map_err(|error| match error {
                Error::NotAnImage(what) => Error::NotAnImage(format!("{what} (the file {base:?})")),
                error => error,
            })?;
            waiting = None;
            files.push((self.vault.draft(label), packed));
        }
        match waiting {
            _ if !also.is_empty() => Ok(()),
            _ if files.is_empty() => Err(Problem::missing("file")),
            Some(field) => Err(Problem::invalid(field, format!("{field} must come before the files that it is for"))),
            None => Ok(()),
        }
    }
}

/// Splits the tags of a form's field at commas.
pub(crate) fn split_tags(text: &str) -> Vec<String> {
    text.split([',', '،']).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn boundary(headers: &HeaderMap) -> Result<Vec<u8>, Problem> {
    let content_type = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let content_type = Parameters::parse(content_type);
    let boundary =
        content_type.raw("boundary").ok_or_else(|| Problem::malformed("Content-Type has no boundary"))?.to_vec();
    // RFC 2046 section 5.1.1.
    if (1..=70).contains(&boundary.len()) {
        Ok(boundary)
    } else {
        Err(Problem::malformed("a multipart boundary has 1 to 70 characters"))
    }
}

/// Reads a part as text. `sum` counts the text of all parts, of which `limit` bytes are allowed.
async fn read_text(
    form: &mut Multipart<impl ByteSource>,
    head: &Head,
    sum: &mut usize,
    limit: usize,
) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = form.next().await? {
        *sum += piece.len();
        if *sum > limit {
            let (allowed, seen) = (limit as u64, *sum as u64);
            return Err(Error::Limit { limit: "max_request_bytes", allowed, seen }.into());
        }
        bytes.extend(piece);
    }
    let text = match head.charset().as_str() {
        "" | "utf-8" | "us-ascii" => String::from_utf8(bytes).ok(),
        charset => in_charset(charset, &bytes),
    };
    text.ok_or_else(|| Problem::malformed(format!("the field {:?} is not UTF-8", head.name())))
}

/// Bytes whose first piece has been read.
struct First<'a, B> {
    first: Option<Vec<u8>>,
    rest: &'a mut Multipart<B>,
}

impl<B: ByteSource> ByteSource for First<'_, B> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rest.next().await,
        }
    }
}
