//! The unlabelled images that networks are measured and repaired on.

use burn::tensor::{Device, Tensor};
use rrlab_types::{ImagesHash, LayerGraph, Measurement, SensitivityMeasurement};

use super::error::CalibrationError;
use crate::data::{
    Dataset, ImageSet, Normalization, Sample, Split, draw_indices, draw_positions,
    evaluation_batch, images_to_device,
};

/// Unlabelled images of a data set.
#[derive(Debug, Clone)]
pub struct CalibrationImages<'a> {
    set: &'a ImageSet,
    dataset: String,
    split: Split,
    indices: Vec<usize>,
    seed: u64,
    normalization: Normalization,
}

impl<'a> CalibrationImages<'a> {
    /// `count` images of a split drawn with `seed` without regard to labels; fewer where there are
    /// not as many.
    ///
    /// # Errors
    /// If that is none.
    pub fn draw(
        dataset: &'a Dataset,
        split: Split,
        count: usize,
        seed: u64,
        normalization: Normalization,
    ) -> Result<Self, CalibrationError> {
        let set = dataset.split(split);
        let (name, available) = (dataset.name.clone(), set.len());
        let indices = draw_indices(set, count, seed);
        if indices.is_empty() {
            return Err(CalibrationError::NoImages { dataset: name, split, available });
        }
        Ok(Self { set, dataset: name, split, indices, seed, normalization })
    }

    /// `count` images of the same split that are none of these, drawn with the same seed; fewer
    /// where not as many are left, nothing where none are.
    pub fn others(&self, count: usize) -> Option<Self> {
        let mut left: Vec<usize> = (0..self.set.len()).collect();
        // Both are in ascending order.
        left.retain(|index| self.indices.binary_search(index).is_err());
        let drawn = draw_positions(left.len(), count, self.seed);
        let indices: Vec<usize> = drawn.into_iter().map(|position| left[position]).collect();
        (!indices.is_empty()).then(|| Self { indices, ..self.clone() })
    }

    /// Their indices into the split that they were drawn from, in ascending order.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// How many they are: at least one.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The seed that they were drawn with.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many of them a network takes at once.
    pub(super) fn batch(&self, graph: &LayerGraph) -> usize {
        evaluation_batch(graph, self.set.shape())
    }

    /// How many batches [`CalibrationImages::batches`] gives.
    pub fn batch_count(&self, graph: &LayerGraph) -> usize {
        self.len().div_ceil(self.batch(graph))
    }

    /// Hash of the pixels, in the order in which the images are used.
    pub fn hash(&self) -> ImagesHash {
        self.set.hash(&self.indices)
    }

    /// The images in batches for a network on a device, normalised: `[batch, 3, side, side]` each,
    /// the last perhaps smaller.
    pub fn batches<'s>(
        &'s self,
        graph: &LayerGraph,
        device: &'s Device,
    ) -> impl Iterator<Item = Tensor<4>> + use<'s, 'a> {
        self.batches_of(&self.indices, self.batch(graph), device)
    }

    /// Images of the set at these indices, likewise, in batches of at most `batch`.
    pub(super) fn batches_of<'s>(
        &'s self,
        indices: &'s [usize],
        batch: usize,
        device: &'s Device,
    ) -> impl Iterator<Item = Tensor<4>> + use<'s, 'a> {
        indices.chunks(batch).map(move |chunk| {
            images_to_device(self.set, &Sample::unvaried(chunk), &self.normalization, device)
        })
    }

    /// `count` of them, spread evenly over their order, in which the classes of an image folder come
    /// one after the other, and then the others: indices into the set.
    pub(super) fn spread(&self, count: usize) -> [Vec<usize>; 2] {
        let [mut spread, mut others] = [Vec::new(), Vec::new()];
        for (place, &index) in self.indices.iter().enumerate() {
            // The shares of `count` that end before and after this image.
            let ends = place * count / self.len() != (place + 1) * count / self.len();
            if ends { spread.push(index) } else { others.push(index) }
        }
        [spread, others]
    }

    /// What a profile says of these images and of how they were measured.
    pub(super) fn measurement(
        &self,
        device: &str,
        method: &str,
        sensitivity: SensitivityMeasurement,
    ) -> Measurement {
        Measurement {
            dataset: self.dataset.clone(),
            split: self.split.name().into(),
            images: self.len(),
            seed: self.seed,
            images_hash: Some(self.hash()),
            device: device.into(),
            method: method.into(),
            sensitivity: Some(sensitivity),
            program: rrlab_types::PROGRAM.into(),
        }
    }
}
