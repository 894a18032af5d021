//! The colours of figures: those of the page, on white.

use serde::Serialize;

/// Colours of what is written and drawn.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Paper {
    /// Of what counts.
    pub ink: &'static str,
    /// Of what explains it.
    pub faint: &'static str,
    /// Of lines that help the eye.
    pub line: &'static str,
    /// Behind everything.
    pub ground: &'static str,
}

/// On white paper.
pub const PAPER: Paper =
    Paper { ink: "#1c2126", faint: "#59636d", line: "#d9dee2", ground: "#ffffff" };
