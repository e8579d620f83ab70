//! Adding images: `POST /images`, `POST /upload`.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::digest::Digested;
use super::json::{AddByUrl, Image, Upload, media_type, response};
use super::multipart::split_tags;
use super::negotiation::wants_html;
use super::prefer::{PREFERENCE_APPLIED, Wait};
use super::problem::Problem;
use super::route::Query;
use super::{Answer, Body, Head, Job, Service, json, no_content, read_body, set};
use crate::error::Error;
use crate::key::Sha256Hex;
use crate::ports::{ByteSource, Ports};
use crate::record::{Content, ImageRecord, Status};
use crate::vault::{Draft, Label, Once};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl<P: Ports> Service<P> {
    /// `POST /images`: a URL as JSON or from a form, or the bytes themselves.
    pub(super) async fn add(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let media_type = media_type(head.headers)?;
        let key = idempotency_key(head.headers)?;
        let mut body = Digested::new(body, head.headers)?;
        let limit = self.settings.max_request_bytes;
        match media_type.as_str() {
            "application/json" | "" => {
                let add: AddByUrl = json::read(body, limit).await?;
                self.add_job(head, key, add.into()).await
            }
            "application/x-www-form-urlencoded" => {
                let form = String::from_utf8(read_body(body, limit).await?);
                let form = Query::parse(&form.map_err(|_| Problem::malformed("the form is not UTF-8"))?)?;
                let owned = |name| form.get(name).map(str::to_owned);
                form.check(&["url", "name", "tags"], &[])?;
                let add = Upload { url: owned("url"), name: owned("name"), tags: form.get("tags").map(split_tags) };
                self.add_job(head, key, add).await
            }
            "multipart/form-data" => {
                let files = self.read_files(body, head.headers).await?;
                let records = self.keep(key, files).await?;
                let images: Vec<_> = records.iter().map(Image::from).collect();
                let stored = response(StatusCode::CREATED, &json!({ "images": images }));
                Ok(back_to_page(head, stored).into())
            }
            bytes if bytes.starts_with("image/") || bytes == "application/octet-stream" => {
                head.query.check(&["name"], &["tag"])?;
                let tags: Vec<String> = head.query.all("tag").map(str::to_owned).collect();
                let label = Label::new(head.query.get("name"), &tags)?;
                let content = self.vault.pack(&mut body).await?;
                let records = self.keep(key, vec![(self.vault.draft(label), content)]).await?;
                let record = records.first().ok_or_else(Problem::internal)?;
                Ok(located(StatusCode::CREATED, record).into())
            }
            other => Err(Problem::unsupported(format!(
                "Content-Type {other:?} is not taken here, only application/json, \
                 application/x-www-form-urlencoded, multipart/form-data, image/* and application/octet-stream"
            ))),
        }
    }

    async fn add_job(&self, head: Head<'_>, key: Option<String>, add: Upload) -> Result<Answer<P>, Problem> {
        let (record, job) = self.accept(key, add).await?;
        let mut answer = self.answer_job(head.headers, record, job).await?;
        answer.response = back_to_page(head, answer.response);
        Ok(answer)
    }

    /// `POST /upload`, `POST /process_image` of the first design: answered at once, done in the background.
    pub(super) async fn upload(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        media_type(head.headers)?;
        let key = idempotency_key(head.headers)?;
        let add: Upload = json::read(Digested::new(body, head.headers)?, self.settings.max_request_bytes).await?;
        let (record, job) = self.accept(key, add).await?;
        let body = json!({ "status": "done", "id": record.id, "name": record.name });
        Ok(Answer { response: response(StatusCode::OK, &body), jobs: job.into_iter().collect() })
    }

    /// Records a job, or finds the one that the idempotency key made; none is left to be done then.
    async fn accept(&self, key: Option<String>, add: Upload) -> Result<(ImageRecord, Option<Job>), Problem> {
        let url = add.url.ok_or_else(|| Problem::missing("url"))?;
        let label = Label::new(add.name.as_deref(), &add.tags.unwrap_or_default())?;
        let draft = self.vault.draft_job(&url, label)?;
        if let Some(key) = key {
            let fingerprint = draft.fingerprint(None);
            if let Once::Again(images) = self.vault.once(&key, fingerprint, vec![draft.id()]).await? {
                let id = images.first().ok_or_else(Problem::internal)?;
                return Ok((self.vault.get(*id).await?, None));
            }
        }
        let record = self.vault.accept(draft).await?;
        let job = self.job(record.clone());
        Ok((record, Some(job)))
    }

    /// The work on a job that we hold.
    pub(super) fn job(&self, record: ImageRecord) -> Job {
        let vault = self.vault.clone();
        Box::pin(async move {
            match vault.work(record).await {
                // Somebody removed it; then there is nothing left to do.
                Ok(_) | Err(Error::Removed) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// Answers with a job: at once, or when it has ended, if the client would wait and it takes no longer.
    pub(super) async fn answer_job(
        &self,
        headers: &HeaderMap,
        mut record: ImageRecord,
        job: Option<Job>,
    ) -> Result<Answer<P>, Problem> {
        let wait = Wait::read(headers, self.settings.max_wait);
        let mut jobs: Vec<Job> = job.into_iter().collect();
        if let Some(job) = jobs.first_mut()
            && !wait.time.is_zero()
            && let Some(ended) = self.vault.wait(wait.time, job).await
        {
            jobs.clear();
            ended?;
            record = self.vault.get(record.id).await?;
        }
        let ended = matches!(record.status(), Status::Ready | Status::Failed);
        let mut response = located(if ended { StatusCode::CREATED } else { StatusCode::ACCEPTED }, &record);
        if let Some(applied) = wait.applied() {
            set(response.headers_mut(), PREFERENCE_APPLIED, applied);
        }
        Ok(Answer { response, jobs })
    }

    /// Makes images of packed files, or finds those that the idempotency key made.
    async fn keep(&self, key: Option<String>, files: Vec<(Draft, Content)>) -> Result<Vec<ImageRecord>, Problem> {
        if let Some(key) = key {
            let prints: Vec<_> = files.iter().map(|(draft, content)| draft.fingerprint(Some(content))).collect();
            let fingerprint = Sha256Hex::of(format!("{prints:?}").as_bytes());
            let planned = files.iter().map(|(draft, _)| draft.id()).collect();
            let once = self.vault.once(&key, fingerprint, planned).await;
            if !matches!(once, Ok(Once::First)) {
                self.give_up(&files).await?;
            }
            if let Once::Again(images) = once? {
                let mut records = Vec::with_capacity(images.len());
                for id in images {
                    records.push(self.vault.get(id).await?);
                }
                return Ok(records);
            }
        }
        let mut records = Vec::with_capacity(files.len());
        for (draft, content) in files {
            records.push(self.vault.keep(draft, content).await?);
        }
        Ok(records)
    }
}

/// The key of a request, if it has one: as the draft of the header says, a quoted string, or as many send it, bare.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let wrong = || Problem::invalid("idempotency-key", "an Idempotency-Key has 1 to 255 visible ASCII characters");
    let key = key.to_str().map_err(|_| wrong())?.trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && keys.next().is_none() { Ok(Some(key.to_owned())) } else { Err(wrong()) }
}

/// An answer with an image and where it is.
pub(super) fn located<P>(status: StatusCode, record: &ImageRecord) -> Response<Body<P>> {
    let mut response = response(status, &Image::from(record));
    set(response.headers_mut(), header::LOCATION, format!("/images/{}", record.id));
    response
}

/// A browser that sent a form goes back to the page.
fn back_to_page<P>(head: Head<'_>, response: Response<Body<P>>) -> Response<Body<P>> {
    if !wants_html(head.headers) {
        return response;
    }
    let mut back = no_content();
    *back.status_mut() = StatusCode::SEE_OTHER;
    back.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    back
}
