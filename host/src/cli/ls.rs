//! `burrow ls`

use std::process::ExitCode;

use burrow_host::{Burrow, Filter, status_word};

use super::output;

/// List images, newest first.
#[derive(Debug, clap::Args)]
pub(super) struct Ls {
    /// List at most so many.
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<usize>,
}

/// Images asked for at once.
const PAGE: u32 = 500;

impl Ls {
    pub(super) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut cursor = None;
        while left > 0 {
            let page = burrow.list(&Filter::default(), cursor, PAGE.min(u32::try_from(left).unwrap_or(PAGE))).await?;
            left -= page.images.len().min(left);
            for image in page.images {
                let size = image.content.map_or_else(|| "-".into(), |content| output::bytes(content.size));
                let status = status_word(image.status);
                output::line(&format!("{}  {status:<7}  {size:>9}  {}", image.id, image.name))?;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
