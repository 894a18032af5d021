//! Tensors that do not depend on the images: weights, shapes, axes; and what is computed of them.

use std::ops::Range;

use crate::checkpoint::floats;
use crate::tensors::{HostTensor, ShapeError};
use safetensors::Dtype;

use super::attributes::{Attributes, from_start};
use super::error::{NodeProblem, TensorProblem};
use super::proto::{EXTERNAL, TensorProto, data_type};

/// Most values of a tensor: what a network of the lab's can have at all.
const MOST_VALUES: usize = i32::MAX as usize;

/// Reads bytes of files that lie beside a model's, by the name that the model has for them.
pub type Beside<'a> = &'a dyn Fn(&str, Range<u64>) -> Result<Vec<u8>, String>;

/// A tensor that does not depend on the images, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    pub shape: Vec<usize>,
    pub values: Values,
    /// Where the file holds these values, while it does.
    pub origin: Option<Origin>,
}

/// Values of one of the two types that the lab tells apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

/// The initializer that holds a tensor's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name.
    pub initializer: String,
    /// Whether it holds the matrix with rows and columns exchanged.
    pub is_transposed: bool,
}

impl Constant {
    /// The tensor of a message; `beside` reads the file that it may lie in.
    pub fn read(tensor: &TensorProto, beside: Beside<'_>) -> Result<Self, TensorProblem> {
        let shape = checked_lengths(&tensor.dims, MOST_VALUES)?;
        let count: usize = shape.iter().product();
        let values = if tensor.data_location == EXTERNAL {
            raw_values(tensor.data_type, &external(tensor, count, beside)?)?
        } else if tensor.raw_data.is_empty() {
            typed_values(tensor)?
        } else {
            raw_values(tensor.data_type, &tensor.raw_data)?
        };
        if values.len() != count {
            let found = values.len();
            return Err(TensorProblem::Count { lengths: shape, found, expected: count });
        }
        Ok(Self { shape, values, origin: None })
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether its values are floats.
    pub fn is_of_floats(&self) -> bool {
        matches!(self.values, Values::Floats(_))
    }

    /// A list of integers.
    pub fn integers(values: Vec<i64>) -> Self {
        Self { shape: vec![values.len()], values: Values::Integers(values), origin: None }
    }

    /// Its values as floats.
    pub fn floats(&self) -> Vec<f32> {
        match &self.values {
            Values::Floats(values) => values.clone(),
            Values::Integers(values) => values.iter().map(|&value| value as f32).collect(),
        }
    }

    /// Its values as integers; those of floats without their fraction.
    pub fn as_integers(&self) -> Vec<i64> {
        match &self.values {
            Values::Floats(values) => values.iter().map(|&value| value as i64).collect(),
            Values::Integers(values) => values.clone(),
        }
    }

    /// Its only value.
    pub fn scalar(&self) -> Option<f64> {
        match &self.values {
            Values::Floats(values) if values.len() == 1 => Some(f64::from(values[0])),
            Values::Integers(values) if values.len() == 1 => Some(values[0] as f64),
            _ => None,
        }
    }

    /// Its values as a tensor of another shape.
    pub fn tensor(&self, shape: Vec<usize>) -> Result<HostTensor, ShapeError> {
        HostTensor::new(shape, self.floats())
    }

    /// The same with dimensions of length 1 behind its own, so many in all.
    pub fn followed_by_ones(&self, rank: usize) -> Self {
        let mut shape = self.shape.clone();
        shape.resize(rank.max(shape.len()), 1);
        self.reshaped(shape)
    }

    /// The same values in another shape of as many.
    fn reshaped(&self, shape: Vec<usize>) -> Self {
        // Rows and columns of another shape are not those that were exchanged.
        let origin = self.origin.clone().filter(|origin| !origin.is_transposed);
        Self { shape, origin, values: self.values.clone() }
    }

    /// The matrix with rows and columns exchanged.
    pub fn transposed(&self) -> Option<Self> {
        let &[rows, columns] = &self.shape[..] else { return None };
        let values = match &self.values {
            Values::Floats(values) => Values::Floats(exchanged(values, rows, columns)),
            Values::Integers(values) => Values::Integers(exchanged(values, rows, columns)),
        };
        let origin = self.origin.clone();
        let origin = origin.map(|origin| Origin { is_transposed: !origin.is_transposed, ..origin });
        Some(Self { shape: vec![columns, rows], values, origin })
    }
}

/// A row-major matrix with rows and columns exchanged.
pub fn exchanged<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let column = |column| (0..rows).map(move |row| values[row * columns + column]);
    (0..columns).flat_map(column).collect()
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
        }
    }
}

/// Values that stand in the field of their type.
fn typed_values(tensor: &TensorProto) -> Result<Values, TensorProblem> {
    let half = |bits: &i32| *bits as u16;
    Ok(match tensor.data_type {
        data_type::FLOAT => Values::Floats(tensor.float_data.clone()),
        data_type::DOUBLE => {
            Values::Floats(tensor.double_data.iter().map(|&value| value as f32).collect())
        }
        data_type::FLOAT16 => {
            let values = tensor.int32_data.iter().map(half).map(half::f16::from_bits);
            Values::Floats(values.map(half::f16::to_f32).collect())
        }
        data_type::BFLOAT16 => {
            let values = tensor.int32_data.iter().map(half).map(half::bf16::from_bits);
            Values::Floats(values.map(half::bf16::to_f32).collect())
        }
        data_type::INT64 => Values::Integers(tensor.int64_data.clone()),
        data_type::INT32 | data_type::BOOL => {
            Values::Integers(tensor.int32_data.iter().map(|&value| value.into()).collect())
        }
        other => return Err(TensorProblem::Type(other)),
    })
}

/// Values that stand as bytes, little-endian.
fn raw_values(kind: i32, bytes: &[u8]) -> Result<Values, TensorProblem> {
    let of_floats = |dtype| floats(dtype, bytes).map(Values::Floats);
    let found = match kind {
        data_type::FLOAT => of_floats(Dtype::F32),
        data_type::DOUBLE => of_floats(Dtype::F64),
        data_type::FLOAT16 => of_floats(Dtype::F16),
        data_type::BFLOAT16 => of_floats(Dtype::BF16),
        data_type::INT64 => Some(integers(bytes, i64::from_le_bytes)),
        data_type::INT32 => Some(integers(bytes, |bytes| i32::from_le_bytes(bytes).into())),
        data_type::BOOL => Some(integers(bytes, |[byte]: [u8; 1]| byte.into())),
        _ => None,
    };
    found.ok_or(TensorProblem::Type(kind))
}

fn integers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> i64) -> Values {
    let chunks = bytes.chunks_exact(N);
    Values::Integers(chunks.map(|chunk| read(std::array::from_fn(|i| chunk[i]))).collect())
}

/// Lengths that are sizes, and of a tensor of at most so many values even where one is 0.
fn checked_lengths(stated: &[i64], most: usize) -> Result<Vec<usize>, TensorProblem> {
    let wrong = || TensorProblem::Lengths(stated.to_vec());
    let mut shape = Vec::new();
    let mut count = 1usize;
    for &length in stated {
        let length = usize::try_from(length).map_err(|_| wrong())?;
        count = count.checked_mul(length.max(1)).filter(|&n| n <= most).ok_or_else(wrong)?;
        shape.push(length);
    }
    Ok(shape)
}

/// Bytes of a value of a type.
fn width(kind: i32) -> Option<usize> {
    match kind {
        data_type::FLOAT | data_type::INT32 => Some(4),
        data_type::DOUBLE | data_type::INT64 => Some(8),
        data_type::FLOAT16 | data_type::BFLOAT16 => Some(2),
        data_type::BOOL => Some(1),
        _ => None,
    }
}

/// The bytes of a tensor of so many values that lies in a file of its own.
fn external(
    tensor: &TensorProto,
    count: usize,
    beside: Beside<'_>,
) -> Result<Vec<u8>, TensorProblem> {
    let entry = |key: &str| {
        tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    };
    let location = entry("location").unwrap_or_default();
    let fail = |problem: String| TensorProblem::Elsewhere { location: location.into(), problem };
    let width = width(tensor.data_type).ok_or(TensorProblem::Type(tensor.data_type))?;
    let length = (count * width) as u64;
    let offset = match entry("offset") {
        Some(text) => text.parse().map_err(|_| fail(format!("its offset is `{text}`")))?,
        None => 0u64,
    };
    let end = offset.checked_add(length).ok_or_else(|| fail("its offset is too large".into()))?;
    beside(location, offset..end).map_err(fail)
}

/// What a node computes of constants alone, unless it is more than so many values.
pub fn computed(
    operation: &str,
    inputs: &[&Constant],
    attributes: Attributes<'_>,
    most: usize,
) -> Result<Constant, NodeProblem> {
    if inputs.iter().any(|input| input.len() > most) {
        return Err(NodeProblem::TooMuch);
    }
    let input = |index: usize| inputs.get(index).copied().ok_or(NodeProblem::Missing(index));
    let unknown = NodeProblem::OfConstants;
    match operation {
        "Cast" => cast(input(0)?, attributes.int("to").unwrap_or(i64::from(data_type::FLOAT))),
        "Reshape" => {
            let data = input(0)?;
            let from: Vec<i64> = data.shape.iter().map(|&length| length as i64).collect();
            let to = resolved(&from, &input(1)?.as_integers()).ok_or(unknown)?;
            Ok(data.reshaped(to))
        }
        // Neither changes the order of values.
        "Unsqueeze" | "Squeeze" => {
            let data = input(0)?;
            let shape = match (operation, data.shape.len()) {
                ("Squeeze", _) => squeezed(data, inputs.get(1).copied(), attributes)?,
                (_, 0) => vec![1],
                _ => unsqueezed(data, inputs.get(1).copied(), attributes)?,
            };
            Ok(data.reshaped(shape))
        }
        "Transpose" => {
            let data = input(0)?;
            let order = attributes.ints("perm");
            if order.as_deref().is_none_or(|order| order == [1, 0])
                && let Some(transposed) = data.transposed()
            {
                return Ok(transposed);
            }
            reordered(data, order).ok_or(unknown)
        }
        "Concat" => joined(inputs, most),
        "Gather" => gathered(input(0)?, input(1)?, attributes).ok_or(unknown),
        "Slice" => sliced(inputs).ok_or(unknown),
        "ConstantOfShape" => {
            let fill = attributes.tensor("value").map(|tensor| {
                Constant::read(tensor, &|_, _| Err("a fill value lies in no file".into()))
            });
            filled(&input(0)?.as_integers(), fill.transpose()?, most)
        }
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Equal" => {
            arithmetic(operation, input(0)?, input(1)?)
        }
        "Sqrt" => {
            let data = input(0)?;
            let roots = data.floats().into_iter().map(f32::sqrt).collect();
            Ok(Constant { shape: data.shape.clone(), values: Values::Floats(roots), origin: None })
        }
        "Where" => chosen(input(0)?, input(1)?, input(2)?).ok_or(unknown),
        "Expand" => expanded(input(0)?, &input(1)?.as_integers(), most),
        _ => Err(unknown),
    }
}

/// Lists one after the other; of floats where one is of floats.
fn joined(parts: &[&Constant], most: usize) -> Result<Constant, NodeProblem> {
    if parts.iter().any(|part| part.shape.len() > 1) {
        return Err(NodeProblem::OfConstants);
    }
    if parts.iter().map(|part| part.len()).sum::<usize>() > most {
        return Err(NodeProblem::TooMuch);
    }
    if parts.iter().all(|part| !part.is_of_floats()) {
        let values = parts.iter().flat_map(|part| part.as_integers());
        return Ok(Constant::integers(values.collect()));
    }
    let values: Vec<f32> = parts.iter().flat_map(|part| part.floats()).collect();
    Ok(Constant { shape: vec![values.len()], values: Values::Floats(values), origin: None })
}

/// Values of a list at these places.
fn gathered(data: &Constant, indices: &Constant, attributes: Attributes<'_>) -> Option<Constant> {
    let axis = attributes.int("axis").unwrap_or(0);
    if data.shape.len() != 1 || (axis != 0 && axis != -1) || indices.is_of_floats() {
        return None;
    }
    let length = data.len() as i64;
    let place = |index: i64| {
        usize::try_from(from_start(index, length)).ok().filter(|&index| index < data.len())
    };
    let places: Option<Vec<usize>> = indices.as_integers().into_iter().map(place).collect();
    Some(taken(data, &places?, indices.shape.clone()))
}

/// The values at these places of a tensor, in another shape.
fn taken(data: &Constant, places: &[usize], shape: Vec<usize>) -> Constant {
    let values = match &data.values {
        Values::Floats(values) => {
            Values::Floats(places.iter().map(|&place| values[place]).collect())
        }
        Values::Integers(values) => {
            Values::Integers(places.iter().map(|&place| values[place]).collect())
        }
    };
    Constant { shape, values, origin: None }
}

/// Distance between neighbours along each dimension of a row-major tensor.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Row-major places where each dimension goes through these offsets.
fn places(offsets: &[Vec<usize>]) -> Vec<usize> {
    let mut places = vec![0];
    for along in offsets {
        let from = std::mem::take(&mut places);
        places = from.iter().flat_map(|at| along.iter().map(move |offset| at + offset)).collect();
    }
    places
}

/// A tensor's dimensions in another order; the reverse where none is said.
fn reordered(data: &Constant, order: Option<Vec<i64>>) -> Option<Constant> {
    if data.len() == 0 {
        return None;
    }
    let rank = data.shape.len();
    let order = order.unwrap_or_else(|| (0..rank as i64).rev().collect());
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank as i64) {
        return None;
    }
    let strides = strides(&data.shape);
    let order: Vec<usize> = order.into_iter().map(|axis| axis as usize).collect();
    let offsets: Vec<Vec<usize>> = order
        .iter()
        .map(|&axis| (0..data.shape[axis]).map(|at| at * strides[axis]).collect())
        .collect();
    let shape = order.iter().map(|&axis| data.shape[axis]).collect();
    Some(taken(data, &places(&offsets), shape))
}

/// Parts along some dimensions, forwards or backwards: the inputs are data, starts, ends, axes and
/// steps.
fn sliced(inputs: &[&Constant]) -> Option<Constant> {
    let list = |index: usize| inputs.get(index).map(|constant| constant.as_integers());
    let data = inputs.first().filter(|data| data.len() > 0)?;
    let rank = data.shape.len() as i64;
    let (starts, ends) = (list(1)?, list(2)?);
    let axes = list(3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4).unwrap_or_else(|| vec![1; starts.len()]);
    let strides = strides(&data.shape);
    let mut offsets: Vec<Vec<usize>> = data
        .shape
        .iter()
        .zip(&strides)
        .map(|(&length, stride)| (0..length).map(|at| at * stride).collect())
        .collect();
    for (index, axis) in axes.into_iter().enumerate() {
        let axis = usize::try_from(from_start(axis, rank)).ok()?;
        let length = *data.shape.get(axis)? as i64;
        let (start, end, step) = (*starts.get(index)?, *ends.get(index)?, *steps.get(index)?);
        let kept: Vec<i64> = match step {
            0 => return None,
            1.. => {
                let end = from_start(end, length).clamp(0, length);
                (from_start(start, length).clamp(0, length)..end).step_by(step as usize).collect()
            }
            _ => {
                let (start, end) = (
                    from_start(start, length).clamp(-1, length - 1),
                    from_start(end, length).clamp(-1, length - 1),
                );
                let back = (end + 1..=start).rev();
                back.step_by(step.unsigned_abs() as usize).collect()
            }
        };
        offsets[axis] = kept.into_iter().map(|at| at as usize * strides[axis]).collect();
    }
    let shape = offsets.iter().map(Vec::len).collect();
    Some(taken(data, &places(&offsets), shape))
}

fn cast(data: &Constant, to: i64) -> Result<Constant, NodeProblem> {
    let is_float = [data_type::FLOAT, data_type::DOUBLE, data_type::FLOAT16, data_type::BFLOAT16]
        .contains(&(to as i32));
    Ok(match (&data.values, is_float) {
        (Values::Floats(_), true) | (Values::Integers(_), false) => data.clone(),
        (_, true) => Constant {
            values: Values::Floats(data.floats()),
            origin: None,
            shape: data.shape.clone(),
        },
        (Values::Floats(values), false) => {
            let truth = |&value: &f32| i64::from(value != 0.0);
            let whole = |&value: &f32| value as i64;
            let is_truth = to == i64::from(data_type::BOOL);
            let values =
                values.iter().map(|value| if is_truth { truth(value) } else { whole(value) });
            let values = Values::Integers(values.collect());
            Constant { values, origin: None, shape: data.shape.clone() }
        }
    })
}

fn squeezed(
    data: &Constant,
    axes: Option<&Constant>,
    attributes: Attributes<'_>,
) -> Result<Vec<usize>, NodeProblem> {
    let rank = data.shape.len();
    let stated = axes.map(Constant::as_integers).or_else(|| attributes.ints("axes"));
    let Some(stated) = stated else {
        return Ok(data.shape.iter().copied().filter(|&length| length != 1).collect());
    };
    let mut stays = vec![true; rank];
    for axis in stated {
        let axis = usize::try_from(from_start(axis, rank as i64)).ok();
        let axis = axis.filter(|&axis| axis < rank && data.shape[axis] == 1);
        stays[axis.ok_or(NodeProblem::OfConstants)?] = false;
    }
    Ok(data
        .shape
        .iter()
        .zip(stays)
        .filter(|(_, stays)| *stays)
        .map(|(&length, _)| length)
        .collect())
}

fn unsqueezed(
    data: &Constant,
    axes: Option<&Constant>,
    attributes: Attributes<'_>,
) -> Result<Vec<usize>, NodeProblem> {
    let axes = axes.map(Constant::as_integers).or_else(|| attributes.ints("axes"));
    let mut axes = axes.ok_or(NodeProblem::Missing(1))?;
    let rank = (data.shape.len() + axes.len()) as i64;
    for axis in &mut axes {
        *axis = from_start(*axis, rank);
    }
    axes.sort_unstable();
    let mut shape = data.shape.clone();
    for axis in axes {
        let axis = usize::try_from(axis).ok().filter(|&axis| axis <= shape.len());
        shape.insert(axis.ok_or(NodeProblem::OfConstants)?, 1);
    }
    Ok(shape)
}

/// A tensor of one value.
fn filled(lengths: &[i64], fill: Option<Constant>, most: usize) -> Result<Constant, NodeProblem> {
    let shape = checked_lengths(lengths, most)?;
    let count = shape.iter().product();
    let values = match fill.map(|fill| fill.values) {
        Some(Values::Integers(values)) => {
            Values::Integers(vec![values.first().copied().unwrap_or(0); count])
        }
        Some(Values::Floats(values)) => {
            Values::Floats(vec![values.first().copied().unwrap_or(0.0); count])
        }
        None => Values::Floats(vec![0.0; count]),
    };
    Ok(Constant { shape, values, origin: None })
}

/// Two constants of one shape, or one with a single number.
fn arithmetic(
    operation: &str,
    first: &Constant,
    second: &Constant,
) -> Result<Constant, NodeProblem> {
    let shape = match (first.scalar(), second.scalar()) {
        (_, Some(_)) => first.shape.clone(),
        (Some(_), None) => second.shape.clone(),
        _ if first.shape == second.shape => first.shape.clone(),
        _ => return Err(NodeProblem::OfConstants),
    };
    let count: usize = shape.iter().product();
    let values = match (&first.values, &second.values) {
        (Values::Integers(_), Values::Integers(_)) => {
            let [first, second] = [first, second].map(|side| stretched(side.as_integers(), count));
            let pairs = first.into_iter().zip(second);
            let results = pairs.map(|(a, b)| match operation {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                "Mod" => a.checked_rem_euclid(b),
                "Equal" => Some(i64::from(a == b)),
                _ => a.checked_div(b),
            });
            Values::Integers(results.collect::<Option<_>>().ok_or(NodeProblem::OfConstants)?)
        }
        _ => {
            let [first, second] = [first, second].map(|side| stretched(side.floats(), count));
            let pairs = first.into_iter().zip(second);
            let results = pairs.map(|(a, b)| match operation {
                "Add" => a + b,
                "Sub" => a - b,
                "Mul" => a * b,
                "Mod" | "Equal" => f32::NAN,
                _ => a / b,
            });
            Values::Floats(results.collect())
        }
    };
    Ok(Constant { shape, values, origin: None })
}

/// The first where a condition holds, else the second; of integers of one shape.
fn chosen(condition: &Constant, first: &Constant, second: &Constant) -> Option<Constant> {
    let sides = [condition, first, second];
    let shape = sides.iter().find(|side| side.len() != 1).unwrap_or(&condition).shape.clone();
    let count: usize = shape.iter().product();
    if sides.iter().any(|side| side.is_of_floats() || (side.len() != 1 && side.shape != shape)) {
        return None;
    }
    let [holds, first, second] = sides.map(|side| stretched(side.as_integers(), count));
    let values = (0..count).map(|at| if holds[at] != 0 { first[at] } else { second[at] }).collect();
    Some(Constant { shape, values: Values::Integers(values), origin: None })
}

/// A tensor that is repeated along dimensions of length 1.
fn expanded(data: &Constant, to: &[i64], most: usize) -> Result<Constant, NodeProblem> {
    let asked = checked_lengths(to, most)?;
    let rank = asked.len().max(data.shape.len());
    let aligned = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
    let (from, asked) = (aligned(&data.shape), aligned(&asked));
    let mut shape = Vec::new();
    for (&from, &asked) in from.iter().zip(&asked) {
        match (from, asked) {
            (from, asked) if from == asked || asked == 1 => shape.push(from),
            (1, asked) => shape.push(asked),
            _ => return Err(NodeProblem::OfConstants),
        }
    }
    let mut bounded = shape.iter().map(|length| *length.max(&1));
    let count = bounded.try_fold(1usize, |product, length| product.checked_mul(length));
    if count.is_none_or(|count| count > most) {
        return Err(NodeProblem::TooMuch);
    }
    let strides = strides(&from);
    let along = |axis: usize| {
        let is_repeated = from[axis] == 1;
        (0..shape[axis]).map(|at| if is_repeated { 0 } else { at * strides[axis] }).collect()
    };
    let offsets: Vec<Vec<usize>> = (0..rank).map(along).collect();
    Ok(taken(data, &places(&offsets), shape))
}

fn stretched<T: Copy>(values: Vec<T>, count: usize) -> Vec<T> {
    if values.len() == 1 { vec![values[0]; count] } else { values }
}

/// The lengths that a reshape asks for: 0 takes over the one before, −1 is what remains.
pub fn resolved(from: &[i64], asked: &[i64]) -> Option<Vec<usize>> {
    let total = from.iter().try_fold(1i64, |product, &length| product.checked_mul(length))?;
    let mut lengths = Vec::new();
    for (index, &length) in asked.iter().enumerate() {
        lengths.push(if length == 0 { *from.get(index)? } else { length });
    }
    let open = lengths.iter().filter(|length| **length == -1).count();
    let mut known = lengths.iter().filter(|length| **length != -1);
    let known = known
        .try_fold(1i64, |product, &length| product.checked_mul(length).filter(|_| length > 0))?;
    if open > 1 || (open == 0 && known != total) || total % known != 0 {
        return None;
    }
    for length in &mut lengths {
        if *length == -1 {
            *length = total / known;
        }
    }
    lengths.into_iter().map(|length| usize::try_from(length).ok()).collect()
}
