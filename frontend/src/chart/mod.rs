//! Charts by ECharts: what is drawn is a [`ChartSpec`]; hover, keyboard, a table for reading and
//! export are the same for all.

mod binding;
mod spec;
mod view;

pub use spec::{Axis, AxisScale, ChartSpec, Look, Mark, Series, Shade};
pub use view::Chart;
