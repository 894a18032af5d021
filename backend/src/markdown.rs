//! Tables and names in Markdown.

use comfy_table::{CellAlignment, Table, presets};

/// A table in Markdown; all columns but the first `words` hold numbers.
pub fn table(header: Vec<String>, rows: Vec<Vec<String>>, words: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A name of the command line, as code.
pub fn code(name: impl std::fmt::Display) -> String {
    format!("`{name}`")
}
