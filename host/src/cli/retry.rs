//! `burrow retry`

use std::process::ExitCode;

use burrow_host::{Burrow, Filter, Image, Status};
use futures::StreamExt as _;

use super::find::{PAGE, find_failed};
use super::output;

/// Try failed images again.
#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// Ids or names of images.
    #[arg(required_unless_present = "all", value_name = "IMAGE")]
    images: Vec<String>,

    /// Try all that failed.
    #[arg(long, conflicts_with = "images")]
    all: bool,
}

impl Retry {
    pub(super) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let images = if self.all { failed(burrow).await? } else { self.images };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut tried = futures::stream::iter(images)
            .map(|image| {
                let burrow = burrow.clone();
                // A task of its own, so that each can run on another core.
                async move {
                    let task = tokio::spawn({
                        let image = image.clone();
                        async move { burrow.retry(&find_failed(&burrow, &image).await?.id).await }
                    });
                    (image, task.await)
                }
            })
            .buffer_unordered(cores);
        let mut code = ExitCode::SUCCESS;
        while let Some((image, tried)) = tried.next().await {
            let failure = match tried? {
                Ok(Image { id, name, content: Some(content), .. }) => {
                    let (size, stored) = (output::bytes(content.size), output::bytes(content.stored_size));
                    output::line(&format!("{id}  {name}  {size} stored in {stored}"))?;
                    continue;
                }
                Ok(image) => image.error.unwrap_or_else(|| "it is not ready".into()),
                Err(error) => error.to_string(),
            };
            output::complain(&format!("{image}: {failure}"));
            code = ExitCode::FAILURE;
        }
        Ok(code)
    }
}

/// The ids of all that failed.
async fn failed(burrow: &Burrow) -> anyhow::Result<Vec<String>> {
    let filter = Filter { status: Some(Status::Failed), ..Filter::default() };
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = burrow.list(&filter, cursor, PAGE).await?;
        ids.extend(page.images.into_iter().map(|image| image.id));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(ids);
        }
    }
}
