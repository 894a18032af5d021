//! Files that the page reads: of the gallery, from an address, or dropped on it.

use gloo::net::http::{Request, Response};
use leptos::wasm_split::wasm_split;
use rrlab_types::{ChannelProfile, Document, ModelProfile, Story, SweepReport};
use wasm_bindgen_futures::JsFuture;

use crate::gallery::{self, GalleryNetwork};
use crate::later::NotFetched;

/// How names of models' files end: ours and PyTorch's.
pub const MODEL_ENDINGS: [&str; 5] = [".safetensors", ".pt", ".pth", ".th", ".onnx"];
/// How the name of a network's preprocessing ends: profiles and sweeps are JSON too.
const PREPROCESSING_ENDING: &str = "preprocessing.json";
/// Files larger than this are no files of the lab.
const LARGEST_BYTES: u64 = 64 << 20;

/// Whether a file's name is a model's.
pub fn is_model(name: &str) -> bool {
    let name = name.to_lowercase();
    MODEL_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file's name is that of JSON.
pub fn is_json(name: &str) -> bool {
    name.to_lowercase().ends_with(".json")
}

/// Whether a file's name is that of a model, or of what one expects of images.
pub fn is_of_network(name: &str) -> bool {
    is_model(name) || name.to_lowercase().ends_with(PREPROCESSING_ENDING)
}

/// Loads the profile of a name in the gallery, or of an address.
///
/// # Errors
/// What went wrong and with which file, for the person to read.
pub async fn profile(name: &str) -> Result<ModelProfile, String> {
    let address = gallery::find(name).map_or_else(|| name.to_owned(), GalleryNetwork::profile);
    let text = text(&address).await?;
    match ModelProfile::from_json(&text) {
        Ok(profile) => Ok(profile),
        Err(_) => Err(mistaken(&address, &text, "a profile").await),
    }
}

/// Loads RR of channels at an address.
///
/// # Errors
/// As [`profile`].
pub async fn channels(address: &str) -> Result<ChannelProfile, String> {
    let text = text(address).await?;
    ChannelProfile::from_json(&text).map_err(|problem| format!("{address}: {problem}"))
}

/// Loads the sweep at an address.
///
/// # Errors
/// As [`profile`].
pub async fn sweep(address: &str) -> Result<SweepReport, String> {
    let text = text(address).await?;
    match SweepReport::from_json(&text) {
        Ok(report) => Ok(report),
        Err(_) => Err(mistaken(address, &text, "a sweep").await),
    }
}

/// Loads the story at an address.
///
/// # Errors
/// As [`profile`].
pub async fn story(address: &str) -> Result<Story, String> {
    let text = text(address).await?;
    match opened(&text).await {
        Ok(Opened::Story(story)) => Ok(story),
        Ok(Opened::Document(_)) => Err(mistaken(address, &text, "a story").await),
        Err(problem) => Err(format!("{address}: {problem}")),
    }
}

/// Loads the bytes of a file of the gallery.
///
/// # Errors
/// What went wrong, for the person to read.
pub async fn bytes(address: &str) -> Result<js_sys::ArrayBuffer, String> {
    let bytes = loaded(address).await?.binary().await;
    let bytes = bytes.map_err(|error| format!("{address} can't be read: {error}"))?;
    Ok(js_sys::Uint8Array::from(bytes.as_slice()).buffer())
}

/// Loads the text of a file beside the page, as it is now: the browser asks the server whether its
/// own is still right.
///
/// # Errors
/// What went wrong, for the person to read.
pub async fn text(address: &str) -> Result<String, String> {
    loaded(address).await?.text().await.map_err(|error| format!("{address} can't be read: {error}"))
}

async fn loaded(address: &str) -> Result<Response, String> {
    let response = Request::get(address)
        .send()
        .await
        .map_err(|error| format!("{address} can't be loaded: {error}"))?;
    if response.ok() {
        return Ok(response);
    }
    let (status, text) = (response.status(), response.status_text());
    Err(format!("{address} can't be loaded: the server says {status} {text}"))
}

/// What is wrong with the text at an address, which is not what it was taken for.
async fn mistaken(address: &str, text: &str, wanted: &str) -> String {
    let kind = match opened(text).await {
        Ok(Opened::Document(document)) => document.kind(),
        Ok(Opened::Story(_)) => "a story",
        Err(problem) => return format!("{address}: {problem}"),
    };
    format!("{address} holds {kind}, not {wanted}")
}

/// The text of a file that a person chose.
///
/// # Errors
/// If it can't be read, with its name.
pub async fn text_of(file: &web_sys::File) -> Result<String, String> {
    let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
    text.ok_or_else(|| format!("{} can't be read; was it moved or deleted?", file.name()))
}

/// What a person may open here.
pub enum Opened {
    /// A result of the lab.
    Document(Document),
    /// Steps that drive the page.
    Story(Story),
}

/// Reads a file that a person chose or dropped.
///
/// # Errors
/// What is wrong with it, with its name.
pub async fn read(file: web_sys::File) -> Result<Opened, String> {
    let name = file.name();
    let size = file.size();
    if size > LARGEST_BYTES as f64 {
        let most = LARGEST_BYTES >> 20;
        return Err(format!(
            "{name} has {:.0} MiB; profiles, sweeps and allocations have {most} at most",
            size / f64::from(1 << 20)
        ));
    }
    let text = text_of(&file).await?;
    opened(&text).await.map_err(|problem| format!("{name}: {problem}"))
}

/// Reads a text, or says what is wrong with it.
type Reader = fn(&str) -> Result<Opened, String>;

async fn opened(text: &str) -> Result<Opened, String> {
    let open = fetch_reader().await.map_err(|problem| problem.to_string())?;
    open(text)
}

/// The reader of whatever a person may open. The page itself opens profiles and sweeps.
#[wasm_split(documents, wasm_split_path = leptos::wasm_split, fallible)]
fn fetch_reader() -> Result<Reader, NotFetched> {
    Ok(|text| match Story::is_meant_by(text) {
        true => Story::from_json(text).map(Opened::Story).map_err(|error| error.to_string()),
        false => Document::from_json(text).map(Opened::Document).map_err(|error| error.to_string()),
    })
}
