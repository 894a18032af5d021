//! Pools.

use rrlab_types::{AveragePool, FeatureShape, Op, Pool};

use super::attributes::from_start;
use super::error::NodeProblem;
use super::translate::{Step, Translation};
use super::value::Feature;

impl<'a> Translation<'a> {
    fn pool(&self, step: &Step<'a>, input: Feature) -> Result<Pool, NodeProblem> {
        let FeatureShape { height, width, .. } = self.shape(input);
        let window = step.attributes.window(None, [height, width])?;
        if window.dilation != [1; 2] {
            return Err(NodeProblem::Attribute {
                name: "dilations",
                found: format!("{:?}", window.dilation),
                supported: "pools over pixels next to each other",
            });
        }
        let ceil = step.attributes.int("ceil_mode").unwrap_or(0) == 1;
        Ok(Pool { size: window.kernel, stride: window.stride, padding: window.padding, ceil })
    }

    pub(super) fn max_pool(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        step.attributes.expect("storage_order", 0, "rows before columns")?;
        if step.node.output.get(1).is_some_and(|name| !name.is_empty()) {
            return Err(NodeProblem::Alone("gives the places of maxima, which the lab has not"));
        }
        let input = self.images(step)?;
        let pool = self.pool(step, input)?;
        self.push_after(step, Op::MaxPool(pool), input)
    }

    pub(super) fn average_pool(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.images(step)?;
        let pool = self.pool(step, input)?;
        let counts_padding = step.attributes.int("count_include_pad").unwrap_or(0) == 1;
        self.push_after(step, Op::AveragePool(AveragePool { pool, counts_padding }), input)
    }

    pub(super) fn global_max_pool(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.images(step)?;
        let FeatureShape { height, width, .. } = self.shape(input);
        let whole = Pool { size: [height, width], ..Pool::tiles(1) };
        self.push_after(step, Op::MaxPool(whole), input)
    }

    /// A pool of whole images.
    pub(super) fn pooled(&mut self, step: &Step<'a>, op: Op) -> Result<Feature, NodeProblem> {
        let input = self.images(step)?;
        self.push_after(step, op, input)
    }

    /// Means over rows and columns.
    pub(super) fn reduce_mean(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let rank = self.lengths(input).len() as i64;
        let mut axes = step.integers("axes", 1)?.unwrap_or_default();
        for axis in &mut axes {
            *axis = from_start(*axis, rank);
        }
        axes.sort_unstable();
        let positions = self.position_axes(input).unwrap_or_default();
        if axes.is_empty() || !axes.iter().copied().eq(positions.iter().map(|&axis| axis as i64)) {
            let to = format!("means over the dimensions {axes:?}");
            return Err(self.rearranged(input, &to, "means over rows and columns"));
        }
        let keeps = step.attributes.int("keepdims").unwrap_or(1) == 1;
        let mut dimensions = self.axes(input);
        for &axis in positions.iter().rev() {
            dimensions = match keeps {
                true => dimensions.with(axis, Vec::new()),
                false => dimensions.without(axis),
            };
        }
        let mean = self.push_after(step, Op::GlobalAveragePool, input)?;
        Ok(self.laid_out(mean, dimensions))
    }
}
