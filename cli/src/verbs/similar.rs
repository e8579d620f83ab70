//! `burrow similar`: finds images that look like another, or all pairs of images that look alike.

mod pairs;

use std::process::ExitCode;

use burrow_host::Burrow;
use futures::StreamExt as _;
use serde::Serialize;

use crate::find::find;
use crate::json;
use crate::open::Access;
use crate::output;
use pairs::{Looks, pairs};

/// Find images that look like another one, or all pairs that look alike. Deletes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Similar {
    /// Id or name of an image.
    #[arg(required_unless_present = "all", value_name = "IMAGE")]
    image: Option<String>,

    /// Compare all images with all, and print pairs. Images that were never drawn are drawn first.
    #[arg(long, conflicts_with_all = ["image", "limit"])]
    all: bool,

    /// Print at most this many images, 1 to 1000.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    limit: u32,

    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Images listed at once.
const PAGE: u32 = 500;

/// A line of `--json` with an image.
#[derive(Serialize)]
struct Line<'a> {
    distance: u32,
    #[serde(flatten)]
    image: burrow_model::json::Image<'a>,
}

/// A line of `--all --json`.
#[derive(Serialize)]
struct PairLine<'a> {
    distance: u32,
    images: [Named<'a>; 2],
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

impl Similar {
    /// How it uses the store: `--all` may take long.
    pub(crate) fn access(&self) -> Access {
        if self.all { Access::Long } else { Access::Short }
    }

    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        match &self.image {
            Some(image) => self.one(burrow, image).await,
            None => self.all(burrow).await,
        }
    }

    async fn one(&self, burrow: &Burrow, image: &str) -> anyhow::Result<ExitCode> {
        let image = find(burrow, image).await?;
        let found = burrow.similar(&image.id, self.limit).await?;
        if found.unindexed {
            anyhow::bail!("this vault is older than its index; `burrow verify --repair` makes the index");
        }
        if found.incomparable {
            output::complain(&format!("{} cannot be compared: it cannot be drawn, or is too plain", image.name));
            return Ok(ExitCode::FAILURE);
        }
        for similar in &found.images {
            if self.json {
                json::line(&Line { distance: similar.distance, image: json::image(&similar.image) })?;
            } else {
                let name = output::plain(&similar.image.name);
                output::line(&format!("{:2}  {}  {name}", similar.distance, similar.image.id))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn all(&self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let (mut looks, mut after, mut code) = (Vec::new(), None, ExitCode::SUCCESS);
        loop {
            let page = burrow.list_likenesses(after, PAGE).await?;
            let known = page.images.into_iter().map(async |image| {
                let bits = if image.made { Ok(image.bits) } else { burrow.likeness(&image.image).await };
                (image, bits)
            });
            let known = futures::stream::iter(known).buffered(at_once);
            let mut known = std::pin::pin!(known);
            while let Some((image, bits)) = known.next().await {
                match bits {
                    Ok(Some(bits)) => looks.push(Looks { id: image.image, name: image.name, bits }),
                    // Removed meanwhile, or without a likeness.
                    Ok(None) | Err(burrow_host::Error::Vault(burrow_host::VaultError::NotFound)) => {}
                    Err(error) => {
                        output::complain(&format!("{}: {error}", output::plain(&image.name)));
                        code = ExitCode::FAILURE;
                    }
                }
            }
            after = Some(page.next);
            if page.is_last {
                break;
            }
        }
        for (distance, one, other) in pairs(&looks) {
            if self.json {
                let images = [one, other].map(|it| Named { id: &it.id, name: &it.name });
                json::line(&PairLine { distance, images })?;
            } else {
                let [first, second] = [one, other].map(|it| format!("{}  {}", it.id, output::plain(&it.name)));
                output::line(&format!("{distance:2}  {first}"))?;
                output::line(&format!("    {second}"))?;
            }
        }
        Ok(code)
    }
}
