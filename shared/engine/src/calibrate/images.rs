//! The unlabelled images that networks are measured and repaired on.

use burn::tensor::{Device, Tensor};
use rrlab_types::{ImagesHash, LayerGraph, Measurement, SensitivityMeasurement};

use super::error::CalibrationError;
use crate::data::{
    Dataset, ImageSet, Normalization, Sample, Split, draw_positions, evaluation_batch,
    images_to_device,
};

/// What calibration images are drawn from: a split of a data set, or one class of it.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationPool<'a> {
    dataset: &'a Dataset,
    split: Split,
    /// Label of the class that all are of.
    class: Option<usize>,
}

impl<'a> CalibrationPool<'a> {
    /// All images of a split.
    pub fn all(dataset: &'a Dataset, split: Split) -> Self {
        Self { dataset, split, class: None }
    }

    /// Those of one class alone, by its name, where one is named.
    ///
    /// # Errors
    /// If the data set has no such class.
    pub fn of_class(self, class: Option<&str>) -> Result<Self, CalibrationError> {
        let Some(class) = class else { return Ok(Self { class: None, ..self }) };
        let dataset = self.dataset;
        let label = dataset.classes.iter().position(|name| name == class);
        let unknown = || CalibrationError::NoClass {
            dataset: dataset.name.clone(),
            class: class.into(),
            known: dataset.classes.clone(),
        };
        Ok(Self { class: Some(label.ok_or_else(unknown)?), ..self })
    }

    /// `count` of them drawn with `seed`; fewer where there are not as many.
    ///
    /// # Errors
    /// If that is none.
    pub fn draw(
        self,
        count: usize,
        seed: u64,
        normalization: Normalization,
    ) -> Result<CalibrationImages<'a>, CalibrationError> {
        let available = self.indices();
        let indices = draw_of(&available, count, seed);
        if indices.is_empty() {
            return Err(CalibrationError::NoImages {
                dataset: self.dataset.name.clone(),
                split: self.split,
                available: available.len(),
            });
        }
        Ok(CalibrationImages { pool: self, indices, seed, normalization })
    }

    /// How many images it has.
    pub fn available(self) -> usize {
        self.indices().len()
    }

    fn set(self) -> &'a ImageSet {
        self.dataset.split(self.split)
    }

    /// Indices into the split, in ascending order.
    fn indices(self) -> Vec<usize> {
        let all: Vec<usize> = (0..self.set().len()).collect();
        let Some(class) = self.class else { return all };
        let labels = self.set().labels_of(&all);
        let of_class = |&index: &usize| labels[index] as usize == class;
        all.into_iter().filter(of_class).collect()
    }
}

/// `count` of these indices, or all, where there are fewer, in their order.
fn draw_of(available: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let drawn = draw_positions(available.len(), count, seed);
    drawn.into_iter().map(|position| available[position]).collect()
}

/// Unlabelled images of a data set.
#[derive(Debug, Clone)]
pub struct CalibrationImages<'a> {
    pool: CalibrationPool<'a>,
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
        CalibrationPool::all(dataset, split).draw(count, seed, normalization)
    }

    /// `count` images of the same pool that are none of these, drawn with the same seed; fewer
    /// where not as many are left, nothing where none are.
    pub fn others(&self, count: usize) -> Option<Self> {
        let mut left = self.pool.indices();
        // Both are in ascending order.
        left.retain(|index| self.indices.binary_search(index).is_err());
        let indices = draw_of(&left, count, self.seed);
        (!indices.is_empty()).then(|| Self { indices, ..self.clone() })
    }

    fn set(&self) -> &'a ImageSet {
        self.pool.set()
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
        evaluation_batch(graph, self.set().shape())
    }

    /// How many batches [`CalibrationImages::batches`] gives.
    pub fn batch_count(&self, graph: &LayerGraph) -> usize {
        self.len().div_ceil(self.batch(graph))
    }

    /// Hash of the pixels, in the order in which the images are used.
    pub fn hash(&self) -> ImagesHash {
        self.set().hash(&self.indices)
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
            images_to_device(self.set(), &Sample::unvaried(chunk), &self.normalization, device)
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
        let CalibrationPool { dataset, split, class } = self.pool;
        Measurement {
            dataset: dataset.name.clone(),
            split: split.name().into(),
            class: class.map(|class| dataset.classes[class].clone()),
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
