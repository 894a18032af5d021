//! Figures as SVG: lines over an axis, or a bar for each layer, on white, with a legend beside
//! them.

use plotters::coord::Shift;
use plotters::element::{DashedPathElement, DynElement, IntoDynElement};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Size of a figure's parts, in pixels.
const WIDTH: u32 = 960;
const PLOT_HEIGHT: u32 = 480;
const MARGIN: u32 = 16;
const CAPTION_LINE: u32 = 20;
const LEGEND_LINE: i32 = 18;
const SAMPLE: i32 = 30;
const BAR: u32 = 20;
/// Width that a character takes on average, for room: nothing here measures fonts.
const CHARACTER: u32 = 7;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0x66, 0x66, 0x66);

/// How many colours are told apart.
pub const COLOURS: usize = 8;
/// Colours that the colour-blind tell apart (Okabe and Ito 2008), with brown for the yellow that
/// white swallows.
const PALETTE: [RGBColor; COLOURS] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x8B, 0x5A, 0x2B),
    RGBColor(0x00, 0x00, 0x00),
];
/// Lengths of dashes and of the gaps between them. The first line is unbroken.
const DASHES: [Option<(i32, i32)>; 6] =
    [None, Some((7, 4)), Some((2, 4)), Some((14, 4)), Some((4, 9)), Some((1, 7))];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawResult<T> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// What stands above a figure: what it shows, and what that is of.
pub struct Caption {
    /// One line.
    pub title: String,
    /// Lines below it.
    pub subtitle: Vec<String>,
}

/// An axis.
pub struct Axis {
    /// Its quantity with its unit.
    pub name: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Digits after the point of its labels; with 0, only whole numbers are labelled.
    pub decimals: usize,
}

/// A line, its name and its look.
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
    /// How far the whisker of each point reaches up and down, where it has one; empty where none has.
    pub errors: Vec<Option<f64>>,
    /// Colour and shape of its points.
    pub look: Look,
    /// Which of the patterns of dashes it has.
    pub dash: usize,
}

/// Colour of a line, and whether its points are marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// The n-th of the colours that are told apart, with marks of the n-th shape.
    Distinct(usize),
    /// Marks alone, for points that have no order: the n-th colour and the n-th shape.
    Scattered {
        /// Which colour.
        colour: usize,
        /// Which shape.
        shape: usize,
    },
    /// A place on a scale from 0 (dark) to 1 (light), without marks: one of many lines that are in
    /// an order.
    Ordered(f64),
}

/// A value to compare with, as a thin line across the plot.
pub struct Reference {
    /// What it is.
    pub name: String,
    /// Where.
    pub value: f64,
    /// End of the line at which its name stands: the one that is likely to be free.
    pub named_at: End,
}

/// An end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its left or lower one.
    First,
    /// Its right or upper one.
    Last,
}

/// Lines over an axis.
pub struct LineFigure {
    /// What it shows.
    pub caption: Caption,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// Lines in the legend's order.
    pub lines: Vec<Line>,
    /// Values of y to compare with.
    pub references: Vec<Reference>,
}

/// A bar.
pub struct Bar {
    /// Name beside it.
    pub name: String,
    /// Length, from 0.
    pub value: f64,
    /// Index of its group.
    pub group: usize,
}

/// A horizontal bar for each name.
pub struct BarFigure {
    /// What it shows.
    pub caption: Caption,
    /// From left to right; it begins at 0.
    pub x: Axis,
    /// Bars from top to bottom.
    pub bars: Vec<Bar>,
    /// Names of the groups, in the legend.
    pub groups: Vec<String>,
    /// Name of a value of x to compare with, in the legend, and the value.
    pub reference: (String, f64),
}

impl LineFigure {
    /// The figure as SVG.
    ///
    /// # Errors
    /// If it can't be drawn.
    pub fn svg(&self) -> DrawResult<String> {
        let names: Vec<&str> = self.lines.iter().map(|line| line.name.as_str()).collect();
        let legend = Legend::new(&names);
        let top = self.caption.height();
        let mut svg = String::new();
        {
            let size = (WIDTH, top + PLOT_HEIGHT.max(legend.height()) + MARGIN);
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            root.fill(&WHITE)?;
            self.caption.draw(&root)?;
            self.draw_plot(&root.clone().shrink((0, top), (WIDTH - legend.width, PLOT_HEIGHT)))?;
            for (index, line) in self.lines.iter().enumerate() {
                let (sample, text) = legend.place(index, top);
                if let Some(stroke) = line.stroke(vec![sample, (sample.0 + SAMPLE, sample.1)]) {
                    root.draw(&stroke)?;
                }
                if let Some(mark) = line.mark((sample.0 + SAMPLE / 2, sample.1)) {
                    root.draw(&mark)?;
                }
                root.draw(&Text::new(
                    line.name.clone(),
                    text,
                    style(12.0, &INK, HPos::Left, VPos::Center),
                ))?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    fn draw_plot(&self, area: &Area<'_>) -> DrawResult<()> {
        let mut chart = ChartBuilder::on(area)
            .margin(MARGIN)
            .x_label_area_size(48)
            .y_label_area_size(58)
            .build_cartesian_2d(self.x.from..self.x.to, self.y.from..self.y.to)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT.mix(0.25))
            .axis_style(FAINT)
            .x_desc(self.x.name.as_str())
            .y_desc(self.y.name.as_str())
            .axis_desc_style(style(14.0, &INK, HPos::Center, VPos::Top))
            .x_label_style(style(12.0, &INK, HPos::Center, VPos::Top))
            .y_label_style(style(12.0, &INK, HPos::Right, VPos::Center))
            .x_label_formatter(&|value| self.x.label(*value))
            .y_label_formatter(&|value| self.y.label(*value))
            .draw()?;
        for Reference { name, value, named_at } in &self.references {
            let ends = [(self.x.from, *value), (self.x.to, *value)];
            chart.draw_series([dashed(ends.to_vec(), (4, 4), FAINT.stroke_width(1))])?;
            let (end, side) = match named_at {
                End::First => (ends[0], HPos::Left),
                End::Last => (ends[1], HPos::Right),
            };
            let text = Text::new(name.clone(), (0, -3), style(12.0, &FAINT, side, VPos::Bottom));
            chart.draw_series([EmptyElement::at(end) + text])?;
        }
        for line in &self.lines {
            chart.draw_series(line.whiskers())?;
            chart.draw_series(line.stroke(line.points.clone()))?;
            chart.draw_series(line.points.iter().filter_map(|&point| line.mark(point)))?;
        }
        Ok(())
    }
}

impl BarFigure {
    /// The figure as SVG.
    ///
    /// # Errors
    /// If it can't be drawn.
    pub fn svg(&self) -> DrawResult<String> {
        let names: Vec<&str> =
            self.groups.iter().chain([&self.reference.0]).map(String::as_str).collect();
        let legend = Legend::new(&names);
        let top = self.caption.height();
        // The axis with its name takes 48 pixels below the bars.
        let height = (self.bars.len() as u32 * BAR + 48 + 2 * MARGIN).max(legend.height());
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, top + height)).into_drawing_area();
            root.fill(&WHITE)?;
            self.caption.draw(&root)?;
            self.draw_plot(&root, (0, top), (WIDTH - legend.width, height))?;
            for (index, name) in self.groups.iter().enumerate() {
                let ((x, y), text) = legend.place(index, top);
                root.draw(&Rectangle::new(
                    [(x + SAMPLE - 14, y - 6), (x + SAMPLE, y + 6)],
                    colour(index).filled(),
                ))?;
                root.draw(&Text::new(
                    name.clone(),
                    text,
                    style(12.0, &INK, HPos::Left, VPos::Center),
                ))?;
            }
            let ((x, y), text) = legend.place(self.groups.len(), top);
            // Upright, as it is in the plot.
            let sample = vec![(x + SAMPLE - 7, y - 8), (x + SAMPLE - 7, y + 8)];
            root.draw(&dashed(sample, (4, 4), FAINT.stroke_width(1)))?;
            root.draw(&Text::new(
                self.reference.0.clone(),
                text,
                style(12.0, &INK, HPos::Left, VPos::Center),
            ))?;
            root.present()?;
        }
        Ok(svg)
    }

    fn draw_plot(&self, root: &Area<'_>, corner: (u32, u32), size: (u32, u32)) -> DrawResult<()> {
        let area = root.clone().shrink(corner, size);
        let longest =
            self.bars.iter().map(|bar| bar.name.chars().count() as u32).max().unwrap_or(0);
        let count = self.bars.len() as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(MARGIN)
            .x_label_area_size(48)
            .y_label_area_size(longest * CHARACTER + 16)
            .build_cartesian_2d(self.x.from..self.x.to, 0.0..count)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT.mix(0.25))
            .axis_style(FAINT)
            .x_desc(self.x.name.as_str())
            .axis_desc_style(style(14.0, &INK, HPos::Center, VPos::Top))
            .x_label_style(style(12.0, &INK, HPos::Center, VPos::Top))
            .x_label_formatter(&|value| self.x.label(*value))
            .draw()?;
        for (index, bar) in self.bars.iter().enumerate() {
            let bottom = count - 1.0 - index as f64;
            let corners = [(0.0, bottom + 0.15), (bar.value, bottom + 0.85)];
            chart.draw_series([Rectangle::new(corners, colour(bar.group).filled())])?;
            let value = Text::new(
                format!("{:.3}", bar.value),
                (5, 0),
                style(11.0, &INK, HPos::Left, VPos::Center),
            );
            chart.draw_series([EmptyElement::at((bar.value, bottom + 0.5)) + value])?;
            let (x, y) = chart.backend_coord(&(0.0, bottom + 0.5));
            root.draw(&Text::new(
                bar.name.clone(),
                (x - 8, y),
                style(12.0, &INK, HPos::Right, VPos::Center),
            ))?;
        }
        let value = self.reference.1;
        chart.draw_series([dashed(
            vec![(value, 0.0), (value, count)],
            (4, 4),
            FAINT.stroke_width(1),
        )])?;
        Ok(())
    }
}

impl Caption {
    fn height(&self) -> u32 {
        MARGIN + 6 + CAPTION_LINE * (1 + self.subtitle.len() as u32)
    }

    fn draw(&self, area: &Area<'_>) -> DrawResult<()> {
        let at = |line: usize| (MARGIN as i32, (MARGIN + CAPTION_LINE * line as u32) as i32);
        area.draw(&Text::new(self.title.clone(), at(0), style(17.0, &INK, HPos::Left, VPos::Top)))?;
        for (index, line) in self.subtitle.iter().enumerate() {
            let place = (at(index + 1).0, at(index + 1).1 + 5);
            area.draw(&Text::new(line.clone(), place, style(12.0, &FAINT, HPos::Left, VPos::Top)))?;
        }
        Ok(())
    }
}

impl Axis {
    fn label(&self, value: f64) -> String {
        // Ticks are sums of steps, so a whole number may be missed by a few last bits.
        if self.decimals == 0 && (value - value.round()).abs() > 1e-6 {
            return String::new();
        }
        format!("{value:.*}", self.decimals)
    }
}

impl Line {
    fn colour(&self) -> RGBColor {
        match self.look {
            Look::Distinct(index) | Look::Scattered { colour: index, .. } => colour(index),
            // The scale's last sixth is a yellow that white swallows.
            Look::Ordered(place) => ViridisRGB.get_color_normalized(0.85 * place as f32, 0.0, 1.0),
        }
    }

    fn stroke<'a, C: Clone + 'static>(
        &self,
        points: Vec<C>,
    ) -> Option<DynElement<'static, SVGBackend<'a>, C>> {
        if let Look::Scattered { .. } = self.look {
            return None;
        }
        let style = self.colour().stroke_width(2);
        Some(match DASHES[self.dash % DASHES.len()] {
            None => PathElement::new(points, style).into_dyn(),
            Some(lengths) => dashed(points, lengths, style),
        })
    }

    fn whiskers<'a>(&self) -> Vec<DynElement<'static, SVGBackend<'a>, (f64, f64)>> {
        let whisker = |(&(x, y), &error): (&(f64, f64), &Option<f64>)| {
            let error = error?;
            let ends = vec![(x, y - error), (x, y + error)];
            Some(PathElement::new(ends, self.colour().stroke_width(1)).into_dyn())
        };
        self.points.iter().zip(&self.errors).filter_map(whisker).collect()
    }

    fn mark<'a, C: Clone + 'static>(
        &self,
        place: C,
    ) -> Option<DynElement<'static, SVGBackend<'a>, C>> {
        let shape = match self.look {
            // Shifted with every round of the colours, so that no two of 32 lines look the same.
            Look::Distinct(index) => index + index / PALETTE.len(),
            Look::Scattered { shape, .. } => shape,
            Look::Ordered(_) => return None,
        };
        let filled = self.colour().filled();
        let outlined = self.colour().stroke_width(2);
        Some(match shape % 4 {
            0 => Circle::new(place, 4, filled).into_dyn(),
            1 => TriangleMarker::new(place, 5, filled).into_dyn(),
            2 => Cross::new(place, 4, outlined).into_dyn(),
            _ => Circle::new(place, 4, outlined).into_dyn(),
        })
    }
}

fn dashed<'a, C: Clone + 'static>(
    points: Vec<C>,
    (length, gap): (i32, i32),
    style: ShapeStyle,
) -> DynElement<'static, SVGBackend<'a>, C> {
    DashedPathElement::new(points, length, gap, style).into_dyn()
}

/// Names beside the plot, from the top down.
struct Legend {
    width: u32,
    lines: u32,
}

impl Legend {
    fn new(names: &[&str]) -> Self {
        let longest = names.iter().map(|name| name.chars().count() as u32).max().unwrap_or(0);
        Self { width: longest * CHARACTER + SAMPLE as u32 + 2 * MARGIN, lines: names.len() as u32 }
    }

    fn height(&self) -> u32 {
        self.lines * LEGEND_LINE as u32 + 2 * MARGIN
    }

    /// Where an entry's sample begins and where its text does.
    fn place(&self, index: usize, top: u32) -> ((i32, i32), (i32, i32)) {
        let x = (WIDTH - self.width) as i32;
        let y = (top + MARGIN) as i32 + LEGEND_LINE * index as i32 + LEGEND_LINE / 2;
        ((x, y), (x + SAMPLE + 8, y))
    }
}

fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

fn style(
    size: f64,
    colour: &'static RGBColor,
    horizontal: HPos,
    vertical: VPos,
) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font())
        .color(colour)
        .pos(Pos::new(horizontal, vertical))
}
