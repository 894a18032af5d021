//! An allocation's file: JSON, or CSV with a line for each layer, as `rrlab allocate` prints them.
//!
//! CSV says everything that JSON does: what holds for the whole allocation stands on every line,
//! and is the same there.

use rrlab_types::{Allocation, AllocationError, LayerAllocation};
use serde_json::{Map, Value};

/// A column of CSV and how its cells are read. A number or a list is JSON; a name that looks like a
/// number is still a text.
#[derive(Debug, Clone, Copy)]
enum Column {
    Text(&'static str),
    Json(&'static str),
}

/// What differs from layer to layer.
const LAYER_COLUMNS: [Column; 7] = [
    Column::Text("name"),
    Column::Text("role"),
    Column::Json("shape"),
    Column::Json("weights"),
    Column::Json("kept"),
    Column::Json("density"),
    Column::Text("state"),
];

/// What holds for the whole allocation. The sum of the layers' `kept` is not there: it follows.
const WHOLE_COLUMNS: [Column; 13] = [
    Column::Text("rule"),
    Column::Json("sparsity"),
    Column::Json("budget"),
    Column::Text("settings.repair"),
    Column::Json("settings.alpha"),
    Column::Text("settings.prior"),
    Column::Json("settings.share_exponent"),
    Column::Json("settings.classifier_weight"),
    Column::Json("settings.floor"),
    Column::Json("constraints"),
    Column::Text("model_hash"),
    Column::Text("profile_hash"),
    Column::Json("selection"),
];

/// Columns of the table for people.
pub const TABLE_COLUMNS: [&str; 7] =
    ["layer", "role", "shape", "weights", "kept", "density", "state"];

/// Why a file's text is no allocation.
#[derive(Debug, thiserror::Error)]
pub enum AllocationFileError {
    /// A table, which has lost digits and says nothing of the network.
    #[error(
        "this is the table that `rrlab allocate` prints for people, which does not say what it is of; write \
         `rrlab allocate … --format json > allocation.json` (or --format csv)"
    )]
    Table,
    /// A cell that can't be.
    #[error("line {line}: `{text}` in column {column} is not a number or a list")]
    Cell {
        /// Line in the file, from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// A line that is no layer.
    #[error("line {line}: {problem}")]
    Layer {
        /// Line in the file, from 1.
        line: u64,
        /// What is wrong.
        problem: serde_json::Error,
    },
    /// Lines of two allocations.
    #[error(
        "line {line} is of another allocation than the lines before it: they differ in more than the layer"
    )]
    Mixed {
        /// Line in the file, from 1.
        line: u64,
    },
    /// A header and nothing below it.
    #[error("it has no layers")]
    Empty,
    /// Not CSV.
    #[error("not an allocation as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// Not an allocation, or one that contradicts itself.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

/// Paths of all columns, in order.
pub fn csv_columns() -> Vec<&'static str> {
    LAYER_COLUMNS.iter().chain(&WHOLE_COLUMNS).map(|column| column.path()).collect()
}

/// The allocation that this text holds.
///
/// # Errors
/// What it holds instead, or where it is broken.
pub fn parse(text: &str) -> Result<Allocation, AllocationFileError> {
    if is_table(text) {
        return Err(AllocationFileError::Table);
    }
    if is_csv(text) { from_csv(text) } else { Ok(Allocation::from_json(text)?) }
}

/// Whether this is the table that people read.
pub fn is_table(text: &str) -> bool {
    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    header.split_whitespace().eq(TABLE_COLUMNS)
}

/// Whether this is an allocation as CSV, whole or broken: spreadsheets put a byte-order mark first.
pub fn is_csv(text: &str) -> bool {
    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    let names: Vec<&str> = header.split(',').map(|name| name.trim_matches('"')).collect();
    // Other results have layers and what they keep, too; a budget is an allocation's alone.
    names.contains(&"name") && names.contains(&"budget")
}

fn from_csv(text: &str) -> Result<Allocation, AllocationFileError> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers()?.clone();
    let mut layers: Vec<LayerAllocation> = Vec::new();
    let mut whole: Option<Map<String, Value>> = None;
    for record in reader.records() {
        let record = record?;
        let line = Line { header: &header, record: &record };
        layers.push(line.layer()?);
        let here = line.read(&WHOLE_COLUMNS)?;
        match &whole {
            None => whole = Some(here),
            Some(before) if *before == here => {}
            Some(_) => return Err(AllocationFileError::Mixed { line: line.number() }),
        }
    }
    let mut whole = whole.ok_or(AllocationFileError::Empty)?;
    whole.insert("kept".into(), layers.iter().map(|layer| layer.kept).sum::<usize>().into());
    whole.insert("layers".into(), serde_json::to_value(layers).map_err(AllocationError::from)?);
    let allocation: Allocation =
        serde_json::from_value(whole.into()).map_err(AllocationError::from)?;
    allocation.check()?;
    Ok(allocation)
}

struct Line<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Line<'_> {
    fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn layer(&self) -> Result<LayerAllocation, AllocationFileError> {
        let value = Value::from(self.read(&LAYER_COLUMNS)?);
        serde_json::from_value(value)
            .map_err(|problem| AllocationFileError::Layer { line: self.number(), problem })
    }

    /// The cells of these columns as they stand in JSON. An empty cell is a field that is not
    /// there.
    fn read(&self, columns: &[Column]) -> Result<Map<String, Value>, AllocationFileError> {
        let mut fields = Map::new();
        for &column in columns {
            let index = self.header.iter().position(|name| name == column.path());
            let text = index.and_then(|index| self.record.get(index)).unwrap_or_default();
            if !text.is_empty() {
                insert(&mut fields, column.path(), self.value(column, text)?);
            }
        }
        Ok(fields)
    }

    fn value(&self, column: Column, text: &str) -> Result<Value, AllocationFileError> {
        match column {
            Column::Text(_) => Ok(text.into()),
            Column::Json(path) => serde_json::from_str(text).map_err(|_| {
                AllocationFileError::Cell { line: self.number(), column: path, text: text.into() }
            }),
        }
    }
}

/// Puts a value at a path of one or two names.
fn insert(fields: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((outer, inner)) = path.split_once('.') else {
        fields.insert(path.into(), value);
        return;
    };
    let outer = fields.entry(outer).or_insert_with(|| Map::new().into());
    if let Value::Object(outer) = outer {
        outer.insert(inner.into(), value);
    }
}

impl Column {
    fn path(self) -> &'static str {
        match self {
            Self::Text(path) | Self::Json(path) => path,
        }
    }
}
