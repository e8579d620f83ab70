//! What the pages' forms do: to one image or to several, without a script.

use askama::Template;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::card::images;
use crate::error::Error;
use crate::http::json::response;
use crate::http::multipart::split_tags;
use crate::http::negotiation::wants_html;
use crate::http::page::{self, Frame, html};
use crate::http::problem::Problem;
use crate::http::route::Query;
use crate::http::{Answer, Head, Job, Service, read_form};
use crate::key::ImageId;
use crate::ports::{ByteSource, Ports};
use crate::record::ImageRecord;
use crate::vault::{Edit, Label};

/// The most addresses in one form, and the most images.
const MAX_MANY: usize = 1000;

/// A page that asks before something is lost.
#[derive(Template)]
#[template(path = "question.html")]
struct Question {
    frame: Frame,
    ids: Vec<String>,
    names: Vec<String>,
    back: String,
}

/// A page that says what could not be done.
#[derive(Template)]
#[template(path = "partly.html")]
struct Partly {
    frame: Frame,
    done: String,
    failures: Vec<Failure>,
    back: String,
}

/// Jobs that one request makes are done in so many rows, one after the other in each: an instance has so much memory.
const ROWS: usize = 8;

/// What a form did.
struct Outcome {
    what: Told,
    done: usize,
    failures: Vec<Failure>,
    jobs: Vec<Job>,
}

/// What could not be done, and why.
#[derive(Serialize)]
struct Failure {
    /// An image's name, or an address as it was given.
    what: String,
    why: String,
}

impl Outcome {
    fn new(what: Told) -> Self {
        Self { what, done: 0, failures: Vec::new(), jobs: Vec::new() }
    }

    /// Counts one in, and keeps the job that comes of it.
    fn done(&mut self, job: Option<Job>) {
        self.jobs.extend(job);
        self.done += 1;
    }

    /// Notes what could not be done. An error of the server ends all only while nothing was done: what was is to be told,
    /// and its jobs are to begin.
    fn failed(&mut self, what: String, problem: Problem) -> Result<(), Problem> {
        if problem.status().is_server_error() && self.done == 0 {
            return Err(problem);
        }
        // The form has one field of addresses.
        let why = problem.detail().trim_start_matches("url: ").to_owned();
        self.failures.push(Failure { what, why });
        Ok(())
    }
}

/// What can be told of a form on the page that it leads back to.
#[derive(Clone, Copy)]
enum Told {
    Added,
    Stored,
    Tagged,
    Untagged,
    Renamed,
    Retried,
    Deleted,
}

impl Told {
    const ALL: [Self; 7] =
        [Self::Added, Self::Stored, Self::Tagged, Self::Untagged, Self::Renamed, Self::Retried, Self::Deleted];

    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Stored => "stored",
            Self::Tagged => "tagged",
            Self::Untagged => "untagged",
            Self::Renamed => "renamed",
            Self::Retried => "retried",
            Self::Deleted => "deleted",
        }
    }

    fn sentence(self, count: usize) -> String {
        let images = images(count as u64);
        match self {
            Self::Added => format!("{images} on the way"),
            Self::Stored => format!("{images} stored"),
            Self::Tagged => format!("{images} tagged"),
            Self::Untagged => format!("tags taken off {images}"),
            Self::Renamed => format!("{images} renamed"),
            Self::Retried => format!("{images} tried again"),
            Self::Deleted => format!("{images} deleted"),
        }
    }
}

/// What a page says of the form that led to it, by its query: one of a few sentences.
pub(super) fn told(query: &Query) -> Option<String> {
    let word = query.get("told")?;
    let what = Told::ALL.into_iter().find(|told| told.word() == word)?;
    Some(what.sentence(query.get("count")?.parse().ok().filter(|count| *count <= MAX_MANY)?))
}

/// The page that says how many files were stored.
pub(in crate::http) fn stored(count: usize) -> String {
    with_told("/", Told::Stored, count)
}

/// Where a form leads back to: a path of ours, whatever it says; or else the page that it is on.
pub(in crate::http) fn back(form: &Query, headers: &HeaderMap) -> String {
    let is_ours =
        |path: &&str| path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    form.get("back").filter(is_ours).or_else(|| page::came_from(headers)).unwrap_or("/").to_owned()
}

impl<P: Ports> Service<P> {
    /// `POST /gallery`: does what `action` says. Browsers go back to where they came from; programs are told as JSON.
    pub(in crate::http) async fn act(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        let back = back(&form, head.headers);
        self.act_on(head, &form, back.clone()).await.map_err(|problem| problem.leading_to(back))
    }

    async fn act_on(&self, head: Head<'_>, form: &Query, back: String) -> Result<Answer<P>, Problem> {
        form.check(&["action", "urls", "name", "tags", "back", "sure"], &["id"])?;
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
                let what = if add { Told::Tagged } else { Told::Untagged };
                self.each(form, what, async |id| self.tag(id, &label.tags, add).await).await?
            }
            Some("rename") => {
                let edit = Edit::new(Some(label.name.as_deref().unwrap_or_default()), None)?;
                self.each(form, Told::Renamed, async |id| self.rename(id, &edit).await).await?
            }
            Some("retry") => self.each(form, Told::Retried, async |id| self.retry_one(id).await).await?,
            Some("delete") if form.get("sure").is_none() && wants_html(head.headers) => {
                return Ok(html(StatusCode::OK, &self.question(frame, form, back).await?)?.into());
            }
            Some("delete") => {
                let delete = async |id| {
                    self.vault.remove(id).await?;
                    Ok(None)
                };
                self.each(form, Told::Deleted, delete).await?
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
            page::see_other(&with_told(&back, what, done))
        } else {
            let page = Partly { frame, done: what.sentence(done), failures, back };
            html(StatusCode::UNPROCESSABLE_ENTITY, &page)?
        };
        Ok(Answer { jobs: in_rows(jobs), ..response.into() })
    }

    /// Adds every line that holds something; of one that cannot be, the rest is added all the same.
    async fn add_many(&self, form: &Query, label: Label) -> Result<Outcome, Problem> {
        let lines: Vec<&str> = form.get("urls").unwrap_or_default().split_whitespace().collect();
        if lines.is_empty() {
            return Err(Problem::invalid("urls", "there is no address; give one or more, a line each"));
        }
        check_count("urls", lines.len())?;
        // One name for several would not tell them apart.
        let name = label.name.filter(|_| lines.len() == 1);
        let label = Label { name, ..label };
        let mut outcome = Outcome::new(Told::Added);
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

    /// Does something to every image of a form; what one fails by keeps the others from nothing.
    async fn each(
        &self,
        form: &Query,
        what: Told,
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

    /// Adds tags to an image, or takes them off.
    async fn tag(&self, id: ImageId, given: &[String], add: bool) -> Result<Option<Job>, Problem> {
        loop {
            let before = self.vault.get(id).await?.tags;
            let kept = before.iter().filter(|tag| !given.contains(tag)).cloned();
            let tags: Vec<String> = kept.chain(given.iter().filter(|_| add).cloned()).collect();
            let edit = Edit::new(None, Some(&tags))?;
            let unchanged = |record: &ImageRecord| if record.tags == before { Ok(()) } else { Err(Error::Changed) };
            match self.vault.edit(id, &edit, unchanged).await {
                // Somebody else did the same meanwhile.
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

/// Jobs one after the other, so many at once.
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

/// The images that a form, or a query, selects.
pub(in crate::http) fn ids(form: &Query) -> Result<Vec<ImageId>, Problem> {
    let ids: Result<Vec<_>, Problem> = form
        .all("id")
        .map(|id| ImageId::parse(id).ok_or_else(|| Problem::invalid("id", format!("{:?} is no id", shortened(id)))))
        .collect();
    let ids = ids?;
    if ids.is_empty() {
        return Err(Problem::invalid("id", "no image is selected; select one or more first"));
    }
    check_count("id", ids.len())?;
    Ok(ids)
}

fn check_count(field: &'static str, seen: usize) -> Result<(), Error> {
    if seen <= MAX_MANY {
        return Ok(());
    }
    Err(Error::Invalid { field, reason: format!("at most {MAX_MANY} are taken at once, not {seen}") })
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(200)).unwrap_or_default()
}

/// A path with what a form did in its query.
fn with_told(path: &str, what: Told, count: usize) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let before = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "told" && name != "count");
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(before);
    pairs.append_pair("told", what.word()).append_pair("count", &count.to_string());
    format!("{path}?{}", pairs.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_a_page_of_ours() {
        let of = |value: &str| {
            let form = Query::parse(&format!(
                "back={}",
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
            ))
            .unwrap();
            back(&form, &HeaderMap::new())
        };
        assert_eq!(of("/images/x?y=1"), "/images/x?y=1");
        for foreign in ["", "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\nx"]
        {
            assert_eq!(of(foreign), "/", "{foreign:?}");
        }
    }

    #[test]
    fn what_is_told_is_one_of_a_few_sentences() {
        let of = |query: &str| told(&Query::parse(query).unwrap());
        assert_eq!(of("told=deleted&count=3").as_deref(), Some("3 images deleted"));
        assert_eq!(of("told=added&count=1").as_deref(), Some("1 image on the way"));
        for nothing in ["told=<b>&count=1", "told=added", "told=added&count=x", "told=added&count=99999", "count=1"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(with_told("/?q=a+b&told=added&count=1", Told::Deleted, 2), "/?q=a+b&told=deleted&count=2");
    }
}
