//! A pruned network put back into the ONNX file that it came from: initializers that changed are
//! replaced, what the lab knows of the network is added, and every other byte stays as it is.
//!
//! Source: the wire format of protocol buffers, <https://protobuf.dev/programming-guides/encoding>.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use prost::encoding::encode_varint;

use super::constant::Origin;
use super::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto, data_type};
use super::{METADATA_KEY, Onnx, OnnxError, Options, metadata, network};
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
    let changes = Changes::between(&network(&file, options)?, model, graph)?;
    if changes.is_empty() {
        return Ok(source.to_vec());
    }
    let mut result = Vec::with_capacity(source.len());
    for field in fields(source) {
        let content = &source[field.content];
        match field.tag {
            GRAPH => put(&mut result, GRAPH, &changes.applied_to(content, graph)),
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
    /// New values by the initializer's name.
    values: BTreeMap<String, Vec<f32>>,
    /// Biases that are added: by the index of the node that takes it.
    biases: BTreeMap<usize, TensorProto>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.biases.is_empty()
    }

    fn between(onnx: &Onnx, model: &Model, graph: &GraphProto) -> Result<Self, OnnxError> {
        let mut changes = Self::default();
        for (name, tensor) in model.tensors() {
            let no_place = || OnnxError::NoPlace { tensor: name.clone() };
            match (onnx.model.tensors().get(name), onnx.origins.get(name)) {
                (Some(stated), _) if stated == tensor => {}
                (Some(_), Some(origin)) => {
                    let values = in_file(tensor, origin).ok_or_else(no_place)?;
                    changes.values.insert(origin.initializer.clone(), values);
                }
                (Some(_), None) => return Err(no_place()),
                (None, _) => {
                    let node = name.strip_suffix(".bias").and_then(|module| {
                        let weight = onnx.origins.get(&tensor_name(module, "weight"))?;
                        node_without_bias(graph, &weight.initializer)
                    });
                    let bias = new_tensor(name, tensor);
                    changes.biases.insert(node.ok_or_else(no_place)?, bias);
                }
            }
        }
        Ok(changes)
    }

    /// The graph's bytes with these changes.
    fn applied_to(&self, bytes: &[u8], graph: &GraphProto) -> Vec<u8> {
        let mut result = Vec::with_capacity(bytes.len());
        let (mut nodes, mut initializers) = (0, graph.initializer.iter());
        for field in fields(bytes) {
            let content = &bytes[field.content.clone()];
            match field.tag {
                NODE => {
                    match self.biases.get(&nodes) {
                        Some(bias) => {
                            let mut node = content.to_vec();
                            put(&mut node, NODE_INPUT, bias.name.as_bytes());
                            put(&mut result, NODE, &node);
                        }
                        None => result.extend_from_slice(&bytes[field.whole]),
                    }
                    nodes += 1;
                }
                INITIALIZER => {
                    let tensor = initializers.next();
                    let changed = tensor.and_then(|tensor| {
                        Some((self.values.get(&tensor.name)?, tensor.data_type))
                    });
                    match changed {
                        Some((values, kind)) => {
                            put(&mut result, INITIALIZER, &with_values(content, values, kind));
                        }
                        None => result.extend_from_slice(&bytes[field.whole]),
                    }
                }
                _ => result.extend_from_slice(&bytes[field.whole]),
            }
        }
        for bias in self.biases.values() {
            put(&mut result, INITIALIZER, &bias.encode_to_vec());
        }
        result
    }
}

/// Values in the order in which the initializer has them.
fn in_file(tensor: &HostTensor, origin: &Origin) -> Option<Vec<f32>> {
    if !origin.is_transposed {
        return Some(tensor.values().to_vec());
    }
    let (&rows, rest) = tensor.shape().split_first()?;
    let columns: usize = rest.iter().product();
    let values = tensor.values();
    let column = |column| (0..rows).map(move |row| values[row * columns + column]);
    Some((0..columns).flat_map(column).collect())
}

/// The one layer with this weight, if it has a place for a bias and none in it.
fn node_without_bias(graph: &GraphProto, weight: &str) -> Option<usize> {
    let takes = |index: &usize| graph.node[*index].input.iter().any(|name| name == weight);
    let mut takers = (0..graph.node.len()).filter(takes);
    let index = takers.next().filter(|_| takers.next().is_none())?;
    let node = &graph.node[index];
    let has_place = matches!(&*node.op_type, "Conv" | "Gemm") && node.input.len() == 2;
    has_place.then_some(index)
}

/// A tensor of floats.
pub fn new_tensor(name: &str, tensor: &HostTensor) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: tensor.shape().iter().map(|&length| length as i64).collect(),
        data_type: data_type::FLOAT,
        raw_data: raw(tensor.values(), data_type::FLOAT).into(),
        ..TensorProto::default()
    }
}

/// Values as bytes of a type.
fn raw(values: &[f32], kind: i32) -> Vec<u8> {
    let values = values.iter();
    match kind {
        data_type::DOUBLE => values.flat_map(|&value| f64::from(value).to_le_bytes()).collect(),
        data_type::FLOAT16 => {
            values.flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect()
        }
        data_type::BFLOAT16 => {
            values.flat_map(|&value| half::bf16::from_f32(value).to_le_bytes()).collect()
        }
        _ => values.flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// A tensor's bytes with other values, of the type that it has.
fn with_values(tensor: &[u8], values: &[f32], kind: i32) -> Vec<u8> {
    let mut result = Vec::new();
    for field in fields(tensor) {
        if !VALUE_FIELDS.contains(&field.tag) {
            result.extend_from_slice(&tensor[field.whole]);
        }
    }
    put(&mut result, RAW_DATA, &raw(values, kind));
    result
}

/// A field of a message.
struct Field {
    tag: u32,
    /// With its key and length.
    whole: Range<usize>,
    /// Without them.
    content: Range<usize>,
}

/// The fields of a message that was read before, in their order.
fn fields(bytes: &[u8]) -> impl Iterator<Item = Field> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let key = varint(bytes, &mut at)?;
        let content = match key & 7 {
            0 => {
                let from = at;
                varint(bytes, &mut at)?;
                from..at
            }
            1 => at..at + 8,
            2 => {
                let length = varint(bytes, &mut at)? as usize;
                at..at.checked_add(length)?
            }
            5 => at..at + 4,
            _ => return None,
        };
        at = content.end;
        Some(Field { tag: (key >> 3) as u32, whole: start..at, content })
    })
    .take_while(|field| field.whole.end <= bytes.len())
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
