//! Lists, changes, deletes and retries images; signs links; resumes jobs; repacks images.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::json::Image;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_model::time::{moment, timestamp};
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::referrer::Referrer;
use burrow_vault::terms::Phrase;
use burrow_vault::vault::{Edit, Filter, Label, Order, Page, RepackedSome};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::api::json::{self, Change, Link, List, Patch, Retry, read, response};
use crate::message::{Answer, Job, etag, no_content, set};
use crate::problem::Problem;
use crate::protocol::body::{media_type, read_body};
use crate::protocol::conditional::{self, Validators, Verdict};
use crate::protocol::negotiation::{gzip_tag, wants_html};
use crate::route::Query;
use crate::service::{Head, Service};
use crate::settings::ServiceSettings;

/// The query parameters, besides `tag`, that decide which images are listed and how.
pub(crate) const LISTING: [&str; 8] = ["q", "status", "host", "type", "since", "until", "order", "limit"];

/// Seconds for which a signed link is valid unless the request says otherwise.
const LINK_SECONDS: u64 = 3600;

/// The shortest time for which a request repacks.
const LEAST_REPACKING: Duration = Duration::from_secs(1);

impl<P: Ports> Service<P> {
    /// `GET /images`.
    pub(crate) async fn list(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let query = head.query.only(&[&["cursor"], &LISTING[..]].concat(), &["tag"])?;
        let Page { images, next, unindexed } = self.page(query).await?;
        let placeholders = self.vault.placeholders(&images).await?;
        let mut response = response(StatusCode::OK, &List::new(&images, &placeholders, next, unindexed));
        if let Some(next) = next {
            let link = format!("<{}>; rel=\"next\"", next_page(query, next));
            set(response.headers_mut(), header::LINK, link);
        }
        Ok(response.into())
    }

    /// The page of images that a query asks for.
    pub(crate) async fn page(&self, query: &Query) -> Result<Page, Problem> {
        let limit = query.get("limit").map(|limit| {
            let reason = "not a whole number from 1 to 1000".to_owned();
            limit.parse().map_err(|_| Error::Invalid { field: "limit", reason })
        });
        let limit = limit.transpose()?.unwrap_or(self.settings.page_size);
        Ok(self.vault.list(&filter(query)?, order(query)?, cursor(query)?, limit).await?)
    }

    /// `PATCH /images/{id}`.
    pub(crate) async fn edit(&self, head: Head<'_>, id: ImageId, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        match media_type(head.headers)?.as_str() {
            "application/merge-patch+json" | "application/json" | "" => {}
            other => {
                let detail = format!("Content-Type {other:?} is not taken here, only application/merge-patch+json");
                let accept_patch = HeaderValue::from_static("application/merge-patch+json");
                return Err(Problem::unsupported(detail).with(ACCEPT_PATCH, accept_patch));
            }
        }
        let patch: Patch = read(body, self.settings.max_request_bytes).await?;
        let name = match patch.name {
            Change::Keep => None,
            Change::Remove => return Err(Problem::invalid("name", "an image must have a name")),
            Change::Set(name) => Some(name),
        };
        let tags = match patch.tags {
            Change::Keep => None,
            Change::Remove => Some(Vec::new()),
            Change::Set(tags) => Some(tags),
        };
        let edit = Edit::new(name.as_deref(), tags.as_deref())?;
        let record = self.vault.edit(id, &edit, |record| check(head, record)).await?;
        let mut response = json::image(&record);
        set(response.headers_mut(), header::ETAG, etag_of(&record));
        Ok(response.into())
    }

    /// `DELETE /images/{id}`.
    pub(crate) async fn remove(&self, head: Head<'_>, id: ImageId) -> Result<Answer<P>, Problem> {
        match self.vault.get(id).await {
            Ok(record) => check(head, &record)?,
            // A condition cannot hold for a record that is missing or cannot be read.
            Err(Error::NotFound | Error::Corrupt(_) | Error::Newer(_))
                if head.headers.contains_key(header::IF_MATCH) =>
            {
                return Err(Problem::precondition());
            }
            // A damaged record can be deleted, and deleting a missing one is not an error.
            Err(Error::NotFound | Error::Corrupt(_) | Error::Newer(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.vault.remove(id).await?;
        Ok(no_content().into())
    }

    /// `POST /images/{id}/retry`.
    pub(crate) async fn retry(&self, head: Head<'_>, id: ImageId, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let bytes = read_body(body, self.settings.max_request_bytes).await?;
        let retry = if bytes.is_empty() { Retry::default() } else { json::parse(&bytes)? };
        let referrer = Referrer::given(retry.referrer.as_deref())?;
        let record = self.vault.get(id).await?;
        let (record, job) = match self.vault.retry(record, referrer, self.worker()).await? {
            Some(record) => {
                let job = self.job(&record);
                (record, job)
            }
            // Somebody else works on it.
            None => (self.vault.get(id).await?, None),
        };
        let mut answer = self.answer_job(head.headers, record, job).await?;
        if answer.response.status() == StatusCode::CREATED {
            // The request created no image.
            *answer.response.status_mut() = StatusCode::OK;
        }
        Ok(answer)
    }

    /// `POST /images/{id}/links`.
    pub(crate) async fn link(&self, head: Head<'_>, id: ImageId, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let seconds = seconds_of(body, &self.settings).await?;
        let (path, expires) = self.signed_link(id, seconds).await?;
        if wants_html(head.headers) {
            let record = self.vault.get(id).await?;
            return self.detail_with(head, &record, Some((path, expires))).await;
        }
        let body = json!({ "path": path, "expires": timestamp(expires) });
        Ok(response(StatusCode::CREATED, &body).into())
    }

    /// Signs a link. Returns its path and when it expires, in milliseconds since 1970.
    async fn signed_link(&self, id: ImageId, seconds: u64) -> Result<(String, u64), Problem> {
        self.vault.get(id).await?.content()?;
        let expires = self.vault.now() / 1000 + seconds;
        let path = self.settings.link_keys.sign(id, expires).ok_or_else(Problem::no_links)?;
        Ok((path, expires * 1000))
    }

    /// `POST /jobs/resume`: takes up the jobs that were left. Answers when they have ended, so that cron sees the
    /// result. If that takes longer than `max_wait`, answers 202 and goes on.
    pub(crate) async fn resume(&self) -> Result<Answer<P>, Problem> {
        let vault = self.vault.clone();
        let mut resuming = Box::pin(async move { vault.resume().await });
        if let Some(resumed) = self.vault.wait(self.settings.max_wait, &mut resuming).await {
            let resumed = resumed?;
            let body = json!({ "ready": resumed.ready, "failed": resumed.failed, "busy": resumed.busy });
            return Ok(response(StatusCode::OK, &body).into());
        }
        let job: Job = Box::pin(async move { resuming.await.map(|_| ()) });
        let response = response(StatusCode::ACCEPTED, &json!({ "status": "continuing" }));
        Ok(Answer { jobs: vec![job], ..response.into() })
    }

    /// `POST /jobs/repack`: makes images smaller until `max_wait` has passed or none is left. The last one may take
    /// longer.
    pub(crate) async fn repack(&self) -> Result<Answer<P>, Problem> {
        let done = self.vault.repack_for(self.settings.max_wait.max(LEAST_REPACKING)).await?;
        let RepackedSome { repacked, kept, busy, saved_bytes, is_done } = done;
        let body = json!({
            "repacked": repacked, "kept": kept, "busy": busy, "saved_bytes": saved_bytes, "done": is_done
        });
        Ok(response(StatusCode::OK, &body).into())
    }
}

const ACCEPT_PATCH: http::HeaderName = http::HeaderName::from_static("accept-patch");

/// The feed number after which a page begins; `None` for the first page.
pub(crate) fn cursor(query: &Query) -> Result<Option<u64>, Problem> {
    let number = |cursor: &str| {
        let reason = "not a cursor of an earlier page".to_owned();
        cursor.parse().map_err(|_| Error::Invalid { field: "cursor", reason }.into())
    };
    query.get("cursor").map(number).transpose()
}

/// Reads for how many seconds a request wants a signed link to be valid.
pub(crate) async fn seconds_of(body: impl ByteSource, settings: &ServiceSettings) -> Result<u64, Problem> {
    let bytes = read_body(body, settings.max_request_bytes).await?;
    let link = if bytes.is_empty() { Link::default() } else { json::parse(&bytes)? };
    let max = settings.max_link_seconds;
    let seconds = link.seconds.unwrap_or(LINK_SECONDS.min(max));
    if !(1..=max).contains(&seconds) {
        return Err(Problem::invalid("seconds", format!("seconds: 1 to max_link_seconds = {max}, not {seconds}")));
    }
    Ok(seconds)
}

/// Refuses a change if the request's conditions do not hold for the record.
fn check(head: Head<'_>, record: &ImageRecord) -> Result<(), Problem> {
    // `GET` may have sent the record as gzip, under the tag of that form.
    let etag = etag_of(record);
    let gzip = gzip_tag(&etag);
    let is_gzip =
        [header::IF_MATCH, header::IF_NONE_MATCH].iter().any(|name| conditional::names(head.headers, name, &gzip));
    let etag = if is_gzip { gzip } else { etag };
    match conditional::evaluate(head.headers, false, Validators { etag: &etag, last_modified: None }) {
        Verdict::Proceed => Ok(()),
        Verdict::Failed | Verdict::NotModified => Err(Problem::precondition()),
    }
}

/// The entity tag that `GET` gives a record.
fn etag_of(record: &ImageRecord) -> String {
    etag(&serde_json::to_vec(&Image::from(record)).unwrap_or_default())
}

/// The order that a query asks for.
pub(crate) fn order(query: &Query) -> Result<Order, Problem> {
    match query.get("order") {
        None | Some("newest") => Ok(Order::Newest),
        Some("oldest") => Ok(Order::Oldest),
        Some(_) => Err(Problem::invalid("order", "only newest and oldest are known")),
    }
}

/// The word by which a query asks for pending and storing images at once.
pub(crate) const UNFINISHED: &str = "unfinished";

/// The conditions that a query has.
pub(crate) fn filter(query: &Query) -> Result<Filter, Error> {
    let tags: Vec<String> = query.all("tag").map(str::to_owned).collect();
    let rename = |error: Error| match error {
        Error::Invalid { field: "tags", reason } => Error::Invalid { field: "tag", reason },
        Error::Invalid { field: "name", reason } => Error::Invalid { field: "q", reason },
        error => error,
    };
    let Label { name, tags } = Label::new(query.get("q"), &tags).map_err(rename)?;
    let status = query.get("status").filter(|word| *word != UNFINISHED).map(|word| {
        let reason = "only pending, storing, unfinished, ready and failed are known".to_owned();
        Status::parse(word).ok_or(Error::Invalid { field: "status", reason })
    });
    let time = |field: &'static str, is_end| {
        query.get(field).map(|text| {
            let reason = "neither a day, such as 2026-11-26, nor a time as RFC 3339 writes it".to_owned();
            moment(text, is_end).ok_or(Error::Invalid { field, reason })
        })
    };
    Ok(Filter {
        tags,
        status: status.transpose()?,
        unfinished: query.get("status") == Some(UNFINISHED),
        phrase: Phrase::new(&name.unwrap_or_default()),
        host: query.get("host").map(Filter::host).transpose()?,
        media_type: query.get("type").map(Filter::media_type).transpose()?,
        since: time("since", false).transpose()?,
        until: time("until", true).transpose()?,
    })
}

/// The path of the next page: the same query with a new cursor.
fn next_page(query: &Query, next: u64) -> String {
    let path = String::from("/images?");
    let start = path.len();
    let mut pairs = url::form_urlencoded::Serializer::for_suffix(path, start);
    pairs.extend_pairs(query.pairs().filter(|(name, _)| *name != "cursor"));
    pairs.append_pair("cursor", &next.to_string()).finish()
}
