//! Where the page's profile comes from.

use gloo::net::http::Request;
use rrlab_types::ModelProfile;

/// Profile that comes with the page, measured by this project's own program.
const BUNDLED: &str = "gallery/resnet20-cifar10.profile.json";

/// Loads the bundled profile.
///
/// # Errors
/// What went wrong and with which file, for the person to read.
pub async fn bundled_profile() -> Result<ModelProfile, String> {
    let response = Request::get(BUNDLED).send().await.map_err(|error| format!("{BUNDLED} can't be loaded: {error}"))?;
    if !response.ok() {
        return Err(format!(
            "{BUNDLED} can't be loaded: the server says {} {}",
            response.status(),
            response.status_text()
        ));
    }
    let text = response.text().await.map_err(|error| format!("{BUNDLED} can't be read: {error}"))?;
    ModelProfile::from_json(&text).map_err(|error| format!("{BUNDLED}: {error}"))
}
