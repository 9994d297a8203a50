//! Plain tables.

use console::Term;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::printable;

/// Which side of its column a text keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// What stands before a column that was moved below its row.
const BELOW: &str = "    ";

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
    /// So many of the last columns may move below their row when the terminal is too narrow.
    may_fold: usize,
}

impl Table {
    /// A table with these headings and no rows yet.
    pub fn new<const N: usize>(columns: [(&'static str, Align); N]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), may_fold: 0 }
    }

    /// A table whose last columns, the `folded` ones, move below their row where a line would be wider than the terminal.
    pub fn folding<const N: usize>(folded: &[&'static str], columns: [(&'static str, Align); N]) -> Self {
        let may_fold = columns.iter().rev().take_while(|(name, _)| folded.contains(name)).count();
        Self { may_fold, ..Self::new(columns) }
    }

    /// Adds a row. Cells beyond the headings are dropped, missing ones stay empty.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The table as text, or `nothing` when it has no rows. On a terminal lines are cut at its width.
    pub fn render(&self, nothing: &str) -> String {
        let (_, width) = Term::stdout().size_checked().unwrap_or((0, u16::MAX));
        self.render_within(nothing, width.into())
    }

    fn render_within(&self, nothing: &str, width: usize) -> String {
        if self.rows.is_empty() {
            return nothing.to_owned();
        }
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let widths = self.widths(&headings);
        let across: usize = widths.iter().map(|cell| cell + 2).sum::<usize>().saturating_sub(2);
        let beside = if across > width { widths.len() - self.may_fold } else { widths.len() };
        let mut lines = vec![self.line(&headings, &widths[..beside], width)];
        for row in &self.rows {
            lines.push(self.line(row, &widths[..beside], width));
            lines.extend(row.iter().skip(beside).map(|cell| cut(&format!("{BELOW}{cell}"), width)));
        }
        lines.join("\n")
    }

    fn widths(&self, headings: &Vec<String>) -> Vec<usize> {
        let widest = |at: usize| {
            self.rows.iter().chain([headings]).filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0)
        };
        (0..self.columns.len()).map(widest).collect()
    }

    fn line(&self, row: &[String], widths: &[usize], width: usize) -> String {
        let mut line = String::new();
        for ((cell, (_, align)), cell_width) in row.iter().zip(&self.columns).zip(widths) {
            let padding = " ".repeat(cell_width.saturating_sub(cell.width()));
            match align {
                Align::Left => line.extend([cell, padding.as_str(), "  "]),
                Align::Right => line.extend([padding.as_str(), cell, "  "]),
            }
        }
        cut(line.trim_end(), width)
    }
}

fn cut(line: &str, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let mut used = 0;
    let kept: String = line
        .chars()
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used < width
        })
        .collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([("company", Align::Left), ("score", Align::Right), ("why", Align::Left)]);
        table.row(["新加坡 Pte".into(), "0.71".into(), "hires now".into()]);
        table.row(["Tan".into(), "1".into(), "an\u{1b}[2Jescape".into()]);
        table
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        assert_eq!(
            table().render_within("none", 80),
            "company     score  why\n新加坡 Pte   0.71  hires now\nTan             1  an [2Jescape"
        );
    }

    #[test]
    fn a_line_is_cut_at_the_width_of_the_terminal() {
        assert!(table().render_within("none", 20).lines().all(|line| line.width() <= 20));
    }

    #[test]
    fn what_may_fold_stands_below_its_row_on_a_narrow_terminal_alone() {
        let mut table =
            Table::folding(&["why"], [("company", Align::Left), ("score", Align::Right), ("why", Align::Left)]);
        table.row(["Tan".into(), "1".into(), "hires now and sells widely".into()]);
        assert_eq!(table.render_within("none", 80), "company  score  why\nTan          1  hires now and sells widely");
        assert_eq!(table.render_within("none", 31), "company  score\nTan          1\n    hires now and sells widely");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Table::new([("a", Align::Left)]).render("none yet"), "none yet");
    }
}
