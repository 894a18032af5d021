//! Other sites whose pages may show the lab's in a frame.

use std::str::FromStr;

use axum::http::Uri;

/// A site whose pages may show the lab's in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedder(String);

/// A text that is no site.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no site: give scheme and host alone, such as https://courses.example.edu")]
pub struct EmbedderError(String);

impl FromStr for Embedder {
    type Err = EmbedderError;

    fn from_str(text: &str) -> Result<Self, EmbedderError> {
        let refused = || EmbedderError(text.to_owned());
        let site: Uri = text.parse().map_err(|_| refused())?;
        let host = site.authority().map(|host| host.as_str().to_owned()).ok_or_else(refused)?;
        // Whatever else a host may have means something to a policy.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-:".contains(letter);
        match (site.scheme_str(), site.path(), site.query()) {
            (Some(scheme @ ("http" | "https")), "/", None) if host.chars().all(is_plain) => {
                Ok(Self(format!("{scheme}://{host}")))
            }
            _ => Err(refused()),
        }
    }
}

/// What a content security policy says of who may show the page in a frame.
pub fn frame_ancestors(embedders: &[Embedder]) -> String {
    if embedders.is_empty() {
        return "frame-ancestors 'none'".into();
    }
    let sites: Vec<&str> = embedders.iter().map(|embedder| embedder.0.as_str()).collect();
    format!("frame-ancestors 'self' {}", sites.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_scheme_and_host_alone() {
        let courses: Embedder = "https://courses.example.edu".parse().unwrap();
        let local: Embedder = "http://localhost:8000/".parse().unwrap();
        assert_eq!(
            frame_ancestors(&[courses, local]),
            "frame-ancestors 'self' https://courses.example.edu http://localhost:8000"
        );
        for refused in [
            "",
            "courses.example.edu",
            "https://a.b/c",
            "https://me@a.b",
            "ftp://a.b",
            "https://a;b",
            "https://a b",
            "https://*",
            "*",
        ] {
            assert!(refused.parse::<Embedder>().is_err(), "{refused}");
        }
    }
}
