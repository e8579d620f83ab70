//! `burrow retry`: tries failed images again.

use std::cell::Cell;
use std::process::ExitCode;

use burrow_host::{Burrow, Error, Filter, Image, Status, Wanted};
use futures::stream::{Stream, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::find::{PAGE, find_failed};
use crate::output;

/// Try failed images again.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    /// Ids or names of images; a name means the newest failed image of that name.
    #[arg(required_unless_present = "all", value_name = "IMAGE")]
    images: Vec<String>,

    /// Try every failed image.
    #[arg(long, conflicts_with = "images")]
    all: bool,

    /// The page on which the images were found, in place of the one that each has; the origin is told it.
    #[arg(long, value_name = "URL")]
    referrer: Option<String>,
}

impl Retry {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let images = if self.all {
            failed(burrow).left_stream()
        } else {
            let given = futures::stream::iter(self.images);
            given.then(async |image| (image.clone(), find_failed(burrow, &image).await)).right_stream()
        };
        let wanted = images.map(|(shown, found)| {
            let url = found.as_ref().ok().and_then(|image| image.source.as_ref().map(|source| source.url.clone()));
            Wanted { url, what: (shown, found) }
        });
        let (code, stop, untold) = (Cell::new(ExitCode::SUCCESS), CancellationToken::new(), Cell::new(None));
        let try_again = async |(shown, found): (String, Result<Image, Error>)| {
            let tried = match found {
                Ok(image) => burrow.retry(&image.id, self.referrer.clone()).await,
                Err(error) => Err(error),
            };
            let failure = match tried {
                Ok(Image { id, name, content: Some(content), .. }) => {
                    let (size, stored) = (output::bytes(content.size), output::bytes(content.stored_size));
                    if let Err(error) = output::line(&format!("{id}  {name}  {size} stored in {stored}")) {
                        untold.set(Some(error));
                        stop.cancel();
                    }
                    return;
                }
                Ok(image) => image.error.unwrap_or_else(|| "it is not ready".into()),
                Err(error) => error.to_string(),
            };
            output::complain(&format!("{shown}: {failure}"));
            code.set(ExitCode::FAILURE);
        };
        Box::pin(burrow.for_each(wanted, try_again, stop.cancelled())).await;
        match untold.take() {
            Some(error) => Err(error.into()),
            None => Ok(code.get()),
        }
    }
}

/// All failed images, newest first, each with its id.
fn failed(burrow: &Burrow) -> impl Stream<Item = (String, Result<Image, Error>)> {
    let pages = futures::stream::try_unfold(Some(None), async |cursor| {
        let Some(cursor) = cursor else { return Ok::<_, Error>(None) };
        let filter = Filter { status: Some(Status::Failed), ..Filter::default() };
        let page = burrow.list(&filter, cursor, PAGE).await?;
        Ok(Some((futures::stream::iter(page.images.into_iter().map(Ok)), page.next.map(Some))))
    });
    pages.try_flatten().map(|found| match found {
        Ok(image) => (image.id.clone(), Ok(image)),
        Err(error) => ("the list".into(), Err(error)),
    })
}
