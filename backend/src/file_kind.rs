//! What kind of file somebody gave where another was wanted.

use std::fmt;
use std::path::{Path, PathBuf};

use rrlab_engine::checkpoint::TensorFile;
use rrlab_engine::data::DatasetSummary;
use rrlab_engine::finetune::FinetuneState;
use rrlab_engine::import::is_onnx;
use rrlab_engine::train::TrainingState;
use rrlab_types::{Document, DocumentError};

use crate::allocation_file;

/// Bytes in which a zip archive by PyTorch or NumPy names its first files.
const FIRST_ENTRIES: usize = 4096;
/// Where a tar archive's first header says that it is one.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// What a file holds, as far as its content tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing.
    Empty,
    /// A measured network.
    Profile,
    /// Accuracy over rules, sparsities and repairs.
    Sweep,
    /// A budget shared out.
    Allocation,
    /// What came of fine-tuning.
    FinetuneReport,
    /// RR of every channel of a measured network.
    Channels,
    /// JSON of something else.
    OtherJson,
    /// A network as safetensors, ours or of others.
    Model,
    /// A training that was stopped.
    TrainingState,
    /// Fine-tuning that was stopped.
    FinetuneState,
    /// A stored data set.
    Dataset,
    /// Masks of pruned weights.
    Masks,
    /// The format of networks, damaged or of something else.
    OtherSafetensors,
    /// What `torch.save` writes, or wrote before 2020.
    Pytorch,
    /// What Python's `pickle` writes.
    Pickle,
    /// A network in another format.
    Onnx,
    /// A network in another format.
    Hdf5,
    /// An array of NumPy.
    Numpy,
    /// An archive.
    Zip,
    /// An archive.
    Tar,
    /// Something packed.
    Gzip,
    /// An image.
    Image,
    /// A text.
    Text,
    /// Something else.
    Unknown,
}

impl FileKind {
    /// What these bytes of a file are.
    pub fn of(bytes: &[u8]) -> Self {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        let first = &bytes[..bytes.len().min(FIRST_ENTRIES)];
        let names = |name: &[u8]| first.windows(name.len()).any(|window| window == name);
        if bytes.is_empty() {
            return Self::Empty;
        }
        if starts(b"PK\x03\x04") {
            return if names(b"data.pkl") {
                Self::Pytorch
            } else if names(b".npy") {
                Self::Numpy
            } else {
                Self::Zip
            };
        }
        if bytes.get(TAR_MAGIC) == Some(b"ustar") {
            return Self::Tar;
        }
        let magics: [(&[u8], Self); 6] = [
            (b"\x1f\x8b", Self::Gzip),
            (b"\x89HDF\r\n\x1a\n", Self::Hdf5),
            (b"\x93NUMPY", Self::Numpy),
            (b"\x89PNG", Self::Image),
            (b"\xff\xd8\xff", Self::Image),
            // The number that PyTorch began its files with before they were zip archives.
            (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", Self::Pytorch),
        ];
        if let Some((_, kind)) = magics.into_iter().find(|(magic, _)| starts(magic)) {
            return kind;
        }
        match bytes {
            // The length of a header in eight bytes, the lowest first, and the header, in JSON.
            [_, _, _, _, _, _, _, 0, b'{', ..] => Self::of_tensors(bytes),
            [0x80, 2..=5, ..] => Self::Pickle,
            _ if is_onnx(bytes) => Self::Onnx,
            _ => std::str::from_utf8(bytes).map_or(Self::Unknown, Self::of_text),
        }
    }

    fn of_tensors(bytes: &[u8]) -> Self {
        if FinetuneState::from_bytes(bytes).is_ok() {
            return Self::FinetuneState;
        }
        if TrainingState::from_bytes(bytes).is_ok() {
            return Self::TrainingState;
        }
        if DatasetSummary::read(bytes, bytes.len() as u64).is_ok() {
            return Self::Dataset;
        }
        match TensorFile::from_bytes(bytes) {
            // Integers are passed over, and masks are nothing else.
            Ok(file) if file.tensors.is_empty() => Self::Masks,
            Ok(_) => Self::Model,
            Err(_) => Self::OtherSafetensors,
        }
    }

    fn of_text(text: &str) -> Self {
        if allocation_file::is_csv(text) || allocation_file::is_table(text) {
            return Self::Allocation;
        }
        match Document::from_json(text) {
            Ok(Document::Profile(_)) | Err(DocumentError::Profile(_)) => Self::Profile,
            Ok(Document::Sweep(_)) | Err(DocumentError::Sweep(_)) => Self::Sweep,
            Ok(Document::Allocation(_)) | Err(DocumentError::Allocation(_)) => Self::Allocation,
            Ok(Document::Finetune(_)) | Err(DocumentError::Finetune(_)) => Self::FinetuneReport,
            Ok(Document::Channels(_)) | Err(DocumentError::Channels(_)) => Self::Channels,
            Err(DocumentError::Foreign) => Self::OtherJson,
            Err(DocumentError::Json(_)) => Self::Text,
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Profile => "a profile",
            Self::Sweep => "a sweep",
            Self::Allocation => "an allocation",
            Self::FinetuneReport => "a report of fine-tuning",
            Self::Channels => "RR of channels",
            Self::OtherJson => "JSON, but no file of the lab",
            Self::Model => "a network",
            Self::TrainingState => {
                "the state of a training that was stopped, with which the same `rrlab train` goes on"
            }
            Self::FinetuneState => {
                "the state of fine-tuning that was stopped, with which the same `rrlab finetune` goes on"
            }
            Self::Dataset => "a stored data set",
            Self::Masks => "a file of masks",
            Self::OtherSafetensors => "a safetensors file that is damaged or of something else",
            Self::Pytorch => "a file of PyTorch (torch.save)",
            Self::Pickle => "a Python pickle",
            Self::Onnx => "ONNX",
            Self::Hdf5 => "HDF5, as Keras writes it",
            Self::Numpy => "of NumPy",
            Self::Zip => "a zip archive",
            Self::Tar => "a tar archive",
            Self::Gzip => "packed by gzip",
            Self::Image => "an image",
            Self::Text => "a text that is not JSON",
            Self::Unknown => "of a kind that this program does not know",
        }
    }
}

/// What a file was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A network, by `--model`.
    Model,
    /// A profile, by `--profile`.
    Profile,
    /// An allocation, by `--allocation`.
    Allocation,
    /// Anything that can be shown.
    Inspected,
    /// A sweep to be reported.
    Sweep,
    /// A sweep to go on from, which `--out` names.
    SweepToGoOnFrom,
}

impl Wanted {
    /// Whether a file of this kind was rightly given, so that its own fault is what is to be told.
    fn takes(self, found: FileKind) -> bool {
        match self {
            Self::Model => {
                use FileKind::{Model, Onnx, OtherSafetensors, Pytorch};
                matches!(found, Model | OtherSafetensors | Pytorch | Onnx)
            }
            Self::Profile => found == FileKind::Profile,
            Self::Allocation => found == FileKind::Allocation,
            Self::Sweep | Self::SweepToGoOnFrom => found == FileKind::Sweep,
            Self::Inspected => false,
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Model => {
                "--model wants a network: safetensors, such as `rrlab train` makes, a state dict of PyTorch, or ONNX"
            }
            Self::Profile => "--profile wants a profile: `rrlab calibrate` makes one",
            Self::Allocation => {
                "--allocation wants an allocation: `rrlab allocate --format json` prints one"
            }
            Self::Sweep => "a sweep is wanted here: `rrlab sweep` makes one",
            Self::Inspected => "`rrlab inspect` shows profiles and networks",
            Self::SweepToGoOnFrom => {
                "a sweep can't go on from it: choose another --out, or --force-overwrite replaces it"
            }
        }
    }
}

/// A file of another kind than was wanted.
#[derive(Debug, thiserror::Error)]
pub struct WrongKind {
    path: PathBuf,
    found: FileKind,
    wanted: Wanted,
}

impl WrongKind {
    /// That a file of this kind is not what was wanted.
    pub fn new(path: &Path, found: FileKind, wanted: Wanted) -> Self {
        Self { path: path.to_owned(), found, wanted }
    }
}

impl fmt::Display for WrongKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, wanted } = self;
        write!(f, "{} is {}; {}", path.display(), found.described(), wanted.remedy())
    }
}

/// Why bytes that a reader refused are not what was wanted: they are of another kind, or the
/// reader's own reason.
pub fn refused(
    path: &Path,
    bytes: &[u8],
    wanted: Wanted,
    reason: impl Into<anyhow::Error>,
) -> anyhow::Error {
    let found = FileKind::of(bytes);
    if wanted.takes(found) {
        return reason.into().context(path.display().to_string());
    }
    WrongKind::new(path, found, wanted).into()
}

#[cfg(test)]
mod tests {
    use rrlab_engine::architecture::Architecture;
    use rrlab_engine::checkpoint;
    use rrlab_engine::data::shapes10;
    use rrlab_engine::model::Model;

    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let graph = "resnet8".parse::<Architecture>().unwrap().graph(10).unwrap();
        let model = checkpoint::write(&Model::random(graph, 1)).unwrap();
        let mut tar = vec![0; 512];
        tar[TAR_MAGIC].copy_from_slice(b"ustar");
        let files: [(&[u8], FileKind); 16] = [
            (b"", FileKind::Empty),
            (&model, FileKind::Model),
            (&model[..model.len() / 2], FileKind::OtherSafetensors),
            (&shapes10(20, 10, 1).to_bytes().unwrap(), FileKind::Dataset),
            (b"PK\x03\x04\x00\x00archive/data.pkl", FileKind::Pytorch),
            (b"PK\x03\x04\x00\x00weights.npy", FileKind::Numpy),
            (b"PK\x03\x04\x00\x00train/cat/1.png", FileKind::Zip),
            (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", FileKind::Pytorch),
            (b"\x80\x04\x95\x00", FileKind::Pickle),
            (b"\x08\x08\x12\x07pytorch", FileKind::Onnx),
            (b"\x1f\x8b\x08", FileKind::Gzip),
            (&tar, FileKind::Tar),
            (b"{\"budget\": 3}", FileKind::Allocation),
            (b"{\"plan\": {}}", FileKind::Sweep),
            (b"{\"name\": \"x\"}", FileKind::OtherJson),
            (b"layer,role\nconv1,stem\n", FileKind::Text),
        ];
        for (bytes, kind) in files {
            assert_eq!(
                FileKind::of(bytes),
                kind,
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
            );
        }
    }
}
