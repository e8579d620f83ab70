//! The figures, and the tables that show them.

use std::collections::{BTreeMap, BTreeSet};

use crate::server::Target;

/// The figures of all rounds, in the order in which they were first taken.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    table: &'static str,
    what: String,
    unit: &'static str,
    figures: BTreeMap<Target, Vec<f64>>,
}

impl Results {
    /// Notes a figure of one round.
    pub(crate) fn note(&mut self, table: &'static str, what: &str, unit: &'static str, target: Target, figure: f64) {
        let is_it = |row: &Row| row.table == table && row.what == what && row.unit == unit;
        if let Some(row) = self.rows.iter_mut().find(|row| is_it(row)) {
            row.figures.entry(target).or_default().push(figure);
        } else {
            let figures = BTreeMap::from([(target, vec![figure])]);
            self.rows.push(Row { table, what: what.to_owned(), unit, figures });
        }
    }

    /// A target's median in a row, if it was measured.
    pub(crate) fn median(&self, table: &str, what: &str, unit: &str, target: Target) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.table == table && row.what == what && row.unit == unit)?;
        row.figures.get(&target).map(|figures| quantile(figures, 0.5))
    }

    /// All tables as Markdown: medians, and in parentheses the lowest and the highest figure.
    pub(crate) fn tables(&self) -> String {
        let mut known = BTreeSet::new();
        let names = self.rows.iter().map(|row| row.table).filter(|name| known.insert(*name));
        names.map(|name| self.table(name)).collect()
    }

    fn table(&self, name: &str) -> String {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.table == name).collect();
        let targets: BTreeSet<Target> = rows.iter().flat_map(|row| row.figures.keys().copied()).collect();
        // Burrow's figures are compared with those of everyone else.
        let peers: Vec<Target> = targets.iter().copied().filter(|target| *target != Target::Burrow).collect();
        let mut lines =
            vec![["", ""].map(str::to_owned).to_vec(), vec!["---".to_owned(); 2 + targets.len() + peers.len()]];
        if let Some(heading) = lines.first_mut() {
            heading.extend(targets.iter().map(|target| target.name().to_owned()));
            heading.extend(peers.iter().map(|peer| format!("Burrow / {}", peer.name())));
        }
        for row in rows {
            let mut line = vec![row.what.clone(), row.unit.to_owned()];
            line.extend(targets.iter().map(|target| row.figures.get(target).map_or_else(String::new, |all| cell(all))));
            line.extend(
                peers.iter().map(|peer| row.ratio(*peer).map_or_else(String::new, |ratio| format!("{ratio:.2}"))),
            );
            lines.push(line);
        }
        let lines: Vec<String> = lines.iter().map(|cells| format!("| {} |", cells.join(" | "))).collect();
        format!("\n## {name}\n\n{}\n", lines.join("\n"))
    }
}

impl Row {
    /// Burrow's median divided by that of a peer.
    fn ratio(&self, peer: Target) -> Option<f64> {
        let peer = quantile(self.figures.get(&peer)?, 0.5);
        (peer > 0.0).then(|| Some(quantile(self.figures.get(&Target::Burrow)?, 0.5) / peer))?
    }
}

/// The figure below which lies this part of the figures (nearest rank), or 0 if there are none.
pub(crate) fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small and not negative")]
    let rank = (sorted.len() as f64 * part).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn cell(figures: &[f64]) -> String {
    let (least, most) = (quantile(figures, 0.0), quantile(figures, 1.0));
    let median = shown(quantile(figures, 0.5));
    if figures.len() > 1 { format!("{median} ({} to {})", shown(least), shown(most)) } else { median }
}

/// A figure with about three digits.
fn shown(figure: f64) -> String {
    let digits = match figure.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{figure:.digits$}");
    // Thousands are separated.
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or_else(|| grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_ranks() {
        let figures: Vec<f64> = (1..=100).map(f64::from).collect();
        let of = |part| shown(quantile(&figures, part));
        assert_eq!([of(0.0), of(0.5), of(0.99), of(1.0)], ["1.00", "50.0", "99.0", "100"]);
        assert_eq!(shown(quantile(&[3.0, 1.0, 2.0], 0.5)), "2.00");
        assert_eq!(shown(quantile(&[], 0.5)), "0.00");
    }

    #[test]
    fn the_table_has_medians_spreads_and_ratios() {
        let mut results = Results::default();
        for figure in [2.0, 1.0, 4.0] {
            results.note("Ingest", "speed", "MB/s", Target::Burrow, figure);
        }
        results.note("Ingest", "speed", "MB/s", Target::Go, 4.0);
        results.note("Ingest", "images lost", "", Target::Go, 12_345.0);
        let table = "\n## Ingest\n\n|  |  | Burrow | Go peer | Burrow / Go peer |\n| --- | --- | --- | --- | --- |\n\
            | speed | MB/s | 2.00 (1.00 to 4.00) | 4.00 | 0.50 |\n| images lost |  |  | 12,345 |  |\n";
        assert_eq!(results.tables(), table);
    }

    #[test]
    fn a_table_is_printed_once_though_others_come_between_its_rows() {
        let mut results = Results::default();
        for table in ["Sizes", "Views", "Sizes"] {
            results.note(table, table, "", Target::Burrow, 1.0);
        }
        results.note("Sizes", "all", "", Target::Go, 1.0);
        assert_eq!(results.tables().matches("\n## ").count(), 2);
    }
}
