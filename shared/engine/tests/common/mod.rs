//! Small networks, budgets and images that several of the engine's tests begin with.

use rrlab_engine::architecture::Architecture;
use rrlab_engine::calibrate::CalibrationImages;
use rrlab_engine::data::{Dataset, Split};
use rrlab_engine::model::Model;
use rrlab_types::{Allocation, AllocationRequest, Evidence, Rule, Sparsity, allocate};

/// An untrained network of ten classes.
pub fn model(name: &str) -> Model {
    Model::random(name.parse::<Architecture>().unwrap().graph(10).unwrap(), 5)
}

/// The same density in every layer.
pub fn uniform(model: &Model, sparsity: f64) -> Allocation {
    let request = AllocationRequest::new(Rule::Uniform, Sparsity::new(sparsity).unwrap());
    allocate(Evidence::Graph(model.graph()), &request).unwrap()
}

/// Training images, as if for calibration.
pub fn images(data: &Dataset, count: usize) -> CalibrationImages<'_> {
    CalibrationImages::draw(data, Split::Train, count, 1, data.normalization).unwrap()
}
