//! Networks that others publish, recognised by the names and shapes of their tensors, and how their
//! images are normalised.

use crate::architecture::{Architecture, Origin};
use crate::checkpoint::classes_of;
use crate::data::Normalization;
use crate::model::{TensorSpec, tensor_specs};
use crate::tensors::StateDict;

/// Share of a network's tensors that may be wrong for the file to be called nearly that network.
const NEARLY: f64 = 0.25;
/// Faults that are told one by one.
const TOLD: usize = 3;

/// A state dict that is of no network that the lab knows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unrecognised {
    /// Most tensors are those of a network.
    #[error(
        "the tensors are nearly those of {architecture} with {classes} classes, but {}",
        told(faults)
    )]
    Nearly {
        /// The network.
        architecture: Box<Architecture>,
        /// Its classes, by the classifier.
        classes: usize,
        /// What is wrong with each tensor, in words.
        faults: Vec<String>,
    },
    /// They are those of no network.
    #[error(
        "its {tensors} tensors ({}, …) are those of no network that the lab knows; if one of them is meant, name it with \
         --arch to see what differs",
        names.join(", ")
    )]
    Unknown {
        /// How many there are.
        tensors: usize,
        /// Some of their names.
        names: Vec<String>,
    },
}

fn told(faults: &[String]) -> String {
    let mut text = faults[..faults.len().min(TOLD)].join("; ");
    if faults.len() > TOLD {
        text.push_str(&format!("; and {} more", faults.len() - TOLD));
    }
    text
}

/// The network that has exactly these tensors; depth, width and classes are read off them. Of
/// several ([`alike`]) it is the one that its publisher trained for so many classes.
///
/// # Errors
/// If there is none: then the nearest is named, where one is near.
pub fn recognise(state: &StateDict) -> Result<Architecture, Unrecognised> {
    let mut likely: Option<Architecture> = None;
    let mut nearest: Option<(f64, Unrecognised)> = None;
    for family in Architecture::all() {
        let architecture = with_width_of(family, state);
        let classes = classes_of(state, &architecture);
        let Ok(graph) = architecture.graph(classes) else { continue };
        let specs = tensor_specs(&graph);
        let faults = faults(state, &specs);
        if faults.is_empty() {
            let is_likelier = is_published_for(&architecture, classes);
            likely = likely.filter(|_| !is_likelier).or(Some(architecture));
            continue;
        }
        let share = faults.len() as f64 / specs.len() as f64;
        if share <= NEARLY && nearest.as_ref().is_none_or(|(least, _)| share < *least) {
            let architecture = Box::new(architecture);
            nearest = Some((share, Unrecognised::Nearly { architecture, classes, faults }));
        }
    }
    if let Some(likely) = likely {
        return Ok(likely);
    }
    let unknown = || Unrecognised::Unknown {
        tensors: state.len(),
        names: state.keys().take(TOLD).cloned().collect(),
    };
    Err(nearest.map_or_else(unknown, |(_, nearly)| nearly))
}

/// Whether the publisher of such networks trained them for so many classes.
fn is_published_for(architecture: &Architecture, classes: usize) -> bool {
    match architecture.origin() {
        Origin::Torchvision => classes == 1000,
        Origin::Chenyaofo => classes == 10 || classes == 100,
        Origin::Weiaicunzai => classes == 100,
        Origin::Akamaster | Origin::Kuangliu => classes == 10,
    }
}

/// Other networks with exactly these tensors: those that differ in strides alone.
pub fn alike(architecture: &Architecture, state: &StateDict) -> Vec<Architecture> {
    let others = Architecture::all().map(|family| with_width_of(family, state));
    others.filter(|other| other != architecture && fits(other, state)).collect()
}

/// Whether a network of this architecture has exactly these tensors.
pub fn fits(architecture: &Architecture, state: &StateDict) -> bool {
    let graph = architecture.graph(classes_of(state, architecture));
    graph.is_ok_and(|graph| faults(state, &tensor_specs(&graph)).is_empty())
}

/// The width at which the first convolution has as many channels as the file's.
fn with_width_of(family: Architecture, state: &StateDict) -> Architecture {
    let stem = || {
        let stem = tensor_specs(&family.graph(2).ok()?).into_iter().next()?;
        let found = state.get(&stem.name)?.shape().first()?;
        family.with_width(*found as f64 / stem.shape[0] as f64)
    };
    stem().unwrap_or(family)
}

fn faults(state: &StateDict, specs: &[TensorSpec]) -> Vec<String> {
    let mut faults = Vec::new();
    for TensorSpec { name, shape } in specs {
        match state.get(name) {
            None => faults.push(format!("`{name}` is missing")),
            Some(tensor) if tensor.shape() != *shape => {
                faults.push(format!("`{name}` is {:?} where {shape:?} belongs", tensor.shape()));
            }
            Some(_) => {}
        }
    }
    let known: std::collections::HashSet<&String> = specs.iter().map(|spec| &spec.name).collect();
    let strange = state.keys().filter(|name| !known.contains(name));
    faults.extend(strange.map(|name| format!("`{name}` is of none of its layers")));
    faults
}

/// Normalisation that the authors of a published network trained it with; none where each user
/// chose one.
///
/// Sources: `datasets.py` of chenyaofo/pytorch-cifar-models, `trainer.py` of
/// akamaster/pytorch_resnet_cifar10, the settings of weiaicunzai/pytorch-cifar100,
/// `torchvision.transforms._presets`.
pub fn published_normalization(
    architecture: &Architecture,
    classes: usize,
) -> Option<Normalization> {
    let (mean, std) = match (architecture.origin(), classes) {
        (Origin::Chenyaofo, 10) => ([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
        (Origin::Chenyaofo, 100) => ([0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]),
        (Origin::Weiaicunzai, 100) => {
            ([0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047])
        }
        (Origin::Akamaster, 10) | (Origin::Torchvision, _) => {
            ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        }
        _ => return None,
    };
    Some(Normalization { mean, std })
}
