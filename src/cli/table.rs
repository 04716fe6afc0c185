//! Tables as `kubectl` lays them out: no lines, never wrapped.

use comfy_table::{Cell as Inner, Color, ColumnConstraint, ContentArrangement, Width};

use super::output::lines;
use super::printer::Tone;
use super::text::plain;

const GAP: u16 = 3;

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A text, made harmless; nothing is shown as `-`.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = Some(text.as_ref()).filter(|text| !text.is_empty()).unwrap_or("-");
        Self { text: plain(text).into_owned(), tone: None }
    }

    /// The same, coloured.
    #[must_use]
    pub fn toned(self, tone: Tone) -> Self {
        Self { tone: Some(tone), ..self }
    }

    fn inner(&self) -> Inner {
        let cell = Inner::new(&self.text);
        match self.tone {
            Some(Tone::Good) => cell.fg(Color::DarkGreen),
            Some(Tone::Attention) => cell.fg(Color::DarkYellow),
            Some(Tone::Bad) => cell.fg(Color::DarkRed),
            Some(Tone::Strong) => cell.add_attribute(comfy_table::Attribute::Bold),
            Some(Tone::Faint) => cell.add_attribute(comfy_table::Attribute::Dim),
            None => cell,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows under one header.
#[derive(Clone, Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// How wide the columns of a table became, so that rows printed later stand under the same header.
#[derive(Clone, Debug, Default)]
pub struct Widths(Vec<u16>);

impl Table {
    /// A table with these columns and no rows yet.
    pub fn new(header: Vec<&'static str>) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The header and the rows, one a line, and the widths for rows to come.
    pub fn render(&self, colours: bool) -> (String, Widths) {
        let mut table = self.inner(colours);
        table.set_header(self.header.iter().map(|title| Cell::new(title).toned(Tone::Strong).inner()));
        Self::pad(&mut table);
        let widths = Widths(table.column_max_content_widths());
        (Self::lines(&table), widths)
    }

    /// Only the rows, one a line, at least as wide as those before.
    pub fn render_rows(&self, colours: bool, widths: &Widths) -> String {
        let mut table = self.inner(colours);
        Self::pad(&mut table);
        for (column, width) in table.column_iter_mut().zip(&widths.0) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + GAP)));
        }
        Self::lines(&table)
    }

    fn inner(&self, colours: bool) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if colours {
            table.enforce_styling().style_text_only();
        } else {
            table.force_no_tty();
        }
        table.add_rows(self.rows.iter().map(|row| row.iter().map(Cell::inner).collect::<Vec<_>>()));
        table
    }

    fn pad(table: &mut comfy_table::Table) {
        for column in table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
    }

    fn lines(table: &comfy_table::Table) -> String {
        // The last column's padding is of no use to anyone.
        lines(table.lines().map(|line| line.trim_end().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 2]]) -> Table {
        let mut table = Table::new(vec!["NAME", "MESSAGE"]);
        for row in rows {
            table.push(row.iter().map(Cell::new).collect());
        }
        table
    }

    #[test]
    fn columns_line_up_and_nothing_wraps() {
        let long = "x".repeat(500);
        let (text, widths) = table(&[["api-dev", "ok"], ["d", &long], ["e", ""]]).render(false);
        assert_eq!(text, format!("NAME      MESSAGE\napi-dev   ok\nd         {long}\ne         -\n"));
        assert_eq!(table(&[["f", "later"]]).render_rows(false, &widths), "f         later\n");
    }

    #[test]
    fn cells_are_harmless() {
        let (text, _) = table(&[["a\u{1b}[31m", "two\nlines"]]).render(false);
        assert_eq!(text, "NAME          MESSAGE\na\\u{1b}[31m   two\\nlines\n");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let mut coloured = Table::new(vec!["A", "B"]);
        coloured.push(vec![Cell::new("x").toned(Tone::Bad), Cell::new("y")]);
        let (text, _) = coloured.render(true);
        assert!(text.contains("\u{1b}["), "{text:?}");
        let (text, _) = coloured.render(false);
        assert_eq!(text, "A   B\nx   y\n");
    }
}
