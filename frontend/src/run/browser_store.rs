//! What the browser keeps of results, in IndexedDB: the latest network, training, profile and sweep
//! of each kind.

use idb::{
    Database, DatabaseEvent, Error, Factory, KeyPath, ObjectStoreParams, Query, TransactionMode,
    TransactionResult,
};
use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Blob;

const DATABASE: &str = "rrlab";
const STORE: &str = "results";
const VERSION: u32 = 1;

/// What is said where the browser has no room.
const NO_ROOM: &str = "the browser has no room for more results: delete some that it keeps, or save this one as a file";

/// What a stored result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// A network, as a checkpoint.
    Model,
    /// The state of a training that was not finished.
    Training,
    Profile,
    /// A sweep, perhaps unfinished.
    Sweep,
}

impl ResultKind {
    const ALL: [Self; 4] = [Self::Model, Self::Training, Self::Profile, Self::Sweep];

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Model => "network",
            Self::Training => "unfinished training",
            Self::Profile => "profile",
            Self::Sweep => "sweep",
        }
    }

    /// How its file's name ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Model => "safetensors",
            Self::Training => "training",
            Self::Profile => "profile.json",
            Self::Sweep => "sweep.json",
        }
    }
}

/// A result that the browser keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    pub kind: ResultKind,
    /// Names the network and the images.
    pub name: String,
    /// When it was put there, in milliseconds since 1970.
    pub when: f64,
    /// A checkpoint, a state, or JSON, by its kind.
    pub data: Blob,
}

impl StoredResult {
    /// A result of now.
    pub fn new(kind: ResultKind, name: &str, data: Blob) -> Self {
        Self { kind, name: name.into(), when: js_sys::Date::now(), data }
    }

    /// What tells it from others; a newer one of the same key takes its place.
    pub fn key(&self) -> String {
        format!("{}: {}", self.kind.label(), self.name)
    }

    fn to_js(&self) -> JsValue {
        let object = Object::new();
        let fields: [(&str, JsValue); 5] = [
            ("key", self.key().into()),
            ("kind", self.kind.label().into()),
            ("name", self.name.as_str().into()),
            ("when", self.when.into()),
            ("data", self.data.clone().into()),
        ];
        for (name, value) in fields {
            // A plain object takes any property.
            let _ = Reflect::set(&object, &name.into(), &value);
        }
        object.into()
    }

    fn from_js(value: &JsValue) -> Option<Self> {
        let field = |name: &str| Reflect::get(value, &name.into()).ok();
        let kind = field("kind")?.as_string()?;
        Some(Self {
            kind: ResultKind::ALL.into_iter().find(|known| known.label() == kind)?,
            name: field("name")?.as_string()?,
            when: field("when")?.as_f64()?,
            data: field("data")?.dyn_into().ok()?,
        })
    }
}

async fn open() -> Result<Database, Error> {
    let mut request = Factory::new()?.open(DATABASE, Some(VERSION))?;
    request.on_upgrade_needed(|event| {
        let mut params = ObjectStoreParams::new();
        params.key_path(Some(KeyPath::new_single("key")));
        // A failure shows when the store is used.
        let _ = event.database().and_then(|database| database.create_object_store(STORE, params));
    });
    request.await
}

/// All results, the latest first.
///
/// # Errors
/// If the browser keeps nothing (a private window, a full disk), for people.
pub async fn list() -> Result<Vec<StoredResult>, String> {
    let read = async {
        let transaction = open().await?.transaction(&[STORE], TransactionMode::ReadOnly)?;
        transaction.object_store(STORE)?.get_all(None, None)?.await
    };
    let values = read.await.map_err(refusal)?;
    let mut results: Vec<StoredResult> = values.iter().filter_map(StoredResult::from_js).collect();
    results.sort_by(|a, b| b.when.total_cmp(&a.when));
    Ok(results)
}

/// Keeps a result; one of the same key is replaced.
///
/// # Errors
/// As [`list`].
pub async fn put(result: &StoredResult) -> Result<(), String> {
    let write = async {
        let transaction = open().await?.transaction(&[STORE], TransactionMode::ReadWrite)?;
        transaction.object_store(STORE)?.put(&result.to_js(), None)?.await?;
        transaction.commit()?.await
    };
    is_kept(write.await)
}

/// Forgets the result of a key.
///
/// # Errors
/// As [`list`].
pub async fn delete(key: &str) -> Result<(), String> {
    let write = async {
        let transaction = open().await?.transaction(&[STORE], TransactionMode::ReadWrite)?;
        transaction.object_store(STORE)?.delete(Query::Key(key.into()))?.await?;
        transaction.commit()?.await
    };
    is_kept(write.await)
}

/// Whether the browser kept what was written: a transaction that it gives up is no error of its own.
fn is_kept(written: Result<TransactionResult, Error>) -> Result<(), String> {
    match written.map_err(refusal)? {
        TransactionResult::Committed => Ok(()),
        TransactionResult::Aborted => Err(NO_ROOM.to_owned()),
    }
}

/// Why the browser refuses, and what a person can do.
fn refusal(error: Error) -> String {
    let text = error.to_string();
    if text.contains("QuotaExceededError") {
        return NO_ROOM.to_owned();
    }
    if text.contains("VersionError") {
        return "the browser’s results were kept by a newer version of this page; they stay as they are, and \
                what is computed here is not kept: save it as a file"
            .to_owned();
    }
    format!("the browser keeps no results ({text}); save them as files")
}
