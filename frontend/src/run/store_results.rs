//! How results get into the browser's store and out of it.

use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::wasm_split;
use rrlab_types::{Criterion, Document, ModelProfile, SweepReport};
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::browser_store::{self, ResultKind, StoredResult};
use super::session::Session;
use crate::later::NotFetched;
use crate::page_update::PageUpdate;

impl Session {
    /// Reads again what the browser keeps.
    pub fn read_store(self) {
        spawn_local(async move {
            match browser_store::list().await {
                Ok(stored) => self.stored.set(stored),
                Err(problem) => self.report(problem),
            }
        });
    }

    /// Opens a profile or sweep that the browser keeps.
    pub fn open_document(self, result: &StoredResult) {
        let (name, data) = (result.name.clone(), result.data.clone());
        spawn_local(async move {
            let text = JsFuture::from(data.text()).await.ok().and_then(|text| text.as_string());
            match Document::from_json(&text.unwrap_or_default()) {
                Ok(document) => self.show.run(PageUpdate::Document(document)),
                Err(error) => self.report(format!("{name}: {error}")),
            }
        });
    }

    /// Deletes what the browser keeps under a key.
    pub fn delete_stored(self, key: String) {
        spawn_local(async move {
            match browser_store::delete(&key).await {
                Ok(()) => self.read_store(),
                Err(problem) => self.report(problem),
            }
        });
    }

    /// Has the browser keep a result.
    pub(super) fn store(self, result: StoredResult) {
        spawn_local(async move {
            match browser_store::put(&result).await {
                Ok(()) => self.read_store(),
                Err(problem) => self.report(problem),
            }
        });
    }

    /// Has the browser keep a result as JSON.
    pub(super) fn store_json(self, kind: ResultKind, name: &str, value: &impl serde::Serialize) {
        let Ok(text) = serde_json::to_string(value) else { return };
        if let Ok(data) = Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())) {
            self.store(StoredResult::new(kind, name, data));
        }
    }

    /// Has the browser keep the part of a sweep that is there: it is done, or its worker is.
    pub(super) fn store_sweep(self) {
        let sweep = self.inner.with_value(|inner| inner.machine.sweep().cloned());
        if let Some(report) = sweep {
            self.store_json(ResultKind::Sweep, &sweep_name(&report), &report);
        }
    }
}

/// The profile that the browser keeps whose hash begins so; nothing where it keeps none such.
async fn kept_profile(hash: String) -> Option<ModelProfile> {
    for result in browser_store::list().await.ok()? {
        if result.kind != ResultKind::Profile {
            continue;
        }
        let text = JsFuture::from(result.data.text()).await.ok().and_then(|text| text.as_string());
        let profile = ModelProfile::from_json(&text.unwrap_or_default()).ok();
        let is_meant = |profile: &ModelProfile| profile.hash().to_string().starts_with(&hash);
        if let Some(profile) = profile.filter(is_meant) {
            return Some(profile);
        }
    }
    None
}

/// Looks a profile up among what the browser keeps, by the beginning of its hash.
pub type FindKept = fn(String) -> Pin<Box<dyn Future<Output = Option<ModelProfile>>>>;

/// The code that reads what the browser keeps.
#[wasm_split(kept, wasm_split_path = leptos::wasm_split, fallible)]
pub fn fetch_find_kept() -> Result<FindKept, NotFetched> {
    Ok(|hash| Box::pin(kept_profile(hash)))
}

/// Network, what is done to it beyond repair, images and, of a single point, which.
fn sweep_name(report: &SweepReport) -> String {
    let mut name = format!("{} on {}", report.architecture, report.origin.dataset);
    // Rungs of a ladder are sweeps of their own.
    if report.plan.criterion != Criterion::default() {
        name += &format!(", {}", report.plan.criterion.label());
    }
    if report.plan.distillation.is_some() {
        name += ", distilled";
    }
    match (report.plan.rules.as_slice(), report.plan.sparsities.as_slice()) {
        ([rule], [sparsity]) => {
            let forced = if report.plan.constraints.is_empty() { "" } else { ", some forced" };
            format!("{name}, {} at {sparsity}{forced}", rule.label())
        }
        _ => name,
    }
}
