//! Figures for papers: a chart or a graph as wide as a column, with its fonts inside, a caption and
//! the commands that compute it again.

mod binding;
mod button;
mod content;
mod dialog;
mod latex;
mod source;
mod width;

pub use button::FigureButton;
pub use content::{Draw, Drawn, Figure};
pub use dialog::FigureDialog;
pub use source::FigureSource;
pub use width::FigureWidth;
