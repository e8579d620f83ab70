//! `POST /gallery`: carries out the pages' forms, on one image or on several.

use askama::Template;
use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::vault::{Edit, Label};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::api::json::response;
use crate::api::multipart::split_tags;
use crate::api::notice::Notice;
use crate::api::selection::{check_count, ids};
use crate::message::see_other;
use crate::message::{Answer, Job};
use crate::pages::frame::{Frame, came_from, html};
use crate::problem::Problem;
use crate::protocol::body::read_form;
use crate::protocol::negotiation::wants_html;
use crate::route::Query;
use crate::service::{Head, Service};

/// A page that asks before images are deleted.
#[derive(Template)]
#[template(path = "question.html")]
struct Question {
    frame: Frame,
    ids: Vec<String>,
    names: Vec<String>,
    back: String,
}

/// A page that lists what a form could not do.
#[derive(Template)]
#[template(path = "partly.html")]
struct Partly {
    frame: Frame,
    done: String,
    failures: Vec<Failure>,
    back: String,
}

/// How many jobs of one request run at once: the memory of an instance is limited.
const ROWS: usize = 8;

/// The outcome of a form.
struct Outcome {
    what: Notice,
    done: usize,
    failures: Vec<Failure>,
    jobs: Vec<Job>,
}

/// One thing that could not be done, and why.
#[derive(Serialize)]
struct Failure {
    /// An image's name, or an address as it was given.
    what: String,
    why: String,
}

impl Outcome {
    fn new(what: Notice) -> Self {
        Self { what, done: 0, failures: Vec::new(), jobs: Vec::new() }
    }

    /// Counts a success, and keeps the job that it leads to.
    fn done(&mut self, job: Option<Job>) {
        self.jobs.extend(job);
        self.done += 1;
    }

    /// Notes a failure. A server error ends the whole request only if nothing was done before: otherwise the answer
    /// must report what was done, and its jobs must begin.
    fn failed(&mut self, what: String, problem: Problem) -> Result<(), Problem> {
        if problem.status().is_server_error() && self.done == 0 {
            return Err(problem);
        }
        // The form has only one field of addresses, so its name says nothing.
        let why = problem.detail().trim_start_matches("url: ").to_owned();
        self.failures.push(Failure { what, why });
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
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        let form = form.only(&["action", "urls", "name", "tags", "back", "sure"], &["id"])?;
        let back = back(form, head.headers);
        self.act_on(head, form, back.clone()).await.map_err(|problem| problem.leading_to(back))
    }

    async fn act_on(&self, head: Head<'_>, form: &Query, back: String) -> Result<Answer<P>, Problem> {
        let frame = self.frame(head.headers);
        let label = Label::new(form.get("name"), &split_tags(form.get("tags").unwrap_or_default()))?;
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
                let edit = Edit::new(Some(label.name.as_deref().unwrap_or_default()), None)?;
                self.each(form, Notice::Renamed, async |id| self.rename(id, &edit).await).await?
            }
            Some("retry") => self.each(form, Notice::Retried, async |id| self.retry_one(id).await).await?,
            Some("delete") if form.get("sure").is_none() && wants_html(head.headers) => {
                return Ok(html(StatusCode::OK, &self.question(frame, form, back).await?)?.into());
            }
            Some("delete") => {
                let delete = async |id| {
                    self.vault.remove(id).await?;
                    Ok(None)
                };
                self.each(form, Notice::Deleted, delete).await?
            }
            _ => {
                let detail = "only add, tag, untag, rename, retry and delete are known";
                return Err(Problem::invalid("action", detail));
            }
        };
        let Outcome { what, done, failures, jobs } = outcome;
        let response = if !wants_html(head.headers) {
            response(StatusCode::OK, &json!({ "done": done, "failures": failures }))
        } else if failures.is_empty() {
            see_other(&what.on(&back, done))
        } else {
            let page = Partly { frame, done: what.sentence(done), failures, back };
            html(StatusCode::UNPROCESSABLE_ENTITY, &page)?
        };
        Ok(Answer { jobs: in_rows(jobs), ..response.into() })
    }

    /// Adds every address of the form. One that fails does not stop the others.
    async fn add_many(&self, form: &Query, label: Label) -> Result<Outcome, Problem> {
        let lines: Vec<&str> = form.get("urls").unwrap_or_default().split_whitespace().collect();
        if lines.is_empty() {
            return Err(Problem::invalid("urls", "there is no address; give one or more, a line each"));
        }
        check_count("urls", lines.len())?;
        // One name for several images would not distinguish them.
        let name = label.name.filter(|_| lines.len() == 1);
        let label = Label { name, ..label };
        let mut outcome = Outcome::new(Notice::Added);
        for line in lines {
            match self.add_one(line, label.clone()).await {
                Ok(job) => outcome.done(job),
                Err(problem) => outcome.failed(line.to_owned(), problem)?,
            }
        }
        Ok(outcome)
    }

    async fn add_one(&self, url: &str, label: Label) -> Result<Option<Job>, Problem> {
        let record = self.vault.accept(self.vault.draft_job(url, label)?, self.worker()).await?;
        Ok(self.job(&record))
    }

    /// Calls `act` for every image of a form. One that fails does not stop the others.
    async fn each(
        &self,
        form: &Query,
        what: Notice,
        act: impl AsyncFn(ImageId) -> Result<Option<Job>, Problem>,
    ) -> Result<Outcome, Problem> {
        let mut outcome = Outcome::new(what);
        for id in ids(form)? {
            match act(id).await {
                Ok(job) => outcome.done(job),
                Err(problem) => {
                    let name = self.vault.get(id).await.map(|record| record.name);
                    outcome.failed(name.unwrap_or_else(|_| id.to_string()), problem)?;
                }
            }
        }
        Ok(outcome)
    }

    /// Adds tags to an image, or removes them.
    async fn tag(&self, id: ImageId, given: &[String], add: bool) -> Result<Option<Job>, Problem> {
        loop {
            let before = self.vault.get(id).await?.tags;
            let kept = before.iter().filter(|tag| !given.contains(tag)).cloned();
            let tags: Vec<String> = kept.chain(given.iter().filter(|_| add).cloned()).collect();
            let edit = Edit::new(None, Some(&tags))?;
            let unchanged = |record: &ImageRecord| if record.tags == before { Ok(()) } else { Err(Error::Changed) };
            match self.vault.edit(id, &edit, unchanged).await {
                // Somebody else changed the tags meanwhile: begin again.
                Err(Error::Changed) => {}
                edited => return edited.map(|_| None).map_err(Into::into),
            }
        }
    }

    async fn rename(&self, id: ImageId, edit: &Edit) -> Result<Option<Job>, Problem> {
        self.vault.edit(id, edit, |_| Ok::<(), Problem>(())).await?;
        Ok(None)
    }

    async fn retry_one(&self, id: ImageId) -> Result<Option<Job>, Problem> {
        let record = self.vault.get(id).await?;
        Ok(self.vault.retry(record, self.worker()).await?.and_then(|record| self.job(&record)))
    }

    async fn question(&self, frame: Frame, form: &Query, back: String) -> Result<Question, Problem> {
        let (ids, mut names) = (ids(form)?, Vec::new());
        for id in &ids {
            match self.vault.get(*id).await {
                Ok(record) => names.push(record.name),
                Err(Error::NotFound | Error::Corrupt(_) | Error::Newer(_)) => names.push(id.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Question { frame, ids: ids.iter().map(ToString::to_string).collect(), names, back })
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
