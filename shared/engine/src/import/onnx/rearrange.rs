//! Operations that reorder, cut or join values.

use rrlab_types::{FeatureShape, NodeId, Op};

use super::attributes::{self, from_start};
use super::constant::resolved;
use super::error::{NodeProblem, shape_text};
use super::translate::{Step, Translation};
use super::value::{Feature, Layout, Value};

const RESHAPES: &str =
    "images made vectors, and groups of channels that are exchanged or normalised and put back";
const ORDERS: &str = "channels second or last, and exchanged groups";

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
            Layout::ImageLast if positions == 1 => Ok(input.laid_out(Layout::Vector)),
            _ => Err(self.rearranged(input, "a vector", RESHAPES)),
        }
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
        let FeatureShape { channels, height, width } = shape;
        let fail = |this: &Self| Err(this.rearranged(input, &shape_text(to), RESHAPES));
        if to == self.lengths(input) {
            return Ok(input);
        }
        if to.first() != Some(&self.batch()) {
            return fail(self);
        }
        match (input.layout, &to[1..]) {
            (_, &[_]) => self.vector(step, input),
            (Layout::Vector, &[_, 1, 1]) => Ok(input.laid_out(Layout::Image)),
            (Layout::Image, &[groups, of_group, h, w])
                if groups * of_group == channels && [h, w] == [height, width] =>
            {
                Ok(input.laid_out(Layout::Grouped { groups, is_exchanged: false }))
            }
            (Layout::Grouped { groups, is_exchanged }, &[c, h, w])
                if [c, h, w] == [channels, height, width] =>
            {
                match is_exchanged {
                    false => Ok(input.laid_out(Layout::Image)),
                    true => {
                        let op = Op::ChannelShuffle { groups };
                        self.push(&step.name(), op, &[input.node], Layout::Image)
                    }
                }
            }
            (Layout::Image, &[groups, _]) if channels.is_multiple_of(groups) => {
                Ok(input.laid_out(Layout::Parts { groups }))
            }
            (Layout::Parts { .. }, &[c, h, w]) if [c, h, w] == [channels, height, width] => {
                Ok(input.laid_out(Layout::Image))
            }
            _ => fail(self),
        }
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
        let layout = match (input.layout, &order[..]) {
            (Layout::Image, [0, 2, 3, 1]) => Layout::ImageLast,
            (Layout::ImageLast, [0, 3, 1, 2]) => Layout::Image,
            (Layout::Grouped { groups, is_exchanged }, [0, 2, 1, 3, 4]) => {
                Layout::Grouped { groups, is_exchanged: !is_exchanged }
            }
            (layout, order) if order.iter().copied().eq(0..rank) => layout,
            // Of a single position all orders are one.
            (Layout::Image, [0, 1, 3, 2]) if self.shape(input).positions() == 1 => Layout::Image,
            _ => {
                let to = format!("the order {order:?}");
                return Err(self.rearranged(input, &to, ORDERS));
            }
        };
        Ok(input.laid_out(layout))
    }

    pub(super) fn concat(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let mut parts = Vec::new();
        for (index, input) in step.inputs.iter().enumerate() {
            match input {
                Some(Value::Feature(feature)) => parts.push(self.settled(*feature)?),
                _ => return Err(NodeProblem::Missing(index)),
            }
        }
        let first = parts.first().copied().ok_or(NodeProblem::Missing(0))?;
        let (channel_axis, _) = self.channels(first)?;
        let rank = self.lengths(first).len() as i64;
        let axis = step.attributes.int("axis").unwrap_or(1);
        let axis = from_start(axis, rank);
        let are_alike = parts.iter().all(|part| part.layout == first.layout);
        if axis != channel_axis as i64 || !are_alike {
            let to = format!("one along dimension {axis}");
            return Err(self.rearranged(first, &to, "channels joined"));
        }
        if parts.len() == 1 {
            return Ok(first);
        }
        self.push(&step.name(), Op::Concat, &Self::nodes(&parts), first.layout)
    }

    /// Parts of the channels.
    pub(super) fn split(&mut self, step: &Step<'a>) -> Result<Vec<Value>, NodeProblem> {
        let input = self.first(step)?;
        let (channel_axis, channels) = self.channels(input)?;
        let rank = self.lengths(input).len() as i64;
        let axis = step.attributes.int("axis").unwrap_or(0);
        let axis = from_start(axis, rank);
        if axis != channel_axis as i64 {
            let to = format!("parts along dimension {axis}");
            return Err(self.rearranged(input, &to, "channels cut"));
        }
        let parts = step.node.output.len();
        let sizes = match step.integers("split", 1)? {
            Some(sizes) => sizes,
            None => {
                // The last part is smaller where they can't be even.
                let size = channels.div_ceil(parts);
                let sizes = (0..parts).map(|part| size.min(channels.saturating_sub(part * size)));
                sizes.map(|size| size as i64).collect()
            }
        };
        let mut values = Vec::new();
        let mut start = 0;
        for (size, name) in sizes.iter().zip(&step.node.output) {
            let end = start + usize::try_from(*size).unwrap_or(0);
            // A part that nothing takes would be a module that leads nowhere.
            let is_taken = self.is_taken(name);
            if is_taken {
                let op = Op::ChannelSlice { start, end };
                values.push(Value::Feature(self.push_after(step, op, input)?));
            } else {
                values.push(Value::Feature(input));
            }
            start = end;
        }
        Ok(values)
    }

    /// Some of the channels, or every n-th pixel.
    pub(super) fn slice(&mut self, step: &Step<'a>) -> Result<Feature, NodeProblem> {
        let input = step.feature(0)?;
        let lengths = self.lengths(input);
        let rank = lengths.len() as i64;
        let starts = step.integers("starts", 1)?.ok_or(NodeProblem::Missing(1))?;
        let ends = step.integers("ends", 2)?.ok_or(NodeProblem::Missing(2))?;
        let axes = step.integers("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = step.integers("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let supported = "some channels, or every n-th pixel of all rows and columns";
        let wrong = |this: &Self| this.rearranged(input, "a part of it", supported);
        let mut strides = input.strides;
        let mut channels = None;
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
            let side = input
                .layout
                .position_axes()
                .and_then(|axes| axes.iter().position(|&position| position == axis));
            match (side, stride) {
                _ if is_whole && stride == 1 => {}
                // Rows and columns may be left out by two nodes, one after the other.
                // A longer step than the whole keeps the first of it, as one of its length does.
                (Some(side), 1..) if is_whole => {
                    strides[side] *= stride.min(length.max(1)) as usize
                }
                (None, 1) if Some(axis) == input.layout.channel_axis() => {
                    channels = Some((start, end));
                }
                _ => return Err(wrong(self)),
            }
        }
        let output = Feature { strides, ..input };
        let Some((start, end)) = channels else { return Ok(output) };
        let output = self.settled(output)?;
        self.push_after(step, Op::ChannelSlice { start, end }, output)
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
        if around == rrlab_types::Padding::default() {
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
