//! A pruned network put back into the ONNX file that it came from: initializers that changed are
//! replaced, what the lab knows of the network is added, and every other byte stays as it is.
//!
//! Source: the wire format of protocol buffers, <https://protobuf.dev/programming-guides/encoding>.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use prost::encoding::encode_varint;

use super::constant::{Origin, exchanged};
use super::description::{METADATA_KEY, metadata};
use super::error::OnnxError;
use super::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto, data_type};
use super::read::{Onnx, Options, network};
use crate::model::Model;
use crate::tensors::{HostTensor, tensor_name};

/// Tags of what is replaced, and wire types.
const GRAPH: u32 = 7;
const METADATA: u32 = 14;
const NODE: u32 = 1;
const INITIALIZER: u32 = 5;
const NODE_INPUT: u32 = 1;
const RAW_DATA: u32 = 9;
/// Fields of a tensor that hold its values, or say where they are.
const VALUE_FIELDS: [u32; 8] = [4, 5, 7, 9, 10, 11, 13, 14];
const LENGTH_DELIMITED: u32 = 2;

/// The file with the tensors of a network that was made of it: those that differ are replaced, and
/// biases that the file's layers have not are added to them.
///
/// # Errors
/// If the file can't be read, or a tensor that differs stands in it in another form.
pub fn replace_weights(
    source: &[u8],
    model: &Model,
    options: Options<'_>,
) -> Result<Vec<u8>, OnnxError> {
    let file = ModelProto::decode(Bytes::copy_from_slice(source))?;
    let graph = file.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let changes = Changes::between(&network(&file, options)?, model, &file)?;
    if changes.is_empty() {
        return Ok(source.to_vec());
    }
    let of_file = fields(source)?;
    if of_file.iter().filter(|field| field.tag == GRAPH).count() != 1 {
        return Err(OnnxError::Parts);
    }
    let mut result = Vec::with_capacity(source.len());
    for field in of_file {
        let content = &source[field.content];
        match field.tag {
            GRAPH => put(&mut result, GRAPH, &changes.applied_to(content, graph)?),
            METADATA if is_ours(content) => {}
            _ => result.extend_from_slice(&source[field.whole]),
        }
    }
    put(&mut result, METADATA, &metadata(model)?.encode_to_vec());
    Ok(result)
}

/// Whether an entry of the metadata is what the lab wrote before.
fn is_ours(entry: &[u8]) -> bool {
    StringStringEntryProto::decode(entry).is_ok_and(|entry| entry.key == METADATA_KEY)
}

/// What differs from the file.
#[derive(Default)]
struct Changes {
    /// New values by the initializer's name, as bytes of its type.
    values: BTreeMap<String, Vec<u8>>,
    /// Biases that are added: by the index of the node that takes it.
    biases: BTreeMap<usize, TensorProto>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.biases.is_empty()
    }

    fn between(onnx: &Onnx, model: &Model, file: &ModelProto) -> Result<Self, OnnxError> {
        let mut changes = Self::default();
        let Some(graph) = &file.graph else { return Ok(changes) };
        for (name, tensor) in model.tensors() {
            let no_place = || OnnxError::NoPlace { tensor: name.clone() };
            match (onnx.model.tensors().get(name), onnx.origins.get(name)) {
                (Some(stated), _) if stated == tensor => {}
                (Some(_), Some(origin)) => {
                    let values = shared_values(onnx, model, graph, origin);
                    let bytes = values
                        .and_then(|values| raw(&values, data_type_of(graph, &origin.initializer)?));
                    changes.values.insert(origin.initializer.clone(), bytes.ok_or_else(no_place)?);
                }
                (Some(_), None) => return Err(no_place()),
                (None, _) => {
                    let bias = added_bias(onnx, file, graph, (name, tensor));
                    let (node, bias) = bias.ok_or_else(no_place)?;
                    changes.biases.insert(node, bias);
                }
            }
        }
        Ok(changes)
    }

    /// The graph's bytes with these changes.
    fn applied_to(&self, bytes: &[u8], graph: &GraphProto) -> Result<Vec<u8>, OnnxError> {
        let mut result = Vec::with_capacity(bytes.len());
        let (mut nodes, mut initializers) = (0, graph.initializer.iter());
        for field in fields(bytes)? {
            let content = &bytes[field.content.clone()];
            let changed = match field.tag {
                NODE => {
                    nodes += 1;
                    self.biases.get(&(nodes - 1)).map(|bias| {
                        let mut node = content.to_vec();
                        put(&mut node, NODE_INPUT, bias.name.as_bytes());
                        node
                    })
                }
                INITIALIZER => {
                    let tensor = initializers.next();
                    let values = tensor.and_then(|tensor| self.values.get(&tensor.name));
                    values.map(|values| with_values(content, values)).transpose()?
                }
                _ => None,
            };
            match changed {
                Some(content) => put(&mut result, field.tag, &content),
                None => result.extend_from_slice(&bytes[field.whole]),
            }
        }
        for bias in self.biases.values() {
            put(&mut result, INITIALIZER, &bias.encode_to_vec());
        }
        Ok(result)
    }
}

fn data_type_of(graph: &GraphProto, initializer: &str) -> Option<i32> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == initializer)?;
    Some(tensor.data_type)
}

/// The values that an initializer is to have, if all that takes it are tensors of the network which
/// agree on them.
fn shared_values(
    onnx: &Onnx,
    model: &Model,
    graph: &GraphProto,
    origin: &Origin,
) -> Option<Vec<f32>> {
    let holds = |other: &&Origin| other.initializer == origin.initializer;
    let inputs = graph.node.iter().flat_map(|node| &node.input);
    let takers = inputs.filter(|name| **name == origin.initializer).count();
    if takers > onnx.origins.values().filter(holds).count() {
        return None;
    }
    let mut agreed: Option<Vec<f32>> = None;
    for (name, origin) in onnx.origins.iter().filter(|(_, origin)| holds(origin)) {
        let values = in_file(model.tensors().get(name)?, origin)?;
        if agreed.as_ref().is_some_and(|agreed| *agreed != values) {
            return None;
        }
        agreed = Some(values);
    }
    agreed
}

/// A bias for the one layer that has none and takes the weight that it goes with; returns the
/// layer's node with it.
fn added_bias(
    onnx: &Onnx,
    file: &ModelProto,
    graph: &GraphProto,
    (name, tensor): (&str, &HostTensor),
) -> Option<(usize, TensorProto)> {
    // Before, every initializer had to be among the graph's inputs.
    const INITIALIZERS_ALONE: i64 = 4;
    let module = name.strip_suffix(".bias")?;
    let weight = &onnx.origins.get(&tensor_name(module, "weight"))?.initializer;
    let takes = |index: &usize| graph.node[*index].input.iter().any(|name| name == weight);
    let mut takers = (0..graph.node.len()).filter(takes);
    let index = takers.next().filter(|_| takers.next().is_none())?;
    let node = &graph.node[index];
    let has_place = matches!(&*node.op_type, "Conv" | "Gemm") && node.input.len() == 2;
    if !has_place || file.ir_version < INITIALIZERS_ALONE {
        return None;
    }
    let kind = data_type_of(graph, weight)?;
    let mut bias = new_tensor(&unused(graph, name), tensor);
    bias.raw_data = raw(tensor.values(), kind)?.into();
    bias.data_type = kind;
    Some((index, bias))
}

/// The name, or one like it that nothing in the graph has.
fn unused(graph: &GraphProto, name: &str) -> String {
    let outputs = graph.node.iter().flat_map(|node| &node.output);
    let initializers = graph.initializer.iter().map(|tensor| &tensor.name);
    let inputs = graph.input.iter().map(|input| &input.name);
    let taken: HashSet<&String> = outputs.chain(initializers).chain(inputs).collect();
    let mut unused = name.to_owned();
    while taken.contains(&unused) {
        unused.push('_');
    }
    unused
}

/// Values in the order in which the initializer has them.
fn in_file(tensor: &HostTensor, origin: &Origin) -> Option<Vec<f32>> {
    if !origin.is_transposed {
        return Some(tensor.values().to_vec());
    }
    let (&rows, rest) = tensor.shape().split_first()?;
    let columns: usize = rest.iter().product();
    Some(exchanged(tensor.values(), rows, columns))
}

/// A tensor of floats in single precision.
pub fn new_tensor(name: &str, tensor: &HostTensor) -> TensorProto {
    let bytes: Vec<u8> = tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto {
        name: name.into(),
        dims: tensor.shape().iter().map(|&length| length as i64).collect(),
        data_type: data_type::FLOAT,
        raw_data: bytes.into(),
        ..TensorProto::default()
    }
}

/// Values as bytes of a type of floats, unless one is too large for it.
fn raw(values: &[f32], kind: i32) -> Option<Vec<u8>> {
    fn bytes<const N: usize>(
        values: &[f32],
        of: impl Fn(f32) -> Option<[u8; N]>,
    ) -> Option<Vec<u8>> {
        let chunks: Option<Vec<[u8; N]>> = values.iter().map(|&value| of(value)).collect();
        Some(chunks?.concat())
    }
    match kind {
        data_type::FLOAT => bytes(values, |value| Some(value.to_le_bytes())),
        data_type::DOUBLE => bytes(values, |value| Some(f64::from(value).to_le_bytes())),
        data_type::FLOAT16 => bytes(values, |value| {
            let value = half::f16::from_f32(value);
            value.is_finite().then(|| value.to_le_bytes())
        }),
        data_type::BFLOAT16 => bytes(values, |value| {
            let value = half::bf16::from_f32(value);
            value.is_finite().then(|| value.to_le_bytes())
        }),
        _ => None,
    }
}

/// A tensor's bytes with other values, of the type that it has.
fn with_values(tensor: &[u8], values: &[u8]) -> Result<Vec<u8>, OnnxError> {
    let mut result = Vec::new();
    for field in fields(tensor)? {
        if !VALUE_FIELDS.contains(&field.tag) {
            result.extend_from_slice(&tensor[field.whole]);
        }
    }
    put(&mut result, RAW_DATA, values);
    Ok(result)
}

/// A field of a message.
struct Field {
    tag: u32,
    /// With its key and length.
    whole: Range<usize>,
    /// Without them.
    content: Range<usize>,
}

/// The fields of a message, in their order.
///
/// # Errors
/// If they do not make it up to its end, as where it has a group, which ONNX has not.
fn fields(bytes: &[u8]) -> Result<Vec<Field>, OnnxError> {
    let mut fields = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let field = field_at(bytes, at).filter(|field| field.whole.end <= bytes.len());
        let field = field.ok_or(OnnxError::Parts)?;
        at = field.whole.end;
        fields.push(field);
    }
    Ok(fields)
}

fn field_at(bytes: &[u8], start: usize) -> Option<Field> {
    let mut at = start;
    let key = varint(bytes, &mut at)?;
    let content = match key & 7 {
        0 => {
            let from = at;
            varint(bytes, &mut at)?;
            from..at
        }
        1 => at..at.checked_add(8)?,
        2 => {
            let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
            at..at.checked_add(length)?
        }
        5 => at..at.checked_add(4)?,
        _ => return None,
    };
    Some(Field { tag: u32::try_from(key >> 3).ok()?, whole: start..content.end, content })
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut rest = bytes.get(*at..)?;
    let before = rest.len();
    let value = prost::encoding::decode_varint(&mut rest).ok()?;
    *at += before - rest.len();
    Some(value)
}

/// Adds a field of bytes to a message.
fn put(message: &mut Vec<u8>, tag: u32, content: &[u8]) {
    encode_varint(u64::from(tag << 3 | LENGTH_DELIMITED), message);
    encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}
