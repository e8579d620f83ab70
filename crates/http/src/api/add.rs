//! Adding images: `POST /images`, `POST /upload`.

use burrow_model::error::Error;
use burrow_model::json::{Image, content_path};
use burrow_model::key::Sha256Hex;
use burrow_model::record::ImageRecord;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::referrer::Referrer;
use burrow_vault::vault::{Answering, Draft, Label, Once, Packed, Worker};
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use serde_json::json;

use crate::api::json;
use crate::api::json::{AddByUrl, Upload, response};
use crate::api::multipart::split_tags;
use crate::api::notice::Notice;
use crate::message::{Answer, Body, Job, respond, see_other, set};
use crate::problem::Problem;
use crate::protocol::address::address;
use crate::protocol::body::media_type;
use crate::protocol::body::read_body;
use crate::protocol::digest::Digested;
use crate::protocol::negotiation::{wants_html, wants_text};
use crate::protocol::prefer::{PREFERENCE_APPLIED, Wait};
use crate::route::Unchecked;
use crate::service::{Head, Service};

/// A hint in errors about other types of bodies: a client that is not given a Content-Type sends a default of its own.
const HINT: &str = "to send an image itself, state its Content-Type, such as image/png";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl<P: Ports> Service<P> {
    /// `POST /images`: a URL as JSON or from a form, files of a form, or the bytes of an image.
    pub(crate) async fn add(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let media_type = media_type(head.headers)?;
        let key = idempotency_key(head.headers)?;
        let mut body = Digested::new(body, head.headers)?;
        let limit = self.settings.max_request_bytes;
        let given = media_type.starts_with("image/") || media_type == "application/octet-stream";
        // An image's bytes have no place for a name and tags; the query has them.
        let query = if given { head.query.only(&["name"], &["tag"])? } else { head.query.only(&[], &[])? };
        match media_type.as_str() {
            "application/json" | "" => {
                let bytes = read_body(body, limit).await?;
                if media_type.is_empty() && !json::begun(&bytes).starts_with(b"{") {
                    return Err(Problem::malformed(format!("the body is not a JSON object; {HINT}")));
                }
                let add: AddByUrl = json::parse(&bytes)?;
                self.add_job(head, key, add.into()).await
            }
            "application/x-www-form-urlencoded" => {
                let form = String::from_utf8(read_body(body, limit).await?);
                let form =
                    Unchecked::parse(&form.map_err(|_| Problem::malformed(format!("the form is not UTF-8; {HINT}")))?)?;
                let form = form.only(&["url", "referrer", "name", "tags"], &[])?;
                let owned = |name| form.get(name).map(str::to_owned);
                let tags = form.get("tags").map(split_tags);
                let add = Upload { url: owned("url"), referrer: owned("referrer"), name: owned("name"), tags };
                Ok(back_to_page(head, self.add_job(head, key, add).await?))
            }
            "multipart/form-data" => {
                let files = self.read_files(body, head.headers, &[]).await?.files;
                let records = self.record_files(key, files).await?;
                let images: Vec<_> = records.iter().map(Image::from).collect();
                if wants_html(head.headers) {
                    return Ok(see_other(&Notice::Stored.on("/", images.len())).into());
                }
                if wants_text(head.headers) {
                    return Ok(links(head.headers, &records).into());
                }
                Ok(response(StatusCode::CREATED, &json!({ "images": images })).into())
            }
            _ if given => {
                self.vault.check_size(length(head.headers))?;
                let tags: Vec<String> = query.all("tag").map(str::to_owned).collect();
                let label = Label::new(query.get("name"), &tags)?;
                let content = self.vault.pack(&mut body).await?;
                let records = self.record_files(key, vec![(self.vault.draft(label), content)]).await?;
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
        let (record, job) = self.record_job(key, add).await?;
        self.answer_job(head.headers, record, job).await
    }

    /// `POST /upload`, `POST /process_image` of the first design: answers at once; the job runs in the background.
    pub(crate) async fn upload(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        media_type(head.headers)?;
        let key = idempotency_key(head.headers)?;
        let add: Upload = json::read(Digested::new(body, head.headers)?, self.settings.max_request_bytes).await?;
        let (record, job) = self.record_job(key, add).await?;
        let body = json!({ "status": "done", "id": record.id, "name": record.name });
        Ok(Answer { jobs: job.into_iter().collect(), ..response(StatusCode::OK, &body).into() })
    }

    /// Records a job and returns its work. If an earlier request with this idempotency key recorded it, returns its
    /// image and no work.
    async fn record_job(&self, key: Option<String>, add: Upload) -> Result<(ImageRecord, Option<Job>), Problem> {
        let url = add.url.ok_or_else(|| Problem::missing("url"))?;
        let label = Label::new(add.name.as_deref(), &add.tags.unwrap_or_default())?;
        let referrer = Referrer::given(add.referrer.as_deref())?;
        let mut draft = self.vault.draft_job(&url, label)?.found_on(referrer);
        let mut answering = None;
        if let Some(key) = key {
            match self.vault.once(&key, draft.fingerprint(None), vec![draft.id()]).await? {
                Once::Again(images) => {
                    let id = images.first().ok_or_else(Problem::internal)?;
                    return Ok((self.vault.get(*id).await?, None));
                }
                Once::First(first) => {
                    let id = *first.images().first().ok_or_else(Problem::internal)?;
                    answering = Some(first);
                    if let Some(record) = self.vault.made_before(id).await? {
                        self.done(answering).await?;
                        return Ok((record, None));
                    }
                    draft = draft.with_id(id);
                }
            }
        }
        let record = self.vault.accept(draft, self.worker()).await?;
        self.done(answering).await?;
        let job = self.job(&record);
        Ok((record, job))
    }

    /// Who works on the jobs that requests record.
    pub(crate) fn worker(&self) -> Worker {
        if self.settings.run_jobs { Worker::Recorder } else { Worker::Anybody }
    }

    async fn done(&self, answering: Option<Answering>) -> Result<(), Problem> {
        match answering {
            Some(answering) => Ok(self.vault.done(answering).await?),
            None => Ok(()),
        }
    }

    /// The work on a job that was just recorded; `None` if `run_jobs` leaves it to others.
    pub(crate) fn job(&self, record: &ImageRecord) -> Option<Job> {
        let (vault, record) = (self.vault.clone(), record.clone());
        let job: Job = Box::pin(async move {
            match vault.work(record).await {
                // Somebody deleted the image, so nothing is left to do.
                Ok(_) | Err(Error::Removed) => Ok(()),
                Err(error) => Err(error),
            }
        });
        Some(job).filter(|_| self.worker() == Worker::Recorder)
    }

    /// Answers with the image of a job. If the client asks to wait, answers when the job has ended or the wait is over.
    pub(crate) async fn answer_job(
        &self,
        headers: &HeaderMap,
        mut record: ImageRecord,
        job: Option<Job>,
    ) -> Result<Answer<P>, Problem> {
        let wait = Wait::read(headers, self.settings.max_wait);
        let mut jobs: Vec<Job> = job.into_iter().collect();
        if !wait.time.is_zero() {
            match jobs.first_mut() {
                Some(job) => {
                    if let Some(ended) = self.vault.wait(wait.time, job).await {
                        jobs.clear();
                        ended?;
                        record = self.vault.get(record.id).await?;
                    }
                }
                // Somebody else works on it.
                None => record = self.vault.watch(record, wait.time).await?,
            }
        }
        let ended = record.lease().is_none();
        let mut response = located(if ended { StatusCode::CREATED } else { StatusCode::ACCEPTED }, &record);
        if let Some(applied) = wait.applied() {
            set(response.headers_mut(), PREFERENCE_APPLIED, applied);
        }
        Ok(Answer { jobs, ..response.into() })
    }

    /// Makes images of packed files, or returns those that an earlier request with this idempotency key made.
    pub(crate) async fn record_files(
        &self,
        key: Option<String>,
        files: Vec<(Draft, Packed)>,
    ) -> Result<Vec<ImageRecord>, Problem> {
        let mut answering = None;
        if let Some(key) = key {
            let prints: Vec<_> = files.iter().map(|(draft, packed)| draft.fingerprint(Some(packed))).collect();
            let fingerprint = Sha256Hex::of(format!("{prints:?}").as_bytes());
            let planned = files.iter().map(|(draft, _)| draft.id()).collect();
            let once = self.vault.once(&key, fingerprint, planned).await;
            if !matches!(once, Ok(Once::First(_))) {
                self.give_up(&files).await?;
            }
            match once? {
                Once::First(first) => answering = Some(first),
                Once::Again(images) => {
                    let mut records = Vec::with_capacity(images.len());
                    for id in images {
                        records.push(self.vault.get(id).await?);
                    }
                    return Ok(records);
                }
            }
        }
        let mut ids = answering.as_ref().map(|answering| answering.images().to_vec()).unwrap_or_default().into_iter();
        let mut records = Vec::with_capacity(files.len());
        for (draft, packed) in files {
            let id = ids.next().unwrap_or_else(|| draft.id());
            let before = if answering.is_some() { self.vault.made_before(id).await? } else { None };
            records.push(match before {
                Some(record) => {
                    self.vault.discard(&packed).await?;
                    record
                }
                None => self.vault.keep(draft.with_id(id), packed).await?,
            });
        }
        self.done(answering).await?;
        Ok(records)
    }
}

/// The idempotency key of a request, if it has one: a quoted string, as the header's draft says, or bare, as many
/// clients send it.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let wrong = || Problem::invalid("idempotency-key", "an Idempotency-Key has 1 to 255 visible ASCII characters");
    let key = key.to_str().map_err(|_| wrong())?.trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && keys.next().is_none() { Ok(Some(key.to_owned())) } else { Err(wrong()) }
}

/// An answer with an image and its `Location`.
pub(crate) fn located<P>(status: StatusCode, record: &ImageRecord) -> Response<Body<P>> {
    let mut response = response(status, &Image::from(record));
    set(response.headers_mut(), header::LOCATION, format!("/images/{}", record.id));
    response
}

/// The links to images, a line each and no more, for programs that paste what they get.
fn links<P>(headers: &HeaderMap, records: &[ImageRecord]) -> Response<Body<P>> {
    let address = address(headers).unwrap_or_default();
    let links: Vec<_> = records.iter().map(|record| format!("{address}{}", content_path(record.id))).collect();
    respond(StatusCode::CREATED, "text/plain; charset=utf-8", links.join("\n").into_bytes())
}

/// Sends a browser that submitted a form back to the gallery.
fn back_to_page<P>(head: Head<'_>, mut answer: Answer<P>) -> Answer<P> {
    if wants_html(head.headers) {
        answer.response = see_other("/");
    }
    answer
}

/// The length that `Content-Length` states; 0 if it states none.
fn length(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use serde_json::Value;

    use super::*;
    use burrow_vault::testing::{Whole, World};

    use crate::{Request, ServiceSettings};
    use burrow_model::key::ImageId;
    use burrow_model::lease::Lease;
    use burrow_model::status::Status;
    use burrow_vault::ports::Clock as _;

    const URL: &str = r#"{"url": "http://origin.example/a.gif"}"#;

    struct Reply {
        status: u16,
        body: Value,
        applied: bool,
        jobs: Vec<Job>,
    }

    impl Reply {
        fn id(&self) -> ImageId {
            ImageId::parse(self.body["id"].as_str().unwrap()).unwrap()
        }
    }

    async fn post(world: &World, run_jobs: bool, path: &str, headers: &[(&'static str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let request = Request {
            method: Method::POST,
            path_and_query: path.into(),
            headers: headers.chain([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]).collect(),
            body: Whole::new(body.as_bytes()),
        };
        let service = Service::new(world.vault(), ServiceSettings { run_jobs, ..ServiceSettings::default() });
        let Answer { mut response, jobs, .. } = service.handle(request).await;
        let body = response.body_mut().next().await.unwrap().unwrap();
        Reply {
            status: response.status().as_u16(),
            body: serde_json::from_slice(&body).unwrap(),
            applied: response.headers().contains_key(PREFERENCE_APPLIED),
            jobs,
        }
    }

    #[test]
    fn jobs_are_only_recorded_if_others_do_them() {
        for (run_jobs, path) in [(true, "/images"), (false, "/images"), (false, "/upload"), (false, "/process_image")] {
            let world = World::default();
            let told = world.run(post(&world, run_jobs, path, &[], URL));
            assert_eq!(told.jobs.len(), usize::from(run_jobs), "{path}");
            let record = world.run(world.vault().get(told.id())).unwrap();
            assert_eq!(
                (record.status(), record.lease() == Some(Lease::NOBODY)),
                (Status::Pending, !run_jobs),
                "{path}"
            );
            assert_eq!(world.asked().len(), 0);
        }
    }

    #[test]
    fn a_retry_is_only_recorded_if_others_do_it() {
        let world = World::default();
        world.answers([(404, None, &[][..])]);
        let url = "http://origin.example/";
        let draft = world.vault().draft_job(url, Label::default()).unwrap();
        let failed = world.run(world.vault().ingest(draft)).unwrap();
        let path = format!("/images/{}/retry", failed.id);
        let told = world.run(post(&world, false, &path, &[], ""));
        assert_eq!((told.status, told.jobs.len()), (202, 0));
        assert_eq!(world.run(world.vault().get(failed.id)).unwrap().lease(), Some(Lease::NOBODY));
    }

    #[test]
    fn a_client_may_wait_for_a_job_that_others_do() {
        let world = World::default();
        let begun = world.now();
        let others = async {
            world.sleep(std::time::Duration::from_secs(5)).await;
            for job in world.vault().jobs(None, 10).await.unwrap().jobs {
                world.vault().work_on(job.id, None).await.unwrap();
            }
        };
        let (told, ()) =
            world.run(futures::future::join(post(&world, false, "/images", &[("prefer", "wait=9")], URL), others));
        assert_eq!((told.status, &told.body["status"], told.applied), (201, &json!("ready"), true));
        let waited = world.now() - begun;
        assert!((5000..=5200).contains(&waited), "{waited}");
        // Nobody works on this one.
        let told = world.run(post(&world, false, "/images", &[("prefer", "wait=9")], URL));
        assert_eq!((told.status, &told.body["status"], told.applied), (202, &json!("pending"), true));
        assert_eq!(world.now() - begun - waited, 9000);
    }

    #[test]
    fn a_request_sent_again_waits_for_the_same_job() {
        let world = World::default();
        let headers = [("prefer", "wait=9"), ("idempotency-key", "key")];
        let both = futures::future::join(
            async {
                let first = post(&world, true, "/images", &headers[1..], URL).await;
                world.sleep(std::time::Duration::from_secs(3)).await;
                for job in first.jobs {
                    job.await.unwrap();
                }
                first.body
            },
            async {
                world.sleep(std::time::Duration::from_secs(1)).await;
                post(&world, true, "/images", &headers, URL).await
            },
        );
        let (first, again) = world.run(both);
        assert_eq!((again.status, &again.body["status"], &again.body["id"]), (201, &json!("ready"), &first["id"]));
    }

    #[test]
    fn a_job_that_is_removed_is_waited_for_no_longer() {
        let world = World::default();
        let others = async {
            world.sleep(std::time::Duration::from_secs(1)).await;
            for job in world.vault().jobs(None, 10).await.unwrap().jobs {
                world.vault().remove(job.id).await.unwrap();
            }
        };
        let waiting = post(&world, false, "/images", &[("prefer", "wait=9")], URL);
        assert_eq!(world.run(futures::future::join(waiting, others)).0.status, 404);
    }
}
