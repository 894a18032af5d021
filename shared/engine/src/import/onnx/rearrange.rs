//! Operations that reorder, cut or join values.

use std::ops::Range;

use rrlab_types::{FeatureShape, NodeId, Op, Padding};

use super::attributes::{self, from_start};
use super::axes::{Axes, Digit, Kind, Layout, all_channels, all_positions};
use super::constant::{Constant, resolved};
use super::error::{NodeProblem, shape_text};
use super::translate::{Step, Translation};
use super::value::{Feature, Value};
use crate::tensors::{HostTensor, tensor_name};

const RESHAPES: &str = "images made vectors, channels in groups, and rows and columns as one";
const CUTS: &str = "some channels, one position, or every n-th pixel of all rows and columns";

impl<'a> Translation<'a> {
    pub(super) fn flatten(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let axis = step.attributes.int("axis").unwrap_or(1);
        let rank = self.lengths(input).len() as i64;
        if from_start(axis, rank) != 1 {
            return Err(self.rearranged(input, "rows from another dimension on", RESHAPES));
        }
        self.vector(step, input)
    }

    /// The value as a vector.
    fn vector(&mut self, step: &Step<'a>, input: Feature) -> Result<Feature, NodeProblem> {
        let positions = self.shape(input).positions();
        match input.layout {
            Layout::Image if positions > 1 => {
                let flat = self.push_after(step, Op::Flatten, input)?;
                Ok(flat.laid_out(Layout::Vector))
            }
            Layout::Image | Layout::Vector => Ok(input.laid_out(Layout::Vector)),
            _ if self.is_vector(input) => Ok(input.laid_out(Layout::Vector)),
            _ => Err(self.rearranged(input, "a vector", RESHAPES)),
        }
    }

    /// Whether a value of a single position has its channels in their order.
    fn is_vector(&self, input: Feature) -> bool {
        let shape = self.shape(input);
        let vector = Axes::of(Layout::Vector, self.batch(), shape);
        let flat = self.axes(input).reshaped(&[self.batch(), shape.elements()]);
        shape.positions() == 1 && flat == Some(vector)
    }

    pub(super) fn reshape(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let asked = step.constant(1, "its shape")?.as_integers();
        if asked.contains(&0) {
            step.attributes.expect("allowzero", 0, "0 for a length that stays")?;
        }
        let input = self.first(step)?;
        let from: Vec<i64> = self.lengths(input).iter().map(|&length| length as i64).collect();
        let fail = |this: &Self, to: String| this.rearranged(input, &to, RESHAPES);
        let to = resolved(&from, &asked).ok_or_else(|| fail(self, format!("{asked:?}")))?;
        self.shaped(step, input, &to)
    }

    /// The value in these lengths, images counted with them.
    fn shaped(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        to: &[usize],
    ) -> Result<Feature, NodeProblem> {
        let shape = self.shape(input);
        let fail = |this: &Self| this.rearranged(input, &shape_text(to), RESHAPES);
        if to == self.lengths(input) {
            return Ok(input);
        }
        let is_flat = to.len() == 2 && to[0] == self.batch() && to[1] == shape.elements();
        if is_flat {
            return self.vector(step, input);
        }
        let axes = self.axes(input).reshaped(to).ok_or_else(|| fail(self))?;
        if let Some(groups) = shuffled(&axes, shape) {
            return self.push(
                &step.name(),
                Op::ChannelShuffle { groups },
                &[input.node],
                Layout::Image,
            );
        }
        if is_line(&axes, shape) {
            return self.push(&step.name(), Op::FlattenPositions, &[input.node], Layout::Image);
        }
        Ok(self.laid_out(input, axes))
    }

    /// Dimensions of length 1 that come or go.
    pub(super) fn squeeze(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let mut lengths = self.lengths(input);
        let axes = step.integers("axes", 1)?;
        let inserts = step.node.op_type == "Unsqueeze";
        let rank = lengths.len() + if inserts { axes.as_ref().map_or(0, Vec::len) } else { 0 };
        let place = |axis: i64| {
            usize::try_from(from_start(axis, rank as i64)).ok().filter(|&axis| axis < rank)
        };
        let given = axes.as_ref().map(|axes| axes.iter().map(|&axis| place(axis)).collect());
        let ones = || {
            let is_one = |axis: &usize| *axis > 0 && lengths[*axis] == 1;
            (0..rank).filter(is_one).collect::<Vec<usize>>()
        };
        let axes = given.unwrap_or_else(|| Some(ones()));
        let wrong = |this: &Self| this.rearranged(input, "other dimensions of length 1", RESHAPES);
        let mut axes = axes.ok_or_else(|| wrong(self))?;
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(wrong(self));
        }
        if inserts {
            for axis in axes {
                lengths.insert(axis.min(lengths.len()), 1);
            }
        } else {
            for axis in axes.into_iter().rev() {
                if lengths[axis] != 1 {
                    return Err(wrong(self));
                }
                lengths.remove(axis);
            }
        }
        self.shaped(step, input, &lengths)
    }

    pub(super) fn transpose(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = self.first(step)?;
        let rank = self.lengths(input).len() as i64;
        let order = step.attributes.ints("perm").unwrap_or_else(|| (0..rank).rev().collect());
        let axes = self.axes(input).transposed(&order).ok_or_else(|| {
            self.rearranged(input, &format!("the order {order:?}"), "orders of all dimensions")
        })?;
        Ok(self.laid_out(input, axes))
    }

    pub(super) fn concat(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        if let [Some(Value::Constant(first)), Some(Value::Feature(feature))] = &step.inputs[..] {
            let (first, feature) = (first.clone(), *feature);
            return self.with_first_position(step, &first, feature);
        }
        let mut parts = Vec::new();
        for (index, input) in step.inputs.iter().enumerate() {
            match input {
                Some(Value::Feature(feature)) => parts.push(self.settled(*feature)?),
                Some(Value::Scores(_)) => return Err(NodeProblem::OfScores),
                Some(Value::Constant(_)) => {
                    return Err(NodeProblem::Alone(
                        "joins a constant with what comes from the images, where the lab has one position before the others",
                    ));
                }
                None => return Err(NodeProblem::Missing(index)),
            }
        }
        let first = parts.first().copied().ok_or(NodeProblem::Missing(0))?;
        let (channel_axis, _) = self.channels(first)?;
        let rank = self.lengths(first).len() as i64;
        let axis = from_start(step.attributes.int("axis").unwrap_or(1), rank);
        let wrong = |this: &Self| {
            this.rearranged(first, &format!("one along dimension {axis}"), "channels joined")
        };
        let axes = self.axes(first);
        let beside = |axes: &Axes| axes.with(channel_axis, Vec::new());
        let mut channels = 0;
        for &part in &parts {
            let (axis_of_part, of_part) = self.channels(part)?;
            if axis_of_part != channel_axis || beside(&self.axes(part)) != beside(&axes) {
                return Err(wrong(self));
            }
            channels += of_part;
        }
        if axis != channel_axis as i64 {
            return Err(wrong(self));
        }
        if parts.len() == 1 {
            return Ok(first);
        }
        let joined = self.push(&step.name(), Op::Concat, &Self::nodes(&parts), first.layout)?;
        Ok(self.laid_out(joined, axes.with(channel_axis, all_channels(channels))))
    }

    /// A learned position before all others, as a class token.
    fn with_first_position(
        &mut self,
        step: &Step<'a>,
        token: &Constant,
        feature: Feature,
    ) -> Result<Feature, NodeProblem> {
        let feature = self.settled(feature)?;
        let shape = self.shape(feature);
        let supported = "one position before the others, the same for all images";
        let wrong = |this: &Self| this.unlike(feature, token, supported);
        let axes = self.axes(feature);
        let axis = axes.position(&all_positions(shape)).ok_or_else(|| wrong(self))?;
        let rank = axes.dimensions().len() as i64;
        let stated = from_start(step.attributes.int("axis").unwrap_or(1), rank);
        let one_position = axes.with(axis, Vec::new());
        let is_joined_there = stated == axis as i64 && token.shape == one_position.lengths();
        if !is_joined_there || shape.positions() == 1 {
            return Err(wrong(self));
        }
        let vector = FeatureShape::vector(shape.channels);
        let values = self.spread(&one_position, vector, &token.shape, token)?;
        let values = values.ok_or_else(|| wrong(self))?;
        let mut line = feature;
        if shape.height > 1 {
            line = self.push_after(step, Op::FlattenPositions, feature)?;
        }
        let padding = Padding { left: 1, ..Padding::default() };
        let padded = self.push_after(step, Op::ZeroPad { padding }, line)?;
        let after = self.shape(padded);
        let axes = axes.with(axis, all_positions(after));
        let padded = self.laid_out(padded, axes);
        self.spend(after.elements())?;
        let mut embedding = vec![0.0; after.elements()];
        for (channel, &value) in values.iter().enumerate() {
            embedding[channel * after.width] = value;
        }
        self.embedded(step, padded, embedding)
    }

    /// The value and a learned number for each channel and position, `[channels, rows, columns]`.
    pub(super) fn embedded(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        mut values: Vec<f32>,
    ) -> Result<Feature, NodeProblem> {
        let FeatureShape { channels, height, width } = self.shape(input);
        // One after the other they are one.
        if let Some(module) = self.last_alone(input)
            && let Op::Embedding { .. } = module.op
            && let Some(held) = self.tensors.get(&tensor_name(&module.name, "embedding"))
        {
            for (value, held) in values.iter_mut().zip(held.values()) {
                *value += held;
            }
            let tensor = HostTensor::new(held.shape().to_vec(), values);
            self.keep("embedding", tensor.map_err(|_| NodeProblem::OfConstants)?, None);
            return Ok(input);
        }
        let op = Op::Embedding { channels, height, width };
        let output = self.push_after(step, op, input)?;
        let tensor = HostTensor::new(vec![channels, height, width], values);
        self.keep("embedding", tensor.map_err(|_| NodeProblem::OfConstants)?, None);
        Ok(output)
    }

    /// Parts of the channels.
    pub(super) fn split(&mut self, step: &Step<'a>) -> Result<Vec<Value>, NodeProblem> {
        let input = self.first(step)?;
        let lengths = self.lengths(input);
        let axis = from_start(step.attributes.int("axis").unwrap_or(0), lengths.len() as i64);
        let length = usize::try_from(axis).ok().and_then(|axis| lengths.get(axis).copied());
        let Some(length) = length else {
            let to = format!("parts along dimension {axis}");
            return Err(self.rearranged(input, &to, CUTS));
        };
        let parts = step.node.output.len();
        let sizes = match step.integers("split", 1)? {
            Some(sizes) => sizes,
            None => {
                // The last part is smaller where they can't be even.
                let size = length.div_ceil(parts);
                let sizes = (0..parts).map(|part| size.min(length.saturating_sub(part * size)));
                sizes.map(|size| size as i64).collect()
            }
        };
        let stated = sizes
            .iter()
            .try_fold(0usize, |sum, &size| sum.checked_add(usize::try_from(size).ok()?));
        if stated != Some(length) || sizes.len() != parts {
            let to = format!("parts of {sizes:?} along dimension {axis}");
            return Err(self.rearranged(input, &to, "parts that make up the whole"));
        }
        let mut values = Vec::new();
        let mut start = 0;
        for (size, name) in sizes.iter().zip(&step.node.output) {
            let end = start + *size as usize;
            // A part that nothing takes would be a module that leads nowhere.
            let is_taken = self.is_taken(name);
            if is_taken {
                let part = self.cut(step, input, axis as usize, start..end)?;
                values.push(Value::Feature(part));
            } else {
                values.push(Value::Feature(input));
            }
            start = end;
        }
        Ok(values)
    }

    /// Places `range` along a dimension: some channels, or a single position.
    fn cut(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        axis: usize,
        range: Range<usize>,
    ) -> Result<Feature, NodeProblem> {
        let shape = self.shape(input);
        let axes = self.axes(input);
        let wrong = |this: &Self| this.rearranged(input, "a part of it", CUTS);
        let dimension = axes.dimensions().get(axis).cloned().ok_or_else(|| wrong(self))?;
        if let [digit @ Digit { kind: Kind::Channel, length, stride }] = dimension[..]
            && length * stride == shape.channels
        {
            let op = Op::ChannelSlice { start: range.start * stride, end: range.end * stride };
            let output = self.push_after(step, op, input)?;
            let rest = axes.with(axis, vec![Digit { length: range.len(), ..digit }]);
            return Ok(self.laid_out(output, rest));
        }
        if dimension == all_positions(shape) && range.len() == 1 {
            let op = Op::TakePosition { index: range.start };
            let output = self.push_after(step, op, input)?;
            return Ok(self.laid_out(output, axes.with(axis, Vec::new())));
        }
        Err(wrong(self))
    }

    /// One place along a dimension, which goes with it.
    pub(super) fn gather(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let index = step.constant(1, "the places that it takes")?;
        let input = self.first(step)?;
        let lengths = self.lengths(input);
        let axis = from_start(step.attributes.int("axis").unwrap_or(0), lengths.len() as i64);
        let wrong = |this: &Self| this.rearranged(input, "some places of it", CUTS);
        let axis = usize::try_from(axis).ok().filter(|&axis| axis < lengths.len());
        let axis = axis.ok_or_else(|| wrong(self))?;
        let is_dimension_kept = match index.shape.len() {
            0 => false,
            1 => true,
            _ => return Err(wrong(self)),
        };
        let [index] = index.as_integers()[..] else { return Err(wrong(self)) };
        let index = usize::try_from(from_start(index, lengths[axis] as i64)).ok();
        let index = index.filter(|&index| index < lengths[axis]).ok_or_else(|| wrong(self))?;
        let part = self.cut(step, input, axis, index..index + 1)?;
        if is_dimension_kept {
            return Ok(part);
        }
        let rest = self.axes(part).without(axis);
        Ok(self.laid_out(part, rest))
    }

    /// Some of the channels, one position, or every n-th pixel.
    pub(super) fn slice(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = step.feature(0)?;
        let lengths = self.lengths(input);
        let rank = lengths.len() as i64;
        let starts = step.integers("starts", 1)?.ok_or(NodeProblem::Missing(1))?;
        let ends = step.integers("ends", 2)?.ok_or(NodeProblem::Missing(2))?;
        let axes = step.integers("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = step.integers("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let wrong = |this: &Self| this.rearranged(input, "a part of it", CUTS);
        let mut strides = input.strides;
        let mut cut = None;
        for (index, &axis) in axes.iter().enumerate() {
            let axis = from_start(axis, rank);
            let axis = usize::try_from(axis).ok().filter(|&axis| axis < lengths.len());
            let axis = axis.ok_or_else(|| wrong(self))?;
            let length = lengths[axis] as i64;
            let place = |at: Option<&i64>| {
                let at = at.copied().unwrap_or(0);
                from_start(at, length).clamp(0, length) as usize
            };
            let (start, end) = (place(starts.get(index)), place(ends.get(index)));
            let stride = steps.get(index).copied().unwrap_or(1);
            let is_whole = start == 0 && end as i64 == length;
            // Rows and columns of images.
            let side = self
                .position_axes(input)
                .filter(|axes| axes.len() == strides.len())
                .and_then(|axes| axes.iter().position(|&position| position == axis));
            match (side, stride) {
                _ if is_whole && stride == 1 => {}
                // Rows and columns may be left out by two nodes, one after the other.
                // A longer step than the whole keeps the first of it, as one of its length does.
                (Some(side), 1..) if is_whole => {
                    strides[side] *= stride.min(length.max(1)) as usize
                }
                (None, 1) if cut.is_none() && start < end => cut = Some((axis, start..end)),
                _ => return Err(wrong(self)),
            }
        }
        let output = Feature { strides, ..input };
        let Some((axis, range)) = cut else { return Ok(output) };
        let output = self.settled(output)?;
        self.cut(step, output, axis, range)
    }

    /// Zeros around images, or channels of zeros.
    pub(super) fn pad(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        if let Some(mode) = step.attributes.text("mode").filter(|mode| mode != "constant") {
            let supported = "constant";
            return Err(NodeProblem::Attribute { name: "mode", found: mode, supported });
        }
        let fill = match step.optional(2, "its fill")? {
            Some(fill) => fill.scalar(),
            None => step.attributes.float("value").or(Some(0.0)),
        };
        if fill != Some(0.0) {
            let found = format!("{fill:?}");
            return Err(NodeProblem::Attribute { name: "value", found, supported: "zeros" });
        }
        let pads = step.integers("pads", 1)?.ok_or(NodeProblem::Missing(1))?;
        let input = self.images(step)?;
        let supported = "zeros around images, or as many channels of zeros before as after";
        let wrong = |this: &Self| this.rearranged(input, &format!("pads of {pads:?}"), supported);
        let axes = step.optional(3, "its axes")?.map(|axes| axes.as_integers());
        let pads = all_axes(&pads, axes.as_deref()).ok_or_else(|| wrong(self))?;
        let [0, before, top, left, 0, after, bottom, right] = pads else { return Err(wrong(self)) };
        let mut output = input;
        if (before, after) != (0, 0) {
            output =
                self.pad_channels(step, output, (before, after)).ok_or_else(|| wrong(self))??;
        }
        let around = attributes::padding(&[top, left, bottom, right]).ok_or_else(|| wrong(self))?;
        if around == Padding::default() {
            return Ok(output);
        }
        self.push_after(step, Op::ZeroPad { padding: around }, output)
    }

    /// Channels of zeros, together with the pixels that were left out before.
    fn pad_channels(
        &mut self,
        step: &Step<'a>,
        input: Feature,
        (before, after): (i64, i64),
    ) -> Option<Result<Feature, NodeProblem>> {
        let (before, after) = (usize::try_from(before).ok()?, usize::try_from(after).ok()?);
        let added = before.checked_add(after).filter(|added| before == added / 2)?;
        let channels = self.shape(input).channels;
        let out_channels = channels.checked_add(added)?;
        if let Some(module) = self.last_alone(input)
            && let Op::PadShortcut { stride, .. } = module.op
            && self.shape_before(module).channels == channels
        {
            let (name, inputs): (String, Vec<NodeId>) =
                (module.name.clone(), module.inputs.clone());
            self.pop();
            let op = Op::PadShortcut { out_channels, stride };
            return Some(self.push(&name, op, &inputs, input.layout));
        }
        Some(self.push_after(step, Op::PadShortcut { out_channels, stride: 1 }, input))
    }
}

/// How many groups the channels of images were in, if their order was that of the groups' members
/// before.
fn shuffled(axes: &Axes, shape: FeatureShape) -> Option<usize> {
    let [_, channels, rest @ ..] = axes.dimensions() else { return None };
    let [outer, inner] = channels[..] else { return None };
    let groups = inner.length;
    let is_exchanged = outer.kind == Kind::Channel
        && inner.kind == Kind::Channel
        && (outer.stride, inner.stride) == (1, outer.length)
        && outer.length * groups == shape.channels;
    let image = Axes::of(Layout::Image, 1, shape);
    (is_exchanged && rest == &image.dimensions()[2..]).then_some(groups)
}

/// Whether these are images whose positions are in one row.
fn is_line(axes: &Axes, shape: FeatureShape) -> bool {
    let [_, channels, rows, columns] = axes.dimensions() else { return false };
    shape.height > 1
        && *channels == all_channels(shape.channels)
        && rows.is_empty()
        && *columns == all_positions(shape)
}

/// Pads of some dimensions as pads of all four.
fn all_axes(pads: &[i64], axes: Option<&[i64]>) -> Option<[i64; 8]> {
    let Some(axes) = axes else { return pads.try_into().ok() };
    if pads.len() != 2 * axes.len() {
        return None;
    }
    let mut all = [0; 8];
    for (index, &axis) in axes.iter().enumerate() {
        let axis = usize::try_from(from_start(axis, 4)).ok()?;
        *all.get_mut(axis).filter(|_| axis < 4)? = pads[index];
        all[axis + 4] = pads[index + axes.len()];
    }
    Some(all)
}
