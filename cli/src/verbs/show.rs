//! `burrow show`: prints everything that is known of images.

use std::process::ExitCode;

use anstyle::Style;
use burrow_host::{Burrow, Image};
use burrow_model::appearance::Orientation;
use burrow_model::time::timestamp;

use crate::find::{find, for_each};
use crate::json;
use crate::output;

/// Print everything that is known of images.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Ids or names of images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    /// Print one JSON object a line, with the fields of the HTTP interface.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let mut is_first = true;
        for_each(&self.images, async |image| {
            let image = find(burrow, image).await?;
            if self.json {
                return Ok(json::line(&json::image(&image))?);
            }
            if !std::mem::take(&mut is_first) {
                output::line("")?;
            }
            tell(&image)
        })
        .await
    }
}

fn tell(image: &Image) -> anyhow::Result<()> {
    field("id", &image.id)?;
    field("name", &image.name)?;
    if !image.tags.is_empty() {
        field("tags", &image.tags.join(", "))?;
    }
    if let Some(source) = &image.source {
        field("url", &source.url)?;
        if let Some(referrer) = &source.referrer {
            field("referrer", referrer)?;
        }
    }
    let style = output::status_style(image.status);
    output::drawn(&format!("{}{style}{}{style:#}", label("status"), image.status))?;
    if let Some(error) = &image.error {
        field("error", error)?;
    }
    field("attempts", &image.attempts.to_string())?;
    field("created", &timestamp(image.created))?;
    field("updated", &timestamp(image.updated))?;
    if let Some(content) = &image.content {
        let pixels = match (content.width, content.height) {
            (Some(width), Some(height)) => format!(", {width} × {height}"),
            _ => String::new(),
        };
        let animated = if content.animated == Some(true) { ", animated" } else { "" };
        field("type", &format!("{}{pixels}{animated}", content.media_type))?;
        let orientation = content.orientation.and_then(|number| Orientation::try_from(number).ok());
        if let Some(orientation) = orientation.filter(|orientation| !orientation.is_upright()) {
            field("shown", &orientation.to_string())?;
        }
        field("size", &format!("{} ({} bytes)", output::bytes(content.size), content.size))?;
        let (stored, codec) = (content.stored_size, json::codec(content.packing));
        let unpacked = content.unpack_ms.map_or_else(String::new, |ms| format!(", unpacked in {ms} ms"));
        field("stored", &format!("{} ({stored} bytes, {codec}{unpacked})", output::bytes(stored)))?;
        if let Some(why) = &content.kept {
            field("kept", why)?;
        }
        field("sha256", &content.sha256)?;
    }
    Ok(())
}

fn field(name: &str, value: &str) -> std::io::Result<()> {
    output::drawn(&format!("{}{}", label(name), output::plain(value)))
}

fn label(name: &str) -> String {
    let style = Style::new().dimmed();
    format!("{style}{name:<10}{style:#}")
}
