//! Attention, which ONNX files state step by step: products of queries and keys, their softmax, and
//! the product of that with values.

use std::rc::Rc;

use rrlab_types::Op;

use super::axes::{Digit, Dimension, Kind, all_positions};
use super::error::NodeProblem;
use super::translate::{Step, Translation};
use super::value::{Feature, Form, Scores, Value};
use super::weighted::decimal;

const PRODUCTS: &str = "softmax(qᵀk)v of all positions, with channels in heads or as they are";

impl<'a> Translation<'a> {
    /// A product of two values that depend on the images.
    pub(super) fn product_of_values(&mut self, step: &Step<'a>) -> Result<Value, NodeProblem> {
        match (step.input(0)?, step.input(1)?) {
            (Value::Scores(scores), _) => {
                let scores = scores.clone();
                let values = self.settled(step.feature(1)?)?;
                Ok(Value::Feature(self.weighed(step, &scores, values)?))
            }
            _ => {
                let (queries, keys) = (step.feature(0)?, step.feature(1)?);
                Ok(Value::Scores(Rc::new(self.scores(queries, keys)?)))
            }
        }
    }

    fn scores(&mut self, queries: Feature, keys: Feature) -> Result<Scores, NodeProblem> {
        let (queries, of_queries) = self.unscaled(queries)?;
        let (keys, of_keys) = self.unscaled(keys)?;
        let wrong = |this: &Self| this.rearranged(queries, "a product", PRODUCTS);
        let (lead, [positions, inner]) = self.ends(queries).ok_or_else(|| wrong(self))?;
        let (lead_of_keys, [inner_of_keys, key_positions]) =
            self.ends(keys).ok_or_else(|| wrong(self))?;
        let channels = self.shape(queries).channels;
        let heads = self.heads(&lead, &inner, channels).ok_or_else(|| wrong(self))?;
        let are_alike = lead == lead_of_keys && inner == inner_of_keys;
        let are_whole = positions == all_positions(self.shape(queries))
            && key_positions == all_positions(self.shape(keys));
        if !are_alike || !are_whole || self.shape(keys).channels != channels {
            return Err(wrong(self));
        }
        let scale = of_queries * of_keys;
        let (queries, keys) = (queries.node, keys.node);
        Ok(Scores { queries, keys, heads, scale, is_shared_out: false, lead, positions })
    }

    /// Values weighed by the softmax of scores.
    fn weighed(
        &mut self,
        step: &Step<'a>,
        scores: &Scores,
        values: Feature,
    ) -> Result<Feature, NodeProblem> {
        let wrong = |this: &Self| this.rearranged(values, "a product", PRODUCTS);
        let (lead, [positions, inner]) = self.ends(values).ok_or_else(|| wrong(self))?;
        let shape = self.shape(values);
        let heads = self.heads(&lead, &inner, shape.channels).ok_or_else(|| wrong(self))?;
        if !scores.is_shared_out
            || heads != scores.heads
            || !is_alike(&lead, &scores.lead)
            || positions != all_positions(shape)
        {
            return Err(wrong(self));
        }
        let axes = self.axes(values).ending_in([scores.positions.clone(), inner]);
        let op = Op::Attention { heads, scale: decimal(scores.scale) };
        let inputs = [scores.queries, scores.keys, values.node];
        let output = self.push(&step.name(), op, &inputs, values.layout)?;
        Ok(self.laid_out(output, axes))
    }

    /// Scores times a number.
    pub(super) fn scaled_scores(&self, scores: &Scores, factor: f64) -> Result<Value, NodeProblem> {
        if scores.is_shared_out {
            return Err(NodeProblem::Alone("multiplies what a softmax of attention gave"));
        }
        let scale = scores.scale * factor;
        Ok(Value::Scores(Rc::new(Scores { scale, ..scores.clone() })))
    }

    /// The softmax of scores over the keys.
    pub(super) fn softmax_of_scores(
        &self,
        step: &Step<'a>,
        scores: &Scores,
    ) -> Result<Value, NodeProblem> {
        let rank = scores.lead.len() as i64 + 2;
        if self.softmax_axis(step, rank) != rank - 1 || scores.is_shared_out {
            return Err(NodeProblem::Alone(
                "is a softmax over something else than the keys of attention",
            ));
        }
        Ok(Value::Scores(Rc::new(Scores { is_shared_out: true, ..scores.clone() })))
    }

    /// The value without the number that it is to be multiplied by, and that number.
    fn unscaled(&mut self, feature: Feature) -> Result<(Feature, f64), NodeProblem> {
        let plain = Feature { scale: 1.0, ..feature };
        match feature.form {
            Form::Plain => Ok((self.settled(plain)?, feature.scale)),
            _ => Ok((self.settled(feature)?, 1.0)),
        }
    }

    /// The dimensions before the last two, and these.
    fn ends(&self, feature: Feature) -> Option<(Vec<Dimension>, [Dimension; 2])> {
        let axes = self.axes(feature);
        let (lead, ends) = axes.dimensions().split_last_chunk::<2>()?;
        Some((lead.to_vec(), ends.clone()))
    }

    /// How many heads the channels of a value are in, of whose dimensions these are those before the
    /// last two, and the one inside heads.
    fn heads(&self, lead: &[Dimension], inner: &Dimension, channels: usize) -> Option<usize> {
        let of_head = match inner[..] {
            [] => 1,
            [Digit { kind: Kind::Channel, length, stride: 1 }] => length,
            _ => return None,
        };
        let heads = channels / of_head;
        let expected = Digit { kind: Kind::Channel, length: heads, stride: of_head };
        let outer: Vec<Digit> = lead.concat();
        let mut outer = outer.into_iter().filter(|digit| digit.kind != Kind::Batch);
        let is_whole = match heads {
            1 => outer.next().is_none(),
            _ => outer.next() == Some(expected) && outer.next().is_none(),
        };
        (is_whole && heads * of_head == channels).then_some(heads)
    }
}

/// Whether dimensions count the same: heads of values may have more or fewer channels than those of
/// keys.
fn is_alike(first: &[Dimension], second: &[Dimension]) -> bool {
    let counts = |dimensions: &[Dimension]| -> Vec<Vec<(Kind, usize)>> {
        let of = |dimension: &Dimension| {
            dimension.iter().map(|digit| (digit.kind, digit.length)).collect()
        };
        dimensions.iter().map(of).collect()
    };
    counts(first) == counts(second)
}
