//! `burrow stats`: counts images and bytes.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use burrow_host::{Burrow, Filter, Statistics, Status, Sum};
use burrow_model::time::timestamp;

use crate::json;
use crate::output;
use crate::picture::{self, Pictures};
use crate::when::ago;

/// Count images and bytes.
#[derive(Debug, clap::Args)]
pub(crate) struct Stats {
    /// Print a JSON object, with the fields of the HTTP interface.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pictures: picture::Choice,
}

/// Number of the newest images that are shown as pictures.
const PICTURES: u32 = 8;

/// The length of the bar in characters.
const BAR: u64 = 40;

impl Stats {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let (statistics, numbers) = (burrow.stats().await?, burrow.count_by_kind().await?);
        if self.json {
            json::line(&json::stats(statistics, numbers))?;
            return Ok(ExitCode::SUCCESS);
        }
        tell(&statistics)?;
        if let Some(numbers) = numbers {
            tell_kinds("format", &numbers.formats)?;
            tell_kinds("month", &numbers.months)?;
        }
        if let Some(pictures) = self.pictures.pictures(true) {
            strip(burrow, &pictures).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(statistics: &Statistics) -> std::io::Result<()> {
    let Statistics { images, pending, failed, original_bytes, stored_bytes, repacked, saved_bytes, last_uploaded } =
        *statistics;
    let field = |name: &str, value: &str| {
        let style = Style::new().dimmed();
        output::drawn(&format!("{style}{name:<9}{style:#}{value}"))
    };
    let count = |count: u64, status: Status| {
        let style = if count == 0 { Style::new() } else { output::status_style(status) };
        format!("{style}{count}{style:#}")
    };
    field("images", &count(images, Status::Ready))?;
    field("pending", &count(pending, Status::Pending))?;
    field("failed", &count(failed, Status::Failed))?;
    field("original", &output::bytes(original_bytes))?;
    field("stored", &output::bytes(stored_bytes))?;
    let saved = original_bytes.saturating_sub(stored_bytes);
    field(
        "saved",
        &format!("{} ({})  {}", output::bytes(saved), share(saved, original_bytes), bar(saved, original_bytes)),
    )?;
    field("repacked", &format!("{repacked} ({} less)", output::bytes(saved_bytes)))?;
    let last = last_uploaded.map_or_else(|| "-".into(), |last| format!("{} ({})", timestamp(last), ago(last)));
    field("newest", &last)
}

/// Prints a table of counts by format or by month.
fn tell_kinds(title: &str, kinds: &[(String, Sum)]) -> std::io::Result<()> {
    let style = Style::new().dimmed();
    for (n, (kind, Sum { images, original_bytes, stored_bytes })) in kinds.iter().enumerate() {
        let title = if n == 0 { title } else { "" };
        let saved = share(original_bytes.saturating_sub(*stored_bytes), *original_bytes);
        let (original, stored) = (output::bytes(*original_bytes), output::bytes(*stored_bytes));
        let line = format!("{kind:<16}{images:>9}  {original} in {stored} ({saved} saved)");
        output::drawn(&format!("{style}{title:<9}{style:#}{}", output::plain(&line)))?;
    }
    Ok(())
}

/// A part of a whole in per cent, with one decimal.
fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A part of a whole, as a bar.
fn bar(part: u64, whole: u64) -> String {
    let filled = u128::from(part) * u128::from(BAR) / u128::from(whole.max(1));
    let filled = usize::try_from(filled).unwrap_or_default();
    let style = AnsiColor::Green.on_default();
    format!("{style}{}{style:#}{}", "█".repeat(filled), "░".repeat(usize::try_from(BAR).unwrap_or_default() - filled))
}

/// Shows the newest images side by side.
async fn strip(burrow: &Burrow, pictures: &Pictures) -> anyhow::Result<()> {
    let filter = Filter { status: Some(Status::Ready), ..Filter::default() };
    let page = burrow.list(&filter, None, PICTURES).await?;
    let drawn = pictures.draw(burrow, &page.images).await;
    let drawn: Vec<_> = drawn.into_iter().flatten().collect();
    if !drawn.is_empty() {
        picture::side_by_side(&drawn)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_bars() {
        assert_eq!(
            (share(0, 0), share(1, 3), share(u64::MAX, u64::MAX)),
            ("0.0 %".into(), "33.3 %".into(), "100.0 %".into())
        );
        for (part, whole, filled) in [(0, 0, 0), (0, 9, 0), (1, 2, 20), (u64::MAX, u64::MAX, 40)] {
            let bar = bar(part, whole);
            assert_eq!((bar.matches('█').count(), bar.matches('░').count()), (filled, 40 - filled));
        }
    }
}
