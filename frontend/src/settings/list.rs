//! Settings of several values.

use std::fmt::Display;
use std::str::FromStr;

/// Values that are written between commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List<T>(pub Vec<T>);

impl<T: Display> Display for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let items: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&items.join(","))
    }
}

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let items = text.split(',').filter(|item| !item.is_empty());
        Ok(Self(items.map(str::parse).collect::<Result<_, _>>()?))
    }
}

impl<T: PartialEq> List<T> {
    /// Whether the value is one of them.
    pub fn contains(&self, value: &T) -> bool {
        self.0.contains(value)
    }

    /// Takes the value out if it is in, and in if it is not.
    pub fn toggle(&mut self, value: T) {
        if let Some(index) = self.0.iter().position(|item| *item == value) {
            self.0.remove(index);
        } else {
            self.0.push(value);
        }
    }
}
