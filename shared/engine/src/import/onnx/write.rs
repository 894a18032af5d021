//! A network of the lab's as a new ONNX file.

use std::collections::HashSet;

use prost::Message;
use rrlab_types::{AveragePool, Conv2d, FeatureShape, LayerGraph, Node, NodeId, Op, Padding, Pool};

use super::constant::exchanged;
use super::description::metadata;
use super::error::OnnxError;
use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
    data_type,
};
use super::replace::new_tensor;
use crate::model::Model;
use crate::tensors::{HostTensor, tensor_name};

const INPUT: &str = "images";
const OUTPUT: &str = "logits";
/// How many images there are at a time is left open under this name.
const BATCH: &str = "batch";

/// The ONNX file of a network: the operations of opset 17, or of the first that has them all.
///
/// # Errors
/// If the network has an operation that ONNX has not.
pub fn write(model: &Model) -> Result<Vec<u8>, OnnxError> {
    let graph = model.graph();
    let mut writer = Writer {
        model,
        nodes: Vec::new(),
        initializers: Vec::new(),
        values: Vec::new(),
        names: HashSet::new(),
    };
    for id in graph.ids() {
        writer.add(graph, id)?;
    }
    writer.end();
    let opset = opset(graph);
    let FeatureShape { channels, height, width } = graph.image();
    let file = ModelProto {
        // The first version of the format that goes with the opset.
        ir_version: match opset {
            21 => 10,
            20 => 9,
            _ => 8,
        },
        producer_name: "rrlab".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        metadata_props: vec![metadata(model)?],
        graph: Some(GraphProto {
            name: graph.architecture().into(),
            node: writer.nodes,
            initializer: writer.initializers,
            input: vec![value_info(INPUT, &[channels, height, width])],
            output: vec![value_info(OUTPUT, &[graph.classes()])],
        }),
    };
    Ok(file.encode_to_vec())
}

/// The first version of ONNX's operations, from 17 on, that has all of a network's.
fn opset(graph: &LayerGraph) -> i64 {
    let needed = |node: &Node| match node.op {
        Op::GroupNorm { .. } => 21,
        Op::Gelu => 20,
        _ => 17,
    };
    graph.nodes().iter().map(needed).max().unwrap_or(17)
}

/// A batch of tensors of this shape.
fn value_info(name: &str, shape: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some(BATCH.into()) };
    let length =
        |&length: &usize| DimensionProto { dim_value: Some(length as i64), dim_param: None };
    let shape =
        TensorShapeProto { dim: [batch].into_iter().chain(shape.iter().map(length)).collect() };
    let tensor = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(shape) };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// A value of the file: its name, and whether it is `[N, F]` rather than `[N, C, H, W]`.
#[derive(Clone)]
struct Written {
    name: String,
    is_vector: bool,
}

struct Writer<'a> {
    model: &'a Model,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// By the network's node.
    values: Vec<Written>,
    /// Of what nodes give.
    names: HashSet<String>,
}

/// An attribute's value.
enum Given<'a> {
    Int(usize),
    Ints(&'a [usize]),
    Float(f64),
}

impl Writer<'_> {
    fn add(&mut self, graph: &LayerGraph, id: NodeId) -> Result<(), OnnxError> {
        let node = graph.node(id);
        let value = match node.op {
            Op::Input => Written { name: INPUT.into(), is_vector: false },
            op => {
                let inputs: Vec<Written> =
                    node.inputs.iter().map(|input| self.values[input.0].clone()).collect();
                let before = graph.node(node.inputs[0]).shape;
                self.written(node, op, before, inputs)?
            }
        };
        self.values.push(value);
        Ok(())
    }

    /// The nodes of one operation; returns what it gives.
    fn written(
        &mut self,
        node: &Node,
        op: Op,
        before: FeatureShape,
        inputs: Vec<Written>,
    ) -> Result<Written, OnnxError> {
        use Given::{Float, Int, Ints};
        let name = &node.name;
        let as_it_came = inputs[0].is_vector;
        let unwritable = |problem| OnnxError::Unwritable { node: name.clone(), problem };
        let one = |operation: &str, attributes: &[(&str, Given<'_>)]| {
            (operation.to_owned(), attributes_of(attributes))
        };
        let (operation, attributes) = match op {
            Op::Conv2d(conv) => return Ok(self.conv(name, conv, &inputs[0])),
            Op::Linear { bias, .. } => return Ok(self.linear(name, bias, &inputs[0])),
            Op::PositionLinear { bias, .. } => {
                return Ok(self.position_linear(name, bias, &inputs[0]));
            }
            Op::LayerScale { channels } => {
                let shape: &[usize] = if as_it_came { &[channels] } else { &[channels, 1, 1] };
                let scale = self.shaped_tensor(name, "layer_scale", shape);
                let taken = vec![inputs[0].name.clone(), scale];
                return Ok(self.push(name, "Mul", taken, vec![], as_it_came));
            }
            Op::BatchNorm { epsilon, .. } => {
                let mut taken = vec![inputs[0].name.clone()];
                for tensor in ["weight", "bias", "running_mean", "running_var"] {
                    taken.push(self.tensor(name, tensor));
                }
                let (operation, attributes) =
                    one("BatchNormalization", &[("epsilon", Float(epsilon))]);
                return Ok(self.push(name, &operation, taken, attributes, as_it_came));
            }
            Op::GroupNorm { groups, epsilon, .. } => {
                let input = self.image(&inputs[0], name);
                let taken = vec![input, self.tensor(name, "weight"), self.tensor(name, "bias")];
                let attributes =
                    attributes_of(&[("num_groups", Int(groups)), ("epsilon", Float(epsilon))]);
                return Ok(self.push(name, "GroupNormalization", taken, attributes, false));
            }
            Op::LayerNorm { epsilon, .. } => return Ok(self.layer_norm(name, epsilon, &inputs[0])),
            Op::ChannelAffine { channels } => {
                return Ok(self.channel_affine(name, channels, &inputs[0]));
            }
            Op::ScaleShift { scale, shift } => {
                let scale = self.scalar(name, "scale", scale);
                let product = format!("{name}/Mul");
                let taken = vec![inputs[0].name.clone(), scale];
                let scaled = self.push(&product, "Mul", taken, vec![], as_it_came);
                let shift = self.scalar(name, "shift", shift);
                return Ok(self.push(name, "Add", vec![scaled.name, shift], vec![], as_it_came));
            }
            Op::Silu => {
                let gate =
                    self.push(name, "Sigmoid", vec![inputs[0].name.clone()], vec![], as_it_came);
                let taken = vec![inputs[0].name.clone(), gate.name];
                return Ok(self.push(&format!("{name}/Mul"), "Mul", taken, vec![], as_it_came));
            }
            Op::Relu6 => return Ok(self.clip(name, 0.0, 6.0, &inputs[0])),
            Op::Clip { low, high } => return Ok(self.clip(name, low, high, &inputs[0])),
            Op::Relu => one("Relu", &[]),
            Op::LeakyRelu { slope } => one("LeakyRelu", &[("alpha", Float(slope))]),
            Op::Sigmoid => one("Sigmoid", &[]),
            Op::HardSigmoid => {
                one("HardSigmoid", &[("alpha", Float(1.0 / 6.0)), ("beta", Float(0.5))])
            }
            Op::HardSwish => one("HardSwish", &[]),
            Op::Gelu => one("Gelu", &[]),
            Op::Softmax => one("Softmax", &[("axis", Int(1))]),
            Op::Attention { heads, scale } => {
                return Ok(self.attention(node, (heads, scale), before, &inputs));
            }
            Op::Embedding { channels, height, width } => {
                let shape: &[usize] =
                    if as_it_came { &[channels] } else { &[channels, height, width] };
                let values = self.shaped_tensor(name, "embedding", shape);
                let taken = vec![inputs[0].name.clone(), values];
                return Ok(self.push(name, "Add", taken, vec![], as_it_came));
            }
            Op::FlattenPositions => {
                let input = self.image(&inputs[0], name);
                let to = [0, before.channels, 1, before.positions()];
                return Ok(self.reshaped(name, input, &to));
            }
            Op::TakePosition { index } => {
                let input = self.image(&inputs[0], name);
                let line = [0, before.channels, before.positions()];
                let line = self.reshaped(&format!("{name}/Reshape"), input, &line);
                let index = self.integers(name, "index", &[index]);
                if let Some(last) = self.initializers.last_mut() {
                    last.dims.clear();
                }
                let taken = vec![line.name, index];
                let attributes = attributes_of(&[("axis", Int(2))]);
                return Ok(self.push(name, "Gather", taken, attributes, true));
            }
            Op::Add | Op::Mul | Op::Concat => return Ok(self.joined(name, op, &inputs)),
            Op::ChannelSlice { start, end } => {
                let taken = self.slice_inputs(&inputs[0], name, [start, end, 1, 1]);
                return Ok(self.push(name, "Slice", taken, vec![], as_it_came));
            }
            Op::ChannelShuffle { groups } => {
                return Ok(self.shuffle(name, groups, before, &inputs[0]));
            }
            Op::PadShortcut { out_channels, stride } => {
                return Ok(self.pad_shortcut(name, before, (out_channels, stride), &inputs[0]));
            }
            Op::ZeroPad { padding: Padding { top, left, bottom, right } } => {
                let input = self.image(&inputs[0], name);
                let pads = [0, 0, top, left, 0, 0, bottom, right];
                let taken = vec![input, self.integers(name, "pads", &pads)];
                return Ok(self.push(name, "Pad", taken, vec![], false));
            }
            Op::Flatten => {
                let taken = vec![inputs[0].name.clone()];
                let attributes = attributes_of(&[("axis", Int(1))]);
                return Ok(self.push(name, "Flatten", taken, attributes, true));
            }
            Op::MaxPool(pool) => ("MaxPool".into(), pool_attributes(&pool)),
            Op::AveragePool(AveragePool { pool, counts_padding }) => {
                let mut attributes = pool_attributes(&pool);
                let counted = ("count_include_pad", Int(usize::from(counts_padding)));
                attributes.extend(attributes_of(&[counted]));
                ("AveragePool".into(), attributes)
            }
            Op::GlobalAveragePool => one("GlobalAveragePool", &[]),
            Op::AdaptiveAveragePool { size: [rows, columns] } => {
                let FeatureShape { height, width, .. } = before;
                if !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
                    return Err(unwritable(
                        "ONNX has no pool whose windows cut an image unevenly; choose images of another size",
                    ));
                }
                let size = [height / rows, width / columns];
                one("AveragePool", &[("kernel_shape", Ints(&size)), ("strides", Ints(&size))])
            }
            Op::Input => return Err(unwritable("it is a second input")),
        };
        let needs_image = matches!(
            op,
            Op::MaxPool(_)
                | Op::AveragePool(_)
                | Op::GlobalAveragePool
                | Op::AdaptiveAveragePool { .. }
        );
        let input = if needs_image { self.image(&inputs[0], name) } else { inputs[0].name.clone() };
        Ok(self.push(name, &operation, vec![input], attributes, as_it_came && !needs_image))
    }

    /// The last value as `[N, classes]`, under the output's name.
    fn end(&mut self) {
        let Some(last) = self.values.last().cloned() else { return };
        let flat = self.vector(&last, OUTPUT);
        if let Some(node) = self.nodes.iter_mut().find(|node| node.output == [flat.as_str()]) {
            node.output = vec![OUTPUT.into()];
        }
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.input) {
            if *input == flat {
                *input = OUTPUT.into();
            }
        }
    }

    fn push(
        &mut self,
        name: &str,
        operation: &str,
        input: Vec<String>,
        attribute: Vec<AttributeProto>,
        is_vector: bool,
    ) -> Written {
        // What a module is called may look like a name that is made here for another.
        let mut output = format!("{name}/output");
        while !self.names.insert(output.clone()) {
            output.push('_');
        }
        self.nodes.push(NodeProto {
            name: name.into(),
            op_type: operation.into(),
            input,
            output: vec![output.clone()],
            attribute,
            domain: String::new(),
        });
        Written { name: output, is_vector }
    }

    /// An initializer with a tensor of the network.
    fn tensor(&mut self, module: &str, tensor: &str) -> String {
        let name = tensor_name(module, tensor);
        self.initializers.push(new_tensor(&name, self.model.tensor(module, tensor)));
        name
    }

    /// An initializer with a tensor of the network in another shape.
    fn shaped_tensor(&mut self, module: &str, tensor: &str, shape: &[usize]) -> String {
        let name = self.tensor(module, tensor);
        if let Some(last) = self.initializers.last_mut() {
            last.dims = shape.iter().map(|&length| length as i64).collect();
        }
        name
    }

    /// An initializer with a matrix of the network, rows made columns.
    fn exchanged_tensor(&mut self, module: &str, tensor: &str) -> String {
        let name = tensor_name(module, tensor);
        let matrix = self.model.tensor(module, tensor);
        let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
        let values = HostTensor::vector(exchanged(matrix.values(), rows, columns));
        let dims = vec![columns as i64, rows as i64];
        self.initializers.push(TensorProto { dims, ..new_tensor(&name, &values) });
        name
    }

    fn scalar(&mut self, module: &str, what: &str, value: f64) -> String {
        let name = tensor_name(module, what);
        let tensor = new_tensor(&name, &HostTensor::vector(vec![value as f32]));
        self.initializers.push(TensorProto { dims: Vec::new(), ..tensor });
        name
    }

    fn integers(&mut self, module: &str, what: &str, values: &[usize]) -> String {
        let name = tensor_name(module, what);
        let bytes: Vec<u8> =
            values.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect();
        self.initializers.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: data_type::INT64,
            raw_data: bytes.into(),
            ..TensorProto::default()
        });
        name
    }

    /// A value as `[N, C, H, W]`.
    fn image(&mut self, value: &Written, module: &str) -> String {
        if !value.is_vector {
            return value.name.clone();
        }
        let axes = self.integers(module, "unsqueeze_axes", &[2, 3]);
        let name = format!("{module}/Unsqueeze");
        self.push(&name, "Unsqueeze", vec![value.name.clone(), axes], vec![], false).name
    }

    /// A value as `[N, F]`.
    fn vector(&mut self, value: &Written, module: &str) -> String {
        if value.is_vector {
            return value.name.clone();
        }
        let attributes = attributes_of(&[("axis", Given::Int(1))]);
        let name = format!("{module}/Flatten");
        self.push(&name, "Flatten", vec![value.name.clone()], attributes, true).name
    }

    fn conv(&mut self, name: &str, conv: Conv2d, input: &Written) -> Written {
        use Given::{Int, Ints};
        let mut taken = vec![self.image(input, name), self.tensor(name, "weight")];
        if conv.bias {
            taken.push(self.tensor(name, "bias"));
        }
        let Padding { top, left, bottom, right } = conv.padding;
        let attributes = attributes_of(&[
            ("kernel_shape", Ints(&conv.kernel)),
            ("strides", Ints(&conv.stride)),
            ("pads", Ints(&[top, left, bottom, right])),
            ("dilations", Ints(&conv.dilation)),
            ("group", Int(conv.groups)),
        ]);
        self.push(name, "Conv", taken, attributes, false)
    }

    fn linear(&mut self, name: &str, bias: bool, input: &Written) -> Written {
        let mut taken = vec![self.vector(input, name), self.tensor(name, "weight")];
        if bias {
            taken.push(self.tensor(name, "bias"));
        }
        self.push(name, "Gemm", taken, attributes_of(&[("transB", Given::Int(1))]), true)
    }

    /// A product with a matrix `[in, out]`, of channels that are last meanwhile.
    fn position_linear(&mut self, name: &str, bias: bool, input: &Written) -> Written {
        let image = Written { name: self.image(input, name), is_vector: false };
        let value = self.channels_last(name, &image);
        let weight = self.exchanged_tensor(name, "weight");
        let mut output = self.push(name, "MatMul", vec![value, weight], vec![], false);
        if bias {
            let taken = vec![output.name, self.tensor(name, "bias")];
            output = self.push(&format!("{name}/Add"), "Add", taken, vec![], false);
        }
        self.channels_second(name, output)
    }

    /// softmax(scale·qᵀk)v, step by step: `[batch, heads, channels of a head, positions]` each.
    fn attention(
        &mut self,
        node: &Node,
        (heads, scale): (usize, f64),
        queries: FeatureShape,
        inputs: &[Written],
    ) -> Written {
        let name = &node.name;
        let exchange = || attributes_of(&[("perm", Given::Ints(&[0, 1, 3, 2]))]);
        let mut of_heads = Vec::new();
        let parts = inputs.iter().zip(&node.inputs).zip(["queries", "keys", "values"]);
        for ((input, &id), part) in parts {
            let image = self.image(input, &format!("{name}/{part}"));
            let shape = self.model.graph().node(id).shape;
            let to = [0, heads, shape.channels / heads, shape.positions()];
            of_heads.push(self.reshaped(&format!("{name}/{part}/Reshape"), image, &to).name);
        }
        let turned = |this: &mut Self, part: &str, value: String| {
            let name = format!("{name}/{part}/Transpose");
            this.push(&name, "Transpose", vec![value], exchange(), false).name
        };
        let [of_queries, of_keys, of_values] = [0, 1, 2].map(|index| of_heads[index].clone());
        let of_queries = turned(self, "queries", of_queries);
        let of_values = turned(self, "values", of_values);
        let scale = self.scalar(name, "scale", scale);
        let scaled = format!("{name}/Mul");
        let scaled = self.push(&scaled, "Mul", vec![of_queries, scale], vec![], false).name;
        let products = format!("{name}/MatMul");
        let products = self.push(&products, "MatMul", vec![scaled, of_keys], vec![], false).name;
        let over_keys = attributes_of(&[("axis", Given::Int(3))]);
        let shares = format!("{name}/Softmax");
        let shares = self.push(&shares, "Softmax", vec![products], over_keys, false).name;
        let weighed = self.push(name, "MatMul", vec![shares, of_values], vec![], false).name;
        let back = turned(self, "output", weighed);
        let to = [0, node.shape.channels, queries.height, queries.width];
        self.reshaped(&format!("{name}/output/Reshape"), back, &to)
    }

    fn reshaped(&mut self, name: &str, value: String, to: &[usize]) -> Written {
        let shape = self.integers(name, "shape", to);
        self.push(name, "Reshape", vec![value, shape], vec![], false)
    }

    fn channels_last(&mut self, name: &str, image: &Written) -> String {
        let order = attributes_of(&[("perm", Given::Ints(&[0, 2, 3, 1]))]);
        let taken = vec![image.name.clone()];
        self.push(&format!("{name}/ChannelsLast"), "Transpose", taken, order, false).name
    }

    fn channels_second(&mut self, name: &str, value: Written) -> Written {
        let order = attributes_of(&[("perm", Given::Ints(&[0, 3, 1, 2]))]);
        self.push(&format!("{name}/ChannelsSecond"), "Transpose", vec![value.name], order, false)
    }

    fn layer_norm(&mut self, name: &str, epsilon: f64, input: &Written) -> Written {
        use Given::Float;
        let value = match input.is_vector {
            true => input.name.clone(),
            false => self.channels_last(name, input),
        };
        let taken = vec![value, self.tensor(name, "weight"), self.tensor(name, "bias")];
        let mut attributes = attributes_of(&[("epsilon", Float(epsilon))]);
        attributes.push(AttributeProto {
            name: "axis".into(),
            i: -1,
            r#type: attribute_type::INT,
            ..AttributeProto::default()
        });
        let normed = self.push(name, "LayerNormalization", taken, attributes, input.is_vector);
        if input.is_vector {
            return normed;
        }
        self.channels_second(name, normed)
    }

    fn channel_affine(&mut self, name: &str, channels: usize, input: &Written) -> Written {
        let shape: &[usize] = if input.is_vector { &[channels] } else { &[channels, 1, 1] };
        let scale = self.shaped_tensor(name, "weight", shape);
        let scaled =
            self.push(name, "Mul", vec![input.name.clone(), scale], vec![], input.is_vector);
        let shift = self.shaped_tensor(name, "bias", shape);
        let sum = format!("{name}/Add");
        self.push(&sum, "Add", vec![scaled.name, shift], vec![], input.is_vector)
    }

    fn clip(&mut self, name: &str, low: f64, high: f64, input: &Written) -> Written {
        let most = f64::from(f32::MAX);
        let mut taken = vec![input.name.clone()];
        taken.push(if low > -most { self.scalar(name, "low", low) } else { String::new() });
        if high < most {
            taken.push(self.scalar(name, "high", high));
        }
        self.push(name, "Clip", taken, vec![], input.is_vector)
    }

    fn joined(&mut self, name: &str, op: Op, inputs: &[Written]) -> Written {
        let is_vector = inputs.iter().all(|input| input.is_vector);
        let mut taken = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            taken.push(match is_vector {
                true => input.name.clone(),
                false => self.image(input, &format!("{name}/{index}")),
            });
        }
        let (operation, attributes) = match op {
            Op::Add => ("Add", vec![]),
            Op::Mul => ("Mul", vec![]),
            _ => ("Concat", attributes_of(&[("axis", Given::Int(1))])),
        };
        self.push(name, operation, taken, attributes, is_vector)
    }

    /// What a slice of channels takes: from the first to before the last, along dimension 1.
    fn slice_inputs(
        &mut self,
        input: &Written,
        name: &str,
        [start, end, axis, step]: [usize; 4],
    ) -> Vec<String> {
        let mut taken = vec![input.name.clone()];
        for (what, value) in [("start", start), ("end", end), ("axis", axis), ("step", step)] {
            taken.push(self.integers(name, what, &[value]));
        }
        taken
    }

    fn shuffle(
        &mut self,
        name: &str,
        groups: usize,
        before: FeatureShape,
        input: &Written,
    ) -> Written {
        let FeatureShape { channels, height, width } = before;
        let image = self.image(input, name);
        // 0 stays as it is: however many images there are.
        let apart = [0, groups, channels / groups, height, width];
        let apart = self.integers(name, "apart", &apart);
        let first = format!("{name}/Apart");
        let grouped = self.push(&first, "Reshape", vec![image, apart], vec![], false);
        let order = attributes_of(&[("perm", Given::Ints(&[0, 2, 1, 3, 4]))]);
        let second = format!("{name}/Exchange");
        let exchanged = self.push(&second, "Transpose", vec![grouped.name], order, false);
        let together = self.integers(name, "together", &[0, channels, height, width]);
        self.push(name, "Reshape", vec![exchanged.name, together], vec![], false)
    }

    fn pad_shortcut(
        &mut self,
        name: &str,
        before: FeatureShape,
        (out_channels, stride): (usize, usize),
        input: &Written,
    ) -> Written {
        let FeatureShape { channels, height, width } = before;
        let mut value = Written { name: self.image(input, name), is_vector: false };
        let pads_channels = out_channels > channels;
        if stride > 1 {
            let mut taken = vec![value.name.clone()];
            let lists = [
                ("starts", [0, 0]),
                ("ends", [height, width]),
                ("axes", [2, 3]),
                ("steps", [stride; 2]),
            ];
            for (what, values) in lists {
                taken.push(self.integers(name, what, &values));
            }
            value = self.push(name, "Slice", taken, vec![], false);
        }
        if !pads_channels {
            return value;
        }
        let zeros = out_channels - channels;
        let pads = [0, zeros / 2, 0, 0, 0, zeros - zeros / 2, 0, 0];
        let pads = self.integers(name, "pads", &pads);
        let last = if stride > 1 { format!("{name}/Pad") } else { name.to_owned() };
        self.push(&last, "Pad", vec![value.name, pads], vec![], false)
    }
}

fn pool_attributes(pool: &Pool) -> Vec<AttributeProto> {
    use Given::{Int, Ints};
    let Padding { top, left, bottom, right } = pool.padding;
    attributes_of(&[
        ("kernel_shape", Ints(&pool.size)),
        ("strides", Ints(&pool.stride)),
        ("pads", Ints(&[top, left, bottom, right])),
        ("ceil_mode", Int(usize::from(pool.ceil))),
    ])
}

fn attributes_of(given: &[(&str, Given<'_>)]) -> Vec<AttributeProto> {
    let attribute = |(name, given): &(&str, Given<'_>)| {
        let attribute = AttributeProto { name: (*name).into(), ..AttributeProto::default() };
        match given {
            Given::Int(value) => {
                AttributeProto { i: *value as i64, r#type: attribute_type::INT, ..attribute }
            }
            Given::Float(value) => {
                AttributeProto { f: *value as f32, r#type: attribute_type::FLOAT, ..attribute }
            }
            Given::Ints(values) => AttributeProto {
                ints: values.iter().map(|&value| value as i64).collect(),
                r#type: attribute_type::INTS,
                ..attribute
            },
        }
    };
    given.iter().map(attribute).collect()
}
