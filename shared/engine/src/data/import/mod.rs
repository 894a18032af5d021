//! Reads a data set from files: CIFAR's official layout or an image folder, one by one or from an
//! archive.

mod archive;
mod cifar;
mod error;
mod image_folder;

use std::collections::BTreeMap;

pub use archive::{archive_entries, is_archive};
pub use error::ImportError;

use super::dataset::{Dataset, Split};
use super::images::{IMAGE, ImageSet, Normalization};
use cifar::Layout;

/// What the files so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cifar(Layout),
    Folder,
}

/// Collects the files of one data set.
///
/// ```
/// use rrlab_engine::data::Importer;
///
/// // One record of CIFAR-10's layout: a label byte, then the pixels of red, green and blue.
/// let record: Vec<u8> = std::iter::once(3).chain([128; 3072]).collect();
/// let mut importer = Importer::default();
/// importer.add("data_batch_1.bin", &record)?;
/// importer.add("test_batch.bin", &record)?;
/// let dataset = importer.finish("cifar10")?;
/// assert_eq!(dataset.train.labels(), [3]);
/// # Ok::<(), rrlab_engine::data::ImportError>(())
/// ```
#[derive(Debug)]
pub struct Importer {
    kind: Option<Kind>,
    /// Rows and columns of the images.
    side: usize,
    class_names: Vec<String>,
    /// Images to train and to test on, in the order of [`Split`].
    sets: [ImageSet; 2],
    /// Of an image folder: images by class, split and path, since order of arrival depends on the
    /// file system.
    folder: BTreeMap<(String, Split, String), Vec<u8>>,
}

impl Default for Importer {
    /// Of images of 32×32 pixels.
    fn default() -> Self {
        Self::of_side(IMAGE.height)
    }
}

impl Importer {
    /// Of images of so many rows and columns, to which those of a folder are scaled and cut.
    ///
    /// # Errors
    /// If that is none or more than 1024.
    pub fn sized(side: usize) -> Result<Self, ImportError> {
        if image_folder::SIDES.contains(&side) {
            return Ok(Self::of_side(side));
        }
        Err(ImportError::Side { side })
    }

    fn of_side(side: usize) -> Self {
        let sets = [ImageSet::new(side), ImageSet::new(side)];
        Self { kind: None, side, class_names: Vec::new(), sets, folder: BTreeMap::new() }
    }

    /// Takes a file into account; one that belongs to no data set (a read-me, say) is passed over.
    /// Returns whether it was taken.
    ///
    /// # Errors
    /// If it claims to hold images and they can't be read.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<bool, ImportError> {
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if let Some((layout, split)) = cifar::image_file(file_name) {
            if self.side != IMAGE.height {
                return Err(ImportError::CifarSide { path: path.into(), side: self.side });
            }
            self.settle(path, Kind::Cifar(layout))?;
            cifar::read_records(path, bytes, layout, &mut self.sets[split as usize])?;
        } else if cifar::is_class_names(file_name) {
            let text = String::from_utf8_lossy(bytes);
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            self.class_names = lines.map(Into::into).collect();
        } else if let Some((split, class)) = image_folder::image_path(path) {
            self.settle(path, Kind::Folder)?;
            let planes = image_folder::decode(path, bytes, self.side)?;
            self.folder.insert((class.into(), split, path.into()), planes);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The first file of images says what the data set is; all others must be of it.
    fn settle(&mut self, path: &str, kind: Kind) -> Result<(), ImportError> {
        if self.kind.is_some_and(|settled| settled != kind) {
            return Err(ImportError::Mixed { path: path.into() });
        }
        self.kind = Some(kind);
        Ok(())
    }

    /// The data set of all files so far. One called `cifar10` or `cifar100` with that many classes
    /// gets the customary normalisation, any other its training images' own.
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
        let normalization = match cifar::customary_normalization(name, classes.len()) {
            Some(customary) => customary,
            None => Normalization::measured_on(&train),
        };
        Ok(Dataset { name: name.into(), classes, normalization, train, test })
    }

    /// The names that a file gave, or numbers where none did.
    fn cifar_classes(&self, layout: Layout) -> Result<Vec<String>, ImportError> {
        match self.class_names.len() {
            0 => Ok((0..layout.classes).map(|class| class.to_string()).collect()),
            named if named == layout.classes => Ok(self.class_names.clone()),
            named => {
                let classes = layout.classes;
                let problem = format!(
                    "the file of class names has {named} lines, but there are {classes} classes"
                );
                Err(ImportError::Classes { problem })
            }
        }
    }

    /// Labels follow the alphabet, as in torchvision.
    fn folder_classes(&mut self) -> Result<Vec<String>, ImportError> {
        let mut classes: Vec<String> = Vec::new();
        let mut has_training_images: Vec<bool> = Vec::new();
        // In the order of classes, then splits (training first), then paths.
        for ((class, split, _), image) in std::mem::take(&mut self.folder) {
            if classes.last() != Some(&class) {
                classes.push(class);
                has_training_images.push(split == Split::Train);
            }
            let label = classes.len() as u32 - 1;
            self.sets[split as usize].push(&image, label);
        }
        if let Some(label) = has_training_images.iter().position(|has| !has) {
            let class = &classes[label];
            let problem = format!("class `{class}` has test images but no training images");
            return Err(ImportError::Classes { problem });
        }
        if classes.len() < 2 {
            let problem = "an image folder needs at least two classes".into();
            return Err(ImportError::Classes { problem });
        }
        Ok(classes)
    }
}
