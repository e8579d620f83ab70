//! The form that adds images: addresses, files, or both.

use burrow_model::error::Error;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::referrer::Referrer;
use burrow_vault::vault::Label;

use crate::api::multipart::{Sent, split_tags};
use crate::api::notice::Notice;
use crate::api::selection::check_count;
use crate::message::Job;
use crate::pages::form::{Here, Outcome};
use crate::problem::Problem;
use crate::protocol::digest::Digested;
use crate::protocol::negotiation::wants_html;
use crate::route::Query;
use crate::service::{Head, Service};
use crate::texts::Language;

/// What became of an address.
enum Added {
    Begun(Option<Job>),
    /// An image of this address is here already.
    Here(Box<ImageRecord>),
}

/// The fields that the form has besides files and tags.
const FIELDS: [&str; 5] = ["action", "urls", "referrer", "back", "again"];

impl<P: Ports> Service<P> {
    /// Adds the files of a form, and then its addresses. Returns the form's fields, too.
    pub(super) async fn add_files(&self, head: Head<'_>, body: impl ByteSource) -> Result<(Query, Outcome), Problem> {
        let body = Digested::new(body, head.headers)?;
        let Sent { files, fields } = self.read_files(body, head.headers, &FIELDS).await?;
        let form = Query::from(fields);
        let label = Label::new(None, &split_tags(form.get("tags").unwrap_or_default()));
        let has_urls = form.get("urls").is_some_and(|urls| !urls.trim().is_empty());
        let refused = match (form.get("action"), &label) {
            (Some("add"), Ok(_)) if has_urls || !files.is_empty() => None,
            (Some("add"), Ok(_)) => Some(Problem::invalid("urls", "there is no address and no file; give one or more")),
            (Some("add"), Err(_)) => Some(Problem::invalid("tags", "a tag is too long, or there are too many")),
            _ => Some(Problem::invalid("action", "a form with files only adds")),
        };
        if let Some(problem) = refused {
            self.give_up(&files).await?;
            return Err(problem);
        }
        let count = files.len();
        if count > 0 {
            self.record_files(None, files).await?;
        }
        let mut outcome = if has_urls {
            // The files are stored, so what is wrong with the addresses must not hide that.
            match self.add_many(&form, label?).await {
                Ok(outcome) => outcome,
                Err(problem) if count > 0 => {
                    let mut outcome = Outcome::new(Notice::Taken);
                    outcome.done = count;
                    // Programs get it in English.
                    let is_page = wants_html(head.headers);
                    let language = if is_page { Language::of(head.headers) } else { Language::default() };
                    outcome.failed(language.say("The addresses").into(), None, problem)?;
                    return Ok((form, outcome));
                }
                Err(problem) => return Err(problem),
            }
        } else {
            Outcome::new(Notice::Stored)
        };
        if count > 0 && has_urls {
            outcome.what = Notice::Taken;
        }
        outcome.done += count;
        Ok((form, outcome))
    }

    /// Adds every address of the form. One that fails does not stop the others.
    pub(super) async fn add_many(&self, form: &Query, label: Label) -> Result<Outcome, Problem> {
        let lines: Vec<&str> = form.get("urls").unwrap_or_default().split_whitespace().collect();
        if lines.is_empty() {
            return Err(Problem::invalid("urls", "there is no address; give one or more, a line each"));
        }
        check_count("urls", lines.len())?;
        let again = form.get("again").is_some();
        // One name for several images would not distinguish them.
        let name = label.name.filter(|_| lines.len() == 1);
        let label = Label { name, ..label };
        let referrer = Referrer::given(form.get("referrer"))?;
        let mut outcome = Outcome::new(Notice::Added);
        for line in lines {
            match self.add_one(line, referrer.clone(), label.clone(), again).await {
                Ok(Added::Begun(job)) => outcome.done(job),
                Ok(Added::Here(record)) => {
                    outcome.here.push(Here { what: line.to_owned(), id: record.id.to_string(), name: record.name });
                }
                Err(problem) => outcome.failed(line.to_owned(), None, problem)?,
            }
        }
        Ok(outcome)
    }

    async fn add_one(
        &self,
        url: &str,
        referrer: Option<Referrer>,
        label: Label,
        again: bool,
    ) -> Result<Added, Problem> {
        let draft = self.vault.draft_job(url, label)?.found_on(referrer);
        if !again {
            match self.vault.get_by_source(url).await {
                Ok(record) if record.status() != Status::Failed => return Ok(Added::Here(Box::new(record))),
                // A record that is missing, failed or damaged is no image that one has.
                Ok(_) | Err(Error::NotFound | Error::Corrupt(_) | Error::Newer(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let record = self.vault.accept(draft, self.worker()).await?;
        Ok(Added::Begun(self.job(&record)))
    }
}
