//! Images in the order in which they arrive, kept until the order that they belong in is known.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use crate::data::images::square_image;

/// Images of one size, appended to a file or to memory.
#[derive(Debug)]
pub(super) struct Spool<S> {
    store: S,
    side: usize,
    images: u64,
}

impl<S: Read + Write + Seek> Spool<S> {
    /// Images of this many rows and columns, in a store that is empty.
    pub(super) fn new(store: S, side: usize) -> Self {
        Self { store, side, images: 0 }
    }

    /// Rows and columns of each image.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// Bytes of each image.
    pub(super) fn image_bytes(&self) -> usize {
        square_image(self.side).elements()
    }

    /// Bytes of all images so far.
    pub(super) fn bytes(&self) -> u64 {
        self.images * self.image_bytes() as u64
    }

    /// Appends an image, `[3, side, side]`, and gives its place.
    pub(super) fn push(&mut self, image: &[u8]) -> io::Result<u64> {
        debug_assert_eq!(image.len(), self.image_bytes());
        self.store.write_all(image)?;
        self.images += 1;
        Ok(self.images - 1)
    }

    /// Writes the images at these places one after the other.
    pub(super) fn copy(&mut self, places: &[u64], mut to: impl Write) -> io::Result<()> {
        let mut image = vec![0; self.image_bytes()];
        // Where the store is now; after all that was appended.
        let mut at = self.images;
        for &place in places {
            if place != at {
                self.store.seek(SeekFrom::Start(place * image.len() as u64))?;
            }
            self.store.read_exact(&mut image)?;
            to.write_all(&image)?;
            at = place + 1;
        }
        self.store.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

impl Spool<Cursor<Vec<u8>>> {
    /// All images in the order in which they arrived.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.store.into_inner()
    }
}
