//! Operations with weights: convolutions, matrix products, norms.

use rrlab_types::{Conv2d, NodeId, Op};

use super::axes::{Axes, Layout, all_channels};
use super::constant::Constant;
use super::error::{NodeProblem, shape_text};
use super::translate::{Step, Translation};
use super::value::Feature;
use crate::tensors::HostTensor;

const IMAGES_ALONE: &str = "it of images, rows and columns";
const ONE_FOR_EACH: &str = "one number for each channel";

impl<'a> Translation<'a> {
    pub(super) fn conv(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.images(step)?;
        let weight = step.constant(1, "its weight")?;
        let &[out_channels, of_group, rows, columns] = &weight.shape[..] else {
            return Err(self.unlike(input, &weight, "weights of four dimensions"));
        };
        let shape = self.shape(input);
        let window = step.attributes.window(Some([rows, columns]), [shape.height, shape.width])?;
        let groups = step.attributes.size("group", 1)?;
        let bias = step.optional(2, "its bias")?;
        let conv = Conv2d {
            in_channels: of_group.saturating_mul(groups),
            out_channels,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            bias: bias.is_some(),
            dilation: window.dilation,
            groups,
        };
        let output =
            self.push(&step.name_by(&weight), Op::Conv2d(conv), &[input.node], input.layout)?;
        self.keep_weight(&weight, weight.shape.clone())?;
        self.keep_bias(bias.as_deref(), out_channels, output)?;
        Ok(output)
    }

    pub(super) fn gemm(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let attributes = step.attributes;
        attributes.expect("transA", 0, "vectors as they are")?;
        for name in ["alpha", "beta"] {
            if let Some(found) = attributes.float(name).filter(|&found| found != 1.0) {
                let found = found.to_string();
                return Err(NodeProblem::Attribute { name, found, supported: "1" });
            }
        }
        let weight = step.constant(1, "its weight")?;
        let bias = step.optional(2, "its bias")?;
        let is_out_by_in = attributes.int("transB").unwrap_or(0) == 1;
        let turned = if is_out_by_in { Some((*weight).clone()) } else { weight.transposed() };
        let input = self.first(step)?;
        let weight = turned.ok_or_else(|| self.unlike(input, &weight, "a matrix"))?;
        self.linear(step, input, &weight, bias.as_deref())
    }

    pub(super) fn matmul(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let weight = step.constant(1, "its second factor")?;
        let input = self.first(step)?;
        let weight = weight.transposed();
        let weight = weight.ok_or(NodeProblem::NotConstant("its second factor"))?;
        self.linear(step, input, &weight, None)
    }

    /// A matrix `[out, in]` that is applied to vectors, or to the channels of each position.
    fn linear(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        weight: &Constant,
        bias: Option<&Constant>,
    ) -> Result<Feature, NodeProblem> {
        let &[out_features, in_features] = &weight.shape[..] else {
            return Err(self.unlike(input, weight, "a matrix"));
        };
        let has_bias = bias.is_some();
        let op = match input.layout {
            Layout::Vector => Op::Linear { in_features, out_features, bias: has_bias },
            _ => Op::PositionLinear {
                in_channels: in_features,
                out_channels: out_features,
                bias: has_bias,
            },
        };
        let (axis, _) = self.channels(input)?;
        let axes = self.axes(input);
        if axis + 1 != axes.dimensions().len() {
            return Err(self.unlike(input, weight, "products over the last dimension"));
        }
        let output = self.push(&step.name_by(weight), op, &[input.node], input.layout)?;
        let output = self.laid_out(output, axes.with(axis, all_channels(out_features)));
        self.keep_weight(weight, vec![out_features, in_features])?;
        self.keep_bias(bias, out_features, output)?;
        Ok(output)
    }

    pub(super) fn batch_norm(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        const RUNNING: &str = "norms by running statistics";
        step.attributes.expect("training_mode", 0, RUNNING)?;
        if self.opset < 7 && step.attributes.int("is_test") != Some(1) {
            let found = "0".into();
            return Err(NodeProblem::Attribute { name: "is_test", found, supported: RUNNING });
        }
        if step.node.output.iter().skip(1).any(|name| !name.is_empty()) {
            let found = "outputs of its statistics".into();
            return Err(NodeProblem::Attribute { name: "mode", found, supported: RUNNING });
        }
        let input = self.first(step)?;
        let (axis, channels) = self.channels(input)?;
        if axis != 1 {
            return Err(self.rearranged(
                input,
                "norms of its second dimension",
                "norms of channels",
            ));
        }
        let epsilon = step.attributes.float("epsilon").unwrap_or(1e-5);
        let scale = step.constant(1, "its scale")?;
        let rest = [
            ("bias", step.constant(2, "its shift")?),
            ("running_mean", step.constant(3, "its mean")?),
            ("running_var", step.constant(4, "its variance")?),
        ];
        let op = Op::BatchNorm { channels, epsilon: decimal(epsilon) };
        let output = self.push(&step.name_by(&scale), op, &[input.node], input.layout)?;
        for (tensor, vector) in [("weight", scale)].into_iter().chain(rest) {
            self.check_vector(&vector, channels, output)?;
            self.keep_vector(tensor, &vector);
        }
        Ok(output)
    }

    /// A norm of each channel, or of each part of several that channels were put into before.
    pub(super) fn instance_norm(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let channels = self.shape(input).channels;
        let groups = match input.layout {
            Layout::Image => Some(channels),
            _ => self.parts(input),
        };
        let groups =
            groups.ok_or_else(|| self.rearranged(input, "norms of parts", IMAGES_ALONE))?;
        self.norm_of_groups(step, input, groups)
    }

    /// How many groups of channels are the second dimension of a value whose third is all the rest.
    fn parts(&self, input: Feature) -> Option<usize> {
        let groups = *self.lengths(input).get(1)?;
        let image = Axes::of(Layout::Image, self.batch(), self.shape(input));
        let lengths = [self.batch(), groups, self.shape(input).elements() / groups];
        (image.reshaped(&lengths)? == self.axes(input)).then_some(groups)
    }

    pub(super) fn group_norm(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.images(step)?;
        let groups = step.attributes.size("num_groups", 1)?;
        self.norm_of_groups(step, input, groups)
    }

    /// A norm of groups, whose scale and shift are stated for each group or for each channel.
    fn norm_of_groups(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        groups: usize,
    ) -> Result<Feature, NodeProblem> {
        let channels = self.shape(input).channels;
        let epsilon = decimal(step.attributes.float("epsilon").unwrap_or(1e-5));
        let (scale, shift) = (step.constant(1, "its scale")?, step.constant(2, "its shift")?);
        let op = Op::GroupNorm { channels, groups, epsilon };
        let output = self.push(&step.name_by(&scale), op, &[input.node], input.layout)?;
        for (tensor, vector) in [("weight", scale), ("bias", shift)] {
            let values = vector.floats();
            if values.len() == channels {
                self.keep_vector(tensor, &vector);
            } else if values.len() == groups {
                let of_group = channels / groups;
                let each = values.iter().flat_map(|&value| vec![value; of_group]).collect();
                self.keep(tensor, HostTensor::vector(each), None);
            } else {
                return Err(self.unlike(output, &vector, ONE_FOR_EACH));
            }
        }
        Ok(output)
    }

    pub(super) fn layer_norm(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let (axis, channels) = self.channels(input)?;
        let last = self.lengths(input).len() - 1;
        let stated = step.attributes.int("axis").unwrap_or(-1);
        let is_last = stated == -1 || stated == last as i64;
        if axis != last || !is_last {
            let supported = "norms of the channels, as the last dimension";
            return Err(self.rearranged(input, "norms of several dimensions", supported));
        }
        let epsilon = decimal(step.attributes.float("epsilon").unwrap_or(1e-5));
        let scale = step.constant(1, "its scale")?;
        let shift = step.optional(2, "its shift")?;
        let op = Op::LayerNorm { channels, epsilon };
        let output = self.push(&step.name_by(&scale), op, &[input.node], input.layout)?;
        self.check_vector(&scale, channels, output)?;
        self.keep_vector("weight", &scale);
        match shift {
            Some(shift) => {
                self.check_vector(&shift, channels, output)?;
                self.keep_vector("bias", &shift);
            }
            None => self.keep("bias", HostTensor::vector(vec![0.0; channels]), None),
        }
        Ok(output)
    }

    /// The first input, if it is images with their channels second.
    pub(super) fn images(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        match input.layout {
            Layout::Image => Ok(input),
            _ => Err(self.rearranged(input, "windows over rows and columns", IMAGES_ALONE)),
        }
    }

    /// Adds a constant to the module that gives a value, as its bias, if it has none and nothing
    /// else takes the value.
    pub(super) fn add_bias(&mut self, input: Feature, bias: &Constant) -> bool {
        let Some(module) = self.last_alone(input) else { return false };
        let op = match module.op {
            Op::Conv2d(conv) if !conv.bias => Op::Conv2d(Conv2d { bias: true, ..conv }),
            Op::Linear { in_features, out_features, bias: false } => {
                Op::Linear { in_features, out_features, bias: true }
            }
            Op::PositionLinear { in_channels, out_channels, bias: false } => {
                Op::PositionLinear { in_channels, out_channels, bias: true }
            }
            Op::LayerScale { channels } => {
                self.scale_becomes_weight();
                Op::ChannelAffine { channels }
            }
            _ => return false,
        };
        self.replace_last(op);
        self.keep_vector("bias", bias);
        self.name_by_bias(bias);
        true
    }

    fn keep_weight(&mut self, weight: &Constant, shape: Vec<usize>) -> Result<(), NodeProblem> {
        let unfit = |_| NodeProblem::Missing(1);
        let tensor = weight.tensor(shape).map_err(unfit)?;
        self.keep("weight", tensor, weight.origin.clone());
        Ok(())
    }

    fn keep_bias(
        &mut self,
        bias: Option<&Constant>,
        channels: usize,
        output: Feature,
    ) -> Result<(), NodeProblem> {
        let Some(bias) = bias else { return Ok(()) };
        let values = bias.floats();
        // A column would be added image by image.
        let is_row = matches!(&bias.shape[..], [] | [_] | [1, _]);
        match values.len() {
            length if length == channels && is_row => self.keep_vector("bias", bias),
            1 => self.keep("bias", HostTensor::vector(vec![values[0]; channels]), None),
            _ => return Err(self.unlike(output, bias, ONE_FOR_EACH)),
        }
        Ok(())
    }

    fn check_vector(
        &self,
        vector: &Constant,
        channels: usize,
        output: Feature,
    ) -> Result<(), NodeProblem> {
        if vector.floats().len() == channels {
            return Ok(());
        }
        Err(self.unlike(output, vector, ONE_FOR_EACH))
    }

    /// A constant that does not go with a value.
    pub(super) fn unlike(
        &self,
        input: Feature,
        constant: &Constant,
        supported: &'static str,
    ) -> NodeProblem {
        let feature = shape_text(&self.lengths(input));
        NodeProblem::Constant { feature, constant: constant.shape.clone(), supported }
    }

    /// A value that is not in the order that is needed.
    pub(super) fn rearranged(
        &self,
        input: Feature,
        to: &str,
        supported: &'static str,
    ) -> NodeProblem {
        NodeProblem::Rearranged { from: shape_text(&self.lengths(input)), to: to.into(), supported }
    }

    /// Nodes of several values.
    pub(super) fn nodes(features: &[Feature]) -> Vec<NodeId> {
        features.iter().map(|feature| feature.node).collect()
    }
}

/// A number that was rounded to f32 on its way into a file, as it was written before: the shortest
/// decimal number that rounds to the same f32.
pub(super) fn decimal(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}
