//! Operations on each value by itself, with constants and of two values.

use rrlab_types::{FeatureShape, Op};

use super::attributes::from_start;
use super::axes::Axes;
use super::constant::Constant;
use super::error::NodeProblem;
use super::translate::{Step, Translation};
use super::value::{Feature, Form, Value};
use super::weighted::decimal;
use crate::model::layer_scale_shape;
use crate::tensors::HostTensor;

/// By how much a number may differ from 1/√2 that was rounded to f16.
const ROUNDING: f64 = 1e-4;
const BY_CHANNEL: &str = "a single number, or one for each channel";

impl<'a> Translation<'a> {
    /// Relu and its like.
    pub(super) fn activation(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let attributes = step.attributes;
        let float = |name: &str, otherwise: f64| attributes.float(name).map_or(otherwise, decimal);
        let op = match step.node.op_type.as_str() {
            "Relu" => Op::Relu,
            "Sigmoid" => Op::Sigmoid,
            "HardSwish" => Op::HardSwish,
            "LeakyRelu" => Op::LeakyRelu { slope: float("alpha", 0.01) },
            "Swish" if float("alpha", 1.0) == 1.0 => Op::Silu,
            "Gelu" => match attributes.text("approximate").as_deref() {
                None | Some("none") => Op::Gelu,
                Some(other) => {
                    let found = other.into();
                    let supported = "the exact one, `none`";
                    return Err(NodeProblem::Attribute { name: "approximate", found, supported });
                }
            },
            "HardSigmoid" => {
                let (scale, shift) = (float("alpha", 0.2), float("beta", 0.5));
                if (scale - 1.0 / 6.0).abs() < 1e-6 && shift == 0.5 {
                    Op::HardSigmoid
                } else {
                    let line = self.push_after(step, Op::ScaleShift { scale, shift }, input)?;
                    return self.push_after(step, Op::Clip { low: 0.0, high: 1.0 }, line);
                }
            }
            "Clip" => self.clip(step)?,
            _ => return Err(NodeProblem::OfConstants),
        };
        self.push_after(step, op, input)
    }

    fn clip(&self, step: &Step<'a>) -> Result<Op, NodeProblem> {
        let bound = |index: usize, name: &'static str| -> Result<Option<f64>, NodeProblem> {
            let input = step.optional(index, "its limits")?;
            Ok(input.and_then(|input| input.scalar()).or_else(|| step.attributes.float(name)))
        };
        let (low, high) = (bound(1, "min")?.map(decimal), bound(2, "max")?.map(decimal));
        let most = f64::from(f32::MAX);
        Ok(match (low, high) {
            (Some(0.0), Some(6.0)) => Op::Relu6,
            (Some(0.0), None) => Op::Relu,
            (Some(0.0), Some(high)) if high >= most => Op::Relu,
            (low, high) => Op::Clip { low: low.unwrap_or(-most), high: high.unwrap_or(most) },
        })
    }

    /// max(x, 0), written otherwise.
    pub(super) fn max(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        step.expect_inputs(2)?;
        let limit = step.constant(1, "its second value")?;
        let limit = limit.scalar().map(decimal);
        let limit = limit.ok_or(NodeProblem::NotConstant("its second value"))?;
        let input = self.first(step)?;
        let op = match limit {
            0.0 => Op::Relu,
            low => Op::Clip { low, high: f64::from(f32::MAX) },
        };
        self.push_after(step, op, input)
    }

    /// The dimension, of so many, that a softmax is over.
    pub(super) fn softmax_axis(&self, step: &Step<'a>, rank: i64) -> i64 {
        let newest_default = if self.opset < 13 { 1 } else { -1 };
        from_start(step.attributes.int("axis").unwrap_or(newest_default), rank)
    }

    pub(super) fn softmax(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let (axis, _) = self.channels(input)?;
        let rank = self.lengths(input).len() as i64;
        let stated = self.softmax_axis(step, rank);
        // Before opset 13 all dimensions from the axis on were one.
        let takes_all = self.opset < 13 && self.shape(input).positions() > 1;
        // A logarithm is left out with the softmax that ends the network.
        let ends = self.is_output(step) && self.modules.len() > 1;
        if stated != axis as i64 || takes_all || (step.node.op_type == "LogSoftmax" && !ends) {
            let supported = "a softmax over channels";
            return Err(self.rearranged(input, "shares of one", supported));
        }
        self.push_after(step, Op::Softmax, input)
    }

    /// A sum, difference, product or quotient of two values, or of a value and a constant.
    pub(super) fn arithmetic(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        step.expect_inputs(2)?;
        let operation = step.node.op_type.as_str();
        match (step.input(0)?, step.input(1)?) {
            (Value::Feature(first), Value::Feature(second)) => {
                let (first, second) = (*first, *second);
                self.of_two(step, first, second)
            }
            (Value::Feature(feature), Value::Constant(constant)) => {
                let (feature, constant) = (*feature, constant.clone());
                self.with_constant(step, operation, feature, &constant)
            }
            (Value::Constant(constant), Value::Feature(feature)) => {
                let (feature, constant) = (*feature, constant.clone());
                match operation {
                    // c − x = −x + c.
                    "Sub" => {
                        let negative = self.scaled(feature, -1.0)?;
                        self.with_constant(step, "Add", negative, &constant)
                    }
                    "Div" => Err(NodeProblem::NotConstant("its divisor")),
                    _ => self.with_constant(step, operation, feature, &constant),
                }
            }
            (Value::Constant(_), Value::Constant(_)) => Err(NodeProblem::OfConstants),
            _ => Err(NodeProblem::OfScores),
        }
    }

    fn of_two(
        &mut self,
        step: &Step<'a>,
        first: Feature,
        second: Feature,
    ) -> Result<Feature, NodeProblem> {
        if let "Mul" = step.node.op_type.as_str()
            && let Some(product) = self.gelu(step, first, second)?
        {
            return Ok(product);
        }
        if step.node.op_type == "Div" {
            return Err(NodeProblem::NotConstant("its second value"));
        }
        let second = match step.node.op_type.as_str() {
            "Sub" => self.scaled(second, -1.0)?,
            _ => second,
        };
        let (first, second) = (self.settled(first)?, self.settled(second)?);
        if first.layout != second.layout {
            let supported = "sums and products of values in one order";
            return Err(self.rearranged(first, "a sum with another order", supported));
        }
        match step.node.op_type.as_str() {
            "Mul" => self.product(step, first, second),
            _ => self.push(&step.name(), Op::Add, &[first.node, second.node], first.layout),
        }
    }

    /// x·y; x·sigmoid(x) and x·hard_sigmoid(x) are operations of their own.
    fn product(
        &mut self,
        step: &Step<'a>,
        first: Feature,
        second: Feature,
    ) -> Result<Feature, NodeProblem> {
        for (value, gate) in [(first, second), (second, first)] {
            let Some(module) = self.last_alone(gate) else { continue };
            let op = match module.op {
                Op::Sigmoid if module.inputs == [value.node] => Op::Silu,
                Op::HardSigmoid if module.inputs == [value.node] => Op::HardSwish,
                _ => continue,
            };
            let name = module.name.clone();
            self.pop();
            return self.push(&name, op, &[value.node], value.layout);
        }
        self.push(&step.name(), Op::Mul, &[first.node, second.node], first.layout)
    }

    fn with_constant(
        &mut self,
        step: &Step<'a>,
        operation: &str,
        feature: Feature,
        constant: &Constant,
    ) -> Result<Feature, NodeProblem> {
        if let Some(number) = constant.scalar() {
            return self.with_number(step, operation, feature, number);
        }
        let feature = self.settled(feature)?;
        let rank = self.lengths(feature).len();
        let placed = match step.attributes.int("axis").map(usize::try_from) {
            // Before opset 7 the constant's first dimension stood under this one of the value.
            Some(Ok(axis)) if self.opset < 7 => {
                constant.followed_by_ones(rank.saturating_sub(axis))
            }
            _ => constant.clone(),
        };
        let constant = &placed;
        if let "Add" = operation
            && let Some(values) = self.by_position(feature, constant)?
        {
            return self.embedded(step, feature, values);
        }
        if !self.goes_by_channel(feature, constant)? {
            return Err(self.unlike(feature, constant, BY_CHANNEL));
        }
        if operation == "Add" && self.add_bias(feature, constant) {
            return Ok(feature);
        }
        let (_, channels) = self.channels(feature)?;
        let values = constant.floats();
        let negated = || values.iter().map(|value| -value).collect();
        let inverse = || values.iter().map(|value| 1.0 / value).collect();
        let (values, is_scale) = match operation {
            "Mul" => (values, true),
            "Div" => (inverse(), true),
            "Sub" => (negated(), false),
            _ => (values, false),
        };
        let origin = constant.origin.clone().filter(|_| matches!(operation, "Mul" | "Add"));
        if is_scale {
            let output = self.push_after(step, Op::LayerScale { channels }, feature)?;
            let scale = HostTensor::new(layer_scale_shape(channels), values);
            let scale = scale.map_err(|_| self.unlike(output, constant, BY_CHANNEL))?;
            self.keep("layer_scale", scale, origin);
            return Ok(output);
        }
        let output = self.push_after(step, Op::ChannelAffine { channels }, feature)?;
        self.keep("weight", HostTensor::vector(vec![1.0; channels]), None);
        self.keep("bias", HostTensor::vector(values), origin);
        Ok(output)
    }

    fn with_number(
        &mut self,
        step: &Step<'a>,
        operation: &str,
        feature: Feature,
        number: f64,
    ) -> Result<Feature, NodeProblem> {
        let number = decimal(number);
        match (operation, feature.form) {
            ("Mul", _) => self.scaled(feature, number),
            ("Div", _) => self.scaled(feature, 1.0 / number),
            ("Add", Form::Erf) if number == 1.0 => Ok(Feature { form: Form::OneAndErf, ..feature }),
            (_, Form::Plain) => {
                let shift = if operation == "Sub" { -number } else { number };
                let feature = self.strided(feature)?;
                let op = Op::ScaleShift { scale: feature.scale, shift };
                self.push(&step.name(), op, &[feature.node], feature.layout)
            }
            _ => self.settled(feature),
        }
    }

    /// A value times a number, which is remembered.
    pub(super) fn scaled(&mut self, feature: Feature, number: f64) -> Result<Feature, NodeProblem> {
        match feature.form {
            Form::Plain => Ok(Feature { scale: feature.scale * number, ..feature }),
            Form::OneAndErf if number == 0.5 => Ok(Feature { form: Form::Half, ..feature }),
            _ => self.settled(feature),
        }
    }

    pub(super) fn erf(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = step.feature(0)?;
        let is_over_root = (input.scale - std::f64::consts::FRAC_1_SQRT_2).abs() < ROUNDING;
        if is_over_root && input.form == Form::Plain {
            return Ok(Feature { form: Form::Erf, ..input });
        }
        self.settled(Feature { form: Form::Erf, ..input })
    }

    /// s·x times 1 + erf(x/√2), which is 2s times GELU, or times half of that.
    fn gelu(
        &mut self,
        step: &Step<'a>,
        first: Feature,
        second: Feature,
    ) -> Result<Option<Feature>, NodeProblem> {
        for (value, gate) in [(first, second), (second, first)] {
            let factor = match gate.form {
                Form::OneAndErf => 2.0,
                Form::Half => 1.0,
                _ => continue,
            };
            let is_gate = (gate.scale - std::f64::consts::FRAC_1_SQRT_2).abs() < ROUNDING
                && (gate.node, gate.layout, gate.strides)
                    == (value.node, value.layout, value.strides);
            if is_gate && value.form == Form::Plain {
                let gelu = self.push(&step.name(), Op::Gelu, &[value.node], value.layout)?;
                let (strides, scale) = (value.strides, factor * value.scale);
                return Ok(Some(Feature { strides, scale, ..gelu }));
            }
        }
        Ok(None)
    }

    /// A constant's numbers as `[channels, rows, columns]`, where it has more than one for each
    /// channel and they are the same for all images.
    ///
    /// # Errors
    /// If they would be more than constants may be computed to have.
    fn by_position(
        &mut self,
        feature: Feature,
        constant: &Constant,
    ) -> Result<Option<Vec<f32>>, NodeProblem> {
        if matches!(self.goes_by_channel(feature, constant), Ok(true)) {
            return Ok(None);
        }
        let axes = self.axes(feature);
        let Some(before) = axes.dimensions().len().checked_sub(constant.shape.len()) else {
            return Ok(None);
        };
        let stated = [vec![1; before], constant.shape.clone()].concat();
        self.spread(&axes, self.shape(feature), &stated, constant)
    }

    /// Numbers of these lengths, the dimensions of a value of this shape or 1, as
    /// `[channels, rows, columns]`; none where they do not go with the value or differ between images.
    ///
    /// # Errors
    /// As [`Translation::by_position`].
    pub(super) fn spread(
        &mut self,
        axes: &Axes,
        shape: FeatureShape,
        stated: &[usize],
        constant: &Constant,
    ) -> Result<Option<Vec<f32>>, NodeProblem> {
        let lengths = axes.lengths();
        let fits =
            stated.iter().zip(&lengths).all(|(&found, &length)| found == length || found == 1);
        if !fits || stated.len() != lengths.len() || constant.len() == 0 {
            return Ok(None);
        }
        self.spend(shape.elements())?;
        let numbers = constant.floats();
        let number = |image: usize, place: [usize; 3]| {
            let index = axes.index_of(image, place);
            let along = |at: usize, (&length, &index): (&usize, &usize)| {
                at * length + if length == 1 { 0 } else { index }
            };
            numbers[stated.iter().zip(&index).fold(0, along)]
        };
        let mut values = Vec::with_capacity(shape.elements());
        for channel in 0..shape.channels {
            for row in 0..shape.height {
                for column in 0..shape.width {
                    let place = [channel, row, column];
                    let value = number(0, place);
                    if (1..self.batch()).any(|image| number(image, place) != value) {
                        return Ok(None);
                    }
                    values.push(value);
                }
            }
        }
        Ok(Some(values))
    }

    /// Whether a constant has one number for each channel of a value, in the channels' place.
    fn goes_by_channel(&self, feature: Feature, constant: &Constant) -> Result<bool, NodeProblem> {
        let (axis, channels) = self.channels(feature)?;
        let rank = self.lengths(feature).len();
        // Dimensions of a constant stand under the last ones of the value.
        let Some(before) = rank.checked_sub(constant.shape.len()) else { return Ok(false) };
        let mut lengths = constant.shape.iter().enumerate();
        Ok(lengths
            .all(|(index, &length)| length == if before + index == axis { channels } else { 1 })
            && before <= axis)
    }
}
