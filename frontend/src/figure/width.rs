//! How wide figures are printed.

use crate::choices::choices;

/// Pixels of CSS in a millimetre.
const PIXELS_A_MILLIMETRE: f64 = 96.0 / 25.4;

choices! {
    /// The width of a figure on paper.
    FigureWidth {
        /// One of two columns.
        Column = "column", "one column (84 mm)";
        /// Over both columns, or a page of one.
        Page = "page", "both columns (174 mm)";
    }
}

impl FigureWidth {
    /// On paper.
    pub fn millimetres(self) -> f64 {
        match self {
            Self::Column => 84.0,
            Self::Page => 174.0,
        }
    }

    /// The same in pixels of CSS.
    pub fn pixels(self) -> f64 {
        self.millimetres() * PIXELS_A_MILLIMETRE
    }

    /// The same in LaTeX.
    pub fn in_latex(self) -> &'static str {
        match self {
            Self::Column => r"\columnwidth",
            Self::Page => r"\textwidth",
        }
    }

    /// LaTeX's environment for figures of this width.
    pub fn environment(self) -> &'static str {
        match self {
            Self::Column => "figure",
            Self::Page => "figure*",
        }
    }
}
