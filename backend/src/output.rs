//! Results on standard output: a table for people, JSON or CSV for programs.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use rrlab_types::glossary::{self, Entry};
use rrlab_types::{DrawnEntries, Rule};
use serde::Serialize;
use serde_json::Value;

use crate::cli::Format;

/// A result in each of its forms.
pub struct Report<'a, T: ?Sized> {
    /// What JSON shows.
    pub value: &'a T,
    /// What of it CSV shows.
    pub csv: Csv<'a>,
    /// Names of the table's columns.
    pub columns: &'a [&'a str],
    /// Rows of the table, as people read them.
    pub rows: Vec<Vec<String>>,
    /// Lines below the table.
    pub summary: Option<String>,
}

/// What of a JSON value CSV shows. A column bears the name that its values have there, as in `kept`
/// or `settings.alpha`. A list is one cell, written as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Csv<'a> {
    /// Path to the list whose items are the lines, as in `layers`, or `runs.epochs` for those of
    /// all runs. Empty: the value is the list itself, or the only line.
    pub lines: &'a str,
    /// Paths of the columns, inside an item or, where it lacks that, inside what surrounds it.
    pub columns: &'a [&'a str],
}

impl<T: Serialize + ?Sized> Report<'_, T> {
    /// Prints the report.
    pub fn print(&self, format: Format) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = match format {
            Format::Table => self.write_table(&mut out),
            Format::Json => serde_json::to_writer_pretty(&mut out, self.value)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out)),
            Format::Csv => self.csv.write(&serde_json::to_value(self.value)?, &mut out),
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
        for row in &self.rows {
            table.add_row(row);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            if self.rows.iter().all(|row| row.get(index).is_none_or(|cell| is_number(cell))) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(out, "{}", table.trim_fmt())?;
        if let Some(summary) = &self.summary {
            writeln!(out, "{summary}")?;
        }
        let legend = self.legend();
        if !legend.is_empty() {
            writeln!(out)?;
        }
        for entry in legend {
            writeln!(out, "{entry}")?;
        }
        Ok(())
    }

    /// The terms that stand in the table, as names of columns or as whole cells, in the glossary's
    /// order.
    fn legend(&self) -> Vec<&'static Entry> {
        let stands = |entry: &&Entry| {
            let is_term = |text: &str| entry.term.eq_ignore_ascii_case(text);
            self.columns.iter().any(|column| is_term(column))
                || self.rows.iter().flatten().any(|cell| is_term(cell))
        };
        glossary::ENTRIES.iter().filter(stands).collect()
    }
}

impl Csv<'_> {
    fn write(&self, value: &Value, out: &mut impl Write) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(self.columns)?;
        for nested in self.lines_of(value) {
            writer.write_record(self.columns.iter().map(|column| cell(&nested, column)))?;
        }
        writer.flush()
    }

    /// Each line's item after everything that surrounds it, from the outside in.
    fn lines_of<'v>(&self, value: &'v Value) -> Vec<Vec<&'v Value>> {
        let mut lines = items(&[], value);
        for name in self.lines.split('.').filter(|name| !name.is_empty()) {
            let inner = |nested: &Vec<&'v Value>| {
                let list = nested.last().and_then(|item| item.get(name));
                list.map_or_else(Vec::new, |list| items(nested, list))
            };
            lines = lines.iter().flat_map(inner).collect();
        }
        lines
    }
}

fn items<'v>(around: &[&'v Value], list: &'v Value) -> Vec<Vec<&'v Value>> {
    let nested = |item| [around, &[item]].concat();
    match list {
        Value::Array(list) => list.iter().map(nested).collect(),
        single => vec![nested(single)],
    }
}

/// The innermost value at this path; empty where there is none.
fn cell(nested: &[&Value], path: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    match nested.iter().rev().find_map(|value| value.pointer(&pointer)) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Whether a table shows this text on the right. A dash stands for a number that is not there.
fn is_number(text: &str) -> bool {
    text == NONE || text.trim_end_matches('%').parse::<f64>().is_ok()
}

/// What a table shows where there is no value.
pub const NONE: &str = "–";

/// A fraction as a percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:.2}%", 100.0 * fraction)
}

/// What the judge chose, in one draw or several: `rr`, or `rr, 2 of 3; lamp, 1 of 3`.
pub fn chosen_rules(chosen: &DrawnEntries<'_>) -> String {
    if let Some(rule) = chosen.rule() {
        return rule.to_string();
    }
    let draws = chosen.entries().len();
    let mut counts: Vec<(Rule, usize)> = Vec::new();
    for entry in chosen.entries() {
        match counts.iter_mut().find(|(rule, _)| *rule == entry.rule) {
            Some((_, count)) => *count += 1,
            None => counts.push((entry.rule, 1)),
        }
    }
    let counts = counts.iter().map(|(rule, count)| format!("{rule}, {count} of {draws}"));
    counts.collect::<Vec<_>>().join("; ")
}

/// A weight's shape for people, as in `64×32×3×3`.
pub fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(csv: Csv<'_>, value: &Value) -> String {
        let mut out = Vec::new();
        csv.write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_column_is_of_the_innermost_value_that_has_it() {
        let run = json!({ "rule": "rr", "kept": 3, "epochs": [{ "epoch": 1, "loss": 0.1 }, { "epoch": 2, "loss": null }] });
        let value = json!({ "kept": 9, "loss": 5, "plan": { "seed": 4 }, "runs": [run, { "rule": "erk", "epochs": [] }] });
        let csv = Csv {
            lines: "runs.epochs",
            columns: &["rule", "epoch", "kept", "loss", "plan.seed", "nothing"],
        };
        assert_eq!(
            written(csv, &value),
            "rule,epoch,kept,loss,plan.seed,nothing\nrr,1,3,0.1,4,\nrr,2,3,,4,\n"
        );
    }

    #[test]
    fn an_empty_list_still_has_a_header_and_a_list_is_one_cell() {
        let columns = &["name", "shape"];
        assert_eq!(written(Csv { lines: "", columns }, &json!([])), "name,shape\n");
        let value = json!({ "name": "fc", "shape": [10, 64] });
        assert_eq!(written(Csv { lines: "", columns }, &value), "name,shape\nfc,\"[10,64]\"\n");
    }
}
