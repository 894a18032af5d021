//! Figures for papers: a chart or a graph as wide as a column, with its fonts inside, a caption and
//! the commands that compute it again.

mod binding;
mod button;
mod content;
mod dialog;
mod latex;
mod paper;
mod source;
mod width;

pub use button::FigureButton;
pub use content::{Draw, Drawn, Figure};
pub use dialog::FigureDialog;
pub use paper::PAPER;
pub use source::{FigureSource, numbered};
pub use width::FigureWidth;
