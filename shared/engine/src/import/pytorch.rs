//! What `torch.save` wrote: a zip archive (PyTorch 1.6 and later) or a row of pickles (before, and
//! with `_use_new_zipfile_serialization=False`). Tensors are read out of their storages; nothing is
//! executed.
//!
//! Source: `torch/serialization.py` (`_save`, `_legacy_save`, `_legacy_load`) and `torch/_utils.py`
//! (`_rebuild_tensor_v2`).

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};

use safetensors::tensor::Dtype;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Id, Object, Pickle, PickleError};
use crate::checkpoint::floats;
use crate::tensors::{HostTensor, StateDict};

/// The number that files of several pickles begin with.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// Version of their layout, which has not changed since 2017.
const LEGACY_VERSION: usize = 1001;
/// Under which names training programs keep a state dict among other things, best first.
const STATE_DICT_KEYS: [&str; 10] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "state_dict_ema",
];
/// Dicts inside dicts that are looked into for a state dict.
const MAX_NESTING: usize = 4;
/// Dimensions of a tensor; a convolution's weight has four.
const MAX_RANK: usize = 8;
/// What to do about a file without a state dict.
const REMEDY: &str = "save the tensors alone: torch.save(model.state_dict(), \"model.pth\")";

/// Why bytes are not a PyTorch file with a state dict.
#[derive(Debug, thiserror::Error)]
pub enum PytorchError {
    /// A pickle that can't be read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A file of another kind, or one that is not whole.
    #[error("{0}")]
    Container(String),
    /// A pickled object of a class, whose code is not in the file.
    #[error(
        "the file holds a whole object of the class `{class}`, which only its own program can load; {REMEDY}"
    )]
    Module {
        /// The class.
        class: String,
    },
    /// No dict of tensors.
    #[error("the file holds no state dict ({found}); {REMEDY}")]
    NoStateDict {
        /// What it holds.
        found: String,
    },
    /// A tensor that is described in a way that no PyTorch writes, or that lies outside its
    /// storage.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// Whether bytes look like what `torch.save` writes.
pub fn is_pytorch(bytes: &[u8]) -> bool {
    let pickle = matches!(bytes, [0x80, 2..=5, ..]) && !is_safetensors(bytes);
    pickle || bytes.starts_with(b"PK\x03\x04") || is_tar(bytes)
}

/// A safetensors file begins with the length of its header, 64 bits of which a pickle's first may
/// be the lowest (640 is 0x0280), and the header with a brace.
fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(4..9) == Some(b"\0\0\0\0{")
}

fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// The float tensors of a state dict, by the names that the file gives them; integers are passed
/// over.
///
/// # Errors
/// If the bytes are no whole file of `torch.save`, or hold no state dict.
pub fn read(bytes: &[u8]) -> Result<StateDict, PytorchError> {
    let (pickle, mut storages) = open(bytes)?;
    let mut tensors = Vec::new();
    for (name, id) in state_dict(&pickle)? {
        let layout = Layout::of(&pickle, id).map_err(|problem| tensor_error(name, problem))?;
        if is_kept(layout.storage.dtype) {
            tensors.push((name, layout));
        }
    }
    check_sizes(&tensors, bytes.len())?;
    // Tensors that share a storage are read together, so that no more than one storage is held
    // beside the results.
    let mut of_storage: BTreeMap<&str, Vec<(&str, Layout)>> = BTreeMap::new();
    for (name, layout) in tensors {
        of_storage.entry(layout.storage.key).or_default().push((name, layout));
    }
    let mut left = bytes.len();
    let mut state = StateDict::new();
    for (key, tensors) in of_storage {
        let fail = |problem: String| tensor_error(tensors[0].0, problem);
        let data = storages.read(key, left).map_err(fail)?;
        left -= data.len();
        for (name, layout) in tensors {
            let values = layout.values(&data).map_err(|problem| tensor_error(name, problem))?;
            let tensor = HostTensor::new(layout.shape, values);
            let tensor = tensor.map_err(|error| tensor_error(name, error.to_string()))?;
            state.insert(name.to_owned(), tensor);
        }
    }
    Ok(state)
}

fn tensor_error(name: &str, problem: String) -> PytorchError {
    PytorchError::Tensor { name: name.into(), problem }
}

/// Integers count batches and nothing else; a float of a type that is not read is an error, not
/// silence.
fn is_kept(dtype: Dtype) -> bool {
    !matches!(dtype, Dtype::BOOL | Dtype::U8 | Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64)
}

/// Tensors may be views of one storage, and a stride of 0 makes many values of one: what all claim
/// together is bounded by what the file can hold.
fn check_sizes(tensors: &[(&str, Layout)], file_length: usize) -> Result<(), PytorchError> {
    let mut total = 0usize;
    for (name, layout) in tensors {
        let claimed = layout.elements();
        total = claimed.and_then(|elements| total.checked_add(elements)).unwrap_or(usize::MAX);
        if total > file_length {
            let shape = &layout.shape;
            return Err(tensor_error(
                name,
                format!("{shape:?} values are more than a file of {file_length} bytes holds"),
            ));
        }
    }
    Ok(())
}

/// The pickle that describes the tensors, and where their storages are.
fn open(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), PytorchError> {
    if bytes.starts_with(b"PK") {
        return open_zip(bytes);
    }
    if is_tar(bytes) {
        let problem =
            "a tar archive of PyTorch before 0.1.10: load it there or later, and save it again";
        return Err(PytorchError::Container(problem.into()));
    }
    open_legacy(bytes)
}

fn open_zip(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), PytorchError> {
    let broken = |error: zip::result::ZipError| {
        PytorchError::Container(format!(
            "not a whole zip archive of torch.save ({error}): was the file cut short?"
        ))
    };
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let names: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let folder =
        |file: &str| names.iter().find_map(|name| name.strip_suffix(file).map(str::to_owned));
    if folder("constants.pkl").is_some() {
        let problem = format!("a TorchScript program, which only PyTorch can run; {REMEDY}");
        return Err(PytorchError::Container(problem));
    }
    let Some(folder) = folder("data.pkl") else {
        return Err(PytorchError::Container(
            "a zip archive without data.pkl: torch.save did not write it".into(),
        ));
    };
    let mut storages = Storages::Zip { archive: Box::new(archive), folder };
    let read = |storages: &mut Storages, file: &str| storages.entry(file, bytes.len());
    if let Ok(order) = read(&mut storages, "byteorder")
        && order != b"little"
    {
        return Err(big_endian());
    }
    let described = read(&mut storages, "data.pkl").map_err(PytorchError::Container)?;
    Ok((Pickle::read(&described)?.0, storages))
}

fn big_endian() -> PytorchError {
    PytorchError::Container(
        "written on a big-endian machine: load it there, and save it as safetensors".into(),
    )
}

fn open_legacy(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), PytorchError> {
    let mut at = 0;
    let mut next = || -> Result<Pickle, PickleError> {
        let (pickle, length) = Pickle::read(&bytes[at..])?;
        at += length;
        Ok(pickle)
    };
    let magic = next()?;
    if magic.object(magic.root()) != &Object::Int(MAGIC) {
        let problem = format!("a pickle, but not one of torch.save; {REMEDY}");
        return Err(PytorchError::Container(problem));
    }
    let version = next()?;
    if version.size(version.root()) != Some(LEGACY_VERSION) {
        let problem =
            format!("a row of pickles of another version than {LEGACY_VERSION}; {REMEDY}");
        return Err(PytorchError::Container(problem));
    }
    let machine = next()?;
    if entry(&machine, machine.root(), "little_endian")
        .is_some_and(|id| machine.object(id) == &Object::Bool(false))
    {
        return Err(big_endian());
    }
    let pickle = next()?;
    let keys = next()?;
    let storages = legacy_storages(&pickle, &keys, &bytes[at..])?;
    Ok((pickle, Storages::Legacy(storages)))
}

/// Behind the pickles lie the storages in the order of their keys, each with the number of its
/// values before it.
fn legacy_storages<'a>(
    pickle: &Pickle,
    keys: &Pickle,
    mut rest: &'a [u8],
) -> Result<HashMap<String, &'a [u8]>, PytorchError> {
    let cut = || {
        PytorchError::Container(
            "the file ends before its last tensor does: was it cut short?".into(),
        )
    };
    let mut types = HashMap::new();
    for object in pickle.objects() {
        if let Object::Persistent(named) = object
            && let Ok(storage) = Storage::of(pickle, *named)
        {
            types.insert(storage.key, storage.dtype);
        }
    }
    let mut storages = HashMap::new();
    for key in keys.items(keys.root()).unwrap_or_default() {
        let known = keys.text(*key).and_then(|key| Some((key, *types.get(key)?)));
        let Some((key, dtype)) = known else {
            return Err(PytorchError::Container(
                "it holds a storage that no tensor of it names".into(),
            ));
        };
        let (count, data) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let length = usize::try_from(u64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(width(dtype)));
        let (data, behind) =
            length.and_then(|length| data.split_at_checked(length)).ok_or_else(cut)?;
        storages.insert(key.to_owned(), data);
        rest = behind;
    }
    Ok(storages)
}

/// Bytes of one value.
fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

/// Where the values of tensors lie.
enum Storages<'a> {
    Zip { archive: Box<ZipArchive<Cursor<&'a [u8]>>>, folder: String },
    Legacy(HashMap<String, &'a [u8]>),
}

impl Storages<'_> {
    /// The bytes of a storage, no more than `most`: storages do not overlap, and so are no more
    /// than the file together.
    fn read(&mut self, key: &str, most: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Zip { .. } => self.entry(&format!("data/{key}"), most),
            Self::Legacy(storages) => {
                let data =
                    storages.get(key).ok_or_else(|| format!("the file has no storage `{key}`"))?;
                Ok(data.to_vec())
            }
        }
    }

    fn entry(&mut self, file: &str, most: usize) -> Result<Vec<u8>, String> {
        let Self::Zip { archive, folder } = self else {
            return Err(format!("the file has no {file}"));
        };
        let name = format!("{folder}{file}");
        let entry =
            archive.by_name(&name).map_err(|error| format!("{name} can't be read: {error}"))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(format!(
                "{name} is compressed, which torch.save never does: pack the file anew without"
            ));
        }
        let mut bytes = Vec::new();
        let read = entry.take(most as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("{name} can't be read: {error}"))?;
        if bytes.len() > most {
            return Err(format!("{name} is larger than what the file can hold"));
        }
        Ok(bytes)
    }
}

/// The value of a dict's entry.
fn entry(pickle: &Pickle, dict: Id, key: &str) -> Option<Id> {
    let found = pickle.entries(dict)?.iter().find(|(known, _)| pickle.text(*known) == Some(key));
    found.map(|(_, value)| *value)
}

/// Names and tensors of the state dict, however deep it lies.
fn state_dict(pickle: &Pickle) -> Result<Vec<(&str, Id)>, PytorchError> {
    let mut at = pickle.root();
    for _ in 0..MAX_NESTING {
        let Some(entries) = pickle.entries(at) else { break };
        // A dict among the entries comes before tensors beside it, which may be an accuracy or a
        // learning rate.
        let inner = STATE_DICT_KEYS
            .iter()
            .find_map(|key| entry(pickle, at, key).filter(|&id| is_network(pickle, id)));
        match inner {
            Some(inner) => at = inner,
            None => {
                let tensors = tensors_of(pickle, entries);
                return if tensors.is_empty() {
                    Err(no_state_dict(pickle, at))
                } else {
                    Ok(tensors)
                };
            }
        }
    }
    Err(no_state_dict(pickle, at))
}

fn tensors_of<'a>(pickle: &'a Pickle, entries: &[(Id, Id)]) -> Vec<(&'a str, Id)> {
    let named = entries
        .iter()
        .filter_map(|&(key, value)| Some((pickle.text(key)?, tensor_arguments(pickle, value)?)));
    named.collect()
}

/// A dict, or an object of a class that is no tensor.
fn is_network(pickle: &Pickle, id: Id) -> bool {
    match pickle.object(id) {
        Object::Dict(_) => true,
        Object::Made { .. } => tensor_arguments(pickle, id).is_none(),
        _ => false,
    }
}

fn no_state_dict(pickle: &Pickle, at: Id) -> PytorchError {
    if let Object::Made { .. } = pickle.object(at) {
        return PytorchError::Module { class: pickle.class(at).unwrap_or("of no name").into() };
    }
    let found = match pickle.entries(at) {
        None => "what it holds is no dict".into(),
        Some([]) => "its dict is empty".into(),
        Some(entries) => {
            let keys: Vec<&str> =
                entries.iter().filter_map(|(key, _)| pickle.text(*key)).take(5).collect();
            format!("its keys are {}", keys.join(", "))
        }
    };
    PytorchError::NoStateDict { found }
}

/// Arguments of `_rebuild_tensor`, where an object is a tensor or a parameter.
fn tensor_arguments(pickle: &Pickle, id: Id) -> Option<Id> {
    let made = |id: Id| match pickle.object(id) {
        Object::Made { arguments, .. } => Some((pickle.class(id)?, *arguments)),
        _ => None,
    };
    let (mut class, mut arguments) = made(id)?;
    if matches!(
        class,
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state"
    ) {
        (class, arguments) = made(*pickle.items(arguments)?.first()?)?;
    }
    matches!(class, "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor")
        .then_some(arguments)
}

/// A row of values in the file.
struct Storage<'a> {
    key: &'a str,
    dtype: Dtype,
    /// First value of it that a view sees.
    offset: usize,
}

impl<'a> Storage<'a> {
    /// Of `('storage', class, key, device, values)`, perhaps with `(key, offset, values)` of a view
    /// of it.
    fn of(pickle: &'a Pickle, named: Id) -> Result<Self, String> {
        let strange = || "its storage is described in a way that no PyTorch writes".to_owned();
        let parts = pickle.items(named).ok_or_else(strange)?;
        let [kind, class, key, _device, _values, view @ ..] = parts else { return Err(strange()) };
        if pickle.text(*kind) != Some("storage") {
            return Err(strange());
        }
        let class = pickle.class(*class).ok_or_else(strange)?;
        let offset = match view.first().map(|view| pickle.items(*view)) {
            None | Some(None) => 0,
            Some(Some(view)) => {
                view.get(1).and_then(|offset| pickle.size(*offset)).ok_or_else(strange)?
            }
        };
        Ok(Self { key: pickle.text(*key).ok_or_else(strange)?, dtype: dtype_of(class)?, offset })
    }
}

fn dtype_of(class: &str) -> Result<Dtype, String> {
    let name = class.rsplit('.').next().unwrap_or(class);
    Ok(match name {
        "FloatStorage" => Dtype::F32,
        "DoubleStorage" => Dtype::F64,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        _ => {
            return Err(format!(
                "its values are of `{class}`; weights are floats of 16, 32 or 64 bits"
            ));
        }
    })
}

/// How a tensor lies in its storage.
struct Layout<'a> {
    storage: Storage<'a>,
    /// Index of its first value.
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> Layout<'a> {
    /// Of the arguments `(storage, offset, shape, strides, …)`.
    fn of(pickle: &'a Pickle, arguments: Id) -> Result<Self, String> {
        let strange = || "it is described in a way that no PyTorch writes".to_owned();
        let parts = pickle.items(arguments).ok_or_else(strange)?;
        let [storage, offset, shape, strides, ..] = parts else { return Err(strange()) };
        let Object::Persistent(named) = pickle.object(*storage) else { return Err(strange()) };
        let storage = Storage::of(pickle, *named)?;
        let offset = pickle
            .size(*offset)
            .and_then(|offset| offset.checked_add(storage.offset))
            .ok_or_else(strange)?;
        let [shape, strides] = [*shape, *strides].map(|id| sizes(pickle, id));
        let (shape, strides) = (shape.ok_or_else(strange)?, strides.ok_or_else(strange)?);
        if shape.len() != strides.len() {
            return Err(strange());
        }
        Ok(Self { storage, offset, shape, strides })
    }

    /// Values of the tensor, unless they are more than can be counted.
    fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
    }

    /// The values, row-major, out of the bytes of the storage.
    fn values(&self, data: &[u8]) -> Result<Vec<f32>, String> {
        let width = width(self.storage.dtype);
        let elements = self.elements().unwrap_or(usize::MAX);
        let last = self.shape.iter().zip(&self.strides).try_fold(
            self.offset,
            |last, (&length, stride)| {
                last.checked_add(length.saturating_sub(1).checked_mul(*stride)?)
            },
        );
        let stored = data.len() / width;
        if elements > 0 && last.is_none_or(|last| last >= stored) {
            let Self { shape, offset, .. } = self;
            return Err(format!(
                "{shape:?} values from value {offset} reach beyond its storage of {stored}"
            ));
        }
        let mut bytes = Vec::with_capacity(elements * width);
        let mut index = vec![0usize; self.shape.len()];
        for _ in 0..elements {
            let at: usize =
                index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            let start = (self.offset + at) * width;
            bytes.extend_from_slice(&data[start..start + width]);
            next_index(&mut index, &self.shape);
        }
        let problem = || format!("its values are of {:?}", self.storage.dtype);
        floats(self.storage.dtype, &bytes).ok_or_else(problem)
    }
}

/// The index behind this one, row-major.
fn next_index(index: &mut [usize], shape: &[usize]) {
    for (position, length) in index.iter_mut().zip(shape).rev() {
        *position += 1;
        if *position < *length {
            return;
        }
        *position = 0;
    }
}

/// The lengths or strides of a tensor: a tuple, or a `torch.Size` of one.
fn sizes(pickle: &Pickle, id: Id) -> Option<Vec<usize>> {
    let id = match pickle.object(id) {
        Object::Made { arguments, .. } => *pickle.items(*arguments)?.first()?,
        _ => id,
    };
    let items = pickle.items(id).filter(|items| items.len() <= MAX_RANK)?;
    items.iter().map(|&item| pickle.size(item)).collect()
}
