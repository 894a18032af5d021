//! Reads a data set from files: CIFAR's official layout or an image folder, one by one or from an archive.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use super::cifar::{self, Layout};
use super::image_folder;
use super::{Dataset, ImageSet, Split, measured_normalization};

/// Largest file of an archive that is read: CIFAR-100's training file has 154 MB.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Most bytes of all files of an archive: a small one can claim to hold any number.
const MAX_ARCHIVE_BYTES: u64 = 4 << 30;
/// Most bytes of what a tar archive has between two files.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Why files are not a data set.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A CIFAR file that does not end where a record ends.
    #[error("{path}: {length} bytes are not a whole number of records of {record} bytes: was the file cut short?")]
    Truncated {
        /// The file.
        path: String,
        /// Its length.
        length: u64,
        /// Bytes of a record.
        record: usize,
    },
    /// A label beyond the classes.
    #[error("{path}: image {index} has label {label}, but there are {classes} classes")]
    Label {
        /// The file.
        path: String,
        /// The image in it.
        index: usize,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// An image that can't be decoded.
    #[error("{path}: {problem}")]
    Image {
        /// The file.
        path: String,
        /// What the decoder says.
        problem: String,
    },
    /// An archive that can't be read.
    #[error("{path}: not a readable {kind}: {problem}")]
    Archive {
        /// The archive.
        path: String,
        /// Its kind.
        kind: &'static str,
        /// What the reader says.
        problem: String,
    },
    /// Files of CIFAR and images of a folder, or of both CIFARs.
    #[error("{path}: belongs to another data set than the files before it; import one data set at a time")]
    Mixed {
        /// The first file that differs.
        path: String,
    },
    /// A split without images.
    #[error(
        "no {split} images found: expected data_batch_1.bin … test_batch.bin (CIFAR-10), train.bin and test.bin \
         (CIFAR-100), or an image folder train/CLASS/*.png|jpg and test/CLASS/*.png|jpg"
    )]
    Empty {
        /// The split.
        split: Split,
    },
    /// Class names that are fewer than the classes, or a class that only one split has.
    #[error("{problem}")]
    Classes {
        /// What is wrong.
        problem: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cifar(Layout),
    Folder,
}

/// Collects the files of one data set.
#[derive(Debug, Default)]
pub struct Importer {
    kind: Option<Kind>,
    class_names: Vec<String>,
    sets: [ImageSet; 2],
    /// Of an image folder: images by class and path, since order of arrival depends on the file system.
    folder: BTreeMap<(String, Split, String), Vec<u8>>,
}

impl Importer {
    /// Takes a file into account; one that belongs to no data set (a read-me, say) is passed over. Returns whether it
    /// was taken.
    ///
    /// # Errors
    /// If it claims to hold images and they can't be read.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<bool, ImportError> {
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if let Some((layout, split)) = cifar::image_file(file_name) {
            self.settle(path, Kind::Cifar(layout))?;
            cifar::read_records(path, bytes, layout, &mut self.sets[split as usize])?;
        } else if cifar::is_class_names(file_name) {
            let text = String::from_utf8_lossy(bytes);
            self.class_names = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
        } else if let Some((split, class)) = image_folder::image_path(path) {
            self.settle(path, Kind::Folder)?;
            self.folder.insert((class.into(), split, path.into()), image_folder::decode(path, bytes)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn settle(&mut self, path: &str, kind: Kind) -> Result<(), ImportError> {
        if *self.kind.get_or_insert(kind.clone()) == kind {
            Ok(())
        } else {
            Err(ImportError::Mixed { path: path.into() })
        }
    }

    /// The data set of all files so far. One called `cifar10` or `cifar100` with that many classes gets the customary
    /// normalisation, any other its training images' own.
    ///
    /// # Errors
    /// If a split has no images, or the splits differ in their classes.
    pub fn finish(mut self, name: &str) -> Result<Dataset, ImportError> {
        let classes = match self.kind {
            Some(Kind::Cifar(layout)) => self.cifar_classes(layout)?,
            Some(Kind::Folder) => self.folder_classes()?,
            None => return Err(ImportError::Empty { split: Split::Train }),
        };
        let [train, test] = self.sets;
        for (split, set) in [(Split::Train, &train), (Split::Test, &test)] {
            if set.is_empty() {
                return Err(ImportError::Empty { split });
            }
        }
        let customary = cifar::customary_normalization(name).filter(|_| name == format!("cifar{}", classes.len()));
        let normalization = customary.unwrap_or_else(|| measured_normalization(&train));
        Ok(Dataset { name: name.into(), classes, normalization, train, test })
    }

    fn cifar_classes(&self, layout: Layout) -> Result<Vec<String>, ImportError> {
        match self.class_names.len() {
            0 => Ok((0..layout.classes).map(|class| class.to_string()).collect()),
            named if named == layout.classes => Ok(self.class_names.clone()),
            named => Err(ImportError::Classes {
                problem: format!("the file of class names has {named} lines, but there are {} classes", layout.classes),
            }),
        }
    }

    /// Labels follow the alphabet, as in torchvision.
    fn folder_classes(&mut self) -> Result<Vec<String>, ImportError> {
        let mut classes: Vec<String> = Vec::new();
        let mut seen = [Vec::new(), Vec::new()];
        for ((class, split, _), image) in std::mem::take(&mut self.folder) {
            if classes.last() != Some(&class) {
                classes.push(class);
            }
            let label = classes.len() as u32 - 1;
            self.sets[split as usize].push(&image, label);
            if seen[split as usize].last() != Some(&label) {
                seen[split as usize].push(label);
            }
        }
        if let Some(label) = seen[1].iter().find(|label| !seen[0].contains(label)) {
            let class = &classes[*label as usize];
            return Err(ImportError::Classes {
                problem: format!("class `{class}` has test images but no training images"),
            });
        }
        if classes.len() < 2 {
            return Err(ImportError::Classes { problem: "an image folder needs at least two classes".into() });
        }
        Ok(classes)
    }
}

/// Whether a file of this name is an archive that [`archive_entries`] reads.
pub fn is_archive(path: &str) -> bool {
    let lower = path.to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".zip"].iter().any(|ending| lower.ends_with(ending))
}

/// Calls `visit(path, bytes)` for every file in a .tar, .tar.gz or .zip archive.
///
/// # Errors
/// If the archive can't be read, or as `visit` says.
pub fn archive_entries(
    path: &str,
    bytes: &[u8],
    visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if path.to_lowercase().ends_with(".zip") {
        return zip_entries(path, bytes, visit);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return tar_entries(path, "gzipped tar archive", flate2::read::GzDecoder::new(bytes), visit);
    }
    tar_entries(path, "tar archive", bytes, visit)
}

fn tar_entries(
    path: &str,
    kind: &'static str,
    reader: impl Read,
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail = |error: std::io::Error| ImportError::Archive { path: path.into(), kind, problem: error.to_string() };
    let allowance = Cell::new(MAX_HEADER_BYTES);
    let mut archive = tar::Archive::new(Metered { reader, allowance: &allowance });
    let mut left = MAX_ARCHIVE_BYTES;
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(fail)?.to_string_lossy().into_owned();
            allowance.set(entry.size());
            let bytes = read_limited(&mut entry, &mut left).map_err(fail)?;
            visit(&name, &bytes)?;
        }
        allowance.set(MAX_HEADER_BYTES);
    }
    Ok(())
}

/// A reader that gives no more than is allowed. Between files a tar archive has headers, long names and other things
/// that are read whole, whatever size they say they have.
struct Metered<'a, R> {
    reader: R,
    allowance: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.allowance.get()).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            let problem = format!("what stands between its files is larger than {MAX_HEADER_BYTES} bytes");
            return Err(std::io::Error::other(problem));
        }
        let read = self.reader.read(&mut buffer[..most])?;
        self.allowance.set(self.allowance.get() - read as u64);
        Ok(read)
    }
}

fn zip_entries(
    path: &str,
    bytes: &[u8],
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let fail = |problem: String| ImportError::Archive { path: path.into(), kind: "zip archive", problem };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| fail(error.to_string()))?;
    let mut left = MAX_ARCHIVE_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| fail(error.to_string()))?;
        if entry.is_file() {
            let bytes = read_limited(&mut entry, &mut left).map_err(|error| fail(error.to_string()))?;
            let name = entry.name().map_err(|error| fail(error.to_string()))?.into_owned();
            visit(&name, &bytes)?;
        }
    }
    Ok(())
}

/// Reads a file of an archive of which so many bytes may still come.
fn read_limited(reader: &mut impl Read, left: &mut u64) -> std::io::Result<Vec<u8>> {
    let limit = MAX_FILE_BYTES.min(*left);
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    if length > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("a file in it is larger than {MAX_FILE_BYTES} bytes")));
    }
    if length > *left {
        return Err(std::io::Error::other(format!("its files are larger than {MAX_ARCHIVE_BYTES} bytes together")));
    }
    *left -= length;
    Ok(bytes)
}
