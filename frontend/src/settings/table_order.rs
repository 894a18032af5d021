//! How the table of layers is sorted.

use std::fmt::Display;
use std::str::FromStr;

use crate::choices::choices;

choices! {
    /// Columns of the table of layers.
    Column {
        Order = "order", "#";
        Name = "layer", "layer";
        Role = "role", "role";
        Weights = "weights", "weights";
        Macs = "macs", "MACs";
        Kept = "kept", "kept";
        Density = "density", "density";
        Raw = "raw", "raw";
        Residual = "residual", "residual";
        Rr = "rr", "RR";
        State = "state", "state";
    }
}

/// Order of the table: a column, upwards or downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub column: Column,
    /// Whether the largest come first.
    pub descending: bool,
}

impl Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.column)
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let column = text.strip_prefix('-');
        Ok(Self { column: column.unwrap_or(text).parse()?, descending: column.is_some() })
    }
}

/// What `aria-sort` says of a column: whether the table is sorted by it, and how.
pub fn aria_sort(is_by_it: bool, descending: bool) -> &'static str {
    match (is_by_it, descending) {
        (false, _) => "none",
        (true, false) => "ascending",
        (true, true) => "descending",
    }
}
