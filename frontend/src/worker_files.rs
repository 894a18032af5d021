//! Whether the workers' files are there: they are built after the page, and `workers.json` beside
//! it says how it stands.

use serde::Deserialize;

use crate::files;

/// Time past their estimate after which workers are not waited for any more.
const LATE_MILLISECONDS: f64 = 30.0 * 60_000.0;
const ADDRESS: &str = "workers.json";

/// How it stands with the files of this page's workers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorkerFiles {
    /// They can be started.
    Ready {
        /// Folder that they are in, below the page.
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

impl WorkerFiles {
    /// Fetches how it stands now.
    ///
    /// # Errors
    /// If it does not say, for people.
    pub async fn fetch() -> Result<Self, String> {
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
                let left = match minutes {
                    minutes if minutes > 1.0 => format!("about {minutes:.0} minutes"),
                    _ => "a moment".to_owned(),
                };
                Some(format!("Networks in the browser: being built, {left}."))
            }
            Self::Failed => {
                let reason = "the terminal that serves this page says why";
                Some(format!("Networks in the browser could not be built; {reason}."))
            }
            Self::Missing => {
                let remedy = "build it with `cargo xtask page`";
                Some(format!("This page was built without networks in the browser: {remedy}."))
            }
        }
    }
}
