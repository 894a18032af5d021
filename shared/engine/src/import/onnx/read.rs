//! Reading: which nodes count, what goes in, and what the file says of the network.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use prost::Message;
use rrlab_types::{FeatureShape, GraphError, LayerGraph, Op};

use super::attributes::Attributes;
use super::axes::Layout;
use super::constant::{Beside, Origin};
use super::description::description;
use super::error::{MissingOperation, OnnxError};
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto, data_type};
use super::translate::{OPERATIONS, Translation};

use crate::model::Model;

/// The first opset that is read. Those before it say of each operation which input it may write to.
const LEAST_OPSET: i64 = 6;

/// What is said of a file that it does not say itself.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Rows and columns of the images, where the file leaves them open.
    pub size: Option<[usize; 2]>,
    /// Reads the files beside it that hold its weights.
    pub beside: Beside<'a>,
}

/// A network, where the file holds each of its tensors, and what was taken for granted.
#[derive(Debug)]
pub struct Onnx {
    /// The network.
    pub model: Model,
    /// What was taken for granted, in words for a person.
    pub notes: Vec<String>,
    /// By the tensor's name in the network; none for those that were computed.
    pub(super) origins: BTreeMap<String, Origin>,
}

/// Whether bytes begin as ONNX files do: with the version of the format, then one of the fields
/// that customarily follow (producer, domain, documentation, graph, opsets).
pub fn is_onnx(bytes: &[u8]) -> bool {
    const NEXT_FIELDS: [u8; 8] = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72];
    matches!(bytes, [0x08, 1..=30, field, ..] if NEXT_FIELDS.contains(field))
}

/// The network in an ONNX file, whatever it takes: [`import::read`](crate::import::read) takes
/// networks of images alone.
///
/// # Errors
/// If the file is not whole, or has something that the lab's networks have not.
pub fn read(bytes: &[u8], options: Options<'_>) -> Result<Onnx, OnnxError> {
    let model = ModelProto::decode(Bytes::copy_from_slice(bytes))?;
    network(&model, options)
}

/// The network in a file's messages.
///
/// # Errors
/// As [`read`].
pub fn network(model: &ModelProto, options: Options<'_>) -> Result<Onnx, OnnxError> {
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let opset = opset(model)?;
    let (nodes, output) = live_nodes(graph)?;
    check_operations(&nodes)?;
    let mut notes = Vec::new();
    let both = (&nodes[..], output);
    let mut translation = Translation::new(&graph.initializer, both, opset, options.beside);
    let image = add_input(&mut translation, graph, &nodes, options.size)?;
    for node in &nodes {
        translation.add(node)?;
    }
    if translation.end()? {
        notes.push("left out the softmax at the end: the lab works with logits".into());
    }
    let description = description(model)?;
    let name = description.as_ref().map_or_else(|| named(model), |it| it.architecture.clone());
    let info = description.map(|description| description.info).unwrap_or_default();
    let Translation { modules, tensors, origins, .. } = translation;
    let graph = LayerGraph::new(name, image, modules)?;
    Ok(Onnx { model: Model::new(graph, tensors, info)?, notes, origins })
}

/// The version of ONNX's own operations.
fn opset(model: &ModelProto) -> Result<i64, OnnxError> {
    let own = model.opset_import.iter().find(|set| is_own(&set.domain));
    let version = own.map_or(1, |set| set.version);
    if version < LEAST_OPSET {
        return Err(OnnxError::Opset { version, least: LEAST_OPSET });
    }
    Ok(version)
}

/// Whether a domain is that of ONNX's own operations.
fn is_own(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// What a network is called that the lab did not write.
fn named(model: &ModelProto) -> String {
    let graph = model.graph.as_ref().map_or("", |graph| graph.name.as_str());
    match graph {
        // What PyTorch calls every graph.
        "" | "main_graph" | "torch_jit" | "torch-jit-export" => "onnx".into(),
        name => name.into(),
    }
}

/// The nodes that the first output depends on, and that output's name.
fn live_nodes(graph: &GraphProto) -> Result<(Vec<&NodeProto>, &str), OnnxError> {
    let output = graph.output.first().map_or("", |output| output.name.as_str());
    let mut wanted = HashSet::from([output]);
    let mut nodes = Vec::new();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|output| wanted.contains(output.as_str())) {
            wanted.extend(node.input.iter().map(String::as_str));
            nodes.push(node);
        }
    }
    if nodes.is_empty() {
        return Err(OnnxError::Output { output: output.into() });
    }
    nodes.reverse();
    Ok((nodes, output))
}

/// Whether the lab has every operation.
fn check_operations(nodes: &[&NodeProto]) -> Result<(), OnnxError> {
    let mut missing: Vec<MissingOperation> = Vec::new();
    for node in nodes {
        let is_known = is_own(&node.domain) && OPERATIONS.contains(&&*node.op_type);
        if is_known {
            continue;
        }
        let operation = match is_own(&node.domain) {
            true => node.op_type.clone(),
            false => format!("{}.{}", node.domain, node.op_type),
        };
        match missing.iter_mut().find(|missing| missing.operation == operation) {
            Some(missing) => missing.count += 1,
            None => {
                let first = node.name_for_people().into();
                missing.push(MissingOperation { operation, count: 1, first });
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(OnnxError::Operations { operations: missing }) }
}

/// Puts the images into the translation; returns their shape.
fn add_input<'a>(
    translation: &mut Translation<'a>,
    graph: &'a GraphProto,
    nodes: &[&NodeProto],
    size: Option<[usize; 2]>,
) -> Result<FeatureShape, OnnxError> {
    let taken: HashSet<&str> =
        nodes.iter().flat_map(|node| node.input.iter().map(String::as_str)).collect();
    let is_image = |input: &&ValueInfoProto| {
        taken.contains(input.name.as_str()) && !translation.holds(&input.name)
    };
    let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(is_image).collect();
    let told = || inputs.iter().map(|input| format!("`{}` of {}", input.name, dims_text(input)));
    let refused = || OnnxError::Inputs { inputs: told().collect() };
    let &[input] = &inputs[..] else { return Err(refused()) };
    let kind = input.r#type.as_ref().and_then(|kind| Some(kind.tensor_type.as_ref()?.elem_type));
    if kind.is_some_and(|kind| kind != 0 && !data_type::is_float(kind)) {
        return Err(OnnxError::InputType { input: input.name.clone() });
    }
    let dims = dims(input);
    let open = || OnnxError::OpenSize { input: input.name.clone(), shape: dims_text(input) };
    let is_last = starts_with_channels_last(nodes, &input.name);
    let (layout, [channels, height, width]) = match (&dims[..], is_last) {
        (&[_, channels, height, width], false) => (Layout::Image, [channels, height, width]),
        (&[_, height, width, channels], true) => (Layout::ImageLast, [channels, height, width]),
        (&[_, features], _) => (Layout::Vector, [features, Some(1), Some(1)]),
        _ => return Err(refused()),
    };
    let channels = channels.ok_or_else(refused)?;
    let asked = |side: usize| size.and_then(|size| i64::try_from(size[side]).ok());
    let (height, width) = (height.or_else(|| asked(0)), width.or_else(|| asked(1)));
    let sides = [Some(channels), height, width].map(|side| side.ok_or_else(open));
    let [channels, height, width] = sides;
    let whole = |side: i64| usize::try_from(side).map_err(|_| refused());
    let shape = FeatureShape {
        channels: whole(channels?)?,
        height: whole(height?)?,
        width: whole(width?)?,
    };
    let too_large = |problem| GraphError::DoesNotFit { node: input.name.clone(), problem };
    Op::Input.output_shape(&[shape]).map_err(too_large)?;
    let batch = dims[0].and_then(|batch| usize::try_from(batch).ok()).filter(|&n| n > 0);
    translation.add_input(&input.name, layout, shape, batch.unwrap_or(1));
    Ok(shape)
}

/// Whether the images go straight into a node that puts their last dimension second, as in
/// networks of TensorFlow.
fn starts_with_channels_last(nodes: &[&NodeProto], input: &str) -> bool {
    let mut takers = nodes.iter().filter(|node| node.input.iter().any(|name| name == input));
    let first = takers.next().filter(|_| takers.next().is_none());
    first.is_some_and(|node| {
        node.op_type == "Transpose"
            && Attributes::of(node).ints("perm").as_deref() == Some(&[0, 3, 1, 2])
    })
}

/// Lengths of an input's dimensions; `None` for those left open.
fn dims(input: &ValueInfoProto) -> Vec<Option<i64>> {
    let shape = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()?.shape.as_ref());
    let dims = shape.map_or(&[][..], |shape| &shape.dim);
    dims.iter().map(|dim| dim.dim_value.filter(|&length| length > 0)).collect()
}

fn dims_text(input: &ValueInfoProto) -> String {
    let length = |length: Option<i64>| length.map_or_else(|| "?".into(), |n| n.to_string());
    dims(input).into_iter().map(length).collect::<Vec<String>>().join("×")
}
