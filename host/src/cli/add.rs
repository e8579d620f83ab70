//! `burrow add`

use std::process::ExitCode;

use burrow_host::{Burrow, Image, Label};
use futures::StreamExt as _;

use super::output;

/// Download images and keep them.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Addresses of images.
    #[arg(required = true)]
    urls: Vec<String>,

    /// Name of the image, if there is one only [default: the last part of its address].
    #[arg(long)]
    name: Option<String>,

    /// Tag of all these images; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Add {
    pub(super) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(self.name.is_none() || self.urls.len() == 1, "--name goes with one address only");
        let label = Label { name: self.name, tags: self.tags };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut added = futures::stream::iter(self.urls)
            .map(|url| {
                let (burrow, label) = (burrow.clone(), label.clone());
                // A task of its own, so that each can run on another core.
                async move {
                    let task = tokio::spawn({
                        let url = url.clone();
                        async move { burrow.ingest(&url, label).await }
                    });
                    (url, task.await)
                }
            })
            .buffer_unordered(cores);
        let mut code = ExitCode::SUCCESS;
        while let Some((url, added)) = added.next().await {
            let failure = match added? {
                Ok(Image { id, name, content: Some(content), .. }) => {
                    let (size, stored) = (output::bytes(content.size), output::bytes(content.stored_size));
                    output::line(&format!("{id}  {name}  {size} stored in {stored}"))?;
                    continue;
                }
                Ok(image) => image.error.unwrap_or_else(|| "it is not ready".into()),
                Err(error) => error.to_string(),
            };
            output::complain(&format!("{url}: {failure}"));
            code = ExitCode::FAILURE;
        }
        Ok(code)
    }
}
