//! Text tables in Juju's layout.

use std::collections::BTreeMap;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// At the right edge, as numbers do.
    Right,
}

/// A table: cells padded with two spaces, the last cell of a line not padded.
#[derive(Debug, Default)]
pub(crate) struct TextTable {
    rows: Vec<Vec<String>>,
    aligns: BTreeMap<usize, Align>,
    padded_end: bool,
}

impl TextTable {
    /// Makes a table with a header.
    pub(crate) fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self::default();
        table.row(header);
        table
    }

    /// Aligns a column; columns stand at the left by themselves.
    pub(crate) fn align(mut self, column: usize, align: Align) -> Self {
        self.aligns.insert(column, align);
        self
    }

    /// Pads the last column as well: Juju ends the lines of some tables with a tab.
    pub(crate) fn padded_end(mut self) -> Self {
        self.padded_end = true;
        self
    }

    /// Adds a row.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Renders the table, one line per row.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let last_padded = |index: usize, row: &[String]| self.padded_end || index + 1 < row.len();
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter(|row| last_padded(column, row))
                .filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (index, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[index].saturating_sub(cell.chars().count()));
                match (
                    self.aligns.get(&index).copied().unwrap_or_default(),
                    last_padded(index, row),
                ) {
                    (Align::Right, true) => text.extend([&gap, cell, "  "]),
                    (Align::Right, false) => text.extend([&gap, cell.as_str()]),
                    (Align::Left, true) => text.extend([cell, &gap, "  "]),
                    (Align::Left, false) => text.push_str(cell),
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = TextTable::new(["App", "Scale", "Message"]).align(1, Align::Right);
        table.row(["database", "1", ""]);
        table.row(["web", "10", "a long message"]);
        assert_eq!(
            table.render(),
            "App       Scale  Message\ndatabase      1  \nweb          10  a long message\n"
        );
        assert_eq!(TextTable::default().render(), "");
    }
}
