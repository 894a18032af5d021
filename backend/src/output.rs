//! Results on standard output: as a table, JSON or CSV.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::cli::Format;

/// Rows of named columns beside the value that they show.
pub struct Report<'a, T> {
    /// What JSON shows.
    pub value: &'a T,
    /// Names of the columns of table and CSV.
    pub columns: &'a [&'a str],
    /// Rows of table and CSV.
    pub rows: Vec<Vec<String>>,
    /// A line below the table.
    pub summary: Option<String>,
}

impl<T: Serialize> Report<'_, T> {
    /// Prints the report.
    pub fn print(&self, format: Format) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = match format {
            Format::Table => self.write_table(&mut out),
            Format::Json => serde_json::to_writer_pretty(&mut out, self.value)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out)),
            Format::Csv => self.write_csv(&mut out),
        };
        match written {
            // The reader has seen enough: `rrlab … | head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    fn write_table(&self, out: &mut impl Write) -> std::io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(self.columns);
        self.rows.iter().for_each(|row| {
            table.add_row(row);
        });
        let number = |text: &String| text.parse::<f64>().is_ok() || text.ends_with('%');
        for (index, column) in table.column_iter_mut().enumerate() {
            if self.rows.iter().all(|row| row.get(index).is_none_or(number)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(out, "{table}")?;
        self.summary.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn write_csv(&self, out: &mut impl Write) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(self.columns)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        writer.flush()
    }
}

/// A fraction as a percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:.2}%", 100.0 * fraction)
}

/// A weight's shape, as in `64×32×3×3`.
pub fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}
