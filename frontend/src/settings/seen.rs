//! Which part of the graph is seen, as the address has it.

use std::fmt;
use std::str::FromStr;

/// The part of the graph around a layer, so many times as large as where its whole width is seen: it
/// holds in a window of any width, whose rows hold other boxes.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPart {
    /// Name of the layer in the middle.
    pub layer: String,
    /// In hundredths.
    pub percent: u32,
}

/// A part, or nothing for the whole width from the top.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen(pub Option<SeenPart>);

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(SeenPart { layer, percent }) => {
                write!(f, "{layer}*{}", f64::from(*percent) / 100.0)
            }
            None => Ok(()),
        }
    }
}

impl FromStr for Seen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let parts = text.rsplit_once('*').and_then(|(layer, factor)| {
            let factor: f64 = factor.parse().ok()?;
            (0.01..=100.0)
                .contains(&factor)
                .then(|| (layer.to_owned(), (100.0 * factor).round() as u32))
        });
        match parts {
            Some((layer, percent)) => Ok(Self(Some(SeenPart { layer, percent }))),
            None => Err(format!("`{text}` is no layer with a factor, such as layer2.0.conv1*1.5")),
        }
    }
}
