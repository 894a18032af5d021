//! Whether the workers are there: they are built after the page, and `workers.json` beside it says how it stands.

use serde::Deserialize;

use crate::files;

/// Time after which workers that were to be ready are not waited for any more.
const LATE_MILLISECONDS: f64 = 30.0 * 60_000.0;
/// The file beside the page.
const ADDRESS: &str = "workers.json";

/// How it stands with the workers of this page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Workers {
    /// They are in this folder.
    Ready {
        /// Below the page.
        folder: String,
    },
    /// They are being built.
    Building {
        /// When they are likely to be there, in milliseconds since 1970.
        ready_ms: f64,
    },
    /// They could not be built.
    Failed,
    /// The page was built without them.
    Missing,
}

impl Workers {
    /// Asks the server of the page.
    ///
    /// # Errors
    /// If it does not say, for people.
    pub async fn ask() -> Result<Self, String> {
        let text = files::text(ADDRESS).await?;
        serde_json::from_str(&text).map_err(|error| format!("{ADDRESS} can't be read: {error}"))
    }

    /// Whether they are still worth waiting for.
    pub fn is_building(&self) -> bool {
        matches!(self, Self::Building { ready_ms } if js_sys::Date::now() - ready_ms <= LATE_MILLISECONDS)
    }

    /// Why no network can be run here yet, for people.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Ready { .. } => None,
            // Whoever built them was stopped.
            Self::Building { .. } if !self.is_building() => Self::Failed.obstacle(),
            Self::Building { ready_ms } => {
                let minutes = ((ready_ms - js_sys::Date::now()) / 60_000.0).ceil();
                let left = if minutes > 1.0 { format!("about {minutes:.0} minutes") } else { "a moment".to_owned() };
                Some(format!("Networks in the browser: being built, {left}."))
            }
            Self::Failed => {
                Some("Networks in the browser could not be built; the terminal that serves this page says why.".into())
            }
            Self::Missing => {
                Some("This page was built without networks in the browser: build it with `cargo xtask page`.".into())
            }
        }
    }
}
