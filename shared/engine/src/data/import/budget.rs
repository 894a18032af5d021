//! What reading the files of a data set may cost.

use std::cell::Cell;
use std::io::Read;

use super::error::ImportError;

/// Bytes of an encoded image: what is larger is none that a data set has.
const MAX_IMAGE_FILE_BYTES: u64 = 64 << 20;
/// Bytes of a file of class names.
const MAX_NAMES_BYTES: u64 = 1 << 20;
/// Most bytes of what a tar archive has between two files.
pub(super) const MAX_HEADER_BYTES: u64 = 1 << 20;

/// How many times its own bytes an archive that somebody sends may unpack to: files of CIFAR shrink
/// to 0.9 of themselves, images hardly at all, and a bomb to a thousandth.
const UNPACKED_PER_BYTE: u64 = 8;
/// What it may unpack to however small it is: much text shrinks to nothing.
const SPARE_UNPACKED_BYTES: u64 = 256 << 20;
/// Most files that somebody may send in one archive. CIFAR as single images has 60,000, Tiny
/// ImageNet 120,000.
const UPLOADED_FILES: u64 = 250_000;
/// Most pixels of an image that somebody sends: as many as large cameras take.
const UPLOADED_IMAGE_PIXELS: u64 = 50_000_000;
/// Pixels that images may have for each byte of their files: photographs have 1 to 20, drawings in
/// few colours up to 100, and a bomb thousands.
const PIXELS_PER_BYTE: u64 = 128;
/// Pixels that they may have however small their files are.
const SPARE_PIXELS: u64 = 1 << 26;
/// Most pixels of any image: a few bytes can claim to be billions.
const MAX_IMAGE_PIXELS: u64 = 1 << 26;

/// Bounds on what is read, beyond which an import ends. A small file can claim to hold any number
/// of bytes, files and pixels: what somebody else sends is worth work in proportion to its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportBudget {
    /// Files of an archive.
    pub files: u64,
    /// Bytes that an archive may unpack to.
    pub unpacked_bytes: u64,
    /// Pixels of an image, as it is and as it is scaled.
    pub image_pixels: u64,
    /// Pixels of all images for each byte of their files, beyond what any may have.
    pub pixels_per_byte: u64,
    /// Bytes of all images as they are kept.
    pub kept_bytes: u64,
}

impl ImportBudget {
    /// Of files of one's own: nothing is bounded but a single image, which may be broken.
    pub const OWN: Self = Self {
        files: u64::MAX,
        unpacked_bytes: u64::MAX,
        image_pixels: MAX_IMAGE_PIXELS,
        pixels_per_byte: u64::MAX,
        kept_bytes: u64::MAX,
    };

    /// Of an archive of so many bytes that somebody sends, of whose images so many bytes may be
    /// kept.
    pub fn of_upload(archive_bytes: u64, kept_bytes: u64) -> Self {
        Self {
            files: UPLOADED_FILES,
            unpacked_bytes: archive_bytes
                .saturating_mul(UNPACKED_PER_BYTE)
                .saturating_add(SPARE_UNPACKED_BYTES),
            image_pixels: UPLOADED_IMAGE_PIXELS,
            pixels_per_byte: PIXELS_PER_BYTE,
            kept_bytes,
        }
    }

    /// Whether an archive is counted before anything of it is decoded. One's own is not worth
    /// unpacking twice.
    pub(super) fn is_for_strangers(&self) -> bool {
        self.files < Self::OWN.files
    }

    /// An image of so many pixels can be held.
    pub(super) fn check_image(
        &self,
        path: &str,
        [width, height]: [u64; 2],
    ) -> Result<(), ImportError> {
        if width.saturating_mul(height) <= self.image_pixels {
            return Ok(());
        }
        let (path, most) = (path.into(), self.image_pixels);
        Err(ImportError::ImagePixels { path, width, height, most })
    }

    /// As many bytes of images can be kept.
    pub(super) fn check_kept(&self, bytes: u64) -> Result<(), ImportError> {
        if bytes <= self.kept_bytes {
            return Ok(());
        }
        Err(ImportError::TooLarge { most_bytes: self.kept_bytes })
    }
}

/// Images that were decoded so far.
#[derive(Debug, Default)]
pub(super) struct DecodedImages {
    file_bytes: u64,
    pixels: u64,
}

impl DecodedImages {
    /// One more, the last of which is too much where they are far larger than their files tell.
    pub(super) fn add(
        &mut self,
        path: &str,
        file_bytes: usize,
        pixels: u64,
        budget: &ImportBudget,
    ) -> Result<(), ImportError> {
        self.file_bytes += file_bytes as u64;
        self.pixels += pixels;
        let most = self.file_bytes.saturating_mul(budget.pixels_per_byte);
        let most = most.saturating_add(SPARE_PIXELS);
        if self.pixels <= most {
            return Ok(());
        }
        let (path, millions) = (path.into(), self.pixels / 1_000_000);
        Err(ImportError::Pixels { path, millions, mebibytes: self.file_bytes >> 20 })
    }
}

/// The whole of an encoded image.
pub(super) fn read_image(path: &str, content: &mut dyn Read) -> Result<Vec<u8>, ImportError> {
    read_whole(path, content, MAX_IMAGE_FILE_BYTES)
}

/// The whole of a file of class names.
pub(super) fn read_names(path: &str, content: &mut dyn Read) -> Result<Vec<u8>, ImportError> {
    read_whole(path, content, MAX_NAMES_BYTES)
}

fn read_whole(path: &str, content: &mut dyn Read, most: u64) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    let read = content.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|source| ImportError::Read { path: path.into(), source })?;
    if bytes.len() as u64 > most {
        return Err(ImportError::FileBytes { path: path.into(), most_bytes: most });
    }
    Ok(bytes)
}

/// What may still be unpacked of an archive, and what was too much.
pub(super) struct UnpackedMeter {
    most: u64,
    left: Cell<u64>,
    /// Of what comes next: until its header is read, an entry of a tar archive may claim any size.
    allowance: Cell<u64>,
    excess: Cell<Option<Excess>>,
}

#[derive(Debug, Clone, Copy)]
enum Excess {
    Whole,
    Header,
}

impl UnpackedMeter {
    pub(super) fn new(budget: &ImportBudget) -> Self {
        let most = budget.unpacked_bytes;
        let (left, allowance) = (Cell::new(most), Cell::new(u64::MAX));
        Self { most, left, allowance, excess: Cell::new(None) }
    }

    /// What follows may have so many bytes.
    pub(super) fn allow(&self, bytes: u64) {
        self.allowance.set(bytes);
    }

    /// What was too much, if anything was: readers between here and there tell it in words of their
    /// own.
    pub(super) fn excess(&self, path: &str) -> Option<ImportError> {
        let path = path.to_owned();
        Some(match self.excess.get()? {
            Excess::Whole => ImportError::Unpacked { path, mebibytes: self.most >> 20 },
            Excess::Header => ImportError::TarHeader { path, most_bytes: MAX_HEADER_BYTES },
        })
    }

    fn take(&self, wanted: usize) -> std::io::Result<usize> {
        let (left, allowance) = (self.left.get(), self.allowance.get());
        let most = left.min(allowance);
        if most == 0 && wanted > 0 {
            self.excess.set(Some(if left == 0 { Excess::Whole } else { Excess::Header }));
            return Err(std::io::Error::other("more than may be read"));
        }
        Ok(wanted.min(usize::try_from(most).unwrap_or(usize::MAX)))
    }

    fn give(&self, read: usize) {
        self.left.set(self.left.get() - read as u64);
        self.allowance.set(self.allowance.get() - read as u64);
    }
}

/// A reader of what is unpacked, which gives no more than may be.
pub(super) struct MeteredReader<'a, R> {
    pub(super) reader: R,
    pub(super) meter: &'a UnpackedMeter,
}

impl<R: Read> Read for MeteredReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = self.meter.take(buffer.len())?;
        let read = self.reader.read(&mut buffer[..most])?;
        self.meter.give(read);
        Ok(read)
    }
}
