//! `POST /gallery`: carries out the pages' forms, on one image or on several.

use askama::Template;
use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::name::normal;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::referrer::Referrer;
use burrow_vault::vault::{Edit, Filter, Label, Order};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::api::json::response;
use crate::api::multipart::split_tags;
use crate::api::notice::Notice;
use crate::api::selection::{MAX_MANY, ids};
use crate::message::see_other;
use crate::message::{Answer, Job};
use crate::pages::frame::{Frame, came_from, html};
use crate::problem::Problem;
use crate::protocol::body::{media_type, read_form};
use crate::protocol::negotiation::wants_html;
use crate::route::Query;
use crate::service::{Head, Service};
use crate::texts::Text;

/// A page that asks before images are deleted.
#[derive(Template)]
#[template(path = "question.html")]
struct Question {
    frame: Frame,
    /// What it asks.
    text: Text,
    ids: Vec<String>,
    names: Vec<String>,
    back: String,
}

/// A page that lists what a form could not do, and what was there already.
#[derive(Template)]
#[template(path = "partly.html")]
struct Partly {
    frame: Frame,
    /// What was done; none if nothing was.
    done: Option<String>,
    failures: Vec<Failure>,
    here: Vec<Here>,
    /// The tags, referrer and name to add what is there already with, if the user insists.
    tags: String,
    referrer: String,
    name: String,
    back: String,
}

/// The fields that a form without files has once.
const FIELDS: [&str; 9] = ["action", "urls", "again", "referrer", "name", "tags", "back", "sure", "all"];

/// How many jobs of one request run at once: the memory of an instance is limited.
const ROWS: usize = 8;

/// The outcome of a form.
pub(super) struct Outcome {
    pub(super) what: Notice,
    /// How many images were changed or added.
    pub(super) done: usize,
    failures: Vec<Failure>,
    pub(super) here: Vec<Here>,
    jobs: Vec<Job>,
}

/// What an action did to one image.
enum Effect {
    /// The image is already as the action would make it.
    None,
    Done,
    /// A job began, unless somebody else does it.
    Begun(Option<Job>),
}

/// An address that an image has already.
#[derive(Serialize)]
pub(super) struct Here {
    /// The address as it was given.
    pub(super) what: String,
    pub(super) id: String,
    pub(super) name: String,
}

/// One thing that could not be done, and why.
#[derive(Serialize)]
struct Failure {
    /// An image's name, or an address as it was given.
    what: String,
    why: String,
    /// The image, if it is one that is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<ImageId>,
}

impl Outcome {
    pub(super) fn new(what: Notice) -> Self {
        Self { what, done: 0, failures: Vec::new(), here: Vec::new(), jobs: Vec::new() }
    }

    /// Counts a success, and keeps the job that it leads to.
    pub(super) fn done(&mut self, job: Option<Job>) {
        self.jobs.extend(job);
        self.done += 1;
    }

    /// Notes a failure. A server error ends the whole request only if nothing was done before: otherwise the answer
    /// must report what was done, and its jobs must begin.
    pub(super) fn failed(&mut self, what: String, id: Option<ImageId>, problem: Problem) -> Result<(), Problem> {
        if problem.status().is_server_error() && self.done == 0 {
            return Err(problem);
        }
        // The form has only one field of addresses, so its name says nothing.
        let is_not_ready = problem.kind().ends_with("/not-ready");
        let why = match self.what {
            Notice::Tagged | Notice::Untagged if is_not_ready => "not downloaded yet, so it can't be tagged",
            Notice::Renamed if is_not_ready => "not downloaded yet, so it can't be renamed",
            _ => problem.detail().trim_start_matches("url: "),
        };
        let why = why.to_owned();
        self.failures.push(Failure { what, why, id });
        Ok(())
    }
}

/// The path that a form leads back to: its `back` if that is a path of this site, or else the page that the form is on.
pub(crate) fn back(form: &Query, headers: &HeaderMap) -> String {
    let is_ours =
        |path: &&str| path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    form.get("back").filter(is_ours).or_else(|| came_from(headers)).unwrap_or("/").to_owned()
}

impl<P: Ports> Service<P> {
    /// `POST /gallery`: does what `action` says. Sends browsers back to their page; programs get JSON.
    pub(crate) async fn act(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        if media_type(head.headers)? == "multipart/form-data" {
            let (form, outcome) = self.add_files(head, body).await?;
            return self.told(head, &form, outcome);
        }
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        let form = form.only(&FIELDS, &["id", "tag"])?;
        let back = back(form, head.headers);
        self.act_on(head, form, &back).await.map_err(|problem| problem.leading_to(back))
    }

    async fn act_on(&self, head: Head<'_>, form: &Query, back: &str) -> Result<Answer<P>, Problem> {
        let mut tags = split_tags(form.get("tags").unwrap_or_default());
        // A tag of a button is taken as it is, commas included.
        tags.extend(form.all("tag").map(str::to_owned));
        let label = Label::new(form.get("name"), &tags)?;
        let outcome = match form.get("action") {
            Some("add") => self.add_many(form, label).await?,
            Some(action @ ("tag" | "untag")) => {
                if label.tags.is_empty() {
                    let detail = "there is no tag; give one or more, separated by commas";
                    return Err(Problem::invalid("tags", detail));
                }
                let add = action == "tag";
                let what = if add { Notice::Tagged } else { Notice::Untagged };
                self.each(form, what, async |id| self.tag(id, &label.tags, add).await).await?
            }
            Some("rename") => {
                let Some(name) = label.name.as_deref() else {
                    return Err(Problem::invalid("name", "give the image a name"));
                };
                let edit = Edit::new(Some(name), None)?;
                self.each(form, Notice::Renamed, async |id| self.rename(id, &edit).await).await?
            }
            Some("retry") => {
                let referrer = Referrer::given(form.get("referrer"))?;
                self.each(form, Notice::Retried, async |id| self.retry_one(id, referrer.clone()).await).await?
            }
            Some("delete") if form.get("sure").is_none() && wants_html(head.headers) => {
                return Ok(html(StatusCode::OK, &self.question(head, form, back.to_owned()).await?)?.into());
            }
            Some("delete") => {
                let delete = async |id| {
                    self.vault.remove(id).await?;
                    Ok(Effect::Done)
                };
                self.each(form, Notice::Deleted, delete).await?
            }
            _ => {
                let detail = "only add, tag, untag, rename, retry and delete are known";
                return Err(Problem::invalid("action", detail));
            }
        };
        self.told(head, form, outcome)
    }

    /// Tells browsers on their page, or on one of its own, and programs as JSON what a form did.
    fn told(&self, head: Head<'_>, form: &Query, outcome: Outcome) -> Result<Answer<P>, Problem> {
        let Outcome { what, done, failures, here, jobs } = outcome;
        let back = back(form, head.headers);
        let response = if !wants_html(head.headers) {
            response(StatusCode::OK, &json!({ "done": done, "failures": failures, "here": here }))
        } else if failures.is_empty() && here.is_empty() {
            see_other(&what.on(&back, done))
        } else {
            let given = |field: &str| form.get(field).unwrap_or_default().to_owned();
            let frame = self.frame(head.headers);
            let page = Partly {
                frame,
                done: (done > 0).then(|| what.sentence(frame.language, done)),
                failures,
                here,
                tags: given("tags"),
                referrer: given("referrer"),
                name: given("name"),
                back,
            };
            html(StatusCode::UNPROCESSABLE_ENTITY, &page)?
        };
        Ok(Answer { jobs: in_rows(jobs), ..response.into() })
    }

    /// The images that a form selects: those of its ids, or the newest that failed.
    async fn selected(&self, form: &Query) -> Result<Vec<ImageId>, Problem> {
        match form.get("all") {
            None => ids(form),
            Some("failed") => {
                let filter = Filter { status: Some(Status::Failed), ..Filter::default() };
                let page = self.vault.list(&filter, Order::Newest, None, MAX_MANY).await?;
                if page.images.is_empty() {
                    return Err(Problem::invalid("all", "no image failed"));
                }
                Ok(page.images.iter().map(|image| image.id).collect())
            }
            Some(_) => Err(Problem::invalid("all", "only failed is known")),
        }
    }

    /// Calls `act` for every image of a form. One that fails does not stop the others.
    async fn each(
        &self,
        form: &Query,
        what: Notice,
        act: impl AsyncFn(ImageId) -> Result<Effect, Problem>,
    ) -> Result<Outcome, Problem> {
        let mut outcome = Outcome::new(what);
        for id in self.selected(form).await? {
            match act(id).await {
                Ok(Effect::None) => {}
                Ok(Effect::Done) => outcome.done(None),
                Ok(Effect::Begun(job)) => outcome.done(job),
                Err(problem) => {
                    let name = self.vault.get(id).await.map(|record| record.name);
                    outcome.failed(name.unwrap_or_else(|_| id.to_string()), Some(id), problem)?;
                }
            }
        }
        Ok(outcome)
    }

    /// Adds tags to an image, or removes them.
    async fn tag(&self, id: ImageId, given: &[String], add: bool) -> Result<Effect, Problem> {
        loop {
            let record = self.vault.get(id).await?;
            record.content()?;
            let before = record.tags;
            let has = |tags: &[String], tag: &str| tags.iter().any(|other| normal(other) == normal(tag));
            let is_there = |tag: &String| has(&before, tag);
            let is_as_wanted = if add { given.iter().all(is_there) } else { !given.iter().any(is_there) };
            if is_as_wanted {
                return Ok(Effect::None);
            }
            let kept = before.iter().filter(|tag| !has(given, tag)).cloned();
            let tags: Vec<String> = kept.chain(given.iter().filter(|_| add).cloned()).collect();
            let edit = Edit::new(None, Some(&tags))?;
            let unchanged = |record: &ImageRecord| if record.tags == before { Ok(()) } else { Err(Error::Changed) };
            match self.vault.edit(id, &edit, unchanged).await {
                // Somebody else changed the tags meanwhile: begin again.
                Err(Error::Changed) => {}
                edited => return edited.map(|_| Effect::Done).map_err(Into::into),
            }
        }
    }

    async fn rename(&self, id: ImageId, edit: &Edit) -> Result<Effect, Problem> {
        self.vault.edit(id, edit, |_| Ok::<(), Problem>(())).await?;
        Ok(Effect::Done)
    }

    async fn retry_one(&self, id: ImageId, referrer: Option<Referrer>) -> Result<Effect, Problem> {
        let record = self.vault.get(id).await?;
        let retried = self.vault.retry(record, referrer, self.worker()).await?;
        Ok(Effect::Begun(retried.and_then(|record| self.job(&record))))
    }

    async fn question(&self, head: Head<'_>, form: &Query, back: String) -> Result<Question, Problem> {
        let (ids, mut names) = (self.selected(form).await?, Vec::new());
        let frame = self.frame(head.headers);
        for id in &ids {
            match self.vault.get(*id).await {
                Ok(record) => names.push(record.name),
                Err(Error::NotFound | Error::Corrupt(_) | Error::Newer(_)) => names.push(id.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        let text = frame.count("Delete this image?", "Delete these {n} images?", names.len() as u64);
        Ok(Question { frame, text, ids: ids.iter().map(ToString::to_string).collect(), names, back })
    }
}

/// Joins jobs into at most [`ROWS`] rows; each row runs its jobs one after the other.
fn in_rows(jobs: Vec<Job>) -> Vec<Job> {
    let mut rows: Vec<Vec<Job>> = Vec::new();
    rows.resize_with(ROWS.min(jobs.len()), Vec::new);
    let count = rows.len().max(1);
    for (n, job) in jobs.into_iter().enumerate() {
        if let Some(row) = rows.get_mut(n % count) {
            row.push(job);
        }
    }
    let one_after_the_other = |row: Vec<Job>| -> Job {
        Box::pin(async move {
            let mut outcome = Ok(());
            for job in row {
                outcome = job.await.and(outcome);
            }
            outcome
        })
    };
    rows.into_iter().map(one_after_the_other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn a_form_leads_back_to_a_page_of_ours() {
        let of = |value: &str| {
            let form = Unchecked::parse(&format!(
                "back={}",
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
            ))
            .unwrap();
            back(form.only(&["back"], &[]).unwrap(), &HeaderMap::new())
        };
        assert_eq!(of("/images/x?y=1"), "/images/x?y=1");
        for foreign in ["", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\nx"]
        {
            assert_eq!(of(foreign), "/", "{foreign:?}");
        }
    }
}
