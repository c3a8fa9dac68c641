//! Tables and sheets for people.
//!
//! Whatever is shown was written by somebody, so that control characters never reach the terminal.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// A column's heading and which way it is aligned.
pub(crate) struct Column(&'static str, CellAlignment);

/// A column of words.
pub(crate) const fn words(heading: &'static str) -> Column {
    Column(heading, CellAlignment::Left)
}

/// A column of figures.
pub(crate) const fn figures(heading: &'static str) -> Column {
    Column(heading, CellAlignment::Right)
}

/// Rows under headings, or the sentence `none` if there are no rows.
pub(crate) fn list<const N: usize>(
    columns: [Column; N],
    rows: impl IntoIterator<Item = [String; N]>,
    none: &str,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(
        columns.iter().map(|Column(heading, side)| Cell::new(heading).set_alignment(*side)),
    );
    for row in rows {
        let cells = columns.iter().zip(row);
        table.add_row(
            cells.map(|(Column(_, side), text)| Cell::new(plain(&text)).set_alignment(*side)),
        );
    }
    if table.is_empty() {
        return none.to_owned();
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// Labelled lines about one thing.
#[derive(Default)]
pub(crate) struct Sheet(Vec<(&'static str, String)>);

impl Sheet {
    /// Adds a line.
    pub(crate) fn line(mut self, label: &'static str, value: impl ToString) -> Self {
        self.0.push((label, plain(&value.to_string())));
        self
    }

    /// Adds a line if there is something to say.
    pub(crate) fn line_if(self, label: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.line(label, value),
            None => self,
        }
    }

    /// The sheet, its values under each other.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let lines: Vec<String> =
            self.0.iter().map(|(label, value)| format!("{label:width$}  {value}")).collect();
        lines.join("\n")
    }
}

/// The text without anything that could steer a terminal or turn its direction.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if steers(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_figures_right() {
        let rows = [["gene".to_owned(), "5".to_owned()], ["x".to_owned(), "100".to_owned()]];
        let text = list([words("project"), figures("GPUs")], rows, "none");
        assert_eq!(text, "project  GPUs\ngene        5\nx         100");
    }

    #[test]
    fn no_rows_are_a_sentence() {
        assert_eq!(list([words("project")], [], "you have no projects"), "you have no projects");
    }

    #[test]
    fn a_sheet_has_its_values_under_each_other() {
        let sheet = Sheet::default().line("id", 7).line("project", "gene").line_if("x", None::<u8>);
        assert_eq!(sheet.text(), "id       7\nproject  gene");
    }
}
