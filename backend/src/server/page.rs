//! The page: built into the program, or in a folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::embedder::{Embedder, frame_ancestors};
use crate::hex::hex;

/// The page as it was built when the program was; empty where it was not.
#[derive(Embed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Built;

const INDEX: &str = "index.html";

/// Where the page's files come from.
#[derive(Debug, Clone)]
pub enum Page {
    /// The program itself: they were built into it.
    Built,
    /// A folder that holds `index.html` and what it loads.
    Folder(PathBuf),
}

/// No page to serve.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The program was built without.
    #[error(
        "this program was built without its page: build it with `cargo xtask lab`, or name a folder with --page"
    )]
    NotBuilt,
    /// The folder has none.
    #[error("no page in {0}: build it with `cargo xtask lab`, or name another folder with --page")]
    NoIndex(String),
}

impl Page {
    /// The page in this folder, or the program's own.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(folder: Option<&Path>) -> Result<Self, PageError> {
        match folder {
            Some(folder) if folder.join(INDEX).is_file() => Ok(Self::Folder(folder.to_owned())),
            Some(folder) => Err(PageError::NoIndex(folder.display().to_string())),
            None if Built::get(INDEX).is_some() => Ok(Self::Built),
            None => Err(PageError::NotBuilt),
        }
    }

    async fn file(&self, path: &str) -> Option<(Cow<'static, [u8]>, String)> {
        match self {
            Self::Built => {
                let file = Built::get(path)?;
                Some((file.data, hex(&file.metadata.sha256_hash())))
            }
            Self::Folder(folder) => {
                // Neither up nor elsewhere.
                let plain = path
                    .split('/')
                    .all(|part| !part.is_empty() && part != ".." && !part.contains('\\'));
                let bytes = if plain {
                    tokio::fs::read(folder.join(path)).await.ok()?
                } else {
                    return None;
                };
                let hash = hex(&Sha256::digest(&bytes));
                Some((bytes.into(), hash))
            }
        }
    }

    /// What the page may do: its own scripts (the one inside the index by its hash), WebAssembly
    /// and workers, its own server, and no other; and who may show it in a frame.
    pub async fn policy(&self, embedders: &[Embedder]) -> HeaderValue {
        let index =
            self.file(INDEX).await.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned());
        let hashes: String = inline_scripts(&index.unwrap_or_default())
            .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
            .collect();
        let frame_ancestors = frame_ancestors(embedders);
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{hashes}; worker-src 'self' blob:; \
             style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'self'; {frame_ancestors}"
        );
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    }

    /// A file of the page; any other address is the page itself, which reads it.
    pub async fn serve(&self, uri: &Uri, asked: &HeaderMap) -> Response {
        let path = uri.path().trim_start_matches('/');
        let path = if path.is_empty() { INDEX } else { path };
        let takes_brotli = asked
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|coding| coding.trim().starts_with("br")));
        let whole = match self.file(path).await {
            Some(file) => Some((path, file)),
            // A file that is missing is missing; it is not the page.
            None if path.rsplit('/').next().is_some_and(|name| name.contains('.')) => None,
            None => self.file(INDEX).await.map(|file| (INDEX, file)),
        };
        let Some((path, (bytes, hash))) = whole else {
            return ApiError::NotFound("file").into_response();
        };
        let etag = format!("\"{hash}\"");
        let mut headers = HeaderMap::new();
        let media = mime_guess_of(path);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        // Names do not change with the content of all files: browsers ask whether theirs is still
        // right.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes())
        {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        if let Ok(value) = HeaderValue::try_from(etag) {
            headers.insert(header::ETAG, value);
        }
        if takes_brotli && let Some((packed, _)) = self.file(&format!("{path}.br")).await {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            return (headers, packed).into_response();
        }
        (headers, bytes).into_response()
    }
}

/// Media type by a file's ending.
fn mime_guess_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// Texts of the scripts inside a page.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let (text, _) = rest.split_once("</script>")?;
        (!tag.contains("src=") && !text.is_empty()).then_some(text)
    })
}
