//! Two profiles beside each other, where their layers match.

use crate::graph::{PrunableLayer, Role};
use crate::profile::ModelProfile;
use crate::repair::RepairOperator;

/// How layers of two networks were found to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// The same roles in the same order: layer by layer.
    Place,
    /// By their names, where both have one of it with the same role.
    Name,
}

impl std::fmt::Display for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Place => "by their place: both networks have the same roles in the same order",
            Self::Name => "by their names",
        })
    }
}

/// Prunable layers of two networks that match.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedLayers {
    /// How they were found to.
    pub matching: Matching,
    /// Index of each among the layers of the first network and of the second, in the first's order.
    pub pairs: Vec<(usize, usize)>,
}

impl MatchedLayers {
    /// Of two networks of the same roles in the same order, all layers; of others those of the same name
    /// and role.
    ///
    /// ```
    /// use rrlab_types::{MatchedLayers, Matching, ModelProfile};
    /// # let text = include_str!("../../../frontend/gallery/resnet20-cifar10.profile.json");
    ///
    /// let profile = ModelProfile::from_json(text)?;
    /// let matched = MatchedLayers::of(&profile, &profile);
    /// assert_eq!(matched.matching, Matching::Place);
    /// assert_eq!(matched.pairs.len(), profile.layers.len());
    /// # Ok::<(), rrlab_types::ProfileError>(())
    /// ```
    pub fn of(first: &ModelProfile, second: &ModelProfile) -> Self {
        let [first, second] = [first, second].map(|profile| profile.graph.prunable_layers());
        let roles = |layers: &[PrunableLayer<'_>]| -> Vec<Role> {
            layers.iter().map(|layer| layer.role).collect()
        };
        if roles(&first) == roles(&second) {
            let pairs = (0..first.len()).map(|place| (place, place)).collect();
            return Self { matching: Matching::Place, pairs };
        }
        let mut pairs = Vec::new();
        for (place, layer) in first.iter().enumerate() {
            let is_same =
                |other: &PrunableLayer<'_>| (other.name, other.role) == (layer.name, layer.role);
            if let Some(other) = second.iter().position(is_same) {
                pairs.push((place, other));
            }
        }
        Self { matching: Matching::Name, pairs }
    }

    /// RR of each pair at one density in both networks.
    pub fn rr_at(
        &self,
        [first, second]: [&ModelProfile; 2],
        operator: RepairOperator,
        density: f64,
    ) -> Vec<(f64, f64)> {
        let of_pair = |&(a, b): &(usize, usize)| {
            let rr = |profile: &ModelProfile, layer: usize| {
                profile.layers[layer].rr_at(operator, density)
            };
            (rr(first, a), rr(second, b))
        };
        self.pairs.iter().map(of_pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gallery(name: &str) -> ModelProfile {
        // Not as it was when this was built: another clone may have, which shares the target folder.
        let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        let path = format!("{package}/../../frontend/gallery/{name}.profile.json");
        ModelProfile::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_deeper_network_matches_where_it_has_the_same_layers() {
        let (small, deep) =
            (gallery("akamaster-resnet20-cifar10"), gallery("akamaster-resnet56-cifar10"));
        let matched = MatchedLayers::of(&small, &deep);
        assert_eq!(matched.matching, Matching::Name);
        assert_eq!(matched.pairs.len(), small.layers.len(), "each layer of the small one has one");
        for &(a, b) in &matched.pairs {
            assert_eq!(small.layers[a].name, deep.layers[b].name);
        }
        assert!(matched.pairs.windows(2).all(|two| two[0].0 < two[1].0));
    }

    #[test]
    fn networks_of_one_shape_match_by_place_whatever_their_layers_are_called() {
        let (first, second) = (gallery("chenyaofo-resnet20-cifar10"), gallery("resnet20-cifar10"));
        let last = |profile: &ModelProfile| profile.layers.last().unwrap().name.clone();
        assert_ne!(last(&first), last(&second));
        let matched = MatchedLayers::of(&first, &second);
        assert_eq!(matched.matching, Matching::Place);
        assert_eq!(matched.pairs.last(), Some(&(21, 21)));
    }

    #[test]
    fn rr_of_pairs_is_that_of_each_network() {
        let (first, second) =
            (gallery("chenyaofo-resnet20-cifar10"), gallery("chenyaofo-resnet20-cifar100"));
        let operator = RepairOperator::default();
        let matched = MatchedLayers::of(&first, &second);
        let pairs = matched.rr_at([&first, &second], operator, 0.05);
        assert_eq!(pairs[3].0, first.layers[3].rr_at(operator, 0.05));
        assert_eq!(pairs[3].1, second.layers[3].rr_at(operator, 0.05));
    }
}
