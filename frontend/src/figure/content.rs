//! What a figure shows and says.

use std::pin::Pin;

use leptos::prelude::*;

use super::source::FigureSource;
use super::width::FigureWidth;
use crate::lab::Lab;

/// An SVG text in the colours of white paper, as soon as it is drawn, or why there is none.
pub type Drawn = Pin<Box<dyn Future<Output = Result<String, String>>>>;

/// Draws what is seen for a width on paper.
pub type Draw = Callback<FigureWidth, Drawn>;

/// Something on the page that can be a figure of a paper.
#[derive(Clone, Copy)]
pub struct Figure {
    /// The lab that it speaks of.
    pub lab: Lab,
    /// Beginning of the names of its files.
    pub name: StoredValue<String>,
    /// First words of its caption.
    pub title: Signal<String>,
    /// What its numbers are of.
    pub source: Callback<(), FigureSource>,
    pub draw: Draw,
}
