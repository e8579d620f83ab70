//! Prints aligned tables that fit the terminal.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::output;

/// Blanks between columns.
const GAP: usize = 2;

/// Text in a table, and its style.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: output::plain(text).into_owned(), style: Style::new() }
    }

    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { style, ..Self::new(text) }
    }
}

/// A column's title and how it may shrink.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) is_number: bool,
    /// The least width to which the column may be cut, or `None` if it must not be cut.
    pub(crate) least: Option<usize>,
    /// If there is no room, the column with the highest number is left out first. A column with 0 is never left out.
    pub(crate) spare: u8,
}

/// A table, printed row by row.
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    /// The terminal's width. `None` means no limit: nothing is cut or left out, and there are no titles.
    room: Option<usize>,
    /// The width of the widest cell of each column so far.
    needed: [usize; N],
    /// The width of each column, or `None` if it is left out.
    widths: [Option<usize>; N],
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N], room: Option<usize>) -> Self {
        Self { columns, room, needed: [0; N], widths: [None; N] }
    }

    /// Widens the columns for these rows, as far as there is room.
    pub(crate) fn fit(&mut self, rows: &[[Cell; N]]) {
        for row in rows {
            for (needed, cell) in self.needed.iter_mut().zip(row) {
                *needed = (*needed).max(cell.text.width());
            }
        }
        let Some(room) = self.room else {
            self.widths = self.needed.map(Some);
            return;
        };
        // An empty column is left out.
        let mut widths: Vec<Option<usize>> = self
            .needed
            .iter()
            .zip(&self.columns)
            .map(|(needed, column)| (*needed > 0).then(|| (*needed).max(column.title.width())))
            .collect();
        let total = |widths: &[Option<usize>], least: bool| {
            let widths = widths.iter().zip(&self.columns).filter_map(|(width, column)| {
                width
                    .map(|width| if least { column.least.map_or(width, |least| least.min(width)) } else { width } + GAP)
            });
            widths.sum::<usize>().saturating_sub(GAP)
        };
        while total(&widths, true) > room {
            let spare =
                self.columns.iter().zip(&mut widths).filter(|(column, width)| column.spare > 0 && width.is_some());
            let Some((_, width)) = spare.max_by_key(|(column, _)| column.spare) else { break };
            *width = None;
        }
        let mut excess = total(&widths, false).saturating_sub(room);
        while excess > 0 {
            let cut = self.columns.iter().zip(&mut widths).filter_map(|(column, width)| {
                let width = width.as_mut()?;
                column.least.is_some_and(|least| least < *width).then_some(width)
            });
            let Some(widest) = cut.max_by_key(|width| **width) else { break };
            *widest -= 1;
            excess -= 1;
        }
        for (width, new) in self.widths.iter_mut().zip(widths) {
            *width = new;
        }
    }

    /// The row of titles, if the table goes to a terminal.
    pub(crate) fn titles(&self) -> Option<String> {
        let style = Style::new().bold();
        self.room?;
        Some(self.row(&std::array::from_fn(|n| Cell::styled(self.columns.get(n).map_or("", |c| c.title), style))))
    }

    pub(crate) fn row(&self, cells: &[Cell; N]) -> String {
        let mut row = String::new();
        let mut blanks = 0;
        for ((cell, width), column) in cells.iter().zip(self.widths).zip(&self.columns) {
            let Some(width) = width else { continue };
            let (text, style) = (cut(&cell.text, width), cell.style);
            let rest = width.saturating_sub(text.width());
            if column.is_number {
                blanks += rest;
            }
            if !text.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(row, "{:blanks$}{style}{text}{style:#}", "");
                blanks = 0;
            }
            blanks += GAP + if column.is_number { 0 } else { rest };
        }
        row
    }
}

/// Cuts text to at most this width.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let fits = c.width().unwrap_or(0) <= left;
        left = left.saturating_sub(c.width().unwrap_or(0));
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(room: Option<usize>) -> Table<3> {
        Table::new(
            [
                Column { title: "ID", is_number: false, least: None, spare: 0 },
                Column { title: "SIZE", is_number: true, least: None, spare: 1 },
                Column { title: "NAME", is_number: false, least: Some(4), spare: 0 },
            ],
            room,
        )
    }

    fn rows() -> [[Cell; 3]; 2] {
        [["one", "1 B", "otter and \u{1b}beaver"], ["three", "12 kB", "獺獺獺獺獺獺"]].map(|row| row.map(Cell::new))
    }

    fn shown(room: Option<usize>) -> Vec<String> {
        let mut table = table(room);
        table.fit(&rows());
        let titles = table.titles();
        let lines = titles.into_iter().chain(rows().into_iter().map(|row| table.row(&row)));
        lines.map(|line| anstream::adapter::strip_str(&line).to_string()).collect()
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        assert_eq!(shown(None), ["one      1 B  otter and \\u{1b}beaver", "three  12 kB  獺獺獺獺獺獺"]);
    }

    #[test]
    fn what_is_too_wide_is_cut_and_then_left_out() {
        assert_eq!(shown(Some(80))[0], "ID      SIZE  NAME");
        assert_eq!(shown(Some(22)), ["ID      SIZE  NAME", "one      1 B  otter a…", "three  12 kB  獺獺獺…"]);
        assert_eq!(shown(Some(12)), ["ID     NAME", "one    otte…", "three  獺獺…"]);
        for width in 9..40 {
            assert!(shown(Some(width)).iter().all(|line| line.width() <= width.max(11)), "{width}");
        }
    }

    #[test]
    fn a_column_with_nothing_in_it_is_left_out() {
        let mut table = table(Some(40));
        table.fit(&[["one", "", "otter"].map(Cell::new)]);
        assert_eq!(table.row(&["one", "", "otter"].map(Cell::new)).replace("\u{1b}[0m", ""), "one  otter");
    }
}
