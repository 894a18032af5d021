//! Tensors in host memory, by PyTorch's names.

use std::collections::BTreeMap;

/// A tensor in host memory, row-major. It has as many values as its shape says.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Tensors by PyTorch name: `conv1.weight`, `bn1.running_var`, …
pub type StateDict = BTreeMap<String, HostTensor>;

/// Values that are more or fewer than a shape has room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tensor of shape {shape:?} has {expected} values, not {found}")]
pub struct ShapeError {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Values that there are.
    pub found: usize,
    /// Values that the shape has room for.
    pub expected: usize,
}

impl HostTensor {
    /// A tensor of this shape, its values row-major.
    ///
    /// # Errors
    /// If the values are not as many as the shape says.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Self, ShapeError> {
        let expected = shape.iter().product();
        if values.len() == expected {
            Ok(Self { shape, values })
        } else {
            Err(ShapeError { shape, found: values.len(), expected })
        }
    }

    /// A vector, `[values]`.
    pub fn vector(values: Vec<f32>) -> Self {
        Self { shape: vec![values.len()], values }
    }

    /// Length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, row-major, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// Name of a module's tensor in a state dict: `bn1` and `weight` give `bn1.weight`.
pub fn tensor_name(module: &str, tensor: &str) -> String {
    format!("{module}.{tensor}")
}
