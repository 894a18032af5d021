//! What a chart shows: axes, series and what stands out.

use serde::Serialize;

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Sparsity: by the logarithm of what is left, so that the range near 1 opens up.
    Sparsity,
    /// Plain numbers.
    Linear,
    /// Fractions, written in per cent.
    Percent,
    /// A place for each of [`Axis::categories`].
    Category,
}

/// An axis with its range and its ticks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// What it measures; stands beside it.
    pub title: String,
    pub scale: AxisScale,
    /// Least value shown; that of the data where there is none.
    pub min: Option<f64>,
    /// Largest value shown; that of the data where there is none.
    pub max: Option<f64>,
    /// Values that are written; chosen by the chart where there are none.
    pub ticks: Vec<f64>,
    /// Names, for [`AxisScale::Category`].
    pub categories: Vec<String>,
}

impl Axis {
    /// An axis of numbers.
    pub fn new(title: &str, scale: AxisScale) -> Self {
        Self {
            title: title.into(),
            scale,
            min: None,
            max: None,
            ticks: Vec::new(),
            categories: Vec::new(),
        }
    }

    /// The same axis from `min` to `max`.
    pub fn between(self, min: f64, max: f64) -> Self {
        Self { min: Some(min), max: Some(max), ..self }
    }

    /// An axis of sparsity from `min` to `max`, with ticks where people know sparsities.
    pub fn sparsity(min: f64, max: f64) -> Self {
        const WRITTEN: [f64; 12] =
            [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998];
        let ticks = WRITTEN.into_iter().filter(|tick| (min..=max).contains(tick)).collect();
        Self { ticks, ..Self::new("sparsity", AxisScale::Sparsity).between(min, max) }
    }

    /// An axis with a place for each name.
    pub fn names(names: Vec<String>) -> Self {
        Self { categories: names, ..Self::new("", AxisScale::Category) }
    }
}

/// Whether a series is drawn as a line or as bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    Line,
    Bar,
}

/// A colour and a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Look {
    /// As CSS writes it.
    pub colour: &'static str,
    /// Outline of the mark, a path of SVG in a square of ten.
    pub outline: &'static str,
}

/// A line or a row of bars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// What tells it from others of its name; empty where nothing must.
    pub note: &'static str,
    pub kind: SeriesKind,
    /// Where its points are; for names, the first number is their index.
    pub points: Vec<(f64, f64)>,
    /// How far a line's points may be off to either side, drawn as a band; empty where that is not
    /// told.
    pub errors: Vec<f64>,
    /// Whether the line is dashed.
    pub dashed: bool,
    /// Its colour and mark; by its place among the series where there is none.
    pub look: Option<Look>,
    /// A colour for each bar; empty where they have the series' own.
    pub bar_colours: Vec<&'static str>,
}

impl Series {
    /// A line with points at places `(x, y)`.
    pub fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            note: "",
            kind: SeriesKind::Line,
            points,
            errors: Vec::new(),
            dashed: false,
            look: None,
            bar_colours: Vec::new(),
        }
    }

    fn full_name(&self) -> String {
        [self.name.as_str(), self.note].join(" ").trim().to_owned()
    }

    /// The value at a place of the horizontal axis; empty where there is no point.
    fn written_value(&self, place: f64) -> String {
        let point = self.points.iter().find(|point| point.0 == place);
        point.map_or_else(String::new, |point| format!("{:.5}", point.1))
    }

    /// How far the value at a place may be off; empty where there is no point.
    fn written_error(&self, place: f64) -> String {
        let errors = self.points.iter().zip(&self.errors);
        let error = errors.into_iter().find(|(point, _)| point.0 == place);
        error.map_or_else(String::new, |(_, error)| format!("{error:.5}"))
    }

    /// Bars over the names of the horizontal axis, a value for each.
    pub fn bars(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let points =
            values.into_iter().enumerate().map(|(index, value)| (index as f64, value)).collect();
        Self { kind: SeriesKind::Bar, ..Self::line(name, points) }
    }
}

/// A stretch of the horizontal axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shade {
    pub from: f64,
    pub to: f64,
    pub label: String,
}

/// A place on the horizontal axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    pub at: f64,
    pub label: String,
}

/// All that a chart shows, as `chart.js` reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartSpec {
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    /// A stretch that stands out.
    pub shade: Option<Shade>,
    /// A place that stands out.
    pub mark: Option<Mark>,
    /// Whether names of series are listed, to be hidden and shown.
    pub legend: bool,
}

impl ChartSpec {
    /// A chart of these series, with nothing that stands out.
    pub fn new(x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { x, y, series, shade: None, mark: None, legend: false }
    }

    /// The numbers as a table: a head, and a row for each place on the horizontal axis.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let first = if self.x.title.is_empty() { "layer" } else { &self.x.title };
        let mut head = vec![first.to_owned()];
        for series in &self.series {
            head.push(series.full_name());
            if !series.errors.is_empty() {
                head.push(format!("{}, ±", series.full_name()));
            }
        }
        let mut rows = Vec::new();
        for place in self.places() {
            let mut row = vec![self.place_name(place)];
            for series in &self.series {
                row.push(series.written_value(place));
                if !series.errors.is_empty() {
                    row.push(series.written_error(place));
                }
            }
            rows.push(row);
        }
        (head, rows)
    }

    /// Every place of a point on the horizontal axis, in ascending order.
    fn places(&self) -> Vec<f64> {
        let points = self.series.iter().flat_map(|series| &series.points);
        let mut places: Vec<f64> = points.map(|point| point.0).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }

    fn place_name(&self, place: f64) -> String {
        match self.x.scale {
            AxisScale::Category => {
                self.x.categories.get(place as usize).cloned().unwrap_or_default()
            }
            _ => place.to_string(),
        }
    }
}
