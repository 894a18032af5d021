//! Reads a data set from files: CIFAR's official layout or an image folder, one by one or from an
//! archive.

mod archive;
mod budget;
mod cifar;
mod error;
mod image_folder;
mod spool;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, Write};

use bytes::Bytes;

pub use archive::is_archive;
pub use budget::ImportBudget;
pub use error::ImportError;
pub use image_folder::ImageSize;

use super::dataset::{Dataset, Split};
use super::images::{ColourSums, ImageSet, Normalization, square_image};
use super::stored::{Header, StoredDatasetError, write_beginning};
use super::summary::DatasetSummary;
use crate::threads;
use archive::archive_entries;
use budget::DecodedImages;
use cifar::Layout;
use image_folder::FolderImage;
use spool::Spool;

/// What the files so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cifar(Layout),
    Folder,
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy)]
enum FileKind<'a> {
    /// Images of CIFAR.
    Records(Layout, Split),
    /// Names of CIFAR's classes.
    ClassNames,
    /// An image of this class.
    Image(Split, &'a str),
    /// Nothing that belongs to a data set.
    Other,
}

impl<'a> FileKind<'a> {
    fn of(path: &'a str) -> Self {
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if let Some((layout, split)) = cifar::image_file(file_name) {
            Self::Records(layout, split)
        } else if cifar::is_class_names(file_name) {
            Self::ClassNames
        } else if let Some((split, class)) = image_folder::image_path(path) {
            Self::Image(split, class)
        } else {
            Self::Other
        }
    }
}

/// An image that was read.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// In the spool.
    place: u64,
    sums: ColourSums,
}

/// Images with their labels, of each split in the order of [`Split`].
type Splits = [Vec<(u32, Kept)>; 2];

/// Collects the files of one data set. Images are kept in a store, a file or memory, until all
/// have come.
///
/// ```
/// use rrlab_engine::data::Importer;
///
/// // One record of CIFAR-10's layout: a label byte, then the pixels of red, green and blue.
/// let record: Vec<u8> = std::iter::once(3).chain([128; 3072]).collect();
/// let mut importer = Importer::default();
/// importer.add("data_batch_1.bin", &record)?;
/// importer.add("test_batch.bin", &record)?;
/// let dataset = importer.finish("cifar10")?.into_dataset();
/// assert_eq!(dataset.train.labels(), [3]);
/// # Ok::<(), rrlab_engine::data::ImportError>(())
/// ```
#[derive(Debug)]
pub struct Importer<S> {
    kind: Option<Kind>,
    size: ImageSize,
    budget: ImportBudget,
    decoded: DecodedImages,
    class_names: Vec<String>,
    spool: Spool<S>,
    /// Of CIFAR.
    records: Splits,
    /// Of an image folder: images by class, split and path, since order of arrival depends on the
    /// file system.
    folder: BTreeMap<(String, Split, String), Kept>,
}

impl Default for Importer<Cursor<Vec<u8>>> {
    /// Of images of 32×32 pixels, kept in memory.
    fn default() -> Self {
        Self::new(ImageSize::default(), Cursor::default(), ImportBudget::OWN)
    }
}

impl<S: Read + Write + Seek> Importer<S> {
    /// Of images of this size, to which those of a folder are scaled and cut, kept in a store that
    /// is empty.
    pub fn new(size: ImageSize, store: S, budget: ImportBudget) -> Self {
        let spool = Spool::new(store, size.side());
        Self {
            kind: None,
            size,
            budget,
            decoded: DecodedImages::default(),
            class_names: Vec::new(),
            spool,
            records: Default::default(),
            folder: BTreeMap::new(),
        }
    }

    /// Takes a file into account; one that belongs to no data set (a read-me, say) is passed over.
    /// Returns whether it was taken.
    ///
    /// # Errors
    /// If it claims to hold images and they can't be read, there is no room to keep them, or they
    /// are more than the budget allows.
    pub fn add(&mut self, path: &str, mut bytes: &[u8]) -> Result<bool, ImportError> {
        self.add_content(path, &mut bytes)
    }

    /// Takes several files into account, in their order. Images of a folder are decoded on all
    /// threads.
    ///
    /// # Errors
    /// As [`Importer::add`].
    pub fn add_all(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), ImportError> {
        let (size, budget) = (self.size, self.budget);
        let decoded = threads::map_range(files.len(), |index| {
            let (path, bytes) = &files[index];
            let is_image = matches!(FileKind::of(path), FileKind::Image(..));
            is_image.then(|| image_folder::decode(path, bytes, size, &budget)).transpose()
        });
        for ((path, bytes), decoded) in files.iter().zip(decoded) {
            match (FileKind::of(path), decoded?) {
                (FileKind::Image(split, class), Some(image)) => {
                    self.add_image(path, (split, class), image, bytes.len())?;
                }
                _ => {
                    self.add(path, bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the files of a .tar, .tar.gz or .zip archive into account, and calls `visit(path)`
    /// before each. An archive of more than the budget allows is refused before an image of it is
    /// decoded, where that can be told.
    ///
    /// # Errors
    /// If it can't be read, or as [`Importer::add`].
    pub fn add_archive(
        &mut self,
        path: &str,
        bytes: &[u8],
        mut visit: impl FnMut(&str),
    ) -> Result<(), ImportError> {
        let budget = self.budget;
        if budget.is_for_strangers() {
            let mut kept = self.spool.bytes();
            archive_entries(path, bytes, &budget, |entry, _| {
                if matches!(FileKind::of(entry), FileKind::Image(..)) {
                    kept += self.spool.image_bytes() as u64;
                }
                budget.check_kept(kept)
            })?;
        }
        archive_entries(path, bytes, &budget, |entry, content| {
            visit(entry);
            self.add_content(entry, content).map(|_| ())
        })
    }

    fn add_content(&mut self, path: &str, content: &mut dyn Read) -> Result<bool, ImportError> {
        match FileKind::of(path) {
            FileKind::Records(layout, split) => {
                self.add_records(path, content, layout, split)?;
            }
            FileKind::ClassNames => {
                let text = budget::read_names(path, content)?;
                let text = String::from_utf8_lossy(&text);
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                self.class_names = lines.map(Into::into).collect();
            }
            FileKind::Image(split, class) => {
                let bytes = budget::read_image(path, content)?;
                let image = image_folder::decode(path, &bytes, self.size, &self.budget)?;
                self.add_image(path, (split, class), image, bytes.len())?;
            }
            FileKind::Other => return Ok(false),
        }
        Ok(true)
    }

    fn add_records(
        &mut self,
        path: &str,
        content: &mut dyn Read,
        layout: Layout,
        split: Split,
    ) -> Result<(), ImportError> {
        if self.size != ImageSize::default() {
            let size = self.size.to_string();
            return Err(ImportError::CifarSize { path: path.into(), size });
        }
        self.settle(path, Kind::Cifar(layout))?;
        cifar::read_records(path, content, layout, |label, image| {
            let kept = self.keep(image)?;
            self.records[split as usize].push((label, kept));
            Ok(())
        })
    }

    fn add_image(
        &mut self,
        path: &str,
        (split, class): (Split, &str),
        image: FolderImage,
        file_bytes: usize,
    ) -> Result<(), ImportError> {
        self.settle(path, Kind::Folder)?;
        self.decoded.add(path, file_bytes, image.pixels, &self.budget)?;
        let kept = self.keep(&image.planes)?;
        self.folder.insert((class.into(), split, path.into()), kept);
        Ok(())
    }

    fn keep(&mut self, image: &[u8]) -> Result<Kept, ImportError> {
        self.budget.check_kept(self.spool.bytes() + image.len() as u64)?;
        let sums = ColourSums::of(image, square_image(self.size.side()).positions());
        let place = self.spool.push(image).map_err(ImportError::Store)?;
        Ok(Kept { place, sums })
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
    pub fn finish(mut self, name: &str) -> Result<CollectedDataset<S>, ImportError> {
        let (classes, [train, test]) = match self.kind {
            Some(Kind::Cifar(layout)) => {
                (self.cifar_classes(layout)?, std::mem::take(&mut self.records))
            }
            Some(Kind::Folder) => self.folder_classes()?,
            None => return Err(ImportError::Empty { split: Split::Train }),
        };
        for (split, set) in [(Split::Train, &train), (Split::Test, &test)] {
            if set.is_empty() {
                return Err(ImportError::Empty { split });
            }
        }
        let normalization = cifar::customary_normalization(name, classes.len());
        let normalization = normalization.unwrap_or_else(|| {
            let sums = train.iter().map(|(_, kept)| &kept.sums);
            Normalization::of_sums(&sums.fold(ColourSums::default(), ColourSums::and))
        });
        let header =
            Header { name: name.into(), classes, normalization, resize: self.size.resize() };
        let [train, test] = [train, test].map(CollectedSet::new);
        Ok(CollectedDataset { header, spool: self.spool, train, test })
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
    fn folder_classes(&mut self) -> Result<(Vec<String>, Splits), ImportError> {
        let mut classes: Vec<String> = Vec::new();
        let mut has_training_images: Vec<bool> = Vec::new();
        let mut sets = Splits::default();
        // In the order of classes, then splits (training first), then paths.
        for ((class, split, _), kept) in std::mem::take(&mut self.folder) {
            if classes.last() != Some(&class) {
                classes.push(class);
                has_training_images.push(split == Split::Train);
            }
            let label = classes.len() as u32 - 1;
            sets[split as usize].push((label, kept));
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
        Ok((classes, sets))
    }
}

/// Images of a split, in their order.
#[derive(Debug)]
struct CollectedSet {
    labels: Vec<u32>,
    /// In the spool.
    places: Vec<u64>,
}

impl CollectedSet {
    fn new(images: Vec<(u32, Kept)>) -> Self {
        let (labels, places) =
            images.into_iter().map(|(label, Kept { place, .. })| (label, place)).unzip();
        Self { labels, places }
    }
}

/// A data set whose files have all been read, with its images still in the order in which they
/// came.
#[derive(Debug)]
pub struct CollectedDataset<S> {
    header: Header,
    spool: Spool<S>,
    train: CollectedSet,
    test: CollectedSet,
}

impl<S: Read + Write + Seek> CollectedDataset<S> {
    /// Its sizes.
    pub fn summary(&self) -> DatasetSummary {
        DatasetSummary {
            name: self.header.name.clone(),
            classes: self.header.classes.len(),
            train: self.train.labels.len(),
            test: self.test.labels.len(),
        }
    }

    /// Writes it as [`Dataset::to_bytes`] does, an image at a time.
    ///
    /// # Errors
    /// If it is too large for the format, or can't be written.
    pub fn write(mut self, mut to: impl Write) -> Result<(), StoredDatasetError> {
        let image = square_image(self.spool.side());
        let labels = [&self.test.labels[..], &self.train.labels];
        write_beginning(&mut to, &self.header, image, labels)?;
        for set in [self.test, self.train] {
            self.spool.copy(&set.places, &mut to)?;
        }
        Ok(())
    }
}

impl CollectedDataset<Cursor<Vec<u8>>> {
    /// The same in memory.
    pub fn into_dataset(self) -> Dataset {
        let side = self.spool.side();
        let image_bytes = square_image(side).elements();
        let arrived = Bytes::from(self.spool.into_bytes());
        let [train, test] = [self.train, self.test].map(|CollectedSet { labels, places }| {
            let image =
                |place: u64| place as usize * image_bytes..(place as usize + 1) * image_bytes;
            // Images that came in their order are not copied.
            let pixels = match (places.first(), places.is_sorted_by(|a, b| a + 1 == *b)) {
                (Some(&first), true) => {
                    let start = image(first).start;
                    arrived.slice(start..start + places.len() * image_bytes)
                }
                _ => {
                    let images = places.iter().map(|&place| &arrived[image(place)]);
                    images.collect::<Vec<_>>().concat().into()
                }
            };
            ImageSet::from_parts(side, pixels, labels).expect("each image was kept with its label")
        });
        let Header { name, classes, normalization, resize } = self.header;
        Dataset { name, classes, normalization, resize, train, test }
    }
}
