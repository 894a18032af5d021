//! What a layer of a network gives for some images, dense, pruned and repaired, and where in the
//! bytes beside it each picture lies.

use rrlab_types::{ModelHash, NetworkState, ObservedChannel, ThreeStates};
use serde::{Deserialize, Serialize};

/// Levels of a map's bytes: the dense mean of the channel lies in the middle.
const LEVELS: f64 = 255.0;
/// Standard deviations of the dense channel that a map's levels reach to either side of its mean.
const REACH: f64 = 3.0;
/// Largest byte of a weight.
const LARGEST_WEIGHT: f32 = 127.0;

/// A layer's output, behind the batch norm that follows it if one does, for images of the test set.
///
/// The bytes beside it ([`LayerObservation::pack`]) hold, one after the other:
/// - the images that are shown, `[shown, 3, side, side]`;
/// - their maps, `[shown, channels, 3, rows, columns]`, the three being dense, pruned and repaired:
///   [`LayerObservation::level`] of each value;
/// - the layer's dense weights, `[channels, weights of one]`, then its repaired ones, as
///   [`LayerObservation::weight_byte`] has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerObservation {
    /// The dense network.
    pub model: ModelHash,
    /// Name of the layer.
    pub layer: String,
    /// Data set that the images are of.
    pub dataset: String,
    /// Rows and columns of an image.
    pub side: usize,
    /// Rows and columns of a map.
    pub map: [usize; 2],
    /// Shape of one channel's weights: inputs, rows, columns.
    pub kernel: [usize; 3],
    /// How many images the channels' numbers are over; the first of them are shown.
    pub images: usize,
    /// Images that are shown.
    pub shown: Vec<ObservedImage>,
    /// Every channel of the layer, in its order.
    pub channels: Vec<ObservedChannel>,
}

/// An image, and what the networks make of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedImage {
    /// Name of its class in the data set.
    pub class: String,
    /// The likeliest class in each network.
    pub predictions: ThreeStates<Prediction>,
}

/// The class that a network holds to be likeliest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Its number.
    pub class: usize,
    /// Its name, where the network's classes have names.
    pub name: Option<String>,
    /// Whether it is the image's class, where that is one of the network's.
    pub right: Option<bool>,
    /// Its probability by softmax.
    pub probability: f64,
}

impl Prediction {
    /// Of a network with these logits, for an image of a class; `names` are those of the network's
    /// classes, or none.
    pub fn likeliest(logits: &[f32], names: &[String], of_image: &str) -> Self {
        let (class, probability) = likeliest_class(logits);
        let name = names.get(class).cloned();
        let is_known = names.iter().any(|name| name == of_image);
        let right = is_known.then_some(name.as_deref() == Some(of_image));
        Self { class, name, right, probability }
    }
}

/// The class with the largest logit, and its probability by softmax.
pub fn likeliest_class(logits: &[f32]) -> (usize, f64) {
    let (mut class, mut most) = (0, f32::MIN);
    for (index, &logit) in logits.iter().enumerate() {
        if logit > most {
            (class, most) = (index, logit);
        }
    }
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    (class, 1.0 / sum)
}

impl LayerObservation {
    /// Places of a map.
    pub fn area(&self) -> usize {
        self.map[0] * self.map[1]
    }

    /// Weights of one channel.
    pub fn row(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Where the pixels of an image begin.
    pub fn image_at(&self, image: usize) -> usize {
        image * 3 * self.side * self.side
    }

    /// Where a map begins.
    pub fn map_at(&self, image: usize, channel: usize, state: NetworkState) -> usize {
        let before = (image * self.channels.len() + channel) * 3 + state as usize;
        self.image_at(self.shown.len()) + before * self.area()
    }

    /// Where the weights of a channel begin, in the dense network or in the repaired one.
    pub fn weights_at(&self, channel: usize, repaired: bool) -> usize {
        let rows = channel + if repaired { self.channels.len() } else { 0 };
        self.map_at(self.shown.len(), 0, NetworkState::Dense) + rows * self.row()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        self.weights_at(self.channels.len(), true)
    }

    /// The bytes themselves, of the pixels of the images that are shown (what follows them is left
    /// out), of the maps of an image and channel, and of the layer's dense and repaired weights.
    ///
    /// # Shapes
    /// - `pixels`: `[3, side, side]` each
    /// - `map`: `[rows, columns]` each
    /// - `weights`: `[channels, weights of one]` each
    pub fn pack<'v>(
        &self,
        pixels: impl Iterator<Item = &'v [u8]>,
        map: impl Fn(usize, usize) -> ThreeStates<&'v [f32]>,
        weights: [&[f32]; 2],
    ) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes());
        bytes.extend(pixels.take(self.shown.len()).flatten());
        for image in 0..self.shown.len() {
            for (index, channel) in self.channels.iter().enumerate() {
                for (_, values) in map(image, index).each() {
                    bytes.extend(values.iter().map(|&value| Self::level(channel, value)));
                }
            }
        }
        let all = weights.iter().copied().flatten();
        let largest = all.clone().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        bytes.extend(all.map(|&weight| Self::weight_byte(weight, largest)));
        bytes
    }

    /// Channels, those that repair leaves farthest from the dense network first; constant ones last.
    pub fn worst_first(&self) -> Vec<usize> {
        let error = |channel: &usize| self.channels[*channel].repaired_error.unwrap_or(-1.0);
        let mut order: Vec<usize> = (0..self.channels.len()).collect();
        order.sort_by(|a, b| error(b).total_cmp(&error(a)));
        order
    }

    /// A map's byte for a value of a channel: 0 to 255 over three standard deviations of the dense
    /// channel to either side of its mean, what is beyond at the ends. Where the dense channel is
    /// constant, whatever is not the mean is at an end.
    pub fn level(channel: &ObservedChannel, value: f32) -> u8 {
        let dense = &channel.spread.dense;
        let (off, reach) = (f64::from(value) - dense.mean, REACH * dense.deviation);
        let side = if off == 0.0 { 0.0 } else { (off / reach).clamp(-1.0, 1.0) };
        ((side + 1.0) / 2.0 * LEVELS).round() as u8
    }

    /// The byte of a weight, beside the layer's largest: 0 for a weight that was removed, else a
    /// signed number of at least one and at most 127.
    pub fn weight_byte(weight: f32, largest: f32) -> u8 {
        if weight == 0.0 {
            return 0;
        }
        let size = (weight.abs() / largest * LARGEST_WEIGHT).round().clamp(1.0, LARGEST_WEIGHT);
        (size.copysign(weight) as i8) as u8
    }
}

#[cfg(test)]
mod tests {
    use rrlab_types::{ContentHasher, ValueSpread};

    use super::*;

    fn channel(mean: f64, deviation: f64) -> ObservedChannel {
        let spread = ValueSpread { mean, deviation, histogram: Vec::new() };
        let spread =
            ThreeStates { dense: spread.clone(), pruned: spread.clone(), repaired: spread };
        ObservedChannel { low: -9.0, high: 9.0, spread, pruned_error: None, repaired_error: None }
    }

    #[test]
    fn every_picture_lies_where_it_is_said_to() {
        let prediction = || Prediction { class: 0, name: None, right: None, probability: 1.0 };
        let predictions =
            || ThreeStates { dense: prediction(), pruned: prediction(), repaired: prediction() };
        let image = || ObservedImage { class: "disc".into(), predictions: predictions() };
        let observation = LayerObservation {
            model: ModelHash::of(ContentHasher::new("network")),
            layer: "conv".into(),
            dataset: "shapes10".into(),
            side: 1,
            map: [1, 2],
            kernel: [1, 1, 2],
            images: 3,
            shown: vec![image(), image()],
            channels: vec![channel(0.0, 1.0), channel(0.0, 1.0)],
        };
        // Another value for each image, channel, network and place.
        let values: Vec<f32> = (0..24).map(|value| value as f32 / 10.0 - 1.2).collect();
        let map = |image: usize, channel: usize| {
            let at = |state: usize| &values[((image * 2 + channel) * 3 + state) * 2..][..2];
            ThreeStates { dense: at(0), pruned: at(1), repaired: at(2) }
        };
        let pixels: [&[u8]; 3] = [&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]];
        let (dense, repaired) = ([1.0, -2.0, 3.0, 4.0], [0.0, -2.0, 0.0, 8.0]);
        let bytes = observation.pack(pixels.into_iter(), map, [&dense, &repaired]);

        assert_eq!(bytes.len(), observation.bytes());
        assert_eq!(bytes[observation.image_at(1)..][..3], [4, 5, 6]);
        for (image, channel) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for (state, values) in map(image, channel).each() {
                let expected = [values[0], values[1]]
                    .map(|value| LayerObservation::level(&observation.channels[0], value));
                assert_eq!(bytes[observation.map_at(image, channel, state)..][..2], expected);
            }
        }
        let weights = |channel, repaired| {
            let bytes = &bytes[observation.weights_at(channel, repaired)..][..2];
            [bytes[0] as i8, bytes[1] as i8]
        };
        assert_eq!([weights(0, false), weights(1, false)], [[16, -32], [48, 64]]);
        assert_eq!([weights(0, true), weights(1, true)], [[0, -32], [0, 127]]);
    }

    #[test]
    fn levels_are_centred_on_the_dense_mean_and_end_three_deviations_away() {
        let channel = channel(1.0, 2.0);
        let levels = [-100.0, -5.0, 1.0, 7.0, 100.0].map(|v| LayerObservation::level(&channel, v));
        assert_eq!(levels, [0, 0, 128, 255, 255]);
    }

    #[test]
    fn a_class_that_the_network_does_not_know_is_neither_right_nor_wrong() {
        let names = ["cat", "dog"].map(String::from);
        let right =
            |names: &[String], class| Prediction::likeliest(&[0.0, 1.0], names, class).right;
        assert_eq!(right(&names, "dog"), Some(true));
        assert_eq!(right(&names, "cat"), Some(false));
        assert_eq!(right(&names, "disc"), None);
        assert_eq!(right(&[], "dog"), None);
        let prediction = Prediction::likeliest(&[0.0, 1.0], &names, "dog");
        assert_eq!(prediction.name.as_deref(), Some("dog"));
        assert!((prediction.probability - 0.731).abs() < 1e-3);
    }

    #[test]
    fn what_differs_from_a_constant_channel_is_seen() {
        let levels = [2.9, 3.0, 3.1].map(|v| LayerObservation::level(&channel(3.0, 0.0), v));
        assert_eq!(levels, [0, 128, 255]);
    }

    #[test]
    fn a_weight_that_stays_is_told_from_one_that_was_removed() {
        let bytes =
            [0.0, 1e-9, -1e-9, 2.0, -2.0].map(|w| LayerObservation::weight_byte(w, 2.0) as i8);
        assert_eq!(bytes, [0, 1, -1, 127, -127]);
    }
}
